"""A host with a Windows firewall as the vectors write it, and the question that ``auditor firewall eval`` is asked."""

from pathlib import Path
from typing import Any

import yaml

from auditor.firewall.dialects.windows_text import KEYS, PARTS, SETTINGS_STORES, STORES
from tests.firewall.documented import packet_of

VECTORS = Path(__file__).with_name("windows_vectors.yml")
GUIDS = {"Ethernet": "{8BD0E0F4-9E44-4B7C-8C6B-000000000012}", "WLAN": "{8BD0E0F4-9E44-4B7C-8C6B-000000000007}"}
_INDEXES = {"Ethernet": 12, "WLAN": 7, "Teredo Tunneling Pseudo-Interface": 5}
_CATEGORIES = {"public": 0, "private": 1, "domain": 2}
_ADDRESSES = {
    "Ethernet": ["10.0.0.5/24", "2001:db8:1::5/64", "fe80::5/64"],
    "WLAN": ["192.168.7.5/24"],
    "Teredo Tunneling Pseudo-Interface": ["2001:0:53aa:64c::5/64"],
}
_SETTINGS = {key: {"EnableFirewall": 1} for key in ("DomainProfile", "StandardProfile", "PublicProfile")}
_VARIABLES = {"SystemRoot": r"C:\Windows", "ProgramFiles": r"C:\Program Files", "SystemDrive": "C:"}
VNC = {"program": r"C:\Program Files\TightVNC\tvnserver.exe", "services": []}


def vectors() -> list[dict[str, Any]]:
    """Return the cases of the file."""
    loaded: list[dict[str, Any]] = yaml.safe_load(VECTORS.read_text())
    return loaded


def listing(case: dict[str, Any]) -> str:
    """Write the section of a case's host."""
    rows: list[tuple[object, ...]] = []
    settings = {"local": _SETTINGS, **case.get("settings", {})}
    for store in SETTINGS_STORES:
        for key in KEYS:
            values = settings.get(store, {}).get(key)
            rows.append(("profile", store, key, "absent" if values is None else "present"))
            for name, value in (values or {}).items():
                is_inner = name == "inner"
                rows.append(
                    ("inner", store, key, *str(value).split("=")) if is_inner else ("value", store, key, name, value)
                )
    rules = case.get("rules", [])
    for store in STORES:
        mine = (rules if store == "local" else []) if isinstance(rules, list) else rules.get(store, [])
        rows += [("rule", store, f"{store}-{at}", text) for at, text in enumerate(mine)]
        rows.append(("store", store, len(mine), len(mine)))
    networks = case.get("networks", {"Ethernet": "public"})
    rows += [("network", _INDEXES[name], name, _CATEGORIES[profile]) for name, profile in networks.items()]
    rows += [("adapter", guid, name) for name, guid in GUIDS.items()]
    if case.get("teredo"):
        rows.append(("adapter", "{8BD0E0F4-9E44-4B7C-8C6B-000000000005}", "Teredo Tunneling Pseudo-Interface"))
    services = {"MpsSvc": "Running", "BFE": "Running", **case.get("state", {})}
    rows += [("service", name, state) for name, state in services.items()]
    rows += [("product", name, "266240") for name in case.get("products", [])]
    rows += [("iphttps", *row) for row in case.get("iphttps", [])]
    rows += [("asked", "iphttps")] if "iphttps" in case else []
    rows += [("sid", name, kind) for name, kind in case.get("sids", {"termservice": 1}).items()]
    rows += [("variable", name, value) for name, value in _VARIABLES.items()]
    rows += [("asked", part) for part in PARTS]
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def question(case: dict[str, Any]) -> dict[str, Any]:
    """Put a case's question as ``auditor firewall eval`` takes it."""
    packet = packet_of(case, interface="Ethernet", here={"ip": "10.0.0.5", "ip6": "2001:db8:1::5"})
    packet.setdefault("sport", 50_000)
    return {
        "id": case["id"],
        "format": "windows-firewall",
        "ruleset": listing(case),
        "host": {
            "addresses": _ADDRESSES if case.get("knows_addresses", True) else {},
            "kinds": case.get("kinds", {}),
        },
        "process": case.get("process", VNC),
        "packet": packet,
        **({"query": "sources"} if "sources" in case else {}),
    }
