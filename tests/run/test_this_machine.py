"""What this machine lacks is said with what to do, and nothing of it is changed."""

import resource
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.run import this_machine
from auditor.run.this_machine import Here, checks_here
from auditor.store.tables import VERSION
from tests.transport.conftest import keygen

__all__ = ["keygen"]
Row = dict[str, Any]


def here(folder: Path, **changes: Any) -> Here:
    values = {"store": str(folder / "s.sqlite"), "output": folder / "reports", "policy": None, "workers": None,
              "home": folder, "agent_socket": ""}  # fmt: skip
    return Here(**{**values, **changes})


def told(one: Here) -> dict[str, Row]:
    return {check.check: check.row() for check in checks_here(one)}


def test_this_machine_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    rows = told(here(tmp_path))
    assert list(rows) == [
        "python", "libraries", "ansible", "catalogue", "policy", "exceptions", "open files", "store", "clock",
        "reports", "disk", "known_hosts", "ssh agent",
    ]  # fmt: skip
    assert {name: row["state"] for name, row in rows.items() if row["state"] == "missing"} == {}
    assert "paramiko" in rows["libraries"]["detail"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_here_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.yml").write_text("name: x\nfoo: 1\n")
    (tmp_path / "s.sqlite").write_text("no database" * 100)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5_000_000}))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(this_machine, "find_program", lambda _: None)
    monkeypatch.setattr(metadata, "requires", lambda _: ["paramiko>=99", "no-such-thing>=1"])
    rows = told(here(tmp_path, policy=tmp_path / "p.yml", workers=400, output=tmp_path / "file" / "x"))
    assert {name for name, row in rows.items() if row["state"] == "missing"} == {
        "libraries", "policy", "open files", "store", "reports", "disk",
    }  # fmt: skip
    assert all(row["advice"] for row in rows.values() if row["state"] == "missing")
    assert "p.yml:2" in rows["policy"]["detail"]
    assert rows["open files"]["advice"] == "ulimit -n 1264, or ask fewer hosts at once: --workers 64"
    assert "no-such-thing is not installed" in rows["libraries"]["detail"]
    assert rows["ansible"]["state"] == "note"


def test_room_is_told_once_for_one_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter(range(9000 * 2**20, 0, -(2**20)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": next(free)}))
    (tmp_path / "reports").mkdir()
    (tmp_path / "s.sqlite").write_bytes(b"")
    assert this_machine._room(here(tmp_path)).detail == f"9000 MB free in {tmp_path / 'reports'}"


def test_a_clock_before_the_newest_run_cannot_be_right() -> None:
    assert this_machine._clock("2999-01-01T00:00:00Z").state == "missing"
    assert this_machine._clock("2001-01-01T00:00:00Z").state == "ok"


def test_a_store_that_is_there_says_its_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["runs", "--store", str(tmp_path / "s.sqlite")])
    capsys.readouterr()
    assert told(here(tmp_path))["store"]["detail"].endswith(f"layout {VERSION}, 0 runs")


def test_keys_of_an_agent_are_counted(tmp_path: Path, keygen: Callable[..., Path]) -> None:
    assert "gives no keys" in told(here(tmp_path, agent_socket=str(tmp_path / "none")))["ssh agent"]["detail"]
    place = tmp_path / "a"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        while not place.exists():
            assert agent.poll() is None
        subprocess.run(
            ["ssh-add", "-q", str(keygen(tmp_path / "key", "ed25519"))], env={"SSH_AUTH_SOCK": str(place)}, check=True
        )
        assert told(here(tmp_path, agent_socket=str(place)))["ssh agent"]["detail"] == f"{place}: 1 key"
    finally:
        agent.terminate()
        agent.wait()
