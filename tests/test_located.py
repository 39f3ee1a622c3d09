"""YAML documents with places: what is refused, and where it is said to stand."""

from datetime import date
from pathlib import Path

import pytest

from auditor.errors import Problem
from auditor.located import Document, read_document, schema_problems, without_references

_FILE = Path("f.yml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[" * 100_000, "f.yml: not YAML: nested more than 100 levels deep, at line 1", id="brackets"),
        pytest.param("- " * 500 + "a", "f.yml: not YAML: nested more than 100 levels deep, at line 1", id="dashes"),
        pytest.param(
            "&a [*a]",
            "f.yml: not YAML: too many values or levels (aliases that multiply, or stand inside themselves?)",
            id="an-alias-inside-itself",
        ),
        pytest.param("a: 1\na: 2", "f.yml:2:1: key 'a' stands twice in the same mapping", id="repeated-key"),
        pytest.param("a: 2027-02-30", "f.yml: not YAML: day is out of range for month", id="no-such-day"),
        pytest.param("a: !!python/name:os.system", "f.yml:1:4: not YAML: could not determine a constructor", id="code"),
    ],
)
def test_what_is_no_document_is_a_problem(text: str, expected: str) -> None:
    found = read_document(text, _FILE)
    assert isinstance(found, Problem)
    assert str(found).startswith(expected)


def test_dates_may_stay_as_they_are_written() -> None:
    plain, text = read_document("a: 2027-03-31", _FILE), read_document("a: 2027-03-31", _FILE, dates_as_text=True)
    assert isinstance(plain, Document)
    assert isinstance(text, Document)
    assert (plain.data, text.data) == ({"a": date(2027, 3, 31)}, {"a": "2027-03-31"})


def test_each_unknown_key_is_a_problem_at_its_own_place() -> None:
    document = read_document("name: x\nnmae: y\nzzz: 1\n", _FILE)
    assert isinstance(document, Document)
    schema = {"properties": {"name": {}}, "additionalProperties": False}
    assert [str(problem) for problem in schema_problems(document, schema)] == [
        "f.yml:2:1: unknown key 'nmae' (did you mean 'name'?)",
        "f.yml:3:1: unknown key 'zzz'",
    ]


def test_a_pattern_is_explained_by_its_description() -> None:
    document = read_document("a: x", _FILE)
    assert isinstance(document, Document)
    schema = {"properties": {"a": {"pattern": "^[0-9]+$", "description": "a number"}}}
    assert [str(problem) for problem in schema_problems(document, schema)] == [
        "f.yml:1:1: a: 'x' does not fit: a number"
    ]


_TEXT = {"type": "string", "pattern": "^[0-9]+$", "description": "a number"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({"a": {"$ref": "#/$defs/text"}}, {"a": _TEXT}, id="alone"),
        pytest.param({"a": {"$ref": "#/$defs/text", "description": "b"}}, {"a": _TEXT}, id="with-words-of-its-own"),
        pytest.param({"a": [{"$ref": "#/$defs/list"}]}, {"a": [{"items": _TEXT}]}, id="through-another"),
        pytest.param(
            {"a": {"$ref": "#/$defs/text", "maxLength": 2}},
            {"a": {"$ref": "#/$defs/text", "maxLength": 2}},
            id="a-further-check-beside-it",
        ),
        pytest.param(
            {"a": {"$ref": "#/$defs/tree"}}, {"a": {"items": {"$ref": "#/$defs/tree"}}}, id="what-holds-itself"
        ),
        pytest.param({"a": {"$ref": "other.json"}}, {"a": {"$ref": "other.json"}}, id="of-another-file"),
    ],
)
def test_a_definition_stands_where_it_was_referred_to(schema: dict[str, object], expected: dict[str, object]) -> None:
    definitions = {
        "text": _TEXT,
        "list": {"items": {"$ref": "#/$defs/text"}},
        "tree": {"items": {"$ref": "#/$defs/tree"}},
    }
    assert without_references({**schema, "$defs": definitions}) == {**expected, "$defs": definitions}


def test_a_fault_is_said_alike_with_references_and_without() -> None:
    document = read_document("a: x\nb: [1, y]\n", _FILE)
    assert isinstance(document, Document)
    schema = {
        "properties": {"a": {"$ref": "#/$defs/text", "description": "b"}, "b": {"items": {"$ref": "#/$defs/text"}}},
        "$defs": {"text": _TEXT},
    }
    said = [str(problem) for problem in schema_problems(document, schema)]
    assert said
    assert [str(problem) for problem in schema_problems(document, without_references(schema))] == said
