"""HDF 3: results for each host, and the exceptions as amendments to them, a document of their own.

The form is that of the schemas hdf-results and hdf-amendments, versions 3.1 to 3.5, of mitre/hdf-libs.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auditor.report.format import Format
from auditor.report.hdf_text import PROFILE, TITLE, accepted_by, exceptions_of, impact, message, reference, tags
from auditor.report.html import page_names
from auditor.report.oscal_rows import host_identity
from auditor.report.oscal_text import identity
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.spool import Spool, encoded, write_document
from auditor.report.visible import visible
from auditor.report.words import STANDINGS, word

FOLDER = "hdf3"
"""Where both kinds of documents lie."""
_STATUSES = {"pass": "passed", "fail": "failed", "excepted": "failed", "not_applicable": "notApplicable"}
"""What the format calls a verdict; one that is not here is unknown, an ``error``."""


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write results for each host; and amendments, where an exception accepts all that breaks a control on a host."""
    place = folder / FOLDER
    (place / "hosts").mkdir(parents=True)
    pages = page_names(rows.ledger)
    made = []
    with Spool(place) as overrides:
        for host in rows.hosts():
            file = (place / "hosts" / pages[host["host"]]).with_suffix(".json")
            file.write_text(f"{encoded(_results(rows, host))}\n", encoding="ascii", newline="\n")
            made.append(file)
            for override in _overrides(rows, host):
                overrides.add(override)
        # The format wants at least one: where nothing is accepted there is no such document.
        if overrides.count:
            amendments = place / "amendments.json"
            with amendments.open("w", encoding="ascii", newline="\n") as stream:
                write_document(stream, _amendments(rows, overrides))
                stream.write("\n")
            made.insert(0, amendments)
    return made


def _generator(rows: RunRows) -> Row:
    return {"name": "auditor", "version": rows.run["tool_version"]}


def _results(rows: RunRows, host: Row) -> Row:
    return {
        "id": identity("hdf-results", rows.run["id"], host["host"]),
        "timestamp": host["collected_at"] or rows.run["as_of"],
        "generator": _generator(rows),
        "components": [_component(host)],
        "baselines": [
            {
                "name": PROFILE,
                "title": TITLE,
                "version": rows.run["tool_version"],
                "summary": visible(f"{host['host']}: {host['outcome']}"),
                "requirements": [_requirement(rows, host, verdict) for verdict in host["verdicts"]],
            }
        ],
        "extensions": {"auditor": {"run": rows.run["id"], "as_of": rows.run["as_of"], "outcome": host["outcome"]}},
    }


def _component(host: Row) -> Row:
    system = host["os"] or {}
    component: Row = {"type": "host", "name": visible(host["host"]), "componentId": host_identity(host["host"])}
    for name, said in (("osName", system.get("name")), ("osVersion", system.get("version"))):
        if said:
            component[name] = visible(said)
    if host["owner"]:
        component["owner"] = {"type": "simple", "identifier": visible(host["owner"])}
    if host["site"]:
        component["labels"] = {"site": visible(host["site"])}
    return component


def _requirement(rows: RunRows, host: Row, verdict: Row) -> Row:
    control = verdict["control"]
    said = rows.controls[control]
    return {
        "id": control,
        "title": said["title"],
        "descriptions": [{"label": "default", "data": said["title"]}],
        "impact": impact(one["severity"] for one in verdict["violations"]),
        "tags": tags(said),
        "refs": [{"url": reference(said)}],
        "sourceLocation": {"ref": f"auditor/controls/{control}.py"},
        "results": [
            {
                "status": _STATUSES.get(verdict["verdict"], "error"),
                "codeDesc": said["title"],
                "startTime": host["collected_at"] or rows.run["as_of"],
                "message": message(verdict),
            }
        ],
    }


# ---- amendments


def _amendments(rows: RunRows, overrides: Spool) -> Mapping[str, Any]:
    run = rows.run
    return {
        "amendmentId": identity("hdf-amendments", run["id"]),
        "name": f"Exceptions that count in run {run['id']}",
        "description": "Violations that people have accepted, each until its end. They stay failures: an amendment "
        "says that one is accepted, and by whom, and changes no status.",
        "generator": _generator(rows),
        "labels": {"run": run["id"], "as_of": run["as_of"], "exceptions_sha256": run["exceptions"]["sha256"]},
        "overrides": overrides,
    }


def _overrides(rows: RunRows, host: Row) -> Iterator[Row]:
    """Yield a waiver for each exception behind a control that is broken on a host and accepted there altogether.

    An amendment is about a requirement on a component. Where anything that breaks it is accepted by nobody, or
    something could not be seen, it would say more than the exception does.
    """
    for verdict in host["verdicts"]:
        if verdict["verdict"] != "excepted":
            continue
        for name in sorted(exceptions_of(verdict) & rows.exceptions.keys()):
            yield _override(host["host"], verdict["control"], name, rows.exceptions[name])


def _override(host: str, control: str, name: str, one: Row) -> Row:
    compensating = f" Instead: {one['compensating']}" if one["compensating"] else ""
    row: Row = {
        "type": "waiver",
        "requirementId": control,
        "baselineRef": PROFILE,
        "componentRef": host_identity(host),
        "status": "failed",
        "reason": visible(f"{one['reason']}{compensating} {accepted_by(name, one)}"),
        "appliedBy": {
            "type": "simple",
            "identifier": visible(one["approved_by"]),
            "description": visible(
                f"Granted what {one['requested_by']} asked for. {word(STANDINGS, one['standing'])}."
            ),
        },
        "appliedAt": f"{one['start']}T00:00:00Z",
        # It holds on its last day, too.
        "expiresAt": f"{one['end']}T23:59:59Z",
    }
    if one["ticket"]:
        row["evidence"] = [{"type": "other", "data": visible(one["ticket"]), "description": "Ticket"}]
    return row


FORMAT = Format(
    id="hdf3",
    title="HDF 3: results for each host, exceptions as amendments of their own",
    write=_write,
)
