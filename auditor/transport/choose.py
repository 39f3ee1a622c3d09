"""Which transport reaches a host."""

import threading

from auditor.model.host import ConnectionKind, Host
from auditor.model.pacing import Pacing
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.rung import Climbed, nobody_watches
from auditor.transport.local import LocalTransport
from auditor.transport.replay import ReplayTransport
from auditor.transport.ssh_early import EarlySsh
from auditor.transport.transport import Transport


class Transports:
    """The transports of a run: each made when first needed, then shared by all threads. Itself a Transport."""

    def __init__(self, *, pacing: Pacing | None = None, climbed: Climbed = nobody_watches) -> None:
        """Begin with none.

        ``climbed`` is told of every rung on the way to a host.
        """
        self._pacing = pacing or Pacing()
        self._climbed = climbed
        self._made: dict[ConnectionKind, Transport] = {}
        self._lock = threading.Lock()

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Put the call to the host over its own connection; see ``Transport``."""
        return self.transport_for(host.connection).collect(host, call)

    def close(self) -> None:
        """End what transports keep between hosts: the connections to jump hosts."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
        for transport in made:
            transport.close()

    def transport_for(self, kind: ConnectionKind) -> Transport:
        """Return the transport of a kind of connection, made when it is first asked for."""
        with self._lock:
            if kind not in self._made:
                self._made[kind] = _make(kind, self._pacing, self._climbed)
            return self._made[kind]


def _make(kind: ConnectionKind, pacing: Pacing, climbed: Climbed) -> Transport:
    if kind is ConnectionKind.LOCAL:
        return LocalTransport()
    if kind is ConnectionKind.REPLAY:
        return ReplayTransport()
    if kind is ConnectionKind.SSH:
        return EarlySsh(pacing, climbed)
    from auditor.transport.winrm import WinRmTransport  # noqa: PLC0415 — a fleet without Windows does without it

    return WinRmTransport(connect=pacing.connect_timeout, password_failures=pacing.password_failures, climbed=climbed)
