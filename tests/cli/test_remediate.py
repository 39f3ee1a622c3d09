"""``auditor remediate plan`` over the recorded fleet: a file to read, nothing changed."""

import json
from pathlib import Path

import pytest
import yaml

from auditor.cli.main import main
from auditor.remediate.plan_text import plan_digest, read_plan

DEMO = Path(__file__).parents[2] / "auditor" / "demo"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Audit the recorded fleet into a store."""
    folder = tmp_path_factory.mktemp("store")
    hosts = [
        {
            "host": entry["host"],
            "connection": "replay",
            "replay": str(DEMO / f"{entry['host']}.probe"),
            "groups": entry["groups"],
            "owner": entry["owner"],
        }
        for entry in yaml.safe_load((DEMO / "fleet.yml").read_text())["hosts"]
        if (DEMO / f"{entry['host']}.probe").exists()
    ]
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    words = ["audit", "-i", str(folder / "hosts.yml"), "-p", str(DEMO / "policy.yml"), "-o", str(folder / "out")]
    signed = ["--exceptions", str(DEMO / "exceptions.yml"), "--people", str(DEMO / "people.yml")]
    kept = [*signed, "--store", str(folder / "store.sqlite")]
    assert main([*words, *kept, "--format", "json", "-q"]) in (1, 3)
    return folder / "store.sqlite"


@pytest.fixture
def judged(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder to work in, with a run of the recorded fleet in the store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(store))
    return tmp_path


def test_it_plans_what_a_playbook_can_do_and_names_the_rest(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["remediate", "plan", "--format", "json"]) == 0
    said = capsys.readouterr()
    file = judged / "plan.yml"
    plan = read_plan(file.read_text(), file).plan
    assert plan_digest(plan) in said.err
    assert len(json.loads(said.out)) == len(plan.steps)
    steps = {(step.host, str(step.play)) for step in plan.steps}
    assert {("web-3", "block_inbound"), ("web-3", "remove_product"), ("db-1", "block_inbound")} <= steps
    assert {host for host, _ in steps} & {"press-7", "helpdesk-1", "web-1"} == set()
    left = {(one.host, one.control): one.reason for one in plan.left_out}
    assert "excepted by press-7-until-replaced" in left["press-7", "unapproved_product"]
    assert "no playbook closes this" in left["db-2", "software_installers"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "approval" not in yaml.safe_load(file.read_text())


def test_a_plan_that_is_there_is_not_written_over(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (judged / "plan.yml").write_text("approved by Grace")
    assert main(["remediate", "plan"]) == 2
    assert "may be approved" in capsys.readouterr().err
    assert (judged / "plan.yml").read_text() == "approved by Grace"
    assert main(["remediate", "plan", "-o", "other.yml", "-q"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "web-33"], "no host 'web-33'"),
        (["--x11vnc-password-file", "etc/x11vnc.pass"], "a whole path is needed"),
        (["--x11vnc-password-file", "/etc/{{ x }}"], "a whole path is needed"),
        (["--control", "unapproved_products"], "unapproved_product"),
        (["--product", "x11vncc"], "x11vnc"),
        (["--host", "web-1"], "no finding that is asked for"),
    ],
)
def test_a_word_that_is_wrong_is_named_and_nothing_is_written(
    judged: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["remediate", "plan", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (judged / "plan.yml").exists()
