"""The rules of a run, from the texts that are sealed: what is not signed is not in force."""

from datetime import datetime
from pathlib import Path

import pytest
import yaml

from auditor.catalogue.load import load_catalogue
from auditor.errors import PolicyError
from auditor.model.standing import Standing
from auditor.run.pipeline import Rules
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from tests.policy.signed import an_entry, people_text

_LIMIT = {"limit": "walk-budget", "reason": "r", "owner": "Ada Lovelace"} | {
    "approved_by": "Grace Hopper",
    "start": "2027-01-01",
    "end": "2027-12-31",
}


def ruled(*, unsigned: str = "refuse", people: str | None = None, when: str = "2027-03-31T12:00:00+00:00") -> Rules:
    policy = {"name": "x", "settings": {"unsigned_exceptions": unsigned}, "accepted_limits": [_LIMIT]}
    files = RuleFiles(
        policy=RuleFile(text=yaml.safe_dump(policy), file=Path("policy.yml")),
        exceptions=RuleFile(text=yaml.safe_dump({"exceptions": [an_entry()]}), file=Path("exceptions.yml")),
        people=None if people is None else RuleFile(text=people, file=Path("people.yml")),
    )
    return rules_of(files, load_catalogue(), datetime.fromisoformat(when))


@pytest.mark.parametrize("people", [None, people_text()])
def test_what_is_not_signed_is_known_and_not_in_force(people: str | None) -> None:
    rules = ruled(people=people)
    assert [one.standing for one in rules.exceptions] == [Standing.VOID]
    assert [one.standing for one in rules.limits] == [Standing.VOID]
    assert rules.policy.accepted_limits == ()


def test_what_the_policy_admits_is_in_force() -> None:
    rules = ruled(unsigned="admit")
    assert [one.standing for one in rules.exceptions] == [Standing.ASSERTED]
    assert [one.limit for one in rules.policy.accepted_limits] == ["walk-budget"]
    # The policy is still the one whose text is sealed.
    assert rules.policy.sha256 == ruled(unsigned="admit", people=people_text()).policy.sha256


def test_a_people_file_that_is_wrong_stops_the_run() -> None:
    with pytest.raises(PolicyError, match=r"people\.yml:1:1"):
        ruled(people="persons: []\n")
