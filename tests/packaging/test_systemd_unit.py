"""The systemd unit in docs/deploy is one that systemd takes, and holds the service as closely as the docs say."""

import shutil
import subprocess
from pathlib import Path

import pytest

_UNIT = Path(__file__).parents[2] / "docs" / "deploy" / "auditor-schedule.service"
_ANALYZE = shutil.which("systemd-analyze")
_MOST_EXPOSED = 15
"""Tenths of a point of `systemd-analyze security`; 100 is a service without any bounds."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Copy the unit, with a program that is there instead of ours, which need not be installed where it says."""
    copy = tmp_path / _UNIT.name
    copy.write_text(_UNIT.read_text().replace("/opt/auditor/bin/auditor", str(shutil.which("true"))))
    return copy


def test_it_runs_the_service_and_lets_readers_bound_themselves() -> None:
    lines = _UNIT.read_text().splitlines()
    assert "ExecStart=/opt/auditor/bin/auditor schedule run" in lines
    denied = [line for line in lines if line.startswith("SystemCallFilter=~")]
    assert denied
    assert not any("@resources" in line for line in denied)


@pytest.mark.skipif(_ANALYZE is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize(
    "words", [["verify"], ["security", "--offline=true", f"--threshold={_MOST_EXPOSED}", "--no-pager"]]
)
def test_systemd_takes_it(unit: Path, words: list[str]) -> None:
    done = subprocess.run([str(_ANALYZE), *words, str(unit)], capture_output=True, text=True, check=False, timeout=60)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is too old to look at a file")
    assert (done.returncode, done.stderr if words == ["verify"] else "") == (0, ""), done.stdout[-2000:]
