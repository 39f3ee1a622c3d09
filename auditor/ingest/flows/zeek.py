"""Logs of Zeek in its own tables: ``conn.log`` as flow records, ``ssl.log`` as names that clients asked for by TLS."""

from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import BinaryIO

from auditor.ingest.flows.layouts import zeek_layout
from auditor.ingest.flows.lines import blocks_of, lines_of
from auditor.ingest.flows.objects import objects_of
from auditor.ingest.flows.record import Flow, Tally, Wanted, address_of, port_of
from auditor.ingest.flows.table import instant, read_table

Named = tuple[str, str, int, str, float]
"""Client, server, its port, the name that the client asked for, and when."""
_FIELDS = ("ts", "id.orig_h", "id.resp_h", "id.resp_p", "server_name")
_LONGEST_NAME = 255


def zeek_fields(start: bytes) -> list[str] | None:
    """Return the fields that the head of a Zeek log names; None where it has no such head."""
    if not start.startswith(b"#separator \\x09"):
        return None
    for line in start.split(b"\n"):
        if line.startswith(b"#fields\t"):
            return line.decode("utf-8", "replace").rstrip("\r").split("\t")[1:]
    return None


def zeek_format(fields: Iterable[str]) -> str | None:
    """Tell which log has such fields."""
    names = set(fields)
    if names.issuperset(_FIELDS):
        return "zeek_ssl"
    return "zeek_conn" if names.issuperset(("id.orig_h", "conn_state")) else None


def read_conn(stream: BinaryIO, fields: list[str], wanted: Wanted, tally: Tally) -> Iterator[Flow]:
    """Yield the wanted records of a ``conn.log``; each says who began."""
    layout = zeek_layout(fields)
    if layout is None:
        tally.cut(0, "its fields lack addresses, ports, instants or the protocol")
        return
    yield from read_table(blocks_of(stream, tally), layout, wanted, tally)


def read_ssl(stream: BinaryIO, fields: list[str] | None, tally: Tally) -> Iterator[Named]:
    """Yield the names of an ``ssl.log``, in Zeek's table or, for no fields, in JSON."""
    rows = _objects(stream, tally) if fields is None else _rows(stream, fields, tally)
    for number, values in rows:
        when, client, server, port, name = values
        try:
            said = name[:_LONGEST_NAME].encode("utf-8", "replace").decode()
            named = (address_of(client), address_of(server), port_of(port), said, instant(when, UTC))
        except (ValueError, OverflowError) as error:
            tally.refuse(number, error)
            continue
        tally.read += 1
        if name in ("", "-", "(empty)"):
            tally.passed_over += 1
        else:
            yield named


def _rows(stream: BinaryIO, fields: list[str], tally: Tally) -> Iterator[tuple[int, list[str]]]:
    places = [fields.index(name) for name in _FIELDS]
    for number, line in enumerate(lines_of(stream, tally), 1):
        if not line or line.startswith(b"#"):
            continue
        cells = line.decode("utf-8", "replace").rstrip("\r").split("\t")
        if len(cells) != len(fields):
            tally.refuse(number, f"{len(cells)} columns, where the head has {len(fields)}")
            continue
        yield number, [cells[place] for place in places]


def _objects(stream: BinaryIO, tally: Tally) -> Iterator[tuple[int, list[str]]]:
    for number, one in objects_of(stream, tally):
        yield number, ["" if one.get(name) is None else str(one[name]) for name in _FIELDS]
