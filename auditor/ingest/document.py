"""Ingested sightings as a file: one JSON document whose last line seals the rest, the same records the same bytes.

It is read back as bundles are: each value is held to its kind, whoever wrote it.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.errors import UsageError
from auditor.model.outside import (
    MOST_SIGHTINGS,
    SCHEMA,
    TEXT_LENGTH,
    Certainty,
    Origin,
    OutsideFile,
    OutsideRecord,
    OutsideSighting,
    Side,
    Sign,
    bounded,
    sighting_order,
)
from auditor.model.record import asdict, replace

LARGEST = 64 * 1024 * 1024
"""Bytes that a document may have."""
_MOST_FILES = 10_000
_BEGIN = '{"head":'
"""Begins a document: within one, every quote of a text has a backslash before it."""
_LAST_PORT = 65535
_HEX = 64
_TEXTS = ("source", "device", "product", "proof")
_MAY_LACK = ("host", "destination", "protocol", "process", "user", "suppressed_by")
_NUMBERS = ("bytes", "packets")
_LARGEST_NUMBER = 2**63


def sealed(record: OutsideRecord) -> str:
    """Write a record: a head, one sighting a line, and the seal, SHA-256 over all lines before its own."""
    head = {
        "schema": SCHEMA,
        "origin": record.origin,
        "tool_version": record.tool_version,
        "catalogue_sha256": record.catalogue_sha256,
        "rules_sha256": record.rules_sha256,
        "files": [asdict(one) for one in record.files],
        "left_out": record.left_out,
    }
    rows = ",\n".join(_line(_row(one)) for one in record.sightings)
    body = f'{{"head":{_line(head)},\n"sightings":[\n{rows}{chr(10) if rows else ""}],\n'
    return f'{body}"seal":"{hashlib.sha256(body.encode()).hexdigest()}"}}\n'


def _line(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _row(one: OutsideSighting) -> dict[str, Any]:
    values = asdict(one)
    values["first_seen"], values["last_seen"] = one.first_seen.isoformat(), one.last_seen.isoformat()
    return {name: value for name, value in values.items() if value is not None}


def read_document(file: Path) -> OutsideRecord:
    """Read a file back; UsageError says what of it is not what we write."""
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise UsageError(f"{file}: is longer than {LARGEST} bytes: no sealed sightings are")
    return parse_document(data, str(file))


def parse_document(data: bytes, name: str) -> OutsideRecord:
    """Read a document; ``name`` is what errors call it."""
    try:
        return _record(data)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{name}: is no sealed sightings of this version ({error}): `auditor ingest flows` and `auditor ingest "
            "events` write them"
        ) from error


def parse_documents(text: str, name: str) -> tuple[OutsideRecord, ...]:
    """Read documents that stand one after the other, as they are sealed into a run."""
    parts = [_BEGIN + part for part in text.split(_BEGIN)[1:]]
    if "".join(parts) != text:
        raise UsageError(f"{name}: is not what a run seals")
    return tuple(parse_document(part.encode(), name) for part in parts)


def _record(data: bytes) -> OutsideRecord:
    document = json.loads(data.decode("ascii"))
    if not isinstance(document, dict) or set(document) != {"head", "sightings", "seal"}:
        raise ValueError("it lacks its head, its sightings or its seal")
    head = document["head"]
    if head["schema"] != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    sightings, files = document["sightings"], head["files"]
    rules = head["rules_sha256"]
    record = OutsideRecord(
        origin=Origin(head["origin"]),
        tool_version=_text(head["tool_version"]),
        catalogue_sha256=_digest(head["catalogue_sha256"]),
        files=tuple(map(_file, files)),
        rules_sha256=None if rules is None else _digest(rules),
        sightings=tuple(map(_sighting, sightings)),
        left_out=_number(head["left_out"]),
    )
    # What is written again is what was read: no other way to write it is taken, and the seal is held to it too.
    if sealed(record).encode() != data:
        raise ValueError("its seal is not over what stands in it")
    check_record(record)
    return record


def check_record(record: OutsideRecord) -> None:
    """Hold a record to what a document may hold, whoever made it; ValueError says what of it is wrong."""
    if len(record.sightings) > MOST_SIGHTINGS or len(record.files) > _MOST_FILES:
        raise ValueError("it holds more than a document may")
    for one in record.files:
        check_file(one)
    for sighting in record.sightings:
        _check_sighting(sighting)
    if any(one.origin is not record.origin for one in record.sightings):
        raise ValueError("its sightings are of another origin than it says")
    if list(record.sightings) != sorted(record.sightings, key=sighting_order):
        raise ValueError("its sightings are not in order")


def check_file(one: OutsideFile) -> None:
    """Hold what is told of a file to what a document may hold; ValueError says what of it is wrong."""
    _text(one.name)
    _digest(one.sha256)
    _text(one.format)
    _number(one.read)
    _number(one.refused)


def _file(row: dict[str, Any]) -> OutsideFile:
    if not isinstance(row["is_cut_short"], bool):
        raise TypeError("a file's is_cut_short is no truth value")
    return OutsideFile(
        name=_text(row["name"]),
        sha256=_digest(row["sha256"]),
        format=_text(row["format"]),
        read=_number(row["read"]),
        refused=_number(row["refused"]),
        is_cut_short=row["is_cut_short"],
    )


def _sighting(row: dict[str, Any]) -> OutsideSighting:
    values: dict[str, Any] = dict(row)
    for name in _TEXTS:
        values[name] = _text(row[name])
    for name in _MAY_LACK:
        values[name] = None if name not in row else _text(row[name])
    for name in _NUMBERS:
        values[name] = None if name not in row else _number(row[name])
    values |= {
        "origin": Origin(row["origin"]),
        "signs": tuple(Sign(one) for one in row["signs"]),
        "strength": Certainty(row["strength"]),
        "side": Side(row["side"]),
        "port": None if "port" not in row else _number(row["port"]),
        "count": _number(row["count"]),
        "first_seen": _instant(row["first_seen"]),
        "last_seen": _instant(row["last_seen"]),
    }
    return OutsideSighting(**values)


def _check_sighting(one: OutsideSighting) -> None:
    for name in _TEXTS:
        _text(getattr(one, name))
    for name in _MAY_LACK:
        _text(getattr(one, name) or "")
    for name in _NUMBERS:
        _number(getattr(one, name) or 0)
    _number(one.count)
    if not one.signs or one.signs != tuple(sign for sign in Sign if sign in one.signs):
        raise ValueError("signs are none, or not in order")
    if one.first_seen.utcoffset() != timedelta(0) or one.last_seen.utcoffset() != timedelta(0):
        raise ValueError("an instant is not in UTC")
    if one.last_seen < one.first_seen:
        raise ValueError("last_seen is before first_seen")
    if one.port is not None and not 0 <= one.port <= _LAST_PORT:
        raise ValueError("a port is none")


def fitting(record: OutsideRecord) -> tuple[OutsideRecord, str]:
    """Return a record, with as many of its sightings as a document can hold, and its document."""
    document = sealed(record)
    while len(document) > LARGEST:
        # Texts of a record may be escaped to six times their length: what no reader would take is not written.
        kept, more = bounded(list(record.sightings), len(record.sightings) // 2)
        record = replace(record, sightings=kept, left_out=record.left_out + more)
        document = sealed(record)
    return record, document


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH:
        raise ValueError("a text is none, or is too long")
    return value


def _digest(value: object) -> str:
    text = _text(value)
    if len(text) != _HEX or set(text) - set("0123456789abcdef"):
        raise ValueError("a digest is none")
    return text


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST_NUMBER:
        raise ValueError("a number is none")
    return value


def _instant(value: object) -> datetime:
    instant = datetime.fromisoformat(_text(value))
    if instant.utcoffset() is None or instant.astimezone(UTC).isoformat() != value:
        raise ValueError("an instant is not in UTC")
    return instant
