# ruff: noqa: T201 — a command prints
"""Measure verdicts from sealed evidence: hosts a second, processor time, and the memory of main process and readers.

    make judge-bench                       1,000 and 10,000 hosts
    make judge-bench ARGS='1000'           as many as are named

Every host is one of the demo's recorded Linux hosts under a name of its own, with processes, packages and interfaces
that no other has: sections that differ from host to host everywhere do so here. What it judges is made anew in each
run and counts for nothing; then `auditor assess` is measured as a whole, from its start to the written bundle.

Others are the readers, and at the end the process that writes the results: these share what the main process holds.
Processor time is told of the main process and of the others apart: with readers that are busy on every processor, what
the main process takes beside them and after them is what a run waits for.
The goals: 10,000 hosts in 60 s on two processors, and no more memory for them than for 1,000, but for what the main
process keeps of each host by intent (a name and what findings are made of).
"""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from auditor.collect.seal import section_digest
from auditor.model.evidence import Section
from auditor.model.record import replace
from tests.bench.bundles import recorded
from tests.bench.measure import Cost, measure
from tests.run.evidence_sets import Seen, make_set

_MIB = 1024 * 1024
_COUNTS = (1_000, 10_000)
_GOAL_SECONDS = 60.0
_GOAL_HOSTS = 10_000
_STARTED_AT = 3
"""Column of a process that says when it was started."""


def of_its_own(section: Section, number: int) -> Section:
    """Have a section say what only one host says, and seal it anew; one that hosts of a build share, as it is."""
    text = section.text
    if section.id == "processes.procfs":
        text = "".join(f"{_later(line, number)}\n" for line in text.splitlines())
    elif section.id == "software.dpkg":
        text += "".join(f"installed\tsite-{name}-{number}\t1.{number}\tall\n" for name in ("agent", "data", "keys"))
    elif section.id == "network.interfaces":
        head, ether, rest = text.partition(" link/ether ")
        own = ":".join(f"{number >> shift & 255:02x}" for shift in (24, 16, 8, 0))
        text = f"{head}{ether}{own}{rest[len(own) :]}" if ether else text
    if text == section.text:
        return section
    digest = section_digest(
        section_id=section.id, outcome=section.outcome, reason=section.reason, stderr=section.stderr, text=text
    )
    return replace(section, text=text, sha256=digest)


def _later(line: str, number: int) -> str:
    fields = line.split("\t")
    if len(fields) > _STARTED_AT and fields[_STARTED_AT].isdigit():
        fields[_STARTED_AT] = str(int(fields[_STARTED_AT]) + number)
    return "\t".join(fields)


def hosts(count: int, sections: Sequence[Sequence[Section]]) -> Iterator[Seen]:
    """Yield hosts, the recordings one after the other."""
    for number in range(count):
        mine = sections[number % len(sections)]
        yield Seen(name=f"host-{number:06d}", sections=[of_its_own(section, number) for section in mine])


def judged(count: int, folder: Path, formats: str = "json") -> Cost:
    """Measure the judging of so many hosts in a store of its own, with reports in these formats."""
    with contextlib.redirect_stdout(io.StringIO()):
        sections = recorded(folder)
    evidence = make_set(folder / "set", hosts(count, sections))
    environment = os.environ | {"AUDITOR_STORE": str(folder / "store.sqlite"), "HOME": str(folder)}
    words = ["assess", str(evidence), "-o", str(folder / "out"), "--format", formats, "-q"]
    return measure([sys.executable, "-m", "auditor.cli.main", *words], environment)


def main() -> None:
    """Measure, and print each figure beside its goal."""
    counts = [int(word) for word in sys.argv[1:]] or list(_COUNTS)
    print("hosts     seconds  hosts/s  CPU ms/host    main  others  main MiB   others MiB")
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
            cost = judged(count, Path(place))
        if cost.status not in (0, 1, 3):
            sys.exit(f"auditor assess ended with status {cost.status}")
        goal = _GOAL_SECONDS * count / _GOAL_HOSTS
        met = "" if count < _GOAL_HOSTS else f"  at most {goal:.0f} s: {'met' if cost.wall <= goal else 'NOT MET'}"
        print(
            f"{count:7,}{cost.wall:10.1f}{count / cost.wall:9.0f}{1000 * cost.cpu / count:13.1f}"
            f"{1000 * cost.own_cpu / count:8.1f}{1000 * (cost.cpu - cost.own_cpu) / count:8.1f}"
            f"{cost.main / _MIB:10.0f}{cost.others / _MIB:13.0f}{met}",
            flush=True,
        )


if __name__ == "__main__":
    main()
