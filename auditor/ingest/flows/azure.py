"""Flow logs of Azure: of network security groups (versions 1 and 2) and of virtual networks (version 4).

Each object is a minute of one network card, its records texts parted by commas (Microsoft's "NSG flow logs" and
"Virtual network flow logs"). A conversation stands in several: begun (``B``), going on (``C``), ended (``E``), each
with what passed since the one before; denied ones (``D``) had none.
"""

from collections.abc import Iterator
from typing import Any

from auditor.ingest.flows.record import Flow, Tally, Wanted
from auditor.ingest.flows.table import Layout, flow_of

_LAYOUT = Layout(format="azure", separator=b",", columns={}, width=0, is_directed=True)
_OLD, _NSG = 8, 13
_DENIED = "D"


def azure_rows(one: dict[str, Any], number: int, wanted: Wanted, tally: Tally) -> Iterator[Flow]:
    """Yield the wanted records of one object; a record that is none is refused under the object's number."""
    for text in _texts(one):
        try:
            flow = flow_of(_values(text), _LAYOUT, wanted, tally)
        except (ValueError, OverflowError, IndexError) as error:
            tally.refuse(number, error)
            continue
        if flow is not None:
            yield flow


def _texts(one: dict[str, Any]) -> Iterator[str]:
    """Yield every ``flowTuples`` element, however deep it stands."""
    waiting: list[Any] = [one.get("flowRecords") or one.get("properties")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            rows = value.get("flowTuples")
            if isinstance(rows, list):
                yield from (row if isinstance(row, str) else "" for row in rows)
            else:
                waiting += [value[key] for key in ("flowGroups", "flows") if key in value]


def _values(text: str) -> tuple[str, ...]:
    """Put a record's parts in the order of ``FIELDS``."""
    parts = text.split(",")
    first, source, destination, sport, dport, protocol = parts[:6]
    if len(parts) not in (_OLD, _NSG):
        raise ValueError(f"{len(parts)} parts, where {_OLD} or {_NSG} are known")
    packets, sent, packets_back, back = parts[9:] or ("", "", "", "")
    # The eighth part: the decision of a security group (A, D), the state of a virtual network's flow (B, C, E, D).
    denied = parts[7] == _DENIED
    return (
        source, sport, destination, dport, protocol, sent, packets, first, "", "", back, packets_back,
        "deny" if denied else "",
    )  # fmt: skip
