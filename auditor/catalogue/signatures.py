"""Who signed what is on a Windows host: the signature of each program that runs, and the makers that a signer meets."""

from collections.abc import Mapping

from auditor.catalogue.index import KEPT, KEPT_LENGTH, Hit, Index
from auditor.catalogue.product import IndicatorKind
from auditor.catalogue.subjects import names_in
from auditor.model.facts.processes import Process, ProgramSignature
from auditor.model.reading import Found, Reading
from auditor.model.record import Record

Row = Found[ProgramSignature]


class Signatures(Record, kw_only=True):
    """What a host says of signatures; of a path that it tells two things of, the one that says less."""

    exact: Mapping[str, Row]
    """By path."""
    folded: Mapping[str, Row]
    """By path in small letters: it is asked once for each, however a process spells it."""

    def of(self, process: Process) -> Row | None:
        """Return what was said of a process's program, None where nothing was."""
        path = process.executable
        if not path or not self.exact:
            return None
        return self.exact.get(path) or self.folded.get(path.casefold())


def signatures_of(reading: Reading) -> Signatures:
    """Arrange a host's signatures by the paths of the programs."""
    exact: dict[str, Row] = {}
    folded: dict[str, Row] = {}
    for found in reading.found(ProgramSignature):
        for table, path in ((exact, found.fact.path), (folded, found.fact.path.casefold())):
            other = table.get(path)
            if other is None or (other.fact.is_valid and not found.fact.is_valid):
                table[path] = found
    return Signatures(exact=exact, folded=folded)


def maker_hits(subject: str, index: Index) -> tuple[tuple[Hit, str], ...]:
    """Return which makers' indicators the subject of a certificate meets, each with the name that meets it.

    Its common name and its organisation are compared. Hosts have most signers in common.
    """
    known = index.signer_hits.get(subject)
    if known is None:
        names = {hit: name for name in names_in(subject) for hit in index.find(IndicatorKind.SIGNER, name)}
        known = tuple(names.items())
        if len(subject) <= KEPT_LENGTH:
            if len(index.signer_hits) >= KEPT:
                index.signer_hits.clear()
            index.signer_hits[subject] = known
    return known
