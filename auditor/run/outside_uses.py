"""What sightings from outside come to on one host: by the policy, the catalogue, and what the host shows itself."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from auditor.catalogue.product import Catalogue
from auditor.model.host import HostFacts
from auditor.model.outside import OutsideSighting, OutsideUse
from auditor.model.policy import Policy
from auditor.model.record import Record, replace
from auditor.model.sighting import Role, Sighting
from auditor.policy.applies import applies_to


class Weighing(Record, kw_only=True):
    """By what sightings are weighed."""

    policy: Policy
    """What is approved."""
    catalogue: Catalogue
    """What products are."""
    replaced: Mapping[str, str]
    """What carries on for each retired product."""
    as_of: datetime
    """The instant of the run."""


def weighed(
    host: HostFacts, sightings: Iterable[OutsideSighting], seen: Sequence[Sighting] | None, by: Weighing
) -> tuple[OutsideUse, ...]:
    """Weigh sightings of one host: what the policy approves, and what the host's own evidence shows as well.

    ``seen`` is what that shows; None where it gave none. Records that are older than the policy's ``max_age``, and
    those of products that the catalogue does not know any more, or that are viewers, count for nothing.
    """
    oldest = by.as_of - by.policy.settings.max_age
    found = []
    for one in sightings:
        product = by.catalogue.product(by.replaced.get(one.product, one.product))
        is_viewer = product is not None and product.role is Role.CLIENT
        if product is None or one.last_seen < oldest or (is_viewer and not by.policy.settings.clients_are_violations):
            continue
        found.append(
            OutsideUse(
                sighting=replace(one, product=product.id),
                name=product.name,
                approval=_approval(product.id, host, by),
                on_host=None if seen is None else _on_host(product.id, seen, by.catalogue),
            )
        )
    return tuple(found)


def _approval(product: str, host: HostFacts, by: Weighing) -> str | None:
    for approval in by.policy.approvals:
        is_here = applies_to(host, hosts=approval.hosts, groups=approval.groups)
        if approval.product == product and is_here and by.as_of.date() <= approval.review_by:
            return approval.id
    return None


def _on_host(product: str, seen: Sequence[Sighting], catalogue: Catalogue) -> str | None:
    """Return the product of the host that explains one on the wire: the same, or one that it stands in for."""
    known = catalogue.product(product)
    for sighting in seen:
        if sighting.product == product:
            return sighting.product
    for sighting in seen:
        if known is not None and known.is_fallback and sighting.category is known.category:
            return sighting.product
    return None
