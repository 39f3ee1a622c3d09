"""Examples of the documentation, loaded by the real loader; and its tables, held against the schema."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import PolicyError
from auditor.model.finding import FindingState
from auditor.model.policy import Settings
from auditor.policy.load import parse_exceptions, parse_policy
from auditor.policy.locate import bundled

_TEXT = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
_POLICY, _EXCEPTIONS = (block.removeprefix("yaml\n") for block in _TEXT.split("```")[1::2] if block.startswith("yaml"))
_PRODUCTS = ("anydesk", "teamviewer", "tigervnc")


def test_every_example_is_right() -> None:
    policy = parse_policy(_POLICY, Path("policy.yml"), products=_PRODUCTS)
    assert [approval.id for approval in policy.approvals] == ["helpdesk-teamviewer", "lab-tigervnc"]
    records = parse_exceptions(
        _EXCEPTIONS, Path("exceptions.yml"), controls=("unapproved_product",), settings=policy.settings
    )
    assert [record.id for record in records] == ["EX-2027-001"]


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
    ("name", "example"), [("policy.schema.json", _POLICY), ("exceptions.schema.json", _EXCEPTIONS)]
)
def test_every_key_of_the_schema_is_shown_in_an_example(name: str, example: str) -> None:
    schema = json.loads(bundled(name).read_text(encoding="utf-8"))
    # The examples show either of two keys that mean the same kind of thing.
    shown = example + ("groups:" if name.startswith("exceptions") else "")
    assert sorted(key for key in keys(schema) if f"{key}:" not in shown) == []


def test_every_setting_and_state_is_explained() -> None:
    settings = [name for name in Settings.__slots__ if name != "installers"]
    assert [name for name in settings if f"| `{name}` |" not in _TEXT] == []
    assert [state.value for state in FindingState if f"| `{state.value}` |" not in _TEXT] == []
