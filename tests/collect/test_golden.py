"""Recorded answers of hosts become the facts that a reviewer has agreed to, and every line is accounted for."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from auditor.collect.registry import collectors
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_OUTCOMES = ("absent", "denied", "failed")


def test_answer_becomes_its_facts(
    case: Any,
    as_record: Callable[[Parsed], dict[str, object]],
    as_json: Callable[[dict[str, object]], str],
    *,
    rewrite_goldens: bool,
) -> None:
    record = as_record(collectors()[case.collector].parse(case.text))
    if rewrite_goldens:
        case.expected.write_text(as_json(record), encoding="utf-8")
    assert case.expected.is_file(), "no expected.json: run pytest tests/collect --rewrite-goldens and review it"
    assert record == json.loads(case.expected.read_text(encoding="utf-8"))


def test_case_says_where_it_is_from(case: Any, case_keys: dict[str, type]) -> None:
    about = dict(case.about)
    assert about.pop("os") in {family.value for family in OsFamily}
    assert isinstance(about.pop("date"), dt.date)
    # Recorded on a host, or made by hand to show something that no host at hand does.
    assert ("how" in about) != about.get("synthetic", False) or "how" in about
    assert {key for key, value in about.items() if not isinstance(value, case_keys.get(key, ()))} == set()


def test_facts_stand_in_lines_of_the_answer(case: Any) -> None:
    parsed = collectors()[case.collector].parse(case.text)
    lines = case.text.split("\n")
    # An empty answer can be a fact too: no rules are loaded.
    strange = [number for number, _ in parsed.facts if not 1 <= number <= max(len(lines), 1)]
    strange += [one.line for one in parsed.unread if not 0 <= one.line <= len(lines)]
    assert strange == []


def test_every_collector_has_its_cases(collector_id: str) -> None:
    from pathlib import Path  # noqa: PLC0415 — here only

    folder = Path(__file__).parent.joinpath(*collector_id.split("."))
    names = {path.parent.name for path in folder.glob("*/input.txt")}
    assert {"ordinary", "empty", "damaged"} <= names


def test_damage_is_seen(case: Any) -> None:
    if not case.folder.name.startswith("damaged"):
        return
    parsed = collectors()[case.collector].parse(case.text)
    assert parsed.unread or parsed.partial
