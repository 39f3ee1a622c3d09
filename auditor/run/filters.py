"""The packet filters of a host, read from its evidence and made ready to be asked who reaches what."""

import contextlib
import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from auditor.collect.sockets.spaces import listings
from auditor.firewall.dialects.counters import says_the_same, uncounted
from auditor.firewall.dialects.registry import dialects
from auditor.firewall.loaded import Loaded
from auditor.firewall.reach import Filters
from auditor.firewall.settled import Holder, conditions, held_by, settled
from auditor.firewall.spaces import Space, ways
from auditor.firewall.way import Program
from auditor.model.evidence import Outcome
from auditor.model.facts.network import Family, InterfaceAddress, Link, NetworkSpace, Route
from auditor.model.facts.system import KernelSetting
from auditor.model.host import OsFamily
from auditor.model.packet import HostNetwork
from auditor.model.reading import Reading
from auditor.model.ruleset import Truth, merged

_LOOPBACK_OF_MACOS = "lo0"
_KEPT_LENGTH = 262_144
_WITH_ADDRESSES = (Outcome.COLLECTED, Outcome.PARTIAL)


def filters_of(reading: Reading) -> Filters:
    """Return the filters of a host; without a program, and with the reason, where they could not be read in full."""
    mine = [dialect for dialect in dialects().values() if dialect.os is reading.os]
    engines = [name for dialect in mine for name in dialect.engines]
    if not mine or any((one := reading.sections.get(name)) is None or one.outcome.is_gap for name in engines):
        return Filters(program=None, problem="the packet filters could not be read in full")
    names = dict.fromkeys(name for dialect in mine for name in (*dialect.engines, *dialect.beside))
    texts = tuple((name, text) for name in names if (text := _text(reading, name)) is not None)
    try:
        # A long listing is not kept: what one host sends must not take the memory that another's needs.
        is_kept = sum(len(text) for _, text in texts) <= _KEPT_LENGTH
        loaded = _loaded(reading.os, texts) if is_kept else _load(reading.os, texts)
    except ValueError as error:
        return Filters(program=None, problem=f"the packet filters could not be read: {error}")
    if reading.os is OsFamily.WINDOWS:
        return _narrowed(loaded, windows_network(reading))
    if reading.os is OsFamily.MACOS:
        return _narrowed(loaded, macos_network(reading))
    return Filters(program=Program(loaded, host_network(reading)), spaces=_spaces(reading))


def _narrowed(loaded: Loaded, network: HostNetwork) -> Filters:
    """Return filters whose rules ask who holds a socket: made when asked for, once for all whom they treat alike."""
    made: dict[tuple[Truth, ...], Filters] = {}
    asked = conditions(loaded.ruleset)

    def narrow(holder: Holder) -> Filters:
        answers = tuple(held_by(one, holder) for one in asked)
        if answers not in made:
            made[answers] = Filters(program=Program(settled(loaded.ruleset, holder, network), network))
        return made[answers]

    return Filters(program=Program(settled(loaded.ruleset, None, network), network), narrow=narrow)


def _spaces(reading: Reading) -> dict[str, Space]:
    """Return the other network namespaces of a host, each with the rules that are loaded in it."""
    found = reading.of(NetworkSpace)
    section = reading.sections.get("sockets.ss")
    if not found or section is None:
        return {}
    texts = listings(section.lines)
    if section.unread:
        return {one.id: Space(problem="of which not all was understood") for one in found}
    return {one.id: _space(reading, one, texts.get(one.id, {})) for one in found}


def _space(reading: Reading, space: NetworkSpace, texts: dict[str, str]) -> Space:
    if space.is_alone:
        return Space(is_alone=True)
    if space.missing:
        return Space(problem=f"in which {' and '.join(space.missing)} could not be asked")
    known, doubts = ways(space, reading.of(Link))
    try:
        loaded = _loaded(reading.os, tuple(texts.items()))
    except ValueError as error:
        return Space(problem=f"whose packet filters could not be read: {error}")
    network = network_of(space.addresses, space.routes, dict(space.settings))
    return Space(program=Program(loaded, network), ways=known, doubts=doubts)


def _text(reading: Reading, name: str) -> str | None:
    """Return a section's text; None when it holds none that is whole."""
    section = reading.sections.get(name)
    if section is None or section.outcome is not Outcome.COLLECTED:
        return None
    return "\n".join(section.lines) + "\n"


def _loaded(os: OsFamily, texts: tuple[tuple[str, str], ...]) -> Loaded:
    """Read a ruleset once: hosts of one build have the same, but for what its rules have counted."""
    plain = tuple(uncounted(dict(texts)).items())
    if plain != texts:
        # Where a text is wrong is told by the text as it came.
        with contextlib.suppress(ValueError):
            return _loaded_before(os, plain, is_without_counts=True)
    return _loaded_before(os, texts)


@lru_cache(maxsize=32)
def _loaded_before(os: OsFamily, texts: tuple[tuple[str, str], ...], *, is_without_counts: bool = False) -> Loaded:
    if is_without_counts and not says_the_same(dict(texts)):
        raise ValueError("what it counts is not what its rules have counted")
    return _load(os, texts)


def _load(os: OsFamily, texts: tuple[tuple[str, str], ...]) -> Loaded:
    """Read all that is loaded into one ruleset."""
    by_name = dict(texts)
    return Loaded(merged(*(dialect.read(by_name) for dialect in dialects().values() if dialect.os is os)))


def host_network(reading: Reading) -> HostNetwork:
    """Return what the evidence says of a host's addresses, routes and the settings that bear on packets.

    Addresses of which a line was not understood are as good as none: an interface that is missing may be the one that
    is open. Without ip, /proc shows all addresses and some of the routes.
    """
    listed = reading.sections.get("network.interfaces")
    is_whole = listed is not None and listed.outcome in _WITH_ADDRESSES and not listed.unread
    return network_of(
        reading.of(InterfaceAddress) if is_whole else (),
        None if listed is None or listed.outcome.is_gap else reading.of(Route),
        {one.key: one.value for one in reading.of(KernelSetting)},
    )


def windows_network(reading: Reading) -> HostNetwork:
    """Return what the evidence says of a Windows host's addresses, and how Windows routes.

    Loopback addresses do not come from the wire, and sources are not checked against routes. That an interface takes
    packets for its own addresses only (the strong host model, the default) can be switched off, and is not relied on.
    """
    forwards: dict[Family, bool | None] = {Family.IP: None, Family.IP6: None}
    return _plain_network(reading, "network.windows", forwards, loopback=None, takes_loopback=False)


def macos_network(reading: Reading) -> HostNetwork:
    """Return what the evidence says of a macOS host's addresses, routes and forwarding.

    Sources are not checked against routes. What pf has translated to 127.0.0.1 is taken from the wire: the kernel looks
    at loopback addresses before pf does (ip_input of Darwin).
    """
    settings = {one.key: one.value for one in reading.of(KernelSetting)}
    forwards = {
        Family.IP: _switch(settings.get("net.inet.ip.forwarding")),
        Family.IP6: _switch(settings.get("net.inet6.ip6.forwarding")),
    }
    return _plain_network(reading, "network.macos", forwards, loopback=_LOOPBACK_OF_MACOS, takes_loopback=True)


def _plain_network(
    reading: Reading,
    section: str,
    forwards: dict[Family, bool | None],
    *,
    loopback: str | None,
    takes_loopback: bool,
) -> HostNetwork:
    """Return a host's network where no setting of an interface bears on packets; ``loopback`` has a name of its own."""
    listed = reading.sections.get(section)
    is_whole = listed is not None and listed.outcome is Outcome.COLLECTED and not listed.unread
    addresses: dict[str, list[tuple[Family, int, int | None]]] = {}
    for one in reading.of(InterfaceAddress) if is_whole else ():
        plain = ipaddress.ip_address(one.address.partition("%")[0])
        name = "lo" if plain.is_loopback or one.interface == loopback else one.interface
        if one.is_up:
            addresses.setdefault(name, []).append((one.family, int(plain), one.prefix))
    routes = reading.of(Route) if is_whole else ()
    return HostNetwork(
        addresses={name: tuple(entries) for name, entries in addresses.items()},
        kinds={link.name: link.kind for link in reading.of(Link)} if is_whole else {},
        routes=routes or None,
        forwards=forwards,
        rp_filter={"": 0},
        route_localnet={"": takes_loopback},
    )


def network_of(
    found: Iterable[InterfaceAddress], routes: tuple[Route, ...] | None, settings: dict[str, str]
) -> HostNetwork:
    """Return what addresses, routes and settings mean for packets."""
    addresses: dict[str, list[tuple[Family, int, int | None]]] = {}
    for one in found:
        if one.is_up:
            entry = (one.family, int(ipaddress.ip_address(one.address.partition("%")[0])), one.prefix)
            addresses.setdefault(one.interface, []).append(entry)
    return HostNetwork(
        addresses={name: tuple(entries) for name, entries in addresses.items()},
        routes=routes,
        forwards={
            Family.IP: _switch(settings.get("net.ipv4.ip_forward")),
            Family.IP6: _switch(settings.get("net.ipv6.conf.all.forwarding")),
        },
        rp_filter=_by_interface(settings, "rp_filter"),
        route_localnet={
            name: None if value is None else value > 0
            for name, value in _by_interface(settings, "route_localnet").items()
        },
        # Without the module there is no tracking, and no rule that asks for it.
        is_loose=_switch(settings.get("net.netfilter.nf_conntrack_tcp_loose", "1")),
    )


def _switch(value: str | None) -> bool | None:
    return None if value is None else value != "0"


def _by_interface(settings: dict[str, str], name: str) -> dict[str, int | None]:
    """Return a setting of IPv4 by interface: the larger of its own and that for all counts."""
    head, tail = "net.ipv4.conf.", f".{name}"
    found = {
        key.removeprefix(head).removesuffix(tail).replace("/", "."): int(value)
        for key, value in settings.items()
        if key.startswith(head) and key.endswith(tail)
    }
    if not found:
        return {"": None}
    every = found.pop("all", 0)
    made: dict[str, int | None] = {"": max(found.pop("default", 0), every)}
    made.update({interface: max(value, every) for interface, value in found.items()})
    return made
