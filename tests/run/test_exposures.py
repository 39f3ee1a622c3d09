"""Whose a socket is and who reaches it: a suspicion of a port stays with its socket, whoever holds it."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.sighting import Exposure, Reachability
from auditor.run.exposures import exposures

FILTERS = ("firewall.nft", "firewall.iptables_legacy", "firewall.ip6tables_legacy")


def a_listener(port: int, pid: int, address: str = "0.0.0.0") -> Listener:
    owners = (Owner(pid=pid, name="x"),)
    return Listener(protocol=Protocol.TCP, family=Family.IP, address=address, port=port, owners=owners)


def a_reading(*facts: Any, filters: Outcome = Outcome.COLLECTED) -> Reading:
    places = {Listener: "sockets.ss", Process: "processes.procfs", FirewallListing: "firewall.nft"}
    by_type: dict[type, list[Found[Any]]] = {}
    for number, fact in enumerate(facts, 1):
        by_type.setdefault(type(fact), []).append(Found(fact, places[type(fact)], number))
    lines = tuple(f"line {number}" for number in range(1, len(facts) + 1))
    names = {"sockets.ss": Outcome.COLLECTED, "processes.procfs": Outcome.COLLECTED, **dict.fromkeys(FILTERS, filters)}
    return Reading(
        os=OsFamily.LINUX,
        rights=Rights.ROOT,
        sections={name: SectionReading(id=name, outcome=outcome, lines=lines) for name, outcome in names.items()},
        facts={kind: tuple(found) for kind, found in by_type.items()},
    )


def exposed(reading: Reading) -> dict[int, Exposure]:
    sightings = match(reading, load_catalogue())
    return {one.port: one for one in exposures(reading, sightings, lambda *_: (None, None))}


PID_1 = Process(pid=1, parent=0, user="root", uid=0, name="systemd", executable="/usr/lib/systemd/systemd")
VNC = Process(pid=7, parent=1, user="root", uid=0, name="x11vnc", executable="/usr/bin/x11vnc")


def test_a_vnc_port_held_for_another_by_pid_1_is_suspected_there_and_only_there() -> None:
    seen = exposed(a_reading(PID_1, a_listener(5900, 1), a_listener(443, 1)))
    assert (seen[5900].product, seen[5900].is_suspected) == ("generic-vnc", True)
    assert seen[443].product is None


def test_a_product_is_known_on_any_port_by_its_process() -> None:
    seen = exposed(a_reading(VNC, a_listener(22222, 7)))
    assert (seen[22222].product, seen[22222].is_suspected, seen[22222].process) == ("x11vnc", False, "x11vnc")


@pytest.mark.parametrize(
    ("address", "rules", "filters", "expected"),
    [
        ("127.0.0.1", 0, Outcome.FAILED, Reachability.LOOPBACK_ONLY),
        ("0.0.0.0", 0, Outcome.COLLECTED, Reachability.FROM_ANYWHERE),
        ("0.0.0.0", 0, Outcome.ABSENT, Reachability.FROM_ANYWHERE),
        ("0.0.0.0", 0, Outcome.DENIED, Reachability.UNDECIDED),
        ("0.0.0.0", 0, Outcome.FAILED, Reachability.UNDECIDED),
        ("0.0.0.0", 3, Outcome.COLLECTED, Reachability.UNDECIDED),
    ],
)
def test_only_the_proof_of_no_filter_opens_a_socket(
    address: str, rules: int, filters: Outcome, expected: Reachability
) -> None:
    listing = FirewallListing(
        engine=Engine.NFTABLES, family="any", section="firewall.nft", hooks=1, rules=rules, drops_by_default=False
    )
    seen = exposed(a_reading(VNC, a_listener(5900, 7, address), listing, filters=filters))
    assert seen[5900].reachability is expected
