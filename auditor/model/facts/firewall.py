"""The packet filters that a host has loaded."""

from dataclasses import dataclass
from enum import StrEnum


class Engine(StrEnum):
    """Whose rules a listing holds."""

    NFTABLES = "nftables"
    IPTABLES_LEGACY = "iptables_legacy"
    IPTABLES_NFT = "iptables_nft"
    IPSET = "ipset"
    PF = "pf"
    MACOS_APPLICATION = "macos_application_firewall"
    WINDOWS = "windows_firewall"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallListing:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallFrontend:
    """A program that manages rules for the administrator."""

    name: str
    """``ufw``, ``firewalld``, ``application firewall``, ``Windows Firewall profile Domain``."""
    is_enabled: bool
    """Whether it says of itself that it is on."""
    detail: str
    """The line of its configuration that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsFirewallRule:
    """One rule of the Windows firewall as its registry value holds it."""

    name: str
    """Rule id: the registry value's name."""
    display_name: str
    """What an administrator sees."""
    store: str
    """``local``, ``group_policy``, ``dynamic`` or ``appcontainer``: where it is kept."""
    is_active: bool
    """Whether it is switched on."""
    is_inbound: bool
    """Direction: inbound, else outbound."""
    action: str
    """``allow``, ``block`` or ``bypass``."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsFirewallProfile:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRule:
    """One program's entry in the macOS application firewall."""

    path: str
    """Application or program."""
    allows_incoming: bool
    """Whether it may accept connections."""
