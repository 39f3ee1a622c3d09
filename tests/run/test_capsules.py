"""What a capsule of services says before a change and after its rollback: what comes and goes, and what counts."""

from typing import Any

import pytest

from auditor.run.capsules import agree, differing_rows

# As `playbooks/scripts/service.sh` prints it on Debian 12 for xrdp, ssh.socket and vino's unit of sessions.
_HEAD = ("manager", "systemd")
_XRDP = ("unit", "system", "xrdp.service", "loaded", "enabled", "active")
_LINK = ("link", "/etc/systemd/system/multi-user.target.wants/xrdp.service", "/lib/systemd/system/xrdp.service")
_SOCKET = ("unit", "system", "ssh.socket", "loaded", "enabled", "active")
_CONNECTION = ("unit", "system", "ssh@3-10.0.0.2:22-10.0.0.1:51934.service", "loaded", "static", "active")
_INSTANCE = ("unit", "system", "vncserver@:1.service", "loaded", "enabled", "active")
_ASKED_FOR = ("unit", "system", "xrdp-sesman.socket", "not-found", "-", "inactive")
_VINO = ("unit", "user", "vino-server.service")
_OF_ROOT = ("session", "vino-server.service", "0", "inactive")
_OF_U = ("session", "vino-server.service", "1000", "active")
_ROWS = (_HEAD, _XRDP, _LINK, _SOCKET, _INSTANCE, _VINO, _OF_ROOT, _OF_U)


def _capsule(*rows: tuple[str, ...], **more: Any) -> dict[str, Any]:
    return {"play": "stop_service", "state": [list(row) for row in rows], **more}


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(_ROWS, id="the-same"),
        pytest.param((*_ROWS[:-2], _OF_U, _OF_ROOT), id="accounts-that-logged-in-the-other-way-round"),
        pytest.param(_ROWS[:-1], id="an-account-has-logged-off"),
        pytest.param((*_ROWS, ("session", "vino-server.service", "1001", "active")), id="another-has-logged-in"),
        pytest.param((*_ROWS[:4], _CONNECTION, *_ROWS[4:]), id="a-connection-that-a-socket-took"),
        pytest.param((*_ROWS, _ASKED_FOR), id="a-name-without-a-unit"),
    ],
)
def test_what_nobody_changed_agrees(rows: tuple[tuple[str, ...], ...]) -> None:
    assert agree(_capsule(*_ROWS), _capsule(*rows))
    assert agree(_capsule(*rows), _capsule(*_ROWS))
    assert differing_rows(_capsule(*_ROWS), _capsule(*rows)) == (set(), set())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(_XRDP, (*_XRDP[:5], "inactive"), id="stopped"),
        pytest.param(_XRDP, (*_XRDP[:4], "disabled", "active"), id="disabled"),
        pytest.param(_LINK, None, id="a-link-is-missing"),
        pytest.param(_LINK, (*_LINK[:2], "/dev/null"), id="masked"),
        pytest.param(_INSTANCE, None, id="an-instance-that-no-socket-started"),
        pytest.param(_INSTANCE, (*_INSTANCE[:5], "inactive"), id="an-instance-was-stopped"),
        pytest.param(_OF_U, (*_OF_U[:3], "inactive"), id="not-started-again-in-a-session-that-is-there"),
        pytest.param(_VINO, None, id="a-unit-of-sessions-is-missing"),
        pytest.param(_HEAD, ("manager", "sysv"), id="another-manager"),
    ],
)
def test_what_was_changed_shows(old: tuple[str, ...], new: tuple[str, ...] | None) -> None:
    now = [new if row == old else row for row in _ROWS]
    later = _capsule(*(row for row in now if row is not None))
    assert not agree(_capsule(*_ROWS), later)
    assert not agree(later, _capsule(*_ROWS))
    gone, new_rows = differing_rows(_capsule(*_ROWS), later)
    assert (old in gone, new_rows) == (True, set() if new is None else {new})


def test_a_row_that_comes_twice_is_not_one() -> None:
    assert not agree(_capsule(*_ROWS), _capsule(*_ROWS, _LINK))


def test_what_else_a_capsule_says_counts() -> None:
    assert not agree(_capsule(*_ROWS), _capsule(*_ROWS, play="block_inbound"))


def test_rules_of_a_filter_are_compared_in_their_order() -> None:
    rules = (("rule", "accept 22"), ("rule", "drop"))
    assert agree(_capsule(*rules), _capsule(*rules))
    assert not agree(_capsule(*rules), _capsule(*reversed(rules)))


@pytest.mark.parametrize("state", [None, "x", [], ["manager", "systemd"], [["manager"]]])
def test_a_state_of_another_shape_is_only_its_own_like(state: object) -> None:
    assert agree({"state": state}, {"state": state})
    assert not agree({"state": state}, _capsule(*_ROWS))
    assert not agree(_capsule(*_ROWS), {"state": state})
