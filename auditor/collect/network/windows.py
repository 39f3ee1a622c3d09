"""Interfaces of Windows, their addresses and routes, and which of them take or pass on what is not meant for them.

``Get-NetIPAddress`` and its kin where they are there (Windows 8, Server 2012), else WMI's classes of network cards,
which know neither the loopback interface nor routes of IPv6. Sources: learn.microsoft.com, MSFT_NetIPInterface,
MSFT_NetIPAddress, MSFT_NetRoute, MSFT_NetAdapter, Win32_NetworkAdapterConfiguration; IANA ifType for InterfaceType.
"""

import ipaddress
from dataclasses import dataclass, field

from auditor.collect.collector import Collector, number_of, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.network import Family, InterfaceAddress, Link, Route
from auditor.model.facts.system import KernelSetting
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_WINDOWS = r"""
if ((Have 'Get-NetIPAddress') -and (Have 'Get-NetRoute') -and (Have 'Get-NetIPInterface')) {
    foreach ($one in @(Get-NetIPInterface)) {
        Row 'interface' $one.InterfaceIndex $one.AddressFamily $one.ConnectionState $one.Forwarding `
            $one.WeakHostReceive $one.InterfaceAlias
    }
    if (Have 'Get-NetAdapter') {
        foreach ($one in @(Get-NetAdapter -IncludeHidden)) {
            Row 'adapter' $one.InterfaceIndex $one.InterfaceType $one.InterfaceGuid $one.InterfaceDescription
        }
    }
    foreach ($one in @(Get-NetIPAddress)) {
        Row 'address' $one.InterfaceIndex $one.IPAddress $one.PrefixLength $one.AddressState
    }
    foreach ($one in @(Get-NetRoute)) { Row 'route' $one.InterfaceIndex $one.DestinationPrefix $one.NextHop }
    Row 'asked'
}
else {
    Partial 'Get-NetIPAddress is not there: WMI lists neither the loopback interface nor routes of IPv6'
    $names = @{}
    $wanted = @('InterfaceIndex', 'NetConnectionID')
    foreach ($one in @(Get-CimInstance -ClassName Win32_NetworkAdapter -Property $wanted)) {
        $names[[string]$one.InterfaceIndex] = $one.NetConnectionID
    }
    foreach ($one in @(Get-CimInstance -ClassName Win32_NetworkAdapterConfiguration -Filter 'IPEnabled=True')) {
        $name = $names[[string]$one.InterfaceIndex]
        if (-not $name) { $name = $one.Description }
        Row 'card' $one.InterfaceIndex $one.SettingID $name
        $at = 0
        foreach ($address in @($one.IPAddress)) {
            Row 'subnet' $one.InterfaceIndex $address $one.IPSubnet[$at]
            $at = $at + 1
        }
    }
    foreach ($one in @(Get-CimInstance -ClassName Win32_IP4RouteTable)) {
        Row 'route' $one.InterfaceIndex "$($one.Destination)/$($one.Mask)" $one.NextHop
    }
    Row 'asked'
}
"""

_KINDS = {"interface": 6, "adapter": 4, "address": 4, "route": 3, "card": 3, "subnet": 3, "asked": 0}
_FAMILIES = {"IPv4": Family.IP, "2": Family.IP, "IPv6": Family.IP6, "23": Family.IP6}
_STATES = {"Connected": True, "Disconnected": False}
_SWITCHES = {"Enabled": "1", "Disabled": "0"}
# An address that is invalid or a duplicate is not in use (MSFT_NetIPAddress.AddressState).
_UNUSED = ("Invalid", "0", "Duplicate", "2")
_USED = ("Tentative", "1", "Deprecated", "3", "Preferred", "4")
# IANA ifType, where it is not that of an ordinary card (6).
_TYPES = {
    "": "",
    "6": "",
    "23": "ppp",
    "24": "loopback",
    "71": "wireless",
    "131": "tunnel",
    "243": "mobile",
    "244": "mobile",
}
_ON_LINK = ("0.0.0.0", "::")  # noqa: S104 — read, not bound
_MULTICAST = (ipaddress.ip_network("224.0.0.0/4"), ipaddress.ip_network("ff00::/8"))
_BROADCAST = "255.255.255.255/32"

_Fact = InterfaceAddress | Link | Route | KernelSetting


@dataclass(slots=True, kw_only=True)
class _Interface:
    """One interface while its rows go by."""

    number: int
    name: str
    is_up: dict[Family, bool] = field(default_factory=dict)


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, _Fact]] = field(default_factory=list)
    interfaces: dict[int, _Interface] = field(default_factory=dict)
    types: dict[int, tuple[str, str]] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)

    def take(self, number: int, kind: str, rest: list[str]) -> None:
        """Read one row; ValueError for what is none."""
        index = number_of(rest[0], "interface")
        if kind == "interface":
            self._take_interface(number, index, rest)
        elif kind == "card":
            name = self._name(index, rest[2])
            self.interfaces[index] = _Interface(number=number, name=name, is_up={Family.IP: True, Family.IP6: True})
            self.types[index] = ("", rest[1])
        elif kind == "adapter":
            kind = str(number_of(rest[1], "type of interface")) if rest[1] else ""
            self.types[index] = (_TYPES.get(kind, f"type {kind}"), rest[2])
        elif kind == "route":
            self._take_route(number, index, rest)
        else:
            self._take_address(number, index, rest)

    def _take_interface(self, number: int, index: int, rest: list[str]) -> None:
        _, family, state, forwarding, weak, name = rest
        if family not in _FAMILIES or state not in _STATES:
            message = f"unknown family {family[:20]!r} or state {state[:20]!r}"
            raise ValueError(message)
        found = self.interfaces.setdefault(index, _Interface(number=number, name=self._name(index, name)))
        found.is_up[_FAMILIES[family]] = _STATES[state]
        for key, value in (("forwarding", forwarding), ("weak_host_receive", weak)):
            if value not in _SWITCHES:
                message = f"unknown state {value[:20]!r} of {key}"
                raise ValueError(message)
            setting = f"windows.{_FAMILIES[family]}.{found.name}.{key}"
            self.facts.append((number, KernelSetting(key=setting, value=_SWITCHES[value])))

    def _name(self, index: int, alias: str) -> str:
        """Return the name of an interface, which is an administrator's choice: none may pass for another."""
        # Of this name is the loopback interface elsewhere.
        name = f"{alias} (interface {index})" if alias == "lo" else alias
        if not name or self.named.setdefault(name, index) != index:
            message = "an interface without a name, or with that of another"
            raise ValueError(message)
        return name

    def _take_address(self, number: int, index: int, rest: list[str]) -> None:
        if rest[3:] and rest[3] not in (*_USED, *_UNUSED):
            message = f"unknown state {rest[3][:20]!r} of an address"
            raise ValueError(message)
        interface = self._named(index)
        network = ipaddress.ip_interface(f"{rest[1].partition('%')[0]}/{rest[2]}")
        family = Family.IP if network.version == 4 else Family.IP6  # noqa: PLR2004 — the protocol's own number
        self.own.add(str(network.ip))
        if family is Family.IP:
            self.networks.add(f"{network.network.broadcast_address}/32")
        self.facts.append((
            number,
            InterfaceAddress(
                interface=interface.name,
                family=family,
                address=str(network.ip),
                prefix=network.network.prefixlen,
                is_up=interface.is_up.get(family, False) and rest[3:] not in [[state] for state in _UNUSED],
            ),
        ))  # fmt: skip

    def _take_route(self, number: int, index: int, rest: list[str]) -> None:
        network = ipaddress.ip_network(rest[1], strict=False)
        hop = str(ipaddress.ip_address(rest[2].partition("%")[0]))
        # A route may be of an interface that is not there now, and WMI does not list the loopback's.
        interface = self.interfaces.get(index)
        self.facts.append((
            number,
            Route(
                family=Family.IP if network.version == 4 else Family.IP6,  # noqa: PLR2004 — the protocol's own number
                destination=str(network),
                gateway=None if hop in _ON_LINK or hop in self.own else hop,
                interface=f"interface {index}" if interface is None else interface.name,
                kind=self._kind(network),
            ),
        ))  # fmt: skip

    def _kind(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
        """Tell what Windows adds for itself from a way out: addresses stand before routes in the answer."""
        text = str(network)
        if any(network.version == one.version and network.subnet_of(one) for one in _MULTICAST):  # type: ignore[arg-type]
            return "multicast"
        if network.prefixlen == network.max_prefixlen and str(network.network_address) in self.own:
            return "local"
        return "broadcast" if text == _BROADCAST or text in self.networks else "unicast"

    def _named(self, index: int) -> _Interface:
        if index not in self.interfaces:
            message = f"interface {index} is not listed"
            raise ValueError(message)
        return self.interfaces[index]

    def links(self) -> list[tuple[int, _Fact]]:
        """Return the interfaces themselves."""
        found: list[tuple[int, _Fact]] = []
        for index, one in self.interfaces.items():
            kind, guid = self.types.get(index, ("", ""))
            link = Link(name=one.name, index=index, is_up=any(one.is_up.values()), kind=kind, guid=guid or None)
            found.append((one.number, link))
        return found


def _parse(text: str) -> Parsed:
    """Read interfaces, then addresses, then routes."""
    reader = _Reader()
    strange: list[Unread] = []
    missing = take_rows(text, _KINDS, reader.take, strange)
    if not any(isinstance(fact, InterfaceAddress) for _, fact in reader.facts):
        missing = missing or "no address is listed"
    return Parsed(facts=(*reader.links(), *reader.facts), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="network.windows",
    facts=(InterfaceAddress, Link, Route, KernelSetting),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="See that `Get-NetIPAddress`, `Get-NetIPInterface` and `Get-NetRoute` answer on the host.",
    holds_secrets=False,
)
