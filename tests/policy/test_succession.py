"""What was retired is carried on: by subjects, exceptions, controls and products, to the end of each chain."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from auditor.catalogue.entry import catalogue_of, catalogue_text, make_catalogue, read_product
from auditor.catalogue.match import match
from auditor.controls.registry import controls, retired_controls, successors
from auditor.errors import PolicyError
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.software import InstallState, Software
from auditor.model.host import HostFacts, OsFamily
from auditor.model.past import History, ProductPast
from auditor.model.policy import Approval, ExceptionRecord, Settings
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.standing import Standing, WeighedException
from auditor.model.succession import last_successors
from auditor.model.verdict import Violation
from auditor.policy import load_exceptions
from auditor.policy.exceptions import exception_for
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.succession import Succession

_DAY = date(2026, 11, 27)
_SUCCESSION = Succession(controls={"old": "new"}, products={"teamviewer-10": "teamviewer"})


def a_module(name: str, replaced_by: str | None = None) -> tuple[str, ModuleType]:
    module = ModuleType(name)
    if replaced_by is not None:
        module.__dict__["REPLACED_BY"] = replaced_by
    return name, module


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        pytest.param("product:teamviewer-10", "product:teamviewer", id="product"),
        pytest.param("product:teamviewer-10/acme", "product:teamviewer/acme", id="tenant-kept"),
        pytest.param("setting:teamviewer-10:/etc/x:Key", "setting:teamviewer:/etc/x:Key", id="setting"),
        pytest.param("program:teamviewer-10:/tmp/x", "program:teamviewer:/tmp/x", id="program"),
        pytest.param("product:teamviewer-100", "product:teamviewer-100", id="another-product"),
        pytest.param("principal:teamviewer-10", "principal:teamviewer-10", id="an-account-of-that-name"),
        pytest.param("path:teamviewer-10/x", "path:teamviewer-10/x", id="a-path-of-that-name"),
        pytest.param("listener:tcp/5900", "listener:tcp/5900", id="listener"),
        pytest.param("evidence", "evidence", id="no-kind"),
    ],
)
def test_a_subject_names_what_carries_on(subject: str, expected: str) -> None:
    assert _SUCCESSION.subject(subject) == expected


def test_a_chain_is_followed_to_its_end() -> None:
    assert last_successors({"a": "b", "b": "c", "x": "c"}) == {"a": "c", "b": "c", "x": "c"}


@pytest.mark.parametrize("circle", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_what_replaces_each_other_is_refused(circle: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match="nothing carries on"):
        last_successors(circle)


def test_no_control_of_this_version_is_both_there_and_retired() -> None:
    assert set(retired_controls()).isdisjoint(controls())
    assert set(retired_controls().values()) <= set(controls())


def test_a_retired_control_leads_to_one_that_is_there() -> None:
    modules = [a_module("a", "b"), a_module("b", "c"), a_module("c")]
    assert successors(modules, ["c"]) == {"a": "c", "b": "c"}
    with pytest.raises(AssertionError, match="is no control"):
        successors([a_module("a", "typo")], ["c"])
    with pytest.raises(AssertionError, match="is one itself"):
        successors([a_module("a", "c")], ["a", "c"])


def an_exception(**more: object) -> WeighedException:
    values: dict[str, object] = {
        "id": "e",
        "control": "old",
        "subject": "product:teamviewer-10",
        "hosts": ("*",),
        "reason": "r",
        "requested_by": "a",
        "approved_by": "b",
        "start": _DAY,
        "end": _DAY,
    }
    record = ExceptionRecord(**(values | more))  # type: ignore[arg-type]
    return WeighedException(record=record, standing=Standing.VERIFIED)


def test_an_exception_covers_what_carries_on() -> None:
    records = _SUCCESSION.exceptions([an_exception(), an_exception(id="all", subject=None, hosts=("b",))])
    matter = Violation(subject="product:teamviewer", reason="r", proof=(), remediation=(), product="teamviewer")
    found = exception_for("new", HostFacts(name="a", key="a"), matter, records, _DAY)
    assert found is not None
    assert found.id == "e"
    assert exception_for("old", HostFacts(name="a", key="a"), matter, records, _DAY) is None
    (by_product,) = _SUCCESSION.exceptions([an_exception(subject=None, product="teamviewer-10")])
    assert exception_for("new", HostFacts(name="a", key="a"), matter, [by_product], _DAY) == by_product.record
    assert Succession().exceptions([an_exception()]) == (an_exception(),)


_FILE = """\
exceptions:
  - id: e
    control: CONTROL
    hosts: ["*"]
    reason: r
    requested_by: a
    approved_by: b
    start: 2026-11-27
    end: 2026-11-27
"""


def test_an_exceptions_file_may_name_a_retired_control(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_exceptions, "retired_controls", lambda: {"old": "new"})
    known = Known(controls=["new"], products=[], settings=Settings())
    (record,) = parse_exceptions(_FILE.replace("CONTROL", "old"), Path("e.yml"), known)
    assert record.control == "old"
    with pytest.raises(PolicyError, match="unknown control 'older'"):
        parse_exceptions(_FILE.replace("CONTROL", "older"), Path("e.yml"), known)


def a_product(product_id: str, package: str, **more: object) -> dict[str, Any]:
    return {
        "id": product_id,
        "name": product_id.title(),
        "vendor": "Someone",
        "category": "vnc",
        "role": "server",
        "depth": "C",
        "techniques": ["T1021.005"],
        "summary": "An example.",
        "indicators": [
            {
                "kind": "package.dpkg",
                "os": "linux",
                "values": [package],
                "strength": "strong",
                "source": "made up",
                "verified": "2026-11-27",
            }
        ],
    } | more


def test_what_shows_a_retired_product_shows_the_one_that_carries_on() -> None:
    catalogue = make_catalogue(
        map(
            read_product,
            [
                a_product("first", "first-server", replaced_by="second"),
                a_product("second", "second-server", replaced_by="third"),
                a_product("third", "third-server"),
                a_product("alone", "alone-server", replaced_by="of-another-catalogue"),
            ],
        )
    )
    names = ("first-server", "third-server", "alone-server")
    rows = [Software(name=name, version="1", source="software.dpkg", state=InstallState.INSTALLED) for name in names]
    reading = Reading(
        os=OsFamily.LINUX,
        rights=Rights.ROOT,
        sections={"software.dpkg": SectionReading(id="software.dpkg", outcome=Outcome.COLLECTED, lines=names)},
        facts={Software: tuple(Found(row, "software.dpkg", line) for line, row in enumerate(rows, 1))},
    )
    assert [(seen.product, seen.name) for seen in match(reading, catalogue)] == [("alone", "Alone"), ("third", "Third")]
    assert catalogue.replaced_by == {"first": "second", "second": "third"}


def test_a_sealed_catalogue_whose_products_replace_each_other_is_refused() -> None:
    circle = [a_product("a", "x", replaced_by="b"), a_product("b", "y", replaced_by="a")]
    text = catalogue_text(make_catalogue(map(read_product, circle)))
    with pytest.raises(ValueError, match="nothing carries on: a → b → a"):
        catalogue_of(text)


def _month(number: int) -> datetime:
    return datetime(2026, number, 1, tzinfo=UTC)


def _carried(**products: ProductPast) -> ProductPast:
    named = {name.replace("_", "-"): past for name, past in products.items()}
    history = _SUCCESSION.history(History(products=named))
    assert history.products.keys() == {"teamviewer"}
    return history.products["teamviewer"]


def test_an_approval_of_a_retired_product_is_one_of_what_carries_on() -> None:
    given = [
        Approval(id=one, product=one, reason="r", owner="o", review_by=_DAY) for one in ("teamviewer-10", "anydesk")
    ]
    assert [one.product for one in _SUCCESSION.approvals(given)] == ["teamviewer", "anydesk"]
    assert [one.id for one in _SUCCESSION.approvals(given)] == ["teamviewer-10", "anydesk"]


def test_the_past_of_a_retired_product_is_that_of_what_carries_on() -> None:
    past = ProductPast(
        first_seen=_month(1), last_seen=_month(3), absent_before=_month(1), idle_runs=2, idle_since=_month(2)
    )
    assert _carried(teamviewer_10=past) == past
    untouched = History(products={"anydesk": past})
    assert _SUCCESSION.history(untouched) is untouched


def test_two_pasts_of_one_product_are_there_whenever_either_was() -> None:
    """The retired one went in April and its successor came in February: the product never went."""
    old = ProductPast(first_seen=_month(1), last_seen=_month(3), gone_since=_month(4))
    new = ProductPast(
        first_seen=_month(2), last_seen=_month(6), absent_before=_month(1), idle_runs=1, idle_since=_month(6)
    )
    expected = ProductPast(first_seen=_month(1), last_seen=_month(6), idle_runs=1, idle_since=_month(6))
    assert _carried(teamviewer_10=old, teamviewer=new) == _carried(teamviewer=new, teamviewer_10=old) == expected


def test_two_pasts_that_ended_ended_when_the_last_did() -> None:
    old = ProductPast(first_seen=_month(1), last_seen=_month(2), gone_since=_month(3))
    new = ProductPast(first_seen=_month(2), last_seen=_month(4), gone_since=_month(5))
    assert _carried(teamviewer_10=old, teamviewer=new) == ProductPast(
        first_seen=_month(1), last_seen=_month(4), gone_since=_month(5)
    )


def test_what_came_back_came_back_only_where_nothing_of_it_had_stayed() -> None:
    back = ProductPast(first_seen=_month(1), last_seen=_month(6), was_gone=_month(3), returned=_month(5))
    later = ProductPast(first_seen=_month(1), last_seen=_month(6), was_gone=_month(4), returned=_month(6))
    stayed = ProductPast(first_seen=_month(2), last_seen=_month(6))
    assert _carried(teamviewer_10=back, teamviewer=stayed).returned is None
    both = _carried(teamviewer_10=back, teamviewer=later)
    assert (both.was_gone, both.returned) == (_month(3), _month(5))


def test_it_is_idle_only_where_neither_runs() -> None:
    idle = ProductPast(first_seen=_month(1), last_seen=_month(6), idle_runs=4, idle_since=_month(3))
    runs = ProductPast(first_seen=_month(1), last_seen=_month(6))
    assert (_carried(teamviewer_10=idle, teamviewer=runs).idle_runs, runs.idle_since) == (0, None)
