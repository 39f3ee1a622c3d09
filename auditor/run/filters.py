"""The packet filters of a host, read from its evidence and made ready to be asked who reaches what."""

import ipaddress
from functools import lru_cache

from auditor.firewall.dialects.registry import dialects
from auditor.firewall.loaded import Loaded
from auditor.firewall.reach import Filters
from auditor.firewall.way import Program
from auditor.model.evidence import Outcome
from auditor.model.facts.network import Family, InterfaceAddress, Route
from auditor.model.facts.system import KernelSetting
from auditor.model.host import OsFamily
from auditor.model.packet import HostNetwork
from auditor.model.reading import Reading
from auditor.model.ruleset import merged

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
    return Filters(program=Program(loaded, host_network(reading)))


def _text(reading: Reading, name: str) -> str | None:
    """Return a section's text; None when it holds none that is whole."""
    section = reading.sections.get(name)
    if section is None or section.outcome is not Outcome.COLLECTED:
        return None
    return "\n".join(section.lines) + "\n"


@lru_cache(maxsize=32)
def _loaded(os: OsFamily, texts: tuple[tuple[str, str], ...]) -> Loaded:
    """Read a ruleset once: hosts of one build have the same."""
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
    addresses: dict[str, list[tuple[Family, int, int | None]]] = {}
    listed = reading.sections.get("network.interfaces")
    is_whole = listed is not None and listed.outcome in _WITH_ADDRESSES and not listed.unread
    for one in reading.of(InterfaceAddress):
        if one.is_up and is_whole:
            entry = (one.family, int(ipaddress.ip_address(one.address.partition("%")[0])), one.prefix)
            addresses.setdefault(one.interface, []).append(entry)
    settings = {one.key: one.value for one in reading.of(KernelSetting)}
    return HostNetwork(
        addresses={name: tuple(entries) for name, entries in addresses.items()},
        routes=None if listed is None or listed.outcome.is_gap else reading.of(Route),
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
