"""Who reaches a listener by the report is who gets an answer: all listeners of the fleet, UDP and the link too."""

import ipaddress
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.catalogue.load import load_catalogue
from auditor.run.filtering import ports_out
from tests.lab.auditing import audit
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host
from tests.lab.strangers import SOURCES, WORLD, Asked, Strangers, link_local

# Programs of the lab never accept: what connects to them stays in their queues.
pytestmark = [pytest.mark.lab, pytest.mark.alone]
# What the filter `nft-egress` of the lab is about, and the one UDP port of those products that it forgets.
_FILTERED = {("tcp", port) for port in (5500, 5650, 5938, 6568, 7070, 7071, 8041, *range(21115, 21120))}
_FILTERED |= {("udp", 21116), ("udp", 5938)}

Row = dict[str, Any]
# Addresses of the containers of the role that has them; one has no cable, one is on the host's own card.
_INNER = {"blue": {"ip": "172.31.0.2", "ip6": "fd31::2"}, "green": {"ip": "172.31.0.3", "ip6": "fd31::3"}}


@pytest.fixture
def strangers(fleet: Fleet) -> Iterator[Strangers]:
    processors = os.sched_getaffinity(0)
    made = Strangers(fleet.hosts)
    yield made
    made.close()
    os.sched_setaffinity(0, processors)


def _destinations(
    host: Host, row: Row, told: Row, link: str, taken: set[tuple[str, str, int]]
) -> list[tuple[str, int]]:
    """Return the addresses and ports by which a stranger could come to a socket.

    A socket that nobody is said to reach is asked for, too, where no other socket answers. Where a port has a socket
    of IPv4 of its own, that is who answers there.
    """
    port = row["port"]
    inner = _INNER.get(told["space"], {})
    if told["space"] is not None:
        out = [] if told["published"] is None else [(host.address, told["published"])]
        places = [inner[family] for family in ("ip", "ip6") if family in inner and row["family"] == family]
        return [*out, *((place, port) for place in places), *([] if inner else [(host.address, port)])]
    own = {"ip": [host.address], "ip6": [host.address6, link]}
    bound = row["address"].partition("%")[0]
    if bound in ("0.0.0.0", "::"):
        both = row["family"] == "ip6" and (row["protocol"], "ip", port) not in taken
        return [(place, port) for place in [*(own["ip"] if both else ()), *own[row["family"]]]]
    if ipaddress.ip_address(bound).is_loopback:
        return [
            (place, port) for family in own for place in own[family] if (row["protocol"], family, port) not in taken
        ]
    return [(bound, port)] if bound in (host.address, host.address6, link) else []


def _asks(source: str, destination: str) -> bool:
    """Tell whether a source asks for a destination: who is on the link for the address of the link."""
    if ":" not in source or ":" not in destination:
        return (":" in source) is (":" in destination)
    return source.startswith("fe80:") is destination.startswith("fe80:")


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


def _told(truth: list[Row], row: Row) -> Row:
    """Return what is true of a row of the report."""
    keys = ("protocol", "family", "address", "port")
    found = [one for one in truth if all(one[key] == row[key] for key in keys)]
    there = [one for one in found if (one["space"] is None) is (row["namespace"] is None)]
    assert len(there) == 1, (row, found)
    return there[0]


def test_the_report_says_who_gets_a_connection(
    fleet: Fleet, strangers: Strangers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = audit(fleet.lab, fleet.lab.inventory("yml"), tmp_path)
    tries: dict[tuple[str, int], list[Asked]] = {}
    rows: list[tuple[Host, int, Row]] = []
    for host in fleet.hosts:
        link = link_local(host)
        truth, listeners = fleet.truth(host)["listeners"], report.hosts[host.name]["listeners"]
        assert len(truth) == len(listeners), host.name
        outside = [row for row in listeners if row["namespace"] is None and not _is_loopback(row)]
        taken = {(row["protocol"], family, row["port"]) for row in outside for family in _served(row)}
        taken |= {(row["protocol"], "ip", row["published"]) for row in truth if row["published"] is not None}
        for number, row in enumerate(listeners):
            rows.append((host, number, row))
            destinations = _destinations(host, row, _told(truth, row), link, taken)
            tries[host.name, number] = [
                Asked(
                    host=host,
                    protocol=row["protocol"],
                    source=source,
                    destination=place,
                    port=port,
                    lands=row["port"],
                    bound=row["address"].partition("%")[0],
                )
                for place, port in destinations
                for source in SOURCES
                if _asks(source, place)
            ]
    reached = strangers.ask(list({one: None for some in tries.values() for one in some}))
    wrong = [
        f"{host.name} ({host.state()['role']}) {row}: {found}"
        for host, number, row in rows
        if (found := _disagreement(row, tries[host.name, number], reached))
    ]
    with capsys.disabled():
        _tell(rows, tries, reached, strangers.refused)
    assert wrong == []
    told = [row for _, _, row in rows if row["reachability"] != "undecided"]
    assert [(row["address"], row["port"]) for _, _, row in rows if row["reachability"] == "undecided"] == [
        ("0.0.0.0", 9002)
    ], "only the container whose card is the host's own is not decided"
    assert {row["reachability"] for row in told} >= {"loopback_only", "blocked", "from_networks", "from_anywhere"}
    assert {row["reachability"] for row in told if row["namespace"]} == {row["reachability"] for row in told}
    assert all(tries[host.name, number] for host, number, row in rows if row["reachability"] != "undecided")
    for kind in ("tcp", "udp"):
        for six in (False, True):
            some = [one for one in reached if one.protocol == kind and (":" in one.source) is six]
            assert len(some) > 100, (kind, six, len(some))


def _is_loopback(row: Row) -> bool:
    return ipaddress.ip_address(row["address"].partition("%")[0]).is_loopback


def _served(row: Row) -> tuple[str, ...]:
    return ("ip", "ip6") if row["address"] == "::" else (row["family"],)


def _tell(
    rows: list[tuple[Host, int, Row]],
    tries: dict[tuple[str, int], list[Asked]],
    reached: set[Asked],
    refused: set[Asked],
) -> None:
    """Print how much was tried, and what it came to."""
    kinds = Counter((row["reachability"], bool(row["namespace"])) for _, _, row in rows)
    words = ", ".join(
        f"{count} {kind}{' in other namespaces' if inner else ''}" for (kind, inner), count in sorted(kinds.items())
    )
    asked = {one for some in tries.values() for one in some}
    parts = []
    for protocol in ("tcp", "udp"):
        for six in (False, True):
            mine = [one for one in asked if one.protocol == protocol and (":" in one.destination) is six]
            got = sum(1 for one in mine if one in reached)
            no = sum(1 for one in mine if one in refused and one not in reached)
            name = f"{protocol} over IPv{6 if six else 4}"
            parts.append(f"{name}: {len(mine)} tries, {got} got in, {no} others were refused")
    print(f"\n{len(rows)} listeners of {len({host for host, _, _ in rows})} hosts: {words}\n" + "\n".join(parts))  # noqa: T201


def _disagreement(row: Row, tries: list[Asked], reached: set[Asked]) -> str:
    """Say where the report and the connections differ; a socket of both families is open when one of them is."""
    got_in = dict.fromkeys(dict.fromkeys(one.source for one in tries), False)
    for one in tries:
        got_in[one.source] = got_in[one.source] or one in reached
    if row["reachability"] == "from_anywhere":
        by_family = [[got for source, got in got_in.items() if (":" in source) is six] for six in (False, True)]
        return "" if any(some and all(some) for some in by_family) else "not reached from everywhere"
    differs = [source for source, got in got_in.items() if (says := _says(row, source)) is not None and says is not got]
    return f"otherwise from {differs}" if differs else ""


def test_the_report_says_what_gets_out(
    fleet: Fleet, strangers: Strangers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = yaml.safe_load(fleet.lab.policy.read_text())
    policy["networks"]["filter_outbound"] = True
    asking = tmp_path / "policy.yml"
    asking.write_text(yaml.safe_dump(policy))
    report = audit(fleet.lab, fleet.lab.inventory("yml"), tmp_path, "-p", str(asking))
    ports = [(protocol.value, port) for protocol, port in ports_out(load_catalogue())]
    out = strangers.let_out([(host, *place) for host in fleet.hosts for place in ports])
    got_out = {(name, protocol, port) for name, protocol, port, _ in out}
    told: set[tuple[str, str, int]] = set()
    for host in fleet.hosts:
        (row,) = [one for one in report.hosts[host.name]["verdicts"] if one["control"] == "product_egress"]
        assert row["verdict"] == ("fail" if row["violations"] else "pass")
        assert row["gaps"] == []
        for violation in row["violations"]:
            protocol, _, port = violation["subject"].removeprefix("egress:").partition("/")
            told.add((host.name, protocol, int(port)))
    with capsys.disabled():
        tried = len(fleet.hosts) * len(ports) * len(WORLD)
        print(f"\n{tried} tries to get out of {len(fleet.hosts)} hosts, {len(out)} did")  # noqa: T201
    assert told == got_out
    filtered = fleet.host("egress-filtered").name
    # What its ruleset drops stays in, but for UDP, which it forgot, and a relay that it lets through.
    through = {(protocol, port) for name, protocol, port in told if name == filtered}
    assert through & _FILTERED == {("udp", 5938), ("tcp", 6568)}
    assert through | _FILTERED >= set(ports)
    assert {place for name, _, port, place in out if (name, port) == (filtered, 6568)} == {"203.0.113.7"}
