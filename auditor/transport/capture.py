"""What a host has said so far, within the call's limits."""

from auditor.errors import HostError, Reason
from auditor.model.probe import ProbeCall

_BEGINNING = 8192


class Capture:
    """Standard output up to the call's limit, standard error up to its own, the rest counted."""

    def __init__(self, call: ProbeCall) -> None:
        """Begin empty, with the limits of a call."""
        self._output_limit = call.output_limit
        self._stderr_limit = call.stderr_limit
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.stderr_dropped = 0

    def take_stdout(self, data: bytes) -> None:
        """Keep a piece of standard output; one byte beyond the limit is an ``output_limit`` failure."""
        self._stdout += data
        if len(self._stdout) > self._output_limit:
            raise HostError(
                Reason.OUTPUT_LIMIT,
                f"the answer is longer than {self._output_limit} bytes; see what prints at log-in or raise the limit",
            )

    def take_stderr(self, data: bytes) -> None:
        """Keep a piece of standard error as far as there is room, and count the rest."""
        room = self._stderr_limit - len(self._stderr)
        self._stderr += data[:room]
        self.stderr_dropped += max(0, len(data) - room)

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
