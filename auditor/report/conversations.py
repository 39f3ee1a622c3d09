"""Conversations for people: one offline page in the look of the other reports, and a table for spreadsheets."""

import io
from collections.abc import Iterable, Sequence

from auditor.report.csv_tables import write_rows
from auditor.report.html import templates
from auditor.report.html_single import page_style
from auditor.report.rows import Row

COLUMNS = (
    "source", "source_host", "destination", "destination_host", "destination_port", "protocol", "product",
    "product_name", "confidence", "signs", "server_names", "approved", "approval", "bytes", "packets", "records",
    "first_seen", "last_seen", "source_process", "source_executable", "source_user", "destination_process",
    "destination_executable", "destination_user", "formats", "far_name", "far_organisation", "far_network",
    "far_country", "far_source", "far_problem", "sampled",
)  # fmt: skip
"""Columns of the table, for ever: scripts rely on them."""
SHOWN = 5_000
"""Conversations that the page lists, those with the most bytes; the table has all."""


def conversations_csv(rows: Iterable[Row]) -> str:
    """Return the table, every cell disarmed."""
    stream = io.StringIO()
    write_rows(stream, COLUMNS, map(flat, rows))
    return stream.getvalue()


def flat(row: Row) -> Row:
    """Return a row as tables have it: what there may be several of as one text."""
    return {name: "; ".join(map(str, value)) if isinstance(value, list) else value for name, value in row.items()}


def conversations_html(rows: Sequence[Row], head: Row) -> str:
    """Return the page; nothing in it asks for another file, and no word of a record acts in it."""
    shown = sorted(rows, key=lambda row: (-row["bytes"], row["source"], row["destination"], row["destination_port"]))
    view = {
        "style": page_style(),
        "head": head,
        "rows": shown[:SHOWN],
        "count": len(rows),
        "products": _products(rows),
        "bytes": sum(row["bytes"] for row in rows),
        "unapproved": sum(1 for row in rows if row["approved"] is False),
    }
    return templates().get_template("conversations.html").render(view)


def _products(rows: Sequence[Row]) -> list[Row]:
    """Return what each product comes to, the one with the most bytes first."""
    found: dict[str, Row] = {}
    for row in rows:
        for name in row["product_name"] or ["no product of the catalogue"]:
            one = found.setdefault(
                name, {"name": name, "conversations": 0, "sources": set(), "bytes": 0, "unapproved": 0}
            )
            one["conversations"] += 1
            one["sources"].add(row["source"])
            one["bytes"] += row["bytes"]
            one["unapproved"] += row["approved"] is False
    return sorted(found.values(), key=lambda one: (-one["bytes"], one["name"]))
