"""Windows' own event log files (EVTX), through the library ``evtx``."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.errors import UsageError
from auditor.ingest.opening import Damaged
from auditor.model.device_event import RefusedRecord

MAGIC = b"ElfFile\0"
_HEAD, _LAST_CHUNK_AT, _FIRST_CHUNK, _CHUNK = 128, 16, 4096, 65536
"""Bytes of the head that say something, where it names the last chunk, where chunks begin, and how long one is."""


def evtx_records(file: Path) -> Iterator[tuple[int, dict[str, Any] | RefusedRecord]]:
    """Yield the records of a file as the library writes them in JSON; what it cannot read is refused.

    Numbers are those that the records bear; of one that cannot be read, how many came before it and one.
    """
    try:
        from evtx import PyEvtxParser  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise UsageError(
            f"{file}: is an event log of Windows: install what reads it (pip install 'auditor[events]'), or export it "
            "as JSON on a Windows machine: docs/events.md says how"
        ) from error
    number = 0
    try:
        records = PyEvtxParser(str(file), number_of_threads=1).records_json()
    except (OSError, RuntimeError, ValueError) as error:
        yield 1, RefusedRecord(number=1, reason=f"is no whole event log: {_one_line(error)}")
        return
    while True:
        number += 1
        try:
            record = next(records, None)
        except (OSError, RuntimeError, ValueError) as error:
            yield number, RefusedRecord(number=number, reason=_one_line(error))
            continue
        if record is None:
            break
        if isinstance(record, Exception):
            yield number, RefusedRecord(number=number, reason=_one_line(record))
            continue
        number = int(record["event_record_id"])
        try:
            yield number, json.loads(record["data"])
        except (ValueError, RecursionError) as error:
            yield number, RefusedRecord(number=number, reason=f"not JSON: {error}")
    if is_cut_short(file):
        raise Damaged("it ends before its last chunk does")


def is_cut_short(file: Path) -> bool:
    """Tell whether a file ends before the last chunk that its head tells of: the library says nothing of that."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    if len(head) < _HEAD:
        return True
    (last,) = struct.unpack_from("<Q", head, _LAST_CHUNK_AT)
    size = file.stat().st_size
    return size < _FIRST_CHUNK + (last + 1) * _CHUNK or (size - _FIRST_CHUNK) % _CHUNK != 0


def _one_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:200]
