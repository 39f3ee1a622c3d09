"""The host table of the fleet page as compact data: ten thousand hosts that a page searches while one types.

Every text is made visible here and escaped once more by its being JSON without ``<``, ``>`` or ``&``: the page's script
only ever sets it as text. What many hosts have in common (an owner, a set of verdicts) stands there once.
"""

from collections.abc import Hashable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from auditor.report.spool import encoded
from auditor.report.summary import Problem, Summary
from auditor.report.visible import visible
from auditor.report.words import OUTCOMES, VERDICTS

STATIC = 50
"""Hosts that stand on the fleet page without its script, and on one page of the table with it."""
_LETTERS = {"fail": "f", "unknown": "u", "excepted": "e", "pass": "p", "not_applicable": "n"}


def table_filter(**wanted: str | None) -> str:
    """Return the place on the fleet page at which the host table shows only what is wanted; None is nobody, nowhere."""
    return "#hosts?" + urlencode({name: visible(value or "") for name, value in wanted.items()}, quote_via=quote)


def table_data(summary: Summary, problems: Sequence[Problem]) -> str:
    """Return the data of the host table as one line of JSON that may stand inside of a page."""
    systems, owners, sites = _Known(), _Known(), _Known()
    groups, tenants = _Known(), _Known()
    products = {name: place for place, name in enumerate(sorted(summary.products))}
    asked = {(one.control, one.subject): place for place, one in enumerate(problems)}
    group_sets, use_sets, verdict_sets, problem_sets = _Known(), _Known(), _Known(), _Known()
    outcomes = {name: place for place, name in enumerate(OUTCOMES)}
    rows = [
        encoded(
            [
                visible(line["host"]),
                line["page"],
                outcomes.get(line["outcome"], len(outcomes)),
                int(line["complete"]),
                *(
                    known.place(_text(line[name]))
                    for known, name in ((systems, "os"), (owners, "owner"), (sites, "site"))
                ),
                group_sets.place(tuple(groups.place(visible(one)) for one in line["groups"])),
                use_sets.place(
                    tuple(
                        (products[one], state, standing, tuple(tenants.place(_text(tenant)) for tenant in of))
                        for one, state, standing, of in line["uses"]
                    )
                ),
                verdict_sets.place("".join(_LETTERS.get(word, "u") for word in line["verdicts"])),
                problem_sets.place(tuple(sorted({asked[one] for one in map(tuple, line["problems"]) if one in asked}))),
            ]
        )
        for line in summary.lines
    ]
    rest = encoded(
        {
            "outcomes": list(OUTCOMES.items()),
            "verdicts": [[letter, name, VERDICTS[name]] for name, letter in _LETTERS.items()],
            "controls": [
                [visible(name), visible(row["title"]), visible(row["mitigation"])]
                for name, row in summary.controls.items()
            ],
            "products": [[visible(name), visible(summary.products[name].name)] for name in products],
            "problems": [[visible(one.control), visible(one.subject)] for one in problems],
            **{
                name: known.values
                for name, known in (
                    *(("systems", systems), ("owners", owners), ("sites", sites), ("groups", groups)),
                    *(("tenants", tenants), ("groupSets", group_sets), ("useSets", use_sets)),
                    *(("verdictSets", verdict_sets), ("problemSets", problem_sets)),
                )
            },
        }
    )
    return f'{rest[:-1]},"rows":[{",".join(rows)}]}}'


class _Known:
    """Values that rows name by their place."""

    def __init__(self) -> None:
        self._places: dict[Hashable, int] = {}

    def place(self, value: Hashable) -> int:
        """Return where a value stands."""
        return self._places.setdefault(value, len(self._places))

    @property
    def values(self) -> list[Any]:
        """Return the values in their places."""
        return list(self._places)


def _text(value: str | None) -> str | None:
    """Make a text visible; an empty one says as little as none."""
    return visible(value) if value else None
