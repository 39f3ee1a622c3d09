"""A plan from findings: pure, so that the same findings give the same plan."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from auditor.model.finding import FindingState
from auditor.model.plan import LeftOut, Plan, Play, Step
from auditor.model.record import Record, field, replace
from auditor.model.verdict import Severity, Verdict
from auditor.remediate.remedies import Draft, Scene, remedy_for

Row = Mapping[str, Any]
_AGAINST_A_PRODUCT = (Play.STOP_SERVICE, Play.HARDEN_VNC, Play.QUARANTINE_PROGRAM, Play.REMOVE_PRODUCT)
_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Wanted(Record, kw_only=True):
    """Which findings a plan is asked for; what is left empty picks everything."""

    hosts: tuple[str, ...] = ()
    """Inventory names."""
    controls: tuple[str, ...] = ()
    """Control ids."""
    products: tuple[str, ...] = ()
    """Catalogue ids."""
    severities: tuple[str, ...] = ()
    """Severities."""
    owners: tuple[str, ...] = ()
    """Owners."""
    plays: tuple[Play, ...] = field(default=tuple(Play))
    """What may be done."""
    password_file: str = ""
    """File of passwords on hosts that an x11vnc is to ask for."""

    def picks(self, finding: Row) -> bool:
        """Tell whether a finding is asked for."""
        pairs = (
            (self.hosts, finding["host"]),
            (self.controls, finding["control"]),
            (self.products, finding["product"]),
            (self.severities, finding["severity"]),
            (self.owners, finding["owner"]),
        )
        return all(not wanted or value in wanted for wanted, value in pairs)


class Basis(Record, kw_only=True):
    """What a plan rests on, and who makes it."""

    run: str
    """Id of the run."""
    policy_sha256: str
    """Digest of its policy."""
    catalogue_sha256: str
    """Digest of its catalogue."""
    tool_version: str
    """Version of the auditor."""
    made_at: datetime
    """Now, UTC."""
    made_by: str
    """Who asks for it."""
    max_age: timedelta
    """How old evidence may be that a host is changed on."""
    trusted: tuple[str, ...]
    """Networks from which the policy lets remote access come."""


def make_plan(findings: Sequence[Row], hosts: Iterable[Row], wanted: Wanted, basis: Basis) -> Plan:
    """Return the steps that close the open findings that are asked for, and of each other one why none does.

    Findings that several steps of one host share become one step: a product is removed once. Excepted findings
    are never touched, nor is a host whose evidence is older than ``basis.max_age``.
    """
    asked: dict[str, list[Row]] = {}
    for finding in findings:
        if finding["state"] != FindingState.CLOSED and wanted.picks(finding):
            asked.setdefault(finding["host"], []).append(finding)
    steps: list[Step] = []
    left: list[LeftOut] = []
    for row in hosts:
        mine = asked.pop(row["host"], None)
        if mine:
            made = _of_host(row, mine, wanted, basis)
            steps += made[0]
            left += made[1]
    return Plan(
        run=basis.run,
        policy_sha256=basis.policy_sha256,
        catalogue_sha256=basis.catalogue_sha256,
        tool_version=basis.tool_version,
        made_at=basis.made_at,
        made_by=basis.made_by,
        steps=tuple(sorted(steps, key=lambda step: (step.host, step.play.rank, repr(step.variables)))),
        left_out=tuple(sorted(left, key=lambda one: (one.host, one.control, one.subject))),
    )


def _of_host(row: Row, findings: Sequence[Row], wanted: Wanted, basis: Basis) -> tuple[list[Step], list[LeftOut]]:
    scene = Scene(row=row, trusted=basis.trusted, password_file=wanted.password_file)
    violations = dict(_violations(row))
    excused = {one["product"]: one["exception"] for one in violations.values() if one["exception"] is not None}
    merged: dict[tuple[Play, str], Step] = {}
    left: list[LeftOut] = []
    for finding in findings:
        drafts: tuple[Draft, ...] | str = _untouchable(finding, row, violations, basis) or ""
        if not drafts:
            drafts = remedy_for(finding["control"], scene, violations[finding["fingerprint"]])
        if not isinstance(drafts, str):
            allowed = tuple(draft for draft in drafts if draft.play in wanted.plays)
            drafts = allowed or "the plays that would close it were not asked for"
            excuse = excused.get(finding["product"])
            if excuse is not None and any(draft.play in _AGAINST_A_PRODUCT for draft in allowed):
                drafts = f"the product is excepted here by {excuse}: what was accepted is not changed"
        if isinstance(drafts, str):
            left.append(_left(finding, drafts))
            continue
        for draft in drafts:
            step = _step(draft, finding, row)
            # What two findings put aside of one product is put aside once: undone twice, the second time would fail.
            what = finding["product"] if draft.play is Play.QUARANTINE_PROGRAM else draft.variables
            key = (draft.play, repr(what))
            merged[key] = step if key not in merged else _both(merged[key], step)
    return list(merged.values()), left


def _violations(row: Row) -> Iterator[tuple[str, Row]]:
    for verdict in row["verdicts"]:
        if verdict["verdict"] in (Verdict.FAIL, Verdict.EXCEPTED):
            for violation in verdict["violations"]:
                yield violation["fingerprint"], violation


def _untouchable(finding: Row, row: Row, violations: Mapping[str, Row], basis: Basis) -> str | None:
    """Say why nothing is done about a finding; None where something may be."""
    if finding["state"] == FindingState.EXCEPTED:
        return f"it is excepted by {finding['exception']}: what was accepted is not changed"
    if finding["state"] == FindingState.NOT_OBSERVABLE or finding["fingerprint"] not in violations:
        return "the last run could not see it: audit the host again, and plan on that"
    age = basis.made_at - datetime.fromisoformat(row["collected_at"])
    if age > basis.max_age:
        return (
            f"its evidence is {age.days} days old, where the policy allows {basis.max_age.days}: audit the host again"
        )
    return None


def _left(finding: Row, reason: str) -> LeftOut:
    return LeftOut(
        host=finding["host"],
        fingerprint=finding["fingerprint"],
        control=finding["control"],
        subject=finding["subject"],
        reason=reason,
    )


def _step(draft: Draft, finding: Row, row: Row) -> Step:
    return Step(
        host=row["host"],
        play=draft.play,
        variables=draft.variables,
        product=finding["product"],
        findings=(finding["fingerprint"],),
        why=(finding["reason"],),
        severity=finding["severity"],
        owner=row["owner"],
        is_reversible=draft.is_reversible,
        expects=draft.expects,
        evidence_sha256=row["evidence"]["sha256"],
        collected_at=datetime.fromisoformat(row["collected_at"]),
    )


def _both(one: Step, other: Step) -> Step:
    """Let one step close what two are for."""
    why = dict(zip((*one.findings, *other.findings), (*one.why, *other.why), strict=True))
    gravest = min(one.severity, other.severity, key=lambda word: _RANKS[Severity(word)])
    variables: Mapping[str, Any] = one.variables
    if one.play is Play.QUARANTINE_PROGRAM:
        more: Mapping[str, Any] = other.variables
        variables = {"files": tuple(sorted({*variables["files"], *more["files"]}))}
    why_sorted = tuple(why[name] for name in sorted(why))
    return replace(one, variables=variables, findings=tuple(sorted(why)), why=why_sorted, severity=gravest)
