"""Which approval covers a product on a host, and why those that name the product do not."""

from collections.abc import Iterator, Sequence
from datetime import date

from auditor.catalogue.globs import glob_matches
from auditor.model.breach import Breach, Term
from auditor.model.host import HostFacts
from auditor.model.policy import Approval, ListenScope, Policy
from auditor.model.record import Record
from auditor.model.sighting import Sighting
from auditor.policy.applies import applies_to
from auditor.policy.versions import parse_range

_SHOWN = 60
"""Characters of a host's text that an objection repeats."""
_NAMED = 3
"""Near misses that an objection names."""
_GRAVITY = {Term.REVIEW: 1, Term.VERSIONS: 2, Term.TENANT: 3}
_FOREIGN = 4
"""A tenant that is known to be another one is further from an approval than one that could not be told."""


class Cover(Record, kw_only=True):
    """What the policy says of a product on a host, or of a socket of it."""

    approval: Approval | None = None
    """The approval that covers it; None when none does in full."""
    may_start: bool = True
    """Whether one of those that are nearest lets it start with the machine or a session."""
    may_be_portable: bool = False
    """Whether one of those that are nearest lets users have copies of their own."""
    objection: str | None = None
    """Why approvals that name the product do not cover it, without a full stop; None when no approval names it."""
    breaches: tuple[Breach, ...] = ()
    """Terms of the nearest approval that is for the product here, and that it does not keep; none: nothing is near."""


class _Weighed(Record, kw_only=True):
    """An approval that names a product, and what speaks against it."""

    approval: Approval
    """The approval."""
    elsewhere: tuple[str, ...]
    """Why it is for something else: other hosts, accounts or makers."""
    breaches: tuple[Breach, ...]
    """Which of its terms are not kept."""

    @property
    def distance(self) -> list[int]:
        """Return how far it is from covering: the gravest term first, so that lists compare as people would."""
        return sorted((_weight(breach) for breach in self.breaches), reverse=True)

    @property
    def said(self) -> list[str]:
        """Return everything that speaks against it."""
        return [*self.elsewhere, *(breach.text for breach in self.breaches)]


def approval_for(sighting: Sighting, host: HostFacts, policy: Policy, as_of: date) -> Cover:
    """Return the first approval that covers a product on a host, else what the nearest one has against it.

    An approval that is for other hosts, accounts or makers is not near: of one that is for this product here, the terms
    are named that it does not keep (tenant, versions, review), each of which is a violation of its own.
    """
    weighed = _weighed(sighting, host, policy, as_of)
    nearest = _nearest(weighed)
    if not nearest:
        return Cover(objection=_objection([(one.approval, one.said) for one in weighed]))
    first = nearest[0]
    may_start = any(one.approval.may_start for one in nearest)
    may_be_portable = any(one.approval.may_be_portable for one in nearest)
    if not first.breaches:
        return Cover(approval=first.approval, may_start=may_start, may_be_portable=may_be_portable)
    return Cover(
        objection=_objection([(one.approval, one.said) for one in nearest]),
        breaches=first.breaches,
        may_start=may_start,
        may_be_portable=may_be_portable,
    )


def listener_approval(
    sighting: Sighting, host: HostFacts, policy: Policy, as_of: date, *, port: int, is_loopback: bool
) -> Cover:
    """Return the first of the nearest approvals of a product that also lets it listen on a port and binding.

    One that is not kept in its versions or its review lets it listen still: that is said of the product, once. Of a
    foreign tenant, or one that could not be told, no socket is covered.
    """
    weighed = _weighed(sighting, host, policy, as_of)
    nearest = [one for one in _nearest(weighed) if all(breach.term is not Term.TENANT for breach in one.breaches)]
    outside: list[tuple[_Weighed, Breach]] = []
    for one in nearest:
        if one.approval.listen.allows(port=port, is_loopback=is_loopback):
            return Cover(approval=one.approval)
        text = _outside(one.approval.listen, port)
        outside.append((one, Breach(approval=one.approval.id, term=Term.LISTEN, text=text)))
    if outside:
        said = [(one.approval, [*one.said, breach.text]) for one, breach in outside]
        return Cover(objection=_objection(said), breaches=(outside[0][1],))
    refused = []
    for one in weighed:
        allows = one.approval.listen.allows(port=port, is_loopback=is_loopback)
        refused.append((one.approval, one.said if allows else [*one.said, _outside(one.approval.listen, port)]))
    return Cover(objection=_objection(refused))


def _weighed(sighting: Sighting, host: HostFacts, policy: Policy, as_of: date) -> list[_Weighed]:
    return [
        _Weighed(
            approval=approval,
            elsewhere=tuple(_elsewhere(approval, sighting, host)),
            breaches=tuple(_breaches(approval, sighting, as_of)),
        )
        for approval in policy.approvals
        if approval.product == sighting.product
    ]


def _nearest(weighed: Sequence[_Weighed]) -> list[_Weighed]:
    """Return the approvals that are for the product here and from which it departs the least, in the policy's order."""
    here = [one for one in weighed if not one.elsewhere]
    least = min((one.distance for one in here), default=[])
    return [one for one in here if one.distance == least]


def _weight(breach: Breach) -> int:
    return _FOREIGN if breach.term is Term.TENANT and breach.is_told else _GRAVITY[breach.term]


def _elsewhere(approval: Approval, sighting: Sighting, host: HostFacts) -> Iterator[str]:
    """Yield each reason why an approval is not for this product here."""
    if not applies_to(host, hosts=approval.hosts, groups=approval.groups):
        yield "is for other hosts"
    if approval.users:
        yield from _users(approval.users, sighting.users)
    if approval.signer is not None:
        yield from _signers(approval.signer, sighting.signers)


def _breaches(approval: Approval, sighting: Sighting, as_of: date) -> Iterator[Breach]:
    """Yield each term of an approval that a product does not keep."""

    def breach(term: Term, text: str, *, is_told: bool = True) -> Breach:
        return Breach(approval=approval.id, term=term, is_told=is_told, text=text)

    if approval.review_by < as_of:
        yield breach(Term.REVIEW, f"was to be reviewed by {approval.review_by.isoformat()} and has not been")
    if approval.versions is not None:
        wanted = f"is for versions {approval.versions}"
        if sighting.version is None:
            yield breach(Term.VERSIONS, f"{wanted}, and which version this is could not be told", is_told=False)
        elif not parse_range(approval.versions).covers(sighting.version):
            yield breach(Term.VERSIONS, f"{wanted}, and this is {_quoted(sighting.version)}")
    if approval.tenant is not None and approval.tenant != sighting.tenant:
        wanted = f"is for tenant {approval.tenant!r}"
        if sighting.tenant is None:
            yield breach(Term.TENANT, f"{wanted}, and which tenant this is could not be told", is_told=False)
        else:
            yield breach(Term.TENANT, f"{wanted}, and this is {_quoted(sighting.tenant)}")


def _users(wanted: tuple[str, ...], users: tuple[str, ...] | None) -> Iterator[str]:
    """Yield why what these accounts run or hold is not what an approval is for: each of them has to be one it names."""
    named = ", ".join(map(repr, wanted))
    if users is None:
        yield f"is for users {named}, and whose this is could not be told"
    for user in users or ():
        if not any(_is_user(pattern, user) for pattern in wanted):
            yield f"is for users {named}, and this is of {_quoted(user)}"
            return


def _is_user(pattern: str, user: str) -> bool:
    """Compare an account's whole name with a pattern.

    A name with a domain before a backslash is Windows', without regard to case. Any other is compared as it is written:
    elsewhere ``root`` and ``Root`` are two.
    """
    is_of_windows = "\\" in user or user.startswith("S-1-")
    pattern, user = (pattern.casefold(), user.casefold()) if is_of_windows else (pattern, user)
    return glob_matches(tuple(pattern.split("*")), user)


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
    return "is for loopback only (listen.loopback_only)"


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
