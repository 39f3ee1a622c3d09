"""Limits that a policy accepts: read and checked as exceptions are, and in force on their days only."""

from datetime import date
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.model.evidence import Outcome, Proof, Rights
from auditor.model.host import OsFamily
from auditor.model.policy import AcceptedLimit
from auditor.model.reading import Reading, SectionReading
from auditor.model.verdict import Limit
from auditor.policy.limits import accept_limits
from auditor.policy.load import parse_policy

_FILE = Path("policy.yml")
_TEXT = """\
name: x
settings: {exception_max_days: 30}
accepted_limits:
  - limit: walk-budget
    reason: Large stores
    owner: Ada
    approved_by: Grace
    ticket: CHG-1
    start: 2028-02-01
    end: 2028-02-29
    signatures: {owner: one, approved_by: two}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, _FILE, products=())
    return [str(problem) for problem in caught.value.problems]


def test_every_key_is_read() -> None:
    assert parse_policy(_TEXT, _FILE, products=()).accepted_limits == (
        AcceptedLimit(
            limit="walk-budget",
            reason="Large stores",
            owner="Ada",
            approved_by="Grace",
            ticket="CHG-1",
            start=date(2028, 2, 1),
            end=date(2028, 2, 29),
            signatures={"owner": "one", "approved_by": "two"},
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "Grace", "' ADA'", "policy.yml:7:5: limit 'walk-budget': who asks for it cannot grant it", id="one-person"
        ),
        pytest.param(
            "2028-02-01",
            "2028-01-01",
            "policy.yml:10:5: limit 'walk-budget' holds for 60 days; the policy allows 30 (exception_max_days)",
            id="too-long",
        ),
        pytest.param(
            "2028-02-01", "2028-03-01", "policy.yml:10:5: limit 'walk-budget' ends before it starts", id="backwards"
        ),
        pytest.param(
            "2028-02-01",
            "2028-02-30",
            "policy.yml:9:5: start: '2028-02-30' cannot be used: day is out of range for month",
            id="no-such-day",
        ),
        pytest.param(
            "signatures: {owner: one",
            "signatures: {ovner: one",
            "policy.yml:11:18: unknown key 'ovner' (did you mean 'owner'?)",
            id="a-signature-of-nobody",
        ),
    ],
)
def test_a_limit_that_cannot_be_accepted(old: str, new: str, expected: str) -> None:
    assert old in _TEXT
    assert faults(_TEXT.replace(old, new)) == [expected]


@pytest.mark.parametrize("key", ["approved_by", "start", "end"])
def test_a_limit_is_accepted_by_somebody_from_a_day_to_a_day(key: str) -> None:
    lines = [line for line in _TEXT.splitlines() if f" {key}:" not in line]
    assert faults("\n".join(lines) + "\n") == [f"policy.yml:4:5: accepted_limits.0: {key!r} is a required property"]


def test_a_limit_is_accepted_once() -> None:
    again = _TEXT.partition("accepted_limits:\n")[2]
    assert faults(_TEXT + again) == ["policy.yml:12:5: limit 'walk-budget' is accepted by an entry above"]


def test_settings_that_are_wrong_do_not_hide_what_else_is() -> None:
    assert [said.split(": ")[0] for said in faults(_TEXT.replace("30}", "x}").replace("Grace", "ada"))] == [
        "policy.yml:2:12",
        "policy.yml:7:5",
    ]


@pytest.mark.parametrize(
    ("day", "accepted"),
    [
        pytest.param(date(2028, 1, 31), False, id="the-day-before"),
        pytest.param(date(2028, 2, 1), True, id="the-first-day"),
        pytest.param(date(2028, 2, 29), True, id="the-last-day"),
        pytest.param(date(2028, 3, 1), False, id="the-day-after"),
    ],
)
def test_a_limit_is_accepted_on_its_days(day: date, accepted: bool) -> None:
    (record,) = parse_policy(_TEXT, _FILE, products=()).accepted_limits
    limit = Limit(id="walk-budget", text="t")
    section = SectionReading(
        id="software.portable",
        outcome=Outcome.PARTIAL,
        limits=(limit,),
        proof=Proof.HOST,
        reason="r",
        items=0,
        unread=(),
    )
    reading = Reading(os=OsFamily.LINUX, rights=Rights.ROOT, sections={section.id: section}, facts={})
    found = accept_limits(reading, [record], day)
    assert (found.sections[section.id].outcome is Outcome.COLLECTED) is accepted
