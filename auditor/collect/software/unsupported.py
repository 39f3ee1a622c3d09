"""Package managers that this version does not read: where one is there, what it installed is not known."""

from auditor.collect.collector import Collector, fields, take_lines
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Where each keeps what it installed, as its manual says. A file of the list that is there costs its name a line.
_PLACES = {
    "/nix/var/nix/db": "Nix",
    "/var/guix/db": "Guix",
    "/var/db/xbps": "XBPS (Void Linux)",
    "/var/lib/pkgtools/packages": "pkgtools (Slackware)",
    "/var/log/packages": "pkgtools (Slackware)",
    "/var/lib/eopkg/package": "eopkg (Solus)",
    "/var/lib/pkg/db": "pkgutils (CRUX)",
    "/usr/share/clear/bundles": "swupd (Clear Linux)",
    "/home/linuxbrew/.linuxbrew/Cellar": "Homebrew",
}
_QUICK = f"""
found=
for place in {" ".join(_PLACES)}; do
    [ -e "$place" ] || continue
    found=1
    printf 'place\\t%s\\n' "$place"
done
[ -n "$found" ] || {{ absent "no package manager is here that this version knows of and does not read"; return; }}
"""


def _parse(text: str) -> Parsed:
    """Read the package managers whose places are there, and say that what they installed is missing."""
    found: dict[str, tuple[int, Software]] = {}
    strange: list[Unread] = []

    def take(number: int, line: str) -> None:
        word, place = fields(line, 2)
        if word != "place" or place not in _PLACES or place in found:
            message = "not a place of a package manager, or one that is named again"
            raise ValueError(message)
        software = Software(name=_PLACES[place], version="", source="software.unsupported", location=place)
        found[place] = (number, software)

    take_lines(text, take, strange)
    names = ", ".join(f"{software.name} ({place})" for place, (_, software) in found.items())
    missing = f"this version does not read what {names} installed" if names else None
    return Parsed(facts=tuple(found.values()), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="software.unsupported",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Use a version of the auditor that reads this host's package managers, or look there by hand.",
    holds_secrets=False,
)
