"""``python -m tests.firewall.kernel.record``: rulesets of chance with this kernel's verdicts, for the vectors."""

import argparse
import json
import lzma
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from tests.firewall.kernel.cases import Case, make_case
from tests.firewall.kernel.differential import is_closed, is_wrong, questions, said_of
from tests.firewall.kernel.evaluator import Evaluator
from tests.firewall.kernel.kernel import Kernel, Loaded, RefusedError
from tests.firewall.kernel.sources import make_source_case, sampler

FOLDER = Path(__file__).parent.parent / "vectors"
PACKETS, SOURCES = FOLDER / "packets.jsonl.xz", FOLDER / "sources.jsonl.xz"


def packet_row(kernel: Kernel, evaluator: Evaluator, case: Case, loaded: Loaded) -> dict[str, Any]:
    """Return a ruleset, its packets, what became of each, and which of them nobody can tell from the listing."""
    labels = kernel.label(case.packets)
    answers = evaluator.ask(questions(loaded, case.packets, case.name))
    kept = [
        (packet, label["verdict"], answer["verdict"])
        for packet, label, answer in zip(case.packets, labels, answers, strict=True)
        if label["verdict"] != "unstable"
    ]
    may_eat = loaded.script.filters_output()
    for packet, verdict, answer in kept:
        is_mixed = loaded.script.form == "mixed"
        if is_wrong({"verdict": verdict}, {"verdict": answer}, may_eat=may_eat, is_mixed=is_mixed):
            print(f"{case.name}: kernel {verdict}, evaluator {answer}: {json.dumps(packet)}", file=sys.stderr)
    return {
        "name": case.name, "fields": loaded.fields, "host": loaded.host, "may_eat": may_eat,
        "packets": [packet for packet, _, _ in kept], "labels": [verdict for _, verdict, _ in kept],
        "unknown": [number for number, (_, _, answer) in enumerate(kept) if answer == "unknown"],
    }  # fmt: skip


def source_rows(kernel: Kernel, evaluator: Evaluator, case: Case, loaded: Loaded) -> Iterator[dict[str, Any]]:
    """Give questions for sets of sources, and sources of which the kernel said whether they get in."""
    for number, packet in enumerate(case.packets):
        line = questions(loaded, [packet], f"{case.name}/{number}")[0]
        answer = evaluator.ask([json.dumps({**json.loads(line), "query": "sources"})])[0]
        tries = sampler(case.name, packet["family"])([*answer["allowed"], *answer["unknown"]])
        packets = [{**packet, "src": source, "sport": 30000 + place} for place, source in enumerate(tries)]
        labels = [label["verdict"] for label in kernel.label(packets)]
        points = {
            source: "closed" if is_closed(label) else label
            for source, label in zip(tries, labels, strict=True)
            if label != "unstable"
        }
        for source, label in points.items():
            if said_of(answer, source) not in ("unknown", label):
                print(f"{case.name}: kernel {label}, evaluator {said_of(answer, source)}: {source}", file=sys.stderr)
        yield {
            "name": f"{case.name}/{number}", "fields": loaded.fields, "host": loaded.host,
            "packet": packet, "points": points,
            "unknown": [source for source in points if said_of(answer, source) == "unknown"],
        }  # fmt: skip


def _packet_rows(kernel: Kernel, evaluator: Evaluator, seed: str, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        case = make_case(f"{seed}.{number}", 14)
        with suppress(RefusedError):
            yield packet_row(kernel, evaluator, case, kernel.load(case.script))


def _source_rows(kernel: Kernel, evaluator: Evaluator, seed: str, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        case = make_source_case(f"{seed}.s{number}")
        with suppress(RefusedError):
            yield from source_rows(kernel, evaluator, case, kernel.load(case.script))


def main() -> None:
    """Record both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="vectors")
    parser.add_argument("--rulesets", type=int, default=300, help="for packets; a fifth of it for sources")
    parser.add_argument(
        "--into", type=Path, help="write both to this file (.xz) instead, as tests.firewall.mutants.hunt reads"
    )
    options = parser.parse_args()
    kernel, evaluator = Kernel(), Evaluator()
    packets = _packet_rows(kernel, evaluator, options.seed, options.rulesets)
    sources = _source_rows(kernel, evaluator, options.seed, options.rulesets // 5)
    if options.into is None:
        FOLDER.mkdir(exist_ok=True)
        _write(PACKETS, packets)
        _write(SOURCES, sources)
    else:
        _write(options.into, chain(packets, sources))
    evaluator.close()
    kernel.close()


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    with lzma.open(file, "wt", encoding="utf-8", preset=9) as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
