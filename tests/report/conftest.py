"""The sample fleet as rows, the way the store hands them to a report."""

import base64
import hashlib
import importlib.util
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from itertools import cycle, product
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from auditor.model.coverage import Coverage
from auditor.model.finding import Finding, FindingState, fingerprint
from auditor.model.ledger import HostOutcome
from auditor.model.record import replace
from auditor.model.result import HostResult
from auditor.model.standing import Signer, Standing, WeighedException
from auditor.policy.exception_register import ExceptionRegister
from auditor.report.changes import Cause, Change, Changes, RuleChange
from auditor.report.earlier_runs import COUNTS
from auditor.report.rows import (
    Row,
    compact,
    control_row,
    coverage_row,
    exception_row,
    finding_row,
    host_row,
    ledger_row,
)
from auditor.report.run_rows import RunRows
from auditor.run.exception_use import use_from_row
from auditor.run.register import Register
from tests.report.chromium import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


_INSPECJS = "inspecjs@2.12.6"
# As its registry states it: what is run here is what was looked at (Apache-2.0, MITRE; it has no dependencies).
_SHA512 = "XsS4QwuYaknGKJSrkAtiPmpBy/HVRWi4Hsd3U5EaRiYykwnf2BV6SNxedK9QOrFt2geZNWqkaptGXXVMTJtIzQ=="


def _load(name: str) -> ModuleType:
    """Load a file beside this one: test folders are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FLEET = _load("sample_fleet")
REMEDIATION = _load("sample_remediation")


def run_rows(results: Iterable[HostResult]) -> RunRows:
    """Write results as the rows that reports read, the way the store hands them on."""
    ordered = sorted(results, key=lambda result: result.host.name)
    lines = [compact(host_row(result, FLEET.CONTROLS)) for result in ordered]
    ledger = [ledger_row(result.ledger) for result in ordered]
    register = Register((FLEET.APPROVAL,), FLEET.AS_OF.date())
    for result, line in zip(ordered, lines, strict=True):
        register.add(result.host, json.loads(line))
    complete = sum(1 for row in ledger if row["complete"])

    def hosts() -> Iterator[Row]:
        return (json.loads(line) for line in lines)

    return RunRows(
        run=_run(len(ledger), sum(1 for row in ledger if row["reason"] is None), complete),
        controls={control.id: control_row(control) for control in FLEET.CONTROLS.values()},
        ledger=ledger,
        findings=[json.loads(compact(finding_row(one))) for result in ordered for one in _findings(result)],
        hosts=hosts,
        host_lines=lambda: iter(lines),
        exceptions=_exceptions(ordered),
        approvals=register.rows(),
    )


def _exceptions(results: Iterable[HostResult]) -> dict[str, Row]:
    """Write the register of exceptions as a run makes it: of the one, who asked has signed."""
    signer = Signer(role="requested_by", person="n.haile", fingerprint="SHA256:bm90IGEga2V5")
    why = "c.brandt (approved_by) has not signed it"
    weighed = WeighedException(record=FLEET.EXCEPTION, standing=Standing.ASSERTED, signers=(signer,), why=why)
    register = ExceptionRegister([weighed], date(2026, 11, 20))
    for result in results:
        register.add(use_from_row(host_row(result, FLEET.CONTROLS)))
    return {entry.weighed.record.id: exception_row(entry) for entry in register.entries()}


def _run(count: int, reached: int, complete: int) -> Row:
    return {
        "id": "2026-11-20T063000Z-7f3a",
        "sequence": 12,
        "started": "2026-11-20T06:30:00Z",
        "finished": "2026-11-20T06:31:07Z",
        "operator": "m.okafor",
        "tool_version": "0.1.0",
        "as_of": "2026-11-20T06:30:00Z",
        "scope": {"count": count, "sha256": FLEET.digest("scope"), "source": "inventory.yml"},
        "coverage": coverage_row(Coverage(scope=count, reached=reached, assessed=complete, wanted=1.0)),
        "policy": {"name": "Remote access, servers and kiosks", "sha256": FLEET.digest("policy")},
        "exceptions": {"sha256": FLEET.digest("exceptions")},
        "catalogue": {"version": "2026.11", "sha256": FLEET.digest("catalogue")},
        "attack": {"version": "18.1"},
        "sources": None,
        "history": {"sha256": FLEET.digest("history"), "runs": _earlier()},
        "population": {
            "source": "cmdb.csv",
            "sha256": FLEET.digest("population"),
            "count": 12,
            "only_in_inventory": [FLEET.SCRIPT_HOST],
            "only_in_population": ["=1+1", f"kiosk-04{FLEET.RTL}"],
            "ambiguous": [{"population": "app", "inventory": ["app-01.example.net", "app-02.example.net"]}],
            "out_of_scope": 1,
        },
    }


def _earlier() -> list[Row]:
    """Write what is sealed of the runs before: one by a version that did not count findings, one by another policy."""
    return [
        {
            "run": run,
            "sequence": sequence,
            "as_of": as_of,
            "tool_version": "0.1.0",
            "seal": FLEET.digest(run),
            "policy": FLEET.digest(policy),
            "scope": {"count": 9, "sha256": FLEET.digest("scope before")},
            "outcomes": {"noncompliant": bad, "partial": 1, "unreachable": 1, "compliant": 7 - bad},
            "coverage": {"scope": 9, "assessed": 7, "wanted": 0.9},
            "findings": None
            if sequence == first
            else dict.fromkeys(COUNTS, 0) | {"open": 2 * bad, "critical": bad, "high": bad, "overdue": 1},
        }
        for first, sequence, run, as_of, policy, bad in (
            (10, 10, FLEET.SCRIPT_HOST, "2026-09-20T06:30:00Z", "policy before", 5),
            (10, 11, "2026-10-20T063000Z-1b2c", "2026-10-20T06:30:00Z", "policy", 4),
        )
    ]


def _findings(result: HostResult) -> Iterator[Finding]:
    for one in result.judgements:
        for violation in one.violations:
            excepted = violation.exception is not None
            old = violation.subject.startswith("product")
            yield Finding(
                fingerprint=fingerprint(control=one.control, host_key=result.host.key, subject=violation.subject),
                host=result.host.name,
                control=one.control,
                subject=violation.subject,
                product=violation.product,
                severity=violation.severity,
                reason=violation.reason,
                first_seen=FLEET.AS_OF - timedelta(days=34) if old else FLEET.AS_OF,
                failing_since=FLEET.AS_OF - timedelta(days=34) if old else FLEET.AS_OF,
                due=None if excepted else FLEET.AS_OF + timedelta(days=-4 if old else 14),
                overdue=old and not excepted,
                state=FindingState.EXCEPTED if excepted else FindingState.OPEN,
                exception=violation.exception,
                owner=result.host.owner,
            )


def _changes(rows: RunRows) -> Changes:
    before = {"id": "2026-10-20T063000Z-1b2c", "as_of": "2026-10-20T06:30:00Z"}
    told = [
        row
        | {
            "change": change,
            "cause": cause,
            "detail": f"owner: {FLEET.ESCAPES} → {row['owner']}",
            "state_after": row["state"],
            "fails_newly": change is Change.NEW,
        }
        for (change, cause), row in zip(product(Change, [*Cause, None]), cycle(rows.findings), strict=False)
    ]
    return Changes(
        before=before,
        after={"id": rows.run["id"], "as_of": rows.run["as_of"]},
        rules=(RuleChange(name="tool_version", before="0.0.9", after=FLEET.SCRIPT_HOST),),
        added=(FLEET.SCRIPT_HOST, FLEET.FORMULA_HOST, f"kiosk-04{FLEET.RTL}"),
        removed=tuple(f"old-{number}" for number in range(9)),
        renamed=((f"was{FLEET.RTL}", FLEET.SCRIPT_HOST),),
        rows=tuple(told),
    )


@pytest.fixture(scope="session")
def sample() -> RunRows:
    """Hand out the sample fleet, and what became otherwise since a run before: every word of it, hostile ones too."""
    rows = run_rows(REMEDIATION.with_sessions(host) for host in FLEET.sample_hosts())
    return replace(rows, changes=lambda: _changes(rows))


@pytest.fixture(scope="session")
def remediated(sample: RunRows) -> RunRows:
    """Hand out the sample fleet with findings that are closed, plans that were applied, and what earlier runs knew."""
    rows: RunRows = REMEDIATION.with_remediation(sample)
    return rows


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Hand out one Chromium for all tests of pages; they are skipped where there is none."""
    with chromium() as started:
        yield started


@pytest.fixture
def one_host() -> Callable[..., RunRows]:
    """Hand out a maker of a fleet of one host that was assessed, with what is given for it."""
    return lambda **more: run_rows([replace(FLEET.assessed("jump-01", HostOutcome.COMPLIANT), **more)])


@pytest.fixture(scope="session")
def fleet_of() -> Callable[[int], RunRows]:
    """Hand out a maker of fleets of any size: one host in five breaks the policy."""

    def make(count: int) -> RunRows:
        return run_rows(
            FLEET.vnc_host(f"host-{number:05d}")
            if number % 5 == 0
            else FLEET.assessed(f"host-{number:05d}", HostOutcome.COMPLIANT)
            for number in range(1, count + 1)
        )

    return make


@pytest.fixture(scope="session")
def inspecjs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], dict[str, Any]]:
    """Hand out Heimdall's own reader, fetched by npm and held to the hash that is written above."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not here (Debian packages nodejs and npm)")
    place = tmp_path_factory.mktemp("inspecjs")
    done = subprocess.run([npm, "pack", _INSPECJS], cwd=place, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        pytest.skip(f"npm cannot fetch {_INSPECJS} here: {done.stderr.strip().splitlines()[-1]}")
    (archive,) = place.glob("*.tgz")
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == _SHA512
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    script = Path(__file__).with_name("hdf_reader.js")

    def read(file: Path) -> dict[str, Any]:
        run = subprocess.run(
            [node, script, place / "package", file], capture_output=True, text=True, check=False, timeout=60
        )
        assert run.returncode == 0, run.stderr
        answer: dict[str, Any] = json.loads(run.stdout)
        return answer

    return read
