"""What controls share that hold a host's remote-access software against what earlier runs saw of it."""

from collections.abc import Iterator

from auditor.model.case import Case
from auditor.model.past import ProductPast
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Role, SightingState
from auditor.model.verdict import Inapplicable


def baseline(case: Case) -> Inapplicable | None:
    """Say that there is nothing to hold this run against; None where an earlier run saw the host completely."""
    if case.history.last_complete is not None:
        return None
    return Inapplicable(reason="no earlier run has complete evidence of this host: this one is the first", proof=())


def present(case: Case) -> Iterator[tuple[ProductUse, ProductPast | None]]:
    """Yield the servers and agents that are on the host, the most certain word on each, with their past."""
    seen: dict[str, ProductUse] = {}
    for use in case.products:
        one = use.sighting
        if one.state is SightingState.RESIDUAL or one.role is Role.CLIENT:
            continue
        before = seen.get(one.product)
        if before is None or before.sighting.confidence is not Confidence.CONFIRMED:
            seen[one.product] = use
    for product, use in seen.items():
        yield use, case.history.products.get(product)
