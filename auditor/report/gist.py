"""The gist of a host's row: what the end of a run, its ledger and its summary need of it, without the proof.

It has the shape of the row, so that whatever reads a gist can read a row in its place; it is some tenth as long.
"""

from typing import Any

from auditor.report.rows import Row, row_of

LEDGER = (
    *("host", "outcome", "complete", "reason", "detail", "attempts", "retried_after", "owner", "site"),
    *("origin", "passed_over", "conflicts"),
)
"""What the ledger says of a host (``rows.ledger_row``)."""
_SIGHTING = ("product", "name", "state", "confidence", "version", "tenant", "users", "approval")
_LISTENER = (
    *("protocol", "port", "process", "reachability", "namespace", "address", "user", "product"),
    "container",
)
_LOGON = ("when", "product", "user", "source", "succeeded")
_VIOLATION = ("subject", "product", "severity", "reason", "exception")
_SUSPICION = ("subject", "exception")


def gist_of(row: Row) -> Row:
    """Return what is left of a row: of listeners those of products, of logons the newest that each product let in.

    Of gaps of one verdict that say the same there is one.
    """
    return {
        **_of(row, (*LEDGER, "groups")),
        "sightings": [
            _of(one, _SIGHTING) | {"breaches": [{"approval": first["approval"]} for first in one["breaches"][:1]]}
            for one in row["sightings"]
        ],
        "listeners": [_of(one, _LISTENER) for one in row["listeners"] if one["product"] is not None],
        "logons": _newest(row["logons"]),
        "verdicts": [verdict_gist(verdict) for verdict in row["verdicts"]],
    }


def verdict_gist(verdict: Row) -> Row:
    """Return what is left of the row of a verdict."""
    return {
        "control": verdict["control"],
        "verdict": verdict["verdict"],
        "violations": [_of(one, _VIOLATION) for one in verdict["violations"]],
        "suspected": [_of(one, _SUSPICION) for one in verdict["suspected"]],
        "gaps": _once(verdict["gaps"]),
    }


def head_of(gist: str) -> Row:
    """Read what a gist, or a row, says first: what became of the host. What follows is most of it."""
    # Inside of a string its quotes would stand behind backslashes.
    for follows in (',"sections":', ',"sightings":'):
        head, is_long, _ = gist.partition(follows)
        if is_long:
            break
    return row_of(f"{head}}}" if is_long else gist)


def _of(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _once(gaps: list[Row]) -> list[Row]:
    """Return what gaps say, each thing once: of an older probe every section that it did not ask lacks the same."""
    said = dict.fromkeys([(one["reason"], one["advice"]) for one in gaps])
    return [{"reason": reason, "advice": advice} for reason, advice in said]


def _newest(logons: list[Row]) -> list[Row]:
    """Return the first logon of each product that succeeded; a host's logons stand with the newest first."""
    kept: dict[str, Row] = {}
    for one in logons:
        if one["succeeded"]:
            kept.setdefault(one["product"], _of(one, _LOGON))
    return list(kept.values())
