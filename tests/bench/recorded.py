# ruff: noqa: T201 — a command prints
"""Recorded hosts judged and reported, by their number: what each costs, and whether memory grows with them.

`auditor assess` of sealed evidence with HTML, CSV and JSON, as a whole, from its start to the last file. The hosts are
those of `make judge-bench`: recorded, each under a name of its own and with processes, packages and interfaces that no
other has.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.judging import judged

FORMATS = "html,csv,json"
_ROOM_A_HOST = 450_000
"""Bytes that a host may take on the disk: its evidence, its copy in the bundle, its rows, its page."""


def recorded(counts: Iterable[int]) -> dict[str, list[dict[str, Any]]]:
    """Judge and report so many recorded hosts each, once; return what each run cost."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for count in counts:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if free < count * _ROOM_A_HOST:
            sys.exit(
                f"{count:,} recorded hosts may take {count * _ROOM_A_HOST / 1e9:.0f} GB in {tempfile.gettempdir()}, "
                f"where {free / 1e9:.0f} GB are free: set TMPDIR, or name fewer with --recorded"
            )
        with tempfile.TemporaryDirectory(prefix="auditor-bench-") as place:
            cost = judged(count, Path(place), FORMATS)
            size = sum(file.lstat().st_size for file in Path(place).rglob("*") if file.is_file())
        if cost.status not in (0, 1, 3):
            sys.exit(f"auditor assess ended with status {cost.status}")
        row = {name: value for name, value in asdict(cost).items() if name not in ("output", "status")}
        rows[str(count)] = [row | {"disk": size}]
        print(
            f"{count:7,} recorded hosts {cost.wall:8.1f} s  {1000 * cost.cpu / count:6.1f} ms CPU/host  "
            f"{cost.memory / 1e6:5.0f} MB (main {cost.main / 1e6:.0f})  {size / 1e6:6.0f} MB on the disk",
            flush=True,
        )
    return rows
