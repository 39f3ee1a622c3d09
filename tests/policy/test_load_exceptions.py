"""Exceptions files: what is read, and every fault at its place."""

from datetime import date
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.model.policy import ExceptionRecord, Settings
from auditor.policy.load_exceptions import Known, parse_exceptions

_FILE = Path("exceptions.yml")
_KNOWN = Known(
    controls=("complete_inventory", "exposed_listener", "unapproved_product"),
    products=("anydesk", "teamviewer"),
    settings=Settings(),
)
_EXCEPTION = """\
exceptions:
  - id: EX-1
    control: unapproved_product
    subject: product:anydesk
    hosts: [pc-17]
    reason: Until the contract ends
    requested_by: Ada
    approved_by: Grace
    start: 2027-01-01
    end: 2027-12-31
"""


def faults(text: str, known: Known = _KNOWN) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_exceptions(text, _FILE, known)
    return [str(problem) for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert old in _EXCEPTION
    return _EXCEPTION.replace(old, new)


def test_every_key_is_read() -> None:
    text = _EXCEPTION + (
        "    groups: [kiosks]\n    product: anydesk\n    compensating: ' by day only '\n    ticket: CHG-1\n"
        "    signatures:\n      requested_by: |\n        one\n        two\n      approved_by: three\n"
    )
    assert parse_exceptions(text, _FILE, _KNOWN) == (
        ExceptionRecord(
            id="EX-1",
            control="unapproved_product",
            hosts=("pc-17",),
            groups=("kiosks",),
            product="anydesk",
            subject="product:anydesk",
            reason="Until the contract ends",
            compensating="by day only",
            requested_by="Ada",
            approved_by="Grace",
            ticket="CHG-1",
            start=date(2027, 1, 1),
            end=date(2027, 12, 31),
            signatures={"requested_by": "one\ntwo\n", "approved_by": "three"},
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "unapproved_product",
            "unaproved_product",
            "exceptions.yml:3:5: unknown control 'unaproved_product' (did you mean 'unapproved_product'?)",
            id="control",
        ),
        pytest.param(
            "subject: product:anydesk",
            "product: any-desk",
            "exceptions.yml:4:5: unknown product 'any-desk' (did you mean 'anydesk'?)",
            id="product",
        ),
        pytest.param(
            "product:anydesk",
            "anydesk",
            "exceptions.yml:4:5: exceptions.0.subject: 'anydesk' does not fit: a subject as findings name it, "
            "such as product:anydesk, listener:tcp/5900 or evidence",
            id="subject",
        ),
        pytest.param(
            "hosts: [pc-17]",
            "hosts: []",
            "exceptions.yml:2:5: exception 'EX-1' names no hosts and no groups: hosts: ['*'] is every host",
            id="no-hosts",
        ),
        pytest.param(
            "Grace", "' ada '", "exceptions.yml:8:5: exception 'EX-1': who asks for it cannot grant it", id="one-person"
        ),
        pytest.param(
            "Ada\n    approved_by: Grace",
            "Zoë  Lovelace\n    approved_by: zoe\u0308 LOVELACE",
            "exceptions.yml:8:5: exception 'EX-1': who asks for it cannot grant it",
            id="one-person-written-in-two-ways",
        ),
        pytest.param(
            "2027-12-31", "2026-12-31", "exceptions.yml:10:5: exception 'EX-1' ends before it starts", id="backwards"
        ),
        pytest.param(
            "2027-12-31",
            "2028-01-01",
            "exceptions.yml:10:5: exception 'EX-1' holds for 366 days; the policy allows 365 (exception_max_days)",
            id="too-long",
        ),
        pytest.param(
            "    end: 2027-12-31\n",
            "",
            "exceptions.yml:2:5: exceptions.0: 'end' is a required property",
            id="without-an-end",
        ),
        pytest.param(
            "    end: 2027-12-31\n",
            "    end: 2027-12-31\n    signatures: {granted_by: x}\n",
            "exceptions.yml:11:18: unknown key 'granted_by' (did you mean 'requested_by'?)",
            id="a-signature-of-a-third-person",
        ),
    ],
)
def test_an_exception_that_cannot_be_granted(old: str, new: str, expected: str) -> None:
    assert faults(changed(old, new)) == [expected]


_IS_NO_DAY = "exceptions.yml:10:5: exceptions.0.end: {} does not fit: a day such as 2027-03-31 (UTC)"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("2027-1-1", "'2027-1-1'", id="without-zeros"),
        pytest.param("20271231", "20271231", id="a-number"),
        pytest.param("2_027", "2027", id="a-number-with-a-blank"),
        pytest.param("2027-12-31 10:00:00", "'2027-12-31 10:00:00'", id="an-instant"),
        pytest.param("2027-12-31T10:00:00Z", "'2027-12-31T10:00:00Z'", id="an-instant-in-utc"),
        pytest.param("2027-12-31T23:30:00-05:00", "'2027-12-31T23:30:00-05:00'", id="an-instant-elsewhere"),
        pytest.param("20:27:12", "73632", id="sexagesimal"),
        pytest.param("2027-W52-5", "'2027-W52-5'", id="a-day-of-a-week"),
        pytest.param("'20271231'", "'20271231'", id="digits-in-quotes"),
        pytest.param("31.12.2027", "'31.12.2027'", id="another-order"),
        pytest.param("12/31/2027", "'12/31/2027'", id="yet-another-order"),
        pytest.param("\u0662\u0660\u0662\u0667-12-31", "'\u0662\u0660\u0662\u0667-12-31'", id="other-digits"),
        pytest.param("never", "'never'", id="never"),
        pytest.param("~", "None", id="nothing"),
        pytest.param(".inf", "inf", id="infinity"),
        pytest.param("[2027-12-31]", "['2027-12-31']", id="a-list"),
    ],
)
def test_what_yaml_makes_of_a_date_is_no_day(written: str, said: str) -> None:
    assert faults(changed("2027-12-31", written)) == [_IS_NO_DAY.format(said)]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        pytest.param("2027-02-30", "day is out of range for month", id="february"),
        pytest.param("2027-02-29", "day is out of range for month", id="no-leap-year"),
        pytest.param("2100-02-29", "day is out of range for month", id="no-leap-century"),
        pytest.param("2027-13-01", "month must be in 1..12", id="month"),
        pytest.param("0000-01-01", "year 0 is out of range", id="year"),
    ],
)
def test_a_day_that_no_calendar_has(written: str, why: str) -> None:
    assert faults(changed("2027-12-31", written)) == [f"exceptions.yml:10:5: end: '{written}' cannot be used: {why}"]


def test_a_day_with_a_line_end_is_no_day() -> None:
    (said,) = faults(changed("end: 2027-12-31\n", "end: |\n      2027-12-31\n"))
    assert said.startswith("exceptions.yml:10:5: end: '2027-12-31\\n' cannot be used")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quoted_days_are_days(quote: str) -> None:
    (record,) = parse_exceptions(changed("2027-12-31", f"{quote}2027-12-31{quote}"), _FILE, _KNOWN)
    assert record.end == date(2027, 12, 31)


@pytest.mark.parametrize(
    ("start", "end", "most", "holds"),
    [
        pytest.param("2028-02-29", "2028-02-29", 1, True, id="a-leap-day-alone"),
        pytest.param("2028-01-01", "2028-12-31", 365, False, id="a-leap-year-has-366-days"),
        pytest.param("2028-01-01", "2028-12-30", 365, True, id="and-365-of-them-are-allowed"),
        pytest.param("2027-01-01", "2027-12-31", 365, True, id="a-year-has-365"),
        pytest.param("2027-03-28", "2027-03-28", 1, True, id="a-day-of-23-hours"),
        pytest.param("0001-01-01", "9999-12-31", 365, False, id="all-days-there-are"),
    ],
)
def test_how_many_days_an_exception_may_hold(start: str, end: str, most: int, holds: bool) -> None:
    text = changed("2027-01-01", start).replace("2027-12-31", end)
    known = Known(controls=_KNOWN.controls, products=_KNOWN.products, settings=Settings(exception_max_days=most))
    if holds:
        assert parse_exceptions(text, _FILE, known)
    else:
        assert "the policy allows" in faults(text, known)[0]


def test_all_faults_are_named_at_once() -> None:
    text = changed("unapproved_product", "nothing").replace("[pc-17]", "pc-17").replace("2027-12-31", "2027-1-1")
    assert [said.split(": ")[0] for said in faults(text + _EXCEPTION.partition("\n")[2])] == [
        "exceptions.yml:3:5",
        "exceptions.yml:5:5",
        "exceptions.yml:10:5",
        "exceptions.yml:11:5",
    ]
