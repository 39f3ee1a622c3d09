"""On a real host: the run is named where defenders look, and the audit's own session is told and left out."""

from pathlib import Path

import pytest

from auditor.model.own_connection import own_from_text
from auditor.run.open_bundle import Bundle
from tests.lab.auditing import audit, inventory_of
from tests.lab.conftest import Fleet

pytestmark = pytest.mark.lab


def test_the_run_is_named_on_the_host_and_its_own_session_is_left_out(fleet: Fleet, tmp_path: Path) -> None:
    host = fleet.host("clean")
    audited = audit(fleet.lab, inventory_of(fleet.lab, (host,), tmp_path / "hosts.yml"), tmp_path)
    row = audited.hosts[host.name]
    (left_out,) = row["left_out_connections"]
    bundle = Bundle(audited.folder)
    (answer,) = bundle.answers()
    evidence = bundle.evidence(answer)
    assert evidence is not None
    (own,) = own_from_text(evidence.head.own_connections)
    # The host saw the very socket that we had.
    assert left_out == {
        "local_address": host.address,
        "local_port": 22,
        "remote_address": own.address,
        "remote_port": own.port,
    }
    pages = [page.read_text() for page in (audited.folder / "html").rglob("*.html")]
    assert any("Left out: the audit" in page and str(own.port) in page for page in pages)
    # Its list of processes, which it sent itself, names the run.
    (processes,) = [section.text for section in evidence.sections if section.id == "processes.procfs"]
    assert f"run={audited.results['run']['id']}" in processes
