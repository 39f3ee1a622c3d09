"""Read what nft's JSON compares: the left side of a match into fields, the right side into intervals."""

from collections.abc import Callable, Sequence

from auditor.firewall.dialects.values import (
    ADDRESSES,
    ICMP,
    ICMP_TYPES,
    ICMPV6,
    NAMES,
    PROTOCOLS,
    WITH_PORTS,
    Json,
    keys,
    name_interval,
    prefix_interval,
    scalar,
)
from auditor.model.record import Record
from auditor.model.ruleset import Box, Field, Keys, Match, Scalar, Truth

_BITS = {
    Field.SPORT: 16, Field.DPORT: 16, Field.MARK: 32, Field.CT_MARK: 32, Field.L4PROTO: 8, Field.LENGTH: 16,
    Field.TTL: 8, Field.DSCP: 6, Field.ICMP_TYPE: 8, Field.ICMP_CODE: 8,
}  # fmt: skip
_IP = {
    "saddr": Field.SADDR, "daddr": Field.DADDR, "protocol": Field.L4PROTO, "ttl": Field.TTL, "length": Field.LENGTH,
    "dscp": Field.DSCP,
}  # fmt: skip
_IP6 = {
    "saddr": Field.SADDR, "daddr": Field.DADDR, "nexthdr": Field.L4PROTO, "hoplimit": Field.TTL, "dscp": Field.DSCP,
}  # fmt: skip
_PORTS = {"sport": Field.SPORT, "dport": Field.DPORT}
_ICMP_FIELDS = {"type": Field.ICMP_TYPE, "code": Field.ICMP_CODE}
_META = {
    "l4proto": Field.L4PROTO, "nfproto": Field.FAMILY, "protocol": Field.FAMILY, "iifname": Field.IIF,
    "iif": Field.IIF, "oifname": Field.OIF, "oif": Field.OIF, "mark": Field.MARK, "length": Field.LENGTH,
    "pkttype": Field.PKTTYPE,
}  # fmt: skip
_CT = {
    "state": Field.CT_STATE, "direction": Field.CT_DIRECTION, "status": Field.CT_STATUS, "mark": Field.CT_MARK,
}  # fmt: skip


# Extension headers that the packets asked about do not have.
_HEADERS = frozenset(("hbh", "rt", "frag", "dst", "mh", "srh"))
# Offset and "more fragments" of a whole packet are 0; whether it may be fragmented is not known.
_OF_FRAGMENTS = 0x3FFF


class Left(Record, kw_only=True):
    """The left side of a match, or the key of a map."""

    fields: tuple[Field, ...]
    """What is looked at."""
    needs: tuple[Match, ...] = ()
    """What the words imply: ``tcp dport`` is of TCP packets."""
    mask: int | None = None
    """Bits that are looked at."""
    names: dict[str, int] | None = None
    """Names of constants that only this side knows."""
    is_raw: bool = False
    """Whether it reads bytes where a protocol without ports has something else (``th dport``)."""


def is_value(field: Field, value: int) -> Match:
    """Make the match of a field with one value."""
    return Match(fields=(field,), keys=keys(((value, value),)))


# Of a protocol without ports it cannot be told what the bytes are.
_HAS_PORTS = Match(
    fields=(Field.L4PROTO,),
    keys=Keys(
        entries=(
            *((((number, number),), Truth.YES) for number in WITH_PORTS),
            (((0, 255),), Truth.MAYBE),
        )
    ),
)


def read_left(expression: Json) -> Left:
    """Read an expression; ValueError for one that is not modelled."""
    kind, body = only(expression)
    left = _READERS[kind](body) if kind in _READERS else None
    if left is None:
        raise ValueError(f"{kind} is not modelled")
    return left


def _meta(body: Json) -> Left | None:
    return Left(fields=(_META[body["key"]],)) if body.get("key") in _META else None


def _ct(body: Json) -> Left | None:
    return Left(fields=(_CT[body["key"]],)) if body.get("key") in _CT and "dir" not in body else None


def _fib(body: Json) -> Left | None:
    flags, result = body.get("flags", ()), body.get("result")
    if result == "type" and flags in (["saddr"], ["daddr"], "saddr", "daddr"):
        return Left(fields=(Field.SADDR_TYPE if "saddr" in flags else Field.DADDR_TYPE,))
    if result == "oif" and set(flags) in ({"saddr", "iif"}, {"saddr", "iif", "mark"}):
        return Left(fields=(Field.ROUTE_BACK,))
    return None


def _exthdr(body: Json) -> Left | None:
    """Read whether an extension header is there: that is 0 for packets without any, as the offset of a fragment is."""
    is_known = set(body) == {"name"} and body["name"] in _HEADERS
    return Left(fields=(Field.FRAGMENT,), needs=(is_value(Field.FAMILY, 6),)) if is_known else None


def _and(body: Json) -> Left:
    if body[0] == {"payload": {"protocol": "ip", "field": "frag-off"}}:
        mask = constant(Left(fields=(Field.FRAGMENT,)), body[1])
        if mask & ~_OF_FRAGMENTS:
            raise ValueError("whether the packet may be fragmented")
        return Left(fields=(Field.FRAGMENT,), needs=(is_value(Field.FAMILY, 4),), mask=mask)
    inner = read_left(body[0])
    if len(inner.fields) != 1 or inner.mask is not None or inner.fields[0] in NAMES:
        raise ValueError("a mask of more than one field")
    return Left(fields=inner.fields, needs=inner.needs, mask=constant(inner, body[1]))


def _concat(body: Json) -> Left:
    parts = [read_left(part) for part in body]
    if any(part.mask is not None for part in parts):
        raise ValueError("a mask inside of a concatenation")
    return Left(
        fields=tuple(field for part in parts for field in part.fields),
        needs=tuple(need for part in parts for need in part.needs),
        is_raw=any(part.is_raw for part in parts),
    )


def only(expression: Json) -> tuple[str, Json]:
    """Return the one key of an object and its value; ValueError when it is not such an object."""
    if not isinstance(expression, dict) or len(expression) != 1:
        raise ValueError(f"not an expression: {str(expression)[:60]}")
    return next(iter(expression.items()))


def _payload(body: Json) -> Left:
    protocol, name = body.get("protocol"), body.get("field")
    if protocol == "ip" and name in _IP:
        return Left(fields=(_IP[name],), needs=(is_value(Field.FAMILY, 4),))
    if protocol == "ip6" and name in _IP6:
        return Left(fields=(_IP6[name],), needs=(is_value(Field.FAMILY, 6),))
    if protocol == "th" and name in _PORTS:
        return Left(fields=(_PORTS[name],), needs=(_HAS_PORTS,), is_raw=True)
    if protocol in ("tcp", "udp", "sctp", "dccp", "udplite") and name in _PORTS:
        return Left(fields=(_PORTS[name],), needs=(is_value(Field.L4PROTO, PROTOCOLS[protocol]),))
    if protocol == "tcp" and name == "flags":
        return Left(fields=(Field.TCP_FLAGS,), needs=(is_value(Field.L4PROTO, PROTOCOLS["tcp"]),))
    if protocol in ("icmp", "icmpv6") and name in _ICMP_FIELDS:
        number = ICMP if protocol == "icmp" else ICMPV6
        names = ICMP_TYPES[number] if name == "type" else None
        return Left(fields=(_ICMP_FIELDS[name],), needs=(is_value(Field.L4PROTO, number),), names=names)
    raise ValueError(f"{protocol} {name} is not modelled")


_READERS: dict[str, Callable[[Json], Left | None]] = {
    "payload": _payload, "meta": _meta, "ct": _ct, "fib": _fib, "exthdr": _exthdr, "&": _and, "concat": _concat,
}  # fmt: skip


def constant(left: Left, value: Json) -> int:
    """Read a constant of a single field; names joined by ``|`` or in a list are or-ed."""
    if isinstance(value, dict):
        kind, body = only(value)
        if kind != "|":
            raise ValueError(f"{kind} in a constant")
        value = body
    if isinstance(value, list):
        made = 0
        for part in value:
            made |= constant(left, part)
        return made
    return scalar(left.fields[0], value, left.names)


def interval(field: Field, value: Json, names: dict[str, int] | None = None) -> tuple[Scalar, Scalar]:
    """Read a constant, prefix, range or name with a wildcard; ValueError for anything else."""
    if value == "*":
        raise ValueError("a catch-all inside of a concatenation")
    if isinstance(value, dict):
        kind, body = only(value)
        if kind == "range":
            return scalar(field, body[0], names), scalar(field, body[1], names)
        if kind == "prefix":
            bits = _address_bits(body["addr"]) if field in ADDRESSES else _BITS[field]
            return prefix_interval(scalar(field, body["addr"], names), int(body["len"]), bits)
        if kind == "|":
            low = constant(Left(fields=(field,), names=names), value)
            return low, low
        raise ValueError(f"{kind} is not modelled")
    if field in NAMES:
        if not isinstance(value, str):
            raise ValueError("an interface by a number, whose name is not known")
        return name_interval(value, "*")
    low = scalar(field, value, names)
    return low, low


def _address_bits(text: Json) -> int:
    return 128 if ":" in str(text) else 32


def box(fields: Sequence[Field], value: Json, names: dict[str, int] | None = None) -> Box:
    """Read a set's element into one interval a field."""
    if len(fields) == 1:
        return (interval(fields[0], value, names),)
    kind, parts = only(value)
    if kind != "concat" or len(parts) != len(fields):
        raise ValueError("an element that is not of the fields it is compared with")
    return tuple(interval(field, part) for field, part in zip(fields, parts, strict=True))


def everything(fields: Sequence[Field]) -> Box:
    """Return the box of the catch-all element ``*``."""
    return tuple(("", "\U0010ffff") if field in NAMES else (0, (1 << 128) - 1) for field in fields)
