"""What servers write when somebody is let in or turned away, line by line: the same words in files and in the journal.

Sources: TigerVNC 1.12, x11vnc 0.9.16 and Debian's sshd, run and recorded; xrdp's sesman (``auth`` and ``session``
messages of 0.9 and 0.10), RealVNC's ``Connections:`` lines and TightVNC 1.3 as their makers and public logs show them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from auditor.model.facts.logons import RemoteLogon

SINCE_DAYS = 30
"""Days that are looked back."""

MANY = "many-logons"
"""Name of the limit that a bound on the number of logons makes."""

PATTERN = (
    "[+][+] (re)?c(onnected|reated) session|AUTHFAIL: user=|Username or password error for user"
    "|Connections: (accepted|authenticated|disconnected): |VNCSConnST: +(Server default pixel format|closing )"
    "|Got connection from client |client_set_net: |uthentication (failed from|passed by) |Accepted .* from "
)
"""Regular expression of awk that a line has to meet to leave the host."""

_SESSIONS = ("++ created session", "++ reconnected session")
_CLOSING = "closing "


@dataclass(slots=True, kw_only=True)
class Log:
    """The lines of one log as they go by: a VNC server tells in several who came and whether that was let in."""

    record: str
    """The log's name in facts."""
    product: str
    """Product whose log it is, where its lines alone do not tell."""
    latest: tuple[datetime, str] | None = None
    """The connection that came last and of which nothing is decided."""

    def take(self, when: datetime, text: str) -> RemoteLogon | None:
        """Read one message; None for one that tells only a part. ValueError for one of no known form."""
        for read in (self._session, self._real, self._vnc, self._libvnc, self._ssh):
            known, logon = read(when, text)
            if known:
                return logon
        message = "not a line that tells of a logon"
        raise ValueError(message)

    def _logon(
        self, when: datetime, source: str, *, user: str = "", succeeded: bool, product: str | None = None
    ) -> RemoteLogon:
        return RemoteLogon(
            when=when,
            product=product or self.product,
            user=user,
            source=address(source),
            succeeded=succeeded,
            record=self.record,
        )

    def _session(self, when: datetime, text: str) -> tuple[bool, RemoteLogon | None]:
        """Read what xrdp's session manager writes."""
        if any(word in text for word in _SESSIONS):
            user = _between(text, "username ", ",") or _between(text, "user ", ",")
            source, has_socket, _ = text.partition(", ip ")[2].partition(" - socket")
            if has_socket:
                # xrdp 0.9 writes the port behind it, of IPv6 addresses too.
                source = source.rpartition(":")[0] or source
            return True, self._logon(when, source, user=user, succeeded=True, product="xrdp")
        if "AUTHFAIL: user=" in text:
            # A name may hold anything: what follows it is looked for from the end.
            user, found, rest = text.partition("AUTHFAIL: user=")[2].rpartition(" ip=")
            return bool(found), self._logon(
                when, rest.partition(" ")[0], user=user, succeeded=False, product="xrdp"
            ) if found else None
        if "Username or password error for user: " in text:
            user = text.partition("for user: ")[2]
            return True, self._logon(when, "", user=user, succeeded=False, product="xrdp")
        return False, None

    def _real(self, when: datetime, text: str) -> tuple[bool, RemoteLogon | None]:
        """Read RealVNC's lines about connections."""
        if "Connections: authenticated: " in text:
            rest = text.partition("Connections: authenticated: ")[2]
            user = rest.partition(", as ")[2].partition(" (")[0]
            return True, self._logon(when, rest.partition(" ")[0], user=user, succeeded=True, product="realvnc")
        if "Connections: disconnected: " in text:
            rest = text.partition("Connections: disconnected: ")[2]
            is_refused = "[AuthFailure]" in rest
            return True, self._logon(
                when, rest.partition(" ")[0], succeeded=False, product="realvnc"
            ) if is_refused else None
        return False, None

    def _vnc(self, when: datetime, text: str) -> tuple[bool, RemoteLogon | None]:
        """Read TigerVNC's lines: one connection, then that it was let in, then why it ended."""
        if "Connections: accepted: " in text:
            self.latest = (when, text.partition("Connections: accepted: ")[2].strip())
            return True, None
        if "Server default pixel format" in text:
            opened, self.latest = self.latest, None
            return True, None if opened is None else self._logon(opened[0], opened[1], succeeded=True)
        if "VNCSConnST:" in text and _CLOSING in text:
            source, _, why = text.partition(_CLOSING)[2].partition(": ")
            if self.latest is not None and self.latest[1] == source:
                self.latest = None
            is_refused = "uthentication" in why
            return True, self._logon(when, source, succeeded=False) if is_refused else None
        return False, None

    def _libvnc(self, when: datetime, text: str) -> tuple[bool, RemoteLogon | None]:
        """Read the lines of x11vnc, and of TightVNC and its kin."""
        if "Got connection from client " in text:
            self.latest = (when, text.partition("Got connection from client ")[2].strip())
            return True, None
        if "client_set_net: " in text:
            self.latest = None
            source = text.partition("client_set_net: ")[2].split(None, 1)[:1]
            return True, self._logon(when, "".join(source), succeeded=True)
        for words, succeeded in (("uthentication failed from ", False), ("uthentication passed by ", True)):
            if words in text:
                self.latest = None
                return True, self._logon(when, text.partition(words)[2].split(None, 1)[0], succeeded=succeeded)
        return False, None

    def _ssh(self, when: datetime, text: str) -> tuple[bool, RemoteLogon | None]:
        """Read ``Accepted publickey for NAME from ADDRESS port ...``."""
        head, found, rest = text.rpartition(" from ")
        if not found or not text.startswith("Accepted ") or " for " not in head:
            return False, None
        user = head.partition(" for ")[2]
        return True, self._logon(when, rest.partition(" ")[0], user=user, succeeded=True, product="ssh")


def address(text: str) -> str:
    """Write an address without its port and without the form that an IPv6 socket gives it."""
    text = text.strip().rstrip(",")
    plain, doubled, port = text.rpartition("::")
    if doubled and port.isdigit() and ("." in plain or plain.endswith("]")):
        # What VNC servers write: two colons before a port.
        text = plain
    text = text.strip("[]")
    if text.startswith("::ffff:") and "." in text:
        text = text.removeprefix("::ffff:")
    if text.count(":") == 1:
        text = text.partition(":")[0]
    return text


def _between(text: str, before: str, after: str) -> str:
    _, found, rest = text.partition(before)
    return rest.partition(after)[0].strip() if found else ""


_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}


def instant(parts: tuple[str, ...], clock: str, offset: int) -> datetime:
    """Make an instant of year, month and day and ``HH:MM:SS``, ``offset`` seconds before UTC; ValueError for none."""
    year, month, day = (_number(part) for part in parts)
    hour, minute, second = (_number(part) for part in clock.partition(".")[0].split(":"))
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return datetime.fromtimestamp(local.timestamp() - offset, UTC)
    except (ValueError, OverflowError, OSError) as error:
        message = "a time that is none"
        raise ValueError(message) from error


def written(text: str, offset: int) -> datetime:
    """Read ``Thu Nov 26 14:33:17 2026``, as ctime(3) writes it in the host's own time."""
    words = text.split()
    if len(words) != len(("day", "month", "number", "clock", "year")) or words[1] not in _MONTHS:
        message = "no time that ctime(3) writes"
        raise ValueError(message)
    return instant((words[4], str(_MONTHS[words[1]]), words[2]), words[3], offset)


def zone(text: str) -> int:
    """Read ``+0130`` as seconds."""
    if len(text) != len("+0000") or text[0] not in "+-" or not text[1:].isdigit() or not text.isascii():
        message = "no offset of a time zone"
        raise ValueError(message)
    seconds = int(text[1:3]) * 3600 + int(text[3:5]) * 60
    return -seconds if text[0] == "-" else seconds


def epoch(text: str) -> datetime:
    """Read seconds since 1970, with or without a fraction."""
    whole = text.partition(".")[0]
    if not whole.isascii() or not whole.isdigit() or len(whole) > len("9999999999"):
        message = "no time in seconds"
        raise ValueError(message)
    return datetime.fromtimestamp(int(whole), UTC)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len("2026"):
        message = "a time that is none"
        raise ValueError(message)
    return int(text)
