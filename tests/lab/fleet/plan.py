"""What a host is planned to be: its programs, packages, files, accounts and filter, and what of it is remote access."""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

COMM_LENGTH = 15
"""Characters of a process name that the kernel keeps (proc(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """A listening socket."""

    protocol: str = "tcp"
    family: str = "ip"
    address: str = "0.0.0.0"
    port: int
    dual: bool = False
    """For ``::``, whether it takes IPv4 too."""
    reachability: str = ""
    """Who reaches it, where more than the host's own filter decides that: the auditor's word."""
    published: int | None = None
    """Port of the host that is translated to it."""

    @property
    def is_loopback(self) -> bool:
        """Tell whether it is bound to this machine only."""
        return ip_address(self.address).is_loopback


def tcp(port: int, *addresses: str) -> tuple[Socket, ...]:
    """Return TCP sockets on the addresses, or on all of IPv4 and IPv6."""
    return tuple(
        Socket(family="ip6" if ":" in address else "ip", address=address, port=port)
        for address in addresses or ("0.0.0.0", "::")
    )


def udp(port: int, *addresses: str) -> tuple[Socket, ...]:
    """Return UDP sockets on the addresses, or on all of IPv4 and IPv6."""
    return tuple(replace(socket, protocol="udp") for socket in tcp(port, *addresses))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that runs."""

    path: str
    """What ``/proc/PID/exe`` shows."""
    argv: tuple[str, ...] = ()
    """Its arguments, itself first; empty means the path alone."""
    uid: int = 0
    sockets: tuple[Socket, ...] = ()
    """Every socket it listens on."""
    connects: tuple[tuple[str, int], ...] = ()
    """Addresses and ports it is connected to."""
    is_real: bool = False
    """Whether it comes from a layer and makes its sockets itself; else the lab plants it."""
    is_deleted: bool = False
    """Whether its file is removed once it runs."""
    product: str | None = None
    """Catalogue id of what it belongs to."""
    space: str | None = None
    """Network namespace of the host in which it makes its sockets; None for the host's own."""

    @property
    def name(self) -> str:
        """The process name the kernel keeps."""
        return self.path.rpartition("/")[2][:COMM_LENGTH]

    def order(self) -> dict[str, Any]:
        """Say to the host what to start."""
        return {
            "path": self.path,
            "argv": list(self.argv or (self.path,)),
            "uid": self.uid,
            "sockets": [asdict(socket) for socket in self.sockets],
            "space": self.space,
            "connects": [list(place) for place in self.connects],
            "real": self.is_real,
            "deleted": self.is_deleted,
        }


class State(StrEnum):
    """How alive a planted product is: the auditor's own words."""

    RUNNING = "running"
    INSTALLED = "installed"
    RESIDUAL = "residual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A product on a host, and what the lab's policy says of it."""

    product: str
    """Catalogue id."""
    state: State
    is_suspected: bool = False
    """Whether it can be known by its port only."""
    approval: str | None = None
    """Approval of the lab's policy that covers it."""
    lapsed: str | None = None
    """Approval that would cover it if its review were not over."""
    approved_ports: tuple[int, ...] = ()
    """Ports on which that approval lets it listen to the network."""
    product_exception: str | None = None
    """Valid exception for the product being there."""
    listener_exception: str | None = None
    """Valid exception for its listeners."""
    tenant: str | None = None
    """Whose instance it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A service that systemd manages."""

    name: str
    """Unit name with its suffix."""
    enabled: str
    """``enabled``, ``disabled`` or ``masked``."""
    active: bool


class Boot(StrEnum):
    """How a host comes to life."""

    NAMESPACES = "namespaces"
    """Its first process is the lab's own script."""
    NSPAWN = "nspawn"
    """Its first process is the init system of its own root."""


class Become(StrEnum):
    """How ``auditor`` becomes root."""

    SUDO = "sudo"
    DOAS = "doas"
    NOTHING = ""
    """It does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One kind of planted host."""

    id: str
    """Name tests ask for it by."""
    says: str
    """What is special about it, one sentence."""
    layers: tuple[str, ...] = ()
    """Real packages under it."""
    without: tuple[str, ...] = ()
    """Packages of the layers that its dpkg database does not list: built by hand."""
    programs: tuple[Program, ...] = ()
    packages: tuple[str, ...] = ()
    """Further dpkg rows."""
    manager: str = "dpkg"
    """Package manager whose database it has; with another than dpkg it has none of dpkg's."""
    listed: tuple[str, ...] = ()
    """Packages of products that such another manager lists."""
    files: dict[str, str] = field(default_factory=dict)
    """Path to content."""
    links: dict[str, str] = field(default_factory=dict)
    """Path of a symbolic link to its target."""
    hidden: tuple[str, ...] = ()
    """Files of the layers that are not there."""
    copies: dict[str, str] = field(default_factory=dict)
    """New path to the file of a layer that is copied there."""
    filter: str = "none"
    """Packet filter, by its name in ``filters.py``."""
    products: tuple[Planted, ...] = ()
    sudoers: str = ""
    """Lines of a further sudoers file."""
    accounts: tuple[str, ...] = ()
    """Further passwd rows."""
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Group to further members."""
    unix_groups: tuple[str, ...] = ()
    """Further group rows."""
    modes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Path to its permissions, owner and group; what is no file of the role is a folder."""
    open_paths: tuple[str, ...] = ()
    """Folders of programs that others than administrators may write to."""
    undecided: tuple[str, ...] = ()
    """Sections that hold what an auditor cannot work out."""
    execution: dict[str, str] = field(default_factory=dict)
    """Verdict on execution control for what a policy may demand; what is left out is ``fail``."""
    installers: tuple[str, ...] = ()
    """Principals who may install software although the policy does not say so."""
    sudo_password: str | None = None
    """Password that sudo asks ``auditor`` for; None means it asks for none."""
    hostname: str | None = None
    """What the host calls itself, when not its name."""
    groups: tuple[str, ...] = ()
    """Inventory groups."""
    has_background: bool = True
    """Whether the profile's ordinary programs run on it too."""
    units: tuple[Unit, ...] = ()
    """Services that an init system manages; units of hosts with systemd."""
    boot: Boot = Boot.NAMESPACES
    base: str = "bookworm"
    """The tree under its layers, by its name in ``layers.py``."""
    become: Become = Become.SUDO
    ssh_server: str = "/usr/sbin/sshd"
    proc_options: str = ""
    """Options that its ``/proc`` is mounted with."""
    is_read_only: bool = False
    """Whether its root is mounted read-only once it runs."""
    is_first_sshd: bool = False
    """Whether its first process is the SSH server itself."""
