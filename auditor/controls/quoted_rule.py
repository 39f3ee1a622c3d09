"""Quote the rule of a packet filter that decided, from the section that it stands in."""

from auditor.model.case import Case
from auditor.model.reading import QUOTE_LENGTH
from auditor.model.sighting import Quote

_IPTABLES = {
    "iptables": ("firewall.iptables_legacy", "firewall.iptables_nft"),
    "ip6tables": ("firewall.ip6tables_legacy", "firewall.iptables_nft"),
}
_NFT = "firewall.nft"


def rule_quote(case: Case, rule: str) -> tuple[Quote, ...]:
    """Return the quote of a rule; nothing where no section holds it (a fact of binding or routing decided).

    iptables-save holds a rule word for word. nft's JSON holds it as data, which is quoted in nft's own words.
    """
    tool, _, rest = rule.partition(" ")
    names = _IPTABLES.get(tool, (_NFT,))
    said = rest.partition(": ")[2] if tool in _IPTABLES else rule
    for name in names:
        section = case.reading.sections.get(name)
        if section is None or not section.lines:
            continue
        if tool not in _IPTABLES:
            is_there = rule.partition(": ")[0].count(" ") >= len(("family", "table", "chain")) - 1
            return (Quote(section=name, quote=rule[:QUOTE_LENGTH]),) if is_there and ": " in rule else ()
        # What follows a rule (what else decided, under which port it is published) begins after a comma.
        line = next((line for line in section.lines if f"{said}, ".startswith(f"{_without_counters(line)}, ")), None)
        chain = said.rpartition(" of ")[2]
        line = line or next((line for line in section.lines if line.startswith(f":{chain} ")), None)
        if line is not None:
            return (Quote(section=name, quote=line[:QUOTE_LENGTH]),)
    return ()


def _without_counters(line: str) -> str:
    return line.partition("] ")[2] if line.startswith("[") else line
