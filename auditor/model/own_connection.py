"""The connections by which an audit came to a host, as the auditor's own sockets know them.

They are sealed with the evidence, so that the audit's own session can be left out of what the host shows: the host's
word for it (``SSH_CONNECTION``) would let a host hide any session that it likes.
"""

import ipaddress
from collections.abc import Iterable

from auditor.model.record import Record

MOST = 8
"""Connections that are kept of one audit of one host: it takes one, WinRM one or two."""
_LAST_PORT = 65_535
_MAPPED = "::ffff:"


class OwnConnection(Record, kw_only=True, order=True):
    """Both ends of one TCP connection of ours."""

    address: str
    """Our end's address, in canonical form."""
    port: int
    """Our end's port."""
    host_address: str
    """The address that we connected to, in canonical form."""
    host_port: int
    """The port that we connected to."""


def own_text(connections: Iterable[OwnConnection]) -> str | None:
    """Write connections as they are sealed; None for none."""
    return ", ".join(f"{one.address} {one.port} {one.host_address} {one.host_port}" for one in connections) or None


def own_from_text(text: str | None) -> tuple[OwnConnection, ...]:
    """Read what is sealed; ValueError for what we do not write."""
    if text is None:
        return ()
    found = []
    for part in text.split(", "):
        address, port, host_address, host_port = part.split(" ")
        found.append(
            OwnConnection(
                address=canonical_address(address), port=_port(port), host_address=canonical_address(host_address),
                host_port=_port(host_port),
            )
        )  # fmt: skip
    if own_text(found) != text or len(found) > MOST:
        raise ValueError("the audit's own connections are not written as they are")
    return tuple(found)


def canonical_address(address: str) -> str:
    """Write an address as sections of sockets do: without its zone, and that of IPv4 as such."""
    plain = address.partition("%")[0]
    return str(ipaddress.ip_address(plain.removeprefix(_MAPPED) if "." in plain else plain))


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number <= _LAST_PORT:
        raise ValueError("a port of the audit's own connections is none")
    return number
