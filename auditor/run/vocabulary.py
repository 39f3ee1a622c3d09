"""The words that everybody knows: those the auditor itself looks for, and those of the hosts recorded with it."""

import ast
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import product

from auditor.catalogue.product import Catalogue
from auditor.collect.scrub import Vocabulary
from auditor.collect.scrub_addresses import WORD, runs

_READERS = ("collect", "firewall")
_LEAST = 2


def vocabulary(catalogue: Catalogue) -> Vocabulary:
    """Return both kinds of words, in lower case; a product is recognised by the same words after scrubbing."""
    known, public = _own_words()
    indicators = _words("\n".join(one.value for entry in catalogue.products for one in entry.indicators))
    patterns = "\n".join(one.value for entry in catalogue.products for one in entry.indicators if "*" in one.value)
    return Vocabulary(ours=known | indicators | _mode_words(), public=public, parts=frozenset(_words(patterns)))


@cache
def _mode_words() -> frozenset[str]:
    """Return what permissions as ``ls`` writes them are made of, such as ``drwxrwsr`` of ``drwxrwsr-x``."""
    classes = ["".join(bits) for bits in product("r-", "w-", "xst-")]
    return frozenset(_words("\n".join("d" + "".join(each) for each in product(classes, repeat=3))))


@cache
def _own_words() -> tuple[frozenset[str], frozenset[str]]:
    """Read the package's own files: they are never behind."""
    package = files("auditor")
    ours: set[str] = set()
    for folder in _READERS:
        for file in _below(package / folder):
            if file.name.endswith(".py"):
                ours |= _words("\n".join(_literals(file.read_text(encoding="utf-8"))))
            elif file.name.endswith(".sh"):
                ours |= _words(file.read_text(encoding="utf-8"))
    public: set[str] = set()
    # Only what a real host said is public: simulated hosts, in a folder of their own, have invented people's names.
    for file in (package / "demo").iterdir():
        if file.name.endswith(".probe"):
            public |= _words(zlib.decompress(file.read_bytes().partition(b"\n")[2], wbits=31).decode())
    return frozenset(ours), frozenset(public)


def _below(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry)
        else:
            yield entry


def _literals(source: str) -> Iterator[str]:
    """Yield the texts in a module that are no documentation: what a parser compares with stands there.

    Documentation is also what says where a fact was read (``source=``).
    """
    module = ast.parse(source)
    documentation = {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr | ast.keyword)
        and isinstance(node.value, ast.Constant)
        and (isinstance(node, ast.Expr) or node.arg == "source")
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def _words(text: str) -> set[str]:
    return {run.lower() for run, is_word in runs(text, WORD) if is_word and len(run) >= _LEAST and not run.isdigit()}
