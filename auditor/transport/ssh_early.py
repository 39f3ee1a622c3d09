"""SSH from the first host on: hosts begin their part of a connection while what SSH takes here is still being loaded.

paramiko and what it needs take a tenth of a second to load, on one core. A server that has a connection forks, loads
its keys and says its version in the meantime; for the first hosts of a run, that is done once we can read it.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.model.host import Host
from auditor.model.pacing import Pacing
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.rung import Climbed
from auditor.transport.connect import DEFAULT_PORT, Begun, open_connection
from auditor.transport.deadline import Deadline

if TYPE_CHECKING:
    from auditor.transport.ssh import SshTransport


class EarlySsh:
    """The SSH transport of a run, which is loaded with its first call; a Transport."""

    def __init__(self, pacing: Pacing, climbed: Climbed) -> None:
        """Load nothing yet; ``climbed`` is told of every rung on the way to a host."""
        self._pacing = pacing
        self._climbed = climbed
        self._loaded: SshTransport | None = None
        self._lock = threading.Lock()

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Put the call to the host; see ``Transport``."""
        if self._loaded is not None or host.ssh.jumps:
            return self._transport().collect(host, call)
        started, deadline = datetime.now(tz=UTC), Deadline.after(call.deadline)
        port = host.port or DEFAULT_PORT
        stream = open_connection(host.address, port, deadline.sooner(self._pacing.connect_timeout))
        try:
            transport = self._transport()
        except BaseException:
            stream.close()
            raise
        return transport.collect(host, call, Begun(stream=stream, started=started, deadline=deadline))

    def close(self) -> None:
        """End the connections to jump hosts."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded.close()

    def _transport(self) -> "SshTransport":
        with self._lock:
            if self._loaded is None:
                # paramiko asks for invoke, and does without: it is for `Match exec` in a file that is not read here.
                with _left_out("invoke"):
                    from auditor.transport.ssh import Patience, SshTransport  # noqa: PLC0415 — see the module

                self._loaded = SshTransport(
                    patience=Patience(connect=self._pacing.connect_timeout),
                    password_failures=self._pacing.password_failures,
                    climbed=self._climbed,
                )
            return self._loaded


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
