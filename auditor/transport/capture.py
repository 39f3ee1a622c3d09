"""What a host has said so far, within the call's limits."""

import time

from auditor.errors import HostError, Reason
from auditor.model.probe import ProbeCall, is_text
from auditor.transport.quote import quoted

_BEGINNING = 8192
_LONG = 0.5
"""Share of the time since the question was put after which who says nothing has stopped, and is not just slow."""


class Capture:
    """Standard output up to the call's limit, standard error up to its own, the rest counted."""

    def __init__(self, call: ProbeCall) -> None:
        """Begin empty, with the limits of a call."""
        self._call = call
        self._began = time.monotonic()
        self._output_limit = call.output_limit
        self._stderr_limit = call.stderr_limit
        self._heard = self._began
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.stderr_dropped = 0

    def take_stdout(self, data: bytes) -> None:
        """Keep a piece of standard output; raises HostError one byte beyond the limit.

        ``output_limit``, or ``malformed`` where it neither is an answer to this call nor anything to read.
        """
        self._heard = time.monotonic()
        self._stdout += data
        if len(self._stdout) > self._output_limit:
            raise self._too_much()

    def take_stderr(self, data: bytes) -> None:
        """Keep a piece of standard error as far as there is room, and count the rest."""
        self._heard = time.monotonic()
        room = self._stderr_limit - len(self._stderr)
        self._stderr += data[:room]
        self.stderr_dropped += max(0, len(data) - room)

    def out_of_time(self) -> HostError:
        """Say how it stands when the time is up: ``deadline`` while more comes, ``stalled`` where nothing does."""
        now = time.monotonic()
        quiet, within = now - self._heard, f"within {self._call.deadline:g} s"
        so_far = f"after {self.size} bytes of the answer"
        if quiet < (now - self._began) * _LONG:
            detail = f"the host did not finish {within}, {so_far}, the last {quiet:.1f} s ago"
            return HostError(Reason.DEADLINE, detail)
        detail = f"the host did not finish {within}: it fell silent {so_far}, {quiet:.0f} s ago"
        return HostError(Reason.STALLED, detail)

    def _too_much(self) -> HostError:
        if self._call.token.encode() in self._stdout:
            words = f"the answer is longer than {self._output_limit} bytes; raise the limit where the host is sound"
            return HostError(Reason.OUTPUT_LIMIT, words)
        strange = f"more than {self._output_limit} bytes came and nothing of the probe's: {quoted(self.beginning)}"
        if is_text(self.beginning):
            return HostError(Reason.OUTPUT_LIMIT, f"{strange}; see what prints at log-in")
        return HostError(Reason.MALFORMED, f"{strange}, which is not even text")

    @property
    def size(self) -> int:
        """Return how many bytes of standard output there are."""
        return len(self._stdout)

    @property
    def beginning(self) -> bytes:
        """Return the first bytes of standard output, as many as a probe's head has."""
        return bytes(self._stdout[:_BEGINNING])

    @property
    def stdout(self) -> bytes:
        """Return standard output as one piece."""
        return bytes(self._stdout)

    @property
    def stderr(self) -> bytes:
        """Return what was kept of standard error."""
        return bytes(self._stderr)
