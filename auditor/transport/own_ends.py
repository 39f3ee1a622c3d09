"""Both ends of our own sockets, for the seal: what the host says of them is not asked."""

from collections.abc import Iterable
from socket import socket

from auditor.model.own_connection import MOST, OwnConnection, canonical_address


def ends_of(connections: Iterable[object]) -> tuple[OwnConnection, ...]:
    """Return the ends of sockets, sorted; what is no socket, or is not connected any more, has none.

    A stream through a jump host is none: the connection that the audited host sees is the jump host's.
    """
    found: set[OwnConnection] = set()
    for one in connections:
        if not isinstance(one, socket):
            continue
        try:
            ours, theirs = one.getsockname(), one.getpeername()
        except OSError:
            continue
        host_address = canonical_address(theirs[0])
        found.add(
            OwnConnection(
                address=canonical_address(ours[0]), port=ours[1], host_address=host_address, host_port=theirs[1]
            )
        )
    return tuple(sorted(found))[:MOST]
