"""Other network namespaces of a host, and by which of its interfaces a packet goes on to them."""

from collections.abc import Sequence

from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Link, NetworkSpace
from auditor.model.record import Record

_LOOPBACK = "lo"


class Space(Record, kw_only=True):
    """A network namespace, ready to be asked."""

    is_alone: bool = False
    """Whether it has no interface but its loopback."""
    program: Program | None = None
    """The rules that are loaded in it, on its addresses; None where they could not be read."""
    problem: str = ""
    """Why not."""
    ways: tuple[tuple[str, str], ...] = ()
    """Its interfaces to which this host sends packets on, each with the host's own interface that they leave by."""
    doubts: tuple[str, ...] = ()
    """What else its interfaces are tied to, a clause each: packets can come past this host's filters, or it is not
    known how they come."""

    def addresses(self, family: Family) -> list[tuple[str, str, int]]:
        """Return by which of its interfaces and which of the host's each of its addresses is reached."""
        held = {} if self.program is None else self.program.host.addresses
        return [
            (inner, outer, address)
            for inner, outer in self.ways
            for kind, address, _ in held.get(inner, ())
            if kind is family
        ]


def ways(space: NetworkSpace, links: Sequence[Link]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return a namespace's interfaces with those of the host's that packets to them leave by, and what is in doubt.

    ``links`` are the host's. Only one end of a pair (veth) whose other end is the host's own is sent what the host
    has filtered, and if that end is a port of a bridge, only where nothing but such pairs is on the bridge.
    """
    known: list[tuple[str, str]] = []
    doubts: list[str] = []
    for link in space.links:
        if link.name == _LOOPBACK or not link.is_up:
            continue
        found, doubt = _way(space, link, links)
        if found:
            known.append((link.name, found))
        if doubt:
            doubts.append(doubt)
    return tuple(known), tuple(doubts)


def _way(space: NetworkSpace, link: Link, links: Sequence[Link]) -> tuple[str, str]:
    """Return the host's interface that leads to one of a namespace's, or what is in doubt; neither where it is down."""
    end = next((one for one in links if one.index == link.peer and one.peer == link.index), None)
    if link.kind != "veth":
        what = f"is a {link.kind}" if link.kind else "is a card of the machine"
        doubt = f"its interface {link.name} {what}, to which packets come past this host's filters"
    elif space.number is None and not space.names:
        doubt = f"which of this host's interfaces its {link.name} is tied to is not known: lsns tells"
    elif end is None or not (
        end.peer_space_name in space.names if end.peer_space is None else end.peer_space == space.number
    ):
        doubt = f"its interface {link.name} is tied to yet another network namespace"
    elif not end.is_up:
        return "", ""
    elif end.master is None:
        return end.name, ""
    else:
        return _over_bridge(link, end.master, links)
    return "", doubt


def _over_bridge(link: Link, name: str, links: Sequence[Link]) -> tuple[str, str]:
    """Return the bridge by which packets go on to a namespace's interface, or what is in doubt."""
    bridge = next((one for one in links if one.name == name), None)
    if bridge is None:
        return "", f"its interface {link.name} is tied to {name}, which is not known"
    other = next((one for one in links if one.master == name and not one.leads_elsewhere), None)
    if other is not None:
        where = f"on the bridge {name} with {other.name}"
        return "", f"its interface {link.name} is {where}, so that packets come to it past this host's filters"
    return (name, "") if bridge.is_up else ("", "")
