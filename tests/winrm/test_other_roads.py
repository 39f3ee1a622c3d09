"""A Windows host by the other commands: doctor, a recorded answer, an envelope that somebody brought."""

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from auditor.collect.ps_probe import ps_probe_sha256
from tests.winrm.planted import Windows
from tests.winrm.running import auditor, row_of, serve_answer
from tests.winrm.server import user_file

_TOKEN = "ab" * 16


def _doctor(folder: Path, monkeypatch: pytest.MonkeyPatch, host: Windows, *words: str) -> dict[str, dict[str, str]]:
    monkeypatch.setenv("NTLM_USER_FILE", str(user_file(folder)))
    with ExitStack() as stack:
        port = serve_answer(stack, folder / host.name, host.answer("@token@"))
        (folder / "hosts.yml").write_text(yaml.safe_dump([row_of(host.name, port)]))
        ran = auditor(folder, "doctor", "-i", "hosts.yml", host.name, "--format", "json", *words)
    assert ran.returncode in (0, 1), ran.stderr
    return {row["check"]: row for row in json.loads(ran.stdout)}


def test_doctor_climbs_to_a_windows_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = _doctor(tmp_path, monkeypatch, Windows(name="win1"))
    assert [checks[name]["state"] for name in ("login", "session", "shell", "rights")] == ["ok"] * 4
    assert checks["rights"]["detail"] == "an administrator"
    assert checks["firewall.windows"]["state"] == "ok"
    assert "connection" not in checks


def test_doctor_tells_how_an_administrator_gets_the_whole_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Windows(name="win1", is_administrator=False)
    host.lose("firewall.windows", "denied Access is denied.")
    checks = _doctor(tmp_path, monkeypatch, host)
    assert checks["rights"]["state"] == "missing"
    assert "LocalAccountTokenFilterPolicy" in checks["rights"]["advice"]
    assert "sudo" not in json.dumps(list(checks.values()))


def test_a_proof_pack_of_a_windows_host_is_scrubbed_and_tells_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Windows(name="secretname7")
    host.administrator("EXAMPLE\\zaphod", "S-1-5-21-9-9-9-1105")
    _doctor(tmp_path, monkeypatch, host, "--record")
    (pack,) = (tmp_path / "proof").iterdir()
    text = (pack / "answer.probe").read_bytes().decode()
    assert "secretname7" not in text.lower()
    assert "zaphod" not in text.lower()
    assert f'probe_sha256 = "{ps_probe_sha256()}"' in (pack / "case.toml").read_text()


def test_a_recorded_answer_is_judged_as_the_host_was(tmp_path: Path) -> None:
    host = Windows(name="win1")
    host.listen(5900, host.process("C:\\Program Files\\TightVNC\\tvnserver.exe"))
    (tmp_path / "win1.probe").write_bytes(host.answer(_TOKEN))
    rows = [{"host": "win1", "connection": "replay", "replay": "win1.probe"}]
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(rows))
    ran = auditor(tmp_path, "audit", "-i", "hosts.yml", "-o", "reports")
    assert ran.returncode in (1, 3), ran.stderr
    (file,) = (tmp_path / "reports").glob("*/hosts.jsonl")
    row = json.loads(file.read_text())
    assert (row["os"]["family"], row["rights"]) == ("windows", "root")
    assert row["probe_sha256"] == ps_probe_sha256()
    assert [one["product"] for one in row["sightings"]] == ["tightvnc"]


def test_an_envelope_that_somebody_brought_is_evidence(tmp_path: Path) -> None:
    (tmp_path / "win1.envelope").write_bytes(Windows(name="win1").answer(_TOKEN))
    ran = auditor(tmp_path, "ingest", "envelope", "win1.envelope")
    assert ran.returncode == 0, ran.stderr
    (evidence,) = (tmp_path / "evidence").iterdir()
    ran = auditor(tmp_path, "assess", str(evidence), "-o", "reports")
    assert ran.returncode in (0, 1, 3), ran.stderr
    (file,) = (tmp_path / "reports").glob("*/hosts.jsonl")
    row = json.loads(file.read_text())
    assert (row["os"]["family"], row["delivered"]) == ("windows", "envelope")


def test_the_probe_that_is_shown_is_the_one_that_is_asked(tmp_path: Path) -> None:
    ran = auditor(tmp_path, "probe", "show", "windows")
    assert hashlib.sha256(ran.stdout.encode()).hexdigest() == ps_probe_sha256()
    assert ps_probe_sha256() in ran.stderr
