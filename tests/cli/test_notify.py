"""Webhooks told from the command line, after an audit or later, with secrets that nobody sees."""

import json
from pathlib import Path

import pytest

from auditor.cli.main import main
from tests.notify.webhooks import serving
from tests.run.evidence_sets import Seen, make_set

WRONG = 2


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.setenv("SOC_TOKEN", "Bearer s3cret")
    return tmp_path


def notify_file(here: Path, port: int, **more: object) -> str:
    hook = {
        "name": "soc",
        "url": f"http://127.0.0.1:{port}/T0/s3cret",
        "header": {"name": "Authorization", "value": "env:SOC_TOKEN"},
        "tries": 1,
        **more,
    }
    (here / "notify.yml").write_text(json.dumps({"webhooks": [hook]}))
    return "notify.yml"


def test_a_run_is_told_later_and_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(make_set(here / "set", [Seen(name="web")])), "-q", "--format", "json"]) == 3
    with serving() as server:
        file = notify_file(here, server.port)
        capsys.readouterr()
        assert main(["notify", "--to", file, "--dry-run"]) == 0
        shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {row["event"] for row in shown} >= {"coverage_below", "chain_head"}
        assert server.requests == []
        assert main(["notify", "--to", file]) == 0
        assert [json.loads(body) for body in server.bodies] == shown
        assert main(["notify", "--to", file]) == 0
        assert len(server.requests) == len(shown)
        said = capsys.readouterr()
    assert "s3cret" not in said.out + said.err
    manifest = json.loads(next(Path("reports").glob("*/manifest.json")).read_text())
    assert shown[-1]["chain"]["seal"] == manifest["seal"]
    assert main(["verify", "reports", "--anchor", shown[-1]["chain"]["seal"]]) == 0


def test_what_is_known_already_can_be_remembered_as_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(make_set(here / "set", [Seen(name="web")])), "-q", "--format", "json"]) == 3
    with serving(last=500) as server:
        file = notify_file(here, server.port)
        assert main(["notify", "--to", file]) == 1
        said = capsys.readouterr().err
        assert "notify soc: 0 told" in said
        assert "answers 500" in said
        tried = len(server.requests)
        assert main(["notify", "--to", file, "--as-told"]) == 0
        assert main(["notify", "--to", file]) == 0
        assert len(server.requests) == tried


@pytest.mark.slow
def test_an_audit_tells_at_its_end_and_a_failure_costs_it_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(last=503) as server:
        file = notify_file(here, server.port)
        code = main(["audit", "local", "-q", "--format", "json", "--notify", file])
        assert code in (0, 1, 3)
        assert "answers 503" in capsys.readouterr().err
        (run,) = Path("reports").iterdir()
        assert main(["verify", str(run)]) == 0
        server.last = 204
        assert main(["notify", "--to", file]) == 0
        assert len(server.bodies) > 1


def test_a_wrong_file_stops_an_audit_before_it_begins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "notify.yml").write_text("webhooks: [{name: soc, url: 'http://hooks.example.com/s3cret'}]")
    assert main(["audit", "local", "--notify", "notify.yml"]) == WRONG
    said = capsys.readouterr().err
    assert "notify.yml:1:" in said
    assert "s3cret" not in said
    assert not (here / "reports").exists()
