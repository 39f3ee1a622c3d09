"""Laws of every reader: whatever is done to a file, what is read adds up, and at worst an operator's error comes."""

import contextlib
import struct
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.ingest.document import parse_document
from auditor.ingest.flows.conversations import Conversations
from auditor.ingest.flows.reading import FlowFile, Ways
from auditor.ingest.flows.record import Wanted
from tests.ingest.flows.test_formats import _AWS_HEAD, _AWS_ROWS, AZURE_NSG, AZURE_VNET, BEGAN, GCP, ZEEK, ZEEK_JSON

_FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (152, 8), (153, 8))


def ipfix(records: int = 3) -> bytes:
    """Return messages of IPFIX: a template, then records of a planted conversation."""
    template = struct.pack(">HH", 256, len(_FIELDS)) + b"".join(struct.pack(">HH", *one) for one in _FIELDS)
    record = struct.pack(
        ">4s4sHHBIIQQ",
        bytes((10, 0, 0, 5)),
        bytes((203, 0, 113, 5)),
        50111,
        5938,
        6,
        1000,
        10,
        BEGAN * 1000,
        BEGAN * 1000,
    )
    messages = b""
    for set_id, body in ((2, template), (256, record * records)):
        one = struct.pack(">HH", set_id, 4 + len(body)) + body
        messages += struct.pack(">HHIII", 10, 16 + len(one), BEGAN, 0, 1) + one
    return messages


def netflow_v5(records: int = 3) -> bytes:
    record = struct.pack(
        ">4s4s4sHHIIIIHHBBBBHHBBH", bytes((10, 0, 0, 5)), bytes((203, 0, 113, 5)), bytes(4), 0, 0, 10, 1000, 500, 900,
        50111, 5938, 0, 0x1B, 6, 0, 0, 0, 24, 24, 0,
    )  # fmt: skip
    return struct.pack(">HHIIIIBBH", 5, records, 1000, BEGAN, 0, 1, 0, 0, 0) + record * records


def packet_of(payload: bytes, tags: bytes = b"") -> bytes:
    """Return one packet of UDP on Ethernet, with tags of VLANs."""
    udp = struct.pack(">HHHH", 40_000, 2055, 8 + len(payload), 0) + payload
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
    )
    return bytes(12) + tags + b"\x08\x00" + ip + udp


def captured(payload: bytes, tags: bytes = b"") -> bytes:
    """Return a capture of one packet."""
    packet = packet_of(payload, tags)
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
    return head + struct.pack("<IIII", BEGAN, 0, len(packet), len(packet)) + packet


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Return a block of pcapng."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def pcapng(payloads: list[bytes], order: str = "<", tags: bytes = b"") -> bytes:
    """Return a section of pcapng: an interface that is none of ours, ours, and packets of every kind of block."""
    section = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1) + b"\0\0\0\0", order)
    interfaces = block(1, struct.pack(f"{order}HHI", 1, 0, 65_535), order) * 2
    packets = b""
    for place, payload in enumerate(payloads):
        packet = packet_of(payload, tags)
        size = len(packet)
        packets += (
            block(6, struct.pack(f"{order}IIIII", 1, 0, 0, size, size) + packet, order),
            block(3, struct.pack(f"{order}I", size) + packet, order),
            block(2, struct.pack(f"{order}HHIIII", 1, 0, 0, 0, size, size) + packet, order),
        )[place % 3]
    statistics = block(5, struct.pack(f"{order}III", 0, 0, 0), order)
    return section + interfaces + packets + statistics


WHOLE = {
    "zeek": ZEEK.encode(),
    "zeek-json": ZEEK_JSON.encode(),
    "aws": (_AWS_HEAD + _AWS_ROWS).encode(),
    "azure-vnet": AZURE_VNET.encode(),
    "azure-nsg": AZURE_NSG.encode(),
    "gcp": GCP.encode(),
    "ipfix": ipfix(),
    "v5": netflow_v5(),
    "capture-v5": captured(netflow_v5()),
    "capture-ipfix": captured(ipfix()[: struct.unpack(">H", ipfix()[2:4])[0]]) + captured(
        ipfix()[struct.unpack(">H", ipfix()[2:4])[0] :]
    )[24:],
    "vlan": captured(netflow_v5(), b"\x81\x00\x00\x07"),
    "qinq": captured(netflow_v5(), b"\x88\xa8\x00\x07\x81\x00\x00\x08"),
    "pcapng": pcapng([netflow_v5(), netflow_v5(), netflow_v5()]),
    "pcapng-sections": pcapng([netflow_v5()], ">") + pcapng([netflow_v5()], "<", b"\x81\x00\x00\x07"),
}  # fmt: skip


def read(data: bytes, everything: bool) -> FlowFile:
    """Read bytes as a file, and hold its counts to each other."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "file"
        path.write_bytes(data)
        file = FlowFile(path=path, ways=Ways())
        added = Conversations(telling=frozenset({(6, 5938)}))
        added.add(file.flows(Wanted(None if everything else {5938})), file)
    tally = file.tally
    told = sum(one.count for one in added.all())
    assert tally.read == told + tally.passed_over + tally.denied + tally.empty
    assert not tally.refused or tally.problems
    return file


def test_whole_files_are_read_whole() -> None:
    for name, data in WHOLE.items():
        file = read(data, everything=False)
        assert file.tally.refused == 0, (name, file.tally)
        assert not file.tally.is_cut_short, (name, file.tally)
        assert file.tally.read >= 2, (name, file.tally)


@given(name=st.sampled_from(sorted(WHOLE)), length=st.integers(0, 4000), everything=st.booleans())
def test_a_file_that_ends_anywhere(name: str, length: int, everything: bool) -> None:
    with contextlib.suppress(UsageError):
        read(WHOLE[name][:length], everything)


@given(
    name=st.sampled_from(sorted(WHOLE)),
    flips=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=0, max_size=6)), min_size=1, max_size=5),
    everything=st.booleans(),
)
def test_a_file_that_is_damaged_anywhere(name: str, flips: list[tuple[int, bytes]], everything: bool) -> None:
    data = bytearray(WHOLE[name])
    for place, put in flips:
        at = place % len(data)
        data[at : at + max(1, len(put))] = put
    with contextlib.suppress(UsageError):
        read(bytes(data), everything)


@given(
    data=st.binary(max_size=300),
    start=st.sampled_from(
        [b"", b"\0\5\0\1", b"\0\x0a\0\x40", b"\xd4\xc3\xb2\xa1", b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"{", b"["]
    ),
)
def test_bytes_of_chance(data: bytes, start: bytes) -> None:
    with contextlib.suppress(UsageError):
        read(start + data, everything=True)


@given(data=st.binary(max_size=200))
def test_sealed_sightings_of_chance_are_refused(data: bytes) -> None:
    with contextlib.suppress(UsageError):
        parse_document(data, "x")
