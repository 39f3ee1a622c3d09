"""Read the catalogue: product files checked all at once, or the compiled form of an earlier run."""

import json
import os
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from auditor.catalogue.cache import cache_file, keep, recall, user_cache
from auditor.catalogue.entry import make_catalogue, read_product
from auditor.catalogue.lint import catalogue_problems, entry_problems
from auditor.catalogue.product import Catalogue
from auditor.errors import CatalogueError, Problem
from auditor.located import Document, read_document, schema_problems, without_references

_SUFFIX = ".yml"


def load_catalogue(folder: Path | None = None, *, cache_folder: Path | None = None) -> Catalogue:
    """Load the bundled catalogue, or every ``*.yml`` of a folder instead of it.

    The compiled form is kept in ``cache_folder`` (default: the user's, by ``XDG_CACHE_HOME``) under the digest of
    the files. Raises CatalogueError with every problem of every file.
    """
    texts = _read_folder(folder)
    place = cache_folder or user_cache(os.environ)
    file = None if place is None else cache_file(place, [(path.name, text) for path, text in texts])
    if file is not None:
        kept = recall(file)
        if kept is not None:
            return kept
    catalogue = parse_catalogue(texts)
    if file is not None:
        keep(file, catalogue)
    return catalogue


def _read_folder(folder: Path | None) -> list[tuple[Path, str]]:
    """Read the text of every product file, sorted by name."""
    place = resources.files("auditor.catalogue") / "products" if folder is None else folder
    try:
        names = sorted(entry.name for entry in place.iterdir() if entry.name.endswith(_SUFFIX))
        texts = [(name, (place / name).read_text(encoding="utf-8")) for name in names]
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(Problem(message=f"cannot be read as a catalogue: {error}", file=folder)) from error
    if not texts:
        raise CatalogueError(Problem(message=f"holds no product file (*{_SUFFIX})", file=folder))
    shown = Path("auditor/catalogue/products") if folder is None else folder
    return [(shown / name, text) for name, text in texts]


def parse_catalogue(texts: list[tuple[Path, str]]) -> Catalogue:
    """Make a catalogue of product files, each a path for messages and a text, or raise CatalogueError."""
    problems: list[Problem] = []
    documents: list[Document] = []
    for file, text in texts:
        document = read_document(text, file)
        if isinstance(document, Problem):
            problems.append(document)
            continue
        document = Document(file=file, data=_plain(document.data), places=document.places)
        wrong = schema_problems(document, _checked_schema()) or entry_problems(document)
        problems.extend(wrong)
        if not wrong:
            documents.append(document)
    problems.extend(catalogue_problems(documents, sorted(file.stem for file, _ in texts)))
    if problems:
        raise CatalogueError(sorted(problems, key=lambda item: (str(item.file), item.line or 0, item.column or 0)))
    return make_catalogue(read_product(document.data) for document in documents)


@cache
def product_schema() -> dict[str, Any]:
    """Return the JSON Schema of a product entry."""
    schema: dict[str, Any] = json.loads((resources.files("auditor.catalogue") / "schema.json").read_text("utf-8"))
    return schema


@cache
def _checked_schema() -> dict[str, Any]:
    """Return the same as entries are held to it: two hundred files refer to its definitions ten thousand times."""
    return without_references(product_schema())


def _plain(data: object) -> Any:  # noqa: ANN401 — whatever YAML holds
    """Write days as text, as JSON would: YAML reads them as dates."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data.isoformat() if isinstance(data, date) else data
