"""``auditor remediate apply``, ``rollback``, ``status`` over the recorded fleet, with plays that only say they ran."""

import json
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.model.host import Host
from auditor.remediate.playing import Played, Task
from auditor.store.store import Store
from auditor.trust.signing import make_private
from tests.cli import test_remediate

store = test_remediate.store

PLAYBOOKS = (
    "capture", "guard", "confirm", "stop_service", "start_service", "block_inbound", "unblock_inbound",
    "remove_product", "restore_product",
)  # fmt: skip


class Plays:
    """Says of every play that it ended well."""

    played: list[tuple[str, str, bool]]

    def __init__(self, **_: object) -> None:
        """Take what real plays take."""

    def __call__(self, host: Host, task: Task) -> Played:
        """Note the play."""
        Plays.played.append((host.name, task.playbook, task.is_check))
        return Played(is_done=True, changed=1, facts={"auditor_capsule": {"state": [["unit", "x11vnc.service"]]}})


@pytest.fixture
def folder(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a plan for one host, that Grace has approved, and plays that are noted."""
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "store.sqlite"
    copy.write_bytes(store.read_bytes())
    monkeypatch.setenv("AUDITOR_STORE", str(copy))
    Plays.played = []
    monkeypatch.setattr("auditor.cli.remediate_setup.AnsiblePlays", Plays)
    monkeypatch.setattr("auditor.cli.remediate_setup.find_program", lambda _: "/usr/bin/true")
    monkeypatch.setattr("auditor.cli.remediate_approve.operator_name", lambda: "another account")
    (tmp_path / "plays").mkdir()
    for name in PLAYBOOKS:
        (tmp_path / "plays" / f"{name}.yml").write_text("[]")
    key, data = make_private(None)
    (tmp_path / "grace").write_bytes(data)
    (tmp_path / "people.yml").write_text(
        f"people:\n  - name: Grace Hopper\n    roles: [security]\n    keys:\n      - key: {key.public.line}\n"
    )
    (tmp_path / "none.yml").write_text("exceptions: []\n")
    assert main(["remediate", "plan", "--host", "web-3", "-q"]) == 0
    assert (
        main(["remediate", "approve", "plan.yml", "--people", "people.yml", "--as", "Grace Hopper", "--key", "grace"])
        == 0
    )
    return tmp_path


def words(folder: Path, action: str, *more: str, store: Path) -> list[str]:
    rules = ["--people", "people.yml", "--exceptions", "none.yml", "--playbooks", str(folder / "plays")]
    return ["remediate", action, "plan.yml", "-i", str(store.parent / "hosts.yml"), *rules, *more]


def test_a_plan_is_applied_and_its_findings_are_open_while_evidence_says_so(
    folder: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(words(folder, "apply", "--format", "json", store=store)) == 1
    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert (row["host"], row["stands"], row["findings_closed"]) == ("web-3", "not closed", 0)
    assert row["approved_by"] == "Grace Hopper"
    assert ("web-3", "block_inbound", False) in Plays.played
    assert Plays.played.index(("web-3", "guard", False)) < Plays.played.index(("web-3", "block_inbound", False))
    assert "auditing 1 hosts before they are changed" in said.err
    kept = Store(str(folder / "store.sqlite"))
    ((digest, _),) = kept.journal.plans()
    assert [str(event.what) for event in kept.journal.events(digest)][:4] == [
        "planned",
        "approved",
        "started",
        "audited",
    ]
    kept.close()


def test_it_is_begun_once_and_rolled_back(folder: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(folder, "apply", "-q", store=store)) == 1
    assert main(words(folder, "apply", store=store)) == 2
    assert "go on with --resume" in capsys.readouterr().err
    Plays.played.clear()
    assert main(words(folder, "rollback", "-q", store=store)) == 0
    done = [name for _, name, _ in Plays.played]
    assert {"restore_product", "start_service", "unblock_inbound"} & set(done)
    capsys.readouterr()
    assert main(["remediate", "status", "plan.yml", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["stands"] == "rolled back"
    assert main(["remediate", "status", "--format", "json"]) == 0
    (plan,) = json.loads(capsys.readouterr().out)
    assert plan["approved_by"] == "Grace Hopper"
    assert main(["remediate", "status", plan["plan"]]) == 0
    # What was rolled back is not closed, whoever goes on.
    assert main(words(folder, "apply", "--resume", "-q", store=store)) == 1
    assert main(words(folder, "rollback", store=store)) == 2
    assert "nothing of it is to be undone" in capsys.readouterr().err


def test_a_check_changes_nothing_and_hinders_nothing(folder: Path, store: Path) -> None:
    assert main(words(folder, "apply", "--check", "-q", store=store)) == 0
    assert Plays.played
    assert all(is_check for _, _, is_check in Plays.played)
    assert main(words(folder, "apply", "-q", store=store)) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("severity:", "severity:", None),
        ("expects: ", "expects: not ", "was changed after Grace Hopper had approved it"),
        ("made_by: ", "made_by: x", "was changed after Grace Hopper had approved it"),
    ],
)
def test_a_plan_that_was_edited_after_its_approval_is_refused(
    folder: Path, store: Path, capsys: pytest.CaptureFixture[str], *, old: str, new: str, said: str | None
) -> None:
    file = folder / "plan.yml"
    file.write_text(file.read_text().replace(old, new, 1))
    code = main(words(folder, "apply", "-q", store=store))
    assert code == (1 if said is None else 2)
    if said is not None:
        assert said in capsys.readouterr().err
        assert Plays.played == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "people.yml").write_text("people: []\n"), "nobody in the people file"),
        (lambda folder: (folder / "plays" / "guard.yml").unlink(), "takes playbooks that are not in"),
        (lambda folder: (folder / "plays" / "capture.yml").unlink(), "no playbooks are there"),
    ],
)
def test_what_is_missing_is_named_before_a_host_is_reached(
    folder: Path, store: Path, capsys: pytest.CaptureFixture[str], change: object, said: str
) -> None:
    change(folder)  # type: ignore[operator]
    assert main(words(folder, "apply", store=store)) == 2
    assert said in capsys.readouterr().err
    assert Plays.played == []


def test_two_processes_do_not_work_on_one_plan(
    folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("auditor.cli.remediate_setup.memory_folder", lambda: str(folder))
    codes: list[int | None] = []
    real = Plays.__call__

    def meanwhile(self: Plays, host: Host, task: Task) -> Played:
        if not codes:
            codes.append(None)
            codes[0] = main(words(folder, "apply", "--resume", store=store))
        return real(self, host, task)

    monkeypatch.setattr(Plays, "__call__", meanwhile)
    assert main(words(folder, "apply", "-q", store=store)) == 1
    assert codes == [2]
    assert "by another process" in capsys.readouterr().err
    assert main(words(folder, "rollback", "-q", store=store)) == 0


def test_words_that_are_wrong_are_named(folder: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--batch", "0"], ["--max-failures", "2"], ["--guard-seconds", "3"], ["--resume"]):
        assert main(words(folder, "apply", *more, store=store)) == 2
    assert main(["remediate", "apply", "plan.yml", "--people", "people.yml"]) == 2
    assert main(["remediate", "apply"]) == 2
    assert "which plan?" in capsys.readouterr().err
