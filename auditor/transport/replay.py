"""A recorded answer instead of a host: what a probe printed, read from a file.

The file holds standard output as it came. Beside it, under the same name with ``.stderr`` appended,
standard error may stand.
"""

from datetime import UTC, datetime
from pathlib import Path

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import ProbeCall, RawOutput
from auditor.transport.capture import Capture

_OPENING = b"auditor-probe "
_OPENING_WORDS = 4


class ReplayTransport:
    """Answer calls from recordings; the call's own token and script do not matter, only its limits."""

    def close(self) -> None:
        """Keep nothing between hosts."""

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Return the recording of the host, byte for byte; see ``Transport``."""
        started = datetime.now(tz=UTC)
        if host.replay is None:
            message = "connection is replay, but the inventory names no recording: set `replay` to its file"
            raise HostError(Reason.PROBE_FAILED, message)
        capture = Capture(call)
        capture.take_stdout(_read(host.replay, call.output_limit + 1))
        beside = host.replay.with_name(host.replay.name + ".stderr")
        if beside.exists():
            capture.take_stderr(_read(beside, None))
        stdout = capture.stdout
        return RawOutput(
            stdout=stdout,
            stderr=capture.stderr,
            stderr_dropped=capture.stderr_dropped,
            # A recording keeps what was printed, not how the shell ended.
            exit_status=None,
            started=started,
            finished=datetime.now(tz=UTC),
            token=recorded_token(stdout),
        )


def recorded_token(stdout: bytes) -> str | None:
    """Return the token of the first line ``auditor-probe VERSION TOKEN PACKING``; None where there is none."""
    start = 0 if stdout.startswith(_OPENING) else stdout.find(b"\n" + _OPENING) + 1
    if start == 0 and not stdout.startswith(_OPENING):
        return None
    words = stdout[start : stdout.find(b"\n", start) % (len(stdout) + 1)].split()
    if len(words) != _OPENING_WORDS:
        return None
    token = words[2]
    return token.decode("ascii") if token and not token.strip(b"0123456789abcdef") else None


def _read(file: Path, most: int | None) -> bytes:
    """Read an ordinary file; anything else could make us wait for ever."""
    if file.exists() and not file.is_file():
        raise HostError(Reason.PROBE_FAILED, f"recording {file} is not an ordinary file")
    try:
        with file.open("rb") as stream:
            return stream.read(-1 if most is None else most)
    except OSError as error:
        raise HostError(Reason.PROBE_FAILED, f"recording {file} cannot be read: {error.strerror}") from error
