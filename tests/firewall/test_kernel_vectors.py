"""Rulesets that a kernel has judged with real packets (vectors/README.md): no verdict is another than its."""

import ipaddress
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.firewall.protocol import Answers

VECTORS = Path(__file__).parent / "vectors"
CLOSED = ("drop", "reject")


def _rows(name: str) -> Iterator[dict[str, Any]]:
    with lzma.open(VECTORS / name, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def _answers(row: dict[str, Any], packets: list[dict[str, Any]], **more: Any) -> Iterator[dict[str, Any]]:
    answers = Answers()
    shared = {**row["fields"], "host": row["host"], "ruleset_id": row["name"], **more}
    for packet in packets:
        yield answers.answer({"id": 1, **shared, "packet": packet})


def test_verdicts_on_packets_are_the_kernels() -> None:
    wrong: list[str] = []
    newly_unknown: list[str] = []
    compared = 0
    for row in _rows("packets.jsonl.xz"):
        for number, answer in enumerate(_answers(row, row["packets"])):
            compared += 1
            said, seen = str(answer.get("verdict", answer.get("error"))), row["labels"][number]
            packet, rule = row["packets"][number], answer.get("rule")
            about = f"{row['name']} packet {number}: {packet}: kernel {seen}, we {said} ({rule})"
            if said == "unknown":
                newly_unknown += [about] if number not in row["unknown"] else []
            # Where rules stop the host's own packets, the sender does not see that it was refused.
            # Which of iptables and nft is asked first at the same priority stands in no listing.
            elif said != seen and not _is_only_told_otherwise(row, said, seen):
                wrong.append(about)
    assert wrong == []
    assert newly_unknown == [], "these were known once"
    assert compared > 3000


def _is_only_told_otherwise(row: dict[str, Any], said: str, seen: str) -> bool:
    if row["fields"]["format"] == "mixed" and {said, seen} == set(CLOSED):
        return True
    return said == "reject" and seen == "drop" and bool(row["may_eat"])


def test_sets_of_sources_hold_those_that_the_kernel_lets_in() -> None:
    wrong: list[str] = []
    compared = 0
    for row in _rows("sources.jsonl.xz"):
        answer = next(_answers(row, [row["packet"]], query="sources"))
        for source, seen in row["points"].items():
            compared += 1
            said = (
                "accept"
                if _holds(answer["allowed"], source)
                else "unknown"
                if _holds(answer["unknown"], source)
                else "closed"
            )
            if said != seen and not (said == "unknown" and source in row["unknown"]):
                wrong.append(f"{row['name']} {source}: kernel {seen}, we {said}")
    assert wrong == []
    assert compared > 3000


@pytest.mark.parametrize("name", ["packets.jsonl.xz", "sources.jsonl.xz"])
def test_hardly_anything_is_unknown(name: str) -> None:
    rows = list(_rows(name))
    asked = sum(len(row.get("packets", row.get("points", ()))) for row in rows)
    assert sum(len(row["unknown"]) for row in rows) < 0.06 * asked


def _holds(texts: list[str], address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    for text in texts:
        low, dash, high = text.partition("-")
        if dash and ipaddress.ip_address(low) <= wanted <= ipaddress.ip_address(high):  # type: ignore[operator]
            return True
        if not dash and wanted in ipaddress.ip_network(text):
            return True
    return False
