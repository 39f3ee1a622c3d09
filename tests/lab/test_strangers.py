"""Who reaches a listener by the report is who gets an answer: all listeners of the fleet, UDP and the link too."""

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.auditing import audit
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host
from tests.lab.strangers import SOURCES, Asked, Strangers, link_local

# Programs of the lab never accept, so connections of other tests fill their queues.
pytestmark = [pytest.mark.lab, pytest.mark.alone]

Row = dict[str, Any]


@pytest.fixture
def strangers(fleet: Fleet) -> Iterator[Strangers]:
    processors = os.sched_getaffinity(0)
    made = Strangers(fleet.hosts)
    yield made
    made.close()
    os.sched_setaffinity(0, processors)


def _destinations(host: Host, row: Row, link: str, ports_of_ip: set[tuple[str, int]]) -> list[str]:
    """Return the addresses by which a stranger could come to a socket.

    Where a port has a socket of IPv4 of its own, that is who answers there.
    """
    both = [link] if (row["protocol"], row["port"]) in ports_of_ip else [host.address, link]
    every = {"0.0.0.0": [host.address], "::": both}
    bound = row["address"].partition("%")[0]
    return every.get(bound, [bound] if bound in (host.address, link) else [])


def _says(row: Row, source: str) -> bool | None:
    """Return what the report says of a source; None where it says that it does not know."""
    if row["reachability"] == "undecided":
        return None
    if row["reachability"] == "from_networks":
        return any(_holds(text, source) for text in row["sources"])
    return bool(row["reachability"] == "from_anywhere")


def _holds(text: str, source: str) -> bool:
    wanted = ipaddress.ip_address(source)
    low, dash, high = text.partition("-")
    if dash:
        first, last = ipaddress.ip_address(low), ipaddress.ip_address(high)
        return first.version == wanted.version and int(first) <= int(wanted) <= int(last)
    network = ipaddress.ip_network(text)
    return network.version == wanted.version and wanted in network


def test_the_report_says_who_gets_a_connection(fleet: Fleet, strangers: Strangers, tmp_path: Path) -> None:
    report = audit(fleet.lab, fleet.lab.inventory("yml"), tmp_path)
    tries: dict[tuple[str, int], list[Asked]] = {}
    rows: list[tuple[Host, int, Row]] = []
    for host in fleet.hosts:
        link = link_local(host)
        listeners = report.hosts[host.name]["listeners"]
        ports_of_ip = {(row["protocol"], row["port"]) for row in listeners if row["family"] == "ip"}
        for number, row in enumerate(listeners):
            if row["namespace"] is not None or row["protocol"] not in ("tcp", "udp"):
                continue
            rows.append((host, number, row))
            tries[host.name, number] = [
                Asked(host=host, protocol=row["protocol"], source=source, destination=destination, port=row["port"])
                for destination in _destinations(host, row, link, ports_of_ip)
                for source in SOURCES
                if (":" in source) == (":" in destination)
            ]
    reached = strangers.ask(list({one: None for some in tries.values() for one in some}))
    wrong = [
        f"{host.name} ({host.state()['role']}) {row}: {found}"
        for host, number, row in rows
        if (found := _disagreement(row, tries[host.name, number], reached))
    ]
    assert wrong == []
    told = [row for _, _, row in rows if row["reachability"] != "undecided"]
    assert len(told) >= 0.9 * len(rows), "most is told"
    assert {row["reachability"] for row in told} >= {"loopback_only", "blocked", "from_networks", "from_anywhere"}
    assert len(reached) > 1000


def _disagreement(row: Row, tries: list[Asked], reached: set[Asked]) -> str:
    """Say where the report and the connections differ; a socket of both families is open when one of them is."""
    if row["reachability"] == "from_anywhere":
        by_family = [[one in reached for one in tries if (":" in one.source) is six] for six in (False, True)]
        return "" if any(some and all(some) for some in by_family) else "not reached from everywhere"
    differs = [
        one.source for one in tries if (says := _says(row, one.source)) is not None and says is not (one in reached)
    ]
    return f"otherwise from {differs}" if differs else ""
