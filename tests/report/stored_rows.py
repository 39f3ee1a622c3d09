"""Rows of a run put into a store, as an audit leaves them there."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from auditor.model.host import HostFacts
from auditor.report.rows import compact
from auditor.report.run_rows import RunRows
from auditor.store.record import HostRecord, Lives, RunRecord, packed
from auditor.store.store import Store, digest


def store_rows(rows: RunRows, place: Path) -> Path:
    """Keep a run in a store, one with the same hosts and no findings before it, and return the store."""
    run = rows.run
    texts = {
        "policy": "policy",
        "exceptions": "exceptions",
        "catalogue": "[]",
        "attack": "attack",
        "history": '{"findings":[],"hosts":{}}',
        "population_comparison": compact(run["population"]),
    }
    hosts = [
        (
            HostFacts(name=row["host"], key=row["host"]),
            compact(
                {"key": row["host"], "name": row["host"]} | {"owner": row["owner"], "site": row["site"], "groups": []}
            ),
        )
        for row in rows.ledger
    ]
    with closing(Store(str(place))) as store:
        for sequence, day in ((1, "2026-11-19"), (2, "2026-11-20")):
            record = RunRecord(
                id=f"{run['id']} {sequence}" if sequence == 1 else run["id"],
                sequence=sequence,
                started=f"{day}T06:30:00Z",
                finished=None,
                operator=run["operator"],
                tool_version=run["tool_version"],
                as_of=f"{day}T06:30:00Z",
                scope_count=len(hosts),
                scope_sha256=run["scope"]["sha256"],
                scope_source=run["scope"]["source"],
                options={},
                inputs={name: digest(text) for name, text in texts.items()},
                summary={},
            )
            store.begin(record, hosts, texts.values())
            for row, line in zip(rows.hosts(), rows.host_lines(), strict=True):
                store.record(
                    record.id,
                    HostRecord(
                        host=row["host"],
                        outcome=row["outcome"],
                        complete=row["complete"],
                        inventoried=row["complete"],
                        reason=row["reason"],
                        packed_row=packed(line),
                    ),
                )
            findings = [json.loads(compact(row)) for row in rows.findings] if sequence > 1 else []
            store.keep_lives(record.id, _lives(findings))
            store.finish(record.id, finished=f"{day}T06:31:07Z", summary=_summary(rows))
    return place


def _summary(rows: RunRows) -> dict[str, object]:
    outcomes = Counter(row["outcome"] for row in rows.ledger)
    return {
        "coverage": rows.run["coverage"],
        "outcomes": {name: outcomes[name] for name in ("compliant", "noncompliant", "partial", "unreachable")},
        "violating_hosts": outcomes["noncompliant"],
        "controls": dict(rows.controls),
        "policy_name": rows.run["policy"]["name"],
        "catalogue_version": rows.run["catalogue"]["version"],
        "attack_version": rows.run["attack"]["version"],
        "approvals": dict(rows.approvals),
        "exceptions": dict(rows.exceptions),
        "accepted_limits": dict(rows.accepted_limits),
    }


def _lives(findings: list[dict[str, Any]]) -> list[Lives]:
    names = dict.fromkeys(row["host"] for row in findings)
    return [Lives(host_key=name, findings=[row for row in findings if row["host"] == name], past={}) for name in names]
