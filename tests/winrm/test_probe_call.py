"""The Windows probe's call through a real WS-Man host, whose PowerShell is a stand-in that plays back an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.collect.ps_probe import ps_call, ps_probe
from auditor.collect.read import read
from auditor.model.evidence import Outcome, Rights
from auditor.model.host import Host, OsFamily, host_facts
from auditor.model.probe import ProbeLimits
from auditor.run.pipeline import Answered, to_evidence
from auditor.transport.winrm import WinRmTransport

_CASES = Path(__file__).parents[1] / "collect"
# Reads all of its input, as the launcher does, and answers to the token at its end.
_STAND_IN = """#!/bin/sh
input=$(cat)
parameters=${input##*@@p:}
printf '#< CLIXML\\r\\n<Objs></Objs>' >&2
printf 'auditor-probe 1 %s ascii\\r\\n' "${parameters%% *}"
cat "$0.answer"
printf '%s' "${input%@@p:*}" >"$0.script"
"""


@pytest.fixture
def powershell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for PowerShell in front of the path of the host's commands."""
    file = tmp_path / "bin" / "powershell.exe"
    file.parent.mkdir()
    file.write_text(_STAND_IN)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}:/usr/bin:/bin")
    return file


def _answer() -> bytes:
    head = ("kernel Windows_NT 10.0.20348", "hostname WIN1", "uid administrator", "become none", "clock 1795600000")
    lines = [f"@head {line}" for line in head]
    for section in ("system/windows", "processes/windows", "sockets/windows", "software/uninstall", "services/windows"):
        name = section.replace("/", ".")
        rows = (_CASES / section / "ordinary" / "input.txt").read_text().splitlines()
        lines += [f"@begin {name}", *(f"|{row}" for row in rows), f"@end {name} 0"]
    lines += ["@begin accounts.administrators", "@outcome absent a domain controller", "@end accounts.administrators 0"]
    return "\r\n".join([*lines, "@finish", ""]).encode()


def test_a_windows_host_is_asked_and_read(serve: Any, describe: Callable[..., Host], powershell: Path) -> None:
    powershell.with_name("powershell.exe.answer").write_bytes(_answer())
    host = describe(serve())
    call = ps_call(limits=ProbeLimits(), deadline=20, output_limit=10**7)
    raw = WinRmTransport().collect(host, call)
    assert powershell.with_name("powershell.exe.script").read_text() == ps_probe()
    evidence = to_evidence(
        Answered(
            host=host_facts(host), raw=raw, token=call.token, probe_sha256=call.script_sha256, unpacked_limit=10**7
        )
    )
    assert (evidence.head.os, evidence.head.rights) == (OsFamily.WINDOWS, Rights.ROOT)
    reading = read(evidence)
    gaps = {name: section.reason for name, section in reading.sections.items() if section.outcome.is_gap}
    assert gaps == {}
    assert reading.sections["accounts.administrators"].outcome is Outcome.ABSENT
    sightings = {one.product: one.state for one in match(reading, load_catalogue())}
    assert {"anydesk", "screenconnect", "tightvnc", "rustdesk"} <= set(sightings)
