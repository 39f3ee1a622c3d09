"""How far an audit is: one line on standard error, drawn on a terminal only."""

import shutil
import sys
import time
from argparse import Namespace
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from auditor.run.pacing import Standing
from auditor.store.record import HostRecord

_BAR = 20
_PAUSE = 0.1
_MEMORY = 30.0
"""Seconds that the rate is taken over: long enough to be calm, short enough to follow the network."""
_FAULTS_SHOWN = 3


class Progress:
    """Counts hosts as they come through and draws the line, at most ten times a second."""

    def __init__(self, total: int, options: Namespace, *, window_closes: float | None = None) -> None:
        """Begin to count towards a total. ``window_closes`` is on the monotonic clock."""
        self._total = total
        self._window_closes = window_closes
        self._done = 0
        self._faults: Counter[str] = Counter()
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._drawn = 0.0
        self._standing = Standing(under_way=0, queued=total, resting={}, next_try=None)
        self._is_shown = sys.stderr.isatty() and not options.quiet

    @property
    def is_shown(self) -> bool:
        """Tell whether anybody sees it."""
        return self._is_shown

    def step(self, record: HostRecord) -> None:
        """Count one host."""
        self._done += 1
        if record.reason is not None:
            self._faults[record.reason] += 1
        self._draw(time.monotonic())

    def watch(self, standing: Standing) -> None:
        """Follow how the run stands."""
        self._standing = standing
        self._draw(time.monotonic())

    def clear(self) -> None:
        """Take the line away, so that something else can be said."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = 0.0

    def _draw(self, now: float) -> None:
        if not self._is_shown or now - self._drawn < _PAUSE:
            return
        self._drawn = now
        if now - self._samples[-1][0] >= 1:
            self._samples.append((now, self._done))
            while now - self._samples[0][0] > _MEMORY and len(self._samples) > 2:  # noqa: PLR2004 — a rate needs two
                self._samples.popleft()
        since, then = self._samples[0]
        rate = (self._done - then) / max(now - since, 0.001)
        closes_in = None if self._window_closes is None else max(0.0, self._window_closes - now)
        text = progress_line(self._done, self._total, rate, self._standing, self._faults, closes_in=closes_in)
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)


def progress_line(
    done: int,
    total: int,
    rate: float,
    standing: Standing,
    faults: Counter[str],
    *,
    closes_in: float | None = None,
) -> str:
    """Say on one line how far it is, how fast it goes, how long it may take, and what went wrong so far."""
    filled = _BAR * done // total if total else _BAR
    parts = [f"{'━' * filled:╌<{_BAR}} {done}/{total} hosts"]
    if standing.queued + standing.under_way:
        parts.append(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s")  # noqa: PLR2004
        if rate > 0:
            parts.append(f"{duration((standing.queued + standing.under_way) / rate)} left")
    if standing.resting and closes_in is not None:
        parts.append(f"to try again: {_counts(standing.resting)}")
    if standing.next_try is not None and not standing.queued + standing.under_way:
        parts.append(f"next try in {duration(standing.next_try)}")
        if closes_in is not None:
            parts.append(f"window closes in {duration(closes_in)}")
    if faults:
        parts.append(f"not assessed: {_counts(faults)}")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Say how long something takes, as people do: ``40 s``, ``12 min``, ``3 h 05 min``, ``2 d 3 h``."""
    whole = round(seconds)
    if whole < 90:  # noqa: PLR2004
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:  # noqa: PLR2004
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"


def _counts(reasons: Mapping[Any, int]) -> str:
    most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count} {reason}" for reason, count in most[:_FAULTS_SHOWN]]
    rest = sum(count for _, count in most[_FAULTS_SHOWN:])
    return ", ".join(named) + (f", {rest} others" if rest else "")
