"""What each control came to over all hosts, and what that rests on: gathered while the hosts stream by."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.model.record import Record
from auditor.report.rows import Row
from auditor.report.summary import LISTED, Group, Problem
from auditor.report.words import VERDICTS

_BASES = 60
"""Ways to a verdict, and gaps, that a control's page tells apart: hosts could make up any number of them."""
_SAID = 3
"""Reasons that are said beside one host; its own page has all."""
_PLAIN_ID = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(slots=True, kw_only=True)
class Basis:
    """Sections of the evidence that a verdict rests on, on however many hosts."""

    label: str
    """What it is called on the page."""
    verdicts: Counter[str] = field(default_factory=Counter)
    """Hosts by the verdict that rests on it."""
    rests_on: tuple[str, ...]
    """Sections."""
    documented: tuple[str, ...]
    """Those of them that are proven by documentation only."""
    limits: tuple[str, ...]
    """What the method never sees there."""


@dataclass(slots=True, kw_only=True)
class MissingHere:
    """Evidence that a control needed and did not get, on however many hosts."""

    section: str
    """Section that was needed."""
    outcome: str
    """What became of it."""
    reason: str
    """Why it is missing."""
    advice: str | None
    """How to get it."""
    hosts: Group = field(default_factory=Group)
    """Hosts that lack it."""


class Line(Record, kw_only=True):
    """One host under its verdict."""

    host: str
    """Its name."""
    page: str
    """Its page."""
    owner: str | None
    """Who must act on it."""
    basis: str | None
    """Label of what the verdict rests on; None where nothing was seen."""
    said: tuple[str, ...]
    """What the verdict says: what is broken, what is missing, why it does not apply."""
    others: int
    """Reasons that are not said here."""
    proven: bool
    """Whether it rests on no reader that is proven by documentation only."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Everything that the page of one control says of the hosts."""

    counts: Counter[str] = field(default_factory=Counter)
    """Hosts by verdict."""
    lines: dict[str, list[Line]] = field(default_factory=dict)
    """Verdict to the first hosts that have it."""
    bases: dict[Any, Basis] = field(default_factory=dict)
    """What verdicts rest on."""
    gaps: dict[tuple[str, str], MissingHere] = field(default_factory=dict)
    """What was missing, by section and reason."""
    more_gaps: int = 0
    """Gaps that are too many to be kept apart."""
    suspected: Group = field(default_factory=Group)
    """Hosts on which something is only suspected."""
    unreached: int = 0
    """Hosts that were not reached, which are unknown."""

    def add(self, host: Row, verdict: Row | None, page: str) -> None:
        """Take the verdict on one host in."""
        word = "unknown" if verdict is None else verdict["verdict"]
        self.counts[word] += 1
        if host["outcome"] == "unreachable":
            self.unreached += 1
            return
        basis = None if verdict is None else self._basis(verdict, word)
        listed = self.lines.setdefault(word, [])
        if verdict is not None:
            if verdict["suspected"]:
                self.suspected.add(host["host"], page)
            for gap in verdict["gaps"]:
                self._add_gap(gap, host["host"], page)
        if len(listed) < LISTED:
            said = ["No verdict was given on it."] if verdict is None else _said(verdict)
            listed.append(
                Line(
                    host=host["host"],
                    page=page,
                    owner=host["owner"],
                    basis=basis,
                    said=tuple(said[:_SAID]),
                    others=max(len(said) - _SAID, 0),
                    proven=verdict is None or word != "pass" or bool(verdict["proven"]),
                )
            )

    def _basis(self, verdict: Row, word: str) -> str | None:
        if not verdict["rests_on"] or word == "not_applicable":
            return None
        limits = [one["text"] for one in verdict["limits"]]
        key = (tuple(verdict["rests_on"]), tuple(verdict["documented"]), tuple(limits))
        found = self.bases.get(key)
        if found is None:
            if len(self.bases) >= _BASES:
                return None
            found = self.bases[key] = Basis(
                label=f"B{len(self.bases) + 1}", rests_on=key[0], documented=key[1], limits=key[2]
            )
        found.verdicts[word] += 1
        return found.label

    def _add_gap(self, gap: Row, host: str, page: str) -> None:
        key = (gap["section"], gap["reason"])
        found = self.gaps.get(key)
        if found is None:
            if len(self.gaps) >= _BASES:
                self.more_gaps += 1
                return
            found = self.gaps[key] = MissingHere(
                section=gap["section"], outcome=gap["outcome"], reason=gap["reason"], advice=gap["advice"]
            )
        found.hosts.add(host, page)

    @property
    def ranked_gaps(self) -> list[MissingHere]:
        """Return what was missing, the most widespread first."""
        return sorted(self.gaps.values(), key=lambda one: (-one.hosts.count, one.section, one.reason))

    @property
    def ranked_bases(self) -> list[Basis]:
        """Return what verdicts rest on, in the order of their labels."""
        return list(self.bases.values())

    def of(self, verdict: str) -> Sequence[Line]:
        """Return the hosts that are listed under a verdict."""
        return self.lines.get(verdict, ())


class Tallies:
    """The tally of every control."""

    def __init__(self, controls: Iterable[str]) -> None:
        self.of: dict[str, Tally] = {control: Tally() for control in controls}

    def add(self, host: Row, page: str) -> None:
        """Take one host in."""
        given = {verdict["control"]: verdict for verdict in host["verdicts"]}
        for control, tally in self.of.items():
            tally.add(host, given.get(control), page)


def control_pages(controls: Iterable[str]) -> dict[str, str]:
    """Return the file name of each control's page: its id, which is for ever; a number where that is no plain word."""
    return {
        control: f"{control}.html" if _PLAIN_ID.fullmatch(control) else f"{place:04}-control.html"
        for place, control in enumerate(controls, 1)
    }


def problems_of(problems: Iterable[Problem]) -> Mapping[str, list[Problem]]:
    """Return the violations of each control, in the order in which they are given."""
    found: dict[str, list[Problem]] = {}
    for one in problems:
        found.setdefault(one.control, []).append(one)
    return found


def exceptions_of(register: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Return the rows of the register that are for each control."""
    found: dict[str, list[Row]] = {}
    for row in register:
        if row["control"] is not None:
            found.setdefault(row["control"], []).append(row)
    return found


def _said(verdict: Row) -> list[str]:
    if verdict["inapplicable"] is not None and verdict["verdict"] == "not_applicable":
        return [verdict["inapplicable"]["reason"]]
    broken = [
        one["reason"] if one["exception"] is None else f"{one['reason']} Excepted by {one['exception']}."
        for one in verdict["violations"]
    ]
    suspected = [f"Suspected: {one['reason']}" for one in verdict["suspected"]]
    missing = [f"{one['section']}: {one['reason']}" for one in verdict["gaps"]]
    return broken + suspected + missing


VERDICT_ORDER = tuple(VERDICTS)
"""Verdicts in the order in which a control's page lists them."""
