"""Sets of sealed evidence, as `auditor collect` leaves them, made from what a test says of each host (synthetic)."""

import hashlib
import json
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.cli.evidence import write_evidence
from auditor.collect.seal import canonical, evidence_digest, head_record, section_digest
from auditor.controls.attack import attack_data
from auditor.errors import Reason
from auditor.inventory.scope import scope_digest
from auditor.model.evidence import EvidenceHead, Outcome, Rights, Section
from auditor.model.host import HostFacts, OsFamily
from auditor.model.record import replace
from auditor.report.rows import compact
from auditor.run.audit import Began, Sealed, begin_run
from auditor.run.manifest import write_manifest
from auditor.store.record import HostRecord, SectionRecord, packed
from auditor.store.store import Store

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
_SEALED = Sealed(policy="", exceptions="", catalogue="[]", attack=attack_data().text)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a set has to say of one host."""

    name: str
    """Inventory name."""
    key: str | None = None
    """``auditor_host_id``; its name where there is none."""
    minutes: int = 0
    """Minutes after noon at which its evidence was collected."""
    text: str = "nothing\n"
    """What its one section says."""
    host_key: str | None = None
    """SSH host key that it showed."""
    reason: Reason | None = None
    """Why there is no evidence; None where there is."""
    sections: Sequence[Section] = field(default=())
    """Its sections, in place of the one."""


def make_set(folder: Path, hosts: Iterable[Seen], *, minutes: int = 0) -> Path:
    """Write a set of evidence that was begun some minutes after noon; the folder's name is that of its run."""
    ordered = sorted(hosts, key=lambda one: one.name)
    names = [one.name for one in ordered]
    store_file = folder.with_name(f"{folder.name}.sqlite")
    began = Began(
        facts=[HostFacts(name=one.name, key=one.key or one.name) for one in ordered],
        source=folder.name,
        sha256=scope_digest(names),
        history=canonical({"hosts": {}, "findings": []}).decode(),
        operator="test",
        options={},
        name=folder.name,
    )
    with closing(Store(str(store_file))) as store:
        run = begin_run(store, began, _SEALED, NOON + timedelta(minutes=minutes))
        for one in ordered:
            store.record(run.id, _record(one))
        write_evidence(store, run, folder)
    store_file.unlink()
    return folder


def a_section(section_id: str, text: str, stderr: str = "") -> Section:
    """Seal one section."""
    outcome = Outcome.COLLECTED
    digest = section_digest(section_id=section_id, outcome=outcome, reason=None, stderr=stderr, text=text)
    return Section(id=section_id, outcome=outcome, text=text, stderr=stderr, sha256=digest)


def resealed(section: Section, *, stderr: str) -> Section:
    """Have a section say something on standard error, and seal it anew."""
    digest = section_digest(
        section_id=section.id, outcome=section.outcome, reason=section.reason, stderr=stderr, text=section.text
    )
    return replace(section, stderr=stderr, sha256=digest)


def _record(one: Seen) -> HostRecord:
    row: Mapping[str, object] = {"host": one.name, "reason": one.reason, "detail": one.reason and "it was off"}
    if one.reason is not None:
        return HostRecord(
            host=one.name,
            outcome="unreachable",
            complete=False,
            inventoried=False,
            reason=one.reason,
            packed_row=packed(compact(dict(row))),
        )
    head = EvidenceHead(
        host=one.name,
        os=OsFamily.LINUX,
        rights=Rights.ROOT,
        user="root",
        hostname=one.name,
        kernel="Linux 6.1.0 x86_64",
        clock=NOON + timedelta(minutes=one.minutes),
        collected_at=NOON + timedelta(minutes=one.minutes),
        probe_sha256=None,
        tool_version="0",
        redaction=1,
        host_key=one.host_key,
    )
    sections = tuple(one.sections) or (a_section("system.test", one.text),)
    return HostRecord(
        host=one.name,
        outcome="partial",
        complete=False,
        inventoried=False,
        reason=None,
        packed_row=packed(compact(dict(row))),
        evidence_sha256=evidence_digest(head, sections),
        head=canonical(head_record(head)).decode(),
        sections=tuple(
            SectionRecord(
                sha256=section.sha256,
                id=section.id,
                outcome=section.outcome,
                reason=section.reason,
                stderr=section.stderr,
                redactions=section.redactions,
                packed=zlib.compress(section.text.encode(), 1),
            )
            for section in sections
        ),
    )


def moved(
    bundle: Path,
    folder: Path,
    by: timedelta,
    keep: Callable[[str], bool] = lambda _name: True,
    *,
    silent: str | None = None,
) -> Path:
    """Make of a bundle a set of evidence of another day, with some of its hosts, one of them silent."""
    shutil.copytree(bundle / "evidence", folder / "evidence")
    (folder / "inputs").mkdir()
    run = json.loads((bundle / "inputs" / "run.json").read_text())
    rows = [json.loads(line) for line in (bundle / "evidence" / "hosts.jsonl").read_text().splitlines()]
    rows = [_moved_row(row, by, is_silent=row["host"] == silent) for row in rows if keep(row["host"])]
    names = [row["host"] for row in rows]
    known = json.loads((bundle / "inputs" / "hosts.json").read_text())
    as_of = (datetime.fromisoformat(run["as_of"]) + by).strftime("%Y-%m-%dT%H:%M:%SZ")
    scope = {"count": len(names), "sha256": scope_digest(names), "source": folder.name}
    run |= {"id": folder.name, "inputs": {}, "as_of": as_of, "started": as_of, "scope": scope}
    (folder / "inputs" / "run.json").write_bytes(canonical(run))
    (folder / "inputs" / "hosts.json").write_bytes(canonical([row for row in known if row["name"] in names]))
    (folder / "evidence" / "hosts.jsonl").write_bytes(b"".join(canonical(row) + b"\n" for row in rows))
    write_manifest(folder, None)
    return folder


def _moved_row(row: dict[str, Any], by: timedelta, *, is_silent: bool) -> dict[str, Any]:
    if row["head"] is None or is_silent:
        return row | {
            "head": None,
            "sha256": None,
            "sections": [],
            "reason": row["reason"] or "timeout",
            "detail": "it was off",
        }
    head = dict(row["head"])
    for name in ("clock", "collected_at"):
        head[name] = (datetime.fromisoformat(head[name]) + by).isoformat()
    return row | {"head": head, "sha256": hashlib.sha256(canonical([head, row["sections"]])).hexdigest()}
