"""The register of exceptions as flat rows: for the terminal, for tables, for the fleet page."""

from collections.abc import Iterator

from auditor.report.rows import Row
from auditor.report.run_rows import RunRows

_FIELDS = (
    *("control", "product", "subject", "hosts", "groups", "reason", "compensating", "requested_by", "approved_by"),
    *("ticket", "start", "end", "state", "standing", "why", "days_left", "hosts_in_scope", "covers", "stale"),
    "duplicates",
)

_OF_A_LIMIT: Row = {
    **dict.fromkeys(("control", "product", "compensating", "hosts_in_scope", "covers", "stale")),
    "hosts": [],
    "groups": [],
    "duplicates": [],
}


def register_rows(rows: RunRows) -> list[Row]:
    """Return a row an exception, then one an accepted limit, each sorted by id.

    A limit is asked for by its owner, is of no control, and its subject is the limit. ``note`` says in words what
    somebody has to look at.
    """
    limits = {
        name: _OF_A_LIMIT | row | {"subject": f"limit:{name}", "requested_by": row["owner"]}
        for name, row in rows.accepted_limits.items()
    }
    return [_row(name, row) for some in (rows.exceptions, limits) for name, row in sorted(some.items())]


def _row(name: str, row: Row) -> Row:
    flat = {key: row[key] for key in _FIELDS}
    signed = [f"{one['person']} ({one['role']}) {one['key']}" for one in row["signed_by"]]
    return {"id": name, **flat, "signed_by": signed, "note": "; ".join(_notes(row)) or None}


def _notes(row: Row) -> Iterator[str]:
    if row["state"] == "void":
        yield f"does not hold: {row['why']}"
    elif row["state"] == "ended":
        yield f"ended on {row['end']}"
    elif row["standing"] == "asserted":
        yield f"asserted, not verified: {row['why'] or 'nobody signed it'}"
    if row["ending"]:
        yield f"ends in {row['days_left']} days" if row["days_left"] else "ends today"
    if row["stale"]:
        yield str(row["stale"])
    if row["duplicates"]:
        yield f"accepted by {', '.join(row['duplicates'])} as well"
