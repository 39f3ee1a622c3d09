"""One fact that speaks for one product, and of what sort of evidence it is."""

from collections.abc import Container, Iterable
from enum import StrEnum
from typing import Any

from auditor.catalogue.index import Hit
from auditor.catalogue.product import Strength
from auditor.model.facts.network import Listener
from auditor.model.facts.processes import ProgramSignature
from auditor.model.reading import Found
from auditor.model.record import Record
from auditor.model.sighting import SightingState


class Basis(StrEnum):
    """What sort of evidence a claim rests on; supporting claims count once for each."""

    PACKAGE = "package"
    RECEIPT = "receipt"
    """What an installer noted of itself (macOS): dragging an app into the bin leaves it behind."""
    PROCESS = "process"
    ARGUMENTS = "arguments"
    """What a program was started to do, where its name is its file's and not the starter's word."""
    LISTENER = "listener"
    SERVICE = "service"
    ACTIVATION = "activation"
    """A socket that a manager of services holds for a program, which it starts when somebody connects."""
    SIGNER = "signer"
    MAKER = "maker"
    """What it says of its maker and itself: company, product and original name stand in one version resource, and who
    writes one of them writes them all."""
    CONTAINER = "container"
    FILE = "file"
    SETTING = "setting"
    """A file of its settings, which says nothing of whether it is there still."""
    EXTENSION = "extension"
    FEATURE = "feature"
    TRACE = "trace"
    """A record that it ran, was installed or was looked up: it says nothing of whether it is there still."""


class Claim(Record, kw_only=True, eq=False):
    """One fact that speaks for one product."""

    hit: Hit
    """The indicator it meets."""
    strength: Strength
    """How much it says here: at most what the indicator says."""
    basis: Basis
    """What sort of evidence it is."""
    state: SightingState
    """How alive the product is by it."""
    found: Found[Any]
    """The fact and its place."""
    text: str
    """What met the indicator."""
    pid: int | None = None
    """The process, where it is one's."""
    context: str = ""
    """The command line it was met in, which may tell whose instance it is."""
    signature: Found[ProgramSignature] | None = None
    """What Windows says of the signature of the program, where a certificate came with it."""

    @property
    def product(self) -> str:
        """Return the product's id."""
        return self.hit.product.id


def claim_of(
    hit: Hit,
    basis: Basis,
    state: SightingState,
    found: Found[Any],
    text: str,
    *,
    pid: int | None = None,
    at_most: Strength = Strength.STRONG,
    context: str = "",
) -> Claim:
    """Return the claim of a fact that meets an indicator, which says at most so much here."""
    strength = max(hit.indicator.strength, at_most, key=lambda strength: strength.rank)
    return Claim(hit=hit, strength=strength, basis=basis, state=state, found=found, text=text, pid=pid, context=context)


def spoken_for(hits: Iterable[Hit], named: Container[str]) -> list[Hit]:
    """Leave out what a signature or company's name says by itself where its maker makes much else: where it is weak.

    Beside a name of the product it counts. Alone it would take every program of Zoho's for Zoho's remote support.
    """
    return [hit for hit in hits if hit.product.id in named or hit.indicator.strength is not Strength.WEAK]


def trust(*, is_trusted: bool) -> Strength:
    """Return how much a text can say: one that the host or a program made up supports, and no more."""
    return Strength.STRONG if is_trusted else Strength.SUPPORTING


def socket_claim(claim: Claim, basis: Basis, found: Found[Listener]) -> Claim:
    """Let what speaks for a product speak for a socket of it too."""
    text = f"{found.fact.port}/{found.fact.protocol}"
    return claim_of(claim.hit, basis, SightingState.RUNNING, found, text, at_most=Strength.SUPPORTING)
