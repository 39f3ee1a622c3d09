"""What the fleet page and the pages of controls are filled with, once every host has been counted."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from auditor import __version__
from auditor.controls.attack import attack_data
from auditor.controls.registry import controls
from auditor.report.control_tally import Tallies, exceptions_of, problems_of
from auditor.report.exception_register import register_rows
from auditor.report.fleet_tally import FleetTally
from auditor.report.host_table import STATIC, table_data
from auditor.report.manual import blocks_of
from auditor.report.owners import Owner
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.summary import LISTED, NAMED, RANKED, Problem, Summary
from auditor.report.trend import trend_of

_CHANGES = 50
"""Findings that the fleet page lists of each thing that became of some since the last run."""


def linked_problems(problems: Sequence[Problem]) -> list[Problem]:
    """Return the violations whose hosts the host table can show: those that the fleet page names."""
    return list(problems[:LISTED])


def fleet_view(rows: RunRows, fleet: FleetTally, owners: Sequence[Owner]) -> dict[str, Any]:
    """Return what the fleet page says."""
    summary = fleet.summary
    problems = summary.ranked_problems()
    products = summary.ranked_products()
    return {
        "summary": summary,
        "total": len(rows.ledger),
        "open_problems": [problem for problem in problems if problem.hosts.count],
        "problems": problems,
        "ranked": RANKED,
        "listed": LISTED,
        "named": NAMED,
        "static": STATIC,
        "static_lines": list(islice(summary.lines, STATIC)),
        "missing": summary.ranked_missing(),
        "unreached": summary.ranked_unreached(),
        "products": products,
        "tenants": [
            (product, tenant, counts)
            for product in products
            if any(tenant is not None for tenant in product.tenants)
            for tenant, counts in sorted(product.tenants.items(), key=lambda one: (one[0] is None, one[0] or ""))
        ],
        "more_tenants": sum(product.more_tenants for product in products),
        "mitigations": summary.mitigations(),
        "owners": owners,
        "register": register_rows(rows),
        "population": rows.run.get("population"),
        "coverage": rows.run["coverage"],
        "changes": rows.changes(),
        "trend": trend_of(rows.run, summary.outcomes, fleet.findings.counts),
        "unproven": sorted(summary.unproven.items(), key=lambda one: (-one[1].count, one[0])),
        "shown": _CHANGES,
        "life": fleet.findings.life,
        "host_data": table_data(summary, linked_problems(problems)),
    }


def control_views(rows: RunRows, summary: Summary, tallies: Tallies) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each control with what its page says."""
    ranked = summary.ranked_problems()
    linkable = {(one.control, one.subject) for one in linked_problems(ranked)}
    problems, register = problems_of(ranked), exceptions_of(register_rows(rows))
    known, names = controls(), attack_data().technique_names
    for control, row in rows.controls.items():
        manual = known.get(control)
        yield (
            control,
            {
                "id": control,
                "control": _whole(row),
                "tally": tallies.of[control],
                "documented": summary.documented[control],
                "problems": problems.get(control, []),
                "linkable": linkable,
                "register": register.get(control, []),
                "manual": () if manual is None else blocks_of(manual.manual),
                "not_on": {} if manual is None else manual.not_on,
                "same_version": rows.run["tool_version"] == __version__,
                "version": __version__,
                "technique_names": names,
                "listed": LISTED,
            },
        )


def _whole(row: Row) -> Row:
    """Return a control's row with what rows of an earlier version do not have."""
    return {"techniques": [], "programme": [], "crosswalk": {}, "proof": None} | row
