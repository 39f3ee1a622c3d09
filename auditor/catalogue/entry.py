"""How a product is written down: plain data in the shape of ``schema.json``, and back."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from auditor.catalogue.product import (
    Alphabet,
    Catalogue,
    Connects,
    Depth,
    Indicator,
    IndicatorKind,
    Listens,
    Product,
    SettingFormat,
    Status,
    Strength,
    TenantRule,
    Uninstall,
    UnsafeSetting,
)
from auditor.model.host import OsFamily
from auditor.model.sighting import Category, Role
from auditor.model.succession import last_successors
from auditor.model.verdict import Severity

Plain = dict[str, Any]


def read_product(data: Mapping[str, Any]) -> Product:
    """Make a product of plain data that holds to the schema."""
    return Product(
        id=data["id"],
        name=data["name"],
        vendor=data["vendor"],
        aliases=tuple(data.get("aliases", ())),
        category=Category(data["category"]),
        role=Role(data["role"]),
        status=Status(data.get("status", Status.ACTIVE)),
        depth=Depth(data["depth"]),
        is_fallback=data.get("fallback", False),
        techniques=tuple(data["techniques"]),
        software=tuple(data.get("software", ())),
        summary=" ".join(data["summary"].split()),
        listens=tuple(Listens(port=str(item["port"]), note=item.get("note", "")) for item in data.get("listens", ())),
        connects=tuple(
            Connects(
                port=str(item["port"]),
                is_shared=item.get("shared", False),
                note=item.get("note", ""),
                source=item["source"],
                verified=date.fromisoformat(item["verified"]),
            )
            for item in data.get("connects", ())
        ),
        indicators=tuple(one for item in data["indicators"] for one in _read_indicators(item)),
        tenants=tuple(
            TenantRule(
                kinds=tuple(IndicatorKind(kind) for kind in item.get("kinds", ())),
                setting=item.get("setting", ""),
                prefix=item.get("prefix", ""),
                alphabet=Alphabet(item["alphabet"]),
                shortest=item.get("shortest", 1),
            )
            for item in data.get("tenants", ())
        ),
        unsafe=tuple(_read_unsafe(item) for item in data.get("unsafe", ())),
        uninstall={
            OsFamily(family): tuple(_read_uninstall(item) for item in recipes)
            for family, recipes in data.get("uninstall", {}).items()
        },
        removal={OsFamily(family): tuple(steps) for family, steps in data.get("removal", {}).items()},
        absent=dict(data.get("absent", {})),
        replaced_by=data.get("replaced_by"),
        brand_of=data.get("brand_of"),
    )


def _read_indicators(item: Mapping[str, Any]) -> Iterable[Indicator]:
    for value in item["values"]:
        yield Indicator(
            kind=IndicatorKind(item["kind"]),
            os=OsFamily(item["os"]),
            value=str(value),
            excluding=tuple(item.get("excluding", ())),
            strength=Strength(item["strength"]),
            source=item["source"],
            verified=date.fromisoformat(item["verified"]),
        )


def _read_unsafe(item: Mapping[str, Any]) -> UnsafeSetting:
    return UnsafeSetting(
        os=OsFamily(item["os"]),
        file=item["file"],
        format=SettingFormat(item["format"]),
        key=item["key"],
        when=str(item["when"]),
        unless={key: tuple(str(one) for one in words) for key, words in item.get("unless", {}).items()},
        severity=Severity(item.get("severity", Severity.MEDIUM)),
        why=item["why"],
        source=item["source"],
        verified=date.fromisoformat(item["verified"]),
    )


def _read_uninstall(item: Mapping[str, Any]) -> Uninstall:
    return Uninstall(
        detect=item["detect"],
        silent=item["silent"],
        verify=item["verify"],
        is_reversible=item["reversible"],
        source=item["source"],
        verified=date.fromisoformat(item["verified"]),
    )


def write_product(product: Product) -> Plain:
    """Write a product as plain data: every field, one value an indicator, ready for JSON."""
    return {
        "id": product.id,
        "name": product.name,
        "vendor": product.vendor,
        "aliases": list(product.aliases),
        "category": product.category.value,
        "role": product.role.value,
        "status": product.status.value,
        "depth": product.depth.value,
        "fallback": product.is_fallback,
        "techniques": list(product.techniques),
        "software": list(product.software),
        "summary": product.summary,
        "listens": [{"port": item.port, "note": item.note} for item in product.listens],
        "connects": [
            {
                "port": item.port,
                "shared": item.is_shared,
                "note": item.note,
                "source": item.source,
                "verified": item.verified.isoformat(),
            }
            for item in product.connects
        ],
        "indicators": [
            {
                "kind": item.kind.value,
                "os": item.os.value,
                "values": [item.value],
                "excluding": list(item.excluding),
                "strength": item.strength.value,
                "source": item.source,
                "verified": item.verified.isoformat(),
            }
            for item in product.indicators
        ],
        "tenants": [
            {
                "kinds": [kind.value for kind in item.kinds],
                "setting": item.setting,
                "prefix": item.prefix,
                "alphabet": item.alphabet.value,
                "shortest": item.shortest,
            }
            for item in product.tenants
        ],
        "unsafe": [_write_unsafe(item) for item in product.unsafe],
        "uninstall": {
            family.value: [_write_uninstall(item) for item in recipes]
            for family, recipes in sorted(product.uninstall.items())
        },
        "removal": {family.value: list(steps) for family, steps in sorted(product.removal.items())},
        "absent": dict(sorted(product.absent.items())),
        "replaced_by": product.replaced_by,
        "brand_of": product.brand_of,
    }


def _write_unsafe(item: UnsafeSetting) -> Plain:
    return {
        "os": item.os.value,
        "file": item.file,
        "format": item.format.value,
        "key": item.key,
        "when": item.when,
        # What most have not is left out: the digest of an older catalogue, as a bundle holds it, stays what it was.
        **({"unless": {key: list(words) for key, words in sorted(item.unless.items())}} if item.unless else {}),
        **({"severity": item.severity.value} if item.severity is not Severity.MEDIUM else {}),
        "why": item.why,
        "source": item.source,
        "verified": item.verified.isoformat(),
    }


def _write_uninstall(item: Uninstall) -> Plain:
    return {
        "detect": item.detect,
        "silent": item.silent,
        "verify": item.verify,
        "reversible": item.is_reversible,
        "source": item.source,
        "verified": item.verified.isoformat(),
    }


def make_catalogue(products: Iterable[Product]) -> Catalogue:
    """Sort products into a catalogue, its digest taken over what they say."""
    ordered = tuple(sorted(products, key=lambda product: product.id))
    text = _text(ordered)
    days = [indicator.verified for product in ordered for indicator in product.indicators]
    return Catalogue(
        products=ordered,
        version=max(days, default=date.min).isoformat(),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _text(products: tuple[Product, ...]) -> str:
    plain = [write_product(product) for product in products]
    return json.dumps(plain, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def catalogue_text(catalogue: Catalogue) -> str:
    """Write a catalogue as the one text that its digest is taken over: what a bundle holds."""
    return _text(catalogue.products)


def catalogue_of(text: str) -> Catalogue:
    """Read what ``catalogue_text`` wrote; ValueError when it is none."""
    try:
        catalogue = make_catalogue(read_product(item) for item in json.loads(text))
        last_successors(catalogue.replaced_by)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a catalogue: {error!r}") from error
    return catalogue


def write_catalogue(catalogue: Catalogue) -> Plain:
    """Write a catalogue as plain data: what a bundle and the cache keep."""
    return {
        "version": catalogue.version,
        "sha256": catalogue.sha256,
        "products": [write_product(product) for product in catalogue.products],
    }


def read_catalogue(data: Mapping[str, Any]) -> Catalogue:
    """Read what ``write_catalogue`` wrote; raise ValueError when the content is not what its digest says."""
    try:
        catalogue = make_catalogue(read_product(item) for item in data["products"])
        expected = data["sha256"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a catalogue: {error!r}") from error
    if catalogue.sha256 != expected:
        raise ValueError("the catalogue's content does not match its digest")
    return catalogue
