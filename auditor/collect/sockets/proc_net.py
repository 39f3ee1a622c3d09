"""Read one line of ``/proc/net/{tcp,tcp6,udp,udp6}`` (proc(5)): addresses in hexadecimal, no owner but an inode.

The kernel prints each 32-bit word of an address in the machine's own byte order; machines of the other order than
x86 and ARM (s390x) would need it reversed, and no such machine has been met.
"""

import ipaddress

from auditor.collect.collector import number_of
from auditor.collect.sockets.socket import Socket, canonical
from auditor.model.facts.network import Family, Protocol

_PROTOCOLS = {"tcp": Protocol.TCP, "tcp6": Protocol.TCP, "udp": Protocol.UDP, "udp6": Protocol.UDP}
# include/net/tcp_states.h; UDP uses 01 and 07.
_STATES = {
    "01": "established",
    "02": "syn-sent",
    "03": "syn-recv",
    "04": "fin-wait-1",
    "05": "fin-wait-2",
    "06": "time-wait",
    "07": "unconn",
    "08": "close-wait",
    "09": "last-ack",
    "0A": "listen",
    "0B": "closing",
    "0C": "syn-recv",
}
_COLUMNS = 10


def read_line(file: str, rest: str, *, line_number: int) -> Socket:
    """Read what follows the file's name; ValueError when a part is not as the kernel prints it."""
    columns = rest.split()
    if file not in _PROTOCOLS or len(columns) < _COLUMNS or not columns[0].endswith(":"):
        message = f"not a line of /proc/net/{file[:20]}"
        raise ValueError(message)
    state = _STATES.get(columns[3])
    if state is None:
        message = f"unknown state {columns[3][:20]!r}"
        raise ValueError(message)
    local, local_port = _end(columns[1])
    remote, remote_port = _end(columns[2])
    return Socket(
        line=line_number,
        protocol=_PROTOCOLS[file],
        state=state,
        local=local,
        local_port=local_port,
        remote=remote,
        remote_port=remote_port,
        uid=number_of(columns[7], "uid"),
        inode=number_of(columns[9], "inode"),
    )


def _end(text: str) -> tuple[tuple[Family, str], int]:
    address, colon, port = text.partition(":")
    data = bytes.fromhex(address)
    if not colon or len(data) not in (4, 16):
        message = f"{text[:60]!r} is not an address"
        raise ValueError(message)
    packed = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return canonical(str(ipaddress.ip_address(packed))), int(port, 16)
