"""The Windows probe's call through a real WS-Man host, whose PowerShell is a stand-in that plays back an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.collect.ps_probe import ps_call, ps_probe
from auditor.collect.read import read
from auditor.model.evidence import Outcome, Rights
from auditor.model.host import Host, OsFamily, host_facts
from auditor.model.probe import ProbeLimits
from auditor.run.pipeline import Answered, to_evidence
from auditor.transport.winrm import WinRmTransport
from tests.winrm.host import WindowsHost

_HOST = WindowsHost(
    running=("anydesk", "screenconnect", "tightvnc", "rustdesk"),
    rows={"accounts.administrators": ()},
    outcomes={"accounts.administrators": "absent a domain controller"},
)


def test_every_request_says_whose_it_is_and_for_which_run(
    serve: Any, describe: Callable[..., Host], powershell: Path
) -> None:
    agents: list[str | None] = []

    def note(request: Any) -> bool:
        agents.append(request.headers.get("User-Agent"))
        return False

    powershell.with_name("powershell.exe.answer").write_bytes(_HOST.body())
    call = ps_call(limits=ProbeLimits(), deadline=20, output_limit=10**7, run="2026-11-28T012233Z-ab12")
    host = describe(serve(before=note))
    raw = WinRmTransport().collect(host, call)
    assert set(agents) == {f"auditor/{__version__} (run=2026-11-28T012233Z-ab12)"}
    assert {(one.host_address, one.host_port) for one in raw.own_connections} == {("127.0.0.1", host.port)}


def test_a_windows_host_is_asked_and_read(serve: Any, describe: Callable[..., Host], powershell: Path) -> None:
    powershell.with_name("powershell.exe.answer").write_bytes(_HOST.body())
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
    assert reading.sections["accounts.administrators"].outcome is Outcome.ABSENT
    sightings = {one.product: one.state for one in match(reading, load_catalogue())}
    assert sightings.items() >= _HOST.sightings.items()
