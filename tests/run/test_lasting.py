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
