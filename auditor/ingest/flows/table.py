"""Flow records as rows of a table: nfdump's CSV, Zeek's TSV, flow logs of clouds, and any CSV with named columns."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from auditor.ingest.flows.record import (
    PORTLESS,
    Flow,
    Tally,
    Wanted,
    address_of,
    instant_of,
    number_of,
    port_of,
    protocol_of,
)
from auditor.model.record import Record

FIELDS = (
    "source",
    "source_port",
    "destination",
    "destination_port",
    "protocol",
    "bytes",
    "packets",
    "first",
    "last",
    "duration",
    "reverse_bytes",
    "reverse_packets",
    "action",
)
"""What a column may hold, as ``--columns`` names it; the first four and ``first`` must be there."""
NEEDED = ("source", "source_port", "destination", "destination_port", "first")
_DENIED = frozenset(("reject", "deny", "denied", "d", "blocked", "drop"))
_UNSET = ("", "-", "(empty)")
_MILLISECONDS = 100_000_000_000
"""From here on a number of seconds is taken for milliseconds: as seconds it would be the year 5138."""
_MICROSECONDS = _MILLISECONDS * 1000


class Layout(Record, kw_only=True):
    """Where a table has what."""

    format: str
    """Name of the format."""
    separator: bytes
    """What parts its columns."""
    columns: Mapping[str, int]
    """Place of each column that is read, by what it holds."""
    width: int
    """Columns of a row."""
    is_directed: bool = False
    """Whether the source is who began."""
    zone: tzinfo = UTC
    """Where its clock stands, for instants that do not say it."""
    head: bytes | None = None
    """The line that names the columns."""
    end: tuple[bytes, ...] = ()
    """First words of lines that end the records."""


def instant(text: str, zone: tzinfo) -> float:
    """Read an instant: seconds, milliseconds or microseconds since 1970, or a date and a time."""
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        return instant_of((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
    if number >= _MICROSECONDS:
        number /= 1_000_000
    elif number >= _MILLISECONDS:
        number /= 1000
    return instant_of(number)


Blocks = Iterable[tuple[list[bytes], bool]]
"""Lines, as many at a time as are read at once, with whether there may be a quote in one of them."""


def read_table(blocks: Blocks, layout: Layout, wanted: Wanted, tally: Tally) -> Iterator[Flow]:
    """Yield the wanted records of rows; lines that are none, such as the head, begin with ``#`` or are ``layout.head``.

    The loop is tight: of a record that nothing asks for, only its form and its ports are looked at.
    """
    keep, separator, separators = wanted.texts(), layout.separator, layout.width - 1
    source_port, destination_port = layout.columns["source_port"], layout.columns["destination_port"]
    # What stands behind the ports is counted, not cut up.
    most = max(source_port, destination_port) + 1
    rows = _Rows(layout, wanted, tally)
    number = passed_over = 0
    try:
        for lines, is_quoted in blocks:
            for number, line in enumerate(lines, number + 1):  # noqa: B020 — goes on counting
                cells = line.split(separator, most)
                try:
                    if (
                        not (keep[cells[source_port]] or keep[cells[destination_port]])
                        and line.count(separator) == separators
                        and not is_quoted
                    ):
                        passed_over += 1
                        continue
                except (KeyError, IndexError):
                    pass
                flow = rows.flow(line, number)
                if flow is not None:
                    yield flow
    except EOFError:
        pass
    tally.read += passed_over
    tally.passed_over += passed_over


class _Rows:
    """Reads rows one by one, whatever is odd about them."""

    def __init__(self, layout: Layout, wanted: Wanted, tally: Tally) -> None:
        self._layout, self._wanted, self._tally = layout, wanted, tally
        self._places = [layout.columns.get(name) for name in FIELDS]

    def flow(self, line: bytes, number: int) -> Flow | None:
        """Return the record of a row where it is wanted; EOFError where the table ends."""
        line = line.rstrip(b"\r")
        if not line or line.startswith(b"#") or line == self._layout.head:
            return None
        if line.startswith(self._layout.end):
            raise EOFError
        try:
            return self._read(self._cells(line))
        except (ValueError, OverflowError, csv.Error) as error:
            self._tally.refuse(number, error)
            return None

    def _cells(self, line: bytes) -> list[str]:
        text = line.decode("utf-8", "replace")
        separator = self._layout.separator.decode()
        cells = next(csv.reader([text], delimiter=separator, strict=True)) if '"' in text else text.split(separator)
        if len(cells) != self._layout.width:
            raise ValueError(f"{len(cells)} columns, where the head has {self._layout.width}")
        return cells

    def _read(self, cells: list[str]) -> Flow | None:
        values = ["" if place is None or cells[place] in _UNSET else cells[place] for place in self._places]
        return flow_of(values, self._layout, self._wanted, self._tally)


def flow_of(values: Sequence[str], layout: Layout, wanted: Wanted, tally: Tally) -> Flow | None:
    """Return the record that texts in the order of ``FIELDS`` make, where it is wanted.

    ValueError where they make none. What becomes of it is counted.
    """
    source, sport, destination, dport, protocol, size, packets, first, last, lasted, back, packets_back, action = values
    number = protocol_of(protocol) if protocol else 6
    if not source and not destination:
        tally.read += 1
        tally.empty += 1
        return None
    if number in PORTLESS and not wanted.all:
        address_of(source), address_of(destination)
        tally.read += 1
        tally.passed_over += 1
        return None
    begin = instant(first, layout.zone)
    end = instant(last, layout.zone) if last else instant_of(begin + float(lasted)) if lasted else begin
    if end < begin:
        raise ValueError(f"it ends ({last or lasted}) before it begins ({first})")
    ports = (0, 0) if number in PORTLESS else (port_of(sport), port_of(dport))
    flow = (
        address_of(source), ports[0], address_of(destination), ports[1], number,
        (number_of(size) if size else 0) + (number_of(back) if back else 0),
        (number_of(packets) if packets else 0) + (number_of(packets_back) if packets_back else 0),
        begin, end, layout.is_directed, 0,
    )  # fmt: skip
    tally.read += 1
    if action.lower() in _DENIED:
        tally.denied += 1
        return None
    if not wanted.wants(*flow[:4]):
        tally.passed_over += 1
        return None
    return flow
