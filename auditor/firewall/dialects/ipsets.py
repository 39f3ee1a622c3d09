"""Read ``ipset save``: sets that rules of iptables refer to by name."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from auditor.firewall.dialects.values import LAST_NAME, PROTOCOLS, network_interval, number, prefix_interval
from auditor.model.facts.network import Family
from auditor.model.ruleset import AnyOf, Box, Condition, Doubt, Field, Keys, Match, Scalar, Truth

_UNSPECIFIC = frozenset(("bitmap:port", "list:set"))
_LIST = "list:set"
_ICMP_NAMES = {
    "echo-reply": (0, 0), "echo-request": (8, 0), "destination-unreachable": (3, 0), "network-unreachable": (3, 0),
    "host-unreachable": (3, 1), "port-unreachable": (3, 3), "time-exceeded": (11, 0), "ttl-exceeded": (11, 0),
    "ping": (8, 0), "pong": (0, 0), "timestamp-request": (13, 0), "timestamp-reply": (14, 0), "redirect": (5, 0),
}  # fmt: skip
_ICMPV6_NAMES = {
    "echo-request": (128, 0), "echo-reply": (129, 0), "ping": (128, 0), "pong": (129, 0),
    "neighbour-solicitation": (135, 0), "neighbor-solicitation": (135, 0), "neighbour-advertisement": (136, 0),
    "neighbor-advertisement": (136, 0), "router-solicitation": (133, 0), "router-advertisement": (134, 0),
    "no-route": (1, 0), "port-unreachable": (1, 4), "packet-too-big": (2, 0), "destination-unreachable": (1, 0),
}  # fmt: skip
# Options of an element that do not keep it from matching.
_PASSIVE = frozenset(("timeout", "packets", "bytes", "comment", "skbmark", "skbprio", "skbqueue"))


@dataclass(slots=True, kw_only=True)
class IpSet:
    """One set while the listing is read."""

    kind: str
    """Its type, such as ``hash:net,port``."""
    family: Family | None
    """Family of its addresses; None for a set without any."""
    options: Mapping[str, str]
    """Options of its creation."""
    elements: list[tuple[str, Truth]] = field(default_factory=list)
    """Elements as listed, with ``LAST_NAME`` behind those marked ``wildcard``; NO for those marked ``nomatch``."""
    is_open: bool = False
    """Whether a rule adds to it."""
    is_shrinking: bool = False
    """Whether a rule takes from it."""
    problem: str = ""
    """Why it cannot be read."""


def read_ipsets(text: str) -> dict[str, IpSet]:
    """Read a listing; ValueError for a line that is not of ``ipset save``."""
    sets: dict[str, IpSet] = {}
    for line in text.split("\n"):
        words = shlex.split(line)
        if not words:
            continue
        if words[0] == "create" and len(words) >= len(("create", "name", "type")):
            sets[words[1]] = _created(words)
        elif words[0] == "add" and len(words) >= len(("add", "name", "element")) and words[1] in sets:
            known = sets[words[1]]
            rest = words[3:]
            truth = Truth.NO if "nomatch" in rest else Truth.YES
            known.elements.append((words[2] + LAST_NAME * ("wildcard" in rest), truth))
        else:
            raise ValueError(f"not a line of ipset save: {line[:60]!r}")
    return sets


def _created(words: Sequence[str]) -> IpSet:
    options: dict[str, str] = {}
    rest = list(words[3:])
    while rest:
        name = rest.pop(0)
        options[name] = rest.pop(0) if rest and name not in ("counters", "comment", "skbinfo", "forceadd") else ""
    kind = words[2]
    family = None if kind in _UNSPECIFIC else Family.IP6 if options.get("family") == "inet6" else Family.IP
    problem = "an option that is not modelled" if "bitmask" in options else ""
    return IpSet(kind=kind, family=family, options=options, problem=problem)


def set_condition(
    sets: Mapping[str, IpSet], name: str, directions: Sequence[str], family: Family, *, negated: bool
) -> Condition:
    """Return the condition that a packet's fields, by their directions, are in a set."""
    known = sets.get(name)
    if known is None:
        return Doubt(text=f"set {name} is not listed")
    members = [name]
    if known.kind == _LIST:
        if known.is_open or known.is_shrinking:
            return Doubt(text=f"rules change the list {name}")
        members = [element for element, _ in known.elements]
    options: list[Match] = []
    for member in members:
        one = sets.get(member)
        if one is None:
            return Doubt(text=f"set {member} is not listed")
        if one.family not in (None, family):
            continue
        try:
            match = _match(one, directions)
        except ValueError as error:
            return Doubt(text=f"set {member}: {error}")
        if match is not None:
            options.append(match)
    return AnyOf(options=tuple(options), is_negated=negated)


def _match(one: IpSet, directions: Sequence[str]) -> Match | None:
    """Return the look-up in one set; None when too few directions are given for it to match at all."""
    if one.problem:
        raise ValueError(one.problem)
    parts = one.kind.partition(":")[2].split(",")
    if len(directions) < len(parts):
        return None
    fields: list[Field] = []
    for part, direction in zip(parts, directions, strict=False):
        fields += _fields(part, is_source=direction == "src")
    entries = sorted(
        ((*_box(one, element), truth) for element, truth in one.elements), key=lambda entry: entry[1], reverse=True
    )
    shrinking = Truth.MAYBE if one.is_shrinking else None
    boxes = [(box, shrinking if shrinking and truth is Truth.YES else truth) for box, _, truth in entries]
    if one.kind == "bitmap:port":
        # It has no protocol of its own, and is asked of TCP and UDP only.
        boxes = [(((number_, number_), box[1]), truth) for box, truth in boxes for number_ in (6, 17)]
    return Match(fields=tuple(fields), keys=Keys(entries=tuple(boxes), is_open=one.is_open))


def _fields(part: str, *, is_source: bool) -> list[Field]:
    if part in ("ip", "net"):
        return [Field.SADDR if is_source else Field.DADDR]
    if part == "port":
        return [Field.L4PROTO, Field.SET_SPORT if is_source else Field.SET_DPORT]
    if part == "iface":
        return [Field.IIF if is_source else Field.OIF]
    if part == "mark":
        return [Field.MARK]
    raise ValueError(f"{part} is not modelled")


def _box(one: IpSet, element: str) -> tuple[Box, tuple[int, ...]]:
    """Read an element into intervals and the lengths of its prefixes: the kernel tries the longest first."""
    parts = one.kind.partition(":")[2].split(",")
    values = element.split(",")
    if len(values) != len(parts):
        raise ValueError(f"an element that is not of its type: {element[:60]!r}")
    box: list[tuple[Scalar, Scalar]] = []
    lengths: list[int] = []
    for part, value in zip(parts, values, strict=True):
        if part in ("ip", "net"):
            interval = _network(one, value)
            box.append(interval)
            lengths.append(-(interval[1] - interval[0]).bit_length())
        elif part == "port":
            box += _port(value, one.family)
        elif part == "iface":
            name = value.removeprefix("physdev:")
            if name != value:
                raise ValueError("a port of a bridge is not modelled")
            box.append((name.removesuffix(LAST_NAME), name))
        else:
            low = number(value)
            box.append((low, low))
    return tuple(box), tuple(lengths)


def _network(one: IpSet, value: str) -> tuple[int, int]:
    low, high = network_interval(value)
    netmask = one.options.get("netmask")
    if netmask is not None and netmask.isdigit():
        return prefix_interval(low, int(netmask), 128 if one.family is Family.IP6 else 32)
    return low, high


def _port(value: str, family: Family | None) -> list[tuple[Scalar, Scalar]]:
    name, colon, port = value.partition(":")
    if not colon:
        name, port = "tcp", value
    protocol = PROTOCOLS[name.lower()] if name.lower() in PROTOCOLS else number(name)
    names = _ICMPV6_NAMES if family is Family.IP6 else _ICMP_NAMES
    if protocol in (1, 58) and port in names:
        kind, code = names[port]
        low = high = kind << 8 | code
    elif protocol in (1, 58) and "/" in port:
        kind_text, _, code_text = port.partition("/")
        low = high = number(kind_text) << 8 | number(code_text)
    else:
        first, _, last = port.partition("-")
        low, high = number(first), number(last or first)
    return [(protocol, protocol), (low, high)]
