"""``auditor remediate approve``: another person's signature gets into the plan's file, and nobody else's."""

import getpass
import subprocess
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.remediate.plan_text import PlanFile, plan_text, read_plan, signed_text
from auditor.trust.signing import make_private
from tests.remediate.test_planning import UNAPPROVED, a_host, planned


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with ada's plan, the people, and Grace's key."""
    monkeypatch.chdir(tmp_path)
    key, data = make_private(None)
    (tmp_path / "grace").write_bytes(data)
    (tmp_path / "grace").chmod(0o600)
    (tmp_path / "people.yml").write_text(
        f"people:\n  - name: Grace Hopper\n    roles: [security]\n    keys:\n      - key: {key.public.line}\n"
    )
    plan = planned(a_host(UNAPPROVED, held={"files": ["/opt/anydesk"]}))
    (tmp_path / "plan.yml").write_text(plan_text(PlanFile(plan=plan)))
    return tmp_path


WORDS = ["remediate", "approve", "plan.yml", "--people", "people.yml"]


def test_a_key_signs_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--as", "grace hopper", "--key", "grace"]) == 0
    assert "approved by Grace Hopper" in capsys.readouterr().err
    file = read_plan((folder / "plan.yml").read_text(), folder / "plan.yml")
    assert file.approval is not None
    assert (folder / "plan.yml").stat().st_mode & 0o777 == 0o600


def test_what_is_shown_is_what_ssh_keygen_signs(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([*WORDS, "--show"]) == 0
    text = capfdbinary.readouterr().out
    assert text == signed_text(read_plan((folder / "plan.yml").read_text(), folder / "plan.yml").plan)
    (folder / "text").write_bytes(text)
    subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", "grace", "-n", "auditor-plan", "text"], check=True)
    assert main([*WORDS, "--as", "Grace Hopper", "--signature", "text.sig"]) == 0


def test_what_would_not_hold_is_not_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "plan.yml").read_text()
    assert main([*WORDS, "--as", "Alan Turing", "--key", "grace"]) == 2
    assert "nobody in the people file" in capsys.readouterr().err
    assert main([*WORDS, "--key", "grace"]) == 2
    assert "--as NAME" in capsys.readouterr().err
    assert (folder / "plan.yml").read_text() == before


def test_the_account_that_planned_does_not_sign(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned(a_host(UNAPPROVED, held={"files": ["/opt/anydesk"]}), made_by=getpass.getuser())
    (folder / "plan.yml").write_text(plan_text(PlanFile(plan=plan)))
    assert main([*WORDS, "--as", "Grace Hopper", "--key", "grace"]) == 2
    assert "sign with an account of the approver's" in capsys.readouterr().err
