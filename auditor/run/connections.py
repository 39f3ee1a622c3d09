"""Every connection of a host with the process behind it, from its sealed evidence.

A row of results keeps the connections of remote-access software; the evidence has all of them. It is read in a reader
process, as everything that a host said.
"""

import json
import zlib
from typing import Any

from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.collect.read import read
from auditor.collect.seal import head_from_record
from auditor.model.evidence import Evidence, Section
from auditor.model.facts.network import Connection, Listener
from auditor.model.facts.processes import Process
from auditor.model.reading import Found, Reading
from auditor.model.record import Record, Unshown
from auditor.model.sighting import Confidence, Sighting
from auditor.run.socket_products import SocketProducts
from auditor.run.wire import joined, parted
from auditor.store.record import SectionRecord

Row = dict[str, Any]

CONNECTION_COLUMNS = (
    "host", "process", "pid", "executable", "user", "protocol", "family", "local_address", "local_port",
    "remote_address", "remote_port", "state", "direction", "namespace", "product", "suspected",
)  # fmt: skip
"""Members of a row, in their order."""
_NOT_ASKED = ("firewall.",)
"""Sections that say nothing of connections or products, and cost most to read."""
_SOCKETS, _PROCESSES = "sockets.", "processes."


class ConnectionsJob(Record, kw_only=True):
    """One host whose evidence is to be read for its connections."""

    host: str
    """Inventory name."""
    head: Unshown[str]
    """Head of the evidence as JSON."""
    sha256: str
    """Seal of the evidence."""
    sections: Unshown[tuple[SectionRecord, ...]]
    """Its sections."""


class HostConnections(Record, kw_only=True):
    """The connections of one host."""

    host: str
    """Inventory name."""
    rows: list[Row]
    """A row for each, in the order of ``CONNECTION_COLUMNS``."""
    gaps: tuple[str, ...]
    """What of sockets and processes could not be seen: section and reason."""


def read_connections(job: ConnectionsJob, catalogue: Catalogue) -> HostConnections:
    """Read evidence for the connections that stood then, sorted by both ends."""
    head = head_from_record(json.loads(job.head))
    kept = [stored_section(one) for one in job.sections if not one.id.startswith(_NOT_ASKED)]
    reading = read(Evidence(head=head, sections=tuple(kept), sha256=job.sha256))
    gaps = tuple(
        f"{section.id}: {section.reason or section.outcome}"
        for section in reading.sections.values()
        if section.id.startswith((_SOCKETS, _PROCESSES)) and section.outcome.is_gap
    )
    whose = SocketProducts(reading, match(reading, catalogue))
    doors = _doors(reading, whose)
    processes = {process.pid: process for process in reading.of(Process)}
    rows = [_row(job.host, found, processes, whose, doors) for found in reading.found(Connection)]
    return HostConnections(host=job.host, rows=sorted(rows, key=_order), gaps=gaps)


_Place = tuple[str, int, str | None]


def _doors(reading: Reading, whose: SocketProducts) -> dict[_Place, Sighting | None]:
    """Map what listens, by protocol, port and namespace, to the product that it is of; a product's goes before none."""
    doors: dict[_Place, Sighting | None] = {}
    for found in reading.found(Listener):
        place = (found.fact.protocol, found.fact.port, found.fact.namespace)
        doors[place] = doors.get(place) or whose.of(found)[1]
    return doors


def _row(
    host: str,
    found: Found[Connection],
    processes: dict[int, Process],
    whose: SocketProducts,
    doors: dict[_Place, Sighting | None],
) -> Row:
    one = found.fact
    pids = [owner.pid for owner in one.owners]
    pid = next((pid for pid in pids if pid in whose.by_pid), pids[0] if pids else None)
    process = None if pid is None else processes.get(pid)
    named = next((owner.name for owner in one.owners if owner.pid == pid), None)
    place = (one.protocol, one.local_port, one.namespace)
    sighting = (None if pid is None else whose.by_pid.get(pid)) or doors.get(place)
    return {
        "host": host,
        "process": named if process is None else process.name,
        "pid": pid,
        "executable": None if process is None else process.executable,
        "user": _user(one, process),
        "protocol": one.protocol.value,
        "family": one.family.value,
        "local_address": one.local_address,
        "local_port": one.local_port,
        "remote_address": one.remote_address,
        "remote_port": one.remote_port,
        "state": one.state,
        "direction": "inbound" if place in doors else "outbound",
        "namespace": one.namespace,
        "product": None if sighting is None else sighting.product,
        "suspected": None if sighting is None else sighting.confidence is not Confidence.CONFIRMED,
    }


def _user(connection: Connection, process: Process | None) -> str | None:
    if process is not None:
        return process.user
    return None if connection.uid is None else str(connection.uid)


def _order(row: Row) -> tuple[str, int, str, int, str, str, int]:
    return (
        row["local_address"],
        row["local_port"],
        row["remote_address"],
        row["remote_port"],
        row["protocol"],
        row["namespace"] or "",
        row["pid"] or 0,
    )


def stored_section(record: SectionRecord) -> Section:
    """Return a section as a store keeps it."""
    return Section(
        id=record.id,
        outcome=record.outcome,
        reason=record.reason,
        stderr=record.stderr,
        text=zlib.decompress(record.packed).decode(),
        redactions=record.redactions,
        sha256=record.sha256,
    )


# ---- the wire


def pack_connections(made: HostConnections) -> bytes:
    """Write them as one message."""
    return joined({"host": made.host, "rows": made.rows, "gaps": list(made.gaps)})


def unpack_connections(message: bytes) -> HostConnections:
    """Read a message back; raises HostError for a failure."""
    head, _ = parted(message)
    return HostConnections(host=head["host"], rows=head["rows"], gaps=tuple(head["gaps"]))
