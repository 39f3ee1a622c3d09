"""What carries on where a control or a product was retired: findings, exceptions and the past go over to it.

Ids are for ever. A retired one names what replaces it (``replaced_by``), and that may have been retired in its turn.
"""

from collections.abc import Iterable, Mapping

from auditor.model.past import History, ProductPast, joined
from auditor.model.policy import Approval, ExceptionRecord
from auditor.model.record import Record, field, replace
from auditor.model.standing import WeighedException

_KINDS_WITH_A_PRODUCT = frozenset({"copy", "product", "program", "setting", "users"})
"""Subjects that begin with a product id after their kind; a principal or a path may be called like a product."""
_PARTS = ("/", ":")


class Succession(Record, kw_only=True):
    """Every retired id and the one that carries on now."""

    controls: Mapping[str, str] = field(default_factory=dict)
    """Retired control to the control there is."""
    products: Mapping[str, str] = field(default_factory=dict)
    """Retired product to the product there is."""

    def control(self, control: str) -> str:
        """Return the control that carries on."""
        return self.controls.get(control, control)

    def product(self, product: str | None) -> str | None:
        """Return the product that carries on."""
        return None if product is None else self.products.get(product, product)

    def approvals(self, approvals: Iterable[Approval]) -> tuple[Approval, ...]:
        """Return approvals as they are for the products that carry on."""
        return tuple(replace(one, product=self.products.get(one.product, one.product)) for one in approvals)

    def history(self, history: History) -> History:
        """Return what is known of a host, of the products that carry on: of two that became one, what both were."""
        if not self.products.keys() & history.products.keys():
            return history
        found: dict[str, ProductPast] = {}
        for name, past in history.products.items():
            now = self.products.get(name, name)
            found[now] = joined(found[now], past) if now in found else past
        return replace(history, products=found)

    def subject(self, subject: str) -> str:
        """Return a subject with the product that carries on; one that names no product, as it is."""
        kind, colon, rest = subject.partition(":")
        if kind not in _KINDS_WITH_A_PRODUCT:
            return subject
        end = min((at for at in map(rest.find, _PARTS) if at >= 0), default=len(rest))
        carried = self.products.get(rest[:end])
        return subject if carried is None else f"{kind}{colon}{carried}{rest[end:]}"

    def exceptions(self, weighed: Iterable[WeighedException]) -> tuple[WeighedException, ...]:
        """Return exceptions as they are for what carries on; they were signed as they are for what was retired."""
        if not self.controls and not self.products:
            return tuple(weighed)
        return tuple(replace(one, record=self._exception(one.record)) for one in weighed)

    def _exception(self, record: ExceptionRecord) -> ExceptionRecord:
        return replace(
            record,
            control=self.control(record.control),
            product=self.product(record.product),
            subject=None if record.subject is None else self.subject(record.subject),
        )
