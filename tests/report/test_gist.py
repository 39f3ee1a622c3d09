"""A gist tells all that the end of a run needs of a row, and no more than a part of it."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from auditor.model.host import HostFacts
from auditor.model.past import History
from auditor.report.gist import LEDGER, gist_of, head_of
from auditor.report.rows import compact, host_row
from auditor.run.exception_use import use_from_row
from auditor.run.findings import observation_from_row
from auditor.run.history import remembered
from auditor.run.register import Register
from tests.report import sample_fleet as fleet

_AS_OF = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(compact(host_row(result, fleet.CONTROLS))) for result in fleet.sample_hosts()]


@pytest.fixture(scope="module")
def gists(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(compact(gist_of(row))) for row in rows]


def test_a_run_ends_the_same_by_gists_and_by_rows(rows: list[dict[str, Any]], gists: list[dict[str, Any]]) -> None:
    registers = [Register([fleet.APPROVAL], date(2026, 11, 20)) for _ in range(2)]
    for row, gist in zip(rows, gists, strict=True):
        assert observation_from_row(gist, "key") == observation_from_row(row, "key")
        assert use_from_row(gist) == use_from_row(row)
        assert remembered(History(), gist, _AS_OF) == remembered(History(), row, _AS_OF)
        facts = HostFacts(name=row["host"], key=row["host"], groups=tuple(row["groups"]))
        for register, one in zip(registers, (row, gist), strict=True):
            register.add(facts, one)
    by_rows, by_gists = (register.rows() for register in registers)
    assert by_rows == by_gists
    assert any(observation_from_row(row, "key").violations for row in rows)


def test_the_ledger_is_read_from_the_head_of_either(rows: list[dict[str, Any]], gists: list[dict[str, Any]]) -> None:
    for row, gist in zip(rows, gists, strict=True):
        for text in (compact(row), compact(gist)):
            head = head_of(text)
            assert {name: head[name] for name in LEDGER} == {name: row[name] for name in LEDGER}
            assert "verdicts" not in head


def test_words_of_a_host_do_not_end_the_head(rows: list[dict[str, Any]]) -> None:
    row = rows[0] | {"owner": 'x","sections":[],"sightings":'}
    for text in (compact(row), compact(gist_of(row))):
        assert head_of(text)["owner"] == row["owner"]


def test_gaps_that_say_the_same_are_told_once_the_first_first(rows: list[dict[str, Any]]) -> None:
    gaps = [
        {"section": section, "outcome": "failed", "reason": reason, "advice": advice}
        for section, reason, advice in (("b", "blind", None), ("a", "blind", "look"), ("c", "blind", None))
    ]
    verdicts = [verdict | {"gaps": gaps} for verdict in rows[0]["verdicts"]]
    for verdict in gist_of(rows[0] | {"verdicts": verdicts})["verdicts"]:
        assert verdict["gaps"] == [{"reason": "blind", "advice": None}, {"reason": "blind", "advice": "look"}]


def test_a_gist_is_a_part_of_its_row(rows: list[dict[str, Any]], gists: list[dict[str, Any]]) -> None:
    for row, gist in zip(rows, gists, strict=True):
        assert set(gist) <= set(row)
        assert len(compact(gist)) < len(compact(row))
        assert not any(f'"{name}":' in compact(gist) for name in ("proof", "rests_on", "limits", "sections"))
