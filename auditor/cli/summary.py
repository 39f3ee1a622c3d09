"""What ``auditor audit`` prints at its end: verdicts, software, ports, gaps, and which file to open."""

import re
import shutil
import sys
import textwrap
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from auditor.cli.terminal import has_colour, heading, say, table
from auditor.report.exception_register import register_rows
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.words import percent

Row = dict[str, Any]

_VERDICTS = ("pass", "fail", "unknown", "excepted", "not_applicable")
_SOFTWARE = ("name", "version", "state", "confidence", "approval", "breaches")
_LISTENERS = ("protocol", "port", "process", "reachability", "namespace", "address", "user", "product", "container")
_MOST = 20
_REASONS = 5
_IN_FULL = 4
"""Pieces of advice that begin with the same step and are said one by one; more are said as that step."""


class Summary:
    """The tables a person wants first: gathered from the hosts while there is time for it, printed at the end."""

    def __init__(self, rows: RunRows, options: Namespace) -> None:
        self._rows, self._options = rows, options
        self._verdicts: dict[str, Counter[str]] = {control: Counter() for control in rows.controls}
        self._software, self._ports = _First(), _Ports()
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._single = rows.run["scope"]["count"] == 1

    def gather(self) -> None:
        """Read the hosts, one in memory at a time; once, before anything is printed."""
        rows, single = self._rows, self._single
        for host in rows.hosts() if single or rows.gists is None else rows.gists():
            for verdict in host["verdicts"]:
                self._verdicts[verdict["control"]][verdict["verdict"]] += 1
            if host["reason"] is None:
                self._gaps.update(
                    {
                        (gap["reason"], gap["advice"] or "There is no way yet: the report says more.")
                        for row in host["verdicts"]
                        for gap in row["gaps"]
                    }
                )
            name = host["host"]
            for sighting in host["sightings"]:
                self._software.add(_picked(name, sighting, _SOFTWARE))
            self._ports.add(name, (one for one in host["listeners"] if single or one["product"] is not None))

    def print(self, made: list[Path]) -> None:
        """Print the tables, and which of the files that were made to open."""
        rows, options, single = self._rows, self._options, self._single
        _verdict_table(rows, self._verdicts, options, single=single)
        _software_table(self._software, options, single=single)
        _listener_table(self._ports, options, single=single)
        _approvals(rows, options)
        _gap_list(self._gaps, options, single=single)
        _not_assessed(rows, options)
        _population(rows, options)
        _exceptions(rows, options)
        _closing(rows, made, options)


def _picked(host: str, row: Row, names: tuple[str, ...]) -> Row:
    """Keep of a row what is printed: thousands of hosts have many, and most of each is proof."""
    return {"host": host} | {name: row.get(name) for name in names}


class _First:
    """The first rows of many, which are all that is printed, and how many there are."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.count = 0

    def add(self, row: Row) -> None:
        """Take a row in."""
        self.count += 1
        if len(self.rows) < _MOST:
            self.rows.append(row)


class _Ports:
    """The listening ports of hosts that come sorted: the exposed and the named ones first, and how many there are."""

    def __init__(self) -> None:
        self.columns: set[str] = set()
        """Those of the columns ``container`` and ``namespace`` that have something to say."""
        self._first: dict[tuple[bool, bool], _First] = {}

    def add(self, host: str, listeners: Iterable[Row]) -> None:
        """Take a host's listeners in: one line for the same port on IPv4 and IPv6."""
        merged: dict[tuple[Any, ...], Row] = {}
        for row in listeners:
            key = (row["protocol"], row["port"], row["process"], row["reachability"], row["namespace"])
            address = f"[{row['address']}]" if ":" in row["address"] else row["address"]
            if key in merged:
                merged[key]["address"] += f" {address}"
            else:
                told = {"address": address, "port": f"{row['port']}/{row['protocol']}"}
                merged[key] = _picked(host, row, _LISTENERS) | told
        for row in sorted(merged.values(), key=lambda one: len(one["port"])):
            kind = (row["product"] is None, row["reachability"] == "loopback_only")
            self._first.setdefault(kind, _First()).add(row)
            self.columns.update(name for name in ("container", "namespace") if row[name])

    @property
    def rows(self) -> list[Row]:
        """Return the lines that are printed, and some more."""
        return [row for kind in sorted(self._first) for row in self._first[kind].rows]

    @property
    def count(self) -> int:
        """Return how many lines there are."""
        return sum(first.count for first in self._first.values())


def _print(title: str, body: str, options: Namespace) -> None:
    print(f"{heading(title, options)}\n{body}\n")


def _table(rows: list[Row], columns: list[str], options: Namespace, count: int) -> str:
    """Return the first of so many rows as a table."""
    shown = table(rows[:_MOST], columns, coloured=has_colour(options, sys.stdout))
    more = count - _MOST
    return shown if more <= 0 else f"{shown}\n… and {more} more, in the report"


def _verdict_table(rows: RunRows, verdicts: dict[str, Counter[str]], options: Namespace, *, single: bool) -> None:
    ordered = sorted(verdicts.items(), key=lambda item: (rows.controls[item[0]]["mitigation"], item[0]))
    body: list[Row] = [
        {
            "mitigation": rows.controls[control]["mitigation"],
            "control": rows.controls[control]["title"],
            "verdict": next(iter(counted), None),
            **{name: counted[name] or None for name in _VERDICTS},
        }
        for control, counted in ordered
    ]
    columns = ["mitigation", "control", *(["verdict"] if single else _VERDICTS)]
    shown = table(body, columns, coloured=single and has_colour(options, sys.stdout), cell=76)
    _print("Verdicts" if single else "Verdicts, in hosts", shown, options)


def _software_table(software: _First, options: Namespace, *, single: bool) -> None:
    if not software.count:
        _print("Remote-access software", "none found", options)
        return
    for row in software.rows:
        near = next(iter(row["breaches"] or ()), None)
        row["approved_by"] = row["approval"] or ("nobody" if near is None else f"not as in {near['approval']}")
    columns = ["name", "version", "state", "confidence", "approved_by"]
    shown = _table(software.rows, columns if single else ["host", *columns], options, software.count)
    _print("Remote-access software", shown, options)


def _listener_table(ports: _Ports, options: Namespace, *, single: bool) -> None:
    title = "Listening ports" if single else "Listening ports of remote-access software"
    if not ports.count:
        _print(title, "none found", options)
        return
    columns = ["port", "address", "process", "user", "product", "reachability"]
    columns += sorted(ports.columns)
    shown = _table(ports.rows, columns if single else ["host", *columns], options, ports.count)
    _print(title, shown, options)


def _approvals(rows: RunRows, options: Namespace) -> None:
    """Print which approvals ask for somebody: past their review, due within 30 days, or for no host of the scope."""
    asking = {
        "past their review": [name for name, row in rows.approvals.items() if row.get("review") == "past"],
        "due for review within 30 days": [name for name, row in rows.approvals.items() if row.get("review") == "due"],
        "stale, for no host of this run": [name for name, row in rows.approvals.items() if row.get("stale")],
    }
    if not any(asking.values()):
        return
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    used = sum(1 for row in rows.approvals.values() if row.get("hosts_used"))
    lines = [f"{used} of {len(rows.approvals)} are used"]
    for what, names in asking.items():
        if names:
            more = f" … and {len(names) - _MOST} more, in the report" if len(names) > _MOST else ""
            owned = (f"{visible(name)} ({visible(rows.approvals[name]['owner'])})" for name in names[:_MOST])
            lines += textwrap.wrap(f"- {len(names)} {what}: {', '.join(owned)}{more}", width, subsequent_indent="  ")
    _print("Approvals", "\n".join(lines), options)


def _gap_list(gaps: Counter[tuple[str, str]], options: Namespace, *, single: bool) -> None:
    """Print each gap with the way to close it, folded to the terminal; the same way is said once."""
    if not gaps:
        return
    said: dict[str, set[str]] = {}
    for _, advice in gaps:
        said.setdefault(_to_do(advice), set()).add(advice)
    ways: dict[str, _Way] = {}
    for (reason, advice), count in sorted(gaps.items(), key=lambda item: (-item[1], item[0])):
        # A few are said in full: what they say beside may be what matters, as where root has asked already.
        step = advice if len(said[_to_do(advice)]) <= _IN_FULL else _to_do(advice)
        ways.setdefault(step, _Way()).add(reason, advice, count)
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    lines: list[str] = []
    for way in list(ways.values())[:_MOST]:
        for reason, count in list(way.reasons.items())[:_REASONS]:
            hosts = "" if single else f" ({count} host{'' if count == 1 else 's'})"
            lines += textwrap.wrap(f"- {visible(reason)}{hosts}", width, subsequent_indent="  ")
        if len(way.reasons) > _REASONS:
            lines.append(f"  … and {len(way.reasons) - _REASONS} more of this kind, in the report")
        lines += textwrap.wrap(f"  → {visible(way.advice)}", width, subsequent_indent="    ")
    _print("What could not be seen, and how to see it", "\n".join(lines), options)


class _Way:
    """One thing to do, and what it would let be seen; what each of these needs beside it, the report tells."""

    def __init__(self) -> None:
        self.reasons: dict[str, int] = {}
        self._advice: set[str] = set()

    def add(self, reason: str, advice: str, count: int) -> None:
        self.reasons.setdefault(reason, count)  # the most widespread of the same words comes first
        self._advice.add(advice)

    @property
    def advice(self) -> str:
        if len(self._advice) == 1:
            return next(iter(self._advice))
        return f"{_to_do(next(iter(self._advice)))}; the report says what each needs beside it."


def _to_do(advice: str) -> str:
    """Return what a piece of advice says is to be done, without why or what beside it."""
    return re.split("[:;,.]", advice, maxsplit=1)[0]


def _not_assessed(rows: RunRows, options: Namespace) -> None:
    coverage = rows.run["coverage"]
    if coverage["reached"] == coverage["scope"]:
        return
    missing, again = _First(), False
    for row in rows.ledger:
        if row["outcome"] == "unreachable":
            missing.add(dict(row))
            again = again or row["attempts"] > 1
    if missing.count:
        columns = ["host", "reason", *(["attempts"] if again else []), "detail"]
        _print("Hosts not assessed", _table(missing.rows, columns, options, missing.count), options)


def _population(rows: RunRows, options: Namespace) -> None:
    """Print which hosts stand in one list only: the inventory's, or the population's."""
    population = rows.run.get("population")
    if population is None:
        return
    ambiguous = [f"{one['population']} ({' or '.join(one['inventory'])})" for one in population["ambiguous"]]
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    lines = [f"{visible(population['source'])} names {population['count']} hosts"]
    for what, names in (
        ("not in the inventory, so nobody audits them", population["only_in_population"]),
        ("in the inventory only", population["only_in_inventory"]),
        ("not told apart", ambiguous),
    ):
        if names:
            more = f" … and {len(names) - _MOST} more, in the report" if len(names) > _MOST else ""
            text = f"- {len(names)} {what}: {', '.join(visible(name) for name in names[:_MOST])}{more}"
            lines += textwrap.wrap(text, width, subsequent_indent="  ")
    if len(lines) == 1:
        lines.append("- the inventory names the same")
    _print("Population", "\n".join(lines), options)


def _exceptions(rows: RunRows, options: Namespace) -> None:
    """Name the exceptions that somebody has to look at: one that does not hold explains a violation."""
    told = [f"- {visible(row['id'])}: {visible(row['note'])}" for row in register_rows(rows) if row["note"]]
    if not told:
        return
    if len(told) > _MOST:
        told = [*told[:_MOST], f"… and {len(told) - _MOST} more: `auditor exceptions --attention`"]
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    lines = [line for text in told for line in textwrap.wrap(text, width, subsequent_indent="  ")]
    _print("Exceptions to look at", "\n".join(lines), options)


def _closing(rows: RunRows, made: list[Path], options: Namespace) -> None:
    coverage = rows.run["coverage"]
    missed = coverage["reached"] != coverage["scope"]
    print(
        f"{coverage['assessed']} of {coverage['scope']} hosts in scope fully assessed ({percent(coverage['share'])})"
        + (f"; of the {coverage['reached']} reached, {coverage['assessed']} complete" if missed else "")
        + (f" ({percent(coverage['share_of_reached'])})" if missed and coverage["reached"] else "")
        + ("" if coverage["met"] else f", below the {percent(coverage['wanted'])} the policy asks for (exit code 3)")
        + f" · run {rows.run['id']}"
    )
    index = next((path for path in made if path.name == "index.html"), made[0] if made else None)
    if index is not None:
        say(options, f"open {visible(str(index))}")
