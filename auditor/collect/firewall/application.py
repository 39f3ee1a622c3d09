"""The application firewall of macOS: whether it is on, what it lets in by itself, and the programs it lists.

It is asked by its own tool: the property list that held its settings is gone since macOS 15 (support.apple.com, "What's
new for enterprise in macOS Sequoia").
"""

from auditor.collect.collector import Collector, take_lines
from auditor.firewall.dialects.macos_application_text import ApplicationListing
from auditor.model.evidence import Unread
from auditor.model.facts.firewall import ApplicationRule, Engine, FirewallFrontend, FirewallListing
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_MACOS = r"""
[ -x /usr/libexec/ApplicationFirewall/socketfilterfw ] || failed "socketfilterfw is not where macOS has it"
for question in globalstate blockall allowsigned stealthmode; do
    printf '# %s\n' "$question"
    /usr/libexec/ApplicationFirewall/socketfilterfw "--get$question" ||
        failed "socketfilterfw did not answer --get$question"
done
printf '# listapps\n'
/usr/libexec/ApplicationFirewall/socketfilterfw --listapps || failed "socketfilterfw did not list its programs"
printf '# asked\n'
"""
_STATE_LINE = 2


def _parse(text: str) -> Parsed:
    """Read what the tool said: its state, and the programs that it lists."""
    listing = ApplicationListing()
    strange: list[Unread] = []
    found: list[tuple[int, ApplicationRule]] = []

    def take(number: int, line: str) -> None:
        app = listing.take(line) if line.strip() else None
        if app is not None:
            found.append((number, ApplicationRule(path=app[0], allows_incoming=app[1])))

    take_lines(text, take, strange)
    facts: list[tuple[int, object]] = list(found)
    if listing.state is not None:
        is_on = listing.state != "off"
        loaded = FirewallListing(
            engine=Engine.MACOS_APPLICATION,
            family="any",
            section="firewall.application",
            hooks=int(is_on),
            rules=len(found),
            drops_by_default=is_on and not listing.allows.get("developer", True),
        )
        front = FirewallFrontend(
            name="application firewall", is_enabled=is_on, detail=listing.said.get("globalstate", "")
        )
        facts = [(_STATE_LINE, loaded), (_STATE_LINE, front), *facts]
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=listing.missing or None)


PLUGIN = Collector(
    id="firewall.application",
    facts=(FirewallListing, FirewallFrontend, ApplicationRule),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Run the audit with sudo on a macOS whose socketfilterfw answers.",
    holds_secrets=False,
)
