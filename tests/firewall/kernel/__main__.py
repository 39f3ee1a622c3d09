"""``python -m tests.firewall.kernel``: try the evaluator against the kernel for as long as one likes."""

import argparse
import sys
import time

from tests.firewall.kernel.cases import make_case
from tests.firewall.kernel.differential import Differential, Wrong
from tests.firewall.kernel.evaluator import Evaluator
from tests.firewall.kernel.kernel import Kernel
from tests.firewall.kernel.sources import make_source_case, sampler
from tests.firewall.kernel.spaces import NotHereError


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.firewall.kernel", description=__doc__)
    parser.add_argument("--seed", default="fuzz", help="cases are a function of it and of their number")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to go on")
    parser.add_argument("--rulesets", type=int, default=0, help="stop after so many, whatever the time")
    parser.add_argument("--packets", type=int, default=12, help="packets for each ruleset")
    parser.add_argument("--sources", action="store_true", help="try answers to `query: sources` instead of packets")
    parser.add_argument("--keep", type=int, default=5, help="how many wrong verdicts to make small and print")
    return parser.parse_args()


def main() -> int:
    """Compare until the time is over; exit status 1 when a verdict is wrong."""
    options = _options()
    try:
        kernel = Kernel()
    except NotHereError as error:
        print(f"cannot try the kernel here: {error}", file=sys.stderr)
        return 2
    evaluator = Evaluator()
    differential = Differential(kernel, evaluator)
    end = time.monotonic() + options.minutes * 60
    number, found = options.first, []
    while time.monotonic() < end and (not options.rulesets or number < options.first + options.rulesets):
        seed = f"{options.seed}.{number}"
        if options.sources:
            found += differential.compare_sources(make_source_case(seed), sampler)
        else:
            found += differential.compare(make_case(seed, options.packets))
        number += 1
        if len(found) >= 20 * options.keep:
            break
    _print(differential, found, options)
    evaluator.close()
    kernel.close()
    return 1 if found else 0


def _print(differential: Differential, found: list[Wrong], options: argparse.Namespace) -> None:
    seen: set[str] = set()
    for wrong in found:
        key = str(wrong.answer.get("rule", wrong.case))
        if key not in seen and len(seen) < options.keep:
            seen.add(key)
            small = wrong if options.sources else differential.smallest(wrong)
            print(small.text(), end="\n----\n")
    tally = differential.tally
    print(tally.text())
    for rule, count in tally.unknown_by.most_common(15):
        print(f"  unknown {count:5}  {rule}")
    for complaint, count in differential.kernel.left_out.most_common(8):
        print(f"  left out {count:4}  {complaint}")
    for complaint, count in tally.refused.most_common(5):
        print(f"  not loaded {count:4}  {complaint}")


if __name__ == "__main__":
    sys.exit(main())
