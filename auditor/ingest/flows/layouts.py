"""Which format a table or a list of objects is in, told by its head; names of columns are those of the makers' pages.

Sources: nfdump(1) of 1.7.1 and what it and 1.7.4 print; Zeek's manual, "conn.log" and "ssl.log"; Amazon's "Flow log
records"; Google's "VPC Flow Logs records"; Microsoft's "NSG flow logs" and "Virtual network flow logs".
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo

from auditor.errors import UsageError, did_you_mean
from auditor.ingest.flows.table import FIELDS, NEEDED, Layout

_NFDUMP = {
    "source": "sa", "source_port": "sp", "destination": "da", "destination_port": "dp", "protocol": "pr",
    "bytes": "ibyt", "packets": "ipkt", "reverse_bytes": "obyt", "reverse_packets": "opkt",
    "first": "ts", "last": "te",
}  # fmt: skip
_NFDUMP_SHORT = {
    "source": "srcAddr", "source_port": "srcPort", "destination": "dstAddr", "destination_port": "dstPort",
    "protocol": "proto", "bytes": "bytes", "packets": "packets", "first": "firstSeen", "duration": "duration",
}  # fmt: skip
ZEEK_CONN = {
    "source": "id.orig_h", "source_port": "id.orig_p", "destination": "id.resp_h", "destination_port": "id.resp_p",
    "protocol": "proto", "bytes": "orig_ip_bytes", "packets": "orig_pkts", "reverse_bytes": "resp_ip_bytes",
    "reverse_packets": "resp_pkts", "first": "ts", "duration": "duration",
}  # fmt: skip
AWS = {
    "source": "srcaddr", "source_port": "srcport", "destination": "dstaddr", "destination_port": "dstport",
    "protocol": "protocol", "bytes": "bytes", "packets": "packets", "first": "start", "last": "end",
    "action": "action",
}  # fmt: skip
_AWS_DEFAULT = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets",
    "bytes", "start", "end", "action", "log-status",
)  # fmt: skip
NFDUMP_JSON = {
    "source": "src4_addr|src6_addr", "source_port": "src_port", "destination": "dst4_addr|dst6_addr",
    "destination_port": "dst_port", "protocol": "proto", "bytes": "in_bytes", "packets": "in_packets",
    "reverse_bytes": "out_bytes", "reverse_packets": "out_packets", "first": "first", "last": "last",
}  # fmt: skip
GCP = {
    "source": "jsonPayload.connection.src_ip", "source_port": "jsonPayload.connection.src_port",
    "destination": "jsonPayload.connection.dest_ip", "destination_port": "jsonPayload.connection.dest_port",
    "protocol": "jsonPayload.connection.protocol", "bytes": "jsonPayload.bytes_sent",
    "packets": "jsonPayload.packets_sent", "first": "jsonPayload.start_time", "last": "jsonPayload.end_time",
}  # fmt: skip
PRESETS: Mapping[str, Mapping[str, str]] = {
    "nfdump_csv": _NFDUMP,
    "nfdump_csv_short": _NFDUMP_SHORT,
    "aws_vpc": AWS,
}
"""Tables whose head tells them."""


def named_columns(words: Sequence[str]) -> dict[str, str]:
    """Read ``--columns source=srcaddr,…``; UsageError says what of it is wrong."""
    columns: dict[str, str] = {}
    for word in (part for one in words for part in one.split(",")):
        field, equals, name = word.partition("=")
        if field not in FIELDS or not equals or not name:
            near = did_you_mean(field, list(FIELDS))
            raise UsageError(f"--columns {word}: FIELD=NAME is wanted, a field being one of {', '.join(FIELDS)}{near}")
        columns[field] = name
    lacking = [field for field in NEEDED if field not in columns]
    if words and lacking:
        raise UsageError(f"--columns: no column is named for {', '.join(lacking)}")
    return columns


def table_layout(head: bytes, columns: Mapping[str, str], zone: tzinfo = UTC) -> Layout | None:
    """Return the layout that the first line of a table tells; None where it tells none that is known.

    ``columns`` are those of ``--columns``: UsageError where the line does not have them.
    """
    text = head.decode("utf-8", "replace").strip("\r\ufeff")
    separator = "," if "," in text else "\t" if "\t" in text else ";" if ";" in text else " "
    try:
        names = next(csv.reader([text], delimiter=separator))
    except (csv.Error, StopIteration):
        return None
    places = {name.strip(): place for place, name in enumerate(names)}
    if columns:
        lacking = [name for name in columns.values() if name not in places]
        if lacking:
            near = did_you_mean(lacking[0], list(places))
            raise UsageError(
                f"--columns: the head has no column {lacking[0]!r}{near}; it has {', '.join(places)[:300]}"
            )
        return _layout("csv", separator, places, columns, zone, head=head)
    for name, preset in PRESETS.items():
        if all(preset[field] in places for field in NEEDED):
            end = (b"Summary", b"No match") if name.startswith("nfdump") else ()
            return _layout(name, separator, places, preset, zone, head=head, end=end)
    return None


def headless_layout(head: bytes) -> Layout | None:
    """Return the layout of flow logs of AWS in their default format, which lie without a head in CloudWatch."""
    cells = head.rstrip(b"\r").split(b" ")
    if len(cells) != len(_AWS_DEFAULT) or cells[0] != b"2" or cells[-1] not in (b"OK", b"NODATA", b"SKIPDATA"):
        return None
    return _layout("aws_vpc", " ", {name: place for place, name in enumerate(_AWS_DEFAULT)}, AWS, UTC)


def zeek_layout(names: Sequence[str]) -> Layout | None:
    """Return the layout of a ``conn.log`` with such fields; None for another log."""
    places = {name: place for place, name in enumerate(names)}
    columns = ZEEK_CONN
    if "orig_ip_bytes" not in places:
        columns = ZEEK_CONN | {"bytes": "orig_bytes", "reverse_bytes": "resp_bytes"}
    if any(columns[field] not in places for field in (*NEEDED, "protocol", "duration")):
        return None
    return _layout("zeek_conn", "\t", places, columns, UTC, is_directed=True)


def _layout(
    name: str,
    separator: str,
    places: Mapping[str, int],
    columns: Mapping[str, str],
    zone: tzinfo,
    *,
    is_directed: bool = False,
    head: bytes | None = None,
    end: tuple[bytes, ...] = (),
) -> Layout:
    return Layout(
        format=name,
        separator=separator.encode(),
        columns={field: places[column] for field, column in columns.items() if column in places},
        width=len(places),
        is_directed=is_directed,
        zone=zone,
        head=None if head is None else head.rstrip(b"\r"),
        end=end,
    )
