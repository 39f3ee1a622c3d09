"""What the signature of a running program says for products on Windows, and what it does not."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue, Depth, Indicator, IndicatorKind, Product, Strength
from auditor.model.host import OsFamily
from auditor.model.reading import Reading
from auditor.model.sighting import Category, Confidence, Role, Sighting

Maker = Callable[[dict[str, Any]], Reading]
_K = IndicatorKind
_DAY = date(2026, 11, 27)
_PATH = "C:\\Users\\Public\\svc.exe"


def _indicator(kind: IndicatorKind, value: str, strength: Strength) -> Indicator:
    return Indicator(
        kind=kind, os=OsFamily.WINDOWS, value=value, strength=strength, source="made up", verified=_DAY
    )  # fmt: skip


def _product(name: str, indicators: Mapping[tuple[IndicatorKind, str], Strength]) -> Product:
    return Product(
        id=name.casefold(), name=name, vendor=f"{name} Ltd", category=Category.RMM, role=Role.AGENT, depth=Depth.C,
        techniques=(), summary="made up",
        indicators=tuple(_indicator(kind, value, strength) for (kind, value), strength in indicators.items()),
        removal={},
    )  # fmt: skip


_SINGLE = _product(
    "Single",
    {
        (_K.PROCESS, "single.exe"): Strength.STRONG,
        (_K.ORIGINAL_NAME, "single.exe"): Strength.STRONG,
        (_K.COMPANY, "Single*"): Strength.SUPPORTING,
        (_K.SIGNER, "Single Ltd*"): Strength.SUPPORTING,
    },
)
_MANY = _product(
    "Manifold",
    {
        (_K.PROCESS, "manifold.exe"): Strength.STRONG,
        (_K.PROCESS, "mhelp.exe"): Strength.SUPPORTING,
        (_K.PRODUCT_NAME, "Manifold Agent"): Strength.SUPPORTING,
        (_K.PRODUCT_NAME, "Manifold Suite*"): Strength.WEAK,
        (_K.ORIGINAL_NAME, "manifold.exe"): Strength.SUPPORTING,
        (_K.COMPANY, "Manifold*"): Strength.WEAK,
        (_K.SIGNER, "Manifold, Inc*"): Strength.WEAK,
    },
)
_CATALOGUE = Catalogue(products=(_MANY, _SINGLE), version="2026-11-27", sha256="signatures of a test")
_BY_SINGLE = "CN=Single Ltd, O=Single Ltd, C=GB"
_BY_MANY = 'CN="Manifold, Inc.", O="Manifold, Inc.", C=US'
_NO, _MAYBE, _YES = None, Confidence.SUSPECTED, Confidence.CONFIRMED


def _seen(make_reading: Maker, **row: Any) -> tuple[Sighting, ...]:
    process = {"pid": 7, "name": "svc.exe", "exe": _PATH, **row}
    return match(make_reading({"os": "windows", "process": [process]}), _CATALOGUE)


@pytest.mark.parametrize(
    ("row", "confidence"),
    [
        pytest.param({"signer": _BY_SINGLE}, _MAYBE, id="valid"),
        pytest.param({"signer": "CN=svc, O=Single Ltd"}, _MAYBE, id="by-the-organisation-alone"),
        pytest.param({"signer": "CN=svc, OU=Single Ltd, O=Evil"}, _NO, id="a-unit-is-nobody"),
        pytest.param({"signer": 'CN="x, O=Single Ltd", O=Evil'}, _NO, id="a-name-that-holds-another"),
        pytest.param({"signer": "CN=Not Single Ltd, O=Evil"}, _NO, id="another-name"),
        pytest.param({"signer": _BY_SINGLE, "company": "Single Ltd"}, _YES, id="and-the-resource"),
        pytest.param({"signer": _BY_SINGLE, "original_name": "single.exe"}, _YES, id="and-the-first-name"),
        # Without a valid signature the version resource is one hand's word, all of it.
        pytest.param({"original_name": "single.exe"}, _MAYBE, id="a-first-name"),
        pytest.param({"original_name": "single.exe", "company": "Single Ltd"}, _MAYBE, id="one-resource"),
        pytest.param(
            {"original_name": "single.exe", "company": "Single", "signer": "CN=Evil, O=Evil"}, _MAYBE, id="by-another"
        ),
    ],
)
def test_a_maker_of_one_product(make_reading: Maker, row: dict[str, str], confidence: Confidence | None) -> None:
    seen = _seen(make_reading, **row)
    assert [(one.product, one.confidence) for one in seen] == ([] if confidence is None else [("single", confidence)])


@pytest.mark.parametrize("status", ["HashMismatch", "NotTrusted", "UnknownError", "NotSigned", "Incompatible", ""])
def test_a_signature_that_is_not_valid_claims_nothing(make_reading: Maker, status: str) -> None:
    assert _seen(make_reading, signer=_BY_SINGLE, signature=status) == ()
    (seen,) = _seen(make_reading, signer=_BY_SINGLE, signature=status, company="Single", original_name="single.exe")
    assert seen.confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(
    ("row", "confidence"),
    [
        pytest.param({"signer": _BY_MANY}, _NO, id="signature"),
        pytest.param({"signer": _BY_MANY, "company": "Manifold, Inc."}, _NO, id="signature-and-company"),
        pytest.param({"signer": _BY_MANY, "product": "Manifold Suite 3"}, _NO, id="another-product-of-his"),
        pytest.param({"signer": _BY_MANY, "product": "Manifold Agent"}, _YES, id="he-signed-that-it-is-this"),
        pytest.param({"signer": _BY_MANY, "original_name": "manifold.exe"}, _YES, id="he-signed-what-it-is-called"),
        pytest.param({"product": "Manifold Agent"}, _MAYBE, id="said-and-not-signed"),
        pytest.param({"product": "Manifold Agent", "original_name": "manifold.exe"}, _MAYBE, id="said-twice"),
        pytest.param({"product": "Manifold Agent", "signer": _BY_SINGLE}, _MAYBE, id="signed-by-another"),
        pytest.param(
            {"name": "mhelp.exe", "exe": "C:\\x\\mhelp.exe", "signer": _BY_MANY}, _MAYBE, id="and-a-file-name"
        ),
        pytest.param(
            {"name": "mhelp.exe", "exe": "C:\\x\\mhelp.exe", "original_name": "manifold.exe"},
            _MAYBE,
            id="a-file-name-and-a-resource-are-one-sort",
        ),
    ],
)
def test_a_maker_of_much(make_reading: Maker, row: dict[str, str], confidence: Confidence | None) -> None:
    seen = {one.product: one.confidence for one in _seen(make_reading, **row)}
    assert seen.get("manifold") is confidence


def test_the_path_is_compared_without_regard_to_case(make_reading: Maker) -> None:
    reading = make_reading({"os": "windows", "process": [{"pid": 7, "name": "svc.exe", "exe": _PATH}]})
    signed = make_reading(
        {"os": "windows", "process": [{"pid": 1, "name": "x", "exe": _PATH.upper(), "signer": _BY_SINGLE}]}
    )
    both = Reading(
        os=reading.os,
        rights=reading.rights,
        sections=reading.sections | {"processes.signers": signed.sections["processes.signers"]},
        facts={**signed.facts, **{kind: facts for kind, facts in reading.facts.items() if facts}},
    )
    assert [one.pids for one in match(both, _CATALOGUE)] == [(7,)]


def test_the_signature_is_quoted_as_proof(make_reading: Maker) -> None:
    (seen,) = _seen(make_reading, signer=_BY_SINGLE)
    assert [quote.section for quote in seen.proof] == ["processes.proc", "processes.signers"]
    assert seen.signers == (_BY_SINGLE,)


def test_a_certificate_that_counts_for_nothing_is_quoted_too(make_reading: Maker) -> None:
    told = {"name": "single.exe", "exe": "C:\\x\\single.exe"}
    (seen,) = _seen(make_reading, **told, signer=_BY_SINGLE, signature="HashMismatch")
    assert "HashMismatch" in seen.proof[-1].quote
    assert seen.signers is None
    (plain,) = _seen(make_reading, **told)
    (valid,) = _seen(make_reading, **told, signer="CN=Somebody, O=Somebody")
    assert len(plain.proof) == len(valid.proof) == 1


def test_a_name_that_a_signature_belies_is_no_proof(make_reading: Maker) -> None:
    path = "C:\\Users\\Public\\manifold.exe"
    seen = {one.product: one for one in _seen(make_reading, name="manifold.exe", exe=path, signer=_BY_SINGLE)}
    assert {name: one.confidence for name, one in seen.items()} == {"manifold": _MAYBE, "single": _MAYBE}
    (own,) = _seen(make_reading, name="manifold.exe", exe=path, signer=_BY_MANY)
    assert own.confidence is _YES


def test_a_name_that_is_proven_elsewhere_does_not_hide_who_signed(make_reading: Maker) -> None:
    processes = [
        {"pid": 1, "name": "manifold.exe", "exe": "C:\\a\\manifold.exe", "signer": _BY_MANY},
        {"pid": 2, "name": "manifold.exe", "exe": "C:\\b\\manifold.exe", "signer": _BY_SINGLE},
    ]
    seen = match(make_reading({"os": "windows", "process": processes}), _CATALOGUE)
    assert {one.product: one.pids for one in seen}["single"] == (2,)


def test_a_socket_beside_a_signature_is_no_doubt(make_reading: Maker) -> None:
    process = {"pid": 7, "name": "svc.exe", "exe": _PATH, "signer": _BY_SINGLE}
    host = {"os": "windows", "process": [process], "listener": [{"port": 4040, "pids": [7]}]}
    (seen,) = match(make_reading(host), _CATALOGUE)
    assert seen.confidence is _YES
    assert seen.renamed == (f"{_PATH} (signed by Single Ltd)",)


@pytest.mark.parametrize(
    ("path", "original", "renamed"),
    [
        pytest.param(_PATH, None, "(signed by Single Ltd)", id="no-name-is-known"),
        pytest.param(_PATH, "single.exe", "(made as single.exe)", id="the-catalogue-knows-it"),
        pytest.param(_PATH, "SingleHelper.exe", "(made as SingleHelper.exe)", id="its-maker-says-it"),
        pytest.param(_PATH, "SVC.exe", "", id="its-maker-calls-it-so"),
        pytest.param("C:\\Program Files\\Single\\osq.exe", None, "", id="beside-the-product"),
        pytest.param("C:\\x\\single (1).exe", None, "", id="a-name-of-the-product"),
    ],
)
def test_a_signed_program_that_bears_another_name(
    make_reading: Maker, path: str, original: str | None, renamed: str
) -> None:
    process = {"name": path.rpartition("\\")[2], "exe": path, "original_name": original, "company": "Single Ltd"}
    (seen,) = _seen(make_reading, **process, signer=_BY_SINGLE)
    assert seen.confidence is _YES
    assert seen.renamed == ((f"{path} {renamed}",) if renamed else ())


@pytest.mark.parametrize(
    ("origin", "is_told"), [("Store", True), ("Developer", True), ("None", False), ("", False), (None, False)]
)
def test_the_publisher_of_a_package_counts_where_it_is_signed(
    make_reading: Maker, origin: str | None, is_told: bool
) -> None:
    package = {"name": "a.package", "source": "software.appx", "signer": _BY_SINGLE, "origin": origin}
    assert bool(match(make_reading({"os": "windows", "software": [package]}), _CATALOGUE)) is is_told
