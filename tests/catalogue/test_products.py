"""Every product is recognised by what its case file shows, and by nothing else."""

import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue, product_schema
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue, IndicatorKind
from auditor.model.reading import Reading
from auditor.model.sighting import Category, Role

_FOLDER = Path(__file__).parent / "products"
_IDS = sorted(
    entry.name.removesuffix(".yml") for entry in (resources.files("auditor.catalogue") / "products").iterdir()
)
_TECHNIQUES = {"T1219.002", "T1021.005", "T1219.001", "T1572", "T1133", "T1021.001"}


def _cases(product_id: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = tomllib.loads((_FOLDER / product_id / "cases.toml").read_text("utf-8"))["case"]
    return cases


def _listed(value: Any) -> Any:
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{folder.name}: {case['says']}")
        for folder in sorted(_FOLDER.iterdir())
        for case in _cases(folder.name)
    ],
)
def test_evidence_gives_these_sightings_and_no_others(
    case: dict[str, Any], make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    found = match(make_reading(case), catalogue)
    shown = [
        {key: _listed(getattr(sighting, key)) for key in expected}
        for sighting, expected in zip(found, case["expect"], strict=False)
    ]
    assert [sighting.product for sighting in found] == [expected["product"] for expected in case["expect"]]
    assert shown == case["expect"]
    assert all(sighting.proof for sighting in found)


@pytest.mark.parametrize("product_id", _IDS)
def test_every_product_has_two_cases_and_a_near_miss(product_id: str) -> None:
    hits = [product_id in [seen["product"] for seen in case["expect"]] for case in _cases(product_id)]
    assert hits.count(True) >= 2
    assert False in hits


@pytest.mark.parametrize("product_id", _IDS)
def test_every_entry_holds_to_the_rules_of_the_house(product_id: str, catalogue: Catalogue) -> None:
    product = catalogue.product(product_id)
    assert product is not None
    assert product.id == product_id
    assert set(product.techniques) <= _TECHNIQUES
    assert all(indicator.source.strip() for indicator in product.indicators)
    assert all(family in product.removal for family in product.platforms) or product.is_fallback
    if product.category is Category.VNC:
        assert product.techniques == ("T1021.005",)
    assert product.is_fallback == any(item.kind is IndicatorKind.PORT for item in product.indicators)
    assert product.role is not Role.CLIENT


def test_the_schema_knows_every_word_the_code_knows() -> None:
    schema = product_schema()
    assert set(schema["$defs"]["kind"]["enum"]) == {kind.value for kind in IndicatorKind}
    assert set(schema["properties"]["category"]["enum"]) == {category.value for category in Category}
    assert set(schema["properties"]["role"]["enum"]) == {role.value for role in Role}


def test_the_example_in_the_guide_is_an_entry(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "adding-a-product.md").read_text("utf-8")
    example = guide.split("```yaml\n")[1].split("```")[0]
    file = tmp_path / "examplevnc.yml"
    file.write_text(example, "utf-8")
    (product,) = load_catalogue(tmp_path, cache_folder=tmp_path / "cache").products
    assert product.name == "ExampleVNC"
