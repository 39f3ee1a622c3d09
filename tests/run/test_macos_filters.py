"""Who reaches the sockets of a macOS host: pf, and the application firewall by who holds the socket."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.collect.registry import collectors
from auditor.firewall.reach import Filters
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.network import Family, InterfaceAddress, Listener, Owner, Protocol, Route
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.system import KernelSetting
from auditor.model.host import OsFamily
from auditor.model.policy import Networks
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.sighting import Exposure, Reachability
from auditor.policy.approvals import Cover
from auditor.run.exposures import exposures
from auditor.run.filtering import filtering_of
from auditor.run.filters import filters_of
from auditor.run.holders import Holders
from tests.firewall.macos_case import application_section, pf_section

CATALOGUE = load_catalogue()
KEEP = " flags S/SA keep state"
BLOCK = ["block drop in all", f"pass in proto tcp from any to any port = 22{KEEP}"]
SSHD, TEAMVIEWER = "/usr/libexec/sshd-keygen-wrapper", "/Applications/TeamViewer.app"
PROCESSES = (
    Process(pid=1, parent=0, user="root", uid=0, name="launchd", executable="/sbin/launchd"),
    Process(
        pid=300, parent=1, user="root", uid=0, name="TeamViewer_Service",
        executable=f"{TEAMVIEWER}/Contents/MacOS/TeamViewer", signer="H7UGFBUGV6",
    ),
    Process(pid=400, parent=1, user="alice", uid=501, name="x11vnc", executable="/usr/local/bin/x11vnc"),
)  # fmt: skip
SERVICES = (
    Service(
        name="com.openssh.sshd", manager=ServiceManager.LAUNCHD, start=StartMode.MANUAL, command=f"{SSHD} -i",
        ports=("22/tcp",),
    ),
)  # fmt: skip
NETWORK = (
    InterfaceAddress(interface="lo0", family=Family.IP, address="127.0.0.1", prefix=8, is_up=True),
    InterfaceAddress(interface="en0", family=Family.IP, address="192.0.2.10", prefix=24, is_up=True),
    InterfaceAddress(interface="en0", family=Family.IP6, address="2001:db8::10", prefix=64, is_up=True),
    Route(family=Family.IP, destination="0.0.0.0/0", interface="en0", gateway="192.0.2.1", table="main"),
    Route(family=Family.IP, destination="192.0.2.0/24", interface="en0", table="main"),
    Route(family=Family.IP6, destination="::/0", interface="en0", gateway="fe80::1", table="main"),
)
SETTINGS = tuple(KernelSetting(key=f"net.{name}.forwarding", value="0") for name in ("inet.ip", "inet6.ip6"))
_PLACES: dict[type, str] = {
    Listener: "sockets.macos", Process: "processes.macos", Service: "services.launchd", KernelSetting: "system.macos",
    InterfaceAddress: "network.macos", Route: "network.macos",
}  # fmt: skip


def a_listener(port: int, pid: int | None, address: str = "0.0.0.0", **more: Any) -> Listener:
    owners = () if pid is None else (Owner(pid=pid, name=""),)
    family = Family.IP6 if ":" in address else Family.IP
    return Listener(protocol=Protocol.TCP, family=family, address=address, port=port, owners=owners, **more)


def a_reading(pf: str | None, application: str | None, *facts: Any, network: tuple[Any, ...] = NETWORK) -> Reading:
    by_type: dict[type, list[Found[Any]]] = {}
    sections: dict[str, SectionReading] = {}
    for name, text in (("firewall.pf", pf), ("firewall.application", application)):
        parsed = None if text is None else collectors()[name].parse(text)
        for number, fact in () if parsed is None else parsed.facts:
            by_type.setdefault(type(fact), []).append(Found(fact, name, number))
        is_whole = parsed is not None and not parsed.unread and parsed.partial is None
        sections[name] = SectionReading(
            id=name,
            outcome=Outcome.COLLECTED if is_whole else Outcome.DENIED,
            lines=tuple((text or "").rstrip("\n").split("\n")),
        )
    for fact in (*facts, *PROCESSES, *SERVICES, *network, *SETTINGS):
        place = _PLACES[type(fact)]
        by_type.setdefault(type(fact), []).append(Found(fact, place, 1))
        sections[place] = SectionReading(id=place, outcome=Outcome.COLLECTED, lines=())
    return Reading(
        os=OsFamily.MACOS,
        rights=Rights.ROOT,
        sections=sections,
        facts={kind: tuple(found) for kind, found in by_type.items()},
    )


def exposed(reading: Reading) -> dict[int, Exposure]:
    return {one.port: one for one in exposures(reading, (), filters_of(reading), lambda *_: Cover())}


def defaults(reading: Reading) -> set[Reachability]:
    return {one.reachability for one in filtering_of(filters_of(reading), CATALOGUE, Networks()).defaults}


LISTENERS = (a_listener(22, 1), a_listener(5938, 300), a_listener(5900, 400), a_listener(5901, 400, "127.0.0.1"))
OFF = "# globalstate\nFirewall is disabled. (State = 0)\n# asked\n"
NO_PF = pf_section({"status": "Disabled"})


def test_a_clean_host_is_decided_everywhere() -> None:
    reading = a_reading(pf_section({"rules": BLOCK}), application_section({"apps": {SSHD: True}}), *LISTENERS)
    assert {port: one.reachability for port, one in exposed(reading).items()} == {
        22: Reachability.FROM_ANYWHERE,
        5938: Reachability.BLOCKED,
        5900: Reachability.BLOCKED,
        5901: Reachability.LOOPBACK_ONLY,
    }
    found = filtering_of(filters_of(reading), CATALOGUE, Networks(filter_outbound=True))
    assert {one.reachability for one in found.defaults} == {Reachability.BLOCKED}
    assert found.inbound == ()
    assert {one.reachability for one in found.outbound} == {Reachability.FROM_ANYWHERE}


def test_a_host_without_any_filter_is_open() -> None:
    reading = a_reading(NO_PF, OFF, *LISTENERS)
    assert exposed(reading)[5900].reachability is Reachability.FROM_ANYWHERE
    assert exposed(reading)[5900].rule == "no packet filter is loaded"
    found = filtering_of(filters_of(reading), CATALOGUE, Networks(filter_outbound=True))
    assert {one.rule for one in (*found.defaults, *found.outbound)} == {"no packet filter is loaded"}


@pytest.mark.parametrize(
    ("application", "expected", "default"),
    [
        pytest.param({}, {5938: "blocked", 5900: "blocked"}, "blocked", id="nobody-was-allowed"),
        pytest.param({"developer": True}, {5938: "from_anywhere", 5900: "undecided"}, "from_anywhere", id="signed"),
        pytest.param({"apps": {TEAMVIEWER: True}}, {5938: "from_anywhere", 5900: "blocked"}, "blocked", id="listed"),
        pytest.param(
            {"developer": True, "apps": {TEAMVIEWER: False, "/usr/local/bin/x11vnc": True}},
            {5938: "blocked", 5900: "from_anywhere"},
            "from_anywhere",
            id="blocked-although-signed",
        ),
        pytest.param({"block_all": True, "apps": {TEAMVIEWER: True}}, {5938: "blocked"}, "blocked", id="block-all"),
    ],
)
def test_the_application_firewall_alone(application: dict[str, Any], expected: dict[int, str], default: str) -> None:
    reading = a_reading(NO_PF, application_section(application), *LISTENERS)
    seen = exposed(reading)
    assert {port: seen[port].reachability.value for port in expected} == expected
    assert {one.value for one in defaults(reading)} == {default}


def test_a_socket_that_launchd_keeps_is_that_of_its_job() -> None:
    reading = a_reading(NO_PF, OFF)
    held = Holders(reading)
    assert held.of(a_listener(22, 1)).program == SSHD
    assert held.of(a_listener(5900, 1)).program is None
    assert held.of(a_listener(5938, 300)).signer == "H7UGFBUGV6"
    assert held.of(a_listener(5900, 400)).user == "501"
    assert held.of(a_listener(5900, None)).program is None
    assert held.of(a_listener(5900, 999)).program is None


def test_who_is_led_to_a_socket_reaches_it() -> None:
    """By another port, past rules that close the socket's own: on loopback, and on all addresses."""
    start = "rdr pass on en0 inet proto tcp from any to any port ="
    nat = [
        f"{start} 15901 -> 127.0.0.1 port 5901",
        "rdr pass on lo0 inet proto tcp from any to any port = 80 -> 127.0.0.1 port 8080",
        "rdr on en0 inet proto tcp from any to any port = 15902 -> 127.0.0.1 port 5902",
        f"{start} 443 -> 192.0.2.10 port 5900",
        "rdr pass on en0 inet proto tcp from 198.51.100.0/24 to any port = 444 -> 127.0.0.1 port 5938",
    ]
    loopback = (a_listener(port, 400, "127.0.0.1") for port in (5901, 5902, 8080))
    sockets = (*loopback, a_listener(5900, 400), a_listener(5938, 300))
    seen = exposed(a_reading(pf_section({"rules": BLOCK, "nat": nat}), OFF, *sockets))
    assert {port: one.reachability for port, one in seen.items()} == {
        5901: Reachability.FROM_ANYWHERE,
        5902: Reachability.LOOPBACK_ONLY,
        8080: Reachability.LOOPBACK_ONLY,
        5900: Reachability.FROM_ANYWHERE,
        5938: Reachability.FROM_NETWORKS,
    }
    assert seen[5901].rule == f"pf main: {nat[0]}"
    assert seen[5938].sources == ("198.51.100.0/24",)


@pytest.mark.parametrize(("pf", "application"), [(None, OFF), (NO_PF, None), ("# asked\n", OFF)])
def test_filters_that_were_not_read_in_full_decide_nothing(pf: str | None, application: str | None) -> None:
    reading = a_reading(pf, application, *LISTENERS)
    assert exposed(reading)[5900].reachability is Reachability.UNDECIDED
    assert filtering_of(filters_of(reading), CATALOGUE, Networks()).problem


def test_without_addresses_rules_decide_nothing() -> None:
    reading = a_reading(pf_section({"rules": BLOCK}), OFF, *LISTENERS, network=())
    assert exposed(reading)[5900].reachability is Reachability.UNDECIDED


def test_filters_are_made_once_for_holders_whom_rules_treat_alike() -> None:
    filters = filters_of(a_reading(NO_PF, application_section({"apps": {TEAMVIEWER: True}})))
    made: list[Filters] = [filters.held_by(Holders(a_reading(NO_PF, OFF)).of(one)) for one in LISTENERS]
    assert made[2] is made[3]
    assert made[1] is not made[2]
