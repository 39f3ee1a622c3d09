"""Packages installed by Portage: Gentoo and its children.

The database is a folder for each package, ``/var/db/pkg/CATEGORY/NAME-VERSION``, whose files say the rest (PMS,
"The VDB"; make.conf(5)). Its name is all that is needed; a file in it names the repository.
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.model.evidence import Proof
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily

_QUICK = r"""
[ -d /var/db/pkg ] || { absent "there is no Portage database in /var/db/pkg"; return; }
[ -r /var/db/pkg ] && [ -x /var/db/pkg ] || { denied "/var/db/pkg cannot be read"; return; }
set -- /var/db/pkg/*/*/
if [ -d "$1" ]; then scan "$@"; fi
"""
_AWK = r"""
function software_portage(    at, file, repository) {
    for (at = 2; at <= paths; at++) {
        file = path[at] "repository"
        repository = ""
        getline repository < file
        close(file)
        gsub(/\t/, " ", repository)
        put(path[at] "\t" repository)
    }
}
"""
_ROOT = "/var/db/pkg/"
# A package that is being put on the disk, or whose merge was interrupted (portage's dbapi).
_MERGING = "-MERGING-"


def _read(line: str) -> Software:
    """Read a folder and a repository."""
    folder, repository = fields(line, 2)
    category, slash, rest = folder.removeprefix(_ROOT).rstrip("/").partition("/")
    if not folder.startswith(_ROOT) or not slash or not category:
        message = "not a folder of a package"
        raise ValueError(message)
    name, version = _split(rest.removeprefix(_MERGING))
    return Software(name=f"{category}/{name}", version=version, source="software.portage", origin=repository or None)


def _split(text: str) -> tuple[str, str]:
    """Split ``tigervnc-1.13.1-r2``: the version begins behind the last hyphen but that of a revision (PMS 3.2)."""
    head, hyphen, last = text.rpartition("-")
    if hyphen and last[:1] == "r" and last[1:].isdigit():
        name, hyphen, version = head.rpartition("-")
        version = f"{version}-{last}"
    else:
        name, version = head, last
    if not hyphen or not name or not version[:1].isdigit():
        message = f"no version in {text[:80]!r}"
        raise ValueError(message)
    return name, version


PLUGIN = Collector(
    id="software.portage",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Make /var/db/pkg readable for everyone, as Gentoo ships it, and install awk.",
    holds_secrets=False,
)
