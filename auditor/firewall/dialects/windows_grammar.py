"""Rules of the Windows firewall as the registry holds them: ``v2.31|Action=Allow|Active=TRUE|Dir=In|…|``.

The grammar is MS-GPFAS 2.2.2 (learn.microsoft.com/openspecs/windows_protocols/ms-gpfas); later versions of Windows
write keys that it does not name. What is not known is kept, and makes a rule one that is understood in part.
"""

from typing import TypeVar

from auditor.model.facts.firewall import WindowsFirewallRule

T = TypeVar("T")
_ACTIONS = {"": "", "allow": "allow", "block": "block", "bypass": "bypass"}
_DIRECTIONS = {"in": True, "out": False}
_PROFILES = ("domain", "private", "public")
_SWITCHES = {"true": True, "false": False}
_ANY_PROTOCOL, _MOST = 256, 255
_DIGITS = 3

LISTS = {
    "LPort": "local_ports", "LPort2_10": "local_ports", "LPort2_20": "local_ports", "LPort2_24": "local_ports",
    "LPort2_25": "local_ports", "LPort2_29": "local_ports",
    "RPort": "remote_ports", "RPort2_10": "remote_ports", "RPort2_25": "remote_ports", "RPort2_28": "remote_ports",
    "LA4": "local_addresses", "LA6": "local_addresses",
    "RA4": "remote_addresses", "RA6": "remote_addresses", "RA42": "remote_addresses", "RA62": "remote_addresses",
    "IF": "interfaces", "IFType": "interface_types",
}  # fmt: skip
"""Keys that may stand several times, each adding to what may match, with the field of the fact that they fill."""
_WITH_KEY = {
    "AppPkgId": "packages", "PFN": "packages",
    "Security": "security", "Security2_9": "security", "Security2": "security", "RMAuth": "security",
    "RMauth": "security", "RUAuth": "security", "AuthByPassOut": "security",
    "LUAuth": "users", "LUAuth2_24": "users", "LUOwn": "users",
    "TTK": "conditions", "TTK2_22": "conditions", "TTK2_27": "conditions", "TTK2_28": "conditions",
    "LOM": "conditions", "NNm": "conditions", "SecurityRealmId": "conditions", "Platform": "conditions",
    "Platform2": "conditions", "SkipVer": "conditions",
}  # fmt: skip
_SAYS_NOTHING = frozenset(("Name", "Desc", "EmbedCtxt", "Edge", "Defer", "LSM", "PCross", "PCROSS"))
"""Keys that do not bear on which first packets match: names, what is let through a tunnel as well, and from where
answers may come (MS-FASP 2.2.35, LOOSE_SOURCE_MAPPED and ALLOW_PROFILE_CROSSING)."""
_SWITCHED = frozenset(("LOM", "AuthByPassOut"))
"""Keys that say nothing where they are FALSE, which is their default."""
_NEWEST, _OLDEST = (2, 33), (2, 0)
"""Versions that rules are known to have: one beyond those is a rule that a host may ignore (MS-FASP 2.2.25)."""
HARDENING = ("hardening_static", "hardening", "appcontainer")
"""Stores whose rules Windows itself makes; in them Active is left out, and they are in force."""
_ICMP = {"ICMP4": 1, "ICMP6": 58}
"""Keys of messages, by the protocol that they stand beside."""
_ONCE = frozenset(("Action", "Active", "Dir", "Protocol", "App", "Svc"))


def parse_rule(store: str, name: str, text: str) -> WindowsFirewallRule:
    """Read one rule; ValueError for a text that has not even the form of one."""
    version, *fields = text.split("|")
    if not is_version(version) or not any(fields):
        message = "no rule: it does not begin with a version and a field"
        raise ValueError(message)
    once: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    unread: list[str] = [] if _OLDEST <= version_of(version[1:]) <= _NEWEST else [version]
    # The last field is ended by a bar, too; what comes after it was cut off.
    if fields[-1]:
        unread.append(f"{fields[-1]} (the text ends within it)")
    for field in fields[:-1]:
        key, equals, value = field.partition("=")
        if key in _ICMP and value and f"Protocol={_ICMP[key]}" in fields:
            lists.setdefault("icmp", []).append(value)
        elif key in LISTS and value:
            lists.setdefault(LISTS[key], []).append(_with_family(key, value))
        elif key == "Profile" and value.lower() in _PROFILES:
            lists.setdefault("profiles", []).append(value.lower())
        elif key in _SWITCHED and value.lower() == "false":
            continue
        elif key in _WITH_KEY and value:
            lists.setdefault(_WITH_KEY[key], []).append(field)
        elif equals and (key in _SAYS_NOTHING or (key in _ONCE and key not in once and value)):
            once.setdefault(key, value)
        else:
            unread.append(field)
    return WindowsFirewallRule(
        name=name,
        display_name=once.get("Name", ""),
        store=store,
        is_active=_is_active(store, once, unread),
        is_inbound=_word(once, "Dir", _DIRECTIONS, "in", unread),
        action=_word(once, "Action", _ACTIONS, "", unread),
        version=version[1:],
        protocol=_protocol(once, unread),
        program=once.get("App"),
        service=once.get("Svc"),
        crosses_edge=once.get("Edge", "").lower() == "true" and "Defer" not in once,
        unread=tuple(unread),
        **{field: tuple(values) for field, values in lists.items()},
    )


def _is_active(store: str, once: dict[str, str], unread: list[str]) -> bool:
    """Tell whether a rule is switched on: where it does not say so it is not (MS-GPFAS 2.2.2.19, Active)."""
    if "Active" not in once and store not in HARDENING:
        return False
    return _word(once, "Active", _SWITCHES, "true", unread)


def version_of(text: str) -> tuple[int, int]:
    """Return a version as numbers."""
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def is_version(text: str) -> bool:
    """Tell whether a text is the version that a rule begins with."""
    major, dot, minor = text[1:].partition(".")
    is_short = len(major) <= _DIGITS and len(minor) <= _DIGITS
    return text[:1] in ("v", "V") and bool(dot) and text.isascii() and major.isdigit() and minor.isdigit() and is_short


def _with_family(key: str, value: str) -> str:
    """Return a value of a list; a keyword for addresses gets its family, as PowerShell writes it: ``LocalSubnet4``."""
    is_address = key[1:2] == "A"
    if not is_address or value[0].isdigit() or ":" in value:
        return value
    return f"{value}{key[2]}"


def _word(once: dict[str, str], key: str, known: dict[str, T], default: str, unread: list[str]) -> T:
    """Return what the word of a key stands for; where it has none, what another does, and that it has none."""
    value = once.get(key)
    if not value or value.lower() not in known:
        unread.append(f"{key}={value or ''}")
        return known[default]
    return known[value.lower()]


def _protocol(once: dict[str, str], unread: list[str]) -> int | None:
    text = once.get("Protocol")
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)):
        number = int(text)
        if number <= _MOST:
            return number
        if number == _ANY_PROTOCOL:
            return None
    unread.append(f"Protocol={text}")
    return None
