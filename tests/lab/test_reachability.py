"""What a report says of a listener is what connections find: from twenty sources, to every one behind a filter."""

import ipaddress
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab.auditing import audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.places import BRIDGE
from tests.lab.fleet.shell import attempt, sh

pytestmark = pytest.mark.lab

# Inside and outside of what the lab's filters trust, at its edges, and in networks that their rules name; all of them
# private or for documentation, so that nobody is cut off while the controller has them.
SOURCES = (
    "10.77.200.1", "10.77.255.254", "10.76.255.254", "10.78.0.1", "10.0.0.9", "10.3.0.9", "10.5.0.9", "10.12.255.254",
    "10.39.0.1", "10.40.0.1", "10.255.255.254", "192.0.2.1", "192.0.2.254", "192.0.3.1", "198.51.100.9", "203.0.113.7",
    "172.20.0.9", "192.168.77.9", "100.64.0.9", "198.18.0.9",
)  # fmt: skip
WAIT = 0.7
TRIES = 12


@pytest.fixture
def many_sources(fleet: Fleet) -> Iterator[None]:
    """Give the controller every source as an address of its own, and take them away."""
    assert fleet.hosts
    try:
        for source in SOURCES:
            sh("ip", "addr", "add", f"{source}/32", "dev", BRIDGE)
        yield
    finally:
        for source in SOURCES:
            attempt("ip", "addr", "del", f"{source}/32", "dev", BRIDGE)


def is_reached(source: str, address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(WAIT)
        probe.bind((source, 0))
        return probe.connect_ex((address, port)) == 0


def is_reached_in_the_end(source: str, address: str, port: int) -> bool:
    for _ in range(TRIES):
        if is_reached(source, address, port):
            return True
        time.sleep(WAIT)
    return False


def is_told(source: str, row: dict[str, Any]) -> bool:
    if row["reachability"] == "from_anywhere":
        return True
    return row["reachability"] == "from_networks" and any(_within(source, network) for network in row["sources"])


def _within(source: str, network: str) -> bool:
    if ":" in network:
        return False
    first, dash, last = network.partition("-")
    address = ipaddress.IPv4Address(source)
    if dash:
        return ipaddress.IPv4Address(first) <= address <= ipaddress.IPv4Address(last)
    return address in ipaddress.IPv4Network(network)


@pytest.mark.usefixtures("many_sources")
def test_every_listener_is_reached_by_those_who_are_told_to_and_by_no_one_else(fleet: Fleet, tmp_path: Path) -> None:
    filtered = tuple(host for host in fleet.hosts if fleet.truth(host)["filter"]["filters"])
    audited = audit(fleet.lab, inventory_of(fleet.lab, filtered, tmp_path / "hosts.yml"), tmp_path)
    asked = [
        (host, row, source)
        for host in filtered
        for row in audited.hosts[host.name]["listeners"]
        if row["protocol"] == "tcp" and row["family"] == "ip"
        for source in SOURCES
    ]
    assert len(asked) > len(SOURCES)
    assert {row["reachability"] for _, row, _ in asked} >= {"from_anywhere", "blocked", "loopback_only"}
    with ThreadPoolExecutor(192) as pool:
        reached = list(pool.map(lambda one: is_reached(one[2], one[0].address, one[1]["port"]), asked))
    # Xvnc, which has a short queue and turns away who comes too often, leaves some of twenty without an answer: they
    # are asked again, one by one.
    reached = [
        is_open or (is_told(source, row) and is_reached_in_the_end(source, host.address, row["port"]))
        for (host, row, source), is_open in zip(asked, reached, strict=True)
    ]
    wrong = [
        (host.name, row["port"], source, is_open, row["reachability"], row["sources"], row["rule"])
        for (host, row, source), is_open in zip(asked, reached, strict=True)
        if is_open != is_told(source, row)
    ]
    assert wrong == []
