"""Which approval covers a product on a host, and why those that name the product do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from auditor.catalogue.globs import glob_matches
from auditor.model.host import HostFacts
from auditor.model.policy import Approval, ListenScope, Policy
from auditor.model.sighting import Sighting
from auditor.policy.applies import applies_to
from auditor.policy.versions import parse_range

_SHOWN = 60
"""Characters of a host's text that an objection repeats."""
_NAMED = 3
"""Near misses that an objection names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What the policy says of a product on a host."""

    approval: Approval | None = None
    """The approval that covers it; None when nobody approved it here."""
    objection: str | None = None
    """Why approvals that name the product do not cover it, without a full stop; None when no approval names it."""


def approval_for(sighting: Sighting, host: HostFacts, policy: Policy, as_of: date) -> Cover:
    """Return the first approval that covers a product on a host, else the reasons of those that come near."""
    named = [approval for approval in policy.approvals if approval.product == sighting.product]
    for approval in named:
        if next(_obstacles(approval, sighting, host, as_of), None) is None:
            return Cover(approval=approval)
    return Cover(objection=_objection([(one, list(_obstacles(one, sighting, host, as_of))) for one in named]))


def listener_approval(
    sighting: Sighting, host: HostFacts, policy: Policy, as_of: date, *, port: int, is_loopback: bool
) -> Cover:
    """Return the first approval of a product that also lets it listen on a port and binding."""
    named = [approval for approval in policy.approvals if approval.product == sighting.product]
    refused = []
    for approval in named:
        obstacles = list(_obstacles(approval, sighting, host, as_of))
        if not approval.listen.allows(port=port, is_loopback=is_loopback):
            obstacles.append(_outside(approval.listen, port))
        if not obstacles:
            return Cover(approval=approval)
        refused.append((approval, obstacles))
    return Cover(objection=_objection(refused))


def _obstacles(approval: Approval, sighting: Sighting, host: HostFacts, as_of: date) -> Iterator[str]:
    """Yield each reason why an approval of this product does not cover it here."""
    if not applies_to(host, hosts=approval.hosts, groups=approval.groups):
        yield "is for other hosts"
    if approval.review_by < as_of:
        yield f"was to be reviewed by {approval.review_by.isoformat()} and has not been"
    if approval.versions is not None:
        if sighting.version is None:
            yield f"is for versions {approval.versions}, and which version this is could not be told"
        elif not parse_range(approval.versions).covers(sighting.version):
            yield f"is for versions {approval.versions}, and this is {_quoted(sighting.version)}"
    if approval.tenant is not None and approval.tenant != sighting.tenant:
        if sighting.tenant is None:
            yield f"is for tenant {approval.tenant!r}, and which tenant this is could not be told"
        else:
            yield f"is for tenant {approval.tenant!r}, and this is {_quoted(sighting.tenant)}"
    if approval.signer is not None:
        yield from _signers(approval.signer, sighting.signers)


def _signers(wanted: str, signers: tuple[str, ...] | None) -> Iterator[str]:
    """Yield why what was signed by some is not what an approval is for: each of them has to be the one it names."""
    parts = tuple(wanted.casefold().split("*"))
    if signers is None:
        yield f"is for what {wanted!r} signed, and who signed this could not be told"
    for signer in signers or ():
        if not glob_matches(parts, signer.casefold()):
            yield f"is for what {wanted!r} signed, and this is signed by {_quoted(signer)}"


def _outside(scope: ListenScope, port: int) -> str:
    """Say in which way a listener is outside what an approval lets a product listen on."""
    if scope.ports and not any(low <= port <= high for low, high in scope.ports):
        ranges = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in scope.ports)
        return f"is for port {ranges}, and this is port {port}"
    return "is for loopback only (`listen.loopback_only`)"


def _objection(refused: list[tuple[Approval, list[str]]]) -> str | None:
    """Name the approvals that come nearest: those that the fewest reasons speak against."""
    if not refused:
        return None
    fewest = min(len(obstacles) for _, obstacles in refused)
    nearest = [(approval, obstacles) for approval, obstacles in refused if len(obstacles) == fewest]
    said = [f"approval '{approval.id}' {', and '.join(obstacles)}" for approval, obstacles in nearest[:_NAMED]]
    if len(nearest) > _NAMED:
        said.append(f"{len(nearest) - _NAMED} more approvals do not cover it either")
    text = "; ".join(said)
    return text[0].upper() + text[1:]


def _quoted(text: str) -> str:
    """Repeat a host's own word as a literal, cut to a length that a sentence bears."""
    return ascii(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
