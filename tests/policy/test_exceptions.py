"""Which exception covers a violation: a table of claims."""

from datetime import UTC, date, datetime

import pytest

from auditor.model.host import HostFacts
from auditor.model.policy import ExceptionRecord
from auditor.model.record import replace
from auditor.model.standing import Standing, WeighedException
from auditor.model.verdict import Violation
from auditor.policy.exceptions import exception_for

_TODAY = date(2026, 11, 21)
_HOST = HostFacts(name="pc-17", key="pc-17", groups=("office", "pcs"))
_VIOLATION = Violation(subject="product:anydesk", reason="r", proof=(), remediation=(), product="anydesk")


def an_exception(**changes: object) -> ExceptionRecord:
    plain = ExceptionRecord(
        id="e",
        control="unapproved_product",
        hosts=("pc-*",),
        subject="product:anydesk",
        reason="r",
        requested_by="ada",
        approved_by="grace",
        start=date(2026, 11, 1),
        end=date(2026, 11, 30),
    )
    return replace(plain, **changes)


def covering(*records: ExceptionRecord, day: date = _TODAY, standing: Standing = Standing.VERIFIED) -> str | None:
    weighed = [WeighedException(record=record, standing=standing) for record in records]
    found = exception_for("unapproved_product", _HOST, _VIOLATION, weighed, day)
    return None if found is None else found.id


@pytest.mark.parametrize(
    ("record", "day", "expected"),
    [
        pytest.param(an_exception(), date(2026, 11, 1), True, id="first-day"),
        pytest.param(an_exception(), date(2026, 11, 30), True, id="last-day"),
        pytest.param(an_exception(), date(2026, 12, 1), False, id="the-day-after"),
        pytest.param(an_exception(), date(2026, 10, 31), False, id="the-day-before"),
        pytest.param(an_exception(subject=None), _TODAY, True, id="every-subject"),
        pytest.param(an_exception(subject="product:anydesk/acme"), _TODAY, False, id="another-subject"),
        pytest.param(an_exception(subject=None, product="anydesk"), _TODAY, True, id="product"),
        pytest.param(an_exception(subject=None, product="teamviewer"), _TODAY, False, id="another-product"),
        pytest.param(an_exception(product="teamviewer"), _TODAY, False, id="subject-and-another-product"),
        pytest.param(an_exception(control="exposed_listener"), _TODAY, False, id="another-control"),
        pytest.param(an_exception(hosts=("srv-*",)), _TODAY, False, id="other-hosts"),
        pytest.param(an_exception(hosts=(), groups=("office",)), _TODAY, True, id="group"),
    ],
)
def test_an_exception_covers_what_it_names_while_it_holds(record: ExceptionRecord, day: date, expected: bool) -> None:
    assert covering(record, day=day) == ("e" if expected else None)


@pytest.mark.parametrize(
    ("standing", "expected"), [(Standing.VERIFIED, "e"), (Standing.ASSERTED, "e"), (Standing.VOID, None)]
)
def test_an_exception_whose_signatures_do_not_hold_covers_nothing(standing: Standing, expected: str | None) -> None:
    assert covering(an_exception(), standing=standing) == expected


def test_of_several_exceptions_the_longest_is_named_and_verified_ones_before_others() -> None:
    short, long = an_exception(id="short"), an_exception(id="long", end=date(2027, 1, 1))
    assert covering(long, short) == covering(short, long) == "long"
    weighed = [
        WeighedException(record=long, standing=Standing.ASSERTED),
        WeighedException(record=short, standing=Standing.VERIFIED),
    ]
    found = exception_for("unapproved_product", _HOST, _VIOLATION, weighed, _TODAY)
    assert found is short


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        pytest.param("2026-11-30T23:59:59Z", True, id="the-last-second-utc"),
        pytest.param("2026-12-01T00:00:00Z", False, id="the-first-second-after"),
        pytest.param("2026-12-01T00:30:00+01:00", True, id="east-of-utc-it-is-tomorrow-already"),
        pytest.param("2026-11-30T19:30:00-05:00", False, id="west-of-utc-it-is-still-today"),
        # Berlin's clocks go from +02:00 to +01:00 in the night of October 25: half past two is there twice.
        pytest.param("2026-11-01T01:30:00+02:00", False, id="before-the-first-day-in-summer-time"),
        pytest.param("2026-11-01T01:30:00+01:00", True, id="on-the-first-day-in-winter-time"),
    ],
)
def test_days_are_those_of_utc_wherever_the_instant_was_written(instant: str, expected: bool) -> None:
    day = datetime.fromisoformat(instant).astimezone(UTC).date()
    assert covering(an_exception(), day=day) == ("e" if expected else None)


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2028, 2, 28), True), (date(2028, 2, 29), True), (date(2028, 3, 1), False)]
)
def test_a_leap_day_is_a_day(day: date, expected: bool) -> None:
    record = an_exception(start=date(2028, 2, 1), end=date(2028, 2, 29))
    assert covering(record, day=day) == ("e" if expected else None)
