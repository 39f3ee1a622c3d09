"""``auditor schedule`` as an operator has it: real processes, a recorded host, a host that hangs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.cli.main import main
from auditor.cli.schedule_list import row_of
from auditor.cli.schedule_run import resumed_words
from auditor.model.record import replace
from auditor.model.schedule import Fire, FireState
from auditor.notify import load
from auditor.report.rows import instant
from auditor.run.scheduled import due_now, mark_of
from auditor.store.store import Store
from tests.notify.webhooks import Server, serving
from tests.run.simulated_calendar import a_schedule

pytestmark = pytest.mark.slow

_DEMO = Path(__file__).parents[2] / "auditor" / "demo"
_REPLAY = {"host": "press-7", "connection": "replay", "replay": str(_DEMO / "press-7.probe"), "address": "192.0.2.1"}
_POLICY = "name: A test\nsettings: {coverage: 0%}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with an inventory, a policy and no exceptions, and go there."""
    (tmp_path / "hosts.yml").write_text(json.dumps([_REPLAY]))
    (tmp_path / "policy.yml").write_text(_POLICY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return tmp_path


def due_since(folder: Path, *words: str, minutes: int = 20) -> None:
    """Put a schedule into the store that was added some minutes ago, and was due ten minutes ago and 25.

    It is due again in half an hour at the earliest, so that no test is met by a time of its own.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    due = sorted((now - timedelta(minutes=ago)).minute for ago in (10, 25))
    audit = words or ("-i", "hosts.yml", "-p", "policy.yml")
    added = now - timedelta(minutes=minutes)
    cron = f"{due[0]},{due[1]} * * * *"
    with closing(Store(str(folder / "store.sqlite"))) as store:
        store.schedules.add(a_schedule("often", cron, added=added, folder=str(folder), words=audit))


def listed(capfd: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capfd.readouterr()
    assert main(["schedule", "list", "--format", "json", *words]) == 0
    rows: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    return rows


def test_what_was_missed_is_caught_up_with_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    due_since(folder, minutes=40)
    assert listed(capfd)[0]["result"] == "overdue"
    with closing(Store(str(folder / "store.sqlite"))) as store:
        schedule = store.schedules.named("often")
        *_, (due, _) = due_now(store, schedule, datetime.now(UTC))
        row = row_of(store, schedule, due + timedelta(seconds=20))  # the last is not late yet, the one before is
    assert (row["result"], row["last_due"]) == ("overdue", instant(due - timedelta(minutes=15)))
    assert main(["schedule", "list", "--check"]) == 3
    assert main(["schedule", "run", "--once"]) == 1
    (row,) = listed(capfd)
    assert (row["result"], row["exit_code"], row["late"], row["reason"]) == ("done", 1, True, None)
    history = listed(capfd, "--history")
    assert [one["result"] for one in history] == ["done"] + ["missed"] * (len(history) - 1)
    assert len(history) == 2
    assert main(["schedule", "list", "--check"]) == 0
    assert main(["verify", str(folder / "reports" / row["run"]), "--recompute"]) == 0
    with closing(Store(str(folder / "store.sqlite"))) as store:
        (run,) = store.runs()
        assert run.options["schedule"] == ["often", row["last_due"]]


@pytest.mark.parametrize(
    ("gone", "reason"),
    [("hosts.yml", "hosts.yml"), ("policy.yml", "policy.yml")],
)
def test_what_is_missing_when_it_is_due_is_said(
    folder: Path, capfd: pytest.CaptureFixture[str], gone: str, reason: str
) -> None:
    due_since(folder)
    (folder / gone).unlink()
    assert main(["schedule", "run", "--once"]) == 2
    (row,) = listed(capfd)
    assert (row["result"], row["exit_code"], reason in row["reason"], row["run"]) == ("failed", 2, True, None)
    assert main(["schedule", "list", "--check"]) == 3
    assert main(["schedule", "run", "--once"]) == 0  # it is not begun again


def test_a_folder_that_is_gone_is_said(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(Store(str(folder / "store.sqlite"))) as store:
        added = datetime.now(UTC) - timedelta(minutes=20)
        store.schedules.add(a_schedule("often", "*/15 * * * *", added=added, folder=str(folder / "gone")))
    assert main(["schedule", "run", "--once"]) == 2
    assert "working folder is not there" in listed(capfd)[0]["reason"]


def test_nobody_audits_the_same_hosts_beside_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    audit = ["audit", "-i", "hosts.yml", "-p", "policy.yml"]
    assert main(audit) == 1
    with closing(Store(str(folder / "store.sqlite"))) as store:
        (run,) = store.runs()
        with store.locks.held(f"audit:{run.scope_sha256}", "somebody\x1b[31m"):
            capfd.readouterr()
            assert main(audit) == 2
            said = capfd.readouterr().err
            assert "an audit of the same hosts is under way (somebody" in said
            assert "\x1b" not in said
            assert main([*audit, "--scheduled", "often/2028-01-01T00:00:00Z"]) == 75
        assert len(store.runs()) == 1
        assert main([*audit, "--scheduled", "often/2028-01-01T00:00:00Z"]) == 1
        assert main([*audit, "--scheduled", "often/2028-01-01T00:00:00Z"]) == 75
        assert len(store.runs()) == 2


def test_an_audit_that_was_killed_before_its_reports_gets_them(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    due_since(folder)
    assert main(["schedule", "run", "--once"]) == 1
    with closing(Store(str(folder / "store.sqlite"))) as store:
        (run,) = store.runs()
        (fire,) = store.schedules.fires("often", limit=1)
        with store._database.writing() as connection:
            connection.exec_driver_sql("UPDATE runs SET summary = json_remove(summary, '$.seal', '$.previous')")
        store.schedules.update(replace(fire, state=FireState.STARTED, ended=None, run=None, exit_code=None))
        assert listed(capfd)[0]["result"] == "interrupted"
        main(["schedule", "run", "--once"])
        settled = next(one for one in store.schedules.fires("often") if one.due == fire.due)
        assert settled.state is FireState.FAILED
        assert f"`auditor report {run.id}`" in (settled.reason or "")
        assert main(["report", run.id, "-o", "again", "--format", "html,csv,json"]) == 0
        assert store.run(run.id).summary["seal"]
    assert main(["verify", f"again/{run.id}"]) == 0


@pytest.fixture
def silent() -> Iterator[int]:
    """Listen on a port, and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_service_that_is_stopped_lets_its_audit_end_and_goes_on_with_it(
    folder: Path, capfd: pytest.CaptureFixture[str], silent: int, number: int, code: int
) -> None:
    hangs = {"host": "a-hangs", "address": "127.0.0.1", "port": silent, "user": "x"}
    (folder / "hosts.yml").write_text(json.dumps([hangs, _REPLAY]))
    words = ["-i", "hosts.yml", "-p", "policy.yml", "--workers", "1", "--retries", "0", "--deadline", "4"]
    due_since(folder, *words)
    service = subprocess.Popen(
        [sys.executable, "-m", "auditor.cli.main", "schedule", "run"], env=os.environ, stderr=subprocess.PIPE, text=True
    )
    with closing(Store(str(folder / "store.sqlite"))) as store:
        give_up = time.monotonic() + 120
        while not store.runs():
            assert time.monotonic() < give_up
            time.sleep(0.1)
        (row,) = listed(capfd)
        assert (row["result"], row["needs_a_look"]) == ("running", False)
        service.send_signal(number)
        _, said = service.communicate(timeout=120)
        assert service.returncode == code, said
        (row,) = listed(capfd)
        assert (row["result"], row["exit_code"], row["needs_a_look"]) == ("interrupted", 130, True)
        assert main(["schedule", "run", "--once"]) == 1
        (row,) = listed(capfd)
        (run,) = store.runs()
        assert (row["result"], row["exit_code"], row["run"]) == ("done", 1, run.id)
        assert run.finished is not None


def test_what_goes_on_is_told_what_its_run_does_not_know() -> None:
    words = ("-i", "hosts.yml", "web*", "-p", "p.yml", "--workers", "8", "--window", "8h", "-o", "out", "--rate", "2.5")
    assert resumed_words(a_schedule(words=words)) == ["--output", "out", "--workers", "8", "--rate", "2.5"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add"], "which schedule?"),
        (["add", "a b", "--cron", "@monthly", "--audit", "local"], "letters, digits"),
        (["add", "a", "--audit", "local"], "when?"),
        (["add", "a", "--cron", "@monthly"], "which hosts?"),
        (["add", "a", "--cron", "*/5 * * * *", "--audit", "local"], "every 15 minutes"),
        (
            ["add", "a", "--cron", "@monthly", "--zone", "Europe/Berln", "--audit", "local"],
            "did you mean 'Europe/Berlin'",
        ),
        (["add", "a", "--cron", "@monthly", "--jitter", "8d", "--audit", "local"], "shorter than --window"),
        (["add", "a", "--cron", "@monthly", "--audit", "local", "--format", "pdf"], "pdf"),
        (["add", "a", "--cron", "@monthly", "--audit", "local", "--store", "x"], "for the service to say"),
        (["add", "a", "--cron", "@monthly", "--audit", "local", "--nonsense"], "none of its command lines"),
        (["remove", "monthy"], "did you mean 'monthly'"),
        (["run", "monthly"], "--once"),
        (["list", "monthy"], "did you mean 'monthly'"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["schedule", "add", "monthly", "--cron", "@monthly", "--audit", "local"]) == 0
    assert main(["schedule", *words]) == 2
    assert said in capfd.readouterr().err
    assert (folder / "store.sqlite").exists()


def test_adding_says_what_may_surprise(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--cron", "0 6 31 * *", "--zone", "Europe/Berlin", "--audit", "-i", "not-there.yml", "-p", "policy.yml"]
    assert main(["schedule", "add", "ends", *words]) == 0
    said = capfd.readouterr().err
    for text in ("not-there.yml is not there", "not every month has a day 31", "the policy allows 35"):
        assert text in said
    (row,) = listed(capfd)
    assert (row["folder"], row["zone"], row["result"]) == (str(folder), "Europe/Berlin", None)
    assert main(["schedule", "remove", "ends"]) == 0
    assert listed(capfd) == []
    assert listed(capfd, "--all")[0]["removed"] is not None


def with_webhook(folder: Path, server: Server, events: str = "[audit_failed, audit_missed]") -> None:
    """Have the audits of the schedule tell a web server."""
    (folder / "notify.yml").write_text(
        f"webhooks:\n  - {{name: soc, url: 'http://127.0.0.1:{server.port}/x', events: {events}, tries: 1}}\n"
    )


_TELLING = ("-i", "hosts.yml", "-p", "policy.yml", "--notify", "notify.yml")


def fires(folder: Path) -> list[Fire]:
    """Return the times that the schedule was due, the last one first."""
    with closing(Store(str(folder / "store.sqlite"))) as store:
        return store.schedules.fires("often")


def audits_told(server: Server) -> list[dict[str, Any]]:
    """Return what a web server was told of audits, each message held to its published form."""
    schema = json.loads((Path(load.__file__).parent / "notification.schema.json").read_text())
    bodies = [json.loads(body) for body in server.bodies]
    for body in bodies:
        jsonschema.Draft202012Validator(schema).validate(body)
    return [{"event": body["event"], **body["audit"]} for body in bodies]


def test_webhooks_are_told_once_of_audits_that_failed_or_were_missed(folder: Path) -> None:
    with serving() as server:
        with_webhook(folder, server)
        due_since(folder, *_TELLING, minutes=40)
        (folder / "hosts.yml").unlink()
        assert main(["schedule", "run", "--once"]) == 2
        told, history = audits_told(server), fires(folder)
        assert [(one["event"], one["result"], one["exit_code"]) for one in told] == [
            *[("audit_missed", "missed", None)] * (len(history) - 1),
            ("audit_failed", "failed", 2),
        ]
        assert len(history) >= 2
        assert "hosts.yml" in told[-1]["reason"]
        assert [one["due"] for one in told] == [mark_of(fire)[1] for fire in reversed(history)]
        assert main(["schedule", "run", "--once"]) == 0
        assert len(server.bodies) == len(told)


def test_what_a_webhook_did_not_take_is_told_with_the_next_fate(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving([503]) as server:
        with_webhook(folder, server)
        due_since(folder, *_TELLING)
        hosts = (folder / "hosts.yml").read_text()
        (folder / "hosts.yml").unlink()
        assert main(["schedule", "run", "--once"]) == 2  # the exit code is the audit's
        assert "notify soc: 0 told, 1 not: it answers 503" in capfd.readouterr().err
        (folder / "hosts.yml").write_text(hosts)
        before = fires(folder)
        later = replace(before[0], due=before[0].due + timedelta(minutes=15), state=FireState.STARTED, reason=None)
        with closing(Store(str(folder / "store.sqlite"))) as store:
            store.schedules.claim([replace(later, ended=None, exit_code=None)])
        assert main(["schedule", "run", "--once"]) == 1
        first, *again = audits_told(server)
        assert first == again[0]
        assert [one["due"] for one in again] == [mark_of(fire)[1] for fire in reversed(before)]


def test_a_webhook_that_wants_other_things_hears_nothing_of_audits(folder: Path) -> None:
    with serving() as server:
        with_webhook(folder, server, "[new_violation]")
        due_since(folder, *_TELLING)
        (folder / "hosts.yml").unlink()
        assert main(["schedule", "run", "--once"]) == 2
        assert server.bodies == []


def test_a_notifications_file_that_is_gone_is_said_and_costs_nothing_else(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    due_since(folder, *_TELLING)
    assert main(["schedule", "run", "--once"]) == 2
    assert "often: no webhook is told of this: " in capfd.readouterr().err
    assert listed(capfd)[0]["result"] == "failed"
