"""Rows in which every text that is not ours says one thing, made from the schema: a field more is covered at once."""

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from auditor.model.record import replace
from auditor.report.changes import Changes
from auditor.report.results_json import schema
from auditor.report.rows import Row, compact
from auditor.report.run_rows import RunRows

_SCHEMA = schema()
_VALIDATOR = Draft202012Validator(_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
_DAY, _INSTANT = "2026-11-20", "2026-11-20T06:30:00Z"
_CHOICES = 6
"""Hosts: enough that every word of every list of words is said by one."""


class Said:
    """Rows in which somebody says a text everywhere."""

    def __init__(self, text: str, controls: Mapping[str, Row]) -> None:
        self.text = text
        self._controls = controls

    def made(self, node: Any, path: str, number: int) -> Any:
        """Return a value that a part of the schema admits, everything in it present."""
        while "$ref" in node:
            node = _SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
        for word in ("anyOf", "oneOf"):
            if word in node:
                return self.made(next(one for one in node[word] if one.get("type") != "null"), path, number)
        if "enum" in node:
            words = [word for word in node["enum"] if word is not None]
            return words[number % len(words)]
        kinds = node.get("type", "object")
        kind = kinds if isinstance(kinds, str) else next(one for one in kinds if one != "null")
        if kind == "object":
            return {key: self.made(inner, f"{path}.{key}", number) for key, inner in node["properties"].items()}
        if kind == "array":
            return [self.made(node["items"], f"{path}[]", number) for _ in range(node.get("minItems", 1))]
        if kind == "string":
            return self._string(node, path, number)
        return number % 2 == 0 if kind == "boolean" else max(1 + number, node.get("minimum", 0))

    def _string(self, node: Any, path: str, number: int) -> str:
        name = path.removesuffix("[]").rpartition(".")[2]
        if "format" in node or "pattern" in node:
            admitted = (_DAY, _INSTANT, f"{number:064x}")
            return next(one for one in admitted if _VALIDATOR.evolve(schema=node).is_valid(one))
        if name == "control":
            return list(self._controls)[number % len(self._controls)]
        # One and the same thing is meant by these wherever they stand.
        meant = {"host": f"host {number}", "owner": "owner", "exception": "exception", "approval": "approval"}
        return f"{self.text} {meant.get(name, path)}"

    def rows(self, sample: RunRows) -> RunRows:
        """Return the rows of a run, as the store hands them on."""
        of = _SCHEMA["properties"]
        hosts = [_stored(self._host(number)) for number in range(_CHOICES)]
        findings = [_stored(self.made(of["findings"]["items"], ".findings[]", number)) for number in range(_CHOICES)]
        ledger = [
            _stored(
                self.made(of["ledger"]["items"], ".ledger[]", number)
                | {key: host[key] for key in ("host", "outcome", "complete")}
            )
            for number, host in enumerate(hosts)
        ]
        maps: dict[str, Any] = {
            name: _stored({f"{self.text} {key}": self.made(of[name]["additionalProperties"], f".{name}{{}}", 0)})
            for name, key in (("exceptions", "exception"), ("approvals", "approval"), ("accepted_limits", "limit"))
        }
        return replace(
            sample,
            run=_stored(self.made(of["run"], ".run", 0)),
            ledger=ledger,
            findings=findings,
            hosts=lambda: iter(hosts),
            host_lines=lambda: map(compact, hosts),
            changes=lambda: self._changes(sample.changes(), findings),
            **maps,
        )

    def _host(self, number: int) -> Row:
        node = _SCHEMA["properties"]["hosts"]["items"]
        row: Row = self.made(node, ".hosts[]", number)
        (verdict,) = row["verdicts"]
        words = _SCHEMA["$defs"]["verdict"]["properties"]["verdict"]["enum"]
        row["verdicts"] = [
            verdict | {"control": control, "verdict": words[(number + place) % len(words)]}
            for place, control in enumerate(self._controls)
        ]
        return row

    def _changes(self, changes: Changes | None, findings: list[Row]) -> Changes:
        assert changes is not None
        rows = tuple(
            row | findings[place % len(findings)] | {"detail": _whole(f"{self.text} detail")}
            for place, row in enumerate(changes.rows)
        )
        text = _whole(self.text)
        return replace(changes, added=(text,), removed=(text,), renamed=((text, f"{text} again"),), rows=rows)


def _stored(row: Row) -> Row:
    whole: Row = json.loads(compact(row))
    return whole


def _whole(text: str) -> str:
    whole: str = _stored({"text": text})["text"]
    return whole
