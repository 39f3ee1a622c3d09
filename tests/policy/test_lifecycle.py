"""The life of a finding over runs: a table of claims."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from auditor.errors import Reason
from auditor.model.evidence import Outcome
from auditor.model.finding import Finding, FindingState, fingerprint
from auditor.model.host import HostFacts
from auditor.model.ledger import HostOutcome, LedgerRow
from auditor.model.result import HostResult
from auditor.model.verdict import Gap, Judgement, Severity, Verdict, Violation
from auditor.policy.lifecycle import Observation, SeenViolation, follow, observe

_FIRST = datetime(2026, 10, 1, tzinfo=UTC)
_SECOND = datetime(2026, 11, 1, tzinfo=UTC)
_THIRD = datetime(2026, 12, 1, tzinfo=UTC)
_CONTROL = "unapproved_product"
_SUBJECT = "product:anydesk"
_SEEN = SeenViolation(
    control=_CONTROL, subject=_SUBJECT, product="anydesk", severity="high", reason="It runs.", exception=None
)
_CLEAN: Mapping[str, frozenset[str]] = {_CONTROL: frozenset()}


def an_observation(
    *violations: SeenViolation, settled: Mapping[str, frozenset[str]] = _CLEAN, host: str = "pc", key: str = ""
) -> Observation:
    return Observation(host=host, host_key=key or host, owner="desk", violations=violations, settled=settled)


def a_finding(state: FindingState = FindingState.OPEN, **changes: object) -> Finding:
    closed = state is FindingState.CLOSED
    plain = Finding(
        fingerprint=fingerprint(control=_CONTROL, host_key="pc", subject=_SUBJECT),
        host="pc",
        control=_CONTROL,
        subject=_SUBJECT,
        product="anydesk",
        severity="high",
        reason="It runs.",
        first_seen=_FIRST,
        failing_since=None if closed else _FIRST,
        state=state,
        owner="desk",
        closed_at=_FIRST if closed else None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_new_violation_opens_a_finding() -> None:
    assert follow([], [an_observation(_SEEN)], _FIRST) == [a_finding()]


@pytest.mark.parametrize(
    ("before", "now", "state", "failing_since"),
    [
        pytest.param("open", an_observation(_SEEN), "open", _FIRST, id="still-there"),
        pytest.param("open", an_observation(replace(_SEEN, exception="e")), "excepted", _FIRST, id="excepted"),
        pytest.param("excepted", an_observation(_SEEN), "open", _FIRST, id="its-exception-ended"),
        pytest.param("open", an_observation(), "closed", None, id="proven-gone"),
        pytest.param("excepted", an_observation(), "closed", None, id="an-excepted-one-is-gone"),
        pytest.param("open", an_observation(settled={}), "not_observable", _FIRST, id="not-seen-for-want-of-evidence"),
        pytest.param(
            "open",
            an_observation(settled={_CONTROL: frozenset({_SUBJECT})}),
            "not_observable",
            _FIRST,
            id="only-suspected-now",
        ),
        pytest.param(
            "open",
            an_observation(settled={"other": frozenset()}),
            "not_observable",
            _FIRST,
            id="another-control-saw-all",
        ),
        pytest.param("not_observable", an_observation(_SEEN), "open", _FIRST, id="seen-again"),
        pytest.param("not_observable", an_observation(), "closed", None, id="seen-to-be-gone-at-last"),
        pytest.param("closed", an_observation(), "closed", None, id="stays-closed"),
        pytest.param("closed", an_observation(settled={}), "closed", None, id="stays-closed-while-unseen"),
        pytest.param("closed", an_observation(_SEEN), "open", _SECOND, id="came-back"),
    ],
)
def test_a_finding_goes_on(before: str, now: Observation, state: str, failing_since: datetime | None) -> None:
    (found,) = follow([a_finding(FindingState(before))], [now], _SECOND)
    assert (found.state, found.failing_since, found.first_seen) == (state, failing_since, _FIRST)
    assert (found.exception is not None) is (state == "excepted")
    assert (found.closed_at is not None) is (state == "closed")


def test_closing_is_dated_once() -> None:
    closed = follow([a_finding()], [an_observation()], _SECOND)
    assert [finding.closed_at for finding in closed] == [_SECOND]
    assert follow(closed, [an_observation()], _THIRD) == closed


def test_hosts_out_of_scope_are_left_out() -> None:
    assert follow([a_finding()], [an_observation(host="other")], _SECOND) == []


def test_a_host_with_an_identity_keeps_its_findings_under_a_new_name() -> None:
    named = fingerprint(control=_CONTROL, host_key="asset-7", subject=_SUBJECT)
    before = a_finding(fingerprint=named)
    (seen,) = follow([before], [an_observation(_SEEN, host="new", key="asset-7")], _SECOND)
    assert (seen.fingerprint, seen.host, seen.first_seen) == (named, "new", _FIRST)
    (gone,) = follow([before], [an_observation(host="new", key="asset-7")], _SECOND)
    assert (gone.host, gone.state) == ("new", FindingState.CLOSED)


def test_a_name_taken_over_by_another_machine_inherits_nothing() -> None:
    assert follow([a_finding()], [an_observation(host="pc", key="asset-8")], _SECOND) == []


def test_findings_are_sorted() -> None:
    other = replace(_SEEN, subject="product:zoho")
    found = follow([], [an_observation(other, _SEEN, host="b"), an_observation(_SEEN, host="a")], _FIRST)
    assert [(one.host, one.subject) for one in found] == [
        ("a", "product:anydesk"),
        ("b", "product:anydesk"),
        ("b", "product:zoho"),
    ]


_GAP = Gap(section="services.systemd", outcome=Outcome.DENIED, reason="not root")
_VIOLATION = Violation(
    subject=_SUBJECT, reason="It runs.", proof=(), remediation=(), severity=Severity.HIGH, product="anydesk"
)
_EXCEPTED = replace(_VIOLATION, exception="e")


def a_result(judgement: Judgement, outcome: HostOutcome = HostOutcome.NONCOMPLIANT) -> HostResult:
    reason = Reason.REFUSED if outcome is HostOutcome.UNREACHABLE else None
    return HostResult(
        host=HostFacts(name="pc", key="pc", owner="desk"),
        ledger=LedgerRow(host="pc", outcome=outcome, complete=not judgement.gaps, reason=reason),
        judgements=(judgement,),
    )


@pytest.mark.parametrize(
    ("judgement", "seen", "settled"),
    [
        pytest.param(Judgement(control=_CONTROL, verdict=Verdict.PASS), 0, True, id="pass"),
        pytest.param(Judgement(control=_CONTROL, verdict=Verdict.NOT_APPLICABLE), 0, True, id="not-applicable"),
        pytest.param(Judgement(control=_CONTROL, verdict=Verdict.FAIL, violations=(_VIOLATION,)), 1, True, id="fail"),
        pytest.param(
            Judgement(control=_CONTROL, verdict=Verdict.FAIL, violations=(_VIOLATION,), gaps=(_GAP,)),
            1,
            False,
            id="fail-with-a-gap-closes-nothing",
        ),
        pytest.param(
            Judgement(control=_CONTROL, verdict=Verdict.UNKNOWN, violations=(_VIOLATION,), gaps=(_GAP,)),
            0,
            False,
            id="unknown-opens-nothing",
        ),
        pytest.param(
            Judgement(control=_CONTROL, verdict=Verdict.UNKNOWN, violations=(_EXCEPTED,), gaps=(_GAP,)),
            1,
            False,
            id="excepted-and-half-seen",
        ),
    ],
)
def test_an_observation_holds_what_a_verdict_stands_by(judgement: Judgement, seen: int, settled: bool) -> None:
    observation = observe(a_result(judgement))
    assert len(observation.violations) == seen
    assert (_CONTROL in observation.settled) is settled


def test_a_host_that_was_not_reached_settles_nothing() -> None:
    judgement = Judgement(control=_CONTROL, verdict=Verdict.UNKNOWN)
    observation = observe(a_result(judgement, HostOutcome.UNREACHABLE))
    assert (observation.violations, observation.settled) == ((), {})
    (found,) = follow([a_finding()], [observation], _SECOND)
    assert found.state is FindingState.NOT_OBSERVABLE
