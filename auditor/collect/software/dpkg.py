"""Software installed by dpkg: Debian, Ubuntu and their children."""

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.software import InstallState, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The database itself, not dpkg-query: a third of its cost on the host, and there even where the tool is not.
# `updates/` holds what dpkg has not yet merged into `status`; `status.d/` is the database of images without dpkg.
# Continuation lines begin with a space, so no description can look like a field.
_LINUX = r"""
database=/var/lib/dpkg
[ -e "$database/status" ] || [ -d "$database/status.d" ] || absent "there is no dpkg database in $database"
set --
for file in "$database"/status "$database"/status.d/* "$database"/updates/[0-9]*; do
    case $file in *.md5sums) continue ;; esac
    [ -f "$file" ] || continue
    [ -r "$file" ] || denied "$file cannot be read"
    set -- "$@" "$file"
done
[ $# -gt 0 ] || exit 0
need awk
exec awk '
    function put() {
        if (state name version architecture != "") print state "\t" name "\t" version "\t" architecture
        state = name = version = architecture = ""
    }
    FNR == 1 || /^$/ { put() }
    /^Package: / { name = $2 }
    /^Status: / { state = $4 }
    /^Version: / { version = $2 }
    /^Architecture: / { architecture = $2 }
    END { put() }
' "$@"
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


def _parse(text: str) -> Parsed:
    """Read one package a line; of two lines for one package and architecture the later is the newer."""
    found: dict[tuple[str, str], tuple[int, Software]] = {}
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            state, name, version, architecture = fields(line, 4)
            if state not in _STATES:
                strange.append(unread(number, line, f"unknown state {state!r}"))
                continue
            if not name:
                strange.append(unread(number, line, "a package without a name"))
                continue
        except ValueError as error:
            strange.append(unread(number, line, error))
            continue
        installed = _STATES[state]
        if installed is None:
            found.pop((name, architecture), None)
            continue
        found[name, architecture] = (
            number,
            Software(name=name, version=version, architecture=architecture, source="software.dpkg", state=installed),
        )
    return Parsed(facts=tuple(found.values()), unread=tuple(strange))


PLUGIN = Collector(
    id="software.dpkg",
    facts=(Software,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Make /var/lib/dpkg/status readable for everyone, as Debian ships it, and install awk.",
    holds_secrets=False,
)
