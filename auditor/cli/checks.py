"""How checks look on a terminal: each host a block that ends in plain words."""

import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator, Sequence

from auditor.cli.terminal import has_colour, heading
from auditor.report.visible import visible
from auditor.run.checkup import Check, State

_COLOURS = {State.OK: "32", State.NOTE: "33", State.MISSING: "1;31", State.NOT_TRIED: "35"}
_STATE_WIDTH = max(len(state) for state in State)
_WIDTHS = (60, 120)
"""Columns that are written at least and at most, whatever the terminal has."""
_AS_ROOT = ("Run the audit as root or with sudo", "Audit the host as an administrator")
"""How the advice of a collector begins that needs more rights."""


def print_checks(subject: str, checks: Sequence[Check], ready: str, options: Namespace) -> None:
    """Print what was looked at on one machine, what to do, and whether it is ready."""
    width = min(max(shutil.get_terminal_size((100, 24)).columns, _WIDTHS[0]), _WIDTHS[1])
    coloured = has_colour(options, sys.stdout)
    print(heading(visible(subject), options))
    shown = list(_folded(checks, whole=options.verbose))
    name_width = max(len(check.check) for check in shown)
    for check in shown:
        state = f"{check.state:{_STATE_WIDTH}}"
        painted = f"\x1b[{_COLOURS[check.state]}m{state}\x1b[0m" if coloured else state
        said = f"{check.reason}: {check.detail}" if check.section and check.state is not State.OK else check.detail
        lines = _wrapped(said, width - _STATE_WIDTH - name_width - 6)
        print(f"  {painted}  {check.check:{name_width}}  {lines[0]}".rstrip())
        for line in lines[1:]:
            print(f"  {'':{_STATE_WIDTH}}  {'':{name_width}}  {line}")
    steps = _steps(checks)
    if steps:
        print("\n  what to do")
    for number, (advice, about) in enumerate(steps.items(), 1):
        lines = _wrapped(f"{advice} ({', '.join(about)})", width - 8)
        print(f"  {number:3}. {lines[0]}")
        for line in lines[1:]:
            print(f"       {line}")
    missing = sum(check.state is State.MISSING for check in checks)
    plain = f"not ready: {missing} of {len(checks)} checks found something missing" if missing else ready
    colour = _COLOURS[State.MISSING if missing else State.OK]
    print(f"\n  \x1b[{colour}m{plain}\x1b[0m\n" if coloured else f"\n  {plain}\n")


def _folded(checks: Sequence[Check], *, whole: bool) -> Iterator[Check]:
    """Fold what was not tried into one line, and sections without a gap, unless the whole is wanted."""
    idle = [check for check in checks if check.state is State.NOT_TRIED]
    sections = [check for check in checks if check.section]
    full = [check for check in sections if check.state is State.OK]
    is_told = whole
    for check in checks:
        if check.state is State.NOT_TRIED:
            if check is idle[0]:
                yield Check(
                    host=check.host, check="then", state=check.state, detail=", ".join(one.check for one in idle)
                )
            continue
        if check.section and not is_told:
            is_told = True
            detail = f"{len(full)} of {len(sections)} answered in full" + ("" if len(full) < len(sections) else ", all")
            yield Check(host=check.host, check="sections", state=State.OK, detail=detail.replace(", all", ""))
        if not check.section or check.state is not State.OK or whole:
            yield check


def _steps(checks: Sequence[Check]) -> dict[str, list[str]]:
    """Return every advice once, what is missing first, with the checks that ask for it.

    Where rights are missing, they come first: sections that root would see wait for nothing else.
    """
    rights = next((check for check in checks if check.check == "rights" and check.state is State.MISSING), None)
    steps: dict[str, list[str]] = {}
    if rights is not None:
        steps[rights.advice] = ["rights"]
    for state in (State.MISSING, State.NOTE, State.OK):
        for check in (one for one in checks if one.state is state and one.advice and one is not rights):
            waits = rights is not None and check.section and check.advice.startswith(_AS_ROOT)
            advice = rights.advice if rights is not None and waits else check.advice
            steps.setdefault(advice, []).append(check.check)
    return steps


def _wrapped(text: str, width: int) -> list[str]:
    """Break a line between words; what a host said cannot act on the terminal."""
    return textwrap.wrap(visible(text), width, break_on_hyphens=False) or [""]
