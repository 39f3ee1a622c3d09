"""Which transport reaches a host."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from auditor.model.host import ConnectionKind, Host
from auditor.model.pacing import Pacing
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.rung import Climbed, nobody_watches
from auditor.transport.local import LocalTransport
from auditor.transport.replay import ReplayTransport
from auditor.transport.transport import Transport


class Transports:
    """The transports of a run: each made when first needed, then shared by all threads. Itself a Transport."""

    def __init__(self, *, pacing: Pacing | None = None, climbed: Climbed = nobody_watches) -> None:
        """Begin with none; importing paramiko alone costs 0.1 s, which a local audit need not pay.

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


@contextmanager
def _left_out(module: str) -> Iterator[None]:
    """Let imports do without a module that takes long to load; where it is loaded already, it stays."""
    is_loaded = module in sys.modules
    if not is_loaded:
        sys.modules[module] = None  # type: ignore[assignment]  # what Python itself takes for "not to be had"
    try:
        yield
    finally:
        if not is_loaded:
            del sys.modules[module]


def _make(kind: ConnectionKind, pacing: Pacing, climbed: Climbed) -> Transport:
    if kind is ConnectionKind.LOCAL:
        return LocalTransport()
    if kind is ConnectionKind.REPLAY:
        return ReplayTransport()
    if kind is ConnectionKind.SSH:
        # paramiko asks for invoke, and does without: it is for `Match exec` in a file that is not read here.
        with _left_out("invoke"):
            from auditor.transport.ssh import Patience, SshTransport  # noqa: PLC0415 — see Transports.__init__

        return SshTransport(
            patience=Patience(connect=pacing.connect_timeout),
            password_failures=pacing.password_failures,
            climbed=climbed,
        )
    from auditor.transport.winrm import WinRmTransport  # noqa: PLC0415 — a fleet without Windows does without it

    return WinRmTransport(connect=pacing.connect_timeout, password_failures=pacing.password_failures, climbed=climbed)
