"""The register of exceptions in reports: every field of each, what to look at in words, nothing that acts."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from auditor.model.policy import AcceptedLimit, ExceptionRecord
from auditor.model.record import replace
from auditor.model.standing import Signer, Standing, WeighedException, WeighedLimit
from auditor.policy.exception_register import ExceptionRegister
from auditor.report.csv_tables import FORMAT as CSV
from auditor.report.csv_tables import TABLES
from auditor.report.exception_register import register_rows
from auditor.report.html import FORMAT as HTML
from auditor.report.rows import Row, exception_row, limit_row
from auditor.report.run_rows import RunRows
from auditor.report.stored_run import _ASSERTED

_DAY = date(2027, 3, 1)
_RECORD = ExceptionRecord(
    id="EX-1",
    control="unapproved_product",
    hosts=("pc-*",),
    product="anydesk",
    reason="r",
    requested_by="Ada",
    approved_by="Grace",
    start=date(2027, 1, 1),
    end=date(2027, 12, 31),
)
_SIGNERS = tuple(Signer(role=role, person=role, fingerprint="SHA256:x") for role in ("requested_by", "approved_by"))


def rows_of(standing: Standing, why: str | None = None, **changes: Any) -> dict[str, Row]:
    record = replace(_RECORD, **changes)
    weighed = WeighedException(record=record, standing=standing, signers=_SIGNERS, why=why)
    (entry,) = ExceptionRegister([weighed], _DAY).entries()
    return {record.id: exception_row(entry)}


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        pytest.param(
            rows_of(Standing.VERIFIED), "matches no host in scope", id="nothing-is-said-of-what-is-as-it-should-be"
        ),
        pytest.param(
            rows_of(Standing.ASSERTED, "Ada has not signed it"),
            "asserted, not verified: Ada has not signed it; matches no host in scope",
            id="asserted",
        ),
        pytest.param(
            rows_of(Standing.VOID, "it is forged", end=_DAY), "does not hold: it is forged", id="void-comes-first"
        ),
        pytest.param(rows_of(Standing.VERIFIED, end=date(2027, 2, 28)), "ended on 2027-02-28", id="ended"),
        pytest.param(rows_of(Standing.VERIFIED, end=_DAY), "ends today; matches no host in scope", id="the-last-day"),
        pytest.param(
            rows_of(Standing.VERIFIED, end=date(2027, 3, 31)), "ends in 30 days; matches no host in scope", id="soon"
        ),
        pytest.param(rows_of(Standing.VERIFIED, start=date(2027, 3, 2)), None, id="not-yet"),
    ],
)
def test_what_somebody_has_to_look_at_is_said_in_words(
    rows: Mapping[str, Row], note: str | None, sample: RunRows
) -> None:
    (row,) = register_rows(replace(sample, exceptions=rows))
    assert row["note"] == note


def test_the_register_of_an_earlier_version_is_asserted(sample: RunRows) -> None:
    old = {key: rows_of(Standing.VERIFIED)["EX-1"][key] for key in ("control", "subject", "reason", "compensating")}
    old |= {"requested_by": "Ada", "approved_by": "Grace", "ticket": None, "start": "2020-01-01", "end": "2020-02-01"}
    (row,) = register_rows(replace(sample, exceptions={"EX-1": _ASSERTED | old}))
    assert (row["standing"], row["note"]) == ("asserted", "asserted, not verified: nobody signed it")


def test_accepted_limits_stand_in_the_register_too(sample: RunRows, tmp_path: Path) -> None:
    record = AcceptedLimit(
        limit="walk-budget",
        reason="Large stores",
        owner="Ada",
        approved_by="Grace",
        ticket="CHG-2",
        start=date(2027, 3, 1),
        end=date(2027, 3, 5),
    )
    why = "Grace (approved_by) has not signed it"
    alone = replace(record, limit="perimeter", approved_by="Lin")
    limits = {
        "walk-budget": limit_row(WeighedLimit(record=record, standing=Standing.ASSERTED, why=why), _DAY),
        "perimeter": limit_row(WeighedLimit(record=alone, standing=Standing.VOID, why="forged"), _DAY),
    }
    rows = replace(sample, exceptions=rows_of(Standing.VERIFIED), accepted_limits=limits)
    found = {row["id"]: row for row in register_rows(rows)}
    assert list(found) == ["EX-1", "perimeter", "walk-budget"]
    assert found["perimeter"]["note"] == "does not hold: forged"
    assert found["walk-budget"]["note"] == f"asserted, not verified: {why}; ends in 4 days"
    assert (found["walk-budget"]["subject"], found["walk-budget"]["requested_by"]) == ("limit:walk-budget", "Ada")
    HTML.write(rows, tmp_path)
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    register = page.partition('id="exceptions"')[2].partition("</section>")[0]
    told = (
        "limit:walk-budget",
        "Large stores",
        "CHG-2",
        "granted by Grace",
        "granted by Lin",
        "2027-03-01",
        "2027-03-05",
    )
    assert [word for word in told if word not in register] == []
    CSV.write(rows, tmp_path)
    assert (tmp_path / "csv" / "exceptions.csv").read_text(encoding="utf-8").count("limit:") == 2


@pytest.fixture
def hostile(sample: RunRows) -> RunRows:
    """Give a run whose exceptions hold, in every field, what would act."""
    acts = "=cmd|'x'!A0 <img src=x onerror=alert(1)> \u202e\x1b[2J"
    rows = rows_of(
        Standing.ASSERTED,
        acts,
        hosts=(acts,),
        groups=(acts,),
        product=acts,
        subject=acts,
        reason=acts,
        compensating=acts,
        requested_by=acts,
        approved_by=acts,
        ticket=acts,
    )
    return replace(sample, exceptions={acts: rows["EX-1"]})


def test_nothing_in_the_register_acts_on_the_fleet_page(hostile: RunRows, tmp_path: Path) -> None:
    HTML.write(hostile, tmp_path)
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    register = page.partition('id="exceptions"')[2].partition("</section>")[0]
    assert "<img" not in register
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert unescape(register).count("<img src=x onerror=alert(1)>") >= 7


def test_nothing_in_the_register_is_a_formula(hostile: RunRows, tmp_path: Path) -> None:
    CSV.write(hostile, tmp_path)
    text = (tmp_path / "csv" / "exceptions.csv").read_text(encoding="utf-8")
    heads, line = csv.reader(io.StringIO(text))
    assert heads == [column.name for column in TABLES["exceptions"]]
    assert not [cell for cell in line if cell.startswith("=")]
    assert "\x1b" not in text


def test_every_exception_stands_on_the_fleet_page_with_all_that_is_said_of_it(sample: RunRows, tmp_path: Path) -> None:
    why = "Grace has not signed it"
    changes = {"compensating": "By day only.", "ticket": "CHG-1", "groups": ("kiosks",)}
    HTML.write(replace(sample, exceptions=rows_of(Standing.ASSERTED, why, **changes)), tmp_path)
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    register = page.partition('id="exceptions"')[2].partition("</section>")[0]
    told = ("EX-1", "Ada", "Grace", "2027-01-01", "2027-12-31", "anydesk", "pc-*, kiosks", "By day only.", "CHG-1", why)
    assert [word for word in told if word not in register] == []
    assert "1 exception or accepted limit is asserted, not verified" in page
    (tmp_path / "none").mkdir()
    HTML.write(replace(sample, exceptions={}), tmp_path / "none")
    assert 'id="exceptions"' not in (tmp_path / "none" / "html" / "index.html").read_text(encoding="utf-8")
