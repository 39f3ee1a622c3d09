"""Packages installed by pacman: Arch Linux and its children.

The database is a folder for each package with a file ``desc`` (alpm-db(7), alpm-db-desc(5)), which is read without
pacman. Which repository a package came from is there only where the pacman writes it (``%INSTALLED_DB%``).
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.software.rows import day, named
from auditor.model.evidence import Proof
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily

# pacman.conf(5) may put the database elsewhere: DBPath, or below another RootDir.
_QUICK = r"""
database=/var/lib/pacman
place=
if [ -r /etc/pacman.conf ]; then
    while read -r line || [ -n "$line" ]; do
        case $line in DBPath*=* | RootDir*=*) ;; *) continue ;; esac
        value=${line#*=}
        value=${value#"${value%%[! "$tab"]*}"}
        case $line in
            DBPath*) place=${value%/} ;;
            *) database=${value%/}/var/lib/pacman ;;
        esac
    done </etc/pacman.conf
    database=${place:-$database}
elif [ -e /etc/pacman.conf ]; then
    partial "/etc/pacman.conf cannot be read: it may put the database elsewhere"
fi
[ -d "$database/local" ] || { absent "there is no pacman database in $database"; return; }
[ -r "$database/local" ] && [ -x "$database/local" ] || { denied "$database/local cannot be read"; return; }
set -- "$database"/local/*/
if [ -d "$1" ]; then scan "$@"; fi
"""
# A paragraph is `%KEY%` and its values, a line each. What is asked for stands at the head, so most of a file is not
# read; the name of the repository comes last. A folder whose file is gone or empty, which is what a crash leaves, is a
# row without a name.
_AWK = r"""
function software_pacman(    at) {
    RS = ""
    for (at = 2; at <= paths; at++) software_pacman_folder(path[at])
    RS = "\n"
}
function software_pacman_folder(folder,    file, text, key, value, found, end) {
    file = folder "desc"
    while ((getline text < file) > 0) {
        end = index(text, "\n")
        if (!end) continue
        key = substr(text, 1, end - 1)
        if (key !~ /^%(NAME|VERSION|ARCH|INSTALLDATE|PACKAGER|INSTALLED_DB)%$/) continue
        value = substr(text, end + 1)
        end = index(value, "\n")
        if (end) value = substr(value, 1, end - 1)
        gsub(/\t/, " ", value)
        found[key] = value
    }
    close(file)
    put(found["%NAME%"] "\t" found["%VERSION%"] "\t" found["%ARCH%"] "\t" found["%INSTALLDATE%"] "\t" \
        found["%INSTALLED_DB%"] "\t" found["%PACKAGER%"] "\t" (found["%NAME%"] == "" ? folder : ""))
}
"""


def _read(line: str) -> Software:
    """Read name, version, architecture, day, repository and packager; a folder stands where no name is in it."""
    name, version, architecture, seconds, repository, packager, folder = fields(line, 7)
    if folder:
        message = f"nothing in {folder[:120]!r} says which package it is"
        raise ValueError(message)
    named(name, version)
    return Software(
        name=name,
        version=version,
        architecture=architecture,
        source="software.pacman",
        # What makepkg(8) writes where nobody set one.
        publisher=None if packager == "Unknown Packager" else packager or None,
        installed_on=day(seconds),
        origin=repository or None,
    )


PLUGIN = Collector(
    id="software.pacman",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Make /var/lib/pacman/local readable for everyone, as Arch Linux ships it, and install awk.",
    holds_secrets=False,
)
