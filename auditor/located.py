"""YAML documents that remember their places, so that an error can name file, line and column."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from auditor.errors import Problem, did_you_mean
from auditor.model.record import Record, Unshown

if TYPE_CHECKING:
    import jsonschema

Key = tuple[str | int, ...]


class Document(Record, kw_only=True):
    """Plain data from one YAML file, and where each value stands."""

    file: Path
    """The file it came from."""
    data: Any
    """Mappings, lists, strings, numbers, booleans, dates, None."""
    places: Unshown[Mapping[Key, tuple[int, int]]]
    """Path of keys and indexes to line and column, both from 1."""

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """Say what is wrong with the value at a path; the nearest known parent gives the place."""
        key = tuple(path)
        while key and key not in self.places:
            key = key[:-1]
        line, column = self.places.get(key, (1, 1))
        return Problem(message=message, file=self.file, line=line, column=column)


class _TextDates(yaml.CSafeLoader):
    """A safe loader that leaves dates as they are written."""

    yaml_implicit_resolvers = {  # noqa: RUF012 — PyYAML's own name and kind
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def read_document(text: str, file: Path, *, dates_as_text: bool = False) -> Document | Problem:
    """Read one YAML document; a syntax error, a repeated key or an alias bomb comes back as a Problem.

    With ``dates_as_text`` a date stays the text that was written, for readers that name its place when it is
    no day of the calendar.
    """
    try:
        _check_depth(text)
        loader = (_TextDates if dates_as_text else yaml.CSafeLoader)(text)
        node = loader.get_single_node()
        places: dict[Key, tuple[int, int]] = {}
        repeated = _note_places(node, (), places)
        if repeated is not None:
            return Problem(
                message=f"key {repeated.value!r} stands twice in the same mapping",
                file=file,
                line=repeated.start_mark.line + 1,
                column=repeated.start_mark.column + 1,
            )
        data = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return Problem(
            message=f"not YAML: {error.problem}",
            file=file,
            line=None if mark is None else mark.line + 1,
            column=None if mark is None else mark.column + 1,
        )
    except (yaml.YAMLError, ValueError) as error:
        return Problem(message=f"not YAML: {' '.join(str(error).split())}", file=file)
    return Document(file=file, data=data, places=places)


_NODE_LIMIT = 2_000_000
_DEPTH_LIMIT = 100


def _check_depth(text: str) -> None:
    """Refuse what is nested so deeply that libyaml's callers, which recurse, would overflow the stack."""
    # Each level takes a bracket, or at least a column of its line: most texts need no second look.
    if text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0) <= _DEPTH_LIMIT:
        return
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_LIMIT:
                where = "" if event.start_mark is None else f", at line {event.start_mark.line + 1}"
                raise ValueError(f"nested more than {_DEPTH_LIMIT} levels deep{where}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _note_places(node: yaml.Node | None, path: Key, places: dict[Key, tuple[int, int]]) -> yaml.Node | None:
    """Note the place of every value; return the first repeated key, if there is one."""
    if node is None:
        return None
    if len(places) > _NODE_LIMIT or len(path) > _DEPTH_LIMIT:
        raise ValueError("too many values or levels (aliases that multiply, or stand inside themselves?)")
    places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            name = str(key_node.value)
            if name in seen:
                return key_node  # type: ignore[no-any-return]
            seen.add(name)
            repeated = _note_places(value_node, (*path, name), places)
            if repeated is not None:
                return repeated
            # An error about an entry points at its key, which is what a reader looks for.
            places[*path, name] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            repeated = _note_places(child, (*path, index), places)
            if repeated is not None:
                return repeated
    return None


_DEFINED = "#/$defs/"


def without_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with definitions in place of references to them: to follow one takes longer than most checks.

    What stands beside a reference must be a description, which checks nothing. A definition that holds itself stays
    one.
    """
    definitions = schema.get("$defs", {})

    def resolved(part: Any, within: tuple[str, ...]) -> Any:  # noqa: ANN401 — whatever JSON holds
        if isinstance(part, list):
            return [resolved(one, within) for one in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix(_DEFINED)
        if name in definitions and name not in within and part.keys() <= {"$ref", "description"}:
            return resolved(definitions[name], (*within, name))
        return {key: resolved(value, within) for key, value in part.items()}

    return {key: value if key == "$defs" else resolved(value, ()) for key, value in schema.items()}


def schema_problems(document: Document, schema: Mapping[str, Any]) -> list[Problem]:
    """Check a document against a JSON Schema and return every problem, in the order of the file."""
    import jsonschema  # noqa: PLC0415 — a tenth of the start of every command that checks nothing

    validator = jsonschema.Draft202012Validator(schema)
    found = [
        document.problem(place, sentence)
        for error in validator.iter_errors(document.data)
        for place, sentence in _faults(error)
    ]
    return sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0, problem.message))


def _faults(error: "jsonschema.ValidationError") -> list[tuple[list[str | int], str]]:
    """Say a schema error in the operator's words, with its place; each unknown key is a fault of its own."""
    path = list(error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return [([*path, key], f"unknown key {key!r}{did_you_mean(str(key), known)}") for key in unknown]
    name = ".".join(str(part) for part in path) or "document"
    if error.validator == "enum":
        choices = [str(choice) for choice in list(error.validator_value)]  # type: ignore[arg-type]
        hint = did_you_mean(str(error.instance), choices)
        return [(path, f"{name}: {error.instance!r} is none of {', '.join(choices)}{hint}")]
    is_opaque = error.validator in _OPAQUE or (error.validator == "type" and "pattern" in schema)
    if is_opaque and "description" in schema:
        # A pattern or a list of alternatives says nothing to who wrote the file; the schema's sentence does.
        return [(path, f"{name}: {error.instance!r} does not fit: {schema['description']}")]
    return [(path, f"{name}: {error.message}")]


_OPAQUE = frozenset({"anyOf", "format", "oneOf", "pattern"})
