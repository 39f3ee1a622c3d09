"""``auditor catalogue``: show what remote-access software the auditor knows."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from auditor.catalogue.explain import explain, list_row
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue, Product
from auditor.cli.command import Command
from auditor.cli.terminal import add_format_option, heading, print_rows, say, table
from auditor.errors import UsageError
from auditor.located import did_you_mean

_COLUMNS = ["id", "name", "vendor", "category", "role", "platforms", "depth"]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "show", "check"], help="what to do")
    parser.add_argument("id", nargs="?", metavar="ID", help="product to show")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="product files to use instead of the bundled ones")
    add_format_option(parser)


def _run(options: Namespace) -> int:
    catalogue = load_catalogue(options.folder)
    if options.action == "list":
        print_rows([list_row(product) for product in catalogue.products], _COLUMNS, options)
    elif options.action == "check":
        say(options, f"{len(catalogue.products)} products, no problem found; SHA-256 {catalogue.sha256}")
    else:
        show(find_product(catalogue, options.id), options)
    return 0


def find_product(catalogue: Catalogue, name: str | None) -> Product:
    """Return a product by its id, or say which is the nearest."""
    known = [product.id for product in catalogue.products]
    if name is None:
        raise UsageError("which product? `auditor catalogue list` lists them")
    product = catalogue.product(name)
    if product is None:
        raise UsageError(f"no product {name!r} in the catalogue{did_you_mean(name, known)}")
    return product


def show(product: Product, options: Namespace) -> None:
    """Print all that the catalogue says of a product."""
    told: dict[str, Any] = explain(product)
    if getattr(options, "format", "table") == "json":
        print(json.dumps(told, indent=1))
        return
    print(heading(f"{product.name} ({product.id})", options))
    print(f"{product.summary}\n")
    for name in ("vendor", "category", "role", "platforms", "techniques", "depth"):
        value = told[name]
        print(f"  {name:12}{', '.join(value) if isinstance(value, list) else value}")
    print()
    print(table(told["indicators"], ["os", "kind", "value", "strength", "source"], cell=64))


COMMAND = Command(
    help="show what remote-access software the auditor knows",
    description="List the products of the catalogue, show one with everything it is recognised by, or check a folder "
    "of product files.",
    options=_options,
    run=_run,
)
