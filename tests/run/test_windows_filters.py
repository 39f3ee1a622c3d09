"""Who reaches the sockets of a Windows host: its firewall's rules, asked for each with who holds it."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.collect.registry import collectors
from auditor.firewall.dialects.windows import read_windows
from auditor.firewall.settled import Holder
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.firewall import ConnectedNetwork, PortProxy
from auditor.model.facts.network import Family, InterfaceAddress, Link, Listener, Owner, Protocol, Route
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.policy import Networks
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.sighting import Exposure, Reachability
from auditor.policy.approvals import Cover
from auditor.run.exposures import exposures
from auditor.run.filtering import filtering_of
from auditor.run.filters import filters_of
from auditor.run.firewall_answer import explain_port, for_holder, surroundings
from auditor.run.holders import Holders
from tests.firewall.windows_case import listing

IN = "v2.31|Action=Allow|Active=TRUE|Dir=In|"
SVCHOST = r"C:\Windows\System32\svchost.exe"
RDP = IN + r"Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=TermService|"
VNC = IN + r"Protocol=6|LPort=5900|App=%ProgramFiles%\TightVNC\tvnserver.exe|RA4=LocalSubnet|"
TVN = "C:\\Program Files\\TightVNC\\"
PROCESSES = (
    Process(pid=4, parent=0, user="", name="System", is_kernel=True),
    Process(pid=500, parent=400, user="SYSTEM", name="wininit.exe", executable=r"C:\Windows\System32\wininit.exe"),
    Process(pid=600, parent=500, user="SYSTEM", name="services.exe", executable=r"C:\Windows\System32\services.exe"),
    Process(pid=700, parent=600, user="NETWORK SERVICE", name="svchost.exe", executable=SVCHOST),
    Process(pid=800, parent=600, user="SYSTEM", name="tvnserver.exe", executable=TVN + "tvnserver.exe"),
    Process(pid=900, parent=800, user="SYSTEM", name="child.exe", executable=TVN + "child.exe"),
    Process(pid=950, parent=33, user="alice", name="anydesk.exe", executable=r"C:\Users\alice\anydesk.exe"),
)  # fmt: skip
ADDRESSES = (
    InterfaceAddress(interface="Ethernet", family=Family.IP, address="10.0.0.5", prefix=24, is_up=True),
    InterfaceAddress(interface="Ethernet", family=Family.IP6, address="fe80::5%12", prefix=64, is_up=True),
    InterfaceAddress(
        interface="Loopback Pseudo-Interface 1", family=Family.IP, address="127.0.0.1", prefix=8, is_up=True
    ),
)


def a_service(name: str, pid: int) -> Service:
    return Service(
        name=name, manager=ServiceManager.WINDOWS_SERVICE, start=StartMode.AUTOMATIC, is_running=True, pid=pid
    )


SERVICES = (a_service("TermService", 700), a_service("tvnserver", 800))


def a_listener(port: int, pid: int | None, address: str = "0.0.0.0", **more: Any) -> Listener:
    owners = () if pid is None else (Owner(pid=pid, name=""),)
    family = Family.IP6 if ":" in address else Family.IP
    return Listener(
        protocol=Protocol.TCP, family=family, address=address, port=port, owners=owners, by_kernel=pid == 4, **more
    )


def a_reading(*facts: Any, rules: Any = (), outcome: Outcome = Outcome.COLLECTED, **case: Any) -> Reading:
    places: dict[type, str] = {
        Listener: "sockets.windows",
        Process: "processes.windows",
        Service: "services.windows",
        InterfaceAddress: "network.windows",
        Link: "network.windows",
        Route: "network.windows",
    }
    text = listing({"id": "", "rules": list(rules), **case})
    parsed = collectors()["firewall.windows"].parse(text)
    by_type: dict[type, list[Found[Any]]] = {}
    for number, fact in parsed.facts:
        by_type.setdefault(type(fact), []).append(Found(fact, "firewall.windows", number))
    everything = (*facts, *PROCESSES, *SERVICES, *ADDRESSES)
    for number, fact in enumerate(everything, 1):
        by_type.setdefault(type(fact), []).append(Found(fact, places[type(fact)], number))
    lines = tuple(f"line {number}" for number in range(1, len(everything) + 1))
    sections = {name: SectionReading(id=name, outcome=Outcome.COLLECTED, lines=lines) for name in places.values()}
    sections["firewall.windows"] = SectionReading(
        id="firewall.windows", outcome=outcome, lines=tuple(text.rstrip("\n").split("\n"))
    )
    return Reading(
        os=OsFamily.WINDOWS,
        rights=Rights.ROOT,
        sections=sections,
        facts={kind: tuple(found) for kind, found in by_type.items()},
    )


def exposed(reading: Reading) -> dict[int, Exposure]:
    return {one.port: one for one in exposures(reading, (), filters_of(reading), lambda *_: Cover())}


def test_each_socket_is_asked_about_with_its_holder() -> None:
    sockets = (
        a_listener(3389, 700),
        a_listener(5900, 800),
        a_listener(5901, 950),
        a_listener(5985, 4),
        a_listener(5800, 800, "127.0.0.1"),
    )
    rules = [RDP, VNC, IN + "Protocol=6|LPort2_10=5900-5999|App=System|"]
    seen = exposed(a_reading(*sockets, rules=rules))
    assert {port: one.reachability for port, one in seen.items()} == {
        3389: Reachability.FROM_ANYWHERE,
        5900: Reachability.FROM_NETWORKS,
        5901: Reachability.BLOCKED,
        5985: Reachability.FROM_ANYWHERE,
        5800: Reachability.LOOPBACK_ONLY,
    }
    assert seen[3389].rule == f"windows local rule local-0: {RDP}"
    assert seen[5900].sources == ("10.0.0.0/24",)
    assert seen[5901].rule == "windows public profile: DefaultInboundAction=1 (the default)"


def test_a_socket_without_a_known_holder_is_undecided_where_a_rule_asks_for_one() -> None:
    seen = exposed(a_reading(a_listener(3389, None), a_listener(5901, None), rules=[RDP]))
    assert seen[3389].reachability is Reachability.UNDECIDED
    assert "Svc=TermService" in str(seen[3389].rule)
    assert seen[5901].reachability is Reachability.BLOCKED


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.DENIED, Outcome.FAILED, Outcome.TRUNCATED])
def test_a_firewall_that_was_not_read_in_full_decides_nothing(outcome: Outcome) -> None:
    seen = exposed(a_reading(a_listener(5900, 800), outcome=outcome))
    assert seen[5900].reachability is Reachability.UNDECIDED


def test_another_firewall_leaves_all_undecided_but_loopback() -> None:
    sockets = (a_listener(5900, 800), a_listener(5800, 800, "127.0.0.1"))
    seen = exposed(a_reading(*sockets, products=["Example Shield Firewall"]))
    assert seen[5900].reachability is Reachability.UNDECIDED
    assert "Example Shield Firewall" in str(seen[5900].rule)
    assert seen[5800].reachability is Reachability.LOOPBACK_ONLY


def test_addresses_that_are_not_known_leave_it_undecided() -> None:
    reading = a_reading(a_listener(5900, 800), rules=[VNC])
    del reading.sections["network.windows"]
    assert exposed(reading)[5900].reachability is Reachability.UNDECIDED


@pytest.mark.parametrize(
    ("pid", "holder"),
    [
        pytest.param(4, Holder(is_kernel=True), id="the-kernel"),
        pytest.param(None, Holder(), id="nobody-seen"),
        pytest.param(77, Holder(), id="a-process-that-is-gone"),
        pytest.param(700, Holder(program=SVCHOST, services=frozenset({"termservice"})), id="a-service"),
        pytest.param(
            900,
            Holder(program=PROCESSES[5].executable, services=frozenset(), kin=frozenset({"tvnserver"})),
            id="the-child-of-a-service",
        ),
        pytest.param(
            950, Holder(program=PROCESSES[6].executable, services=frozenset(), kin=None), id="whose-parent-is-gone"
        ),
    ],
)
def test_who_holds_a_socket(pid: int | None, holder: Holder) -> None:
    socket = a_listener(5900, pid)
    assert Holders(a_reading(socket)).of(socket) == holder


def test_services_that_were_not_all_seen_are_not_known() -> None:
    socket = a_listener(3389, 700)
    reading = a_reading(socket)
    reading.sections["services.windows"] = SectionReading(id="services.windows", outcome=Outcome.PARTIAL)
    assert Holders(reading).of(socket) == Holder(program=SVCHOST)


def test_an_interface_is_bound_to_by_its_number_and_has_addresses_by_its_alias() -> None:
    socket = a_listener(5900, 800, "fe80::5", device="12")
    reading = a_reading(socket, rules=[IN + "Protocol=6|LPort=5900|RA6=LocalSubnet|"])
    assert reading.of(ConnectedNetwork)[0].index == 12
    assert Holders(reading).device(socket) == "Ethernet"
    # Its link is all there is from where a packet can come.
    assert exposed(reading)[5900].reachability is Reachability.FROM_ANYWHERE
    link = Link(name="Ethernet", index=31, is_up=True)
    linked = a_listener(5900, 800, "fe80::5", device="31")
    assert Holders(a_reading(linked, link)).device(linked) == "Ethernet"
    unknown = a_listener(5900, 800, "fe80::5", device="99")
    assert Holders(a_reading(unknown)).device(unknown) is None


def openings(*rules: str, networks: Networks | None = None, **case: Any) -> Any:
    reading = a_reading(rules=list(rules), **case)
    return filtering_of(filters_of(reading), load_catalogue(), networks or Networks())


def test_what_no_rule_names_is_closed_whatever_programs_rules_name() -> None:
    filtering = openings(RDP, IN + r"App=C:\Program Files\Other\other.exe|")
    assert {one.reachability for one in filtering.defaults} == {Reachability.BLOCKED}
    assert {one.reachability for one in openings(IN).defaults} == {Reachability.FROM_ANYWHERE}


def test_a_port_that_is_open_to_one_program_is_an_opening() -> None:
    found = {(one.port, one.reachability) for one in openings(VNC).inbound}
    assert found == {(5900, Reachability.FROM_NETWORKS)}
    assert {(one.port, one.reachability) for one in openings(RDP).inbound} == {(3389, Reachability.FROM_ANYWHERE)}
    # Which ports a program uses that may use any is not told by the rules.
    assert openings(IN + r"App=C:\Program Files\Other\other.exe|").inbound == ()
    assert {one.reachability for one in openings(VNC + "NewKey=1|").inbound} == {Reachability.UNDECIDED}


def test_what_a_program_may_reach_is_not_blocked_for_all() -> None:
    asks = Networks(filter_outbound=True)
    closed = {"settings": {"local": {key: {"EnableFirewall": 1, "DefaultOutboundAction": 1}
              for key in ("DomainProfile", "StandardProfile", "PublicProfile")}}}  # fmt: skip
    out = r"v2.31|Action=Allow|Active=TRUE|Dir=Out|App=C:\Program Files\TeamViewer\TeamViewer.exe|"
    assert {one.reachability for one in openings(networks=asks).outbound} == {Reachability.FROM_ANYWHERE}
    assert {one.reachability for one in openings(networks=asks, **closed).outbound} == {Reachability.BLOCKED}
    assert {one.reachability for one in openings(out, networks=asks, **closed).outbound} == {Reachability.UNDECIDED}


def test_explain_asks_for_who_listens_and_tells_of_relays() -> None:
    reading = a_reading(a_listener(3389, 700), rules=[RDP])
    filters = filters_of(reading)
    told = explain_port(for_holder(filters, reading, Protocol.TCP, 3389), Protocol.TCP, 3389)
    assert {row["answer"] for row in told} == {"reaches it"}
    assert {row["answer"] for row in explain_port(filters, Protocol.TCP, 3389)} >= {"cannot be told"}
    proxied = listing({"id": ""}).replace("asked\tproxies", "proxy\tv4tov4\t*/5901\t198.51.100.2/5900\nasked\tproxies")
    assert read_windows(proxied).doubts == ()
    parsed = collectors()["firewall.windows"].parse(proxied)
    relays = tuple(Found(fact, "firewall.windows", at) for at, fact in parsed.facts if isinstance(fact, PortProxy))
    reading.facts[PortProxy] = relays
    assert any("relayed to 198.51.100.2/5900" in one for one in surroundings(reading, Protocol.TCP, 5901))


def test_routes_say_by_which_interface_and_so_by_which_profile_a_source_comes() -> None:
    wlan = InterfaceAddress(interface="WLAN", family=Family.IP, address="192.168.7.5", prefix=24, is_up=True)
    routes = (
        Route(family=Family.IP, destination="0.0.0.0/0", gateway="10.0.0.1", interface="Ethernet"),
        Route(family=Family.IP, destination="10.0.0.0/24", interface="Ethernet"),
        Route(family=Family.IP, destination="192.168.7.0/24", interface="WLAN"),
        Route(family=Family.IP, destination="192.168.7.5/32", interface="WLAN", kind="local"),
        Route(family=Family.IP, destination="127.0.0.0/8", interface="Loopback Pseudo-Interface 1"),
    )
    private = IN + "Protocol=6|LPort=5900|Profile=Private|"
    networks = {"Ethernet": "public", "WLAN": "private"}
    seen = exposed(a_reading(a_listener(5900, 800), wlan, *routes, rules=[private], networks=networks))
    assert (seen[5900].reachability, seen[5900].sources) == (Reachability.FROM_NETWORKS, ("192.168.7.0/24",))
    assert seen[5900].rule == f"windows local rule local-0: {private}"
    blind = exposed(a_reading(a_listener(5900, 800), wlan, *routes, rules=[private], networks={"Ethernet": "public"}))
    assert blind[5900].reachability is Reachability.UNDECIDED
    unrouted = exposed(a_reading(a_listener(5900, 800), wlan, rules=[private], networks=networks))
    assert unrouted[5900].reachability is Reachability.UNDECIDED


@pytest.mark.parametrize(
    ("kind", "reachability"),
    [("wireless", Reachability.BLOCKED), ("", Reachability.UNDECIDED), ("tunnel", Reachability.UNDECIDED)],
)
def test_a_rule_for_wired_interfaces_lets_nothing_in_by_a_wireless_one(kind: str, reachability: Reachability) -> None:
    link = Link(name="Ethernet", index=12, is_up=True, kind=kind)
    rules = [IN + "Protocol=6|LPort=5900|IFType=Lan|"]
    assert exposed(a_reading(a_listener(5900, 800), link, rules=rules))[5900].reachability is reachability
