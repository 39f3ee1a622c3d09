"""Which sources reach a port of a host, by which rule: the answer of ``auditor firewall explain``."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from auditor.catalogue.belonging import Belongings, Owned
from auditor.firewall.access import Access
from auditor.firewall.decide import decide
from auditor.firewall.reach import Door, Filters
from auditor.firewall.regions import region_texts
from auditor.model.facts.containers import Container
from auditor.model.facts.firewall import FirewallFrontend, PortProxy
from auditor.model.facts.network import Family, Listener, Protocol
from auditor.model.facts.processes import Process
from auditor.model.reading import Reading
from auditor.model.ruleset import Verb
from auditor.model.sighting import Belonging
from auditor.run.holders import Holders

Row = dict[str, Any]

_ANY = {Family.IP: "0.0.0.0", Family.IP6: "::"}  # noqa: S104 — asked about, not bound to
_WORDS = {Verb.ACCEPT: "reaches it", Verb.DROP: "is dropped", Verb.REJECT: "is rejected", None: "cannot be told"}


def for_holder(filters: Filters, reading: Reading, protocol: Protocol, port: int) -> Filters:
    """Return filters as they are for whoever listens on a port, where that is one holder and rules ask for it."""
    if filters.narrow is None:
        return filters
    held = Holders(reading)
    found = {held.of(one) for one in reading.of(Listener) if (one.protocol, one.port) == (protocol, port)}
    return filters.held_by(found.pop()) if len(found) == 1 else filters


def explain_port(filters: Filters, protocol: Protocol, port: int) -> list[Row]:
    """Return a row for each family and answer: the networks that reach a port, that do not, and that cannot be told."""
    return [
        row
        for family in filters.families
        if (access := filters.access(Door(protocol=protocol, family=family, address=_ANY[family], port=port), family))
        for row in _rows(family, access)
    ]


def _rows(family: Family, access: Access) -> Iterator[Row]:
    sources = access.sources
    refused = sources.refused - sources.allowed - sources.unknown
    parts = (
        ("reaches it", access.networks, sources.accepting),
        ("cannot be told", region_texts(sources.unknown, family), sources.doubt),
        ("does not reach it", region_texts(sources.blocked - refused, family), sources.blocking),
    )
    for word, networks, rule in parts:
        if networks:
            shown = ["anywhere"] if word == "reaches it" and access.is_open else list(networks)
            yield {"family": family.value, "sources": shown, "answer": word, "rule": rule}
            if word == "reaches it" and access.is_open:
                return


def explain_source(filters: Filters, protocol: Protocol, port: int, source: str) -> list[Row]:
    """Return a row for each interface a source may come by: what becomes of its first packet, and by which rule."""
    address = ipaddress.ip_address(source)
    family = Family.IP if address.version == 4 else Family.IP6  # noqa: PLR2004
    door = Door(protocol=protocol, family=family, address=_ANY[family], port=port)
    rows: list[Row] = []
    for interface, packet in filters.packets(door, family, int(address)):
        outcome = decide(filters.asked(), packet)
        rows.append(
            {
                "family": family.value,
                "sources": [str(address)],
                "interface": interface,
                "answer": _WORDS[outcome.verdict],
                "rule": outcome.rule,
            }
        )
    return rows


def _nobody(socket: Listener) -> str:
    return "the kernel" if socket.by_kernel else "a process that was not seen"


def _called(name: str | None, image: str | None) -> str:
    called = f"container {name}" if name else "a container"
    return f"{called} ({image})" if image else called


def _whose(owned: Owned) -> str:
    """Say whose a socket is, as the end of a sentence."""
    called = _called(owned.container, owned.image)
    at = f", published at {' and '.join(owned.published)}" if owned.published else ""
    return {
        Belonging.CONTAINER: f" in {called}{at}",
        Belonging.PUBLISHED: f" for {called}",
        Belonging.NAMESPACE: " in another network namespace",
    }.get(owned.belongs, "")


def surroundings(reading: Reading, protocol: Protocol, port: int) -> list[str]:
    """Return sentences about what stands around the filters: who listens there, and which program loads the rules."""
    belongings = Belongings(reading)
    names = {process.pid: process.name for process in reading.of(Process)}
    said: list[str] = []
    for one in reading.of(Listener):
        if (one.protocol, one.port) != (protocol, port):
            continue
        pid = next((owner.pid for owner in one.owners), None)
        holder = one.owners[0].name or names.get(pid or 0, "") or f"process {pid}" if one.owners else _nobody(one)
        said.append(f"{holder} listens on {one.address} port {one.port}{_whose(belongings.of(one, pid))}")
    said = said or [f"nothing listens on {port}/{protocol}"]
    said += [
        f"{container.engine} publishes port {place.container_port} of {_called(container.name, container.image)} there"
        for container in reading.of(Container)
        if container.is_running
        for place in container.published
        if (place.protocol, place.host_port) == (protocol.value, port) and ":" not in place.address
    ]
    said += [
        f"what comes to port {port} of {one.address} is relayed to {one.target} (netsh interface portproxy, {one.kind})"
        for one in reading.of(PortProxy)
        if (protocol, str(port)) == (Protocol.TCP, one.port)
    ]
    for front in reading.of(FirewallFrontend):
        said.append(f"{front.name} says of itself that it is {'on' if front.is_enabled else 'off'} ({front.detail})")
    return said
