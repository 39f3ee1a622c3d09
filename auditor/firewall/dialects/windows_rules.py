"""A rule of the Windows firewall as conditions of the neutral ruleset; what is not understood becomes a doubt."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from auditor.firewall.dialects.values import TCP, UDP, network_interval
from auditor.model.facts.firewall import WindowsFirewallRule
from auditor.model.record import Record
from auditor.model.ruleset import Box, Doubt, Field, HeldBy, Keys, Match, OfKind, OnLink, Step, Trait, Truth

_LAST_PORT, _LAST_TYPE = 65_535, 255
_ANY_PORT, _ANY_TYPE = (0, _LAST_PORT), (0, _LAST_TYPE)
_EVERYWHERE = {4: network_interval("0.0.0.0/0"), 6: network_interval("::/0")}
_WITH_PORTS = (TCP, UDP)
# Ports that a keyword stands for at this moment are known to Windows alone (MS-FASP 2.2.14, PortsInUse). These two are
# fixed by their protocols: the endpoint mapper of RPC is on 135, and on 593 where it is offered over HTTP (MS-RPCE
# 2.1); multicast DNS is on 5353 (RFC 6762).
_PORT_WORDS: Mapping[str, tuple[tuple[int, Truth], ...]] = {
    "rpc-epmap": ((135, Truth.YES), (593, Truth.MAYBE)),
    "mdns": ((5353, Truth.YES),),
}
# What is not understood of these leaves the other conditions as they are.
_BOUND = ("Active=", "Dir=", "Action=", "Protocol=", "LPort", "RPort", "LA4", "LA6", "RA4", "RA6", "ICMP")
_LOCAL_SUBNET = {"localsubnet4": 4, "localsubnet6": 6}
_AND_LATER = "Platform2=GTEQ"
_WIN32_NT = 2
_LOWEST_SYSTEM = (6, 2)
"""Windows 8 and Server 2012: older ones cannot say which profile an interface is in, and are not judged."""
_NO_PATH = frozenset('/*?"<>')
"""What the path of a program does not hold (MS-FASP 2.2.37)."""


class Place(Record, kw_only=True):
    """What of the host a rule speaks of by other names."""

    adapters: Mapping[str, tuple[str, ...]]
    """Names of interfaces by their GUIDs in lower case."""
    variables: Mapping[str, str]
    """Variables of the environment by their names in lower case."""
    sids: Mapping[str, str]
    """``ServiceSidType`` of services by their names in lower case."""
    unused_words: frozenset[str] = frozenset()
    """Words for ports of this end that stand for none on this host, in lower case."""


def steps_of(rule: WindowsFirewallRule, place: Place) -> tuple[Step, ...]:
    """Return the conditions of a rule.

    A key that is not known may make others count for nothing, as LOM does those on the far end (MS-FASP 2.2.35,
    LOCAL_ONLY_MAPPED): of such a rule no more is relied on than protocol, ports of this end, and who holds the socket.
    """
    here = (
        *_protocol(rule),
        *_ports(rule, "LPort", rule.local_ports, Field.DPORT if rule.is_inbound else Field.SPORT, place.unused_words),
        *_icmp(rule),
        *_holder(rule, place),
        *_others(rule),
    )
    if may_be_wider(rule):
        return here
    far = (
        *_ports(rule, "RPort", rule.remote_ports, Field.SPORT if rule.is_inbound else Field.DPORT),
        *_addresses(rule, "RA", rule.remote_addresses, Field.SADDR if rule.is_inbound else Field.DADDR),
    )
    return (
        *here,
        *(() if "LOM=TRUE" in rule.conditions and rule.action != "block" else far),
        *_addresses(rule, "LA", rule.local_addresses, Field.DADDR if rule.is_inbound else Field.SADDR),
        *_interfaces(rule, place),
    )


def may_be_wider(rule: WindowsFirewallRule) -> bool:
    """Tell whether a rule has a key that is not known, or a profile: then it may match more than it says."""
    return any(not one.startswith(_BOUND) for one in rule.unread)


def _protocol(rule: WindowsFirewallRule) -> Iterator[Step]:
    if rule.protocol is not None:
        yield _match(Field.L4PROTO, (rule.protocol, rule.protocol))


def _is_open(rule: WindowsFirewallRule, *heads: str) -> bool:
    """Tell whether a key that is not understood may add to a list: then what is listed is not all."""
    return any(one.startswith(heads) for one in rule.unread)


def _ports(
    rule: WindowsFirewallRule,
    key: str,
    values: tuple[str, ...],
    field: Field,
    unused: frozenset[str] = frozenset(),
) -> Iterator[Step]:
    """Give the condition on ports; that of words alone that stand for no port is one that nothing meets."""
    if not values:
        return
    if rule.protocol not in _WITH_PORTS:
        yield Doubt(text=f"{key}={values[0]} with a protocol that has no ports")
        return
    entries = [one for value in values if value.lower() not in unused for one in _port(value)]
    if _is_open(rule, key):
        entries.append(((_ANY_PORT,), Truth.MAYBE))
    yield _sorted(field, entries)


def _port(value: str) -> Iterator[tuple[Box, Truth]]:
    known = _PORT_WORDS.get(value.lower())
    if known is not None:
        for port, truth in known:
            yield ((port, port),), truth
        return
    low, dash, high = value.partition("-")
    ends = [number_up_to(one, _LAST_PORT) for one in (low, high if dash else low)]
    first, last = ends
    if first is not None and last is not None and first <= last:
        yield ((first, last),), Truth.YES
    else:
        # A keyword whose ports Windows alone knows, or what is no port at all.
        yield (_ANY_PORT,), Truth.MAYBE


def _icmp(rule: WindowsFirewallRule) -> Iterator[Step]:
    if not rule.icmp:
        return
    entries = [_message(value) for value in rule.icmp]
    if _is_open(rule, "ICMP"):
        entries.append(((_ANY_TYPE, _ANY_TYPE), Truth.MAYBE))
    yield Match(fields=(Field.ICMP_TYPE, Field.ICMP_CODE), keys=Keys(entries=_certain_first(entries)))


def _message(text: str) -> tuple[Box, Truth]:
    """Read a type and code of ICMP, of which only the code may be ``*`` (MS-GPFAS 2.2.2.16)."""
    kind, _, code = text.partition(":")
    spans = (_span(kind), _ANY_TYPE if code == "*" else _span(code))
    return (spans[0] or _ANY_TYPE, spans[1] or _ANY_TYPE), Truth.YES if all(spans) else Truth.MAYBE


def _span(text: str) -> tuple[int, int] | None:
    """Return the values of a type or code of ICMP; None for what is none."""
    number = number_up_to(text, _LAST_TYPE)
    return None if number is None else (number, number)


def number_up_to(text: str, last: int) -> int | None:
    """Read a decimal number; None for what is none, or is greater."""
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(last))
    return int(text) if is_number and int(text) <= last else None


def _addresses(rule: WindowsFirewallRule, key: str, values: tuple[str, ...], field: Field) -> Iterator[Step]:
    """Give the condition on an address: one of no family that is listed meets none of the list."""
    if not values:
        return
    entries: list[tuple[Box, Truth]] = []
    linked: list[int] = []
    for value in values:
        if value.lower() in _LOCAL_SUBNET and key == "RA":
            linked.append(_LOCAL_SUBNET[value.lower()])
        else:
            entries += _address(value)
    if _is_open(rule, key):
        entries += _anything(4, 6)
    if linked:
        yield OnLink(
            text=f"{key}=LocalSubnet",
            field=field,
            by=Field.IIF if rule.is_inbound else Field.OIF,
            families=tuple(dict.fromkeys(linked)),
            others=_certain_first(entries),
        )
    else:
        yield Match(fields=(Field.FAMILY, field), keys=Keys(entries=_certain_first(entries)))


def _address(value: str) -> list[tuple[Box, Truth]]:
    """Read an address, ``first-last``, or a network by its prefix or mask; what is a keyword may be anything."""
    if not value[0].isdigit() and ":" not in value:
        return _anything(6 if value.endswith("6") else 4)
    plain, slash, mask = value.partition("/")
    try:
        low, high = network_interval(f"{plain}/{_prefix(mask)}" if slash else value)
        versions = {ipaddress.ip_address(one).version for one in plain.split("-")}
    except ValueError:
        return _anything(4, 6)
    family = versions.pop()
    if versions or low > high:
        return _anything(4, 6)
    return [(((family, family), (low, high)), Truth.YES)]


def _prefix(mask: str) -> int:
    """Return the length of a network's prefix, which may be written as a mask."""
    if "." not in mask:
        return int(mask)
    bits = int(ipaddress.IPv4Address(mask))
    length = bits.bit_count()
    if bits != ((1 << length) - 1) << (32 - length):
        message = f"{mask} is no mask of a network"
        raise ValueError(message)
    return length


def _anything(*families: int) -> list[tuple[Box, Truth]]:
    return [(((family, family), _EVERYWHERE[family]), Truth.MAYBE) for family in families]


def _interfaces(rule: WindowsFirewallRule, place: Place) -> Iterator[Step]:
    field = Field.IIF if rule.is_inbound else Field.OIF
    if rule.interface_types:
        kinds = tuple(one.lower() for one in rule.interface_types)
        yield OfKind(text=f"IFType={','.join(rule.interface_types)}", by=field, kinds=kinds)
    if rule.interfaces:
        yield on_interfaces(rule.interfaces, field, place)


def on_interfaces(guids: Iterable[str], field: Field, place: Place) -> Step:
    """Return the condition that a packet goes by one of some interfaces; a doubt where one is not known."""
    known = [place.adapters.get(guid.lower()) for guid in guids]
    names = [name for one in known if one for name in one]
    if not all(known) or not names:
        return Doubt(text=f"the interface {', '.join(guids)}")
    return Match(fields=(field,), keys=Keys(entries=tuple((((name, name),), Truth.YES) for name in names)))


def _holder(rule: WindowsFirewallRule, place: Place) -> Iterator[Step]:
    if rule.program is not None:
        path, is_exact = program_path(rule.program, place.variables)
        text = f"App={rule.program}"
        is_word = path != "system" and "\\" not in path and "." not in path
        if is_word or _NO_PATH.intersection(path):
            yield Doubt(text=text)
        else:
            yield HeldBy(text=text, trait=Trait.PROGRAM, value=path, is_exact=is_exact)
    if rule.service is not None:
        name = rule.service.lower()
        # A service has its name in its token where it asks for one (SERVICE_SID_INFO); 0 is none.
        is_exact = name == "*" or place.sids.get(name) in ("1", "3")
        yield HeldBy(text=f"Svc={rule.service}", trait=Trait.SERVICE, value=name, is_exact=is_exact)
    for one in rule.packages:
        yield HeldBy(text=one, trait=Trait.PACKAGE, value=one.lower())
    for one in rule.users:
        yield HeldBy(text=one, trait=Trait.USER, value=one.lower())


def program_path(text: str, variables: Mapping[str, str]) -> tuple[str, bool]:
    """Return a program's path in lower case with its variables put in, and whether that is all of it.

    What is a user's own (``%USERPROFILE%``) is another folder for each, and a path on a device is none on a drive.
    """
    path = text.strip()
    if path.lower() == "system":
        return "system", True
    parts = path.split("%")
    made = [variables.get(part.lower(), f"%{part}%") if at % 2 else part for at, part in enumerate(parts)]
    if len(parts) % 2 == 0:
        made[-1] = f"%{parts[-1]}"  # a sign that has no other to stand beside
    whole = "".join(made).lower()
    has_drive = whole[1:3] == ":\\" and whole[:1].isalpha()
    return whole, "%" not in whole and (has_drive or whole.startswith("\\\\")) and not whole.startswith("\\\\?")


def _others(rule: WindowsFirewallRule) -> Iterator[Step]:
    platforms = [one for one in rule.conditions if one.startswith("Platform=")]
    holds = _AND_LATER in rule.conditions and bool(platforms) and _holds_everywhere(platforms[-1])
    for one in rule.conditions:
        if not (holds and one.startswith("Platform")):
            yield Doubt(text=one)
    for one in (*rule.security, *rule.unread):
        yield Doubt(text=one)


def _holds_everywhere(last: str) -> bool:
    """Tell whether a rule is for every Windows that can answer: the operator is of the last entry (MS-FASP 2.2.31)."""
    numbers = [number_up_to(part, _LAST_TYPE) for part in last.partition("=")[2].split(":")]
    version = tuple(part for part in numbers[1:] if part is not None)
    is_whole = len(numbers) - 1 == len(version) == len(_LOWEST_SYSTEM)
    return is_whole and numbers[0] == _WIN32_NT and version <= _LOWEST_SYSTEM


def _match(field: Field, *spans: tuple[int, int]) -> Match:
    return Match(fields=(field,), keys=Keys(entries=tuple(((span,), Truth.YES) for span in spans)))


def _sorted(field: Field, entries: list[tuple[Box, Truth]]) -> Match:
    return Match(fields=(field,), keys=Keys(entries=_certain_first(entries)))


def _certain_first(entries: Iterable[tuple[Box, Truth]]) -> tuple[tuple[Box, Truth], ...]:
    """Put what holds for certain before what may hold: the first entry that holds a value decides."""
    return tuple(sorted(entries, key=lambda one: one[1] is not Truth.YES))
