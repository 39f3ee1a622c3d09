"""Who is at the other end of remote access at the moment of the audit."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.session_peers import CONTROL
from auditor.model.case import Case
from auditor.model.facts.network import (
    Connection,
    Family,
    InterfaceAddress,
    Listener,
    NetworkSpace,
    Owner,
    Protocol,
)
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteManagement
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.policy import ListenScope, Networks
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host, an_approval

_TRUSTED = Networks(trusted=("10.1.0.0/16", "2001:db8:1::/48"))
_VNC = Process(pid=7, parent=1, user="root", uid=0, name="x11vnc", executable="/usr/bin/x11vnc")
_AGENT = Process(pid=8, parent=1, user="root", uid=0, name="anydesk", executable="/usr/bin/anydesk")
_FOX = Process(pid=9, parent=1, user="alice", uid=1000, name="firefox", executable="/usr/lib/firefox/firefox")


def listener(port: int, pid: int, address: str = "0.0.0.0") -> Listener:
    owners = (Owner(pid=pid, name="x"),)
    return Listener(protocol=Protocol.TCP, family=Family.IP, address=address, port=port, owners=owners)


def talk(local: int, peer: str, port: int = 40000, *, pid: int | None = 7, state: str = "established") -> Connection:
    return Connection(
        protocol=Protocol.TCP,
        family=Family.IP6 if ":" in peer else Family.IP,
        state=state,
        local_address="10.1.0.5",
        local_port=local,
        remote_address=peer,
        remote_port=port,
        owners=() if pid is None else (Owner(pid=pid, name="x"),),
    )


def host(*sockets: object, networks: Networks = _TRUSTED, **more: Any) -> Case:
    facts: dict[str, list[object]] = {
        "processes.procfs": [_VNC, _AGENT, _FOX],
        "sockets.ss": [listener(5900, 7), *sockets],
        "network.interfaces": [
            InterfaceAddress(interface="eth0", family=Family.IP, address="203.0.113.5", prefix=24, is_up=True)
        ],
    }
    return a_host(facts, networks=networks, **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: host(talk(5900, "198.51.100.7")),
    Verdict.PASS: lambda: host(talk(5900, "10.1.2.3")),
    Verdict.UNKNOWN: lambda: host(blind=("sockets.ss",)),
}
ALWAYS_APPLIES = "nothing of a host shows that it can have no sessions"


def _subjects(case: Case) -> list[str]:
    found = CONTROL.assess(case)
    assert (found.suspected, found.gaps) == ((), ())
    return sorted(one.subject for one in found.violations)


@pytest.mark.parametrize(
    ("connection", "violated"),
    [
        pytest.param(talk(5900, "198.51.100.7"), True, id="from-outside"),
        pytest.param(talk(5900, "10.1.200.7"), False, id="from-a-trusted-network"),
        pytest.param(talk(5900, "10.2.0.7"), True, id="a-private-address-is-a-peer-like-others"),
        pytest.param(talk(5900, "2001:db8:1::7"), False, id="a-trusted-network-of-ipv6"),
        pytest.param(talk(5900, "2001:db8:2::7"), True, id="another-one-of-ipv6"),
        pytest.param(talk(5900, "fe80::7%eth0"), True, id="somebody-on-the-link"),
        pytest.param(talk(5900, "127.0.0.1"), False, id="loopback"),
        pytest.param(talk(5900, "::1"), False, id="loopback-of-ipv6"),
        pytest.param(talk(5900, "203.0.113.5"), False, id="the-host-itself"),
        pytest.param(talk(5900, "10.1.0.5"), False, id="its-own-end"),
        pytest.param(talk(5900, "198.51.100.7", state="time-wait"), False, id="a-session-that-is-over"),
        pytest.param(talk(5900, "198.51.100.7", state="syn-recv"), False, id="one-that-has-not-begun"),
        pytest.param(talk(5900, "198.51.100.7", pid=None), True, id="the-port-tells-whose-it-is"),
        pytest.param(talk(5900, "198.51.100.7", pid=4242), True, id="a-child-that-nobody-knows"),
        pytest.param(talk(5901, "198.51.100.7"), True, id="a-server-that-listens-no-more"),
        pytest.param(talk(22, "198.51.100.7", pid=99), False, id="the-audit's-own-session"),
        pytest.param(talk(40001, "198.51.100.7", 443, pid=9), False, id="a-browser"),
    ],
)
def test_who_comes_to_a_server(connection: Connection, violated: bool) -> None:
    wanted = [f"inbound:tcp/{connection.local_port}"] if violated else []
    assert _subjects(host(connection)) == wanted


@pytest.mark.parametrize(
    ("networks", "approved", "violated"),
    [
        pytest.param(_TRUSTED, True, True, id="an-approval-opens-the-port-not-the-network"),
        pytest.param(Networks(), True, False, id="the-policy-names-nobody-and-the-port-is-approved"),
        pytest.param(Networks(), False, True, id="nobody-approved-the-port"),
    ],
)
def test_what_approvals_of_a_listener_say(networks: Networks, approved: bool, violated: bool) -> None:
    listen = ListenScope(loopback_only=not approved)
    case = host(talk(5900, "198.51.100.7"), networks=networks, approvals=(an_approval(listen=listen),))
    assert _subjects(case) == (["inbound:tcp/5900"] if violated else [])


@pytest.mark.parametrize(
    ("approved", "outbound", "violated"),
    [
        pytest.param(False, False, True, id="nobody-approved-it"),
        pytest.param(True, False, False, id="approved"),
        pytest.param(True, True, True, id="the-policy-lets-nothing-out"),
    ],
)
def test_whom_an_agent_is_connected_to(approved: bool, outbound: bool, violated: bool) -> None:
    networks = Networks(trusted=_TRUSTED.trusted, filter_outbound=outbound)
    approvals = (an_approval(product="anydesk"),) if approved else ()
    sockets = (talk(40002, "198.51.100.9", 443, pid=8), talk(40003, "10.1.9.9", 443, pid=8))
    case = host(*sockets, networks=networks, approvals=approvals)
    assert _subjects(case) == (["outbound:anydesk"] if violated else [])
    if violated:
        (found,) = CONTROL.assess(case).violations
        assert "198.51.100.9:443," in found.reason
        assert "10.1.9.9" not in found.reason


def test_sessions_of_one_port_are_one_finding_that_names_the_peers() -> None:
    peers = [f"198.51.100.{number}" for number in range(1, 7)]
    case = host(*(talk(5900, peer) for peer in (*peers, peers[0])))
    (found,) = CONTROL.assess(case).violations
    assert "198.51.100.1, 198.51.100.2, 198.51.100.3, 198.51.100.4 and 2 more" in found.reason


def test_containers_of_the_host_are_no_peers() -> None:
    inside = InterfaceAddress(interface="eth0", family=Family.IP, address="172.17.0.3", prefix=16, is_up=True)
    space = NetworkSpace(id="net:[4026532]", addresses=(inside,))
    assert _subjects(host(talk(5900, "172.17.0.3"), space)) == []
    assert _subjects(host(talk(5900, "172.17.0.4"), space)) == ["inbound:tcp/5900"]


def test_a_suspected_product_makes_a_suspicion() -> None:
    other = Process(pid=12, parent=1, user="root", uid=0, name="app", executable="/opt/app/app")
    facts: dict[str, list[object]] = {
        "processes.procfs": [other],
        "sockets.ss": [listener(5902, 12), talk(5902, "198.51.100.7", pid=12)],
    }
    found = CONTROL.assess(a_host(facts, networks=_TRUSTED))
    assert (found.violations, [one.subject for one in found.suspected]) == ((), ["inbound:tcp/5902"])


def test_a_connection_whose_state_is_not_told_is_no_pass() -> None:
    found = CONTROL.assess(host(talk(5900, "198.51.100.7", state="unknown")))
    assert (found.violations, [one.subject for one in found.suspected]) == ((), ["inbound:tcp/5900"])
    found = CONTROL.assess(host(talk(5900, "198.51.100.7", state="unknown"), talk(5900, "198.51.100.8")))
    assert ([one.subject for one in found.violations], found.suspected) == (["inbound:tcp/5900"], ())


def test_viewers_are_not_judged() -> None:
    viewer = Process(pid=7, parent=1, user="alice", uid=1000, name="vncviewer", executable="/usr/bin/vncviewer")
    facts: dict[str, list[object]] = {"processes.procfs": [viewer], "sockets.ss": [talk(40001, "198.51.100.7", 5900)]}
    assert _subjects(a_host(facts, networks=_TRUSTED)) == []


def test_remote_desktop_of_windows() -> None:
    facts: dict[str, list[object]] = {
        "processes.windows": [
            Process(
                pid=7, parent=1, user="NETWORK SERVICE", name="svchost.exe",
                executable="C:\\Windows\\System32\\svchost.exe",
            )
        ],
        "remote_config.rdp": [RemoteManagement(feature="remote desktop", is_enabled=True, detail="")],
        "services.windows": [
            Service(
                name="TermService", manager=ServiceManager.WINDOWS_SERVICE, start=StartMode.MANUAL, is_running=True,
                pid=7,
            )
        ],
        "sockets.windows": [listener(3389, 7), talk(3389, "198.51.100.7")],
    }  # fmt: skip
    case = a_host(facts, os=OsFamily.WINDOWS, networks=_TRUSTED)
    assert "microsoft-rdp" in {one.sighting.product for one in case.products}
    assert _subjects(case) == ["inbound:tcp/3389"]


def test_screen_sharing_of_macos_whose_port_launchd_holds() -> None:
    facts: dict[str, list[object]] = {
        "processes.macos": [Process(pid=1, parent=0, user="root", uid=0, name="launchd", executable="/sbin/launchd")],
        "remote_config.sharing": [RemoteManagement(feature="screen sharing", is_enabled=True, detail="")],
        "services.launchd": [
            Service(
                name="com.apple.screensharing", manager=ServiceManager.LAUNCHD, start=StartMode.MANUAL,
                ports=("5900/tcp",),
            )
        ],
        "sockets.macos": [listener(5900, 1), talk(5900, "198.51.100.7", pid=333)],
    }  # fmt: skip
    assert _subjects(a_host(facts, os=OsFamily.MACOS, networks=_TRUSTED)) == ["inbound:tcp/5900"]
