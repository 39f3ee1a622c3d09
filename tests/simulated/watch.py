"""What a running audit holds, sampled while it runs: memory, descriptors, threads, against hosts kept so far."""

import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.measure import memory_of

_POLL = 0.25


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look."""

    kept: int
    """Hosts that have their outcome in the store."""
    memory: int
    """Proportional memory (PSS) of the command and its readers, in bytes."""
    descriptors: int
    """Open descriptors of the command."""
    threads: int
    """Its threads."""


class Watch:
    """Looks at a process a few times a second, until it is told to end."""

    def __init__(self, process: "subprocess.Popen[str]", store: Path) -> None:
        """Begin to look."""
        self.samples: list[Sample] = []
        self._process, self._store = process, store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> list[Sample]:
        """Stop looking and return what was seen."""
        self._ended.set()
        self._thread.join()
        return self.samples

    def _look(self) -> None:
        here = Path(f"/proc/{self._process.pid}")
        while not self._ended.wait(_POLL):
            try:
                self.samples.append(
                    Sample(
                        kept=kept(self._store),
                        memory=memory_of(self._process.pid),
                        descriptors=len(list((here / "fd").iterdir())),
                        threads=len(list((here / "task").iterdir())),
                    )
                )
            except OSError:
                return


def kept(store: Path) -> int:
    """Count the hosts that have their outcome in a store of one run."""
    if not store.exists():
        return 0
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM results").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def thirds(samples: Iterable[Sample], hosts: int, value: Callable[[Sample], int]) -> tuple[float, float, float]:
    """Return the median of something in each third of the hosts, the first and the last host left out."""
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for sample in samples:
        if 0 < sample.kept < hosts:
            parts[sample.kept * 3 // hosts].append(value(sample))
    first, second, last = (float(median(part)) for part in parts)
    return first, second, last
