"""Killed, or without power, at any write: runs are whole or absent, bundles verify or are none, and all of it goes on.

A sample of the ends that `make fault-tests` tries all of (tests/faults/crash.py).
"""

import random
from pathlib import Path

import pytest

from tests.faults.crash import ends
from tests.faults.disk import Disk, Loss
from tests.faults.every import SCENARIOS
from tests.faults.recording import Call
from tests.faults.scenarios import record

pytestmark = pytest.mark.slow
_TRIED = {"audit": 14, "next-audit": 8, "plan": 2, "approve": 2}
_TRIED_OTHERWISE = 5


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_at_whatever_write_it_ends(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = record(SCENARIOS[name], tmp_path)
    every = list(ends(made.calls, [None, *Loss], 1, 1))
    # The end of the command, by every loss: what it has told is not taken back.
    last = [end for end in every if end.after == len(made.calls)]
    chosen = random.Random(name).sample(every, _TRIED.get(name, _TRIED_OTHERWISE)) + last  # noqa: S311 — a seed is wanted
    lost = [f"{end}: {said}" for end, said in made.check(chosen, tmp_path) if said is not None]
    assert lost == []


def test_a_disk_forgets_what_nobody_synced(tmp_path: Path) -> None:
    """The model itself: a rename that is on the disk before the bytes leaves an empty file, an fsync prevents it."""
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "kept").write_bytes(b"old")
    draft = [
        Call(kind="create", path="draft"),
        Call(kind="write", path="draft", data=b"new"),
        Call(kind="rename", path="draft", to="kept"),
    ]
    synced = [*draft[:2], Call(kind="sync", path="draft"), draft[2]]
    lasting = [*synced, Call(kind="sync", path=".")]

    def left(calls: list[Call], loss: Loss) -> dict[str, bytes]:
        disk = Disk(tmp_path / "before")
        for call in calls:
            disk.do(call)
        place = tmp_path / f"after-{len(calls)}-{loss}"
        disk.after_power_cut(place, loss, random.Random(0))  # noqa: S311 — a seed is wanted
        return {path.name: path.read_bytes() for path in place.iterdir()}

    assert left(draft, Loss.BYTES) == {"kept": b""}
    assert left(draft, Loss.NAMES) == left(draft, Loss.EVERYTHING) == {"kept": b"old"}
    assert left(synced, Loss.BYTES) == {"kept": b"new"}
    assert left(synced, Loss.NAMES) == {"kept": b"old"}
    assert {loss: left(lasting, loss) for loss in Loss} == {loss: {"kept": b"new"} for loss in Loss}
