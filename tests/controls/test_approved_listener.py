from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.approved_listener import CONTROL
from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.policy import ListenScope
from auditor.model.sighting import Quote, Reachability
from auditor.model.verdict import Severity, Verdict
from auditor.policy.judge import judge
from tests.controls import cases

Make = Callable[..., Any]
_OUTSIDE = Breach(approval="support", term=Term.LISTEN, text="is for loopback only (listen.loopback_only)")


@pytest.fixture
def a_host(a_case: Callable[..., Case], a_section: Make, an_approval: Make) -> Callable[..., Case]:
    """Give a function that makes a host with an approval, whose sockets were seen."""

    def make(*exposures: Any, outcome: Outcome = Outcome.COLLECTED, **more: Any) -> Case:
        sections = (a_section("containers.docker"), a_section("sockets.ss", outcome, reason="half seen"))
        approvals = (an_approval(listen=ListenScope(ports=((5900, 5900), (5910, 5919)))),)
        return a_case(**{"sections": sections, "exposures": exposures, "approvals": approvals, **more})

    return make


def verdict(case: Case, exception: str | None = None) -> Verdict:
    return judge(CONTROL, case, lambda _control, _violation: exception).verdict


def test_a_socket_within_the_scope_passes(a_host: Make, an_exposure: Make) -> None:
    assert verdict(a_host(an_exposure(approval="support"))) is Verdict.PASS


def test_sockets_of_what_nobody_approved_are_left_to_other_controls(a_host: Make, an_exposure: Make) -> None:
    assert verdict(a_host(an_exposure(), an_exposure(product=None, port=22))) is Verdict.PASS


@pytest.mark.parametrize(
    ("reachability", "severity"),
    [
        (Reachability.FROM_ANYWHERE, Severity.HIGH),
        (Reachability.FROM_NETWORKS, Severity.HIGH),
        (Reachability.UNDECIDED, Severity.HIGH),
        (Reachability.BLOCKED, Severity.LOW),
        (Reachability.LOOPBACK_ONLY, Severity.LOW),
    ],
)
def test_a_socket_outside_of_the_scope_breaks_it_whoever_reaches_it(
    a_host: Make, an_exposure: Make, reachability: Reachability, severity: Severity
) -> None:
    case = a_host(an_exposure(breach=_OUTSIDE, reachability=reachability))
    (violation,) = CONTROL.assess(case).violations
    assert verdict(case) is Verdict.FAIL
    assert (violation.subject, violation.severity) == ("listener:tcp/5900", severity)
    assert violation.reason == (
        "x11vnc listens on 0.0.0.0:5900/tcp, outside of what was approved: approval 'support' is for loopback only "
        "(listen.loopback_only)."
    )
    assert violation.remediation == (
        "Bind x11vnc to 127.0.0.1 and ::1 in its settings, or on an approved port (5900, 5910-5919).",
        "If it has to listen there, have the owner of approval 'support' (Service desk) change `listen`.",
    )


def test_both_families_of_a_port_are_one_finding_of_the_graver(a_host: Make, an_exposure: Make) -> None:
    six = Quote(section="sockets.ss", quote="tcp LISTEN [::]:5900")
    case = a_host(
        an_exposure(breach=_OUTSIDE, reachability=Reachability.BLOCKED),
        an_exposure(breach=_OUTSIDE, address="::", family="ip6", proof=six),
    )
    (violation,) = CONTROL.assess(case).violations
    assert (violation.severity, len(violation.proof)) == (Severity.HIGH, 2)
    assert violation.reason.startswith("x11vnc listens on [::]:5900/tcp")


def test_a_suspicion_a_gap_and_an_exception(a_host: Make, an_exposure: Make) -> None:
    assert verdict(a_host(an_exposure(breach=_OUTSIDE, is_suspected=True))) is Verdict.UNKNOWN
    assert verdict(a_host(outcome=Outcome.PARTIAL)) is Verdict.UNKNOWN
    assert verdict(a_host(an_exposure(breach=_OUTSIDE), outcome=Outcome.PARTIAL)) is Verdict.FAIL
    assert verdict(a_host(an_exposure(breach=_OUTSIDE)), exception="EX-1") is Verdict.EXCEPTED


def test_without_an_approval_for_the_host_it_does_not_apply(a_host: Make) -> None:
    assert verdict(a_host(approvals=())) is Verdict.NOT_APPLICABLE


def _listens(**more: Any) -> Case:
    return cases.a_host({}, **{"approvals": (cases.an_approval(),), **more})


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _listens(exposures=(cases.an_exposure(breach=_OUTSIDE),)),
    Verdict.PASS: lambda: _listens(exposures=(cases.an_exposure(approval="support"),)),
    Verdict.UNKNOWN: lambda: _listens(blind=("sockets.ss",)),
    Verdict.NOT_APPLICABLE: lambda: _listens(approvals=()),
}
