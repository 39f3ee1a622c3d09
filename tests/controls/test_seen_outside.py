"""What others recorded of a host is held against what the host shows itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from auditor.controls.seen_outside import CONTROL, unlooked
from auditor.model.case import Case
from auditor.model.outside import Certainty, Origin, OutsideSighting, OutsideUse, Side, Sign
from auditor.model.record import replace
from auditor.model.verdict import Severity, Verdict
from auditor.policy.judge import judge
from auditor.policy.judge import unlooked as unlooked_verdict
from tests.controls.cases import NOW, a_host


def a_use(strength: Certainty = Certainty.CONFIRMED, **more: Any) -> OutsideUse:
    seen = OutsideSighting(
        origin=Origin.FLOW,
        source="zeek_conn",
        device="192.0.2.7",
        host="web1",
        product=more.pop("product", "anydesk"),
        signs=(Sign.TLS_SERVER_NAME, Sign.PORT),
        strength=strength,
        side=Side.CONNECTS,
        destination="203.0.113.9",
        port=6568,
        protocol="tcp",
        first_seen=NOW - timedelta(days=2),
        last_seen=NOW - timedelta(days=1),
        count=3,
        suppressed_by=more.pop("suppressed_by", None),
        proof="192.0.2.7 -> 203.0.113.9:6568/tcp",
    )
    return OutsideUse(sighting=seen, name="AnyDesk", **more)


def a_seen_host(*uses: OutsideUse) -> Case:
    return replace(a_host({}), outside=uses)


@pytest.mark.parametrize(
    ("uses", "verdict"),
    [
        pytest.param((), Verdict.PASS, id="records show nothing of it"),
        pytest.param((a_use(),), Verdict.FAIL, id="a product that the host does not show"),
        pytest.param((a_use(Certainty.SUSPECTED),), Verdict.UNKNOWN, id="a port alone"),
        pytest.param((a_use(Certainty.SUSPECTED), a_use()), Verdict.FAIL, id="one of several is sure"),
        pytest.param((a_use(approval="helpdesk"),), Verdict.PASS, id="approved"),
        pytest.param((a_use(on_host="anydesk"),), Verdict.PASS, id="the host shows it too: another control's finding"),
        pytest.param((a_use(suppressed_by="nightly"),), Verdict.PASS, id="suppressed"),
    ],
)
def test_records_of_a_host_that_answered_give(uses: tuple[OutsideUse, ...], verdict: Verdict) -> None:
    assert judge(CONTROL, a_seen_host(*uses), lambda _control, _violation: None).verdict is verdict


def test_a_violation_says_what_when_and_how_sure() -> None:
    (violation,) = judge(CONTROL, a_seen_host(a_use(), a_use()), lambda _control, _violation: None).violations
    assert violation.subject == "product:anydesk"
    assert violation.severity is Severity.HIGH
    assert violation.reason == (
        "Records from outside show AnyDesk here, from 2026-11-19 12:00:00 to 2026-11-20 12:00:00 UTC, and nothing that "
        "the host answered shows AnyDesk."
    )
    assert [quote.section for quote in violation.proof] == ["outside.flow", "outside.flow"]


def test_a_device_that_nobody_looked_at_fails_however_little_its_records_say() -> None:
    uses = (a_use(Certainty.SUSPECTED), a_use(approval="helpdesk", product="teamviewer"))
    violations = unlooked(uses, is_inventoried=False)
    assert [(one.product, one.severity) for one in violations] == [("anydesk", Severity.MEDIUM)]
    assert "no host of the inventory is known to have it" in violations[0].reason
    assert "the audit did not reach it" in unlooked(uses, is_inventoried=True)[0].reason
    failed = unlooked_verdict(CONTROL, violations, lambda _control, _violation: None, "not assessed: refused")
    assert (failed.verdict, failed.gaps[0].reason) == (Verdict.FAIL, "not assessed: refused")
    excused = unlooked_verdict(CONTROL, violations, lambda _control, _violation: "EX-1", "not assessed: refused")
    assert (excused.verdict, excused.violations[0].exception) == (Verdict.UNKNOWN, "EX-1")
    assert unlooked_verdict(CONTROL, (), lambda _control, _violation: None, "x").verdict is Verdict.UNKNOWN


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: a_seen_host(a_use()),
    Verdict.PASS: a_seen_host,
    Verdict.UNKNOWN: lambda: a_seen_host(a_use(Certainty.SUSPECTED)),
    Verdict.NOT_APPLICABLE: lambda: replace(a_host({}), outside=None),
}
