"""Examples of the documentation, loaded by the real loader; and its tables, held against the schema."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import PolicyError
from auditor.model.finding import FindingState
from auditor.model.policy import Settings
from auditor.model.standing import Standing
from auditor.policy.exception_register import ExceptionState
from auditor.policy.load import parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.load_people import parse_people
from auditor.policy.locate import bundled
from auditor.policy.standing import weigh, weigh_limits
from auditor.report.changes import Cause, Change
from auditor.trust.people import Duty
from auditor.trust.sshsig import Namespace

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_TEXT, _TRUST = ((_DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("policy", "trust"))
_POLICY, _EXCEPTIONS = (block.removeprefix("yaml\n") for block in _TEXT.split("```")[1::2] if block.startswith("yaml"))
_PEOPLE, _DUTIES = (block.removeprefix("yaml\n") for block in _TRUST.split("```")[1::2] if block.startswith("yaml"))
_PRODUCTS = ("anydesk", "teamviewer", "tigervnc")


def test_every_example_is_right() -> None:
    policy = parse_policy(_POLICY, Path("policy.yml"), products=_PRODUCTS)
    assert [approval.id for approval in policy.approvals] == ["helpdesk-teamviewer", "lab-tigervnc"]
    known = Known(controls=("unapproved_product",), products=_PRODUCTS, settings=policy.settings)
    records = parse_exceptions(_EXCEPTIONS, Path("exceptions.yml"), known)
    assert [record.id for record in records] == ["EX-2027-001"]


def test_the_exception_shown_is_signed_by_the_people_shown() -> None:
    people, strict = (parse_people(text, Path("people.yml")) for text in (_PEOPLE, _DUTIES))
    known = Known(controls=("unapproved_product",), products=_PRODUCTS, settings=Settings())
    records = parse_exceptions(_EXCEPTIONS, Path("exceptions.yml"), known)
    for those in (people, strict):
        (weighed,) = weigh(records, those, Settings(), date(2027, 3, 31))
        assert (weighed.standing, weighed.why) == (Standing.VERIFIED, None)
    policy = parse_policy(_POLICY, Path("policy.yml"), products=_PRODUCTS)
    (limit,) = weigh_limits(policy.accepted_limits, people, policy.settings, date(2027, 3, 31))
    assert (limit.standing, limit.why) == (Standing.VERIFIED, None)


def test_every_duty_is_explained() -> None:
    told = _TRUST.partition("| duty | is to |")[2]
    assert [duty.value for duty in Duty if f"`{duty}`" not in told] == []


def test_what_a_signature_is_worth_is_explained() -> None:
    assert [word.value for word in Standing if f"| `{word.value}` |" not in _TRUST] == []
    assert [state.value for state in ExceptionState if f"`{state.value}`" not in _TRUST] == []
    assert [purpose.value for purpose in Namespace if f"`{purpose.value}`" not in _TRUST] == []


def test_the_error_shown_is_the_error_given() -> None:
    text = _POLICY.replace("product: teamviewer", "product: any-desk")
    with pytest.raises(PolicyError, match=r"unknown product 'any-desk' \(did you mean 'anydesk'\?\)"):
        parse_policy(text, Path("policy.yml"), products=_PRODUCTS)


def keys(schema: dict[str, Any]) -> set[str]:
    """Collect every key that a schema knows."""
    found: set[str] = set()
    for value in schema.values():
        if isinstance(value, dict):
            found |= set(value.get("properties", ())) | keys(value)
    return found | set(schema.get("properties", ()))


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("policy.schema.json", _POLICY),
        ("exceptions.schema.json", _EXCEPTIONS),
        ("people.schema.json", _PEOPLE + _DUTIES),
    ],
)
def test_every_key_of_the_schema_is_shown_in_an_example(name: str, example: str) -> None:
    schema = json.loads(bundled(name).read_text(encoding="utf-8"))
    # The examples show either of two keys that mean the same kind of thing.
    shown = example + ("groups:" if name.startswith("exceptions") else "")
    assert sorted(key for key in keys(schema) if f"{key}:" not in shown) == []


def test_every_setting_and_state_is_explained() -> None:
    settings = [name for name in Settings.__struct_fields__ if name != "installers"]
    assert [name for name in settings if f"| `{name}` |" not in _TEXT] == []
    assert [state.value for state in FindingState if f"| `{state.value}` |" not in _TEXT] == []


def test_every_change_between_runs_and_its_cause_is_explained() -> None:
    assert [word.value for word in (*Change, *Cause) if f"| `{word.value}` |" not in _TEXT] == []
