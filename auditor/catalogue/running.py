"""What running programs say for products: by their names, command line, version resource and signature.

On Windows the name of a file and its version resource are the word of whoever put it there. A valid signature is not:
it covers the file with its version resource, so that what this says of a product of the signer's is the signer's own
word (Authenticode: the hash is of the whole file but its checksum and the signature).
"""

from collections.abc import Iterable, Iterator

from auditor.catalogue.claim import Basis, Claim, claim_of, spoken_for, trust
from auditor.catalogue.index import KEPT, KEPT_LENGTH, Hit, Index
from auditor.catalogue.product import IndicatorKind, Strength
from auditor.catalogue.programs import (
    Program,
    first_word,
    is_script_run,
    program_of_process,
    program_of_windows,
)
from auditor.catalogue.signatures import Row, maker_hits, signatures_of
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading
from auditor.model.record import Record, replace
from auditor.model.sighting import SightingState

_APPLICATION_KINDS = (IndicatorKind.TEAM_ID, IndicatorKind.SIGNER)
_TELLING = (IndicatorKind.ORIGINAL_NAME, IndicatorKind.PRODUCT_NAME)
"""What a version resource says of the product; a company's name says no more than a signature does."""


class _Program(Record, kw_only=True):
    """A running program and who signed it."""

    found: Found[Process]
    """The process."""
    row: Row | None
    """What Windows says of its signature; None where it says nothing."""
    signed: tuple[tuple[Hit, str], ...]
    """Indicators that the signer meets, each with the name that meets it; none where the signature is not valid."""
    context: str
    """Its command line, where that may tell whose instance it is (Windows)."""

    def is_by_maker_of(self, hit: Hit) -> bool:
        """Tell whether the maker of an indicator's product signed it."""
        return any(one.product is hit.product for one, _ in self.signed)

    def is_by_another(self, hit: Hit) -> bool:
        """Tell whether the maker of one other product, and of nothing else, signed it: then a name is made up."""
        kin = {hit.product.id, hit.product.brand_of}
        return not self.is_by_maker_of(hit) and any(
            one.indicator.strength is not Strength.WEAK and not kin & {one.product.id, one.product.brand_of or ""}
            for one, _ in self.signed
        )

    def claim(self, hit: Hit, basis: Basis, text: str, at_most: Strength) -> Claim:
        """Return what it says for a product; a certificate that speaks for it, or that is void, is quoted beside it."""
        row = self.row
        state, pid = SightingState.RUNNING, self.found.fact.pid
        claim = claim_of(hit, basis, state, self.found, text, pid=pid, at_most=at_most, context=self.context)
        is_worth_a_word = row is not None and row.fact.signer and (basis is Basis.SIGNER or not row.fact.is_valid)
        return replace(claim, signature=row) if is_worth_a_word else claim


def process_claims(reading: Reading, index: Index) -> Iterator[Claim]:
    """Return what a host's processes say, in their order."""
    signatures, is_windows = signatures_of(reading), index.os is OsFamily.WINDOWS
    for found in reading.found(Process):
        fact = found.fact
        if fact.is_kernel:
            continue
        hits = _process_hits(fact, index)
        if not hits and not is_windows and not fact.signer:
            # So it is with nearly every process: a version resource is of Windows.
            continue
        row = signatures.of(fact)
        context = fact.arguments if is_windows else ""
        program = _Program(found=found, row=row, signed=_signed_by(fact, row, index), context=context)
        resource = _resource_hits(fact, index)
        if hits or resource or program.signed:
            yield from _name_claims(program, hits)
            yield from _maker_claims(program, hits, resource)


def _name_claims(program: _Program, hits: Iterable[tuple[Hit, str, bool]]) -> Iterator[Claim]:
    """Return what its names and its command line say: a name of Windows that another's signature belies, less."""
    trusted_of = {hit.product.id for hit, _, is_trusted in hits if is_trusted}
    for hit, text, is_trusted in hits:
        is_mode = hit.indicator.kind is IndicatorKind.ARGUMENTS and hit.product.id in trusted_of
        at_most = trust(is_trusted=is_trusted and not (program.signed and program.is_by_another(hit)))
        yield program.claim(hit, Basis.ARGUMENTS if is_mode else Basis.PROCESS, text, at_most)


def _maker_claims(
    program: _Program, hits: Iterable[tuple[Hit, str, bool]], resource: Iterable[tuple[Hit, str]]
) -> Iterator[Claim]:
    """Return what its version resource says, and who signed it.

    That a file bears the name which stands in its resource says no more than either: it is one sort of evidence.
    """
    named = {hit.product.id for hit, _, _ in hits}
    called = {hit.product.id for hit, _, _ in hits if hit.indicator.kind is not IndicatorKind.ARGUMENTS}
    told = {hit.product.id for hit, _ in resource if hit.indicator.kind in _TELLING and _counts(hit)}
    named = named | {hit.product.id for hit, _ in resource if hit.indicator.kind is IndicatorKind.ORIGINAL_NAME}
    for hit, text in resource:
        if hit in spoken_for((hit,), named):
            is_same = hit.indicator.kind is IndicatorKind.ORIGINAL_NAME and hit.product.id in called
            basis = Basis.PROCESS if is_same else Basis.MAKER
            yield program.claim(hit, basis, text, trust(is_trusted=program.is_by_maker_of(hit)))
    for hit, name in program.signed:
        if hit in spoken_for((hit,), named | told):
            claim = program.claim(hit, Basis.SIGNER, name, Strength.STRONG)
            # Who makes much else has signed that it is this one.
            yield replace(claim, strength=Strength.SUPPORTING) if hit.product.id in told else claim


def _counts(hit: Hit) -> bool:
    return hit.indicator.strength is not Strength.WEAK


def _signed_by(process: Process, row: Row | None, index: Index) -> tuple[tuple[Hit, str], ...]:
    """Return which makers' indicators a signer meets: of Windows only what it found valid counts."""
    if index.os is OsFamily.WINDOWS:
        return maker_hits(row.fact.signer or "", index) if row is not None and row.fact.is_valid else ()
    signer = process.signer
    return tuple((hit, signer) for kind in _APPLICATION_KINDS for hit in index.find(kind, signer)) if signer else ()


def _resource_hits(process: Process, index: Index) -> list[tuple[Hit, str]]:
    """Return what a version resource meets; it says little where there is none, as everywhere but on Windows."""
    said = (
        (IndicatorKind.ORIGINAL_NAME, process.original_name),
        (IndicatorKind.COMPANY, process.company),
        (IndicatorKind.PRODUCT_NAME, process.product_name),
    )
    return [(hit, text) for kind, text in said if text for hit in index.find(kind, text)]


def _process_hits(fact: Process, index: Index) -> tuple[tuple[Hit, str, bool], ...]:
    """Return what a process meets, by what, and whether that is trusted; hosts have most processes in common."""
    key = (fact.executable, fact.name, fact.arguments)
    known = index.process_hits.get(key)
    if known is not None:
        return known
    hits = [
        *_program_hits(fact, index),
        *((hit, fact.arguments[:KEPT_LENGTH], False) for hit in index.find(IndicatorKind.ARGUMENTS, fact.arguments)),
    ]
    if len(fact.arguments) <= KEPT_LENGTH:
        if len(index.process_hits) >= KEPT:
            index.process_hits.clear()
        index.process_hits[key] = tuple(hits)
    return tuple(hits)


def _program_hits(fact: Process, index: Index) -> tuple[tuple[Hit, str, bool], ...]:
    """Return what the names and paths of a process meet; many have the host's own address in their command line."""
    if index.os is OsFamily.WINDOWS:
        return _named_hits(fact, index, program_of_windows(fact.executable, fact.name, fact.arguments))
    first = first_word(fact.arguments)
    key = (fact.executable, fact.name, first)
    known = index.program_hits.get(key)
    if known is not None:
        return known
    hits = _named_hits(fact, index, program_of_process(fact.executable, fact.name, fact.arguments))
    if len(first) <= KEPT_LENGTH and not is_script_run(fact.executable, fact.name, first):
        if len(index.program_hits) >= KEPT:
            index.program_hits.clear()
        index.program_hits[key] = hits
    return hits


def _named_hits(fact: Process, index: Index, program: Program) -> tuple[tuple[Hit, str, bool], ...]:
    hits: list[tuple[Hit, str, bool]] = []
    for name, trusted in program.names.items():
        hits += [(hit, name, trusted) for hit in index.find(IndicatorKind.PROCESS, name)]
    for path, trusted in program.paths.items():
        hits += [(hit, path, trusted) for hit in index.find(IndicatorKind.EXECUTABLE, path)]
    hits += [(hit, fact.name, False) for hit in index.cut_names.get(fact.name, ())]
    return tuple(hits)
