"""A remote-access product on a host."""

from enum import StrEnum

from auditor.model.breach import Breach
from auditor.model.holdings import Holdings
from auditor.model.record import Record, field


class Category(StrEnum):
    """What kind of remote access a product gives."""

    VNC = "vnc"
    RDP = "rdp"
    RMM = "rmm"
    REMOTE_SUPPORT = "remote-support"
    TUNNEL = "tunnel"
    MESH_VPN = "mesh-vpn"
    IDE_TUNNEL = "ide-tunnel"
    BUILTIN = "builtin"
    CONSOLE = "console"
    CLIENT = "client"


class Role(StrEnum):
    """Which end of a remote session a product is."""

    SERVER = "server"
    """Waits to be connected to."""
    AGENT = "agent"
    """Connects outwards and is then controlled."""
    CLIENT = "client"
    """A viewer: controls others."""
    RELAY = "relay"
    """Stands between the two."""


class SightingState(StrEnum):
    """How alive a product is on the host."""

    RUNNING = "running"
    """A process of it runs or a socket of it listens."""
    INSTALLED = "installed"
    """It is on the disk."""
    RESIDUAL = "residual"
    """Only remains are left, such as configuration of a removed package."""


class Confidence(StrEnum):
    """How sure the catalogue is."""

    CONFIRMED = "confirmed"
    """A strong indicator, or supporting ones of two kinds."""
    SUSPECTED = "suspected"
    """One supporting indicator, or weak ones only."""


class Quote(Record, kw_only=True):
    """A piece of evidence, quoted where it stands."""

    section: str
    """Section it comes from."""
    quote: str
    """What stands there, at most 300 characters: hostile text."""


class Sighting(Record, kw_only=True):
    """One product seen on one host."""

    product: str
    """Catalogue id."""
    name: str
    """Product name for people."""
    category: Category
    """What kind of remote access it gives."""
    role: Role
    """Which end of the session it is."""
    state: SightingState
    """How alive it is."""
    confidence: Confidence
    """How sure the catalogue is."""
    version: str | None = None
    """Installed version, where a package says it."""
    tenant: str | None = None
    """Whose instance it reports to, where it can be told."""
    signers: tuple[str, ...] | None = None
    """Who signed its programs and packages; None where that is not known of all of them."""
    users: tuple[str, ...] | None = None
    """Accounts as which it runs or in whose folders it lies; None where that could not be told of all of it."""
    pids: tuple[int, ...] = ()
    """Its processes, ascending."""
    renamed: tuple[str, ...] = ()
    """Its programs that run, or ran, under a name that is not the product's, each with the one its maker gave it."""
    holdings: Holdings = field(default_factory=Holdings)
    """What of the host is its."""
    perhaps_renamed: tuple[str, ...] = ()
    """The same of a suspected product, where nothing but a signature makes them its programs."""
    sockets: tuple[tuple[str, int], ...] = ()
    """Places, section and line, of the listening sockets it was recognised by."""
    places: frozenset[tuple[str, int]] = frozenset()
    """Places, section and line, of everything it was recognised by."""
    proof: tuple[Quote, ...]
    """What it was recognised by, strongest first."""


class Reachability(StrEnum):
    """Who can reach a listener."""

    LOOPBACK_ONLY = "loopback_only"
    """Bound to this machine only."""
    BLOCKED = "blocked"
    """Certainly filtered from everywhere outside."""
    FROM_NETWORKS = "from_networks"
    """Certainly reachable from the networks named, and from no others."""
    FROM_ANYWHERE = "from_anywhere"
    """Certainly reachable from any source that has a route."""
    UNDECIDED = "undecided"
    """Could not be decided; never to be read as blocked."""


class Belonging(StrEnum):
    """Whose a listening socket is."""

    HOST = "host"
    """The host's own: a program outside of containers, or the kernel."""
    CONTAINER = "container"
    """A container's, in a network of its own or on the host's."""
    PUBLISHED = "published"
    """A proxy's that an engine of containers put there: what comes to it goes on into a container."""
    NAMESPACE = "namespace"
    """A program's in another network namespace of which no container is known."""
    UNKNOWN = "unknown"
    """Nobody's that could be seen: its section is partial."""


class Exposure(Record, kw_only=True):
    """A listener, whose it is, and who can reach it."""

    protocol: str
    """``tcp`` or ``udp``."""
    family: str
    """``ip`` or ``ip6``."""
    address: str
    """Bound address."""
    port: int
    """Bound port."""
    namespace: str | None
    """Network namespace when it is not the host's own."""
    pid: int | None
    """Process id of the first owner."""
    process: str | None
    """Name of the process."""
    executable: str | None
    """Path of its program."""
    user: str | None
    """Account it runs as."""
    product: str | None
    """Catalogue id, where the process is a product's."""
    reachability: Reachability
    """Who can reach it."""
    sources: tuple[str, ...] = ()
    """Networks that reach it, for ``from_networks``."""
    rule: str | None = None
    """The rule or fact that decided."""
    product_name: str | None = None
    """Name of the product for people."""
    approval: str | None = None
    """Id of the approval within whose scope it listens; None when nobody approved it."""
    breach: Breach | None = None
    """That it is outside of the scope of an approval that is for its product; None where there is no such approval."""
    objection: str | None = None
    """Why the approval of its product does not cover this socket; None when there is no such approval."""
    is_suspected: bool = False
    """Whether its product is only suspected."""
    belongs: Belonging = Belonging.HOST
    """Whose it is."""
    container: str | None = None
    """Name of the container it belongs to or leads into; its identifier, cut, where only that is known."""
    image: str | None = None
    """The container's image."""
    published: tuple[str, ...] = ()
    """Places of the host, ``address:port``, that its engine publishes a container's socket at."""
    proof: Quote | None = None
    """The line of evidence it was read from."""
