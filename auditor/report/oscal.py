"""The results as OSCAL, for systems of governance, risk and compliance: assessment results, and a plan of action."""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor.report import oscal_rows as made
from auditor.report.format import Format
from auditor.report.oscal_text import identity, markup, props, string
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.spool import Spool, write_document

_VERSION = "1.2.1"
_RESULTS, _PLAN = "assessment-results.json", "plan-of-action-and-milestones.json"


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is kept of the hosts while they pass: numbers of a few bytes, the rows lie on the disk."""

    rows: RunRows
    """The run."""
    open: Mapping[tuple[str, str], list[Row]]
    """Findings that are not closed, by host and control."""
    hosts: list[str] = field(default_factory=list)
    """Names of the hosts in their order."""
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """Control to how often each verdict was given; ``documented`` counts passes that rest on documentation only."""
    judged: dict[str, "array[int]"] = field(default_factory=dict)
    """Control to the places, in ``hosts``, of the hosts with a verdict on it."""
    planned: set[tuple[str, str]] = field(default_factory=set)
    """Hosts and controls of ``open`` that this run has an observation of."""


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write both documents in one pass over the hosts; there is no plan where nothing is to be done."""
    place = folder / "oscal"
    place.mkdir()
    unclosed = [row for row in rows.findings if row["state"] != "closed"]
    pairs: dict[tuple[str, str], list[Row]] = {}
    for finding in unclosed:
        pairs.setdefault((finding["host"], finding["control"]), []).append(finding)
    seen = _Seen(rows=rows, open=pairs)
    with ExitStack() as stack:
        spools = {
            name: stack.enter_context(Spool(place))
            for name in ("items", "observations", "planned items", "planned observations", "planned risks")
        }
        for host in rows.hosts():
            _take(host, seen, spools)
        results = place / _RESULTS
        with results.open("w", encoding="ascii", newline="\n") as stream:
            write_document(stream, {"assessment-results": _results(seen, unclosed, spools)})
            stream.write("\n")
        if not unclosed:
            # OSCAL knows no plan without an item.
            return [results]
        plan = place / _PLAN
        with plan.open("w", encoding="ascii", newline="\n") as stream:
            write_document(stream, {"plan-of-action-and-milestones": _plan(seen, unclosed, spools)})
            stream.write("\n")
    return [results, plan]


def _take(host: Row, seen: _Seen, spools: Mapping[str, Spool]) -> None:
    """Write what is said of one host, and remember what findings refer to."""
    run, name = seen.rows.run, host["host"]
    item = made.inventory_item(host)
    spools["items"].add(item)
    planned = False
    for verdict in host["verdicts"]:
        control = verdict["control"]
        counts = seen.counts.setdefault(control, Counter())
        counts[verdict["verdict"]] += 1
        counts["documented"] += verdict["verdict"] == "pass" and not verdict["proven"]
        seen.judged.setdefault(control, array("L")).append(len(seen.hosts))
        observation = made.observation(run, host, verdict)
        spools["observations"].add(observation)
        findings = seen.open.get((name, control))
        if findings is None:
            continue
        planned = True
        seen.planned.add((name, control))
        spools["planned observations"].add(observation)
        steps = {one["fingerprint"]: one["remediation"] for one in verdict["violations"]}
        for finding in findings:
            spools["planned risks"].add(
                _risk(seen, finding) | made.remediation(finding, steps.get(finding["fingerprint"], ()))
            )
    if planned:
        spools["planned items"].add(item)
    seen.hosts.append(name)


def _risk(seen: _Seen, finding: Row) -> Row:
    row = made.risk(seen.rows.run, finding, seen.rows.exceptions, seen.rows.controls)
    pair = finding["host"], finding["control"]
    if pair in seen.planned:
        seen_here = made.observation_identity(seen.rows.run["id"], *pair)
        row["related-observations"] = [{"observation-uuid": seen_here}]
    return row


def _results(seen: _Seen, unclosed: list[Row], spools: Mapping[str, Spool]) -> Row:
    run, controls = seen.rows.run, seen.rows.controls
    return {
        "uuid": identity("assessment-results", run["id"]),
        "metadata": _metadata(seen.rows, "Assessment results"),
        "import-ap": {
            "href": f"#{_policy_identity(run)}",
            "remarks": "There is no assessment plan in OSCAL: the policy says what was assessed.",
        },
        "local-definitions": {
            "objectives-and-methods": [
                {
                    "control-id": control,
                    "description": markup(said["title"]),
                    "props": made.control_props(said),
                    "parts": [{"id": control, "name": "assessment-objective", "prose": markup(said["title"])}],
                }
                for control, said in controls.items()
            ],
        },
        "results": [
            {
                "uuid": identity("result", run["id"]),
                "title": f"Run {markup(run['id'])}",
                "description": _said_of_scope(run),
                "start": run["started"],
                "end": run["finished"],
                "props": _run_props(run),
                "local-definitions": {"inventory-items": spools["items"], "assessment-assets": _assets(run)},
                "reviewed-controls": _reviewed(controls),
                "observations": spools["observations"],
                "risks": (_risk(seen, finding) for finding in unclosed),
                "findings": _findings(seen, unclosed),
                "remarks": "A control is satisfied only where it passed on every host that it applies to. One that is "
                "unknown on any host is not satisfied, for the reason other. A control that applies to no host of the "
                "scope has no finding.",
            }
        ],
        "back-matter": {"resources": _resources(run)},
    }


def _plan(seen: _Seen, unclosed: list[Row], spools: Mapping[str, Spool]) -> Row:
    run = seen.rows.run
    for finding in unclosed:
        if (finding["host"], finding["control"]) not in seen.planned:
            # Of a host or control that this run has no word on.
            spools["planned risks"].add(_risk(seen, finding) | made.remediation(finding, ()))
    return {
        "uuid": identity("plan", run["id"]),
        "metadata": _metadata(seen.rows, "Plan of action and milestones"),
        "system-id": {"id": string(run["scope"]["source"])},
        "local-definitions": {
            "components": [_tool(run)],
            "inventory-items": spools["planned items"],
            "remarks": "Findings that are open, accepted by an exception, or could not be seen again.",
        },
        "observations": spools["planned observations"],
        "risks": spools["planned risks"],
        "poam-items": (
            made.poam_item(run, finding, observed=(finding["host"], finding["control"]) in seen.planned)
            for finding in unclosed
        ),
        "back-matter": {"resources": _resources(run)},
    }


def _findings(seen: _Seen, unclosed: list[Row]) -> Iterator[Row]:
    """Yield a finding for each control that applies to a host; its lists are read while they are written."""
    for control, said in seen.rows.controls.items():
        counts = seen.counts.get(control, Counter())
        status = made.status(counts, len(seen.rows.ledger))
        if status is not None:
            yield made.finding(seen.rows.run, control, said, counts, status) | _related(seen, control, unclosed)


def _related(seen: _Seen, control: str, unclosed: list[Row]) -> dict[str, Any]:
    run = seen.rows.run["id"]
    return {
        "related-observations": (
            {"observation-uuid": made.observation_identity(run, seen.hosts[place], control)}
            for place in seen.judged.get(control, ())
        ),
        "related-risks": (
            {"risk-uuid": made.risk_identity(finding["fingerprint"])}
            for finding in unclosed
            if finding["control"] == control
        ),
    }


def _metadata(rows: RunRows, title: str) -> Row:
    run = rows.run
    people = sorted({row[part] for row in rows.exceptions.values() for part in ("requested_by", "approved_by")})
    return {
        "title": f"{title} of the remote-access audit {markup(run['id'])}",
        "last-modified": run["finished"] or run["as_of"],
        "version": string(run["id"]),
        "oscal-version": _VERSION,
        "props": _run_props(run),
        "links": [
            {"href": f"#{resource['uuid']}", "rel": "reference", "text": resource["title"]}
            for resource in _resources(run)
        ],
        "roles": people
        and [
            {"id": "exception-requester", "title": "Asked for an exception"},
            {"id": "exception-approver", "title": "Granted an exception"},
        ],
        "parties": [{"uuid": made.person_identity(name), "type": "person", "name": string(name)} for name in people],
    }


def _run_props(run: Row) -> list[Row]:
    return props(
        [
            ("run", run["id"]),
            ("sequence", run["sequence"]),
            ("as-of", run["as_of"]),
            ("operator", run["operator"]),
            ("tool-version", run["tool_version"]),
            ("scope-count", run["scope"]["count"]),
            ("scope-sha256", run["scope"]["sha256"]),
            ("hosts-fully-assessed", run["coverage"]["assessed"]),
            ("policy-sha256", run["policy"]["sha256"]),
            ("exceptions-sha256", run["exceptions"]["sha256"]),
            ("people-sha256", (run.get("people") or {}).get("sha256")),
            ("catalogue-sha256", run["catalogue"]["sha256"]),
            ("attack-version", run["attack"]["version"]),
        ]
    )


def _said_of_scope(run: Row) -> str:
    scope, coverage = run["scope"], run["coverage"]
    return (
        f"{scope['count']:,} hosts in scope (from {markup(scope['source'])}), {coverage['assessed']:,} of them fully "
        "assessed: reached, and no verdict unknown. The others stand in the inventory with the reason."
    )


def _reviewed(controls: Mapping[str, Row]) -> Row:
    return {
        "description": "Controls of the auditor. Each names the requirements it speaks to; it does not cover them.",
        "control-selections": [{"include-controls": [{"control-id": control} for control in controls]}],
        "control-objective-selections": [
            {"include-objectives": [{"objective-id": control} for control in controls]},
        ],
    }


def _tool(run: Row) -> Row:
    return {
        "uuid": made.TOOL,
        "type": "software",
        "title": "auditor",
        "description": "Agentless auditor of remote-access software.",
        "props": props([("tool-version", run["tool_version"])]),
        "status": {"state": "operational"},
    }


def _assets(run: Row) -> Row:
    return {
        "components": [_tool(run)],
        "assessment-platforms": [
            {
                "uuid": identity("platform", run["id"]),
                "title": "The machine that ran the auditor",
                "uses-components": [{"component-uuid": made.TOOL}],
            }
        ],
    }


def _policy_identity(run: Row) -> str:
    return identity("policy", run["policy"]["sha256"])


def _resources(run: Row) -> list[Row]:
    """Return the files of the bundle that the results rest on."""
    policy = _resource(_policy_identity(run), "Policy", "../inputs/policy.yml", run["policy"]["sha256"])
    exceptions = run["exceptions"]["sha256"]
    if exceptions is None:
        return [policy]
    return [policy, _resource(identity("exceptions", exceptions), "Exceptions", "../inputs/exceptions.yml", exceptions)]


def _resource(name: str, title: str, href: str, sha256: str) -> Row:
    hashes = [{"algorithm": "SHA-256", "value": sha256}]
    return {
        "uuid": name,
        "title": title,
        "rlinks": [{"href": href, "media-type": "application/yaml", "hashes": hashes}],
    }


FORMAT = Format(
    id="oscal",
    title="OSCAL assessment results, and a plan of action and milestones, for compliance systems",
    write=_write,
)
