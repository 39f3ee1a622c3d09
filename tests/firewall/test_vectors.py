"""Rulesets that a kernel has judged with real packets, where there are some: no verdict of ours is another than its.

``AUDITOR_FIREWALL_VECTORS`` names a folder of ``*.jsonl.gz``: one JSON object a line with the fields of
``auditor firewall eval`` under ``fields``, ``host``, ``packets``, and ``labels`` with a kernel's ``verdict`` a packet.
"""

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.firewall.decide import decide
from auditor.firewall.protocol import read_host, read_packet, read_ruleset
from auditor.firewall.way import Program

VECTORS = os.environ.get("AUDITOR_FIREWALL_VECTORS", "")
# What no reader of rules can tell; a packet of the vectors has no length, so neither can one be compared.
BY_DESIGN = (
    "limit", "recent", "quota", "owner", "statistic", "numgen", "length", "skuid", "fib saddr . mark . iif",
    "rpfilter", "connlimit", "-m policy", "-m mac", "physdev", "ctorig",
)  # fmt: skip
SHARE = 0.04

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not VECTORS, reason="AUDITOR_FIREWALL_VECTORS names no folder of rulesets judged by a kernel"),
]


def _files() -> list[Path]:
    return sorted(Path(VECTORS).glob("*.jsonl.gz")) if VECTORS else []


def _cases(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def _packet(given: dict[str, Any]) -> dict[str, Any]:
    """Write a packet as the protocol does: the vectors name the connection it belongs to."""
    packet = dict(given)
    if "established" in given:
        packet |= {"ct_state": "established", "ct_direction": given["established"]}
    if "quoted" in given:
        packet["related_to"] = given["quoted"]
    return packet


@pytest.mark.parametrize("path", _files() or [Path("none")], ids=lambda path: path.name)
def test_no_verdict_differs_from_the_kernels(path: Path) -> None:
    wrong: list[str] = []
    counted: Counter[str] = Counter()
    for case in _cases(path):
        program = Program(read_ruleset(case["fields"]), read_host(case["host"]))
        for given, label in zip(case["packets"], case["labels"], strict=True):
            if label["verdict"] == "unstable":
                continue
            outcome = decide(program, read_packet(_packet(given), wants_sources=False))
            verdict = outcome.verdict
            if verdict is None:
                doubts = " ".join(ending.doubt for ending in outcome.endings)
                counted["by design" if any(word in doubts for word in BY_DESIGN) else "unknown"] += 1
            else:
                counted["decided"] += 1
                if verdict != label["verdict"]:
                    wrong.append(f"{case['name']}: {given}: {verdict} by {outcome.rule}, but {label}")
    assert wrong == []
    assert counted["decided"]
    assert counted["unknown"] <= SHARE * (counted["decided"] + counted["unknown"]), counted
