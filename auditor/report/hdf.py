"""The results in the Heimdall Data Format (HDF), for Heimdall and what reads its files: a result for each host."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.report.format import Format
from auditor.report.hdf_text import (
    PROFILE,
    SENTENCES,
    TITLE,
    controls_sha256,
    exceptions_of,
    impact,
    message,
    reference,
    tags,
    waiver,
)
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.spool import Encoded, Spool, encoded, write_document
from auditor.report.visible import visible

_NAME = "results.json"
_STATUSES = {"pass": "passed", "fail": "failed", "excepted": "failed", "not_applicable": "skipped"}
"""What the format calls a verdict; one that is not here is unknown."""


@dataclass(slots=True, kw_only=True)
class _Control:
    """What is kept of one control while the hosts pass; its results wait on the disk, each behind its verdict."""

    results: Spool
    """A line for each host: verdict, tab, result without status."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each verdict was given."""
    severities: set[str] = field(default_factory=set)
    """Severities of what broke it."""
    exceptions: set[str] = field(default_factory=set)
    """Exceptions that accept what broke it."""


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write the profile in one pass over the hosts."""
    place = folder / "hdf"
    place.mkdir()
    file = place / _NAME
    with ExitStack() as stack:
        seen = {control: _Control(results=stack.enter_context(Spool(place))) for control in rows.controls}
        for host in rows.hosts():
            for verdict in host["verdicts"]:
                _take(rows, host, verdict, seen[verdict["control"]])
        with file.open("w", encoding="ascii", newline="\n") as stream:
            write_document(stream, _document(rows, seen))
            stream.write("\n")
    return [file]


def _take(rows: RunRows, host: Row, verdict: Row, seen: _Control) -> None:
    seen.counts[verdict["verdict"]] += 1
    for violation in verdict["violations"]:
        seen.severities.add(violation["severity"])
    seen.exceptions |= exceptions_of(verdict)
    head = _head(f"{host['host']}: {rows.controls[verdict['control']]['title']}", host["collected_at"], rows)
    # No tab stands in a verdict, and JSON writes one as \t.
    seen.results.add_text(f"{verdict['verdict']}\t{head}\t{encoded(message(verdict))}")


def _head(title: str, start: str | None, rows: RunRows) -> str:
    return encoded({"code_desc": visible(title), "start_time": start or rows.run["as_of"]})


def _document(rows: RunRows, seen: Mapping[str, _Control]) -> Mapping[str, Any]:
    run = rows.run
    controls = {control: _said(control, said, seen[control], rows) for control, said in rows.controls.items()}
    return {
        "platform": {"name": "auditor", "release": run["tool_version"], "target_id": visible(run["scope"]["source"])},
        "version": run["tool_version"],
        "statistics": {"duration": _seconds(run)},
        "profiles": [
            {
                "name": PROFILE,
                "title": TITLE,
                "version": run["tool_version"],
                "summary": f"{run['scope']['count']:,} hosts in scope, {run['coverage']['assessed']:,} of them fully "
                "assessed. Each result of a control is a host.",
                "sha256": controls_sha256(rows.controls),
                "status": "loaded",
                "supports": _NONE,
                "attributes": _NONE,
                "groups": _NONE,
                "controls": (controls[control] | {"results": _results(rows, seen[control])} for control in controls),
            }
        ],
        # What the format has no place for is carried through by its tools.
        "passthrough": {"auditor": {"run": run}},
    }


_NONE = Encoded("[]")
"""A list that the format asks for although nothing stands in it."""


def _said(control: str, said: Row, seen: _Control, rows: RunRows) -> dict[str, Any]:
    """Return what is said of a control once."""
    return {
        "id": control,
        "title": said["title"],
        "desc": said["title"],
        "descriptions": _NONE,
        "impact": _impact(seen, len(rows.ledger)),
        "tags": tags(said) | {"hosts_by_verdict": dict(sorted(seen.counts.items()))},
        "refs": [{"url": reference(said)}],
        "source_location": {"ref": f"auditor/controls/{control}.py"},
        "waiver_data": None if seen.counts["fail"] else waiver(seen.exceptions, rows.exceptions),
    }


def _impact(seen: _Control, scope: int) -> float:
    if scope and seen.counts["not_applicable"] == scope:
        return 0.0
    return impact(seen.severities)


def _results(rows: RunRows, seen: _Control) -> Iterator[Any]:
    """Yield the results with the word that the format has for each verdict.

    What is unknown is an ``error``, which keeps the control from passing. Readers let an error stand above a failure,
    so where a host fails it is ``skipped`` with its reason: then the failure is what the control shows.
    """
    failed = seen.counts["fail"] + seen.counts["excepted"] > 0
    for line in seen.results.lines():
        verdict, head, told = line.split("\t")
        yield _result(verdict, head, told, failed=failed)
    silent = len(rows.ledger) - seen.counts.total()
    if silent or not rows.ledger:
        head = _head(f"{silent:,} hosts of the scope without a verdict", None, rows)
        yield _result("unknown", head, encoded(SENTENCES["unknown"]), failed=failed)


def _result(verdict: str, head: str, told: str, *, failed: bool) -> Encoded:
    status = _STATUSES.get(verdict, "skipped" if failed else "error")
    said = "skip_message" if status == "skipped" else "message"
    return Encoded(f'{head.removesuffix("}")},"status":"{status}","{said}":{told}}}')


def _seconds(run: Row) -> float | None:
    if run["finished"] is None:
        return None
    return (datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(run["started"])).total_seconds()


FORMAT = Format(
    id="hdf",
    title="Heimdall Data Format: one profile, a result for each host, exceptions as waivers",
    write=_write,
)
