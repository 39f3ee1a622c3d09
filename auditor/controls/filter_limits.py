"""What no listing of packet filters shows, for every control that rests on them."""

from auditor.model.host import OsFamily
from auditor.model.verdict import Limit

PERIMETER = Limit(
    id="perimeter",
    text="Firewalls between the host and its clients are not seen: reachability is judged at the host.",
)
UNREGISTERED = Limit(
    id="unregistered-filters",
    text="Rules that programs add to the Windows firewall until its service starts anew, and filters of programs that "
    "are not registered with the Security Center, stand in no registry and are not seen: they may open or close more "
    "than the rules say.",
    systems=(OsFamily.WINDOWS,),
)
EXTENSIONS = Limit(
    id="filter-extensions",
    text="Filters of other makers that run as network extensions of macOS stand in no listing of pf or the application "
    "firewall and are not seen: they may close more than the rules say.",
    systems=(OsFamily.MACOS,),
)
"""docs/firewall.md says why, of both."""
