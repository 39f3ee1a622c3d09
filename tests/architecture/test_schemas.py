"""Our JSON Schemas are valid."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = sorted(
    path.relative_to(_ROOT)
    for folder in ("auditor", "policies")
    for path in (_ROOT / folder).rglob("*.json")
    if path.name.endswith(("schema.json", ".schema.json"))
)


def _nodes(schema: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield place, schema
        for key, value in schema.items():
            yield from _nodes(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _nodes(value, f"{place}/{index}")


@pytest.mark.parametrize("path", [pytest.param(path, id=path.as_posix()) for path in _SCHEMAS])
def test_schema_is_valid(path: Path) -> None:
    schema = json.loads((_ROOT / path).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.as_posix()) for path in _SCHEMAS])
def test_references_inside_a_schema_lead_somewhere(path: Path) -> None:
    schema = json.loads((_ROOT / path).read_text(encoding="utf-8"))
    places = {place for place, _ in _nodes(schema)}
    references = [node["$ref"] for _, node in _nodes(schema) if isinstance(node.get("$ref"), str)]
    assert [reference for reference in references if reference.removeprefix("#") not in places] == []
