"""Software installed by dpkg: Debian, Ubuntu and their children."""

from collections.abc import Sequence
from functools import lru_cache

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.software import InstallState, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The database itself, not dpkg-query: a third of its cost on the host, and there even where the tool is not.
# `updates/` holds what dpkg has not yet merged into `status`; `status.d/` is the database of images without dpkg.
# Continuation lines begin with a space, so no description can look like a field.
_QUICK = r"""
database=/var/lib/dpkg
[ -e "$database/status" ] || [ -d "$database/status.d" ] || {
    absent "there is no dpkg database in $database"
    return
}
set --
for file in "$database"/status "$database"/status.d/* "$database"/updates/[0-9]*; do
    case $file in *.md5sums) continue ;; esac
    [ -f "$file" ] || continue
    [ -r "$file" ] || { denied "$file cannot be read"; return; }
    set -- "$@" "$file"
done
[ $# = 0 ] || scan "$@"
"""
# A record is a paragraph: a line at a time would be thirty times as many reads.
_AWK = r"""
function software_dpkg(    at, text, got) {
    RS = ""
    for (at = 2; at <= paths; at++) {
        while ((got = (getline text < path[at])) > 0) software_dpkg_put("\n" text)
        close(path[at])
        if (got < 0) print "@outcome partial " path[at] " cannot be read"
    }
    RS = "\n"
}
function software_dpkg_put(text,    state, row) {
    state = software_dpkg_field(text, "\nStatus: ")
    sub(/ +$/, "", state)
    sub(/^.* /, "", state)
    row = "\t" software_dpkg_field(text, "\nPackage: ") "\t" software_dpkg_field(text, "\nVersion: ") \
        "\t" software_dpkg_field(text, "\nArchitecture: ")
    if (state row != "\t\t\t") put(state row)
}
function software_dpkg_field(text, name,    at) {
    at = index(text, name)
    if (!at) return ""
    text = substr(text, at + length(name))
    at = index(text, "\n")
    return at ? substr(text, 1, at - 1) : text
}
"""

_STATES = {
    # An image without dpkg lists only what is there, and says no state.
    "": InstallState.INSTALLED,
    "installed": InstallState.INSTALLED,
    "config-files": InstallState.CONFIG_FILES,
    # On the way in or out: files are on the disk.
    "half-installed": InstallState.INSTALLED,
    "unpacked": InstallState.INSTALLED,
    "half-configured": InstallState.INSTALLED,
    "triggers-awaited": InstallState.INSTALLED,
    "triggers-awaiting": InstallState.INSTALLED,
    "triggers-pending": InstallState.INSTALLED,
    # Known to dpkg, nothing of it on the disk.
    "not-installed": None,
}


def _read(line: str) -> tuple[tuple[str, str], Software | None]:
    """Read one row: what the package is known by, and the package; None for one that is not on the disk."""
    state, name, version, architecture = fields(line, 4)
    if state not in _STATES:
        message = f"unknown state {state!r}"
        raise ValueError(message)
    if not name:
        message = "a package without a name"
        raise ValueError(message)
    installed = _STATES[state]
    if installed is None:
        return (name, architecture), None
    return (name, architecture), Software(
        name=name, version=version, architecture=architecture, source="software.dpkg", state=installed
    )


# Hosts of one fleet have most of their packages in common: a row is read once.
_KEPT_LENGTH = 256
_read_before = lru_cache(maxsize=16_384)(_read)


def _plainly(lines: Sequence[str]) -> tuple[tuple[int, Software], ...] | None:
    """Read lines as they nearly always are: short ones, of packages that are there, each told once; else None."""
    if not lines or len(max(lines, key=len)) >= _KEPT_LENGTH:
        return None
    try:
        keys, packages = zip(*map(_read_before, lines), strict=True)
    except ValueError:
        return None
    if not all(packages) or len(set(keys)) != len(keys):
        return None
    return tuple(enumerate(packages, 1))


def _parse(text: str) -> Parsed:
    """Read one package a line; of two lines for one package and architecture the later is the newer."""
    lines = lines_of(text)
    facts = _plainly(lines)
    if facts is not None:
        return Parsed(facts=facts)
    found: dict[tuple[str, str], tuple[int, Software]] = {}
    strange: list[Unread] = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            key, package = _read_before(line) if len(line) < _KEPT_LENGTH else _read(line)
        except ValueError as error:
            strange.append(unread(number, line, error))
            continue
        if package is None:
            found.pop(key, None)
        else:
            found[key] = (number, package)
    return Parsed(facts=tuple(found.values()), unread=tuple(strange))


PLUGIN = Collector(
    id="software.dpkg",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Make /var/lib/dpkg/status readable for everyone, as Debian ships it, and install awk.",
    holds_secrets=False,
)
