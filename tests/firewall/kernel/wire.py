"""Sending packets to and from the host under test, and seeing what became of each.

A packet that the input chains let pass is seen by a raw socket, which the kernel serves after them. One that was let
out or forwarded is seen at the far end of a cable (on loopback: by a tap, which is served after the egress chains).
A refusal is known by the ICMP error, which quotes the token, or by the reset. No rule, counter or trace is read.
"""

import errno
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.firewall.kernel import frames
from tests.firewall.kernel.frames import PROTOCOLS, Packet
from tests.firewall.kernel.spaces import CABLES, Spaces, hardware_address
from tests.firewall.kernel.tracked import Table

_ALL = 0x0003
_IPV4, _IPV6 = 0x0800, 0x86DD
_OURS = 0x88B5  # IEEE 802: for experiments
_QDISC_BYPASS = 20
_BUFFER_FORCED = 33
_HEADER_INCLUDED_6 = 36
_OUTGOING = 4
_PACKET = 263
_ANYTHING = b"\xff" * 6


@dataclass(slots=True)
class Seen:
    """What was seen of one packet."""

    arrived: set[str] = field(default_factory=set)
    """``local``, or the interface it left by."""
    refused: str = ""
    """How it was refused."""


def _tap() -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
    made.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCED, 64 << 20)
    made.setblocking(False)
    return made


def _sender(name: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(_PACKET, _QDISC_BYPASS, 1)  # straight to the other end: past our own egress chains
    made.bind((name, 0))
    return made


def _receivers() -> list[socket.socket]:
    made = []
    for family, own in ((socket.AF_INET, "icmp"), (socket.AF_INET6, "icmpv6")):
        for name in (own, "tcp", "udp", "gre", "esp", "sctp", "udplite"):
            one = socket.socket(family, socket.SOCK_RAW, PROTOCOLS[name])
            one.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCED, 16 << 20)
            one.setblocking(False)
            made.append(one)
    return made


def _drained(source: socket.socket) -> Iterable[tuple[bytes, tuple[object, ...]]]:
    while True:
        try:
            yield source.recvfrom(65536)
        except BlockingIOError:
            return


@contextmanager
def _dropped_is_fine() -> Iterator[None]:
    """Overlook that a frame could not be sent because a rule dropped it."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise


class Wire:
    """Both ends of every cable, and the sockets that see."""

    def __init__(self, spaces: Spaces) -> None:
        with spaces.inside(spaces.host):
            self._host_tap = _tap()
            self._host_senders = {name: _sender(name) for name in (*CABLES, "lo")}
            self._receivers = _receivers()
            self._speakers = {family: speaker(family) for family in ("ip", "ip6")}
            hardware = {name: hardware_address(name) for name in CABLES}
            self.table = Table()
        with spaces.inside(spaces.world):
            self._world_tap = _tap()
            self._world_senders = {name: _sender(name) for name in CABLES}
        self._heads = {name: hardware[name] + b"\x02\0\0\0\0\x01" for name in CABLES} | {"lo": bytes(12)}
        self._round = 0

    def close(self) -> None:
        """Let go of every socket: the namespaces end with the last of them."""
        for one in (
            self._host_tap, self._world_tap, *self._receivers, *self._speakers.values(),
            *self._host_senders.values(), *self._world_senders.values(),
        ):  # fmt: skip
            one.close()
        self.table.close()

    def try_packets(self, packets: list[Packet]) -> list[Seen]:
        """Send each packet once and return what became of each, in order."""
        self._see([])
        for number, packet in enumerate(packets):
            self._send(packet, frames.datagram(packet, number))
        return self._see(packets)

    def _send(self, packet: Packet, datagram: bytes) -> None:
        family, name = packet["family"], packet["iface"]
        if packet["direction"] == "in":
            kind = struct.pack("!H", _IPV4 if family == "ip" else _IPV6)
            sender = (self._host_senders if name == "lo" else self._world_senders)[name]
            sender.send(self._heads[name] + kind + datagram)
            return
        try:
            self._speakers[family].sendto(datagram, (packet["dst"], 0))
        except OSError as error:
            # Dropping tells the sender; what cannot be sent for another reason is a fault of the case.
            if error.errno not in (errno.EPERM, errno.ENETUNREACH, errno.EHOSTUNREACH):
                raise

    def _wait(self) -> list[tuple[str, bytes, tuple[object, ...]]]:
        """Return all frames seen until marked ones went through every cable in both directions, twice."""
        seen: list[tuple[str, bytes, tuple[object, ...]]] = []
        for _ in range(2):
            self._round += 1
            mark = b"mark" + struct.pack("!Q", self._round)
            wanted: set[tuple[str, str]] = set()
            for far, senders in (("host", self._world_senders), ("world", self._host_senders)):
                for name, sender in senders.items():
                    with _dropped_is_fine():  # an egress chain drops it: the other cables' will do, all share a queue
                        sender.send(_ANYTHING + self._heads[name][6:12] + struct.pack("!H", _OURS) + mark)
                        wanted.add(("host" if name == "lo" else far, name))
            for _ in range(2_000_000):
                for place, tap in (("host", self._host_tap), ("world", self._world_tap)):
                    for data, address in _drained(tap):
                        if address[1] == _OURS:
                            if data.startswith(mark) and address[2] != _OUTGOING:
                                wanted.discard((place, str(address[0])))
                        else:
                            seen.append((place, data, address))
                if not wanted:
                    break
            else:
                raise TimeoutError(f"marked frames did not come through: {sorted(wanted)}")
        return seen

    def _see(self, packets: list[Packet]) -> list[Seen]:
        frames_seen = self._wait()
        made = [Seen() for _ in packets]
        resets = {frames.tuple_of(packet): number for number, packet in enumerate(packets) if packet["proto"] == "tcp"}
        for receiver in self._receivers:
            for data, _ in _drained(receiver):
                number = frames.number_in(data)
                if number is None or number >= len(packets) or _is_error(data, receiver):
                    continue
                if packets[number]["direction"] == "in":
                    made[number].arrived.add("local")
        for place, data, address in frames_seen:
            name, is_outgoing = str(address[0]), address[2] == _OUTGOING
            reset = frames.reset_of(data)
            number = resets.get(reset) if reset else None
            if number is not None:
                made[number].refused = "tcp-reset"
                continue
            number = frames.number_in(data)
            if number is None or number >= len(packets):
                continue
            error = frames.unreachable_in(data)
            if error and "related_to" not in packets[number]:
                made[number].refused = error
            elif (place == "world" and not is_outgoing) or (place == "host" and is_outgoing and name == "lo"):
                made[number].arrived.add(name)
        return made


def speaker(family: str) -> socket.socket:
    """Open a socket that sends whole packets as a program of the host would, through its output chains."""
    made = socket.socket(socket.AF_INET if family == "ip" else socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    if family == "ip6":
        made.setsockopt(socket.IPPROTO_IPV6, _HEADER_INCLUDED_6, 1)
    made.setblocking(False)
    return made


def _is_error(data: bytes, receiver: socket.socket) -> bool:
    """Tell whether a raw socket received an ICMP error that quotes another packet of ours."""
    if receiver.family == socket.AF_INET:
        return bool(data) and frames.unreachable_in(data) is not None and _quotes_token(data[28:])
    return receiver.proto == PROTOCOLS["icmpv6"] and data[:1] == b"\x01" and _quotes_token(data[8:])


def _quotes_token(quoted: bytes) -> bool:
    """Tell whether the quoted packet carries a token itself: ours that quote one have the token behind it."""
    return quoted.find(frames.MAGIC) >= 0 and b"12345678" + frames.MAGIC not in quoted
