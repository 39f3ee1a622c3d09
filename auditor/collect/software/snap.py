"""Software installed by snapd: Ubuntu's snaps.

snapd's own files are read: ``snap list`` asks a daemon and hangs where there is none.
"""

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Each revision is a file NAME_REVISION.snap, which snapd deletes with the revision (snap(8), "revisions"), and is
# mounted at NAME/REVISION below /snap, or below /var/lib/snapd/snap (Fedora, Arch). `current` names the one in use;
# a disabled snap has none. The version stands in meta/snap.yaml of the mounted revision: a file system that is only
# read and that snapd has checked.
_QUICK = r"""
[ -d /var/lib/snapd ] || [ -d /snap ] || { absent "there is no snapd: neither /var/lib/snapd nor /snap"; return; }
if [ -d /var/lib/snapd/snaps ] && ! { [ -r /var/lib/snapd/snaps ] && [ -x /var/lib/snapd/snaps ]; }; then
    denied "/var/lib/snapd/snaps cannot be read"
    return
fi
found='' files=''
for file in /var/lib/snapd/snaps/*.snap; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    found=1
    printf 'file\t%s\n' "${file##*/}"
done
for dir in /snap /var/lib/snapd/snap; do
    if [ "$dir" != /snap ] && [ "$dir" -ef /snap ]; then continue; fi
    for place in "$dir"/*/*/meta/snap.yaml; do
        revision=${place%/meta/snap.yaml}
        [ -L "$revision" ] && continue
        [ -f "$place" ] && [ ! -L "$place" ] || continue
        found=1
        files=$files$tab$place
        [ "$revision" -ef "${revision%/*}/current" ] && printf 'current\t%s\n' "$revision"
    done
done
[ -z "$files" ] || scan_listed "$files"
[ -n "$found" ] || absent "snapd has no snap: none in /var/lib/snapd/snaps, none mounted"
"""
_AWK = r"""
function software_snap(    at, line, version) {
    for (at = 2; at <= paths; at++) {
        version = ""
        while ((getline line < path[at]) > 0)
            if (version == "" && substr(line, 1, 8) == "version:") version = substr(line, 9)
        close(path[at])
        gsub(/\t/, " ", version)
        put("version\t" substr(path[at], 1, length(path[at]) - 15) "\t" version)
    }
}
"""
_SUFFIX = ".snap"


def _parse(text: str) -> Parsed:
    """Read one snap for each name: the revision in use, else the highest."""
    revisions: dict[str, dict[str, int]] = {}
    versions: dict[tuple[str, str], str] = {}
    current: dict[str, str] = {}
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            name, revision = _take(line, versions, current)
        except ValueError as error:
            strange.append(unread(number, line, error))
            continue
        revisions.setdefault(name, {}).setdefault(revision, number)
    facts = []
    for name, known in revisions.items():
        used = current.get(name) or max(known, key=_age)
        facts.append(
            (
                known[used],
                Software(
                    name=name,
                    version=versions.get((name, used), ""),
                    source="software.snap",
                    identifier=f"{name}_{used}",
                    # Revisions that the store did not give begin with x.
                    origin="local file" if used.startswith("x") else "store",
                ),
            )
        )
    return Parsed(facts=tuple(sorted(facts, key=lambda fact: fact[0])), unread=tuple(strange))


def _take(line: str, versions: dict[tuple[str, str], str], current: dict[str, str]) -> tuple[str, str]:
    """Remember what one line says, and return the snap and the revision that it names."""
    kind, _, rest = line.partition("\t")
    if kind == "file":
        (file,) = fields(rest, 1)
        name, separator, revision = file.removesuffix(_SUFFIX).rpartition("_")
        if not file.endswith(_SUFFIX) or not separator:
            message = "the file's name is not NAME_REVISION.snap"
            raise ValueError(message)
    elif kind == "current":
        name, revision = _place(*fields(rest, 1))
        current[name] = revision
    elif kind == "version":
        place, version = fields(rest, 2)
        name, revision = _place(place)
        versions[name, revision] = version.strip().strip("'\"")
    else:
        message = f"unknown kind {kind[:20]!r}"
        raise ValueError(message)
    if not name or not revision:
        message = "no name, or no revision"
        raise ValueError(message)
    return name, revision


def _place(path: str) -> tuple[str, str]:
    folder, _, revision = path.rpartition("/")
    return folder.rpartition("/")[2], revision


def _age(revision: str) -> tuple[bool, int, str]:
    digits = revision.removeprefix("x")
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= len("4294967295") else -1
    return not revision.startswith("x"), number, revision


PLUGIN = Collector(
    id="software.snap",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Make /var/lib/snapd/snaps readable for everyone, as snapd ships it, and install awk.",
    holds_secrets=False,
)
