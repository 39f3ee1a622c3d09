"""Two collections of the same state agree in what lasts of them; a change of the state shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.firewall.dialects.registry import dialects
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.network import Connection, Family, Listener, Owner, Protocol
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading
from auditor.model.record import replace
from auditor.run.lasting import FILTER, lasting_sections
from tests.controls.cases import a_section

# Recorded from a Debian 12 host (see its case.toml).
NFT = (Path(__file__).parents[1] / "collect/firewall/nft/ordinary/input.txt").read_text(encoding="utf-8")
OWNER = Owner(name="x11vnc", pid=7)
LISTENER = Listener(
    protocol=Protocol.TCP, family=Family.IP, address="0.0.0.0", port=5900, owners=(OWNER,), inode=9
)  # fmt: skip
SERVICE = Service(
    name="x11vnc.service", manager=ServiceManager.SYSTEMD, start=StartMode.AUTOMATIC, is_running=True, pid=7
)
CONNECTION = Connection(
    protocol=Protocol.TCP, family=Family.IP, state="established", local_address="10.0.0.2", local_port=22,
    remote_address="10.0.0.1", remote_port=40_000,
)  # fmt: skip


def a_reading(*facts: Any, nft: str = NFT) -> Reading:
    """Give a host with one nftables ruleset, and facts that are told by `ss` and systemd."""
    engines = [name for one in dialects().values() if one.os is OsFamily.LINUX for name in (*one.engines, *one.beside)]
    sections = {name: a_section(name, Outcome.ABSENT) for name in engines}
    sections["firewall.nft"] = a_section("firewall.nft", lines=tuple(nft.splitlines()))
    by_type: dict[type, tuple[Found[Any], ...]] = {}
    for line, fact in enumerate(facts, start=1):
        section = "services.systemd" if isinstance(fact, Service) else "sockets.ss"
        sections.setdefault(section, a_section(section))
        by_type[type(fact)] = (*by_type.get(type(fact), ()), Found(fact, section, line))
    return Reading(os=OsFamily.LINUX, rights=Rights.ROOT, sections=sections, facts=by_type)


def counted(nft: str) -> str:
    """Give the same rules as they are listed later: other handles, and counters that have gone on."""

    def later(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: one + 1000 if key in ("handle", "packets", "bytes") and isinstance(one, int) else later(one)
                for key, one in value.items()
            }
        return [later(one) for one in value] if isinstance(value, list) else value

    return json.dumps(later(json.loads(nft)))


def test_what_changes_by_itself_does_not_count() -> None:
    was = lasting_sections(a_reading(LISTENER, SERVICE, CONNECTION))
    restarted = (replace(LISTENER, owners=(Owner(name="x11vnc", pid=8),), inode=10), replace(SERVICE, pid=8))
    assert counted(NFT) != NFT
    assert lasting_sections(a_reading(*restarted, replace(CONNECTION, remote_port=50_000), nft=counted(NFT))) == was


def _unit(name: str, start: StartMode = StartMode.MANUAL, state: str = "", *, runs: bool = False) -> Service:
    return Service(
        name=name, manager=ServiceManager.SYSTEMD, start=start, is_running=runs, state=state, file=f"/lib/{name}"
    )


_TIMER, _SOCKET = _unit("logrotate.timer", StartMode.AUTOMATIC, runs=True), _unit("ssh.socket", StartMode.AUTOMATIC)
_ROTATES = _unit("logrotate.service")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            [replace(SERVICE, state="loaded active running")], [replace(SERVICE, state="loaded activating start")],
            id="on-its-way",
        ),
        pytest.param(
            [_unit("nginx.service", StartMode.DISABLED)],
            [_unit("nginx.service", StartMode.DISABLED, "loaded inactive dead")],
            id="in-memory-since-somebody-asked",
        ),
        pytest.param(
            [_unit("nginx.service")], [replace(_unit("nginx.service"), description="As %i")], id="as-its-file-has-it"
        ),
        pytest.param(
            [_TIMER, _ROTATES], [_TIMER, _unit("logrotate.service", state="loaded activating start", runs=True)],
            id="a-timer-has-come",
        ),
        pytest.param(
            [_unit("systemd-hostnamed.service")], [_unit("systemd-hostnamed.service", runs=True)],
            id="a-bus-of-messages-asked-for-it",
        ),
        pytest.param(
            [_unit("user@.service")],
            [_unit("user@.service"), _unit("user@1000.service", runs=True),
             _unit("user-runtime-dir@1000.service")],
            id="somebody-has-logged-in",
        ),
        pytest.param(
            [_SOCKET, _unit("ssh@.service")],
            [_SOCKET, _unit("ssh@.service"), _unit("ssh@3-10.0.0.2:22-10.0.0.1:51934.service", runs=True)],
            id="a-connection-that-a-socket-took",
        ),
        pytest.param(
            [_unit("a.service"), _unit("b.service")], [_unit("b.service"), _unit("a.service")], id="in-another-order"
        ),
    ],
)  # fmt: skip
def test_units_that_come_and_go_by_themselves_do_not_count(before: list[Service], after: list[Service]) -> None:
    assert lasting_sections(a_reading(LISTENER, *before)) == lasting_sections(a_reading(LISTENER, *after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([_unit("x11vnc.service", runs=True)], [_unit("x11vnc.service")], id="started-by-hand-and-stopped"),
        pytest.param(
            [_unit("vnc@.service"), _unit("vnc@:1.service", runs=True)], [_unit("vnc@.service")],
            id="an-instance-by-hand",
        ),
        pytest.param(
            [_TIMER, _ROTATES], [replace(_TIMER, is_running=False), _ROTATES], id="a-timer-that-waits-no-more"
        ),
        pytest.param([_SOCKET], [replace(_SOCKET, start=StartMode.DISABLED)], id="a-socket-that-is-off"),
        pytest.param([_unit("systemd-networkd.service", StartMode.AUTOMATIC, runs=True)],
                     [_unit("systemd-networkd.service", StartMode.AUTOMATIC)], id="what-is-enabled-and-was-stopped"),
        pytest.param([SERVICE], [replace(SERVICE, is_program_gone=True)], id="its-program-is-gone"),
        pytest.param([replace(SERVICE, manager=ServiceManager.SYSTEMD_USER, state="linger")],
                     [replace(SERVICE, manager=ServiceManager.SYSTEMD_USER)], id="an-account-that-lingers-no-more"),
    ],
)  # fmt: skip
def test_a_change_of_units_shows(before: list[Service], after: list[Service]) -> None:
    was, now = (lasting_sections(a_reading(LISTENER, *units)) for units in (before, after))
    assert [name for name in was if was[name] != now[name]] == ["services.systemd"]


@pytest.mark.parametrize(
    ("now", "section"),
    [
        pytest.param(a_reading(replace(LISTENER, address="127.0.0.1"), SERVICE), "sockets.ss", id="bound elsewhere"),
        pytest.param(a_reading(SERVICE), "sockets.ss", id="no longer there"),
        pytest.param(a_reading(LISTENER, replace(SERVICE, start=StartMode.MASKED)), "services.systemd", id="masked"),
        pytest.param(a_reading(LISTENER, replace(SERVICE, is_running=False)), "services.systemd", id="stopped"),
        pytest.param(a_reading(LISTENER, SERVICE, nft=NFT.replace('"drop"', '"accept"')), FILTER, id="another rule"),
    ],
)
def test_a_change_of_the_state_shows_where_it_is(now: Reading, section: str) -> None:
    was, found = lasting_sections(a_reading(LISTENER, SERVICE)), lasting_sections(now)
    assert [name for name in was.keys() | found.keys() if was.get(name) != found.get(name)] == [section]


def test_filters_that_could_not_be_read_are_not_taken_for_the_same() -> None:
    unread = a_reading(LISTENER, SERVICE)
    unread.sections["firewall.nft"] = a_section("firewall.nft", Outcome.DENIED, reason="no right")
    assert lasting_sections(unread)[FILTER] != lasting_sections(a_reading(LISTENER, SERVICE))[FILTER]
