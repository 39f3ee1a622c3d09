# ruff: noqa: T201 — a command prints
"""End the auditor at every write: by a kill, and by a power cut that takes what was not synced.

    make fault-tests                                            everything
    make fault-tests ARGS='--scenario audit --every 10'         one command, every tenth call
    make fault-tests ARGS='--scenario audit --after 312 --loss bytes'    one end again

strace records once what a command does to its folder. Every state of the disk that an end may leave is made from
that, and the auditor's own commands are put to each: the store opens, its runs are whole or absent, the chain and the
bundles verify, what was not finished goes on, nothing is counted twice, nothing is left lying about.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.disk import Loss
from tests.faults.every import SCENARIOS
from tests.faults.recording import Call
from tests.faults.scenarios import End, record

_KILL = "kill"


def ends(calls: Sequence[Call], losses: Sequence[Loss | None], every: int, seed: int) -> Iterator[End]:
    """Yield an end after each call (or each so-manieth), and after the last one, of each kind."""
    for after in range(1, len(calls) + 1):
        if after % every == 0 or after == len(calls):
            for loss in losses:
                # Bytes that no sync follows and no name changes after are lost in the same way a call later.
                is_same = (
                    loss is not None and after < len(calls) and calls[after - 1].kind == calls[after].kind == "write"
                )
                if not is_same or loss is Loss.CHANCE:
                    yield End(after=after, loss=loss, seed=seed)


def main() -> None:
    """Try every end that was asked for, and print each after which something does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="which command (default: all)")
    parser.add_argument("--every", type=int, default=1, help="try every so-manieth call (default: each)")
    parser.add_argument("--after", type=int, help="only after this call")
    parser.add_argument("--loss", action="append", choices=[_KILL, *Loss], help="kind of end (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance")
    options = parser.parse_args()
    losses = [None if one == _KILL else Loss(one) for one in options.loss or [_KILL, *Loss]]
    found = 0
    print(f"{'command':12}{'calls':>7}{'ends':>7}{'lost':>6}{'seconds of CPU':>16}", flush=True)
    for name in options.scenario or SCENARIOS:
        begun = time.process_time()
        with tempfile.TemporaryDirectory(prefix="auditor-faults-") as place:
            made = record(SCENARIOS[name], Path(place))
            wanted = list(ends(made.calls, losses, options.every, options.seed))
            if options.after is not None:
                wanted = [End(after=options.after, loss=loss, seed=options.seed) for loss in losses]
            bad = 0
            for end, said in made.check(wanted, Path(place)):
                if said is not None:
                    bad += 1
                    call = made.calls[end.after - 1]
                    what = f"{call.kind} {call.path} {call.to}".strip()
                    print(
                        f"--- {name} --after {end.after} --loss {end.loss or _KILL} (after: {what})\n{said}", flush=True
                    )
        took = time.process_time() - begun
        print(f"{name:12}{len(made.calls):7}{len(wanted):7}{bad:6}{took:16.0f}", flush=True)
        found += bad
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
