"""What is hunted of a product: never less than the matcher takes for proof, and nothing that events do not show."""

from datetime import date
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Connects, Depth, Indicator, IndicatorKind, Product, Strength
from auditor.hunt.hunts import Event, Hunt, Term, Trait, hunts_of, only, together
from auditor.model.host import OsFamily
from auditor.model.sighting import Category, Role

_DAY = date(2026, 11, 1)


def indicator(kind: str, *values: str, strength: str = "supporting", **more: Any) -> list[Indicator]:
    system = OsFamily(more.pop("os", "windows"))
    made = {"source": "s", "verified": _DAY, "os": system, "strength": Strength(strength), **more}
    return [Indicator(kind=IndicatorKind(kind), value=value, **made) for value in values]


def product(*indicators: list[Indicator], connects: tuple[Connects, ...] = ()) -> Product:
    return Product(
        id="tool",
        name="Tool",
        vendor="Maker",
        category=Category.RMM,
        role=Role.AGENT,
        depth=Depth.B,
        techniques=("T1219.002",),
        summary="A tool.",
        connects=connects,
        indicators=tuple(one for many in indicators for one in many),
    )


def hunted(*indicators: list[Indicator], connects: tuple[Connects, ...] = ()) -> dict[Event, set[str]]:
    """Return the ways of each event, as words."""
    return {
        hunt.event: {_words(way) for way in hunt.ways} for hunt in hunts_of(product(*indicators, connects=connects))
    }


def _words(way: tuple[Term, ...]) -> str:
    return " + ".join(f"{term.trait}={'|'.join(term.values)}" for term in way)


def port(text: str, *, shared: bool = False) -> Connects:
    return Connects(port=text, is_shared=shared, source="s", verified=_DAY)


def test_what_is_proof_by_itself_is_enough() -> None:
    found = hunted(indicator("process", "a.exe", "b.exe", strength="strong"), indicator("company", "Maker*"))
    assert found[Event.PROCESS] == {"program=a.exe|b.exe"}
    assert found[Event.CONNECTION] == {"program=a.exe|b.exe"}


def test_what_supports_is_enough_in_pairs_of_different_kinds() -> None:
    found = hunted(indicator("process", "svc.exe"), indicator("original_name", "tool.exe"))
    assert found == {Event.PROCESS: {"program=svc.exe + original=tool.exe"}}


def test_what_is_weak_is_one_half_at_most() -> None:
    assert (
        hunted(
            indicator("process", "svc.exe", strength="weak"), indicator("original_name", "tool.exe", strength="weak")
        )
        == {}
    )
    found = hunted(indicator("process", "svc.exe"), indicator("company", "Maker*", strength="weak"))
    assert found[Event.PROCESS] == {"program=svc.exe + company=Maker*"}


def test_a_maker_says_company_and_product_together() -> None:
    found = hunted(
        indicator("company", "Maker*"), indicator("product_name", "Tool*"), indicator("domain", "*.tool.example")
    )
    assert found[Event.PROCESS] == {"company=Maker* + name=Tool*"}
    assert found[Event.CONNECTION] == {"company=Maker* + name=Tool* + domain=*.tool.example"}
    assert found[Event.DOMAIN] == {"domain=*.tool.example"}


def test_ports_are_hunted_that_are_the_products_own() -> None:
    found = hunted(indicator("process", "svc.exe"), connects=(port("5938"), port("443", shared=True)))
    assert found == {Event.CONNECTION: {"program=svc.exe + port=5938"}, Event.PORT: {"port=5938"}}


def test_who_signs_much_else_is_no_trace() -> None:
    assert hunted(indicator("signer", "Giant Corp*", strength="weak")) == {}
    assert hunted(indicator("signer", "Maker*"))[Event.SIGNED] == {"signer=Maker*"}


def test_what_is_excluded_stays_excluded() -> None:
    (hunt,) = [
        one
        for one in hunts_of(product(indicator("process", "tool*", strength="strong", excluding=("tool-docs*",))))
        if one.event is Event.PROCESS
    ]
    assert hunt.ways == ((Term(trait=Trait.PROGRAM, values=("tool*",), excluding=("tool-docs*",)),),)


def test_ways_that_ask_for_more_than_another_are_left_out() -> None:
    found = hunted(
        indicator("company", "Maker*"), indicator("product_name", "Tool*"), indicator("original_name", "tool.exe")
    )
    assert found[Event.PROCESS] == {"company=Maker* + name=Tool*"}


def test_systems_are_hunted_apart_or_together() -> None:
    made = product(
        indicator("process", "tool.exe", strength="strong"),
        indicator("process", "toold", strength="strong", os="linux"),
    )
    hunts = [one for one in hunts_of(made) if one.event is Event.PROCESS]
    assert [one.id for one in hunts] == ["tool-process-linux", "tool-process-windows"]
    (both,) = together(hunts)
    assert both.id == "tool-process-linux-windows"
    assert {_words(way) for way in both.ways} == {"program=tool.exe", "program=toold"}


def test_a_source_that_does_not_record_a_trait_shows_nothing_by_it() -> None:
    one, other = (Term(trait=trait, values=("x",)) for trait in (Trait.PROGRAM, Trait.COMPANY))
    assert only([(one,), (one, other)], (Trait.PROGRAM,)) == ((one,),)


@pytest.mark.parametrize("made", load_catalogue().products, ids=lambda one: one.id)
def test_every_strong_sign_that_events_record_is_hunted(made: Product) -> None:
    """Whatever the matcher takes for proof of a running program, and no hunt is without a way."""
    hunts: list[Hunt] = list(hunts_of(made))
    assert all(hunt.ways for hunt in hunts)
    values = {
        (hunt.systems[0], term.trait, value)
        for hunt in hunts
        if hunt.event is Event.PROCESS
        for way in hunt.ways
        if len(way) == 1
        for term in way
        for value in term.values
    }
    traits = {IndicatorKind.PROCESS: Trait.PROGRAM, IndicatorKind.EXECUTABLE: Trait.PATH}
    strong = {
        (one.os, traits[one.kind], one.value)
        for one in made.indicators
        if one.strength is Strength.STRONG and one.kind in traits
    }
    assert strong <= values
