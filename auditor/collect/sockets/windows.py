"""Sockets of Windows with the processes that hold them: what listens, and what has a peer.

``Get-NetTCPConnection`` where it is there (Windows 8, Server 2012), else ``netstat -ano``, whose words follow the
language of the host and whose columns do not.
"""

from collections.abc import Callable

from auditor.collect.collector import Collector, fields, number_of, take_lines
from auditor.collect.sockets.socket import canonical
from auditor.model.evidence import Unread
from auditor.model.facts.network import Connection, Family, Listener, Owner, Protocol
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_WINDOWS = r"""
if ((Have 'Get-NetTCPConnection') -and (Have 'Get-NetUDPEndpoint')) {
    foreach ($one in @(Get-NetTCPConnection)) {
        Row 'tcp' $one.LocalAddress $one.LocalPort $one.RemoteAddress $one.RemotePort ([int]$one.State) `
            $one.OwningProcess
    }
    foreach ($one in @(Get-NetUDPEndpoint)) { Row 'udp' $one.LocalAddress $one.LocalPort $one.OwningProcess }
}
elseif (Have 'netstat.exe') {
    Row 'netstat'
    foreach ($line in @(netstat.exe -ano)) { Row $line }
}
else { Failed 'neither Get-NetTCPConnection nor netstat is there' }
"""

# MSFT_NetTCPConnection.State (learn.microsoft.com, nettcpip).
_STATES = {
    1: "closed", 2: "listen", 3: "syn-sent", 4: "syn-recv", 5: "established", 6: "fin-wait-1", 7: "fin-wait-2",
    8: "close-wait", 9: "closing", 10: "last-ack", 11: "time-wait", 12: "delete-tcb", 100: "bound",
}  # fmt: skip
_LISTEN = "listen"
# A socket that is bound to a port, and neither listens nor has a peer, takes nothing from anybody.
_SILENT = ("closed", "bound", "delete-tcb")
_TCP_FIELDS, _UDP_FIELDS = 7, 4
_NETSTAT_TCP, _NETSTAT_UDP = 5, 4
_HEADINGS = 4
"""Lines of netstat before its rows, empty ones included: a title and the names of the columns."""


class _Reader:
    """The answer while it is read."""

    def __init__(self) -> None:
        self.facts: list[tuple[int, Listener | Connection]] = []
        self.is_netstat = False

    def take(self, number: int, line: str) -> None:
        if number == 1 and line == "netstat":
            self.is_netstat = True
        elif self.is_netstat:
            self._take_netstat(number, line.split())
        elif line.startswith("tcp\t"):
            _, local, port, remote, remote_port, state, pid = fields(line, _TCP_FIELDS)
            code = number_of(state, "state")
            if code not in _STATES:
                message = f"unknown state {code}"
                raise ValueError(message)
            self._add_tcp(number, (local, port), (remote, remote_port), _STATES[code], pid)
        elif line.startswith("udp\t"):
            _, local, port, pid = fields(line, _UDP_FIELDS)
            self._add(number, Protocol.UDP, (local, port), pid)
        else:
            message = "neither tcp nor udp"
            raise ValueError(message)

    def _take_netstat(self, number: int, words: list[str]) -> None:
        """Read a row by its columns: protocol, local, foreign, state (TCP alone), process."""
        if words and words[0] == "TCP" and len(words) == _NETSTAT_TCP:
            local, remote = _endpoint(words[1]), _endpoint(words[2])
            # The word of the state is in the host's language; who has no peer listens.
            state = _LISTEN if remote[1] == "0" else "unknown"
            self._add_tcp(number, local, remote, state, words[4])
        elif words and words[0] == "UDP" and len(words) == _NETSTAT_UDP:
            self._add(number, Protocol.UDP, _endpoint(words[1]), words[3])
        elif number > _HEADINGS + 1:
            message = "no row of netstat"
            raise ValueError(message)

    def _add_tcp(self, number: int, local: tuple[str, str], remote: tuple[str, str], state: str, pid: str) -> None:
        if state in _SILENT:
            return
        if state == _LISTEN:
            self._add(number, Protocol.TCP, local, pid)
            return
        family, address, _ = _address(local[0])
        self.facts.append((
            number,
            Connection(
                protocol=Protocol.TCP,
                family=family,
                state=state,
                local_address=address,
                local_port=number_of(local[1], "port"),
                remote_address=_address(remote[0])[1],
                remote_port=number_of(remote[1], "port"),
                owners=_owners(pid),
            ),
        ))  # fmt: skip

    def _add(self, number: int, protocol: Protocol, local: tuple[str, str], pid: str) -> None:
        family, address, zone = _address(local[0])
        self.facts.append((
            number,
            Listener(
                protocol=protocol,
                family=family,
                address=address,
                port=number_of(local[1], "port"),
                device=zone,
                owners=_owners(pid),
                by_kernel=pid == _SYSTEM,
            ),
        ))  # fmt: skip


_SYSTEM = "4"
"""The process of the kernel and its drivers: HTTP and SMB listen in it."""


def _address(text: str) -> tuple[Family, str, str | None]:
    """Return family, canonical address and zone (``fe80::1%12``); ``*`` is any address."""
    address, _, zone = text.strip("[]").partition("%")
    return *canonical("0.0.0.0" if address == "*" else address), zone or None  # noqa: S104 — read, not bound


def _endpoint(text: str) -> tuple[str, str]:
    """Split ``0.0.0.0:135``, ``[::]:135`` or ``*:*``."""
    address, _, port = text.rpartition(":")
    return address, "0" if port == "*" else port


def _owners(pid: str) -> tuple[Owner, ...]:
    """Return the process that holds a socket; one that waits out its end has none."""
    number = number_of(pid, "process")
    return (Owner(pid=number, name=""),) if number else ()


def _parse(text: str) -> Parsed:
    reader = _Reader()
    strange: list[Unread] = []
    take: Callable[[int, str], None] = reader.take
    take_lines(text, take, strange)
    listens = any(isinstance(fact, Listener) for _, fact in reader.facts)
    # RPC's endpoint mapper listens on every Windows.
    return Parsed(
        facts=tuple(reader.facts), unread=tuple(strange), partial=None if listens else "no socket is said to listen"
    )


PLUGIN = Collector(
    id="sockets.windows",
    facts=(Listener, Connection),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="See that `Get-NetTCPConnection` or `netstat -ano` answers on the host.",
    holds_secrets=False,
)
