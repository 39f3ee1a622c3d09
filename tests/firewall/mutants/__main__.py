"""``python -m tests.firewall.mutants``: break the evaluator in one place at a time and see whether its tests notice.

A mutant that all tests pass has survived: the tests do not hold that place. Either nobody could tell it, which
survivors.yml explains, or a test is missing, which makes the exit status 1.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.firewall.mutants.places import Mutant, every_mutant
from tests.firewall.mutants.survivors import explained, gone, survived
from tests.firewall.mutants.trial import Trials, arguments


@dataclass(slots=True)
class Session:
    """A run of pytest whose tests are tried on mutants."""

    options: argparse.Namespace
    """What is asked for."""
    bad: list[str] = field(default_factory=list)
    """What makes the exit status 1."""
    figures: str = ""
    """How it ended."""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try mutants in place of running the tests once."""
        every, reasons = every_mutant(), explained()
        self.bad += [f"explained, but no mutant any more: {entry}" for entry in gone(every)]
        trials = Trials(session.items)
        if trials.wrong:
            raise pytest.UsageError(f"wrong on the evaluator as it is: {', '.join(trials.wrong)}")
        end = time.monotonic() + self.options.minutes * 60
        counted: Counter[str] = Counter()
        for mutant in _chosen(every, self.options):
            if time.monotonic() > end:
                break
            killer = trials.killer(mutant)
            counted["killed" if killer else "survived and explained" if mutant.key in reasons else "survived"] += 1
            if not killer and mutant.key not in reasons:
                self._say(f"survived: {mutant}")
            elif killer and mutant.key in reasons:
                self._say(f"explained, but told by {killer}: {mutant}")
            elif self.options.killers:
                print(f"{killer or 'survived and explained'}: {mutant}", flush=True)
        figures = ", ".join(f"{count} {fate}" for fate, count in sorted(counted.items()))
        self.figures = f"{sum(counted.values())} of {len(every)} mutants tried: {figures}"
        return True

    def _say(self, text: str) -> None:
        self.bad.append(text)
        print(text, flush=True)


def _chosen(every: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    chosen = [one for one in every if not options.file or one.path.name in options.file]
    if options.survived is not None:
        named = survived(options.survived.read_text())
        chosen = [one for one in chosen if one.key[0::2] in named]
    random.Random(options.seed).shuffle(chosen)  # noqa: S311 — the same every time, on purpose
    return chosen[: options.count] if options.count else chosen


def main(given: Sequence[str] | None = None) -> int:
    """Try mutants and print the figures; exit status 1 when one survives that is not explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.firewall.mutants", description=__doc__)
    parser.add_argument("--seed", default="mutants", help="which mutants come first")
    parser.add_argument("--count", type=int, default=0, help="how many; 0 for all")
    parser.add_argument("--minutes", type=float, default=600, help="stop after so long")
    parser.add_argument("--file", action="append", default=[], help="only mutants of this file, such as way.py")
    parser.add_argument("--survived", type=Path, help="only mutants that this earlier output says have survived")
    parser.add_argument("--killers", action="store_true", help="print what told each mutant")
    session = Session(parser.parse_args(given))
    status = pytest.main(arguments(), plugins=[session])
    if not session.figures:
        print(f"the tests could not be collected: pytest ended with {status}", file=sys.stderr)
        return 1
    print(*session.bad, session.figures, sep="\n")
    return 1 if session.bad else 0


if __name__ == "__main__":
    sys.exit(main())
