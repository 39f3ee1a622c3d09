"""What is hunted: the products that were named, or all that nobody approved for every host."""

from collections.abc import Iterable

from auditor.catalogue.product import Catalogue, Product
from auditor.model.policy import Approval, Policy
from auditor.model.record import Record
from auditor.model.sighting import Role


class Subject(Record, kw_only=True):
    """A product to hunt, and where it is approved all the same."""

    product: Product
    """What is hunted."""
    approvals: tuple[Approval, ...] = ()
    """Approvals of it: an event on their hosts may be what they allow."""


def not_approved(catalogue: Catalogue, policy: Policy) -> list[Subject]:
    """Return every product that is not approved for every host, in the order of the catalogue.

    An event tells neither a tenant nor a version, so that the terms of an approval change nothing here. Viewers are
    left out where the policy takes them for no violation, and what stands for products that are not known: it has no
    name to hunt for.
    """
    return [
        subject
        for subject in (_subject(product, policy) for product in catalogue.products)
        if not subject.product.is_fallback
        and subject.product.replaced_by is None
        and (subject.product.role is not Role.CLIENT or policy.settings.clients_are_violations)
        and not any(map(_is_for_all, subject.approvals))
    ]


def named(products: Iterable[Product], policy: Policy) -> list[Subject]:
    """Return the products that were named, approved or not."""
    return [_subject(product, policy) for product in products]


def _subject(product: Product, policy: Policy) -> Subject:
    return Subject(product=product, approvals=tuple(one for one in policy.approvals if one.product == product.id))


def _is_for_all(approval: Approval) -> bool:
    where = (*approval.hosts, *approval.groups)
    return not where or "*" in approval.hosts
