"""What became of each violation since the last run: open, excepted, closed, or not to be seen this time.

A finding is known by its fingerprint (control, host key, subject) and keeps ``first_seen`` for ever.
``failing_since`` begins anew when it comes back after it was closed. Closing takes evidence: a violation
that is not seen any more is closed only when its control's verdict rests on complete evidence of the host.
Until when it is to be closed is a function of ``failing_since``, its severity and the policy of the day (ADR 32);
what cannot be seen goes on being due.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from auditor.controls.registry import controls
from auditor.model.finding import ClosedBy, CloserKind, Finding, FindingState, fingerprint
from auditor.model.ledger import HostOutcome
from auditor.model.record import Record, field, replace
from auditor.model.result import HostResult
from auditor.model.verdict import Judgement, Severity, Verdict, Violation
from auditor.policy.succession import Succession
from auditor.policy.terms import due_of


def _nothing_excuses(_host: str, _finding: Finding) -> str | None:
    return None


class Following(Record, kw_only=True):
    """The run that follows the findings, as far as their lives depend on it."""

    as_of: datetime
    """The instant it judges at."""
    terms: Mapping[Severity, timedelta] = field(default_factory=dict)
    """How long a violation of each severity may last."""
    succession: Succession = field(default_factory=Succession)
    """What carries on where a control or a product was retired."""
    excuse: Callable[[str, Finding], str | None] = _nothing_excuses
    """Given a host's name and a finding, the id of the valid exception that would cover its violation."""


class SeenViolation(Record, kw_only=True):
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


class Observation(Record, kw_only=True):
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
    is_silent = result.ledger.outcome is HostOutcome.UNREACHABLE
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
            if not is_silent and _is_settled(judgement)
        },
    )


def stands(verdict: str, exception: str | None) -> bool:
    """Tell whether a violation is certain: a verdict that is unknown stands by its excepted ones only.

    A control that requires something names violations although evidence is missing; the judge then says
    *unknown*, and no finding is opened on a guess.
    """
    return exception is not None or verdict == Verdict.FAIL


def is_settled(verdict: str, *, has_gaps: bool, control: str = "") -> bool:
    """Tell whether a verdict rests on complete evidence, so that what it does not name is not there.

    A run that no records from outside were brought to says nothing of what they had shown.
    """
    if verdict == Verdict.NOT_APPLICABLE:
        known = controls().get(control)
        return known is None or not known.looks_at_what_is_brought
    return not has_gaps


def follow(previous: Iterable[Finding], observations: Iterable[Observation], by: Following) -> list[Finding]:
    """Return the findings of a run, sorted by host, control, subject and fingerprint.

    ``previous`` are the findings of the run before, closed ones included, and ``observations`` every host of
    this run's scope. Findings of hosts that are not in the scope are left out. A host that was renamed keeps
    its findings where the inventory gives it a stable identity (``auditor_host_id``), and a finding whose control
    or product was replaced by another goes on under the name that it has then.
    """
    hosts = {observation.host: observation for observation in observations}
    earlier = carried(previous, ((one.host, one.host_key) for one in hosts.values()), by.succession)
    found = [finding for one in hosts.values() for finding in lives_on(one, earlier.get(one.host, {}), by)]
    return sorted(found, key=lambda one: one.host)


def lives_on(observation: Observation, earlier: Mapping[str, Finding], by: Following) -> list[Finding]:
    """Return the findings of one host, sorted by control, subject and fingerprint.

    ``earlier`` are those that ``carried`` names of it.
    """
    current: dict[str, Finding] = {}
    for violation in observation.violations:
        name = fingerprint(control=violation.control, host_key=observation.host_key, subject=violation.subject)
        current[name] = _alive(name, observation, violation, earlier.get(name), by)
    for name, finding in earlier.items():
        if name not in current:
            current[name] = _unseen(finding, observation, by)
    return sorted(current.values(), key=lambda one: (one.control, one.subject, one.fingerprint))


class Named(Protocol):
    """What tells under which host a finding is filed."""

    @property
    def fingerprint(self) -> str:
        """Name of the finding."""

    @property
    def host(self) -> str:
        """Name of its host then."""

    @property
    def control(self) -> str:
        """Control that was broken."""

    @property
    def subject(self) -> str:
        """What broke it."""


N = TypeVar("N", bound=Named)


def carried(
    previous: Iterable[Finding], scope: Iterable[tuple[str, str]], succession: Succession
) -> dict[str, dict[str, Finding]]:
    """Return the findings of hosts in scope, by host and by the names that they have today.

    ``scope`` are the names of hosts, each with its key; nobody looks at them where there is no finding.
    """
    keys: dict[str, str] = {}
    found: dict[str, list[Finding]] = {}
    for host, key, finding in filed(list(previous), scope):
        keys[host] = key
        found.setdefault(host, []).append(finding)
    return {host: called_today(mine, keys[host], succession) for host, mine in found.items()}


def filed(previous: Iterable[N], scope: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, N]]:
    """Yield the findings of hosts in scope in their order, each behind the name and the key of its host.

    ``previous`` is gone through twice; ``scope`` is as for ``carried``.
    """
    names = {finding.host for finding in previous}
    if not names:
        return
    hosts = dict(scope)
    renamed = [(host, key) for host, key in hosts.items() if key != host and host not in names]
    for finding in previous:
        where = _host_of(finding, hosts, renamed)
        if where is not None:
            yield *where, finding


def called_today(findings: Iterable[Finding], host_key: str, succession: Succession) -> dict[str, Finding]:
    """Return the findings of one host by the names that they have today."""
    found: dict[str, Finding] = {}
    for finding in findings:
        today = _today(finding, host_key, succession)
        other = found.get(today.fingerprint)
        found[today.fingerprint] = today if other is None else _joined(other, today)
    return found


def _today(finding: Finding, host_key: str, succession: Succession) -> Finding:
    """Return a finding as it is called today."""
    control, subject = succession.control(finding.control), succession.subject(finding.subject)
    if (control, subject) == (finding.control, finding.subject):
        return finding
    return replace(
        finding,
        fingerprint=fingerprint(control=control, host_key=host_key, subject=subject),
        control=control,
        subject=subject,
        product=succession.product(finding.product),
        formerly=(*finding.formerly, finding.fingerprint),
    )


def _joined(one: Finding, other: Finding) -> Finding:
    """Make one life of two, where what was two controls or products is one now: the longer one that goes on."""
    ordered = sorted((one, other), key=lambda each: (each.failing_since is None, each.failing_since or each.first_seen))
    return replace(
        ordered[0],
        first_seen=min(one.first_seen, other.first_seen),
        reopened=max(one.reopened, other.reopened),
        formerly=tuple(dict.fromkeys((*ordered[1].formerly, *ordered[0].formerly))),
    )


def _is_settled(judgement: Judgement) -> bool:
    return is_settled(judgement.verdict, has_gaps=bool(judgement.gaps), control=judgement.control)


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
    name: str, observation: Observation, violation: SeenViolation, before: Finding | None, by: Following
) -> Finding:
    """Open a violation, or go on with the life it has."""
    since = None if before is None else before.failing_since
    came_back = before is not None and since is None
    failing_since = since or by.as_of
    due, overdue = _due(failing_since, violation.severity, violation.exception, by)
    return Finding(
        fingerprint=name,
        host=observation.host,
        control=violation.control,
        subject=violation.subject,
        product=violation.product,
        severity=violation.severity,
        reason=violation.reason,
        first_seen=by.as_of if before is None else before.first_seen,
        failing_since=failing_since,
        due=due,
        overdue=overdue,
        state=FindingState.OPEN if violation.exception is None else FindingState.EXCEPTED,
        exception=violation.exception,
        owner=observation.owner,
        opened_by=None if before is None or came_back else before.opened_by,
        reopened=0 if before is None else before.reopened + came_back,
        formerly=() if before is None else before.formerly,
    )


def _host_of(finding: Named, hosts: Mapping[str, str], renamed: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Return name and key of the host that a finding is filed under; None when it is not in scope."""
    same_key = hosts.get(finding.host)
    candidates = renamed if same_key is None else ((finding.host, same_key), *renamed)
    for host, key in candidates:
        if fingerprint(control=finding.control, host_key=key, subject=finding.subject) == finding.fingerprint:
            return host, key
    return None


def _unseen(finding: Finding, observation: Observation, by: Following) -> Finding:
    """Close a violation that is proven gone; say of any other that it could not be seen."""
    known = replace(finding, host=observation.host, owner=observation.owner, exception=None)
    if finding.state is FindingState.CLOSED:
        return known
    suspected = observation.settled.get(finding.control)
    if suspected is None or finding.subject in suspected:
        # What may still be there may still be accepted: else an exception would end with a host's silence.
        exception = by.excuse(observation.host, finding)
        due, overdue = _due(finding.failing_since, finding.severity, exception, by)
        return replace(known, state=FindingState.NOT_OBSERVABLE, exception=exception, due=due, overdue=overdue)
    return replace(
        known,
        state=FindingState.CLOSED,
        failing_since=None,
        due=None,
        overdue=False,
        closed_at=by.as_of,
        closed_by=ClosedBy(kind=CloserKind.RUN),
    )


def _due(
    failing_since: datetime | None, severity: str, exception: str | None, by: Following
) -> tuple[datetime | None, bool]:
    """Say until when what is not closed is to be, and whether that has passed; an exception suspends it."""
    if exception is not None or failing_since is None:
        return None, False
    due = due_of(failing_since, severity, by.terms)
    return due, due is not None and due < by.as_of
