"""Files of nfcapd and nfpcapd: read by nfdump itself, as a process (it is under the BSD licence)."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from auditor.errors import UsageError
from auditor.ingest.flows.record import Tally

MAGIC = b"\x0c\xa5"
_SAID = 300


@contextmanager
def printed(file: Path, tally: Tally) -> Iterator[BinaryIO]:
    """Give what nfdump prints of a file as CSV, its instants in UTC; UsageError where there is no nfdump.

    That it ends with a fault makes the file one that is cut short.
    """
    program = shutil.which("nfdump")
    if program is None:
        raise UsageError(
            f"{file}: is a file of nfcapd, and there is no nfdump here to read it: install it (package nfdump)"
        )
    process = subprocess.Popen(  # noqa: S603 — the program is named, the file is an argument of its own
        [program, "-r", str(file.absolute()), "-N", "-o", "csv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", ""), "TZ": "UTC", "LC_ALL": "C"},
    )
    out, said = process.stdout, process.stderr
    if out is None or said is None:
        raise AssertionError
    try:
        yield out  # type: ignore[misc]
        while out.read(1 << 20):
            pass
        words = said.read(_SAID).decode("utf-8", "replace").strip()
        if process.wait() or words:
            tally.cut(tally.read, f"nfdump ended with status {process.returncode}: {words or 'it says nothing'}")
    finally:
        process.kill()
        process.wait()
        out.close()
        said.close()
