"""Read one row of ``ss -HOantupe`` (iproute2, man ss(8)): nothing that a process chooses can pass for a field.

A process chooses its name (15 bytes of anything) and its control group; ss prints both unescaped. The name is
read as the longest of at most 15 bytes before ``",pid=<n>,fd=<n>``: the shortest way to fake the end of an entry
and the beginning of the next, ``",pid=1,fd=3),("``, has 16. The control group stands after the numbers that
matter and before ``v6only``, of which the last one is taken.
"""

from functools import lru_cache

from auditor.collect.collector import number_of, plain_number
from auditor.collect.sockets.socket import Socket, canonical
from auditor.model.facts.network import Family, Owner, Protocol

_NAME_BYTES = 15
_PID = '",pid='
"""What ends a name."""
_ENTRY = 128
"""Characters that an entry of the list of processes can have, and more."""
_PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP}
_STATES = {
    "ESTAB": "established",
    "LISTEN": "listen",
    "UNCONN": "unconn",
    "SYN-SENT": "syn-sent",
    "SYN-RECV": "syn-recv",
    "FIN-WAIT-1": "fin-wait-1",
    "FIN-WAIT-2": "fin-wait-2",
    "TIME-WAIT": "time-wait",
    "CLOSE-WAIT": "close-wait",
    "LAST-ACK": "last-ack",
    "CLOSING": "closing",
    "CLOSED": "closed",
    "UNKNOWN": "unknown",
}
_COLUMNS = 6


def read_row(line: str, *, line_number: int, star_is_v6: bool) -> Socket:
    """Read a row; ValueError when any part of it is not as ss prints it.

    ``star_is_v6`` says what a bare ``*`` without ``v6only`` means: ss of iproute2 before 4.12 or so writes
    ``*`` for all of IPv4, later ones for the IPv6 socket that takes IPv4 too.
    """
    columns = line.split(None, _COLUMNS)
    if len(columns) < _COLUMNS:
        message = f"{len(columns)} columns instead of {_COLUMNS} at least"
        raise ValueError(message)
    kind, state, received, sent, local, remote = columns[:_COLUMNS]
    protocol, spelled = _PROTOCOLS.get(kind), _STATES.get(state)
    if protocol is None or spelled is None:
        message = f"{kind[:20]!r} in state {state[:20]!r} is not known"
        raise ValueError(message)
    if received != "0":
        number_of(received, "receive queue")
    if sent != "0":
        number_of(sent, "send queue")
    owners, rest = _held(columns[_COLUMNS].rstrip()) if len(columns) > _COLUMNS else ((), "")
    words = rest.split()
    uid, inode = _identity(words)
    is_v6only = _v6only(words) if "v6only:" in rest else None
    star = "::" if is_v6only is not None or star_is_v6 else "0.0.0.0"  # noqa: S104 — read, not bound
    host, device, port = _end(local, star)
    peer, _, peer_port = _end(remote, star)
    return Socket(
        line=line_number,
        protocol=protocol,
        state=spelled,
        local=host,
        local_port=port,
        remote=peer,
        remote_port=peer_port,
        device=device,
        owners=owners,
        uid=uid,
        inode=inode,
        # Only a socket bound to all of IPv6 can take IPv4 at all.
        is_v6only=is_v6only if host == (Family.IP6, "::") else None,
    )


def _end(text: str, star: str) -> tuple[tuple[Family, str], str | None, int]:
    """Read ``127.0.0.1:22``, ``[fe80::1]%eth0:546``, ``0.0.0.0%eth0:68``, ``*:*``."""
    host, _, port = text.rpartition(":")
    # Apart: peers have few addresses and very many ports.
    address, device = _place(host, star)
    return address, device, 0 if port == "*" else number_of(port, "port")


@lru_cache(maxsize=2048)
def _place(host: str, star: str) -> tuple[tuple[Family, str], str | None]:
    host, _, device = host.partition("%")
    host = host.removeprefix("[").removesuffix("]")
    if host == "*":
        host = star
    # Older ones put the brackets around the zone as well.
    return canonical(host), device.removesuffix("]") or None


def _held(text: str) -> tuple[tuple[Owner, ...], str]:
    """Do what ``_owners`` does; a list of one process, which hosts of a build have in common, is read once."""
    if not text.startswith("users:(("):
        return (), text
    if text.count(_PID) == 1:
        # With one such mark in all of the row, its name can be no other.
        end = text.find("))", text.find(_PID)) + 2
        if end > 1 and text[end : end + 1] in ("", " ") and end <= _ENTRY:
            return _owners_before(text[:end]), text[end:].lstrip()
    return _owners(text)


def _owners(text: str) -> tuple[tuple[Owner, ...], str]:
    """Take ``users:(("sshd",pid=1,fd=3),…)`` off the front; return the owners and what follows."""
    if not text.startswith("users:(("):
        return (), text
    owners: dict[int, Owner] = {}
    at = len("users:(")
    while True:
        owner, at = _owner(text, at)
        owners.setdefault(owner.pid, owner)
        if text.startswith(",(", at):
            at += 1
        elif text.startswith(")", at) and text[at + 1 : at + 2] in ("", " "):
            return tuple(owners.values()), text[at + 1 :].lstrip()
        else:
            message = "the list of processes does not end as ss ends it"
            raise ValueError(message)


@lru_cache(maxsize=2048)
def _owners_before(text: str) -> tuple[Owner, ...]:
    """Read a list of processes behind which nothing stands."""
    return _owners(text)[0]


def _owner(text: str, start: int) -> tuple[Owner, int]:
    """Read one ``("name",pid=1,fd=3)``, with the longest name that it can be; return where it ends, too."""
    if not text.startswith('("', start):
        message = "an entry of the list of processes does not begin as ss begins it"
        raise ValueError(message)
    # An entry is short: what is looked at does not depend on how many there are.
    body = text[start + 2 : start + _ENTRY]
    found: tuple[Owner, int] | None = None
    at = body.find(_PID)
    while 0 <= at <= _NAME_BYTES and len(body[:at].encode()) <= _NAME_BYTES:
        pid, comma, rest = body[at + len(_PID) :].partition(",fd=")
        descriptor, close, rest = rest.partition(")")
        if comma and close and pid.isdigit() and descriptor.isdigit():
            found = Owner(pid=number_of(pid, "pid"), name=body[:at]), start + 2 + len(body) - len(rest)
        at = body.find(_PID, at + 1)
    if found is None:
        message = "a process of the list has no pid and descriptor"
        raise ValueError(message)
    return found


def _identity(words: list[str]) -> tuple[int | None, int | None]:
    """Return uid and inode: ss leaves ``uid`` out for 0, and both out where it could not ask for them."""
    uid = inode = None
    for token in words:
        key, colon, value = token.partition(":")
        if not colon:
            message = f"{token[:40]!r} is not a field of ss"
            raise ValueError(message)
        if key in ("sk", "cgroup"):
            break
        if key == "ino" and inode is None:
            # Not remembered: an inode is one socket.
            inode = plain_number(value, "inode")
        elif key == "uid" and uid is None:
            uid = number_of(value, "uid")
        elif not key.replace("_", "").isalnum():
            message = f"{token[:40]!r} is not a field of ss"
            raise ValueError(message)
    return (0 if uid is None and inode is not None else uid), inode


def _v6only(words: list[str]) -> bool | None:
    """Return whether IPv4 is excluded; None when it is not printed."""
    for word in reversed(words):
        if word.startswith("v6only:"):
            return word == "v6only:1"
    return None
