"""Read a file of flow records, whatever its format: it is told by its first bytes."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from auditor.errors import UsageError
from auditor.ingest.flows.capture import is_messages, read_capture, read_messages
from auditor.ingest.flows.layouts import headless_layout, table_layout
from auditor.ingest.flows.lines import blocks_of
from auditor.ingest.flows.messages import NAMES, Messages
from auditor.ingest.flows.nfdump import MAGIC, printed
from auditor.ingest.flows.objects import object_format, objects_of, read_objects
from auditor.ingest.flows.packets import is_capture
from auditor.ingest.flows.record import Flow, Tally, Wanted
from auditor.ingest.flows.sampling import Samplers
from auditor.ingest.flows.table import read_table
from auditor.ingest.flows.zeek import Named, read_conn, read_ssl, zeek_fields, zeek_format
from auditor.ingest.opening import Opened, opened
from auditor.model.outside import TEXT_LENGTH, OutsideFile
from auditor.model.record import Record

_BEGINNING = 65_536


class Ways(Record, kw_only=True):
    """How the operator says that files are to be read."""

    columns: Mapping[str, str] = MappingProxyType({})
    """Columns of ``--columns``: what each holds to its name."""
    zone: tzinfo = UTC
    """Where clocks stand that do not say it."""


@dataclass(slots=True)
class FlowFile:
    """One file, while it is read and afterwards."""

    path: Path
    """Where it lies."""
    ways: Ways
    """How it is read."""
    tally: Tally = field(default_factory=Tally)
    """What became of its records."""
    format: str = ""
    """Its format, once it is known."""
    samplers: Samplers = field(default_factory=Samplers)
    """What its exporters say of their sampling."""
    sha256: str = ""
    """Its digest, once it was read."""

    @property
    def told(self) -> OutsideFile:
        """Return what is sealed of it."""
        return OutsideFile(
            name=self.path.name[:TEXT_LENGTH].encode("utf-8", "replace").decode(),
            sha256=self.sha256,
            format=self.format,
            read=self.tally.read,
            refused=self.tally.refused,
            is_cut_short=self.tally.is_cut_short,
        )

    def is_of_names(self) -> bool:
        """Tell whether it holds names that clients asked for by TLS, which are read before all else."""
        with opened(self.path) as file:
            return _format(file, self) == "zeek_ssl"

    def names(self) -> Iterator[Named]:
        """Yield the names of a file that holds them."""
        with opened(self.path) as file:
            self.format = "zeek_ssl"
            yield from read_ssl(file.stream, zeek_fields(file.beginning()), self.tally)
            self.sha256 = file.sha256()

    def flows(self, wanted: Wanted) -> Iterator[Flow]:
        """Yield the wanted records; UsageError where its format is not known."""
        with opened(self.path) as file:
            self.format = _format(file, self)
            yield from self._flows(file, wanted)
            self.sha256 = file.sha256()

    def _flows(self, file: Opened, wanted: Wanted) -> Iterator[Flow]:
        tally, start = self.tally, file.beginning()
        if self.format in ("capture", "messages"):
            messages = Messages(wanted=wanted, tally=tally, samplers=self.samplers)
            read = read_capture if self.format == "capture" else read_messages
            yield from read(file.stream, messages)
            self.format = "+".join(NAMES[one] for one in sorted(messages.versions)) or self.format
        elif self.format == "nfcapd":
            if file.packing:
                raise UsageError(f"{self.path}: a file of nfcapd within {file.packing}: unpack it first")
            with printed(self.path, tally) as out:
                blocks = blocks_of(out, tally)
                lines, is_quoted = next(blocks, ([b""], False))
                layout = table_layout(lines[0], {})
                if layout is None:
                    tally.cut(0, "nfdump prints columns that this version does not know")
                else:
                    yield from read_table(chain(((lines, is_quoted),), blocks), layout, wanted, tally)
        elif self.format == "zeek_conn" and (fields := zeek_fields(start)) is not None:
            yield from read_conn(file.stream, fields, wanted, tally)
        elif _is_json(start):
            yield from read_objects(self.format, file.stream, wanted, tally, self.ways.zone)
        else:
            head = start.partition(b"\n")[0]
            layout = table_layout(head, self.ways.columns, self.ways.zone) or headless_layout(head)
            if layout is not None:
                yield from read_table(blocks_of(file.stream, tally), layout, wanted, tally)


def _is_json(start: bytes) -> bool:
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _format(file: Opened, asked: FlowFile) -> str:
    """Tell the format of a file by its beginning; UsageError where it is none that is known."""
    start, path = file.beginning(), asked.path
    if not start:
        raise UsageError(f"{path}: is empty, or what packs it is damaged from the start")
    if start.startswith(MAGIC):
        return "nfcapd"
    if is_capture(start):
        return "capture"
    if is_messages(start):
        return "messages"
    fields = zeek_fields(start)
    if fields is not None:
        found = zeek_format(fields)
    elif _is_json(start):
        found = _json_format(start)
    else:
        head = start.partition(b"\n")[0]
        layout = table_layout(head, asked.ways.columns, asked.ways.zone) or headless_layout(head)
        found = None if layout is None else layout.format
    if found is None:
        raise UsageError(
            f"{path}: is in no format that is known: NetFlow v5, v9 and IPFIX (captures, messages, files of nfcapd), "
            "nfdump's CSV and JSON, Zeek's conn.log and ssl.log, flow logs of AWS, Azure and Google; any other table "
            "with `--columns source=NAME,source_port=NAME,destination=NAME,destination_port=NAME,first=NAME`"
        )
    return found


def _json_format(start: bytes) -> str | None:
    """Tell a format by the first object; one of Azure's is longer than what was read of it."""
    for _, first in objects_of(io.BytesIO(start), Tally()):
        return object_format(first)
    if b'"flowTuples"' in start:
        return "azure_vnet" if b'"flowRecords"' in start else "azure_nsg"
    return None
