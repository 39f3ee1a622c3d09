"""Sockets of a Mac: what listens, what is connected, who holds it, and every socket that nobody was seen to hold.

lsof(8) names holders, of one's own processes alone for an account that is not root. netstat(1) shows all sockets to
everybody, whether one of IPv6 takes IPv4 as well (``tcp46``), and the zone of an address, of which lsof has the number
inside of the address (``fe80:4::1``, as the kernel keeps it). netstat is asked before and after lsof, so that a socket
without a holder is told from one that came or went meanwhile. launchd holds the sockets of jobs that it starts when
somebody connects: whose they are, the job says.

Sources: lsof (Darwin, dialects/darwin/libproc/dsock.c) for the fields; network_cmds (netstat.tproj, inet.c) for the
columns. Not seen here: connections that a program of Apple's makes without a socket of the kernel (Skywalk), which lsof
lists as channels without addresses.
"""

import ipaddress
from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, number_of, take_lines, unread
from auditor.collect.sockets.socket import canonical
from auditor.model.evidence import Unread
from auditor.model.facts.network import Connection, Family, Listener, Owner, Protocol
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import Record

# -l and -W are for addresses in their full length; -w is for warnings off, and +c 0 for names of commands in theirs, of
# which lsof escapes line ends.
# An lsof that found nothing ends with 1: on a Mac that was reached over the network, root finds something.
_MACOS = r"""
need lsof netstat
everybodys() {
    netstat -anlW -p tcp || failed "netstat could not list the sockets of TCP"
    netstat -anlW -p udp || failed "netstat could not list the sockets of UDP"
}
if [ "$uid" = 0 ]; then
    printf 'sees all\n'
else
    printf 'sees own\n'
    partial "not root: who holds the sockets of other users is not shown"
fi
printf '# before\n'
everybodys
printf '# lsof\n'
lsof -nP -w +c 0 -i -F pcuftPnT || [ "$uid" != 0 ] || failed "lsof could not list the sockets"
printf '# after\n'
everybodys
printf '# asked\n'
"""
_MARKS = ("# before", "# lsof", "# after", "# asked")
_SIGHTS = ("all", "own")
_LISTEN = "listen"
# A TCP socket that neither listens nor has a peer takes nothing from anybody.
_SILENT = frozenset(("closed", "idle", "bound", ""))
_ANY = {Family.IP: "0.0.0.0", Family.IP6: "::"}  # noqa: S104 — read, not bound
_FAMILIES = {"IPv4": Family.IP, "IPv6": Family.IP6}
_PROTOCOLS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP}
_KINDS = {
    "tcp4": (Protocol.TCP, Family.IP), "tcp6": (Protocol.TCP, Family.IP6), "tcp46": (Protocol.TCP, Family.IP6),
    "udp4": (Protocol.UDP, Family.IP), "udp6": (Protocol.UDP, Family.IP6), "udp46": (Protocol.UDP, Family.IP6),
}  # fmt: skip
_HEADINGS = ("Active Internet connections", "Proto ")
# netstat says so where the table changed while it was copied.
_CHANGED = ("Some tcp sockets may have been ", "Some udp sockets may have been ")
_TCP_WORDS, _UDP_WORDS = 6, 5
_ZONE_BITS = 0xFFFF << 96
"""Where the kernel keeps the number of an interface inside of an address that is valid on one link only."""

_Place = tuple[Protocol, Family, str, int]
"""What a socket is bound to, without the zone."""


class _End(Record, kw_only=True):
    """One end of a socket."""

    family: Family
    address: str
    port: int
    """0 for none."""
    zone: str | None = None


@dataclass(slots=True, kw_only=True)
class _Socket:
    """A socket by what it is bound to, or by both of its ends."""

    line: int
    protocol: Protocol
    local: _End
    remote: _End | None
    state: str
    owners: dict[int, Owner] = field(default_factory=dict)
    uid: int | None = None

    @property
    def place(self) -> _Place:
        """Return what it is bound to."""
        return self.protocol, self.local.family, self.local.address, self.local.port

    @property
    def key(self) -> tuple[object, ...]:
        """Return what tells it from others; holders of one are merged."""
        if self.remote is None:
            return self.place
        return *self.place, self.remote.family, self.remote.address, self.remote.port


@dataclass(slots=True, kw_only=True)
class _File:
    """One open file of lsof while it is read."""

    line: int
    """Line that it is quoted by: its first, until its name is read."""
    family: Family | None = None
    protocol: Protocol | None = None
    name: str = ""
    state: str = ""

    def take(self, letter: str, text: str) -> None:
        """Read one field of it; ValueError for one that was not asked for."""
        if letter == "t":
            self.family = _FAMILIES.get(text)
        elif letter == "P":
            self.protocol = _PROTOCOLS.get(text)
        elif letter == "n":
            if self.name:
                message = "a second name of one file"
                raise ValueError(message)
            self.name = text
        elif letter == "T":
            word, _, value = text.partition("=")
            if word == "ST":
                self.state = _state(value)
        else:
            message = f"unknown field {letter!r}"
            raise ValueError(message)


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The answer while it is read."""

    sees: str = ""
    part: str = ""
    pid: int | None = None
    command: str = ""
    uid: int | None = None
    file: _File | None = None
    strange: list[Unread] = field(default_factory=list)
    held: dict[tuple[object, ...], _Socket] = field(default_factory=dict)
    before: dict[tuple[object, ...], _Socket] = field(default_factory=dict)
    after: dict[tuple[object, ...], _Socket] = field(default_factory=dict)
    both: set[_Place] = field(default_factory=set)
    """What takes IPv4 and IPv6."""
    zones: dict[_Place, set[str | None]] = field(default_factory=dict)

    @property
    def rows(self) -> dict[tuple[object, ...], _Socket]:
        """Return what netstat showed, before or after."""
        return self.before | self.after

    def take(self, number: int, line: str) -> None:
        """Read one line of its part; ValueError for one that is of none."""
        if line in _MARKS:
            self.end()
            if line != _MARKS[_MARKS.index(self.part) + 1 if self.part else 0] or not self.sees:
                message = "a part out of its turn"
                raise ValueError(message)
            self.part = line
        elif self.part == "# lsof":
            self._take_field(number, line[0], line[1:])
        elif self.part in ("# before", "# after"):
            self._take_row(number, line)
        elif not self.part and not self.sees and line.startswith("sees ") and line[len("sees ") :] in _SIGHTS:
            self.sees = line[len("sees ") :]
        else:
            message = "no line of what was asked"
            raise ValueError(message)

    def _take_field(self, number: int, letter: str, text: str) -> None:
        if letter == "p":
            self.end()
            self.pid, self.command, self.uid = None, "", None
            self.pid = number_of(text, "process")
        elif letter == "c":
            self.command = text
        elif letter == "u":
            self.uid = number_of(text, "user")
        elif letter == "f":
            self.end()
            self.file = _File(line=number)
        elif self.file is None:
            message = "a field without a file"
            raise ValueError(message)
        else:
            if letter == "n":
                self.file.line = number
            self.file.take(letter, text)

    def end(self) -> None:
        """Keep the socket that was read; what is neither TCP nor UDP is none of ours."""
        file, self.file = self.file, None
        if file is None or file.protocol is None or file.family is None:
            return
        try:
            self._hold(file, file.protocol, file.family)
        except ValueError as error:
            self.strange.append(unread(file.line, file.name, error))

    def _hold(self, file: _File, protocol: Protocol, family: Family) -> None:
        if self.pid is None:
            message = "a socket of no process"
            raise ValueError(message)
        local, arrow, remote = file.name.partition("->")
        socket = _socket(
            file.line,
            protocol,
            _end(local, ":", family),
            _end(remote, ":", family) if arrow else None,
            file.state,
        )
        if socket is None:
            return
        known = self.held.setdefault(socket.key, socket)
        known.owners.setdefault(self.pid, Owner(pid=self.pid, name=self.command))
        if known is socket:
            known.uid = self.uid

    def _take_row(self, number: int, line: str) -> None:
        words = line.split()
        if line.startswith((*_HEADINGS, *_CHANGED)):
            return
        if words[0] not in _KINDS:
            message = "no row of netstat"
            raise ValueError(message)
        protocol, family = _KINDS[words[0]]
        if len(words) != (_TCP_WORDS if protocol is Protocol.TCP else _UDP_WORDS):
            message = f"{len(words)} columns in a row of {protocol}"
            raise ValueError(message)
        remote = None if words[4] == "*.*" else _end(words[4], ".", family)
        state = _state(words[5]) if protocol is Protocol.TCP else ""
        socket = _socket(number, protocol, _end(words[3], ".", family), remote, state)
        if socket is None:
            return
        (self.before if self.part == "# before" else self.after).setdefault(socket.key, socket)
        if socket.remote is None:
            self.zones.setdefault(socket.place, set()).add(socket.local.zone)
            if words[0].endswith("46"):
                self.both.add(socket.place)

    def nobodys(self) -> list[_Socket]:
        """Return the sockets that lsof did not show.

        Sockets of UDP come and go at any time: one that was there before and after was there meanwhile.
        """
        return [
            socket
            for key, socket in self.after.items()
            if key not in self.held
            and (socket.remote is not None or socket.protocol is Protocol.TCP or key in self.before)
        ]

    def listener(self, socket: _Socket) -> Listener:
        """Make the fact of a socket that waits for anybody."""
        place = socket.place
        zones = self.zones.get(place, set())
        is_v6only = None
        if socket.local.family is Family.IP6 and socket.local.address == _ANY[Family.IP6] and zones:
            is_v6only = place not in self.both
        return Listener(
            protocol=socket.protocol,
            family=socket.local.family,
            address=socket.local.address,
            port=socket.local.port,
            device=next(iter(zones)) if len(zones) == 1 else None,
            owners=tuple(socket.owners.values()),
            uid=socket.uid,
            is_v6only=is_v6only,
        )


def _state(text: str) -> str:
    # An asterisk is for a connection whose SYN or FIN is still to be sent.
    return text.rstrip("*").lower().replace("_", "-")


def _socket(line: int, protocol: Protocol, local: _End, remote: _End | None, state: str) -> _Socket | None:
    """Return a socket; None for one that neither waits for anybody nor has a peer."""
    if remote is not None:
        state = state or "established"
    elif protocol is Protocol.TCP and state != _LISTEN:
        if state not in _SILENT:
            message = f"a socket without a peer in state {state[:20]!r}"
            raise ValueError(message)
        return None
    elif not local.port:
        return None
    return _Socket(line=line, protocol=protocol, local=local, remote=remote, state=state)


def _end(text: str, sign: str, family: Family) -> _End:
    """Take ``*:22``, ``[fe80:4::1]:22`` or netstat's ``fe80::1%en0.22`` apart."""
    address, found, port = text.rpartition(sign)
    if not found:
        message = f"{text[:60]!r} is no end of a socket"
        raise ValueError(message)
    number = 0 if port == "*" else number_of(port, "port")
    plain, _, zone = address.strip("[]").partition("%")
    if plain == "*":
        return _End(family=family, address=_ANY[family], port=number)
    kind, plain = canonical(plain)
    if kind is Family.IP6:
        whole = ipaddress.IPv6Address(plain)
        if whole.is_link_local or whole.is_multicast:
            plain = str(ipaddress.IPv6Address(int(whole) & ~_ZONE_BITS))
    return _End(family=kind, address=plain, port=number, zone=zone or None)


def _connection(socket: _Socket, remote: _End) -> Connection:
    return Connection(
        protocol=socket.protocol,
        family=socket.local.family,
        state=socket.state,
        local_address=socket.local.address,
        local_port=socket.local.port,
        remote_address=remote.address,
        remote_port=remote.port,
        owners=tuple(socket.owners.values()),
        uid=socket.uid,
    )


def _doubt(listing: _Listing, blind: list[_Socket]) -> str | None:
    """Say what the listing lacks although every line was understood."""
    doubts = []
    if not listing.before and not listing.after:
        doubts.append("no socket is listed")
    for protocol in Protocol:
        held, shown = ({one.protocol for one in group.values()} for group in (listing.held, listing.rows))
        if protocol in held - shown:
            doubts.append(f"netstat shows no socket of {protocol.upper()}, and lsof does")
    # Without root the collector has said so already.
    if blind and listing.sees != "own":
        first = blind[0]
        where = f"{first.protocol} {first.local.address} port {first.local.port}"
        doubts.append(f"listening sockets whose holder is not known: {len(blind)} ({where} the first)")
    if listing.part != _MARKS[-1]:
        doubts.append(ENDS_EARLY)
    return "; ".join(doubts) or None


def _parse(text: str) -> Parsed:
    """Read lsof's fields and netstat's rows; every socket is one fact, whoever showed it."""
    listing = _Listing()
    take_lines(text, listing.take, listing.strange)
    listing.end()
    blind = listing.nobodys()
    facts: list[tuple[int, Listener | Connection]] = []
    for socket in (*listing.held.values(), *blind):
        fact = listing.listener(socket) if socket.remote is None else _connection(socket, socket.remote)
        facts.append((socket.line, fact))
    waiting = [socket for socket in blind if socket.remote is None]
    strange = tuple(sorted(listing.strange, key=lambda one: one.line))
    return Parsed(facts=tuple(facts), unread=strange, partial=_doubt(listing, waiting))


PLUGIN = Collector(
    id="sockets.macos",
    facts=(Listener, Connection),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Run the audit as root or with sudo: others see the holders of their own sockets only.",
    holds_secrets=False,
)
