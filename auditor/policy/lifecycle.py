"""What became of each violation since the last run: open, excepted, closed, or not to be seen this time.

A finding is known by its fingerprint (control, host key, subject) and keeps ``first_seen`` for ever.
``failing_since`` begins anew when it comes back after it was closed. Closing takes evidence: a violation
that is not seen any more is closed only when its control's verdict rests on complete evidence of the host.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.model.finding import Finding, FindingState, fingerprint
from auditor.model.ledger import HostOutcome
from auditor.model.result import HostResult
from auditor.model.verdict import Judgement, Verdict, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenViolation:
    """A violation that this run stands by, reduced to what a finding keeps of it."""

    control: str
    """Control id."""
    subject: str
    """What it is about."""
    product: str | None
    """Catalogue id, where a product is concerned."""
    severity: str
    """How much it matters."""
    reason: str
    """What is wrong."""
    exception: str | None
    """Id of the valid exception that covers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a run says of one host, as far as findings depend on it."""

    host: str
    """Inventory name."""
    host_key: str
    """What its findings are filed under."""
    owner: str | None = None
    """Who must act on it."""
    violations: tuple[SeenViolation, ...] = ()
    """Every violation that the verdicts stand by."""
    settled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Controls that saw all they needed, with the subjects they only suspect; what these name no more is gone."""


def observe(result: HostResult) -> Observation:
    """Reduce a host's result to what findings depend on."""
    if result.ledger.outcome is HostOutcome.UNREACHABLE:
        return Observation(host=result.host.name, host_key=result.host.key, owner=result.host.owner)
    return Observation(
        host=result.host.name,
        host_key=result.host.key,
        owner=result.host.owner,
        violations=tuple(
            _seen(judgement.control, violation)
            for judgement in result.judgements
            for violation in judgement.violations
            if stands(judgement.verdict, violation.exception)
        ),
        settled={
            judgement.control: frozenset(violation.subject for violation in judgement.suspected)
            for judgement in result.judgements
            if _is_settled(judgement)
        },
    )


def stands(verdict: str, exception: str | None) -> bool:
    """Tell whether a violation is certain: a verdict that is unknown stands by its excepted ones only.

    A control that requires something names violations although evidence is missing; the judge then says
    *unknown*, and no finding is opened on a guess.
    """
    return exception is not None or verdict == Verdict.FAIL


def is_settled(verdict: str, *, has_gaps: bool) -> bool:
    """Tell whether a verdict rests on complete evidence, so that what it does not name is not there."""
    return verdict == Verdict.NOT_APPLICABLE or not has_gaps


def follow(previous: Iterable[Finding], observations: Iterable[Observation], as_of: datetime) -> list[Finding]:
    """Return the findings of this run, sorted by host, control, subject and fingerprint.

    ``previous`` are the findings of the run before, closed ones included, and ``observations`` every host of
    this run's scope. Findings of hosts that are not in the scope are left out. A host that was renamed keeps
    its findings where the inventory gives it a stable identity (``auditor_host_id``).
    """
    earlier = {finding.fingerprint: finding for finding in previous}
    current: dict[str, Finding] = {}
    hosts: dict[str, Observation] = {}
    for observation in observations:
        hosts[observation.host] = observation
        for violation in observation.violations:
            name = fingerprint(control=violation.control, host_key=observation.host_key, subject=violation.subject)
            current[name] = _alive(name, observation, violation, earlier.get(name), as_of)
    names = {finding.host for finding in earlier.values()}
    renamed = [one for one in hosts.values() if one.host_key != one.host and one.host not in names]
    for name, finding in earlier.items():
        if name in current:
            continue
        where = _observation_of(finding, hosts, renamed)
        if where is not None:
            current[name] = _unseen(finding, where, as_of)
    return sorted(current.values(), key=lambda one: (one.host, one.control, one.subject, one.fingerprint))


def _is_settled(judgement: Judgement) -> bool:
    return is_settled(judgement.verdict, has_gaps=bool(judgement.gaps))


def _seen(control: str, violation: Violation) -> SeenViolation:
    return SeenViolation(
        control=control,
        subject=violation.subject,
        product=violation.product,
        severity=violation.severity,
        reason=violation.reason,
        exception=violation.exception,
    )


def _alive(
    name: str, observation: Observation, violation: SeenViolation, before: Finding | None, as_of: datetime
) -> Finding:
    """Open a violation, or go on with the life it has."""
    goes_on = before is not None and before.failing_since is not None
    return Finding(
        fingerprint=name,
        host=observation.host,
        control=violation.control,
        subject=violation.subject,
        product=violation.product,
        severity=violation.severity,
        reason=violation.reason,
        first_seen=as_of if before is None else before.first_seen,
        failing_since=before.failing_since if before is not None and goes_on else as_of,
        due=before.due if before is not None and goes_on else None,
        state=FindingState.OPEN if violation.exception is None else FindingState.EXCEPTED,
        exception=violation.exception,
        owner=observation.owner,
    )


def _observation_of(
    finding: Finding, hosts: Mapping[str, Observation], renamed: Iterable[Observation]
) -> Observation | None:
    """Return what this run says of the host that a finding is filed under; None when it is not in scope."""
    same_name = hosts.get(finding.host)
    candidates = renamed if same_name is None else (same_name, *renamed)
    for candidate in candidates:
        key = candidate.host_key
        if fingerprint(control=finding.control, host_key=key, subject=finding.subject) == finding.fingerprint:
            return candidate
    return None


def _unseen(finding: Finding, observation: Observation, as_of: datetime) -> Finding:
    """Close a violation that is proven gone; say of any other that it could not be seen."""
    known = replace(finding, host=observation.host, owner=observation.owner, exception=None)
    if finding.state is FindingState.CLOSED:
        return known
    suspected = observation.settled.get(finding.control)
    if suspected is None or finding.subject in suspected:
        return replace(known, state=FindingState.NOT_OBSERVABLE)
    return replace(known, state=FindingState.CLOSED, failing_since=None, due=None, closed_at=as_of)
