"""What crosses the line between us and a host: the call we make, the bytes we get."""

from datetime import datetime

from auditor.model.own_connection import OwnConnection
from auditor.model.record import Record, Unshown

SUDO_ASKS = "auditor-asks"
"""What stands on a host's standard error when its sudo asks for a password."""

CANNOT_UNPACK = b"auditor-probe cannot unpack"
"""What a host says that was sent a packed script and has nothing that unpacks it; it is sent the script as it is."""

_BEGINNING = 4096
_CONTROLS = frozenset(range(32)) - frozenset(b"\a\b\t\n\r\x1b") | {127}
_STRANGE = 20
"""One control character in so many is more than the prose and the colours of a log-in script have."""


def is_text(data: bytes) -> bool:
    """Tell whether what came in place of an answer is something that is meant to be read, in whatever encoding."""
    beginning = data[:_BEGINNING]
    return 0 not in beginning and sum(byte in _CONTROLS for byte in beginning) * _STRANGE <= len(beginning)


def sudo_password_problem(text: str) -> str | None:
    """Say why a sudo password cannot travel with a call, as the end of a sentence; None where it can."""
    if "\n" in text or "\0" in text:
        return "holds a line end or a NUL inside, and sudo reads one line"
    return None


UNCHECKED = ", not checked: the inventory leaves that out"
"""What stands behind the fingerprint of a certificate that anybody could have shown."""


class ProbeCall(Record, kw_only=True):
    """One bounded question to one host: a launcher to execute, and what it reads on standard input."""

    token: str
    """Random token of this call, hexadecimal: marks what is ours in the answer."""
    launcher: str
    """Command line for the host's login shell, below 1 KB, constant per tool version."""
    script: str
    """The probe, constant per tool version."""
    script_sha256: str
    """SHA-256 of the script's bytes."""
    stdin: Unshown[bytes]
    """What the launcher reads before it runs: parameters, how to unpack the script, and the script as it is."""
    packed: Unshown[bytes] = b""
    """The same with the script packed, for ways that are long; empty where there is no such form."""
    secret: Unshown[bytes | None] = None
    """The sudo password, a line before all that; empty where there is none, None for a launcher that reads none."""
    deadline: float
    """Seconds of wall clock from connecting to the last byte, the wait for one's turn with a password apart."""
    output_limit: int
    """Bytes of standard output at most; one more is an ``output_limit`` failure."""
    stderr_limit: int = 65536
    """Bytes of standard error kept; the rest is read and dropped, and counted."""
    run: str = ""
    """Run that the host is asked for, which our sessions there are marked with; empty where it is asked for none."""

    @property
    def input(self) -> bytes:
        """Return all that goes to standard input."""
        return self.stdin if self.secret is None else self.secret + b"\n" + self.stdin


class RawOutput(Record, kw_only=True):
    """What a host answered, unread: hostile until a worker process has looked at it."""

    stdout: Unshown[bytes]
    """Standard output, complete."""
    stderr: Unshown[bytes]
    """Standard error, cut at the call's limit."""
    stderr_dropped: int = 0
    """Bytes of standard error beyond the limit."""
    exit_status: int | None
    """Exit status of the launcher; None when the host did not say."""
    started: datetime
    """When connecting began, UTC."""
    finished: datetime
    """When the last byte was read, UTC."""
    host_key: str | None = None
    """Fingerprint of the host's key or certificate as ``SHA256:...``, ``UNCHECKED`` behind one that proves nothing;
    None where there is none."""
    user: str | None = None
    """Account that was logged in as."""
    token: str | None = None
    """Token of a recorded answer; None when it is the call's own."""
    withheld: str | None = None
    """Why the sudo password was not sent although the host was to be asked with one; None when nothing is amiss."""
    own_connections: tuple[OwnConnection, ...] = ()
    """The connections that the call went over; none where they are not ours alone (a jump host) or there are none."""


class ProbeLimits(Record, kw_only=True):
    """The budgets that travel with a call; they bound the host's work, not our patience."""

    section_seconds: int = 8
    """Seconds one section may take before it is killed."""
    section_bytes: int = 4_000_000
    """Bytes one section may print before it is cut."""
    total_seconds: int = 45
    """Seconds the whole probe may take before the remaining sections are left out."""
