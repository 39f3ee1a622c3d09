"""How long a violation may last: read from a policy, with every fault named in its place."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.model.verdict import Severity
from auditor.policy.load import parse_policy
from auditor.policy.terms import due_of

_START = datetime(2028, 2, 28, 12, tzinfo=UTC)
_FILE = Path("policy.yml")


def a_policy(due: str) -> str:
    return f"name: x\nsettings:\n  due: {due}\n"


def test_terms_are_read() -> None:
    policy = parse_policy(a_policy("{critical: 36h, high: 30d, low: 26w}"), _FILE, products=[])
    assert policy.settings.due == {
        Severity.CRITICAL: timedelta(hours=36),
        Severity.HIGH: timedelta(days=30),
        Severity.LOW: timedelta(weeks=26),
    }


def test_a_policy_that_names_none_sets_none() -> None:
    assert parse_policy("name: x\n", _FILE, products=[]).settings.due == {}


@pytest.mark.parametrize(
    ("due", "said"),
    [
        pytest.param("{high: 0d}", "due.high: '0d' cannot be used: it is no time at all", id="no-time"),
        pytest.param("{high: 99999d}", "due.high: '99999d' cannot be used: 10000d is the most", id="for-ever"),
        pytest.param(
            "{high: 91d, medium: 90d}",
            "due.high: '91d' is longer than the '90d' of medium: the graver is due first",
            id="the-graver-later",
        ),
        pytest.param(
            "{critical: 2w, low: 13d}",
            "due.critical: '2w' is longer than the '13d' of low: the graver is due first",
            id="over-a-severity-without-a-term",
        ),
    ],
)
def test_a_term_that_cannot_be_meant_is_refused(due: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(a_policy(due), _FILE, products=[])
    assert [problem.message for problem in caught.value.problems] == [said]
    assert {problem.line for problem in caught.value.problems} == {3}


@pytest.mark.parametrize("due", ["{urgent: 1d}", "{high: 30}", "{high: soon}", "30d", "[30d]", "{high: 1.5d}"])
def test_what_is_no_term_is_refused(due: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(a_policy(due), _FILE, products=[])
    assert len(caught.value.problems) == 1


def test_terms_of_one_length_are_no_fault() -> None:
    assert len(parse_policy(a_policy("{high: 7d, medium: 1w}"), _FILE, products=[]).settings.due) == 2


@pytest.mark.parametrize(
    ("severity", "due"),
    [
        pytest.param("high", datetime(2028, 3, 1, 12, tzinfo=UTC), id="over-a-leap-day"),
        pytest.param("low", None, id="none-set"),
        pytest.param("a word of another version", None, id="unknown"),
    ],
)
def test_a_term_runs_from_when_it_began(severity: str, due: datetime | None) -> None:
    assert due_of(_START, severity, {Severity.HIGH: timedelta(days=2)}) == due
