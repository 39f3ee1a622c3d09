"""Whether a step would cut off whoever takes it: asked of the evaluator, on the host's rules as they would be then."""

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from auditor.firewall.decide import decide
from auditor.firewall.dialects.values import keys
from auditor.firewall.loaded import Loaded
from auditor.firewall.reach import Door, Filters
from auditor.firewall.way import Program
from auditor.model.facts.network import Connection, Family, InterfaceAddress, Listener, Owner, Protocol
from auditor.model.facts.processes import Process
from auditor.model.host import ConnectionKind, Host
from auditor.model.plan import Play, Step
from auditor.model.reading import Reading
from auditor.model.record import Record
from auditor.model.ruleset import Action, Base, Field, Hook, Match, Rule, Ruleset, Scalar, Verb, merged
from auditor.run.filters import filters_of

_SSH = 22
_SERVERS = ("sshd", "dropbear", "sshd-session")
_NEEDED = (
    "ssh", "sshd", "dropbear", "networking", "network", "NetworkManager", "systemd-networkd", "dhcpcd", "wicked",
    "nftables", "iptables", "ufw", "firewalld", "dbus", "systemd-logind",
)  # fmt: skip
"""Services without which nobody comes in, or the timed revert does not run."""
_PACKAGES = ("openssh-server", "openssh", "dropbear", "dropbear-bin", "dropbear-run")
_BEFORE = -10
"""Priority of the chain in which ``block_inbound`` puts its rules."""
_NUMBERS = {"tcp": 6, "udp": 17}
_MESH = ("tailscale", "zt", "wg", "nebula", "wt", "ham", "tun")
"""What interfaces of overlay networks begin with, which a product of remote access may bring."""
_DROP = Action(verb=Verb.DROP)
_ACCEPT = Action(verb=Verb.ACCEPT)


class WayIn(Record, kw_only=True):
    """By which the auditor comes in, as the host itself sees it."""

    ports: tuple[int, ...]
    """Ports of the host at which a server of SSH takes us, sorted."""
    sources: tuple[str, ...]
    """Addresses that have a connection there, of which one is ours; sorted, empty where none was seen."""
    addresses: tuple[str, ...]
    """The host's own ends of these connections."""


def way_in(reading: Reading, host: Host) -> WayIn:
    """Return by which ports and from which addresses the auditor comes in."""
    names = {process.pid: process.name for process in reading.of(Process)}

    def is_server(owners: tuple[Owner, ...]) -> bool:
        return any((one.name or names.get(one.pid or 0, "")) in _SERVERS for one in owners)

    ports = {one.port for one in reading.of(Listener) if one.protocol is Protocol.TCP and is_server(one.owners)}
    ports.add(host.port or _SSH)
    taken = [
        one
        for one in reading.of(Connection)
        if one.protocol is Protocol.TCP
        and one.state == "established"
        and one.namespace is None
        and (one.local_port in ports or is_server(one.owners))
    ]
    return WayIn(
        ports=tuple(sorted(ports | {one.local_port for one in taken if is_server(one.owners)})),
        sources=tuple(sorted({_plain(one.remote_address) for one in taken})),
        addresses=tuple(sorted({_plain(one.local_address) for one in taken})),
    )


def lockout(reading: Reading, host: Host, step: Step) -> str | None:
    """Say how a step would cut the auditor off, as a sentence; None where it comes in afterwards as before."""
    if host.connection is ConnectionKind.LOCAL:
        return None
    variables: Any = step.variables
    match step.play:
        case Play.BLOCK_INBOUND:
            return _blocked(reading, way_in(reading, host), variables["ports"], variables.get("allowed", ()))
        case Play.STOP_SERVICE:
            return _stopped([str(one["name"]) for one in variables["services"]]) or _overlay(reading, host, step)
        case Play.REMOVE_PRODUCT:
            wrong = [str(one["name"]) for one in variables["packages"] if one["name"] in _PACKAGES]
            if wrong:
                return f"{wrong[0]} is the server by which the auditor comes in"
            return _overlay(reading, host, step)
    return None


def _stopped(names: list[str]) -> str | None:
    for name in names:
        plain = name.partition(".")[0].partition("@")[0]
        if plain in _NEEDED:
            return f"without {name} nobody comes in again, or the timed revert does not run"
    return None


def _overlay(reading: Reading, host: Host, step: Step) -> str | None:
    """Say when the auditor may come in through the network of the very product that is taken away."""
    ends = way_in(reading, host).addresses
    through = {
        one.interface
        for one in reading.of(InterfaceAddress)
        if one.address.partition("%")[0] in ends and one.interface.startswith(_MESH)
    }
    if through:
        return f"the auditor comes in by {', '.join(sorted(through))}, which may be the network of {step.product}"
    return None


def _blocked(reading: Reading, way: WayIn, ports: Any, allowed: Any) -> str | None:  # noqa: ANN401 — of a plan
    """Ask the evaluator what becomes of the auditor's own first packet once the block stands before all rules."""
    closed = [one["port"] for one in ports if one["protocol"] == "tcp" and one["port"] in way.ports]
    if not closed:
        return None
    if not way.sources:
        return f"port {closed[0]} is the auditor's own way in, and from where it comes was not seen on the host"
    filters = filters_of(reading)
    if filters.program is None:
        return f"port {closed[0]} is the auditor's own way in, and {filters.problem}"
    after = _after(filters, filters.program, _rules(ports, allowed))
    for port in closed:
        for source in way.sources:
            said = _ask(after, port, source)
            if said is not None:
                return f"the auditor comes in from {source} to port {port}, which {said} afterwards"
    return None


def _after(filters: Filters, before: Program, rules: Ruleset) -> Filters:
    """Return the filters as they would be."""
    return replace(filters, program=Program(Loaded(merged(before.ruleset, rules)), before.host), narrow=None)


def _ask(filters: Filters, port: int, source: str) -> str | None:
    """Say what becomes of a first packet that is not let in for certain; None where it is."""
    address = ipaddress.ip_address(source)
    family = Family.IP if address.version == 4 else Family.IP6  # noqa: PLR2004
    anywhere = "0.0.0.0" if family is Family.IP else "::"  # noqa: S104 — asked about, not bound to
    door = Door(protocol=Protocol.TCP, family=family, address=anywhere, port=port)
    asked = [decide(filters.asked(), packet) for _, packet in filters.packets(door, family, int(address))]
    if not asked:
        return "cannot be told to be reached from there"
    wrong = next((one for one in asked if one.verdict is not Verb.ACCEPT), None)
    if wrong is None:
        return None
    return "cannot be told to be open" if wrong.verdict is None else f"is closed to it ({wrong.rule})"


def _rules(ports: Any, allowed: Any) -> Ruleset:  # noqa: ANN401 — of a plan
    """Return what ``block_inbound`` would put before all other rules."""
    chain = "auditor's block"
    rules = (*_let_in(allowed), *_closed(ports))
    base = Base(hook=Hook.INPUT, priority=_BEFORE, policy=_ACCEPT, chain=chain, text="the rules of the plan")
    return Ruleset(bases=(base,), chains={chain: rules})


def _let_in(allowed: Any) -> Iterator[Rule]:  # noqa: ANN401 — of a plan
    yield Rule(steps=(_is(Field.IIF, ("lo", "lo")),), action=_ACCEPT, text="loopback is let in")
    for one in allowed:
        network = ipaddress.ip_network(one, strict=False)
        ends = (int(network.network_address), int(network.broadcast_address))
        yield Rule(
            steps=(_is(Field.FAMILY, (network.version, network.version)), _is(Field.SADDR, ends)),
            action=_ACCEPT,
            text=f"{network} is let in",
        )


def _closed(ports: Any) -> Iterator[Rule]:  # noqa: ANN401 — of a plan
    for one in ports:
        number, port = _NUMBERS[one["protocol"]], one["port"]
        yield Rule(
            steps=(_is(Field.L4PROTO, (number, number)), _is(Field.DPORT, (port, port))),
            action=_DROP,
            text=f"the plan closes {port}/{one['protocol']}",
        )


def _is(field: Field, ends: tuple[Scalar, Scalar]) -> Match:
    return Match(fields=(field,), keys=keys((ends,)))


def _plain(address: str) -> str:
    """Return an address without its zone, and one of IPv4 that is written as IPv6 as what it is."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    mapped = plain.ipv4_mapped if isinstance(plain, ipaddress.IPv6Address) else None
    return str(mapped or plain)
