"""Rulesets that a kernel has judged with real packets (vectors/README.md), and where an answer is another than its."""

import ipaddress
import json
import lzma
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Answer = Callable[[dict[str, Any]], dict[str, Any]]

_VECTORS = Path(__file__).parent / "vectors"
_CLOSED = {"drop", "reject"}
_ASKED_FOR_ALL = 4
"""Of so many packets of a row, all sources are asked about at once as well."""
PACKETS, SOURCES = "packets.jsonl.xz", "sources.jsonl.xz"


def rows(name: str) -> list[Row]:
    """Return the rows of a file."""
    with lzma.open(_VECTORS / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(name: str, judged: Iterable[Row]) -> None:
    """Write the rows of a file anew."""
    with lzma.open(_VECTORS / name, "wt", encoding="utf-8", preset=9) as lines:
        lines.writelines(json.dumps(row) + "\n" for row in judged)


def asked(row: Row) -> int:
    """Return how many packets or sources a row tries."""
    return len(row["packets"] if "packets" in row else row["points"])


def complaints(row: Row, answer: Answer) -> Iterator[str]:
    """Give what is wrong in the answers to a row, and what is unknown that was known once."""
    shared = {"id": 1, **row["fields"], "host": row["host"], "ruleset_id": row["name"]}
    return _of_packets(row, shared, answer) if "packets" in row else _of_sources(row, shared, answer)


def _of_packets(row: Row, shared: Row, answer: Answer) -> Iterator[str]:
    for number, (packet, seen) in enumerate(zip(row["packets"], row["labels"], strict=True)):
        given = answer({**shared, "packet": packet})
        said = str(given.get("verdict", given.get("error")))
        if said == "unknown" and number in row["unknown"]:
            continue
        # Where rules stop the host's own packets, the sender does not see that it was refused.
        # Which of iptables and nft is asked first at the same priority stands in no listing.
        if said != seen and not _is_only_told_otherwise(row, said, seen):
            yield f"{row['name']} packet {number}: {packet}: kernel {seen}, we {said} ({given.get('rule')})"
        if number >= _ASKED_FOR_ALL:
            continue
        # What is said of all sources at once is said of this one, too.
        member = _membership(answer({**shared, "packet": packet, "query": "sources"}), packet["src"])
        if member != ("closed" if seen in _CLOSED else seen):
            yield f"{row['name']} packet {number}: {packet}: kernel {seen}, but its source is {member}"


def _is_only_told_otherwise(row: Row, said: str, seen: str) -> bool:
    if row["fields"]["format"] == "mixed" and {said, seen} == _CLOSED:
        return True
    return said == "reject" and seen == "drop" and bool(row["may_eat"])


def _of_sources(row: Row, shared: Row, answer: Answer) -> Iterator[str]:
    given = answer({**shared, "packet": row["packet"], "query": "sources"})
    if "error" in given:
        yield f"{row['name']}: {given['error']}"
        return
    for source, seen in row["points"].items():
        said = _membership(given, source)
        if said != seen and not (said == "unknown" and source in row["unknown"]):
            yield f"{row['name']} {source}: kernel {seen}, we {said}"


def _membership(given: Row, source: str) -> str:
    """Say which of the sets of an answer holds a source."""
    allowed, unknown = (intervals(given[name]) for name in ("allowed", "unknown"))
    address = _number(source)
    return "accept" if _holds(allowed, address) else "unknown" if _holds(unknown, address) else "closed"


@lru_cache(maxsize=65536)
def _number(text: str) -> int:
    return int(ipaddress.ip_address(text))


@lru_cache(maxsize=65536)
def _interval(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if dash:
        return _number(first), _number(last)
    network = ipaddress.ip_network(text)
    return int(network.network_address), int(network.broadcast_address)


def intervals(texts: Iterable[str]) -> list[tuple[int, int]]:
    """Return first and last address of ranges and networks, as numbers."""
    return [_interval(text) for text in texts]


def _holds(region: list[tuple[int, int]], address: int) -> bool:
    return any(first <= address <= last for first, last in region)
