"""NetFlow v5 and v9 and IPFIX as exporters send them: messages, and the records in them.

By RFC 3954 (NetFlow v9), RFC 7011 and RFC 7012 (IPFIX, its information elements), and Cisco's "NetFlow Export Datagram
Formats" (v5). Each template becomes one ``struct`` of the parts that are read, all others padded over, so that a set of
records is read in one call. Templates are remembered by exporter and observation domain, as they are sent.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct

from auditor.ingest.flows.record import PORTLESS, Flow, Tally, Wanted, instant_of, packed_address
from auditor.ingest.flows.sampling import ELEMENTS, Samplers, v5_token

V5, V9, IPFIX = 5, 9, 10
NAMES = {V5: "netflow_v5", V9: "netflow_v9", IPFIX: "ipfix"}
_HEADS = {V5: 24, V9: 20, IPFIX: 16}
_V5_RECORD = Struct(">4s4s8xIIIIHHxxBx8x")
_MOST_TEMPLATES, _MOST_FIELDS = 4096, 512
_ENTERPRISE = 0x8000
_VARIABLE = 65_535
_FIRST_DATA_SET = 256
_V9_TEMPLATES, _V9_OPTIONS, _TEMPLATES, _OPTIONS = 0, 1, 2, 3
_NTP = 2_208_988_800
"""Seconds between 1900, where NTP begins to count (RFC 5905), and 1970."""
# Information elements that are read (IANA, "IPFIX Information Elements"); those of NetFlow v9 have the same numbers.
_ELEMENTS = {
    1: "bytes", 2: "packets", 4: "protocol", 7: "source_port", 11: "destination_port", 8: "source4", 12: "destination4",
    27: "source6", 28: "destination6", 21: "last_uptime", 22: "first_uptime", 23: "out_bytes", 24: "out_packets",
    85: "total_bytes", 86: "total_packets", 150: "first_s", 151: "last_s", 152: "first_ms", 153: "last_ms",
    154: "first_us", 155: "last_us", 156: "first_ns", 157: "last_ns", 160: "started_ms", 231: "sent", 232: "returned",
    298: "sent_packets", 299: "returned_packets", 239: "direction", **ELEMENTS,
}  # fmt: skip
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}


@dataclass(slots=True)
class _Template:
    """How the records of a set are read."""

    struct: Struct | None
    """Reads one record; None where lengths vary, or it is of options."""
    names: tuple[str, ...]
    """What its parts are."""
    ports: Struct = Struct("")  # noqa: RUF009 — it cannot be changed
    """Reads the two ports of one record alone, where it has them."""
    variable: tuple[tuple[str | None, int], ...] = ()
    """Names and lengths of all parts, where lengths vary."""
    is_options: bool = False
    """Whether its records tell of the exporter, and of no conversation."""


@dataclass(slots=True)
class Messages:
    """Reads the messages of a file, in their order."""

    wanted: Wanted
    """What is looked at."""
    tally: Tally
    """What becomes of the records."""
    number: int = 0
    """Records that were met."""
    keep: bytes = b""
    """For each port whether it is wanted."""
    samplers: Samplers = field(default_factory=Samplers)
    """What exporters say of their sampling."""
    versions: set[int] = field(default_factory=set)
    """Versions that were met."""
    _templates: dict[tuple[bytes, int, int, int], _Template] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note which ports are wanted."""
        self.keep = self.wanted.numbers()

    def read(self, message: bytes, exporter: bytes) -> Iterator[Flow]:
        """Yield the wanted records of a message; what of it is wrong is refused, and what stood before it kept."""
        version = int.from_bytes(message[:2], "big")
        if version not in _HEADS or len(message) < _HEADS[version]:
            self.number += 1
            self.tally.refuse(self.number, f"a message of version {version} and {len(message)} bytes is none")
            return
        self.versions.add(version)
        if version == V5:
            yield from self._read_v5(message)
            return
        uptime, seconds = 0, int.from_bytes(message[4:8], "big")
        if version == V9:
            uptime, seconds = seconds, int.from_bytes(message[8:12], "big")
        domain = int.from_bytes(message[16:20] if version == V9 else message[12:16], "big")
        boot = seconds - uptime / 1000
        end = len(message)
        if version == IPFIX:
            end = min(end, int.from_bytes(message[2:4], "big"))
        at = _HEADS[version]
        while at + 4 <= end:
            set_id, length = struct.unpack_from(">HH", message, at)
            if length < 4 or at + length > end:  # noqa: PLR2004 — a set's own head
                self.number += 1
                self.tally.refuse(self.number, f"a set of {length} bytes, where {end - at} are left")
                return
            body = message[at + 4 : at + length]
            key = (exporter, version, domain, set_id)
            if set_id < _FIRST_DATA_SET:
                self._learn(body, set_id, version, key)
            else:
                yield from self._records(body, key, boot)
            at += length

    def _read_v5(self, message: bytes) -> Iterator[Flow]:
        count, uptime, seconds, nanoseconds = struct.unpack_from(">HIII", message, 2)
        boot = seconds + nanoseconds / 1e9 - uptime / 1000
        there, token = (len(message) - 24) // 48, v5_token(int.from_bytes(message[22:24], "big"))
        for place in range(min(count, there)):
            self.number += 1
            source, destination, packets, size, first, last, sport, dport, protocol = _V5_RECORD.unpack_from(
                message, 24 + 48 * place
            )
            values = {
                "source4": source, "destination4": destination, "packets": packets, "bytes": size,
                "first_uptime": first, "last_uptime": last, "source_port": sport, "destination_port": dport,
                "protocol": protocol,
            }  # fmt: skip
            flow = self._flow(values, boot, token)
            if flow is not None:
                yield flow
        if count > there:
            self.number += 1
            self.tally.refuse(self.number, f"a message says that it has {count} records, and has {there}")

    def _learn(self, body: bytes, set_id: int, version: int, key: tuple[bytes, int, int, int]) -> None:
        """Remember the templates of a set."""
        is_options = set_id in (_V9_OPTIONS, _OPTIONS)
        if set_id not in ((_V9_TEMPLATES, _V9_OPTIONS) if version == V9 else (_TEMPLATES, _OPTIONS)):
            return
        at, foreign = 0, 0
        try:
            while at + 4 <= len(body):
                template_id, count = struct.unpack_from(">HH", body, at)
                if template_id < _FIRST_DATA_SET:
                    return  # padding
                at += 4
                if is_options:
                    (more,) = struct.unpack_from(">H", body, at)
                    at += 2
                    # What options of v9 are about is named by numbers of their own (RFC 3954, 6.1).
                    foreign, count = (count // 4, (count + more) // 4) if version == V9 else (0, count)
                parts, at = _parts(body, at, count, version, foreign)
                if len(self._templates) >= _MOST_TEMPLATES:
                    self._templates.clear()
                self._templates[(*key[:3], template_id)] = _template(parts, is_options=is_options)
        except (struct.error, ValueError) as error:
            self.number += 1
            self.tally.refuse(self.number, f"a template that is none: {error}")

    def _records(self, body: bytes, key: tuple[bytes, int, int, int], boot: float) -> Iterator[Flow]:
        template = self._templates.get(key)
        if template is None:
            self.number += 1
            self.tally.refuse(self.number, f"a set of records whose template {key[3]} did not come before it")
            return
        domain = key[:3]
        if template.is_options:
            for values in self._values(body, template):
                self.samplers.learn(domain, values)
            return
        if template.struct is None:
            for values in self._values(body, template):
                flow = self._flow(values, boot, self.samplers.token(domain, values))
                if flow is not None:
                    yield flow
            return
        size, names, read = template.struct.size, template.names, template.struct
        usable = len(body) - len(body) % size
        keep = self.keep
        passed_over = 0
        # Of most records the ports alone are read; a template without them wants to be read whole.
        pairs = template.ports.iter_unpack(memoryview(body)[:usable])
        for at, ports in zip(range(0, usable, size), pairs, strict=True):
            if len(ports) == 2 and not (keep[ports[0]] or keep[ports[1]]):  # noqa: PLR2004 — both
                passed_over += 1
                continue
            self.number += 1
            values = dict(zip(names, read.unpack_from(body, at), strict=True))
            flow = self._flow(values, boot, self.samplers.token(domain, values))
            if flow is not None:
                yield flow
        self.number += passed_over
        self.tally.read += passed_over
        self.tally.passed_over += passed_over

    def _values(self, body: bytes, template: _Template) -> Iterator[dict[str, int | bytes]]:
        """Yield the values of records one by one, in which lengths may stand before them (RFC 7011, 7)."""
        at, end = 0, len(body.rstrip(b"\0"))
        while at < end:
            if not template.is_options:
                self.number += 1
            values: dict[str, int | bytes] = {}
            for name, size in template.variable:
                length = size
                if size == _VARIABLE:
                    length, at = (body[at] if at < len(body) else 0), at + 1
                    if length == 255:  # noqa: PLR2004 — the long form
                        length, at = int.from_bytes(body[at : at + 2], "big"), at + 2
                part = body[at : at + length]
                at += length
                if at > len(body):
                    # Options may be filled up with other bytes than zeros.
                    if not template.is_options:
                        self.tally.refuse(self.number, "its parts are longer than its set")
                    return
                if name is not None:
                    is_address = name.endswith(("4", "6"))
                    values[name] = part if is_address else int.from_bytes(part, "big")
            yield values

    def _flow(self, values: Mapping[str, int | bytes], boot: float, token: int) -> Flow | None:
        try:
            flow = _flow(values, boot, token)
        except (ValueError, OverflowError, KeyError) as error:
            self.tally.refuse(self.number, error)
            return None
        self.tally.read += 1
        if (flow[4] in PORTLESS and not self.wanted.all) or not self.wanted.wants(*flow[:4]):
            self.tally.passed_over += 1
            return None
        return flow


def _parts(body: bytes, at: int, count: int, version: int, foreign: int) -> tuple[list[tuple[str | None, int]], int]:
    """Read the parts of a template; a part of an enterprise's own, and the first ``foreign`` ones, are none to read."""
    if count > _MOST_FIELDS:
        raise ValueError(f"{count} fields")
    parts: list[tuple[str | None, int]] = []
    for place in range(count):
        element, length = struct.unpack_from(">HH", body, at)
        at += 4
        name = None if place < foreign else _ELEMENTS.get(element)
        if version == IPFIX and element & _ENTERPRISE:
            at, name = at + 4, None
        parts.append((name, length))
    return parts, at


def _template(parts: list[tuple[str | None, int]], *, is_options: bool) -> _Template:
    if is_options:
        if not sum(length for _, length in parts):
            raise ValueError("a record of no bytes")
        return _Template(struct=None, names=(), variable=tuple(parts), is_options=True)
    if any(length == _VARIABLE for _, length in parts):
        return _Template(struct=None, names=(), variable=tuple(parts))
    words: list[str] = [">"]
    ports: list[str] = [">"]
    names: list[str] = []
    for name, length in parts:
        is_port = name in ("source_port", "destination_port") and name not in names
        ports.append("H" if is_port else f"{length}x")
        if name is None or name in names:
            words.append(f"{length}x")
            continue
        if name[-1] in "46":
            if length != (4 if name.endswith("4") else 16):
                raise ValueError(f"an address of {length} bytes")
            words.append(f"{length}s")
        elif length in _WIDTHS and (length == 2 or not is_port):  # noqa: PLR2004 — what a port has
            words.append(_WIDTHS[length])
        else:
            # Numbers may be shortened (RFC 7011, 6.2) to lengths that no machine has.
            return _Template(struct=None, names=(), variable=tuple(parts))
        names.append(name)
    reader = Struct("".join(words))
    if not reader.size:
        raise ValueError("a record of no bytes")
    return _Template(struct=reader, names=tuple(names), ports=Struct("".join(ports)))


def _flow(values: Mapping[str, int | bytes], boot: float, token: int) -> Flow:
    """Make a record of what a template names; ValueError where it is none."""
    source, destination = (values.get(f"{end}4") or values.get(f"{end}6") or b"" for end in ("source", "destination"))
    if not isinstance(source, bytes) or not isinstance(destination, bytes) or not source or not destination:
        raise ValueError("it lacks an address")
    if not any(source) and "source6" in values and values["source6"]:
        source, destination = bytes(values["source6"]), bytes(values["destination6"])
    number = {name: value for name, value in values.items() if isinstance(value, int)}
    first, last = _instant("first", number, boot), _instant("last", number, boot)
    if first is None and last is None:
        raise ValueError("it lacks its instants")
    begin, end = (
        instant_of(first if first is not None else last or 0),
        instant_of(last if last is not None else first or 0),
    )
    if end < begin:
        raise ValueError("it ends before it begins")
    size = number.get("bytes") or number.get("total_bytes") or number.get("sent", 0) + number.get("returned", 0)
    packets = (
        number.get("packets")
        or number.get("total_packets")
        or (number.get("sent_packets", 0) + number.get("returned_packets", 0))
    )
    return (
        packed_address(source), number.get("source_port", 0), packed_address(destination),
        number.get("destination_port", 0), number.get("protocol", 0), size or number.get("out_bytes", 0),
        packets or number.get("out_packets", 0), begin, end, False, token,
    )  # fmt: skip


def _instant(which: str, values: Mapping[str, int], boot: float) -> float | None:
    if f"{which}_ms" in values:
        return values[f"{which}_ms"] / 1000
    if f"{which}_uptime" in values:
        began = values["started_ms"] / 1000 if "started_ms" in values else boot
        return began + values[f"{which}_uptime"] / 1000
    if f"{which}_s" in values:
        return float(values[f"{which}_s"])
    for unit in ("us", "ns"):
        if f"{which}_{unit}" in values:
            stamp = values[f"{which}_{unit}"]
            return (stamp >> 32) - _NTP + (stamp & 0xFFFFFFFF) / 2**32
    return None
