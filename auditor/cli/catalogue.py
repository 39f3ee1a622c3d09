"""``auditor catalogue``: show what remote-access software the auditor knows."""

import json
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from auditor.catalogue.enrichment import Standing, quarantine
from auditor.catalogue.explain import explain, list_row
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue, Product
from auditor.cli.command import Command
from auditor.cli.terminal import add_format_option, heading, print_rows, say, table
from auditor.errors import CatalogueError, Problem, UsageError, did_you_mean
from auditor.located import read_document

_QUARANTINE = ["tool", "product", "os", "kind", "value", "standing", "why"]
_COLUMNS = ["id", "name", "vendor", "category", "role", "platforms", "depth"]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "show", "check", "import"], help="what to do")
    parser.add_argument("id", nargs="?", metavar="ID", help="product to show, or file to import")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="product files to use instead of the bundled ones")
    add_format_option(parser)


def _run(options: Namespace) -> int:
    catalogue = load_catalogue(options.folder)
    if options.action == "import":
        _import(catalogue, options)
        return 0
    if options.action == "list":
        print_rows([list_row(product) for product in catalogue.products], _COLUMNS, options)
    elif options.action == "check":
        say(options, f"{len(catalogue.products)} products, no problem found; SHA-256 {catalogue.sha256}")
    else:
        show(find_product(catalogue, options.id), options)
    return 0


def _import(catalogue: Catalogue, options: Namespace) -> None:
    """Print what a public list says, graded weak, and where it collides; the catalogue stays as it is."""
    if options.id is None:
        raise UsageError("which file? `auditor catalogue import lolrmm.json` reads a list in LOLRMM's shape")
    file = Path(options.id)
    try:
        document = read_document(file.read_text(encoding="utf-8"), file, dates_as_text=True)
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(Problem(message=f"cannot be read: {error}", file=file)) from error
    if isinstance(document, Problem):
        raise CatalogueError(document)
    try:
        found = quarantine(document.data, catalogue)
    except ValueError as error:
        raise CatalogueError(Problem(message=str(error), file=file)) from error
    print_rows(
        [
            {
                "tool": one.tool,
                "product": one.product,
                "os": one.os.value,
                "kind": one.kind.value,
                "value": one.value,
                "strength": one.strength.value,
                "standing": one.standing.value,
                "why": one.why,
            }
            for one in found
        ],
        _QUARANTINE,
        options,
    )
    counts = Counter(one.standing for one in found)
    told = ", ".join(f"{counts[standing]} {standing.value}" for standing in Standing)
    say(options, f"{len(found)} values, weak at most: {told}. Nothing was added to the catalogue.")


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
    description="List the products of the catalogue, show one with everything it is recognised by, check a folder "
    "of product files, or show what a public list in LOLRMM's shape would add, in quarantine.",
    options=_options,
    run=_run,
)
