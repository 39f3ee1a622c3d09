"""What is kept as a row of a table: records written into columns, and read back."""

import json
from typing import Any

from sqlalchemy.engine import RowMapping

from auditor.model.evidence import Outcome
from auditor.store.record import HostRecord, RunRecord, SectionRecord

# Made once: json.dumps makes one for each row.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def json_text(value: object) -> str:
    """Write what one column holds as JSON."""
    return _ENCODER.encode(value)


def run_values(record: RunRecord) -> dict[str, Any]:
    """Return a run's row, but for its number."""
    return {
        "id": record.id,
        "started": record.started,
        "finished": record.finished,
        "operator": record.operator,
        "tool_version": record.tool_version,
        "as_of": record.as_of,
        "scope_count": record.scope_count,
        "scope_sha256": record.scope_sha256,
        "scope_source": record.scope_source,
        "options": json_text(record.options),
        "inputs": json_text(record.inputs),
        "summary": json_text(record.summary),
    }


def run_record(row: RowMapping) -> RunRecord:
    """Read a run's row back."""
    values = dict(row)
    for name in ("options", "inputs", "summary"):
        values[name] = json.loads(values[name])
    return RunRecord(**values)


def result_values(run: str, host: HostRecord) -> dict[str, Any]:
    """Return the row of one host's outcome."""
    return {
        "run": run,
        "host": host.host,
        "outcome": host.outcome,
        "complete": host.complete,
        "inventoried": host.inventoried,
        "reason": host.reason,
        "packed_row": host.packed_row,
        "evidence_sha256": host.evidence_sha256,
        "head": host.head,
        "sections": _hashes([one if isinstance(one, str) else one.sha256 for one in host.sections]),
    }


def _hashes(sections: list[str]) -> str:
    """Write hexadecimal digests as a list of JSON: there is nothing to escape."""
    quoted = '","'.join(sections)
    return f'["{quoted}"]' if sections else "[]"


def section_values(section: SectionRecord) -> dict[str, Any]:
    """Return a section's row."""
    return {
        "sha256": section.sha256,
        "id": section.id,
        "outcome": section.outcome,
        "reason": section.reason,
        "stderr": section.stderr,
        "redactions": section.redactions,
        "packed": section.packed,
    }


def section_record(row: RowMapping) -> SectionRecord:
    """Read a section's row back."""
    values = dict(row)
    values["outcome"] = Outcome(values["outcome"])
    return SectionRecord(**values)
