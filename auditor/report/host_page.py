"""The page of a host: what stands in its row and what is known beside it, sorted by what a reader does with it."""

import marshal
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from auditor.report import words
from auditor.report.remediation import Remediation
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible

_LISTENERS = 500
_CONNECTIONS = 100
_SETTINGS = 100
_LOGONS = 100
"""Sockets that a page shows: a host can open tens of thousands to make its page unreadable."""
_CLOSED = 100
"""Closed findings that a page lists, the latest first; csv/findings.csv has all."""
_KEPT, _KEPT_LENGTH = 2000, 2000
"""Rows that are kept rendered, and the characters of JSON that one may have to be kept."""
_ORDER = {name: rank for rank, name in enumerate(words.VERDICTS)}
_STATES = {name: rank for rank, name in enumerate(words.FINDING_STATES)}
_GRAVITY = {name: rank for rank, name in enumerate(words.SEVERITIES)}


class Rendered(str):
    """Text that a page takes as it is: what macros made, of values that were escaped in them."""

    __slots__ = ()

    def __html__(self) -> Self:
        """Return itself: by this Jinja2 knows what is not to be escaped again."""
        return self


_PLACE = Rendered("\0")
"""Stands where the number of a process is to stand: nothing that is shown holds it."""
_OF_ONE_HOST = ("pid", "proof")
"""What is said of a listening socket that differs from host to host: the page shows the first and not the second."""


class CommonRows:
    """Rows of a host's page that many hosts have in common: each is rendered once."""

    def __init__(self, macros: Any, controls: Mapping[str, Any]) -> None:  # noqa: ANN401 — a module of Jinja2's
        """Take the macros that render them."""
        self._macros = macros
        self._controls = controls
        self._known: dict[bytes, str] = {}

    def verdicts(self, those: Sequence[Row]) -> str:
        """Render verdicts, a line each."""
        return self._rows(those, lambda one: self._macros.verdict(one, self._controls))

    def sections(self, those: Sequence[Row]) -> str:
        """Render what became of sections, a line each."""
        return self._rows(those, self._macros.section)

    def listeners(self, those: Sequence[Row]) -> str:
        """Render listening sockets, a line each: on another host the same one is held by another process."""
        known = self._known
        made: list[str] = []
        for one in those:
            pid = one["pid"]
            if not pid or type(pid) is not int:
                made.append(f"{self._macros.listener(one)}\n")
                continue
            common = {name: value for name, value in one.items() if name not in _OF_ONE_HOST}
            key = marshal.dumps(common)
            text = known.get(key)
            if text is None:
                text = f"{self._macros.listener({**common, 'pid': _PLACE})}\n"
                if len(key) <= _KEPT_LENGTH and len(known) < _KEPT:
                    known[key] = text
            made.append(text.replace(_PLACE, str(pid)))
        return Rendered("".join(made))

    def _rows(self, those: Sequence[Row], render: Callable[[Row], str]) -> str:
        known = self._known
        made: list[str] = []
        for one in those:
            # The quickest key; a row that marshal can write in two ways is rendered twice, which changes nothing.
            key = marshal.dumps(one)
            text = known.get(key)
            if text is None:
                text = f"{render(one)}\n"
                if len(key) <= _KEPT_LENGTH and len(known) < _KEPT:
                    known[key] = text
            made.append(text)
        return Rendered("".join(made))


class HostPages:
    """What the pages of a run's hosts hold."""

    def __init__(self, rows: RunRows, remediation: Remediation) -> None:
        """Take what is asked of the store once for all hosts."""
        self._rows = rows
        self._remediation = remediation
        self._pasts = rows.pasts()

    def view(self, host: Row, found: Sequence[Row]) -> dict[str, Any]:
        """Return what the template shows of a host, with its findings as the run's rows have them."""
        name = host["host"]
        findings = [self._remediation.named(one) for one in found]
        remedies = self._rows.remedies(host, findings) if host["reason"] is None and findings else None
        return _sorted_row(host) | {
            "findings": {one["fingerprint"]: one for one in found},
            "remedies": remedies,
            "hands": {} if remedies is None else {one["fingerprint"]: one["reason"] for one in remedies["left_out"]},
            "plays": _plays(remedies),
            "plan_command": _plan_command(self._rows.run["id"], name),
            "applied": [(plan, one, self._remediation.verified(one)) for plan, one in self._remediation.plans_of(name)],
            "past": self._pasts.get(name, {}),
            "product_names": {one["product"]: one["name"] for one in host["sightings"]},
            **self._lives(findings),
        }

    def _lives(self, findings: Sequence[Row]) -> dict[str, Any]:
        alive = [one for one in findings if one["state"] != "closed"]
        gone = [one for one in findings if one["state"] == "closed"]
        gone.sort(key=lambda one: one["closed_at"] or "", reverse=True)
        alive.sort(key=lambda one: (_STATES.get(one["state"], 0), _GRAVITY.get(one["severity"], 0)))
        return {
            "lives": [
                (one, self._remediation.took(one), self._remediation.closing_plan(one))
                for one in (*alive, *gone[:_CLOSED])
            ],
            "life_count": len(findings),
        }


def _sorted_row(host: Row) -> dict[str, Any]:
    """Sort what stands in a host's verdicts by what a reader does with it."""
    gaps: dict[tuple[str, str], dict[str, Any]] = {}
    for verdict in host["verdicts"]:
        for gap in verdict["gaps"]:
            entry = gaps.setdefault((gap["section"], gap["reason"]), {"gap": gap, "controls": []})
            entry["controls"].append(verdict["control"])
    return {
        "host": host,
        "verdicts": sorted(host["verdicts"], key=lambda one: _ORDER[one["verdict"]]),
        # Sockets of remote-access software stand first, so that no number of others can push them out.
        "listeners": sorted(host["listeners"], key=lambda one: one["product"] is None)[:_LISTENERS],
        "connections": host.get("connections", [])[:_CONNECTIONS],
        "connection_count": host.get("connection_count"),
        "left_out_connections": host.get("left_out_connections", []),
        "settings": [(one, _broken_by(one, host["verdicts"])) for one in host.get("settings", [])[:_SETTINGS]],
        "setting_count": host.get("setting_count"),
        "logons": host.get("logons", [])[:_LOGONS],
        "logon_count": host.get("logon_count", 0),
        "violations": _violations(host, lambda one: one["exception"] is None),
        "excepted": _violations(host, lambda one: one["exception"] is not None),
        "suspected": [(verdict, violation) for verdict in host["verdicts"] for violation in verdict["suspected"]],
        "gaps": list(gaps.values()),
        "counts": {name: sum(1 for one in host["verdicts"] if one["verdict"] == name) for name in words.VERDICTS},
    }


def _violations(host: Row, wanted: Callable[[Row], bool]) -> list[tuple[Row, Row]]:
    """Return the violations that are wanted, the gravest first, else in the order of their controls."""
    found = [
        (verdict, violation) for verdict in host["verdicts"] for violation in verdict["violations"] if wanted(violation)
    ]
    return sorted(found, key=lambda one: _GRAVITY.get(one[1]["severity"], 0))


def _broken_by(setting: Row, verdicts: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the controls whose violations, or suspicions, quote the line that a setting was read from."""
    return [
        (verdict["control"], kind)
        for verdict in verdicts
        for kind in ("violations", "suspected")
        if any(quote in one["proof"] for one in verdict[kind] for quote in setting["proof"])
    ]


def _plays(remedies: Row | None) -> dict[str, list[str]]:
    """Return the playbooks that a plan would run for each finding, in their order."""
    plays: dict[str, list[str]] = {}
    for step in () if remedies is None else remedies["steps"]:
        for name in step["findings"]:
            plays.setdefault(name, []).append(step["playbook"])
    return plays


def _plan_command(run: str, host: str) -> str | None:
    """Return the command that makes a plan for a host; None for a name that cannot be shown as it is typed."""
    if visible(host) != host:
        return None
    return f"auditor remediate plan --run {shlex.quote(run)} --host {shlex.quote(host)} -o plan.yml"
