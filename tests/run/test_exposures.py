"""Whose a socket is and who reaches it: a suspicion of a port stays with its socket, whoever holds it."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match as recognise
from auditor.collect.registry import collectors
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.containers import Container, PublishedPort
from auditor.model.facts.network import Family, InterfaceAddress, Listener, Owner, Protocol, Route
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.record import replace
from auditor.model.sighting import Belonging, Exposure, Reachability
from auditor.policy.approvals import Cover
from auditor.run.exposures import exposures
from auditor.run.filters import filters_of
from auditor.run.firewall_answer import surroundings
from tests.firewall.conftest import chain, listing, match, payload, rule, table

FILTERS = ("firewall.nft", "firewall.iptables_legacy", "firewall.ip6tables_legacy")
NO_RULES = listing()
CLOSED = (table("inet"), chain("inet", "in", "input", policy="drop"))
NET = {"prefix": {"addr": "10.1.0.0", "len": 16}}
NETWORK = (
    InterfaceAddress(interface="lo", family=Family.IP, address="127.0.0.1", prefix=8, is_up=True),
    InterfaceAddress(interface="eth0", family=Family.IP, address="10.1.2.3", prefix=16, is_up=True),
    Route(family=Family.IP, destination="10.1.0.0/16", interface="eth0"),
    Route(family=Family.IP, destination="0.0.0.0/0", gateway="10.1.0.1", interface="eth0"),
)


def a_listener(port: int, pid: int, address: str = "0.0.0.0") -> Listener:
    owners = (Owner(pid=pid, name="x"),)
    return Listener(protocol=Protocol.TCP, family=Family.IP, address=address, port=port, owners=owners)


def a_reading(*facts: Any, filters: Outcome = Outcome.COLLECTED, rules: str = NO_RULES) -> Reading:
    places: dict[type, str] = {
        Listener: "sockets.ss",
        Process: "processes.procfs",
        InterfaceAddress: "network.interfaces",
        Route: "network.interfaces",
        Container: "containers.docker",
    }
    by_type: dict[type, list[Found[Any]]] = {}
    for number, fact in enumerate(facts, 1):
        by_type.setdefault(type(fact), []).append(Found(fact, places[type(fact)], number))
    lines = tuple(f"line {number}" for number in range(1, len(facts) + 1))
    names = {
        **dict.fromkeys(places.values(), Outcome.COLLECTED),
        "firewall.nft": filters,
        **dict.fromkeys(FILTERS[1:], Outcome.ABSENT),
    }
    return Reading(
        os=OsFamily.LINUX,
        rights=Rights.ROOT,
        sections={
            name: SectionReading(id=name, outcome=outcome, lines=(rules,) if name == "firewall.nft" else lines)
            for name, outcome in names.items()
        },
        facts={kind: tuple(found) for kind, found in by_type.items()},
    )


def exposed(reading: Reading) -> dict[int, Exposure]:
    sightings = recognise(reading, load_catalogue())
    return {one.port: one for one in exposures(reading, sightings, filters_of(reading), lambda *_: Cover())}


PID_1 = Process(pid=1, parent=0, user="root", uid=0, name="systemd", executable="/usr/lib/systemd/systemd")
VNC = Process(pid=7, parent=1, user="root", uid=0, name="x11vnc", executable="/usr/bin/x11vnc")


def test_a_vnc_port_held_for_another_by_pid_1_is_suspected_there_and_only_there() -> None:
    seen = exposed(a_reading(PID_1, a_listener(5900, 1), a_listener(443, 1)))
    assert (seen[5900].product, seen[5900].is_suspected) == ("generic-vnc", True)
    assert seen[443].product is None


def test_a_product_is_known_on_any_port_by_its_process() -> None:
    seen = exposed(a_reading(VNC, a_listener(22222, 7)))
    assert (seen[22222].product, seen[22222].is_suspected, seen[22222].process) == ("x11vnc", False, "x11vnc")


def accepts(*matches: Any) -> str:
    return listing(*CLOSED, rule("inet", "in", *matches, "accept"))


FROM_NET = match(payload("ip", "saddr"), NET)
DPORT = match(payload("tcp", "dport"), 5900)
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}


@pytest.mark.parametrize(
    ("address", "rules", "filters", "expected", "sources"),
    [
        ("127.0.0.1", NO_RULES, Outcome.FAILED, Reachability.LOOPBACK_ONLY, ()),
        ("0.0.0.0", NO_RULES, Outcome.COLLECTED, Reachability.FROM_ANYWHERE, ()),
        ("0.0.0.0", NO_RULES, Outcome.ABSENT, Reachability.FROM_ANYWHERE, ()),
        ("0.0.0.0", NO_RULES, Outcome.DENIED, Reachability.UNDECIDED, ()),
        ("0.0.0.0", NO_RULES, Outcome.FAILED, Reachability.UNDECIDED, ()),
        ("0.0.0.0", "cut", Outcome.COLLECTED, Reachability.UNDECIDED, ()),
        ("0.0.0.0", listing(*CLOSED), Outcome.COLLECTED, Reachability.BLOCKED, ()),
        ("0.0.0.0", accepts(DPORT), Outcome.COLLECTED, Reachability.FROM_ANYWHERE, ()),
        ("0.0.0.0", accepts(DPORT, FROM_NET), Outcome.COLLECTED, Reachability.FROM_NETWORKS, ("10.1.0.0/16",)),
        ("0.0.0.0", accepts(DPORT, LIMIT), Outcome.COLLECTED, Reachability.UNDECIDED, ()),
    ],
)
def test_filters_say_who_reaches_a_socket(
    address: str, rules: str, filters: Outcome, expected: Reachability, sources: tuple[str, ...]
) -> None:
    seen = exposed(a_reading(VNC, a_listener(5900, 7, address), *NETWORK, filters=filters, rules=rules))[5900]
    assert (seen.reachability, seen.sources) == (expected, sources)


def test_the_deciding_rule_is_quoted() -> None:
    seen = exposed(a_reading(VNC, a_listener(5900, 7), *NETWORK, rules=accepts(DPORT, FROM_NET)))[5900]
    assert seen.rule == "inet t in: tcp dport 5900 ip saddr 10.1.0.0/16 accept"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.COLLECTED, Reachability.BLOCKED),
        (Outcome.PARTIAL, Reachability.BLOCKED),
        (Outcome.FAILED, Reachability.UNDECIDED),
        (Outcome.TRUNCATED, Reachability.UNDECIDED),
    ],
)
def test_addresses_that_were_not_seen_whole_decide_nothing(outcome: Outcome, expected: Reachability) -> None:
    reading = a_reading(VNC, a_listener(5900, 7), *NETWORK, rules=listing(*CLOSED))
    reading.sections["network.interfaces"] = SectionReading(id="network.interfaces", outcome=outcome)
    assert exposed(reading)[5900].reachability is expected


def test_the_sections_that_are_asked_for_are_there() -> None:
    assert {"network.interfaces", "network.sysctls"} <= set(collectors())


SPACE = "net:[4026532999]"
DESK = Container(
    engine="docker", identifier="4f" * 32, name="desk", image="some/desk:1", is_running=True, pid=60,
    published=(PublishedPort(protocol="tcp", address="0.0.0.0", host_port=15900, container_port=5900),),
)  # fmt: skip
IN_DESK = Process(pid=61, parent=60, user="root", uid=0, name="x11vnc", executable="/usr/bin/x11vnc", namespace=SPACE,
                  cgroup=f"/system.slice/docker-{'4f' * 32}.scope")  # fmt: skip
PROXY = Process(pid=9, parent=1, user="root", uid=0, name="docker-proxy", executable="/usr/bin/docker-proxy")
SOCKETS = (a_listener(15900, 9), replace(a_listener(5900, 61), namespace=SPACE))


def test_what_a_proxy_holds_is_judged_as_what_listens_behind_it() -> None:
    seen = exposed(a_reading(DESK, PROXY, IN_DESK, *SOCKETS))
    outer, inner = seen[15900], seen[5900]
    assert (outer.process, outer.product, outer.is_suspected) == ("docker-proxy", "x11vnc", False)
    assert (outer.belongs, outer.container, outer.image) == (Belonging.PUBLISHED, "desk", "some/desk:1")
    assert (inner.belongs, inner.product, inner.published) == (Belonging.CONTAINER, "x11vnc", ("0.0.0.0:15900",))


def test_whose_a_port_is_stands_beside_who_reaches_it() -> None:
    reading = a_reading(DESK, PROXY, IN_DESK, *SOCKETS)
    assert surroundings(reading, Protocol.TCP, 15900) == [
        "x listens on 0.0.0.0 port 15900 for container desk (some/desk:1)",
        "docker publishes port 5900 of container desk (some/desk:1) there",
    ]
    assert surroundings(reading, Protocol.TCP, 5900) == [
        "x listens on 0.0.0.0 port 5900 in container desk (some/desk:1), published at 0.0.0.0:15900"
    ]


def test_a_port_that_only_a_translation_publishes_names_its_container() -> None:
    """Without a proxy nothing of the host's listens there."""
    assert surroundings(a_reading(DESK, IN_DESK, SOCKETS[1]), Protocol.TCP, 15900) == [
        "nothing listens on 15900/tcp",
        "docker publishes port 5900 of container desk (some/desk:1) there",
    ]


def _counted(packets: int, *, rest: str = "") -> str:
    return accepts(DPORT, {"counter": {"packets": packets, "bytes": packets * 60}}) + rest


def test_hosts_whose_rules_have_counted_other_packets_share_what_was_read() -> None:
    once, twice = (filters_of(a_reading(*NETWORK, rules=_counted(packets))) for packets in (0, 4711))
    assert once.asked().loaded is twice.asked().loaded


@pytest.mark.parametrize("packets", [0, 4711])
def test_where_a_listing_is_wrong_is_told_of_the_text_as_it_came(packets: int) -> None:
    text = _counted(packets, rest="]")
    (decision,) = exposed(a_reading(VNC, a_listener(5900, 7), *NETWORK, rules=text)).values()
    assert decision.reachability is Reachability.UNDECIDED
    assert (decision.rule or "").endswith(f"(char {len(text) - 1})")


def test_a_count_that_is_a_value_is_told_as_it_came() -> None:
    strange = match({"counter": {"packets": 5, "bytes": 6}}, 1)
    for _ in range(2):
        (one,) = exposed(a_reading(VNC, a_listener(5900, 7), *NETWORK, rules=accepts(DPORT, strange))).values()
        assert "counter packets 5 bytes 6" in (one.rule or "")
