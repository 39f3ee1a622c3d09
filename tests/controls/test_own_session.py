"""The audit's own session is left out by both ends of its own socket, and by nothing else."""

import pytest

from auditor.controls.session_peers import CONTROL
from auditor.controls.sessions import audits_connections, told_sessions
from auditor.model.case import Case
from auditor.model.facts.network import Connection, Protocol
from auditor.model.record import replace
from tests.controls.test_session_peers import host, talk

_OWN = "198.51.100.7 40000 10.1.0.5 5900"
_OTHER = talk(5900, "198.51.100.7", 40001)


def _audited(*connections: Connection, own: str | None = _OWN) -> Case:
    case = host(*connections)
    return replace(case, head=replace(case.head, own_connections=own))


def test_it_is_neither_judged_nor_told_and_said_to_be_left_out() -> None:
    case = _audited(talk(5900, "198.51.100.7"))
    assert CONTROL.assess(case).violations == ()
    assert told_sessions(case) == ()
    assert [(one.port, one.host_port) for one in audits_connections(case)] == [(40000, 5900)]


@pytest.mark.parametrize(
    ("connection", "own"),
    [
        pytest.param(talk(5900, "198.51.100.7"), None, id="nothing-is-known-of-our-own-socket"),
        pytest.param(_OTHER, _OWN, id="another-session-from-the-auditor's-address"),
        pytest.param(talk(5901, "198.51.100.7"), _OWN, id="one-to-another-port"),
        pytest.param(talk(5900, "198.51.100.8"), _OWN, id="one-from-another-address"),
        pytest.param(talk(5900, "198.51.100.7"), "192.168.1.9 40000 10.1.0.5 5900", id="nat-rewrote-our-end"),
        pytest.param(talk(5900, "198.51.100.7"), "198.51.100.7 40000 203.0.113.99 5900", id="nat-rewrote-the-host's"),
        pytest.param(replace(talk(5900, "198.51.100.7"), protocol=Protocol.UDP), _OWN, id="no-tcp"),
    ],
)
def test_what_only_looks_like_it_is_a_session(connection: Connection, own: str | None) -> None:
    case = _audited(connection, own=own)
    assert len(told_sessions(case)) == 1
    assert audits_connections(case) == ()
    assert len(CONTROL.assess(case).violations) == 1


def test_another_one_beside_it_is_still_found() -> None:
    case = _audited(talk(5900, "198.51.100.7"), _OTHER)
    (violation,) = CONTROL.assess(case).violations
    assert "198.51.100.7" in violation.reason
    assert [one.remote_port for one in told_sessions(case)] == [40001]
