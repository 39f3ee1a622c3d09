"""What pySigma makes of our rules: run by test_sigma.py with a Python that has it.

Arguments: a folder of rules, and a file with a JSON list of events, each with ``category``, ``product`` and ``fields``.
Its answer is one JSON object: the rules that it refuses, those that a backend cannot convert, and for every event the
names of the rules that match it, judged by the conditions as pySigma parsed them.
"""

import json
import sys
from pathlib import Path
from typing import Any

from sigma.backends.kusto import KustoBackend
from sigma.backends.splunk import SplunkBackend
from sigma.collection import SigmaCollection
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.pipelines.microsoftxdr import microsoft_xdr_pipeline
from sigma.pipelines.splunk import splunk_windows_pipeline
from sigma.rule import SigmaRule
from sigma.types import SigmaCompareExpression, SigmaNumber, SigmaString, SpecialChars
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

_FROM_THE_NET = {"attacktag", "d3_fendtag"}
"""Checks that would fetch what ATT&CK and D3FEND name."""


def is_like(text: SigmaString, said: str) -> bool:
    """Compare a text with another, whatever their case; no backtracking is feared here."""
    parts: list[str] = [""]
    for piece in text.s:
        if piece is SpecialChars.WILDCARD_MULTI:
            parts.append("")
        else:
            assert isinstance(piece, str), piece
            parts[-1] += piece.casefold()
    said = said.casefold()
    if len(parts) == 1:
        return said == parts[0]
    if not said.startswith(parts[0]) or not said.endswith(parts[-1]) or len(said) < len(parts[0]) + len(parts[-1]):
        return False
    at, end = len(parts[0]), len(said) - len(parts[-1])
    for part in parts[1:-1]:
        at = said.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def holds(condition: Any, fields: dict[str, Any]) -> bool:
    """Judge a parsed condition."""
    if isinstance(condition, ConditionAND):
        return all(holds(one, fields) for one in condition.args)
    if isinstance(condition, ConditionOR):
        return any(holds(one, fields) for one in condition.args)
    if isinstance(condition, ConditionNOT):
        return not holds(condition.args[0], fields)
    assert isinstance(condition, ConditionFieldEqualsValueExpression), condition
    said = fields.get(condition.field)
    return said is not None and is_equal(condition.value, str(said))


def is_equal(value: Any, said: str) -> bool:
    """Compare a value with what an event says."""
    if isinstance(value, SigmaString):
        return is_like(value, said)
    if isinstance(value, SigmaNumber):
        return int(said) == int(value.number)
    assert isinstance(value, SigmaCompareExpression), value
    number = int(value.number.number)
    return int(said) >= number if value.op.name == "GTE" else int(said) <= number


def main() -> None:
    """Read, convert, match."""
    refused: dict[str, str] = {}
    unconverted: dict[str, str] = {}
    rules: dict[str, SigmaRule] = {}
    backends = (
        ("splunk", SplunkBackend(splunk_windows_pipeline())),
        ("kusto", KustoBackend(microsoft_xdr_pipeline())),
    )
    for file in sorted(Path(sys.argv[1]).iterdir()):
        text = file.read_text(encoding="utf-8")
        collection = SigmaCollection.from_yaml(text, collect_errors=True)
        (rule,) = collection.rules
        if rule.errors:
            refused[file.stem] = str(rule.errors)
            continue
        rules[file.stem] = rule
        for name, backend in backends:
            if rule.logsource.product != "windows" or (name == "kusto" and rule.logsource.category == "dns_query"):
                continue
            try:
                backend.convert(SigmaCollection.from_yaml(text))
            except Exception as error:  # noqa: BLE001 — whatever it says is the answer
                unconverted[f"{name} {file.stem}"] = repr(error)
    validator = SigmaValidator({one for name, one in validators.items() if name not in _FROM_THE_NET})
    issues = [str(issue) for rule in rules.values() for issue in validator.validate_rule(rule)]
    events = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    matched = [
        [
            name
            for name, rule in rules.items()
            if (rule.logsource.category, rule.logsource.product) == (event["category"], event["product"])
            and any(holds(one.parsed, event["fields"]) for one in rule.detection.parsed_condition)
        ]
        for event in events
    ]
    json.dump({"refused": refused, "unconverted": unconverted, "issues": issues, "matched": matched}, sys.stdout)


main()
