"""Simulated hosts of `auditor demo` answer as today's probe would have them answer, and say that they are simulated.

Where one is stale, `python -m tests.simulated.record_demo` writes it anew, and then `make sample` the sample.
"""

from datetime import datetime
from typing import Any

import pytest
import yaml

from auditor.collect.probe import sections_of
from auditor.model.host import OsFamily
from tests.macos.fake_mac import why_no_mac
from tests.simulated.record_demo import DEMO, FOLDER, HOSTS, Simulated, answers, unpacked

_REMAKE = "stale: run `python -m tests.simulated.record_demo` as root, then `make sample`"


def fleet() -> dict[str, Any]:
    return yaml.safe_load((DEMO / "fleet.yml").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_it_answers_as_it_would_today(host: Simulated) -> None:
    if host.mac and (reason := why_no_mac()):
        pytest.skip(reason)
    ((_, made),) = answers(datetime.fromisoformat(fleet()["recorded"]), (host,))
    kept = (FOLDER / f"{host.name}.probe").read_bytes()
    assert kept.partition(b"\n")[0] == made.partition(b"\n")[0]
    # What another release of zlib packs otherwise is the same answer.
    assert unpacked(kept).splitlines() == unpacked(made).splitlines(), _REMAKE


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_it_answers_each_section_of_the_probe(host: Simulated) -> None:
    """Without a fake Mac too: a section that was added, or went, makes a recording stale."""
    lines = unpacked((FOLDER / f"{host.name}.probe").read_bytes()).decode().splitlines()
    sections = [line.split()[1] for line in lines if line.startswith("@begin ")]
    family = OsFamily.WINDOWS if host.windows else OsFamily.MACOS
    assert sections == list(sections_of(family)), _REMAKE


def test_the_fleet_marks_just_these_as_simulated() -> None:
    entries = {entry["host"]: entry for entry in fleet()["hosts"]}
    assert {name: entry for name, entry in entries.items() if entry.get("simulated")} == {
        host.name: host.entry() for host in HOSTS
    }
    assert {name for name, entry in entries.items() if "simulated" in entry["groups"]} == {one.name for one in HOSTS}
    assert sorted(file.stem for file in FOLDER.iterdir()) == sorted(host.name for host in HOSTS)
