"""Flow records as JSON objects: nfdump's, Zeek's and those of clouds, one a line or in an array."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any, BinaryIO

from auditor.ingest.flows.azure import azure_rows
from auditor.ingest.flows.layouts import AWS, GCP, NFDUMP_JSON, ZEEK_CONN
from auditor.ingest.flows.record import PORTLESS, Flow, Tally, Wanted
from auditor.ingest.flows.table import FIELDS, NEEDED, Layout, flow_of
from auditor.ingest.opening import BLOCK, DAMAGES

Object = dict[str, Any]
Read = Callable[[Object], Iterator[Flow]]
LONGEST = 8 << 20
"""Characters that one object may have: a flow log of Azure has a minute of a network card in one."""
_PRESETS: Mapping[str, Mapping[str, str]] = {
    "zeek_conn": ZEEK_CONN,
    "nfdump_json": NFDUMP_JSON,
    "gcp_vpc": GCP,
    "aws_vpc": AWS,
}
_ENVELOPE = re.compile(r'"(?:records|Records|value|flows|logEvents)"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,\[\]]*")
_NEXT = re.compile(r"[\n,\[]\s*\{")


def objects_of(stream: BinaryIO, tally: Tally) -> Iterator[tuple[int, Object]]:
    """Yield the objects of a stream with their numbers: one a line, in an array, or in ``{"records": [``.

    Of each, no more than ``LONGEST`` characters are in memory at a time. What is no object is refused, and what comes
    after it goes on.
    """
    decoder, text, at, number, is_whole = json.JSONDecoder(), "", 0, 0, False
    while True:
        if is_whole or len(text) - at >= LONGEST:
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        if len(text) - at < LONGEST and not is_whole:
            block = _block(stream, number, tally)
            text, at, is_whole = text[at:] + block.decode("utf-8", "replace"), 0, not block
            if number == 0 and (opening := _ENVELOPE.search(text, 0, 65_536)) and text.lstrip().startswith("{"):
                at = opening.end()
        for number, found in _decoded(decoder, text, at, number):  # noqa: B020
            at = found[1]
            yield number, found[0]
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        if is_whole and (at >= len(text) or text[at:].strip(" \t\r\n]},") == ""):
            return
        if is_whole or len(text) - at >= LONGEST:
            number += 1
            following = _NEXT.search(text, at + 1)
            if following is None and is_whole:
                tally.refuse(number, "the file ends within it, or it is no JSON")
                tally.is_cut_short = True
                return
            tally.refuse(number, "is no JSON object, or is too long")
            at = following.start() if following is not None else len(text)


def _decoded(decoder: json.JSONDecoder, text: str, at: int, number: int) -> Iterator[tuple[int, tuple[Object, int]]]:
    """Yield the objects that stand whole in a text, each with where it ends; they end at the first that does not."""
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
        if at >= len(text) or text[at] != "{":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        number += 1
        yield number, (value, at)


def _block(stream: BinaryIO, number: int, tally: Tally) -> bytes:
    try:
        return stream.read1(BLOCK)  # type: ignore[attr-defined, no-any-return]
    except DAMAGES as error:
        tally.cut(number, f"what packs the file is damaged, or the file is cut off: {error}")
        return b""


def object_format(first: Object) -> str | None:
    """Return the format that the first object of a file shows; None for one that is not known."""
    if "flowRecords" in first or "flows" in first.get("properties", ()):
        return "azure_vnet" if "flowRecords" in first else "azure_nsg"
    if "server_name" in first and "id.orig_h" in first and "conn_state" not in first:
        return "zeek_ssl"
    for name, preset in _PRESETS.items():
        if all(_value(first, preset[field]) != "" for field in NEEDED if field in ("source", "destination")):
            return name
    return None


def read_objects(name: str, stream: BinaryIO, wanted: Wanted, tally: Tally, zone: tzinfo) -> Iterator[Flow]:
    """Yield the wanted records of a stream of objects in a format that ``object_format`` named."""
    if name.startswith("azure"):
        for number, one in objects_of(stream, tally):
            yield from azure_rows(one, number, wanted, tally)
        return
    preset = _PRESETS[name]
    layout = Layout(format=name, separator=b"", columns={}, width=0, is_directed=name == "zeek_conn", zone=zone)
    keys = [preset.get(field, "") for field in FIELDS]
    for number, one in objects_of(stream, tally):
        try:
            values = [_value(one, key) if key else "" for key in keys]
            if (not values[1] and not values[3] and not values[4].isdigit()) or (
                values[4].isdigit() and int(values[4]) in PORTLESS
            ):
                values[1] = values[3] = "0"
            flow = flow_of(values, layout, wanted, tally)
        except (ValueError, OverflowError) as error:
            tally.refuse(number, error)
            continue
        if flow is not None:
            yield flow


def _value(one: Object, key: str) -> str:
    """Return a value as a text, by its key or the way to it; of several keys the first that is there."""
    for name in key.split("|"):
        found: Any = one.get(name)
        if found is None and "." in name:
            found = one
            for part in name.split("."):
                found = found.get(part) if isinstance(found, dict) else None
        if found is None or isinstance(found, (dict, list, bool)):
            continue
        text = str(found)
        if text not in ("", "-"):
            return text
    return ""
