"""What reports say of connections: whose they are, who began them, and where the peer is by the policy."""

from auditor.controls.sessions import told_sessions
from auditor.model.policy import Networks
from auditor.model.session import Peer
from tests.controls.test_session_peers import host, listener, talk


def test_peers_are_told_by_the_networks_that_the_policy_trusts() -> None:
    case = host(
        talk(5900, "198.51.100.7"),
        talk(5900, "10.1.2.3"),
        talk(5900, "203.0.113.5"),
        listener(7070, 8),
        talk(41000, "2001:db8:1::9", 443, pid=8),
        talk(41001, "192.0.2.1", 443, pid=9),
        talk(5900, "192.0.2.9", state="time-wait"),
    )
    told = [(one.product, one.is_inbound, one.remote_address, one.peer) for one in told_sessions(case)]
    assert told == [
        ("x11vnc", True, "10.1.2.3", Peer.TRUSTED),
        ("x11vnc", True, "198.51.100.7", Peer.OUTSIDE),
        ("x11vnc", True, "203.0.113.5", Peer.OWN),
        ("anydesk", False, "2001:db8:1::9", Peer.TRUSTED),
    ]


def test_where_the_policy_trusts_no_network_nothing_is_said_of_a_peer() -> None:
    (one,) = told_sessions(host(talk(5900, "198.51.100.7"), networks=Networks()))
    assert (one.peer, one.pid, one.process, one.local_port, one.state) == (Peer.UNNAMED, 7, "x", 5900, "established")


def test_a_connection_without_an_owner_has_the_product_of_the_port_that_it_came_to() -> None:
    (one,) = told_sessions(host(talk(5900, "10.1.2.3", pid=None)))
    assert (one.product, one.pid, one.process) == ("x11vnc", None, None)
