"""The page of ingested events: by product, device and destination, the suppressed ones with who and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.model.outside import OutsideFile
from auditor.report.html import templates
from auditor.report.html_single import page_style

_SHOWN = 5_000
"""Rows that the page shows; the table beside it holds all."""


def events_page(rows: Sequence[Mapping[str, Any]], files: Sequence[OutsideFile]) -> str:
    """Return the page: it needs no other file, and nothing of a record acts in it."""
    products: dict[str, Counter[str]] = {}
    for row in rows:
        counted = products.setdefault(row["product"], Counter())
        counted["events"] += row["count"]
        counted["suppressed"] += row["count"] if row["suppressed_by"] else 0
        counted["rows"] += 1
    devices = {name: len({row["device"] for row in rows if row["product"] == name}) for name in products}
    # What nobody suppressed and nobody approved comes first.
    ordered = sorted(
        rows,
        key=lambda row: (row["suppressed_by"] is not None, row["approval"] is not None, row["strength"] != "confirmed"),
    )
    return (
        templates()
        .get_template("events.html")
        .render(
            rows=ordered[:_SHOWN],
            more=max(0, len(rows) - _SHOWN),
            products=sorted(products.items()),
            devices=devices,
            files=files,
            style=page_style(),
        )
    )
