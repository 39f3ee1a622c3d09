# ruff: noqa: T201 — a command prints
"""Measure the reports of a stored run: hosts a second, processor time, memory, and what is written.

    make report-bench                                  HTML, CSV and JSON of 1,000 and 10,000 hosts
    make report-bench ARGS='1000 --format xlsx,hdf'    as many hosts, in the formats that are named

Every host is one of the demo's recorded hosts, judged, under a name of its own. Its times, process ids, counts,
versions, digests and quoted proof are its own too, so that no page and no row of it is another's.
`auditor report` is measured as a whole, from its start to the last file. The goal: HTML, CSV and JSON of 10,000 hosts
in 90 s and 500 MB on two processors.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.cli.judging import Given, judge, judging_of, rules_for
from auditor.cli.main import main as auditor
from auditor.collect.seal import canonical
from auditor.model.host import HostFacts
from auditor.model.record import asdict, replace
from auditor.report.rows import compact
from auditor.run.open_bundle import Bundle
from auditor.store.record import HostRecord, Lives, RunRecord, packed
from auditor.store.store import Store
from tests.bench.measure import Cost, measure

_MB = 1_000_000
_COUNTS = (1_000, 10_000)
_FORMATS = "html,csv,json"
_GOAL_SECONDS, _GOAL_MEMORY, _GOAL_HOSTS = 90.0, 500 * _MB, 10_000
_DEPARTMENTS = 40
_NUMBERS = frozenset({"pid", "software_count", "items", "clock_skew"})
_DIGESTS = frozenset({"fingerprint", "sha256", "host_key"})
_WORDS = frozenset({"quote", "version"})
_KEPT = frozenset({"os", "origin"})
"""Members that hosts of one build have in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The demo's run, judged and stored."""

    run: RunRecord
    """The run."""
    texts: tuple[str, ...]
    """Its inputs."""
    lines: tuple[str, ...]
    """The rows of its hosts."""
    findings: Mapping[str, list[dict[str, Any]]]
    """Its findings by host."""


def recorded(folder: Path) -> Recorded:
    """Judge the demo's fleet and read it back from a store."""
    with contextlib.redirect_stdout(io.StringIO()):
        assert auditor(["demo", "-q", "-o", str(folder / "demo"), "--format", "json"]) == 0
    bundle = Bundle(folder / "demo")
    by = rules_for([bundle], Given())
    with closing(Store(str(folder / "demo.sqlite"))) as store:
        run = judge(store, judging_of([bundle], by, ""), by, "bench")
        findings: dict[str, list[dict[str, Any]]] = {}
        for row in store.findings(run.id):
            findings.setdefault(row["host"], []).append(row)
        return Recorded(
            run=run,
            texts=tuple(store.text(sha256) for sha256 in run.inputs.values()),
            lines=tuple(store.lines(run.id)),
            findings=findings,
        )


def of_its_own(node: Any, name: str, number: int) -> Any:
    """Return a row as another host would have it: what tells hosts of one build apart is this host's."""
    if isinstance(node, list):
        return [of_its_own(inner, name, number) for inner in node]
    if not isinstance(node, dict):
        return node
    return {key: _value(key, value, name, number) for key, value in node.items()}


def _value(key: str, value: Any, name: str, number: int) -> Any:  # noqa: PLR0911 — a line for each kind
    if value is None or key in _KEPT:
        return value
    if key in ("host", "hostname"):
        return name
    if key in ("owner", "site"):
        return f"{value} {number % _DEPARTMENTS}"
    if key in _DIGESTS:
        return hashlib.sha256(f"{value} {name}".encode()).hexdigest()
    if key in _NUMBERS:
        return value + number if value else value
    if key in _WORDS:
        return f"{value} {number}"
    if key == "collected_at":
        return f"{value[:14]}{number // 60 % 60:02}:{number % 60:02}Z"
    return of_its_own(value, name, number)


def store_of(count: int, known: Recorded, place: Path) -> Path:
    """Keep a run of so many hosts in a new store."""
    names = [f"host-{number:06d}" for number in range(count)]
    outcomes: Counter[str] = Counter()
    complete = 0
    findings: list[dict[str, Any]] = []
    with closing(Store(str(place))) as store:
        record = replace(
            known.run,
            sequence=1,
            finished=None,
            scope_count=count,
            scope_sha256=hashlib.sha256(" ".join(names).encode()).hexdigest(),
            summary={},
        )
        run = store.begin(record, [_facts(name) for name in names], known.texts)
        for name, row, found in _hosts(names, known):
            outcomes[row["outcome"]] += 1
            complete += row["complete"]
            findings += found
            store.record(
                run.id,
                HostRecord(
                    host=name,
                    outcome=row["outcome"],
                    complete=row["complete"],
                    inventoried=row["complete"],
                    reason=row["reason"],
                    packed_row=packed(compact(row)),
                ),
            )
        summary = dict(known.run.summary)
        coverage: Any = summary["coverage"]
        summary |= {
            "coverage": coverage | {"scope": count, "reached": count - outcomes["unreachable"], "assessed": complete},
            "outcomes": {outcome: outcomes[outcome] for outcome in summary["outcomes"]},  # type: ignore[attr-defined]
        }
        store.keep_lives(run.id, [Lives(host_key=one["host"], findings=[one], past={}) for one in findings])
        store.finish(run.id, finished=known.run.finished or "", summary=summary)
    return place


def _facts(name: str) -> tuple[HostFacts, str]:
    facts = HostFacts(name=name, key=name)
    return facts, canonical(asdict(facts)).decode()


def _hosts(names: list[str], known: Recorded) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Yield name, row and findings of each host, the recordings one after the other."""
    for number, name in enumerate(names):
        row = json.loads(known.lines[number % len(known.lines)])
        findings = known.findings.get(row["host"], [])
        yield name, of_its_own(row, name, number), [of_its_own(one, name, number) for one in findings]


def reported(store: Path, folder: Path, formats: str) -> Cost:
    """Measure the writing of the reports."""
    environment = os.environ | {"AUDITOR_STORE": str(store), "HOME": str(folder)}
    words = ["report", "-o", str(folder), "--format", formats, "-q"]
    return measure([sys.executable, "-m", "auditor.cli.main", *words], environment)


def main() -> None:
    """Measure, and print each figure beside its goal."""
    parser = argparse.ArgumentParser(description="Measure the reports of a stored run.")
    parser.add_argument("hosts", nargs="*", type=int, help="how many hosts (default: 1000 and 10000)")
    parser.add_argument("--format", default=_FORMATS, help=f"which formats (default: {_FORMATS})")
    options = parser.parse_args()
    print(f"{options.format}\n  hosts   seconds  hosts/s   CPU s  CPU ms/host  peak MB    files  MB written")
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
        known = recorded(Path(place))
        for count in options.hosts or _COUNTS:
            folder = Path(place) / str(count)
            store = store_of(count, known, Path(place) / f"{count}.sqlite")
            cost = reported(store, folder, options.format)
            if cost.status:
                sys.exit(f"auditor report ended with status {cost.status}")
            files = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
            print(
                f"{count:7,}{cost.wall:10.1f}{count / cost.wall:9.0f}{cost.cpu:8.1f}{1000 * cost.cpu / count:13.2f}"
                f"{cost.memory / _MB:9.0f}{len(files):9,}{sum(files) / _MB:12.0f}{_goal(count, options.format, cost)}",
                flush=True,
            )


def _goal(count: int, formats: str, cost: Cost) -> str:
    if count < _GOAL_HOSTS or formats != _FORMATS:
        return ""
    seconds = _GOAL_SECONDS * count / _GOAL_HOSTS
    met = "met" if cost.wall <= seconds and cost.memory <= _GOAL_MEMORY else "NOT MET"
    return f"  at most {seconds:.0f} s and {_GOAL_MEMORY / _MB:.0f} MB: {met}"


if __name__ == "__main__":
    main()
