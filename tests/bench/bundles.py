"""What bundles of many hosts cost: memory and time of ``verify``, ``assess`` and ``verify --recompute``.

`python -m tests.bench.bundles HOSTS…` makes a set of evidence of so many hosts, each like a host of the demo's fleet
with every section different from every other's, judges it, and prints a line a command. Synthetic, and the worst
case: real hosts share most of their sections.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from auditor.cli.main import main as auditor
from auditor.model.evidence import Section
from auditor.run.open_bundle import Bundle
from tests.bench.measure import Cost, measure
from tests.run.evidence_sets import Seen, make_set, resealed

_MIB = 1024 * 1024


def recorded(folder: Path) -> list[tuple[Section, ...]]:
    """Return the sections of each host of the demo's fleet that answered."""
    assert auditor(["demo", "-q", "-o", str(folder / "demo"), "--format", "json"]) == 0
    bundle = Bundle(folder / "demo")
    found = (bundle.evidence(answer) for answer in bundle.answers())
    return [evidence.sections for evidence in found if evidence is not None]


def hosts(count: int, sections: list[tuple[Section, ...]]) -> Iterator[Seen]:
    """Yield hosts none of whose sections is another's."""
    for number in range(count):
        name = f"host-{number:06d}"
        mine = sections[number % len(sections)]
        yield Seen(name=name, sections=[resealed(section, stderr=name) for section in mine])


def cost(folder: Path, *words: object) -> Cost:
    """Measure one command of the auditor, put to a store of its own."""
    environment = os.environ | {"AUDITOR_STORE": str(folder / "store.sqlite"), "HOME": str(folder)}
    return measure([sys.executable, "-m", "auditor.cli.main", *map(str, words)], environment)


def main() -> None:
    """Print what each command costs."""
    for count in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
            folder = Path(place)
            evidence = make_set(folder / "set", hosts(count, recorded(folder)))
            verified = cost(folder, "verify", evidence, "-q")
            assessed = cost(folder, "assess", evidence, "-o", folder / "out", "--format", "json", "-q")
            (run,) = (folder / "out").iterdir()
            again = cost(folder, "verify", run, "--recompute", "-q")
            for what, one in (("verify", verified), ("assess", assessed), ("verify --recompute", again)):
                print(  # noqa: T201 — this is its purpose
                    f"{count} hosts, {what}: {one.memory / _MIB:.0f} MiB, {one.wall:.0f} s, {one.cpu:.0f} s of CPU, "
                    f"exit {one.status}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
