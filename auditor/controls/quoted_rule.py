"""Quote the rule of a packet filter that decided, from the section that it stands in."""

from auditor.model.case import Case
from auditor.model.reading import QUOTE_LENGTH
from auditor.model.sighting import Quote

_IPTABLES = {
    "iptables": ("firewall.iptables_legacy", "firewall.iptables_nft"),
    "ip6tables": ("firewall.ip6tables_legacy", "firewall.iptables_nft"),
}
_NFT = "firewall.nft"
_WINDOWS = "firewall.windows"

_PF = "firewall.pf"
_APPLICATION = ("application firewall: ", "firewall.application")
_STORES = {"local": "local setting", "mdm": "set by MDM", "group_policy": "set by group policy"}
_KEYS = {
    "domain": ("DomainProfile",),
    "private": ("StandardProfile", "PrivateProfile"),
    "public": ("PublicProfile",),
}


def rule_quote(case: Case, rule: str) -> tuple[Quote, ...]:
    """Return the quote of a rule; nothing where no section holds it (a fact of binding or routing decided).

    iptables-save holds a rule word for word. nft's JSON holds it as data, which is quoted in nft's own words.
    """
    tool, _, rest = rule.partition(" ")
    if tool == "windows":
        return _windows_quote(case, rest)
    if tool == "pf":
        return _line_quote(case, _PF, rest.partition(": ")[2])
    if rule.startswith(_APPLICATION[0]):
        return _line_quote(case, _APPLICATION[1], rule.removeprefix(_APPLICATION[0]).partition(", and ")[0])
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


def _windows_quote(case: Case, rest: str) -> tuple[Quote, ...]:
    """Quote the registry value: a rule by its id, or a profile's setting by what it says; a default stands nowhere."""
    section = case.reading.sections.get(_WINDOWS)
    head, _, said = rest.partition(": ")
    for line in () if section is None else section.lines:
        kind, *fields = line.split("\t")
        if len(fields) != {"rule": 3, "value": 4}.get(kind):
            continue
        if kind == "rule" and f" rule {fields[1]}: {fields[2]}" in rest:
            return (Quote(section=_WINDOWS, quote=line[:QUOTE_LENGTH]),)
        is_setting = kind == "value" and said.startswith(f"{fields[2]}={fields[3]} ({_STORES.get(fields[0])}")
        if is_setting and head.endswith(" profile") and fields[1] in _KEYS.get(head.split(" ")[0], ()):
            return (Quote(section=_WINDOWS, quote=line[:QUOTE_LENGTH]),)
    return ()


def _line_quote(case: Case, name: str, said: str) -> tuple[Quote, ...]:
    """Quote the line of a listing that a rule is, or the program that it begins with; a default stands nowhere."""
    section = case.reading.sections.get(name)
    for line in () if section is None or not said else section.lines:
        text = " ".join(line.split())
        is_program = name == _APPLICATION[1] and text.partition(": ")[2] == said.partition(" (")[0] and "/" in text
        if text and (f"{said}, ".startswith(f"{text.removesuffix(' {')}, ") or is_program):
            return (Quote(section=name, quote=line.strip()[:QUOTE_LENGTH]),)
    return ()


def _without_counters(line: str) -> str:
    return line.partition("] ")[2] if line.startswith("[") else line
