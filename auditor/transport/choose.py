"""Which transport reaches a host."""

import threading

from auditor.errors import HostError, Reason
from auditor.model.host import ConnectionKind, Host
from auditor.model.probe import ProbeCall, RawOutput
from auditor.transport.local import LocalTransport
from auditor.transport.replay import ReplayTransport
from auditor.transport.transport import Transport


class Transports:
    """The transports of a run: each made when first needed, then shared by all threads. Itself a Transport."""

    def __init__(self, *, connect_timeout: float | None = None) -> None:
        """Begin with none; importing paramiko alone costs 0.1 s, which a local audit need not pay.

        ``connect_timeout`` is how many seconds a host may take to accept a connection.
        """
        self._connect_timeout = connect_timeout
        self._made: dict[ConnectionKind, Transport] = {}
        self._lock = threading.Lock()

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Put the call to the host over its own connection; see ``Transport``."""
        return self.transport_for(host.connection).collect(host, call)

    def transport_for(self, kind: ConnectionKind) -> Transport:
        """Return the transport of a kind of connection; HostError ``unsupported`` where there is none yet."""
        with self._lock:
            if kind not in self._made:
                self._made[kind] = _make(kind, self._connect_timeout)
            return self._made[kind]


def _make(kind: ConnectionKind, connect_timeout: float | None) -> Transport:
    if kind is ConnectionKind.LOCAL:
        return LocalTransport()
    if kind is ConnectionKind.REPLAY:
        return ReplayTransport()
    if kind is ConnectionKind.SSH:
        from auditor.transport.ssh import Patience, SshTransport  # noqa: PLC0415 — see Transports.__init__

        return SshTransport(patience=None if connect_timeout is None else Patience(connect=connect_timeout))
    raise HostError(
        Reason.UNSUPPORTED,
        f"connection {kind.value!r} is not supported by this version: Windows hosts cannot be audited over WinRM yet",
    )
