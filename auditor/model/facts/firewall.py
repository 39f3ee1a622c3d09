"""The packet filters that a host has loaded."""

from enum import StrEnum

from auditor.model.record import Record


class Engine(StrEnum):
    """Whose rules a listing holds."""

    NFTABLES = "nftables"
    IPTABLES_LEGACY = "iptables_legacy"
    IPTABLES_NFT = "iptables_nft"
    IPSET = "ipset"
    PF = "pf"
    MACOS_APPLICATION = "macos_application_firewall"
    WINDOWS = "windows_firewall"


class FirewallListing(Record, kw_only=True):
    """What one engine has loaded, counted; the text stays in the section it came from."""

    engine: Engine
    """Whose rules these are."""
    family: str
    """``any``, ``ip`` or ``ip6``: which packets they can concern."""
    section: str
    """Section that holds the text."""
    hooks: int
    """Base chains (nftables) or built-in chains with a rule or a policy other than accept (iptables)."""
    rules: int
    """Rules loaded."""
    drops_by_default: bool
    """Whether any hook ends in drop."""

    @property
    def filters(self) -> bool:
        """Tell whether it could stop a packet at all."""
        return self.hooks > 0 and (self.rules > 0 or self.drops_by_default)


class FirewallFrontend(Record, kw_only=True):
    """A program that manages rules for the administrator."""

    name: str
    """``ufw``, ``firewalld``, ``application firewall``, ``Windows Firewall profile Domain``."""
    is_enabled: bool
    """Whether it says of itself that it is on."""
    detail: str
    """The line of its configuration that says so."""


class WindowsFirewallRule(Record, kw_only=True):
    """One rule of the Windows firewall as its registry value holds it."""

    name: str
    """Rule id: the registry value's name."""
    display_name: str
    """What an administrator sees."""
    store: str
    """Where it is kept: ``local``, ``mdm``, ``group_policy``, ``hardening_static``, ``hardening``, ``appcontainer``."""
    is_active: bool
    """Whether it is switched on."""
    is_inbound: bool
    """Direction: inbound, else outbound."""
    action: str
    """``allow``, ``block`` or ``bypass``; empty where it is none of these."""
    profiles: tuple[str, ...] = ()
    """Profiles it holds in; empty means all."""
    protocol: int | None = None
    """IP protocol number; None means any."""
    local_ports: tuple[str, ...] = ()
    """Ports, ranges and keywords (``RPC``, ``IPHTTPS``); empty means any."""
    remote_ports: tuple[str, ...] = ()
    """The far end's ports; empty means any."""
    local_addresses: tuple[str, ...] = ()
    """Networks and ranges of this end; empty means any."""
    remote_addresses: tuple[str, ...] = ()
    """Networks, ranges and keywords (``LocalSubnet``) of the far end; empty means any."""
    program: str | None = None
    """Program it is limited to; None means any."""
    service: str | None = None
    """Service it is limited to; None means any."""
    interface_types: tuple[str, ...] = ()
    """``Lan``, ``Wireless``, ``RemoteAccess``; empty means any."""
    interfaces: tuple[str, ...] = ()
    """Interfaces it is limited to, by their GUIDs; empty means any."""
    icmp: tuple[str, ...] = ()
    """Types and codes of ICMP or ICMPv6 as ``8:*``; empty means any."""
    packages: tuple[str, ...] = ()
    """Application packages it is limited to, as ``AppPkgId=S-1-15-2-…`` or ``PFN=…``."""
    security: tuple[str, ...] = ()
    """What of IPsec it asks of the peer, key and value: ``Security=Authenticate``, ``RMAuth=…``; empty for nothing."""
    users: tuple[str, ...] = ()
    """Local users it is limited to, key and value: ``LUAuth=…``, ``LUOwn=…``."""
    conditions: tuple[str, ...] = ()
    """Other conditions that are known and not modelled, key and value: ``TTK2_22=…``, ``Platform=…``."""
    version: str = ""
    """Version of the grammar that it is written in, as ``2.31``."""
    unread: tuple[str, ...] = ()
    """Keys and values that are not understood: the rule is understood in part only."""
    crosses_edge: bool = False
    """Whether it also lets in what comes through a tunnel such as Teredo (``Edge=TRUE``), whoever listens."""


class WindowsFirewallProfile(Record, kw_only=True):
    """One of the three profiles of the Windows firewall."""

    name: str
    """``domain``, ``private`` or ``public``."""
    is_enabled: bool
    """Whether filtering is on; off means that all is allowed."""
    blocks_inbound: bool
    """Whether inbound traffic without a rule is blocked."""
    blocks_outbound: bool
    """Whether outbound traffic without a rule is blocked."""
    allows_local_rules: bool
    """Whether rules of the local store count beside those of group policy."""
    is_connected: bool | None = None
    """Whether a connected network is in this profile; None when not known."""
    blocks_all_inbound: bool = False
    """Whether rules that allow are ignored (``DoNotAllowExceptions``)."""


class ConnectedNetwork(Record, kw_only=True):
    """A network that an interface of a Windows host is connected to, and the profile that holds there."""

    interface: str
    """Alias of the interface."""
    index: int
    """Number of the interface."""
    profile: str
    """``domain``, ``private`` or ``public``."""


class FirewallProduct(Record, kw_only=True):
    """A firewall of another maker that is registered with the Windows Security Center."""

    name: str
    """What it calls itself."""
    state: str
    """``productState`` as it is given, which Microsoft does not document."""


class PortProxy(Record, kw_only=True):
    """A port of a Windows host that ``netsh interface portproxy`` relays to another address."""

    kind: str
    """``v4tov4``, ``v4tov6``, ``v6tov4`` or ``v6tov6``."""
    address: str
    """Address it listens on; ``*`` for all."""
    port: str
    """Port it listens on."""
    target: str
    """Where it relays to, as ``address/port``."""


class ApplicationRule(Record, kw_only=True):
    """One program's entry in the macOS application firewall."""

    path: str
    """Application or program."""
    allows_incoming: bool
    """Whether it may accept connections."""
