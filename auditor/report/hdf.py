"""The results in the Heimdall Data Format (HDF), for Heimdall and what reads its files: a result for each host."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.report.format import Format
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.spool import Encoded, Spool, encoded, write_document
from auditor.report.visible import visible
from auditor.report.words import STANDINGS, word

_NAME = "results.json"
_NIST = "NIST SP 800-53"
# inspecjs 2.12.6, convertImpactToSeverity: from 0.9 on critical, from 0.7 high, from 0.4 medium, from 0.1 low. An
# impact of 0 means that a control does not apply.
_IMPACTS = {"critical": 0.9, "high": 0.7, "medium": 0.5, "low": 0.3}
_ORDINARY_IMPACT = 0.5
_STATUSES = {"pass": "passed", "fail": "failed", "excepted": "failed", "not_applicable": "skipped"}
"""What the format calls a verdict; one that is not here is unknown."""
_SENTENCES = {
    "pass": "Kept on this host.",
    "fail": "Broken on this host.",
    "excepted": "Broken on this host, and accepted by an exception.",
    "not_applicable": "Cannot apply to this host.",
    "unknown": "Unknown: not established on this host, which is never a pass.",
}


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
        if violation["exception"] is not None:
            seen.exceptions.add(violation["exception"])
    head = _head(f"{host['host']}: {rows.controls[verdict['control']]['title']}", host["collected_at"], rows)
    message = "\n".join(_message(verdict))
    # No tab stands in a verdict, and JSON writes one as \t.
    seen.results.add_text(f"{verdict['verdict']}\t{head}\t{encoded(message)}")


def _head(title: str, start: str | None, rows: RunRows) -> str:
    return encoded({"code_desc": visible(title), "start_time": start or rows.run["as_of"]})


def _message(verdict: Row) -> Iterator[str]:
    """Yield lines: the verdict, what was seen, accepted, suspected or missed, and on what a pass rests."""
    yield _SENTENCES.get(verdict["verdict"], _SENTENCES["unknown"])
    for violation in verdict["violations"]:
        accepted = violation["exception"]
        yield visible(violation["reason"] if accepted is None else f"Accepted by {accepted}: {violation['reason']}")
        yield from _quotes(violation["proof"])
    for violation in verdict["suspected"]:
        yield visible(f"Suspected: {violation['reason']}")
        yield from _quotes(violation["proof"])
    for gap in verdict["gaps"]:
        advice = "" if gap["advice"] is None else f" {gap['advice']}"
        yield visible(f"Not seen ({gap['section']}, {gap['outcome']}): {gap['reason']}{advice}")
    if verdict["inapplicable"] is not None:
        yield visible(f"Because {verdict['inapplicable']['reason']}")
        yield from _quotes(verdict["inapplicable"]["proof"])
    if verdict["verdict"] == "pass":
        yield visible(f"Rests on: {', '.join(verdict['rests_on'])}")
        if not verdict["proven"]:
            yield "Rests on documentation only: not proven on a real host of this kind."
    for limit in verdict["limits"]:
        yield visible(f"Limit of the method: {limit['text']}")


def _quotes(quotes: list[Row]) -> Iterator[str]:
    return (visible(f"  {quote['section']}: {quote['quote']}") for quote in quotes)


def _document(rows: RunRows, seen: Mapping[str, _Control]) -> Mapping[str, Any]:
    run = rows.run
    controls = {control: _said(control, said, seen[control], rows) for control, said in rows.controls.items()}
    return {
        "platform": {"name": "auditor", "release": run["tool_version"], "target_id": visible(run["scope"]["source"])},
        "version": run["tool_version"],
        "statistics": {"duration": _seconds(run)},
        "profiles": [
            {
                "name": "auditor-remote-access",
                "title": "Remote-access software: found, reachable, approved",
                "version": run["tool_version"],
                "summary": f"{run['scope']['count']:,} hosts in scope, {run['coverage']['assessed']:,} of them fully "
                "assessed. Each result of a control is a host.",
                "sha256": hashlib.sha256(encoded(dict(rows.controls)).encode("ascii")).hexdigest(),
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
    nist = [requirement for name, ids in said["crosswalk"].items() if name.startswith(_NIST) for requirement in ids]
    revisions = [f"Rev_{name[-1]}" for name in said["crosswalk"] if name.startswith(_NIST) and name[-1].isdigit()]
    return {
        "id": control,
        "title": said["title"],
        "desc": said["title"],
        "descriptions": _NONE,
        "impact": _impact(seen, len(rows.ledger)),
        "tags": {
            "nist": [*nist, *revisions],
            "mitigation": said["mitigation"],
            "attack": said["techniques"],
            "crosswalk": said["crosswalk"],
            "hosts_by_verdict": dict(sorted(seen.counts.items())),
        },
        "refs": [{"url": f"https://attack.mitre.org/mitigations/{said['mitigation']}/"}],
        "source_location": {"ref": f"auditor/controls/{control}.py"},
        "waiver_data": _waiver(seen, rows.exceptions),
    }


def _impact(seen: _Control, scope: int) -> float:
    if scope and seen.counts["not_applicable"] == scope:
        return 0.0
    known = [_IMPACTS[name] for name in seen.severities if name in _IMPACTS]
    return max(known, default=_ORDINARY_IMPACT)


def _waiver(seen: _Control, exceptions: Mapping[str, Row]) -> Row | None:
    """Return who accepted what broke a control; None where anything that broke it is accepted by nobody.

    The format has one waiver for a control. ``skipped_due_to_waiver`` stays false: readers take a control for not
    applicable where it is true, and hosts that fail would be lost with it.
    """
    known = [(name, exceptions[name]) for name in sorted(seen.exceptions) if name in exceptions]
    if seen.counts["fail"] or len(known) != len(seen.exceptions) or not known:
        return None
    return {
        "justification": visible(" ".join(f"{name}: {one['reason']}" for name, one in known)),
        "expiration_date": min(one["end"] for _, one in known),
        "run": True,
        "skipped_due_to_waiver": False,
        "message": visible(
            " ".join(
                f"{name} was asked for by {one['requested_by']}, granted by {one['approved_by']}, and ends with "
                f"{one['end']}. {word(STANDINGS, one['standing'])}."
                for name, one in known
            )
        ),
    }


def _results(rows: RunRows, seen: _Control) -> Iterator[Any]:
    """Yield the results with the word that the format has for each verdict.

    What is unknown is an ``error``, which keeps the control from passing. Readers let an error stand above a failure,
    so where a host fails it is ``skipped`` with its reason: then the failure is what the control shows.
    """
    failed = seen.counts["fail"] + seen.counts["excepted"] > 0
    for line in seen.results.lines():
        verdict, head, message = line.split("\t")
        yield _result(verdict, head, message, failed=failed)
    silent = len(rows.ledger) - seen.counts.total()
    if silent or not rows.ledger:
        head = _head(f"{silent:,} hosts of the scope without a verdict", None, rows)
        yield _result("unknown", head, encoded(_SENTENCES["unknown"]), failed=failed)


def _result(verdict: str, head: str, message: str, *, failed: bool) -> Encoded:
    status = _STATUSES.get(verdict, "skipped" if failed else "error")
    said = "skip_message" if status == "skipped" else "message"
    return Encoded(f'{head.removesuffix("}")},"status":"{status}","{said}":{message}}}')


def _seconds(run: Row) -> float | None:
    if run["finished"] is None:
        return None
    return (datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(run["started"])).total_seconds()


FORMAT = Format(
    id="hdf",
    title="Heimdall Data Format: one profile, a result for each host, exceptions as waivers",
    write=_write,
)
