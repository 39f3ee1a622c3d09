"""The life of a finding over runs: a table of claims."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.controls import remote_access_at_boot, unapproved_product
from auditor.controls.control import Control
from auditor.errors import Reason
from auditor.model.evidence import Outcome
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import Software
from auditor.model.finding import ClosedBy, CloserKind, Finding, FindingState, fingerprint
from auditor.model.host import HostFacts
from auditor.model.ledger import HostOutcome, LedgerRow
from auditor.model.record import replace
from auditor.model.result import HostResult
from auditor.model.verdict import Gap, Judgement, Severity, Verdict, Violation
from auditor.policy.judge import judge
from auditor.policy.lifecycle import Following, Observation, SeenViolation, follow, is_settled, observe
from auditor.policy.succession import Succession
from tests.controls.cases import a_host

_FIRST = datetime(2026, 10, 1, tzinfo=UTC)
_SECOND = datetime(2026, 11, 1, tzinfo=UTC)
_THIRD = datetime(2026, 12, 1, tzinfo=UTC)
_CONTROL = "unapproved_product"
_SUBJECT = "product:anydesk"
_SEEN = SeenViolation(
    control=_CONTROL, subject=_SUBJECT, product="anydesk", severity="high", reason="It runs.", exception=None
)
_CLEAN: Mapping[str, frozenset[str]] = {_CONTROL: frozenset()}


_TERMS = {Severity.HIGH: timedelta(days=30), Severity.MEDIUM: timedelta(days=90)}


def at(as_of: datetime, **more: object) -> Following:
    """Give the run of a day."""
    return Following(as_of=as_of, **more)  # type: ignore[arg-type]


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
        closed_by=ClosedBy(kind=CloserKind.RUN, id="run of 2026-10-01") if closed else None,
        opened_by="run of 2026-10-01",
    )
    return replace(plain, **changes)


def test_a_new_violation_opens_a_finding() -> None:
    assert follow([], [an_observation(_SEEN)], at(_FIRST)) == [a_finding(opened_by=None)]


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
    (found,) = follow([a_finding(FindingState(before))], [now], at(_SECOND))
    assert (found.state, found.failing_since, found.first_seen) == (state, failing_since, _FIRST)
    assert (found.exception is not None) is (state == "excepted")
    assert (found.closed_at is not None) is (state == "closed")


def test_closing_is_dated_once() -> None:
    closed = follow([a_finding()], [an_observation()], at(_SECOND))
    assert [finding.closed_at for finding in closed] == [_SECOND]
    assert follow(closed, [an_observation()], at(_THIRD)) == closed


def test_a_life_names_the_runs_that_began_and_ended_it() -> None:
    """None is the run that says so: its id is put in when the finding becomes history."""
    (opened,) = follow([], [an_observation(_SEEN)], at(_FIRST))
    assert (opened.opened_by, opened.closed_by, opened.reopened) == (None, None, 0)
    (closed,) = follow([replace(opened, opened_by="one")], [an_observation()], at(_SECOND))
    assert (closed.closed_by, closed.opened_by, closed.reopened) == (ClosedBy(kind=CloserKind.RUN), "one", 0)
    (still,) = follow(
        [replace(closed, closed_by=ClosedBy(kind=CloserKind.RUN, id="two"))], [an_observation()], at(_THIRD)
    )
    assert (still.closed_by, still.closed_at) == (ClosedBy(kind=CloserKind.RUN, id="two"), _SECOND)
    (back,) = follow([still], [an_observation(_SEEN)], at(_THIRD))
    assert (back.opened_by, back.closed_by, back.closed_at) == (None, None, None)
    assert (back.reopened, back.first_seen, back.failing_since) == (1, _FIRST, _THIRD)


def test_what_could_not_be_seen_between_has_not_come_back() -> None:
    (unseen,) = follow([a_finding()], [an_observation(settled={})], at(_SECOND))
    (seen,) = follow([unseen], [an_observation(_SEEN)], at(_THIRD))
    assert (seen.reopened, seen.opened_by, seen.failing_since) == (0, "run of 2026-10-01", _FIRST)


@pytest.mark.parametrize(
    ("now", "due", "overdue"),
    [
        pytest.param(an_observation(_SEEN), 30, True, id="its-term-is-over"),
        pytest.param(an_observation(replace(_SEEN, severity="medium")), 90, False, id="less-grave-now-and-due-later"),
        pytest.param(an_observation(replace(_SEEN, severity="low")), None, False, id="the-policy-sets-no-term"),
        pytest.param(an_observation(replace(_SEEN, exception="e")), None, False, id="an-exception-suspends-it"),
        pytest.param(an_observation(settled={}), 30, True, id="not-seen-is-not-closed-and-goes-on-being-due"),
        pytest.param(an_observation(), None, False, id="closed"),
    ],
)
def test_until_when_it_is_to_be_closed(now: Observation, due: int | None, overdue: bool) -> None:
    (found,) = follow([a_finding()], [now], at(_SECOND + timedelta(days=1), terms=_TERMS))
    assert found.due == (None if due is None else _FIRST + timedelta(days=due))
    assert found.overdue is overdue


def test_the_instant_that_it_is_due_is_not_too_late() -> None:
    terms = {Severity.HIGH: _SECOND - _FIRST}
    (found,) = follow([a_finding()], [an_observation(_SEEN)], at(_SECOND, terms=terms))
    assert (found.due, found.overdue) == (_SECOND, False)


def test_an_exception_that_ended_gives_no_further_time() -> None:
    excepted = a_finding(FindingState.EXCEPTED, exception="e", due=None)
    (found,) = follow([excepted], [an_observation(_SEEN)], at(_THIRD, terms=_TERMS))
    assert (found.state, found.due, found.overdue) == ("open", _FIRST + timedelta(days=30), True)


def test_terms_are_those_of_the_day() -> None:
    before = a_finding(due=_FIRST + timedelta(days=90))
    (stricter,) = follow([before], [an_observation(_SEEN)], at(_SECOND, terms={Severity.HIGH: timedelta(days=7)}))
    assert (stricter.due, stricter.overdue) == (_FIRST + timedelta(days=7), True)
    (none,) = follow([before], [an_observation(_SEEN)], at(_SECOND))
    assert (none.due, none.overdue) == (None, False)


def test_who_comes_back_has_the_whole_term_again() -> None:
    (back,) = follow([a_finding(FindingState.CLOSED)], [an_observation(_SEEN)], at(_THIRD, terms=_TERMS))
    assert (back.due, back.overdue) == (_THIRD + timedelta(days=30), False)


def test_an_exception_holds_while_its_host_is_silent() -> None:
    excepted = a_finding(FindingState.EXCEPTED, exception="e")
    asked: list[tuple[str, str, str]] = []

    def excuse(host: str, finding: Finding) -> str | None:
        asked.append((host, finding.control, finding.subject))
        return "e"

    by = at(_SECOND, terms={Severity.HIGH: timedelta(days=1)}, excuse=excuse)
    (silent,) = follow([excepted], [an_observation(settled={})], by)
    assert (silent.state, silent.exception, silent.due, silent.overdue) == ("not_observable", "e", None, False)
    assert asked == [("pc", _CONTROL, _SUBJECT)]
    (ended,) = follow([excepted], [an_observation(settled={})], replace(by, excuse=lambda *_: None))
    assert (ended.state, ended.exception, ended.overdue) == ("not_observable", None, True)


_OLD_CONTROL, _OLD_SUBJECT = "old_control", "product:philandro/acme"
_SUCCESSION = Succession(controls={_OLD_CONTROL: _CONTROL}, products={"philandro": "anydesk"})
_NEW_SUBJECT = "product:anydesk/acme"


def an_old_finding(state: FindingState = FindingState.OPEN, **changes: object) -> Finding:
    name = fingerprint(control=_OLD_CONTROL, host_key="pc", subject=_OLD_SUBJECT)
    plain = a_finding(
        state, fingerprint=name, control=_OLD_CONTROL, subject=_OLD_SUBJECT, product="philandro", reopened=2
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("now", "state"),
    [
        pytest.param(an_observation(replace(_SEEN, subject=_NEW_SUBJECT)), "open", id="still-there"),
        pytest.param(an_observation(), "closed", id="gone"),
        pytest.param(an_observation(settled={}), "not_observable", id="not-seen"),
        pytest.param(an_observation(settled={_OLD_CONTROL: frozenset()}), "not_observable", id="only-the-old-saw-it"),
    ],
)
def test_what_was_retired_lives_on_under_the_name_of_what_replaced_it(now: Observation, state: str) -> None:
    old = an_old_finding()
    (found,) = follow([old], [now], at(_SECOND, succession=_SUCCESSION))
    assert found.fingerprint == fingerprint(control=_CONTROL, host_key="pc", subject=_NEW_SUBJECT)
    assert (found.control, found.subject, found.product) == (_CONTROL, _NEW_SUBJECT, "anydesk")
    assert (found.state, found.first_seen, found.formerly) == (state, _FIRST, (old.fingerprint,))
    assert (found.reopened, found.opened_by) == (2, "run of 2026-10-01")
    (later,) = follow([found], [now], at(_THIRD, succession=_SUCCESSION))
    assert (later.fingerprint, later.formerly) == (found.fingerprint, found.formerly)


@pytest.mark.parametrize("turned", [False, True])
def test_two_lives_that_become_one_keep_the_longer(turned: bool) -> None:
    old = an_old_finding(first_seen=_SECOND, failing_since=_SECOND)
    gone = a_finding(
        FindingState.CLOSED,
        fingerprint=fingerprint(control=_CONTROL, host_key="pc", subject=_NEW_SUBJECT),
        subject=_NEW_SUBJECT,
    )
    both = [gone, old] if turned else [old, gone]
    now = an_observation(replace(_SEEN, subject=_NEW_SUBJECT))
    (found,) = follow(both, [now], at(_THIRD, succession=_SUCCESSION))
    assert (found.first_seen, found.failing_since, found.reopened) == (_FIRST, _SECOND, 2)
    assert found.formerly == (old.fingerprint,)


def test_hosts_out_of_scope_are_left_out() -> None:
    assert follow([a_finding()], [an_observation(host="other")], at(_SECOND)) == []


def test_a_host_with_an_identity_keeps_its_findings_under_a_new_name() -> None:
    named = fingerprint(control=_CONTROL, host_key="asset-7", subject=_SUBJECT)
    before = a_finding(fingerprint=named)
    (seen,) = follow([before], [an_observation(_SEEN, host="new", key="asset-7")], at(_SECOND))
    assert (seen.fingerprint, seen.host, seen.first_seen) == (named, "new", _FIRST)
    (gone,) = follow([before], [an_observation(host="new", key="asset-7")], at(_SECOND))
    assert (gone.host, gone.state) == ("new", FindingState.CLOSED)


def test_a_name_taken_over_by_another_machine_inherits_nothing() -> None:
    assert follow([a_finding()], [an_observation(host="pc", key="asset-8")], at(_SECOND)) == []


def test_findings_are_sorted() -> None:
    other = replace(_SEEN, subject="product:zoho")
    found = follow([], [an_observation(other, _SEEN, host="b"), an_observation(_SEEN, host="a")], at(_FIRST))
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
    (found,) = follow([a_finding()], [observation], at(_SECOND))
    assert found.state is FindingState.NOT_OBSERVABLE


def test_a_run_without_records_from_outside_closes_nothing_that_they_showed() -> None:
    assert is_settled("not_applicable", has_gaps=False, control="audit_interval")
    assert not is_settled("not_applicable", has_gaps=False, control="seen_outside")
    assert is_settled("pass", has_gaps=False, control="seen_outside")


def _unit(*, is_program_gone: bool) -> Service:
    return Service(
        name="x11vnc.service",
        manager=ServiceManager.SYSTEMD,
        start=StartMode.AUTOMATIC,
        is_running=False,
        state="loaded inactive dead",
        command="/usr/bin/x11vnc -forever",
        file="/etc/systemd/system/x11vnc.service",
        is_program_gone=is_program_gone,
    )


@pytest.mark.parametrize("control", [unapproved_product.CONTROL, remote_access_at_boot.CONTROL], ids=lambda one: one.id)
@pytest.mark.parametrize(
    ("is_program_gone", "state"),
    [
        pytest.param(True, FindingState.CLOSED, id="its-program-was-looked-for"),
        pytest.param(False, FindingState.NOT_OBSERVABLE, id="nobody-looked"),
    ],
)
def test_what_is_left_of_a_removed_product_closes_its_finding(
    control: Control, is_program_gone: bool, state: FindingState
) -> None:
    unit = _unit(is_program_gone=is_program_gone)
    package = Software(name="x11vnc", version="0.9.16-9", source="software.dpkg")
    before = a_host({"software.dpkg": [package], "services.systemd": [_unit(is_program_gone=False)]})
    after = a_host({"services.systemd": [unit]})
    opened = follow([], [observe(a_result(judge(control, before, lambda _c, _v: None)))], at(_FIRST))
    assert [(one.subject, one.state) for one in opened] == [("product:x11vnc", FindingState.OPEN)]
    (found,) = follow(opened, [observe(a_result(judge(control, after, lambda _c, _v: None)))], at(_SECOND))
    assert found.state is state


_TEXTS = st.text(max_size=8) | st.text('ab "\\/\x00\x1f\x7f\n', max_size=8)


@given(_TEXTS, _TEXTS, _TEXTS)
def test_a_fingerprint_is_over_what_json_writes(control: str, host_key: str, subject: str) -> None:
    made_of = json.dumps([1, control, host_key, subject], separators=(",", ":"))
    made = fingerprint(control=control, host_key=host_key, subject=subject)
    assert made == hashlib.sha256(made_of.encode()).hexdigest()
