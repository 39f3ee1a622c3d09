"""What a host offers and talks to on the network."""

from datetime import datetime
from enum import StrEnum

from auditor.model.record import Record


class Protocol(StrEnum):
    """Transport protocol."""

    TCP = "tcp"
    UDP = "udp"


class Family(StrEnum):
    """Address family of a socket."""

    IP = "ip"
    IP6 = "ip6"


class Owner(Record, kw_only=True):
    """A process that holds a socket."""

    pid: int
    """Process id in the namespace of the probe."""
    name: str
    """Short name of the process as the source of the socket prints it: hostile text, the pid decides."""


class Listener(Record, kw_only=True):
    """A socket that accepts: listening TCP, or UDP bound without a peer."""

    protocol: Protocol
    """Transport protocol."""
    family: Family
    """Address family of the socket."""
    address: str
    """Bound address in canonical form; ``0.0.0.0`` or ``::`` for all."""
    port: int
    """Bound port."""
    device: str | None = None
    """Network interface it is bound to (``SO_BINDTODEVICE`` or the zone of the address); None for any."""
    owners: tuple[Owner, ...] = ()
    """Processes that hold it; empty when the host did not let us see."""
    uid: int | None = None
    """Number of the user that opened it; None when not printed."""
    inode: int | None = None
    """Inode of the socket (Linux)."""
    namespace: str | None = None
    """Network namespace as ``net:[number]`` when it is not the probe's own; None for the host's."""
    is_v6only: bool | None = None
    """For ``::``, whether IPv4 is excluded; None when not printed."""
    by_kernel: bool = False
    """Whether the kernel itself holds it, so that no process can be named (NFS, WireGuard, VXLAN)."""


class Connection(Record, kw_only=True):
    """A socket with a peer."""

    protocol: Protocol
    """Transport protocol."""
    family: Family
    """Address family of the socket."""
    state: str
    """State in lower case, as the host names it: ``established``, ``time-wait``, …"""
    local_address: str
    """Our end's address."""
    local_port: int
    """Our end's port."""
    remote_address: str
    """The peer's address."""
    remote_port: int
    """The peer's port."""
    owners: tuple[Owner, ...] = ()
    """Processes that hold it; empty when not visible or none is left (``time-wait``)."""
    uid: int | None = None
    """Number of the user that opened it."""
    namespace: str | None = None
    """Network namespace when it is not the probe's own."""


class InterfaceAddress(Record, kw_only=True):
    """An address of a network interface."""

    interface: str
    """Name of the interface."""
    family: Family
    """Address family."""
    address: str
    """The address in canonical form."""
    prefix: int
    """Length of its network prefix in bits."""
    is_up: bool
    """Whether the interface is up."""


class Route(Record, kw_only=True):
    """An entry of a routing table."""

    family: Family
    """Address family."""
    destination: str
    """Destination network as CIDR; ``default`` is written ``0.0.0.0/0`` or ``::/0``."""
    gateway: str | None = None
    """Next hop; None for a network that is on the link."""
    interface: str | None = None
    """Interface it leaves by; None for blackholes and their kind."""
    kind: str = "unicast"
    """``unicast``, ``blackhole``, ``unreachable``, ``prohibit``, …"""
    table: str = "main"
    """Routing table."""


class Link(Record, kw_only=True):
    """A network interface, and what it is tied to."""

    name: str
    """Its name."""
    index: int
    """Its number in its network namespace."""
    is_up: bool
    """Whether it is up."""
    kind: str = ""
    """``veth``, ``macvlan``, ``bridge``, …, where it was asked for; empty for a card of the machine. On Windows
    ``wireless``, ``loopback``, ``tunnel``, ``ppp``, ``mobile``."""
    guid: str | None = None
    """Its identifier, by which firewall rules name it (Windows)."""
    master: str | None = None
    """The bridge or bond that it is a port of."""
    peer: int | None = None
    """Number of the interface at its other end or below it, where that is in another namespace."""
    lower: str | None = None
    """Name of the interface below it, where that is in the same namespace."""
    peer_space: int | None = None
    """The other end's namespace, by the number that this one has for it."""
    peer_space_name: str | None = None
    """The same by its name in ``/run/netns``, which ip prints in place of the number."""

    @property
    def leads_elsewhere(self) -> bool:
        """Tell whether its other end is in another namespace."""
        return self.peer is not None and (self.peer_space is not None or self.peer_space_name is not None)


class ResolvedName(Record, kw_only=True):
    """A name that the host looked up lately, as its cache of DNS has it: evidence of interest, never of absence."""

    name: str
    """The name that was asked for."""
    record: str
    """The name that the record is of, which another record may have led to."""
    kind: int
    """Type of the record by its number: 1 for A, 28 for AAAA, 5 for CNAME."""
    data: str
    """What it says: an address or a name; empty for a name that does not exist."""


class ConnectionTrace(Record, kw_only=True):
    """A record of the host that a program had a connection, whether or not it still runs or lies on the disk."""

    path: str
    """The program as the record names it; it may be no path (``<unknown process>``, ``System``)."""
    user: str
    """Name of the account it ran as; empty where the record does not say."""
    is_initiated: bool
    """Whether the program began the connection; else it was connected to, and the destination is the host itself."""
    address: str
    """Address of the destination."""
    name: str
    """The name that the address was looked up to have, lower case: its owner's word. Empty where it has none."""
    port: int
    """Port of the destination."""
    when: datetime
    """When it was last recorded, UTC."""
    record: str
    """What keeps the record: ``sysmon``."""
    times: int
    """Records of this program and destination that were read, of which this is the newest."""


class NetworkSpace(Record, kw_only=True):
    """A network namespace beside the host's own, in which something listens."""

    id: str
    """``net:[number]``."""
    number: int | None = None
    """The number that the host's namespace has for it (``Link.peer_space``); None where that is not known."""
    names: tuple[str, ...] = ()
    """The names it has in ``/run/netns``."""
    is_alone: bool = False
    """Whether it has no interface but its loopback."""
    links: tuple[Link, ...] = ()
    """Its interfaces."""
    addresses: tuple[InterfaceAddress, ...] = ()
    """Their addresses."""
    routes: tuple[Route, ...] = ()
    """Its routes."""
    settings: tuple[tuple[str, str], ...] = ()
    """Its kernel settings by key, as ``KernelSetting`` has them."""
    missing: tuple[str, ...] = ()
    """What could not be asked: ``ip``, ``nft``, ``iptables_legacy``, …"""
