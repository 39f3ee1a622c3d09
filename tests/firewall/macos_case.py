"""A host with pf and the application firewall as the vectors write it, and the question that is asked about it."""

from pathlib import Path
from typing import Any

import yaml

from tests.firewall.documented import packet_of

VECTORS = Path(__file__).parent
ADDRESSES = {
    "lo": ["127.0.0.1/8", "::1/128", "fe80::1/64"],
    "en0": ["192.0.2.10/24", "2001:db8::10/64", "fe80::10/64"],
    "en1": ["10.20.0.5/24"],
}
VNC = {"program": "/Applications/VNC Server.app/Contents/MacOS/VNC Server", "signer": "TEAMID1234"}


def vectors(name: str) -> list[dict[str, Any]]:
    """Return the cases of a file."""
    loaded: list[dict[str, Any]] = yaml.safe_load((VECTORS / name).read_text())
    return loaded


def _lines(text: Any) -> list[str]:
    return text.splitlines() if isinstance(text, str) else list(text)


def pf_section(case: dict[str, Any]) -> str:
    """Write the section of pf: rules and translations of the main ruleset and of anchors, and tables."""
    if case.get("status", "Enabled") != "Enabled":
        return f"# status\t{case['status']}\n# asked\n"
    made = ["# status\tEnabled", "# interfaces", "ALL", *case.get("interfaces", ["en0", "en1", "lo0"])]
    rules = {"": case.get("rules", []), **case.get("anchors", {})}
    nat = {"": case.get("nat", []), **case.get("nat_anchors", {})}
    for path in dict.fromkeys((*rules, *nat)):
        made += [f"# rules\t{path}", *_lines(rules.get(path, []))]
        made += [f"# nat\t{path}", *_lines(nat.get(path, []))]
        for name, entries in case.get("tables", {}).items():
            anchor, _, table = name.rpartition(":")
            if anchor == path:
                made += [f"# table\t{path}\t{table}", *(f"   {one}" for one in entries)]
    return "\n".join((*made, "# asked")) + "\n"


def application_section(given: dict[str, Any]) -> str:
    """Write the section of the application firewall in the words of macOS 15, or in those of a case."""
    state = given.get("state", 1)
    said = {0: "Firewall is disabled. (State = 0)", 1: "Firewall is enabled. (State = 1)",
            2: "Firewall is blocking all non-essential incoming connections. (State = 2)"}  # fmt: skip
    word = {True: "enabled", False: "disabled"}
    apps = given.get("apps", {})
    made = [
        "# globalstate", given.get("said", said[state]),
        "# blockall", f"Firewall has block all state set to {word[given.get('block_all', False)]}.",
        "# allowsigned",
        f"Automatically allow built-in signed software {word[given.get('system', False)].upper()}.",
        f"Automatically allow downloaded signed software {word[given.get('developer', False)].upper()}.",
        "# stealthmode", f"Firewall stealth mode is {'on' if given.get('stealth', True) else 'off'}",
        "# listapps", f"Total number of apps = {len(apps)} ",
    ]  # fmt: skip
    for number, (path, allows) in enumerate(apps.items(), 1):
        made += [f"{number} : {path} ", f"             ({'Allow' if allows else 'Block'} incoming connections) "]
    return "\n".join((*made, "# asked")) + "\n"


def question(case: dict[str, Any]) -> dict[str, Any]:
    """Put a case's question as ``auditor firewall eval`` takes it."""
    packet = packet_of(case, interface="en0", here={"ip": "192.0.2.10", "ip6": "2001:db8::10"})
    packet.setdefault("ttl", 64)
    if packet["proto"] in ("tcp", "udp"):
        packet.setdefault("dport", 5900)
    has_pf = "application" not in case or "rules" in case or "nat" in case
    return {
        "id": case["id"],
        "format": "macos",
        **({"ruleset": pf_section(case)} if has_pf else {}),
        **({"application": application_section(case["application"])} if "application" in case else {}),
        "host": {
            "addresses": ADDRESSES if case.get("knows_addresses", True) else {},
            "ip_forward": case.get("forwards", False),
            "sysctl": {"route_localnet": 1},
        },
        "process": case.get("process", VNC),
        "packet": packet,
        **({"query": "sources"} if "sources" in case else {}),
    }
