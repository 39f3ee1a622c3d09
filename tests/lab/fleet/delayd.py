"""Hold packets of an NFQUEUE for as many milliseconds as the queue's number says; run as a program by `delays.py`.

Messages are those of the kernel's nfnetlink_queue (linux/netfilter/nfnetlink_queue.h).
"""

import os
import select
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field

_SUBSYSTEM = 3
_PACKET, _CONFIG, _VERDICT_BATCH = 0, 2, 3
_ACCEPT = 1
_NETLINK_NETFILTER = 12
_SO_RCVBUFFORCE = 33
_SOL_NETLINK, _NETLINK_NO_ENOBUFS = 270, 5
_REQUEST, _WITH_ACKNOWLEDGEMENT = 1, 5


@dataclass(slots=True, kw_only=True)
class _Queue:
    milliseconds: int
    netlink: socket.socket
    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    """When each packet may go, and its number."""

    def release(self, now: float) -> None:
        """Let go what is due: one message settles all up to the last."""
        last = None
        while self.waiting and self.waiting[0][0] <= now:
            last = self.waiting.popleft()[1]
        if last is not None:
            verdict = _attribute(2, struct.pack("!II", _ACCEPT, last))
            self.netlink.send(_message(_VERDICT_BATCH, self.milliseconds, verdict, _REQUEST))

    def receive(self) -> None:
        """Note the packets that have come."""
        data = self.netlink.recv(1 << 16)
        due = time.monotonic() + self.milliseconds / 1000
        position = 0
        while position + 16 <= len(data):
            size, kind = struct.unpack_from("=IH", data, position)
            if kind == (_SUBSYSTEM << 8 | _PACKET):
                number = _packet_number(data, position + 20, position + size)
                if number is not None:
                    self.waiting.append((due, number))
            position += (size + 3) & ~3


def _packet_number(data: bytes, position: int, end: int) -> int | None:
    while position + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, position)
        if kind & 0x3FFF == 1:
            number: int = struct.unpack_from("!I", data, position + 4)[0]
            return number
        position += (length + 3) & ~3
    return None


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _message(kind: int, queue: int, attributes: bytes, flags: int) -> bytes:
    body = struct.pack("!BBH", 0, 0, queue) + attributes
    return struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM << 8 | kind, flags, 0, 0) + body


def _open(milliseconds: int) -> _Queue:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    netlink.bind((0, 0))
    netlink.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    netlink.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
    segmentation = struct.pack("!I", 1 << 2)  # whole packets, not cut to the link's size
    for attributes in (
        _attribute(1, struct.pack("!BxH", 1, socket.AF_INET)),  # bind
        _attribute(2, struct.pack("!IB", 0, 1)),  # without the packets' content
        _attribute(3, struct.pack("!I", 1 << 20)),  # length of the queue
        _attribute(4, segmentation) + _attribute(5, segmentation),
    ):
        netlink.send(_message(_CONFIG, milliseconds, attributes, _WITH_ACKNOWLEDGEMENT))
        error: int = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
        if error:
            sys.exit(f"nfqueue {milliseconds}: {os.strerror(-error)}")
    return _Queue(milliseconds=milliseconds, netlink=netlink)


def main(arguments: list[str]) -> None:
    """Serve the queues named until killed."""
    queues = {queue.netlink: queue for queue in map(_open, map(int, arguments))}
    os.write(1, b"ready\n")
    os.close(1)
    while True:
        now = time.monotonic()
        for queue in queues.values():
            queue.release(now)
        nearest = min((queue.waiting[0][0] for queue in queues.values() if queue.waiting), default=None)
        wait = None if nearest is None else max(0.0, nearest - time.monotonic())
        for netlink in select.select(list(queues), [], [], wait)[0]:
            queues[netlink].receive()


if __name__ == "__main__":
    main(sys.argv[1:])
