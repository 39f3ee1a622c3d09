"""A file for each host in the Heimdall Data Format that Heimdall 2 reads (ExecJSON 1.0): there, a file is a target."""

from pathlib import Path

from auditor.report.format import Format
from auditor.report.hdf_text import (
    PROFILE,
    TITLE,
    controls_sha256,
    exceptions_of,
    impact,
    message,
    reference,
    tags,
    waiver,
)
from auditor.report.html import page_names
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.spool import encoded
from auditor.report.visible import visible

FOLDER = "hdf-hosts"
"""Where the files lie, named as the pages of the ``html`` format are."""
_STATUSES = {"pass": "passed", "fail": "failed", "excepted": "failed", "not_applicable": "skipped"}
"""What the format calls a verdict; one that is not here is unknown, an ``error``."""
_UNSEEN = "not seen"


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write a file for each host, one that was not reached included."""
    place = folder / FOLDER
    place.mkdir()
    pages, sha256 = page_names(rows.ledger), controls_sha256(rows.controls)
    made = []
    for host in rows.hosts():
        file = (place / pages[host["host"]]).with_suffix(".json")
        file.write_text(f"{encoded(_document(rows, host, sha256))}\n", encoding="ascii", newline="\n")
        made.append(file)
    return made


def _document(rows: RunRows, host: Row, sha256: str) -> Row:
    version, system = rows.run["tool_version"], host["os"] or {}
    return {
        "platform": {
            "name": visible(system.get("name") or _UNSEEN),
            "release": visible(system.get("version") or _UNSEEN),
            "target_id": visible(host["host"]),
        },
        "version": version,
        # A host's questions are asked together; how long one of them took, nobody knows.
        "statistics": {"duration": 0},
        "profiles": [
            {
                "name": PROFILE,
                "title": TITLE,
                "version": version,
                "summary": visible(f"{host['host']}: {host['outcome']}"),
                "sha256": sha256,
                "status": "loaded",
                "supports": [],
                "attributes": [],
                "groups": [],
                "controls": [_control(rows, host, verdict) for verdict in host["verdicts"]],
            }
        ],
        "passthrough": {"auditor": {"run": rows.run["id"], "as_of": rows.run["as_of"], "host": _identity(host)}},
    }


def _identity(host: Row) -> Row:
    """Return what the format has no place for: whose the host is, what became of it, and what it rests on."""
    said = ("outcome", "complete", "reason", "owner", "site", "groups", "collected_at", "rights", "delivered")
    shown = {name: visible(host[name]) if isinstance(host[name], str) else host[name] for name in said}
    return shown | {"evidence_sha256": (host["evidence"] or {}).get("sha256")}


def _control(rows: RunRows, host: Row, verdict: Row) -> Row:
    control = verdict["control"]
    said, is_inapplicable = rows.controls[control], verdict["verdict"] == "not_applicable"
    broken = [one["severity"] for one in verdict["violations"]]
    status = _STATUSES.get(verdict["verdict"], "error")
    accepted = waiver(exceptions_of(verdict), rows.exceptions) if verdict["verdict"] == "excepted" else None
    return {
        "id": control,
        "title": said["title"],
        "desc": said["title"],
        "descriptions": [],
        "impact": 0.0 if is_inapplicable else impact(broken),
        "tags": tags(said),
        "refs": [{"url": reference(said)}],
        "source_location": {"ref": f"auditor/controls/{control}.py"},
        "results": [
            {
                "code_desc": said["title"],
                "start_time": host["collected_at"] or rows.run["as_of"],
                "status": status,
                "skip_message" if status == "skipped" else "message": message(verdict),
            }
        ],
        **({} if accepted is None else {"waiver_data": accepted}),
    }


FORMAT = Format(
    id="hdf-hosts",
    title="Heimdall Data Format, a file for each host, as Heimdall compares targets",
    write=_write,
)
