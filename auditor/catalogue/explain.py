"""What the catalogue says of a product, for ``auditor catalogue list``, ``show`` and ``explain``."""

from typing import Any

from auditor.catalogue.entry import write_product
from auditor.catalogue.product import Product


def list_row(product: Product) -> dict[str, Any]:
    """Return the row of ``catalogue list``."""
    return {
        "id": product.id,
        "name": product.name,
        "vendor": product.vendor,
        "category": product.category.value,
        "role": product.role.value,
        "platforms": [family.value for family in product.platforms],
        "depth": product.depth.value,
    }


def explain(product: Product) -> dict[str, Any]:
    """Return everything the catalogue says of a product: plain data, indicators strongest first, one a row."""
    told = write_product(product)
    indicators = sorted(product.indicators, key=lambda item: (item.os.value, item.strength.rank, item.kind, item.value))
    return {
        **list_row(product),
        "aliases": told["aliases"],
        "status": told["status"],
        "fallback": told["fallback"],
        "techniques": told["techniques"],
        "software": told["software"],
        "summary": told["summary"],
        "listens": told["listens"],
        "connects": told["connects"],
        "indicators": [
            {
                "os": item.os.value,
                "kind": item.kind.value,
                "value": item.value,
                "excluding": list(item.excluding),
                "strength": item.strength.value,
                "source": item.source,
                "verified": item.verified.isoformat(),
            }
            for item in indicators
        ],
        "tenants": told["tenants"],
        "unsafe": told["unsafe"],
        "uninstall": told["uninstall"],
        "removal": told["removal"],
        "absent": told["absent"],
        "replaced_by": told["replaced_by"],
        "brand_of": told["brand_of"],
    }
