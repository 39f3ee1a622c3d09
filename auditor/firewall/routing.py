"""What routing refuses before any filter is asked: sources and destinations that cannot come from the wire."""

from collections.abc import Iterator, Mapping, Sequence

from auditor.firewall.addresses import Surroundings
from auditor.firewall.compiled import UNKNOWN, Value
from auditor.firewall.regions import Region, everything, nothing
from auditor.firewall.walk import Ending
from auditor.model.facts.network import Family
from auditor.model.packet import Packet
from auditor.model.ruleset import ADDRESS_TYPES, Field, Verb

_LOOPBACK = "lo"
_BROADCAST = ADDRESS_TYPES["broadcast"]
_LOOSE = 2
_TOP4, _TOP6 = (everything(family).top for family in (Family.IP, Family.IP6))
_LOOPBACK_NET = Region.of([(127 << 24, (128 << 24) - 1)], _TOP4)
_THIS_NETWORK = Region.of([(0, (1 << 24) - 1)], _TOP4)
_NO_SOURCE = Region.of([(224 << 24, (240 << 24) - 1), (_TOP4, _TOP4)], _TOP4)
_LINK_LOCAL6 = Region.of([(0xFE80 << 112, (0xFEC0 << 112) - 1)], _TOP6)
_NO_SOURCE6 = Region.of([(1, 1), (0xFF << 120, _TOP6)], _TOP6)


def _setting(by_interface: Mapping[str, Value], interface: str) -> Value:
    return by_interface.get(interface, by_interface.get(""))


def no_source(around: Surroundings, packet: Packet, values: Sequence[Value]) -> list[tuple[Region, str, bool]]:
    """Return the sources that routing does not take from the wire, why, and whether that is certain."""
    destination = values[Field.DADDR]
    # What may be sent on (``Way.translate``) is not refused.
    is_told = destination is not UNKNOWN and values[Field.DADDR_TYPE] is not UNKNOWN
    to_loopback = is_told and (destination == 1 or destination >> 24 == 127)  # noqa: PLR2004
    key = (packet.family, packet.interface, values[Field.DADDR_TYPE] == _BROADCAST, to_loopback)
    known = around.refusals.get(key)
    if known is None:
        found = _refused(around, packet, values)
        known = around.refusals[key] = [one for one in found if one[0]]
    return known


def _refused(around: Surroundings, packet: Packet, values: Sequence[Value]) -> Iterator[tuple[Region, str, bool]]:
    """Give the sources that routing does not take from the wire, why, and whether that is certain."""
    if packet.interface == _LOOPBACK:
        return
    family = packet.family
    everywhere = everything(family)
    if family is Family.IP6:
        yield _NO_SOURCE6, "IPv6 takes neither ::1 nor a multicast source from the wire", True
        if values[Field.DADDR] == 1 and values[Field.DADDR_TYPE] is not UNKNOWN:
            yield everywhere, "IPv6 takes ::1 from the loopback interface only", True
        return
    if values[Field.DADDR_TYPE] != _BROADCAST:
        yield _THIS_NETWORK, "0.0.0.0/8 is no source", True
    yield _NO_SOURCE, "multicast and broadcast addresses are no sources", True
    localnet = _setting(around.host.route_localnet, packet.interface)
    if not localnet:
        to_loopback = values[Field.DADDR] is not UNKNOWN and values[Field.DADDR] >> 24 == 127  # noqa: PLR2004
        text = f"route_localnet is off on {packet.interface}: 127.0.0.0/8 does not come from the wire"
        yield everywhere if to_loopback else _LOOPBACK_NET, text, localnet is False
    yield around.own(family) - _LOOPBACK_NET, "its source is an address of this host", True
    mode = _setting(around.host.rp_filter, packet.interface)
    if mode != 0:
        here, unsure = around.behind(family, packet.interface)
        text = f"rp_filter of {packet.interface}: the way back to the source leads elsewhere"
        away = (here | unsure | _LOOPBACK_NET).rest
        if mode == _LOOSE:
            away -= around.reached(family)
        yield away, text, mode is not None
        yield unsure, f"{text}, or not: the routes are not known", False


LINK_LOCAL_STAYS = Ending(
    Verb.REJECT, "a packet of a link-local source is not forwarded to another link", "beyond-scope"
)


def not_forwarded(family: Family, arrives: Value, leaves: Value) -> tuple[Region, bool]:
    """Return the sources that no router sends on, and whether that is certain.

    IPv6 keeps what is link-local on its link: it may go back out where it came in (ip6_forward).
    """
    if family is not Family.IP6 or leaves == arrives:
        return nothing(family), True
    return _LINK_LOCAL6, leaves is not UNKNOWN
