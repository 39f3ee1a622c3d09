"""``python -m tests.firewall.mutants.hunt``: find rulesets that tell mutants which have survived, judged by the kernel.

Takes the output of ``python -m tests.firewall.mutants`` and files of rows from ``python -m tests.firewall.kernel.record
--into``; prints what tells each mutant, and with ``--add`` puts those rows to the vectors that tests are held to.
"""

import argparse
import json
import lzma
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.firewall.judged import PACKETS, SOURCES, Row, write
from tests.firewall.judged import rows as committed
from tests.firewall.mutants.places import every_mutant
from tests.firewall.mutants.survivors import survived
from tests.firewall.mutants.trial import Trials


def _read(files: Sequence[Path]) -> Iterator[Row]:
    for file in files:
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _add(found: Sequence[Row]) -> None:
    """Put rows to the vectors."""
    for name, key in ((PACKETS, "packets"), (SOURCES, "points")):
        known = committed(name)
        names = {row["name"] for row in known}
        write(name, [*known, *(row for row in found if key in row and row["name"] not in names)])


def main(given: Sequence[str] | None = None) -> int:
    """Try every survivor on the rows; exit status 1 when a row shows the evaluator itself wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.firewall.mutants.hunt", description=__doc__)
    parser.add_argument("output", type=Path, help="what the mutants' run printed")
    parser.add_argument("corpus", type=Path, nargs="+", help="rows, one in JSON a line")
    parser.add_argument("--seconds", type=float, default=10, help="processor time for each mutant")
    parser.add_argument("--add", action="store_true", help="put the rows that tell a mutant to the vectors")
    options = parser.parse_args(given)
    named = survived(options.output.read_text())
    hunted = [one for one in every_mutant() if one.key[0::2] in named]
    judged = {str(row["name"]): row for row in _read(options.corpus)}
    trials = Trials([], judged.values())
    if trials.wrong:
        print(f"the evaluator is wrong about {', '.join(trials.wrong)}", file=sys.stderr)
    told: dict[str, str] = {}
    for mutant in hunted:
        killer = trials.killer(mutant, seconds=options.seconds).partition(": ")[0]
        if killer in judged:
            told[str(mutant)] = killer
        print(f"{'told by ' + killer if killer in judged else 'survived'}: {mutant}", flush=True)
    useful = [row for name, row in judged.items() if name in told.values()]
    print(f"{len(told)} of {len(hunted)} told, by {len(useful)} of {len(judged)} rows")
    if options.add:
        _add(useful)
    return 1 if trials.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
