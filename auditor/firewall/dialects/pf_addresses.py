"""Ends of a rule of pf: addresses, tables, interfaces and ports as conditions (pf.conf(5), PARAMETERS, from and to)."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from auditor.firewall.dialects.pf_text import address_entry
from auditor.firewall.dialects.pf_words import SERVICES, bounded
from auditor.firewall.dialects.values import network_interval
from auditor.model.ruleset import Box, Doubt, Field, Keys, Match, OwnAddress, Step, Truth

Tables = Mapping[tuple[str, str], Keys]
"""Tables by the path of their anchor and their name."""
LAST_PORT = 65_535
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_BETWEEN = ("><", "<>")
_TOPS = {4: (1 << 32) - 1, 6: (1 << 128) - 1}
_DYNAMIC = ("network", "broadcast", "peer", "0")
_LOOPBACK = ("lo0", "lo")
_ENDINGS = "0123456789"


def match(field: Field, *spans: tuple[int, int], is_negated: bool = False) -> Match:
    """Make a comparison of one field with intervals."""
    return Match(
        fields=(field,), keys=Keys(entries=tuple(((span,), Truth.YES) for span in spans)), is_negated=is_negated
    )


def interface_names(name: str) -> tuple[str, ...]:
    """Return the names that an interface has in the evidence: that of loopback is the same on every system there."""
    return _LOOPBACK if name in _LOOPBACK else (name,)


def on_interface(name: str, field: Field, *, is_negated: bool) -> Step:
    """Return the condition that a packet goes by an interface.

    A name without a number may be of all interfaces of its kind or of a group, which pf does not list.
    """
    if name[-1:] not in _ENDINGS or not name:
        return Doubt(text=f"on {'! ' if is_negated else ''}{name}")
    entries = tuple((((one, one),), Truth.YES) for one in interface_names(name))
    return Match(fields=(field,), keys=Keys(entries=entries), is_negated=is_negated)


def end_steps(
    words: list[str], field: Field, anchor: str, tables: Tables, *, is_negated: bool
) -> tuple[Step, ...]:  # fmt: skip
    """Return the conditions on one address; ValueError where its words are not understood."""
    text = " ".join(words)
    if words == ["any"] and not is_negated:
        return ()
    if len(words) == len(("first", "-", "last")) and words[1] == "-":
        return literal(f"{words[0]}-{words[2]}", field, is_negated=is_negated)
    if len(words) > 1 or text in ("any", "no-route", "urpf-failed"):
        return (Doubt(text=f"{'! ' if is_negated else ''}{text}"),)
    if text.startswith("<") and text.endswith(">"):
        return (of_table(text[1:-1].partition(":")[0], field, anchor, tables, is_negated=is_negated),)
    is_dynamic = text.startswith("(")
    return (dynamic(text, field, is_negated=is_negated),) if is_dynamic else literal(text, field, is_negated=is_negated)


def literal(text: str, field: Field, *, is_negated: bool) -> tuple[Step, ...]:
    """Return the conditions for an address, a network or a range: its family, and where in it."""
    low, high = network_interval(text)
    version = ipaddress.ip_address(text.partition("-")[0].partition("/")[0].partition("%")[0]).version
    if (
        low > high
        or high > _TOPS[version]
        or ("-" in text and version != ipaddress.ip_address(text.partition("-")[2]).version)
    ):
        message = f"{text[:60]!r} is no range of addresses"
        raise ValueError(message)
    return match(Field.FAMILY, (version, version)), match(field, (low, high), is_negated=is_negated)


def of_table(name: str, field: Field, anchor: str, tables: Tables, *, is_negated: bool) -> Step:
    """Return the condition on a table: of entries that hold an address the narrowest decides (pf.conf(5), TABLES).

    A table that an anchor has not is that of the main ruleset.
    """
    mine, common = tables.get((anchor, name)), tables.get(("", name))
    found = mine if mine is not None else common
    if found is None or (not found.entries and common is not None and common.entries):
        # One of an anchor that is empty may only be referred to: then that of the main ruleset is meant.
        return Doubt(text=f"<{name}>")
    return Match(fields=(Field.FAMILY, field), keys=found, is_negated=is_negated)


def tables_of(listed: Mapping[tuple[str, str], Iterable[str]]) -> Tables:
    """Return the tables of a listing, each read once for all rules that name it."""
    return {place: Keys(entries=tuple(_members(entries))) for place, entries in listed.items()}


def _members(entries: Iterable[str]) -> Iterator[tuple[Box, Truth]]:
    read = [address_entry(one) for one in entries]
    for is_out, network in sorted(read, key=lambda one: -one[1].prefixlen):
        span = (int(network.network_address), int(network.broadcast_address))
        yield ((network.version, network.version), span), Truth.NO if is_out else Truth.YES


def dynamic(text: str, field: Field, *, is_negated: bool) -> Step:
    """Return the condition on the addresses that an interface has at the moment: ``(en0)``, ``(en0:network)``."""
    shown = f"{'! ' if is_negated else ''}{text}"
    name, *words = text[1:].partition(")")[0].split(":")
    is_plain = text.endswith(")") and all(word in _DYNAMIC for word in words)
    if not is_plain or {"broadcast", "peer"} & set(words) or not name or (name != "self" and name[-1] not in _ENDINGS):
        return Doubt(text=shown)
    return OwnAddress(
        text=shown,
        field=field,
        interface="" if name == "self" else interface_names(name)[-1],
        is_network="network" in words,
        is_first="0" in words,
        is_negated=is_negated,
    )


def port_step(words: list[str], field: Field) -> tuple[Step, int]:
    """Return the condition on a port and how many words say it; ValueError where they are not understood.

    ``1:5`` holds both ends, ``1 >< 5`` neither, and ``1 <> 5`` is all that is outside of them.
    """
    first = words[0] if words else ""
    if first in _COMPARISONS and len(words) > 1:
        return _compared(first, _port(words[1]), field), 2
    if len(words) > 2 and words[1] in _BETWEEN:  # noqa: PLR2004 — low, sign, high
        low, high = _port(words[0]), _port(words[2])
        if low is None or high is None:
            return _any_port(field), 3
        if words[1] == "><":
            return match(field, *([(low + 1, high - 1)] if low + 1 < high else [])), 3
        spans = [span for span in ((0, low - 1), (high + 1, LAST_PORT)) if span[0] <= span[1]]
        return match(field, *spans), 3
    start, colon, end = first.partition(":")
    if colon:
        low, high = _port(start), _port(end)
        return (_any_port(field) if low is None or high is None else match(field, (low, max(low, high)))), 1
    message = f"{first[:40]!r} is no comparison of ports"
    raise ValueError(message)


def _compared(sign: str, port: int | None, field: Field) -> Step:
    if port is None:
        return _any_port(field)
    if sign in ("=", "!="):
        return match(field, (port, port), is_negated=sign == "!=")
    low, high = {"<": (0, port - 1), "<=": (0, port), ">": (port + 1, LAST_PORT), ">=": (port, LAST_PORT)}[sign]
    return match(field, *([(low, high)] if low <= high else []))


def _port(text: str) -> int | None:
    """Return a port; None for a name that is not known."""
    if text[:1].isdigit():
        return bounded(text, LAST_PORT)
    return SERVICES.get(text.lower())


def _any_port(field: Field) -> Match:
    return Match(fields=(field,), keys=Keys(entries=((((0, LAST_PORT),), Truth.MAYBE),)))
