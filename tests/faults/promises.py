"""A program that tells what it has kept: events of a plan's journal, and a text that is written over and over."""

import os
import sys
from contextlib import closing
from pathlib import Path

from auditor.cli.files import write_whole
from auditor.model.remediation import Happened
from auditor.store.store import Store

PLAN = "ab" * 32
PROMISES = 4


def text_of(number: int) -> str:
    """Return a text that takes more than one block of a disk."""
    return f"number {number}\n" * 2_000


def main() -> None:
    """Keep an event and a text, tell it in a way that outlasts a power cut, and again."""
    folder = Path(sys.argv[1])
    with closing(Store(str(folder / "store.sqlite"), durable=True)) as store:
        store.journal.open(PLAN, "a plan")
        for number in range(PROMISES):
            write_whole(folder / "plan.yml", text_of(number))
            store.journal.append(PLAN, Happened.STARTED, at="2026-11-28T00:00:00Z", by="Ada", data={"number": number})
            handle = os.open(folder, os.O_RDONLY)
            (folder / f"told-{number}").mkdir()
            os.fsync(handle)
            os.close(handle)


if __name__ == "__main__":
    main()
