"""Programs that run under another name than their maker gave them: copies that hide from lists of names.

Windows alone keeps that name, in the version resource of the file (``OriginalFilename``). A program that has none there
may still be known by a valid signature of whoever makes that product and nothing else. What the resource says of such a
program is true, for the signature covers it: it cannot have been altered since.
"""

from collections.abc import Iterable

from auditor.catalogue.claim import Basis, Claim
from auditor.catalogue.globs import glob_matches
from auditor.catalogue.product import IndicatorKind, Product, Strength
from auditor.catalogue.programs import base
from auditor.model.facts.processes import Process, ProgramTrace
from auditor.model.host import OsFamily
from auditor.model.record import Record

_MOST = 12
_NAMES = (IndicatorKind.PROCESS, IndicatorKind.FILE)
_LEAST_LETTERS = 4


class Renamed(Record, kw_only=True):
    """The programs of a product that bear no name of it, sorted, a dozen of each at most."""

    by_name: tuple[str, ...]
    """By what their maker called them: ``PATH (made as NAME)``."""
    by_signature: tuple[str, ...]
    """By who signed them, and in no other way: the same, or ``PATH (signed by NAME)`` where no name of it is known."""


def renamed_programs(product: Product, claims: Iterable[Claim], family: OsFamily) -> Renamed:
    """Return the programs of a product that bear no name of it.

    A name that holds what its maker called it (``AnyDesk (1).exe``), or that the catalogue knows for the product, hides
    nothing. Of one that only a signature tells, nothing in the whole path may be of the product: its maker's other
    programs lie beside it, and are called as he likes.
    """
    known = _Known.of(product, family)
    by_name: set[str] = set()
    by_signature: set[str] = set()
    for claim in claims:
        told = _by_original_name(claim, known)
        if told:
            by_name.add(told)
        told = _by_signature(claim, known)
        if told:
            by_signature.add(told)
    return Renamed(by_name=tuple(sorted(by_name)[:_MOST]), by_signature=tuple(sorted(by_signature - by_name)[:_MOST]))


class _Known(Record, kw_only=True):
    """What a product's programs are called."""

    names: tuple[tuple[str, ...], ...]
    """Patterns of file names, split at their stars."""
    paths: tuple[tuple[str, ...], ...]
    """Patterns of paths, as well."""
    words: tuple[str, ...]
    """Its names and its maker's, letters and digits only."""

    @classmethod
    def of(cls, product: Product, family: OsFamily) -> "_Known":
        mine = [one for one in product.indicators if one.os is family]
        said = (product.id, product.name, *product.aliases, product.name.split()[0], product.vendor.split()[0])
        return cls(
            names=tuple(_parts(one.value) for one in mine if one.kind in _NAMES),
            paths=tuple(_parts(one.value) for one in mine if one.kind is IndicatorKind.EXECUTABLE),
            words=tuple({word for word in map(_letters, said) if len(word) >= _LEAST_LETTERS}),
        )

    def is_name(self, name: str) -> bool:
        """Tell whether a file name is one of the product's."""
        return any(glob_matches(parts, name) for parts in self.names)

    def is_place(self, path: str) -> bool:
        """Tell whether anything in a path is of the product or its maker."""
        letters = _letters(path)
        return any(word in letters for word in self.words) or any(glob_matches(parts, path) for parts in self.paths)


def _by_original_name(claim: Claim, known: _Known) -> str | None:
    fact = claim.found.fact
    if claim.hit.indicator.kind is not IndicatorKind.ORIGINAL_NAME or not isinstance(fact, Process | ProgramTrace):
        return None
    path = (fact.executable or fact.name) if isinstance(fact, Process) else fact.path
    name = base(path).casefold()
    if not name or _stem(claim.text) in name or known.is_name(name):
        return None
    return f"{path} (made as {claim.text})"


def _by_signature(claim: Claim, known: _Known) -> str | None:
    fact = claim.found.fact
    if claim.basis is not Basis.SIGNER or claim.strength is Strength.WEAK or claim.signature is None:
        return None
    path = fact.executable or ""
    name = base(path).casefold()
    original = fact.original_name or ""
    if not name or known.is_name(name) or known.is_place(path.casefold()):
        return None
    if not original:
        return f"{path} (signed by {claim.text})"
    return None if _stem(original) in name else f"{path} (made as {original})"


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.casefold().split("*"))


def _stem(name: str) -> str:
    return name.casefold().removesuffix(".exe")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
