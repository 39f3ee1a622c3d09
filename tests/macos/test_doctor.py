"""The doctor says of a Mac what is missing; a proof pack of one tells the same, and not whose it is."""

import gzip
import hashlib
import re
import stat
from pathlib import Path

import pytest

from auditor.collect.envelope import open_envelope
from tests.cli.asked_doctor import doctor, inventory
from tests.macos.audited import CLOSED, PLAIN, ROOT, Audits, Way


def _answer(audits: Audits, name: str, way: Way, folder: Path) -> str:
    """Write what a host answered as a file, and an inventory that replays it; return the inventory."""
    asked = audits.of(name, way).asked
    start = asked.raw.stdout.index(b"auditor-probe 1 ")
    line, _, packed = asked.raw.stdout[start:].partition(b"\n")
    assert line.endswith(b" gzip")
    file = folder / "answer.probe"
    file.write_bytes(line.replace(b" gzip", b" plain") + b"\n" + gzip.decompress(packed))
    file.with_name("answer.probe.stderr").write_bytes(asked.raw.stderr)
    assert open_envelope(stdout=file.read_bytes(), stderr=b"", token=asked.token, limit=10**8).answers
    return inventory(folder, address="192.0.2.115", connection="replay", replay=str(file))


def test_clean_mac_is_ready(audits: Audits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows = doctor(capsys, "-i", _answer(audits, "macos15-clean", ROOT, tmp_path))
    assert {check: row["detail"] for check, row in rows.items() if row["state"] == "missing"} == {}
    assert rows["full disk access"]["state"] == "ok"
    assert status == 0


def test_want_of_full_disk_access_is_told(audits: Audits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows = doctor(capsys, "-i", _answer(audits, "macos15-clean", CLOSED, tmp_path))
    assert status == 1
    row = rows["full disk access"]
    assert row["state"] == "missing"
    assert "remote_config.privacy" in row["detail"]
    assert "Allow full disk access for remote users" in row["advice"]


def test_want_of_sudo_is_told(audits: Audits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, rows = doctor(capsys, "-i", _answer(audits, "macos15-clean", PLAIN, tmp_path))
    assert rows["rights"]["state"] == "missing"
    assert "sudo" in rows["rights"]["advice"]


@pytest.mark.parametrize(
    "name",
    ["macos15-dirty", *(pytest.param(f"macos{version}-dirty", marks=pytest.mark.slow) for version in (13, 14, 26))],
)
def test_proof_pack_tells_the_same_and_not_whose_it_is(
    name: str, audits: Audits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _answer(audits, name, ROOT, tmp_path)
    _, rows = doctor(capsys, "-i", file, "--record", "-o", str(tmp_path / "proof"))
    assert rows["proof pack"]["state"] == "ok", rows["proof pack"]["detail"]
    (pack,) = (tmp_path / "proof").iterdir()
    text = "".join(one.read_text() for one in pack.iterdir()).lower()
    before = (tmp_path / "answer.probe").read_text(errors="replace").lower()
    stays = rows["proof pack"]["detail"].partition("words:")[2]
    for ours in ("alice", "bob", "mac-dirty", f"192.0.2.1{name[5:7]}", f"2001:db8::1{name[5:7]}"):
        assert ours in before, ours
        # As a word: letters of chance may spell it in a longer one.
        assert ours in stays or not re.search(rf"(?<![a-z0-9]){re.escape(ours)}(?![a-z0-9])", text), ours
    assert stat.S_IMODE(pack.stat().st_mode) == 0o700
    for line in (pack / "SHA256SUMS").read_text().splitlines():
        digest, named = line.split("  ")
        assert hashlib.sha256((pack / named).read_bytes()).hexdigest() == digest
