"""Read what a rule of iptables-save asks of a packet: addresses, interfaces, protocol, and its match modules."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.firewall.dialects.ipsets import IpSet, set_condition
from auditor.firewall.dialects.values import (
    PROTOCOLS,
    keys,
    name_interval,
    network_interval,
    number,
    scalar,
)
from auditor.model.facts.network import Family
from auditor.model.record import Record
from auditor.model.ruleset import (
    ADDRESS_TYPES,
    CT_STATES,
    CT_STATUSES,
    TCP_FLAGS,
    AnyOf,
    Condition,
    Doubt,
    Field,
    Keys,
    Match,
    Scalar,
)

_STATUS_STATES = {"SNAT": CT_STATUSES["snat"], "DNAT": CT_STATUSES["dnat"]}
_STATUSES = {"EXPECTED": "expected", "SEEN_REPLY": "seen-reply", "ASSURED": "assured", "CONFIRMED": "confirmed"}
_FLAGS = {**{name.upper(): bit for name, bit in TCP_FLAGS.items()}, "ALL": 0x3F, "NONE": 0}
_ANY_ICMP = 255
_ICMP_NAMES = {
    "any": (_ANY_ICMP, None), "echo-reply": (0, None), "pong": (0, None), "destination-unreachable": (3, None),
    "network-unreachable": (3, 0), "host-unreachable": (3, 1), "protocol-unreachable": (3, 2),
    "port-unreachable": (3, 3), "fragmentation-needed": (3, 4), "source-quench": (4, None), "redirect": (5, None),
    "echo-request": (8, None), "ping": (8, None), "router-advertisement": (9, None), "router-solicitation": (10, None),
    "time-exceeded": (11, None), "ttl-exceeded": (11, None), "parameter-problem": (12, None),
    "timestamp-request": (13, None), "timestamp-reply": (14, None),
}  # fmt: skip
_ICMPV6_NAMES = {
    "destination-unreachable": (1, None), "packet-too-big": (2, None), "time-exceeded": (3, None),
    "parameter-problem": (4, None), "echo-request": (128, None), "echo-reply": (129, None),
    "router-solicitation": (133, None), "router-advertisement": (134, None), "neighbour-solicitation": (135, None),
    "neighbor-solicitation": (135, None), "neighbour-advertisement": (136, None), "neighbor-advertisement": (136, None),
    "redirect": (137, None),
}  # fmt: skip
# Extension headers that the packets asked about do not have: such a match never holds, negated or not.
_HEADERS = frozenset(("rt", "frag", "hbh", "dst", "mh"))
_NEVER = Match(fields=(Field.FAMILY,), keys=Keys(entries=()))


class Option(Record, kw_only=True):
    """One option of a rule with its words."""

    name: str
    """``--dport``."""
    words: tuple[str, ...]
    """What stands after it."""
    is_negated: bool
    """Whether a ``!`` stands before it."""


@dataclass(slots=True, kw_only=True)
class Module:
    """One ``-m`` of a rule."""

    name: str
    """Name of the match."""
    options: list[Option] = field(default_factory=list)
    """Its options in order."""


class Setting(Record, kw_only=True):
    """What a rule's words mean depends on it."""

    family: Family
    """Family of the table."""
    sets: Mapping[str, IpSet]
    """Sets by name."""


def within(name: Field, low: Scalar, high: Scalar, *, negated: bool = False) -> Match:
    """Make the match of a field with an interval."""
    return Match(fields=(name,), keys=keys(((low, high),)), is_negated=negated)


def among(name: Field, values: Sequence[int], *, negated: bool = False) -> Match:
    """Make the match of a field with several values."""
    return Match(fields=(name,), keys=keys(*(((value, value),) for value in values)), is_negated=negated)


def bits(name: Field, mask: int, *, negated: bool, if_missing: bool = False) -> Match:
    """Make the match that any bit of a mask is set."""
    return Match(
        fields=(name,), keys=keys(((0, 0),)), mask=mask, is_negated=not negated, holds_if_missing=if_missing
    )  # fmt: skip


def plain(option: Option) -> list[Condition]:
    """Read an option that stands without a module; ValueError for one that is not known."""
    word = option.words[0] if option.words else ""
    negated = option.is_negated
    if option.name in ("-s", "-d"):
        return [_address(Field.SADDR if option.name == "-s" else Field.DADDR, word, negated=negated)]
    if option.name in ("-i", "-o"):
        low, high = name_interval(word, "+")
        return [within(Field.IIF if option.name == "-i" else Field.OIF, low, high, negated=negated)]
    if option.name == "-p":
        protocol = protocol_number(word)
        return [] if protocol == 0 else [among(Field.L4PROTO, [protocol], negated=negated)]
    if option.name == "-f":
        return [among(Field.FRAGMENT, [0], negated=not negated)]
    raise ValueError(f"{option.name} is not modelled")


def protocol_number(word: str) -> int:
    """Return the number of a protocol; 0 for all."""
    name = word.lower()
    return 0 if name == "all" else PROTOCOLS[name] if name in PROTOCOLS else number(name)


def _address(name: Field, word: str, *, negated: bool) -> Match:
    try:
        low, high = network_interval(word)
    except ValueError:
        # A mask whose bits do not lead: compared bit by bit.
        address, _, mask = word.partition("/")
        bits_ = int(ipaddress.ip_address(mask))
        value = int(ipaddress.ip_address(address)) & bits_
        return Match(fields=(name,), keys=keys(((value, value),)), mask=bits_, is_negated=negated)
    return within(name, low, high, negated=negated)


def read_module(module: Module, setting: Setting) -> list[Condition]:
    """Read a match module; one that is not modelled, or an option of it, is a doubt."""
    if module.name in _HEADERS:
        return [_NEVER]
    reader = _READERS.get(module.name)
    if reader is None:
        return [Doubt(text=f"-m {module.name}")]
    try:
        return reader(module, setting)
    except (ValueError, KeyError, IndexError) as error:
        return [Doubt(text=f"-m {module.name}: {error}")]


def _each(read: Callable[[Option, Setting], Condition | None]) -> Callable[[Module, Setting], list[Condition]]:
    """Make the reader of a module whose options are independent conditions."""

    def reader(module: Module, setting: Setting) -> list[Condition]:
        made = [read(option, setting) for option in module.options]
        return [one for one in made if one is not None]

    return reader


def _interval(word: str, colon: str = ":", top: int = 65535) -> tuple[int, int]:
    first, found, last = word.partition(colon)
    low = number(first) if first else 0
    return low, (number(last) if last else top) if found else low


def _transport(option: Option, _: Setting) -> Condition:
    negated = option.is_negated
    if option.name in ("--sport", "--source-port", "--dport", "--destination-port"):
        low, high = _interval(option.words[0])
        return within(Field.SPORT if option.name.startswith("--s") else Field.DPORT, low, high, negated=negated)
    if option.name == "--tcp-flags":
        mask, wanted = (_flags(word) for word in option.words)
        return Match(fields=(Field.TCP_FLAGS,), keys=keys(((wanted, wanted),)), mask=mask, is_negated=negated)
    if option.name == "--syn":
        syn = TCP_FLAGS["syn"]
        mask = syn | TCP_FLAGS["rst"] | TCP_FLAGS["ack"] | TCP_FLAGS["fin"]
        return Match(fields=(Field.TCP_FLAGS,), keys=keys(((syn, syn),)), mask=mask, is_negated=negated)
    raise ValueError(f"{option.name} is not modelled")


def _flags(word: str) -> int:
    made = 0
    for name in word.split(","):
        made |= _FLAGS[name]
    return made


def _multiport(option: Option, _: Setting) -> Condition:
    intervals = [_interval(word) for word in option.words[0].split(",")]
    sides = {"--sports": (Field.SPORT,), "--dports": (Field.DPORT,), "--ports": (Field.SPORT, Field.DPORT)}
    options = tuple(
        Match(fields=(side,), keys=keys(*(((low, high),) for low, high in intervals))) for side in sides[option.name]
    )
    if len(options) == 1:
        return Match(fields=options[0].fields, keys=options[0].keys, is_negated=option.is_negated)
    return AnyOf(options=options, is_negated=option.is_negated)


def _icmp(option: Option, setting: Setting) -> Condition:
    is_6 = setting.family is Family.IP6
    if option.name not in ("--icmp-type", "--icmpv6-type"):
        raise ValueError(f"{option.name} is not modelled")
    word = option.words[0].lower()
    names = _ICMPV6_NAMES if is_6 else _ICMP_NAMES
    if word in names:
        kind, code = names[word]
    else:
        first, slash, second = word.partition("/")
        kind, code = number(first), number(second) if slash else None
    if kind == _ANY_ICMP and not is_6:
        return _NEVER if option.is_negated else within(Field.ICMP_TYPE, 0, _ANY_ICMP)
    low, high = (0, 255) if code is None else (code, code)
    return Match(
        fields=(Field.ICMP_TYPE, Field.ICMP_CODE), keys=keys(((kind, kind), (low, high))), is_negated=option.is_negated
    )


def _conntrack(module: Module, _: Setting) -> list[Condition]:
    """Read conntrack and state. Where there is no connection, its state alone decides, if it is asked for at all."""
    asks_state = any(option.name in ("--ctstate", "--state") for option in module.options)
    made: list[Condition] = []
    for option in module.options:
        negated, word = option.is_negated, option.words[0]
        if option.name in ("--ctstate", "--state"):
            made.append(_state(word, negated=negated))
        elif option.name == "--ctdir":
            side = int(word == "REPLY") ^ int(negated)
            made.append(Match(fields=(Field.CT_DIRECTION,), keys=keys(((side, side),)), holds_if_missing=asks_state))
        elif option.name == "--ctstatus":
            mask = 0
            for name in word.split(","):
                mask |= 0 if name == "NONE" else CT_STATUSES[_STATUSES[name]]
            made.append(bits(Field.CT_STATUS, mask, negated=negated, if_missing=asks_state))
        else:
            made.append(Doubt(text=f"{option.name} {word}"))
    return made


def _state(word: str, *, negated: bool) -> Condition:
    mask = status = 0
    for name in word.split(","):
        if name in _STATUS_STATES:
            status |= _STATUS_STATES[name]
        else:
            mask |= CT_STATES[name.lower()]
    state = bits(Field.CT_STATE, mask, negated=False)
    if not status:
        return bits(Field.CT_STATE, mask, negated=negated)
    return AnyOf(options=(state, bits(Field.CT_STATUS, status, negated=False)), is_negated=negated)


def _mark(name: Field) -> Callable[[Option, Setting], Condition]:
    def read(option: Option, _: Setting) -> Condition:
        if option.name != "--mark":
            raise ValueError(f"{option.name} is not modelled")
        value, slash, mask = option.words[0].partition("/")
        wanted = number(value)
        return Match(
            fields=(name,),
            keys=keys(((wanted, wanted),)),
            mask=number(mask) if slash else None,
            is_negated=option.is_negated,
        )

    return read


def _iprange(option: Option, _: Setting) -> Condition:
    name = {"--src-range": Field.SADDR, "--dst-range": Field.DADDR}[option.name]
    low, high = network_interval(option.words[0])
    return within(name, low, high, negated=option.is_negated)


def _addrtype(module: Module, setting: Setting) -> list[Condition]:
    made: list[Condition] = []
    for option in module.options:
        if option.name not in ("--src-type", "--dst-type"):
            return [Doubt(text=f"-m addrtype {option.name}")]
        is_source = option.name == "--src-type"
        types = option.words[0].lower().split(",")
        if setting.family is Family.IP:
            name = Field.SADDR_TYPE if is_source else Field.DADDR_TYPE
            made.append(among(name, [ADDRESS_TYPES[one] for one in types], negated=option.is_negated))
        else:
            made += _addrtype6(types, is_source=is_source, negated=option.is_negated)
    return made


def _addrtype6(types: Sequence[str], *, is_source: bool, negated: bool) -> list[Condition]:
    """Read types of IPv6 addresses: all that are named must hold (xt_addrtype's match_type6)."""
    address = Field.SADDR if is_source else Field.DADDR
    mapped = network_interval("::ffff:0:0/96")
    regions = {
        "multicast": [network_interval("ff00::/8")],
        "unicast": [(1, mapped[0] - 1), (mapped[1] + 1, (0xFF << 120) - 1)],
        "unspec": [(0, 0)],
    }
    parts = [
        Match(fields=(address,), keys=keys(*((interval,) for interval in regions[one])), is_negated=negated)
        for one in types
        if one in regions
    ]
    looked_up = [ADDRESS_TYPES[one] for one in types if one in ("local", "anycast", "unreachable")]
    if looked_up:
        parts.append(among(Field.SADDR_TYPE if is_source else Field.DADDR_TYPE, looked_up, negated=negated))
    if not parts:
        return [_NEVER] if negated else []
    return [AnyOf(options=tuple(parts))] if negated else list(parts)


def _pkttype(option: Option, _: Setting) -> Condition:
    return among(Field.PKTTYPE, [scalar(Field.PKTTYPE, option.words[0])], negated=option.is_negated)


def _length(option: Option, _: Setting) -> Condition:
    low, high = _interval(option.words[0])
    return within(Field.LENGTH, low, high, negated=option.is_negated)


def _ttl(option: Option, _: Setting) -> Condition:
    value = number(option.words[0])
    low, high = {"eq": (value, value), "gt": (value + 1, 255), "lt": (0, value - 1)}[option.name.rpartition("-")[2]]
    return within(Field.TTL, low, high, negated=option.is_negated)


def _dscp(option: Option, _: Setting) -> Condition:
    if option.name not in ("--dscp", "--dscp-class"):
        raise ValueError(f"{option.name} is not modelled")
    return among(Field.DSCP, [scalar(Field.DSCP, option.words[0].lower())], negated=option.is_negated)


def _set(module: Module, setting: Setting) -> list[Condition]:
    if [option.name for option in module.options] != ["--match-set"]:
        raise ValueError("options that are not modelled")
    (option,) = module.options
    name, directions = option.words
    return [set_condition(setting.sets, name, directions.split(","), setting.family, negated=option.is_negated)]


def _recent(module: Module, _: Setting) -> list[Condition]:
    """Read recent: to note an address always holds, to look one up needs the kernel's memory."""
    names = {option.name: option.is_negated for option in module.options}
    if "--set" in names:  # which none of the others can stand beside
        return [_NEVER] if names["--set"] else []
    return [Doubt(text="-m recent")]


def _helper(module: Module, _: Setting) -> list[Condition]:
    """Read helper: only a connection that another one announced has one."""
    if any(option.is_negated for option in module.options):
        return [Doubt(text="-m helper")]
    return [
        among(Field.CT_STATE, [CT_STATES["new"]], negated=True),
        Doubt(text="-m helper"),
    ]


def _rpfilter(module: Module, _: Setting) -> list[Condition]:
    """Read rpfilter: whether the way back to the source leads out by the interface the packet came in by."""
    names = {option.name for option in module.options}
    if names - {"--validmark", "--invert"}:
        return [Doubt(text="-m rpfilter")]
    return [among(Field.ROUTE_BACK, [1], negated="--invert" in names)]


def _comment(_: Module, __: Setting) -> list[Condition]:
    return []


_READERS: dict[str, Callable[[Module, Setting], list[Condition]]] = {
    "tcp": _each(_transport), "udp": _each(_transport), "sctp": _each(_transport), "dccp": _each(_transport),
    "udplite": _each(_transport), "multiport": _each(_multiport), "icmp": _each(_icmp), "icmp6": _each(_icmp),
    "icmpv6": _each(_icmp), "conntrack": _conntrack, "state": _conntrack, "comment": _comment,
    "mark": _each(_mark(Field.MARK)), "connmark": _each(_mark(Field.CT_MARK)), "iprange": _each(_iprange),
    "addrtype": _addrtype, "pkttype": _each(_pkttype), "length": _each(_length), "ttl": _each(_ttl),
    "hl": _each(_ttl), "dscp": _each(_dscp), "set": _set, "recent": _recent, "helper": _helper, "rpfilter": _rpfilter,
}  # fmt: skip
