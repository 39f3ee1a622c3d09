"""Take secrets out of what a host said, before anything is hashed or stored.

What is taken out: the value after a word that names a secret (``--password x``, ``token=x``, ``PWD: x``),
the password in a URL (``scheme://user:secret@host``), and bearer credentials. What stays: identifiers that
say whose instance a tool reports to (``id``, ``relay``, ``host``, ``key`` of a RustDesk server), since an
auditor needs them. The rules are linear scans: no regular expression meets host text.
"""

from collections.abc import Iterator
from functools import lru_cache

VERSION = 1
"""Version of the rules: stands in every seal."""

MARK = "(redacted)"
"""What stands in a secret's place."""

_NAMES = frozenset((
    "accesstoken", "apikey", "apitoken", "authkey", "authorization", "authtoken", "bindpw", "clientsecret",
    "credential", "credentials", "connectionpassword", "pass", "passcode", "passphrase", "passwd",
    "password", "pgpassword", "privatekey", "psk", "pw", "pwd", "rfbpasswd", "secret", "secretkey",
    "sessiontoken", "sharedsecret", "sshpass", "token", "unattendedpassword", "userpass", "vncpasswd",
    "vncpassword",
))  # fmt: skip
# A word of these names a file or an option, not the secret itself.
_HARMLESS = ("passwd-file", "passwordfile", "passwdfile", "tokenfile", "secretfile", "password-file", "token-file")
_HINTS = ("pass", "secret", "token", "pwd", "psk", "key", "auth", "cred", "-pw", "bindpw", "://", "sshpass")
_ENDS = " \t\"'\\,;&"


def redact(text: str) -> tuple[str, int]:
    """Return the text without its secrets, and how many were taken out."""
    lowered = text.lower()
    hints = [hint for hint in _HINTS if hint in lowered]
    if not hints:
        return text, 0
    total = 0
    lines = text.split("\n")
    for number, low in enumerate(lowered.split("\n")):
        for hint in hints:
            if hint in low:
                lines[number], count = _redact_line(lines[number])
                total += count
                break
    return ("\n".join(lines), total) if total else (text, 0)


# Everything of ASCII that no word holds parts words.
_PARTS = str.maketrans({chr(code): " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "-_.")})


def _redact_line(line: str) -> tuple[str, int]:
    line, count = _urls(line)
    out: list[str] = []
    position = 0
    for start, end in _secret_names(line):
        if start < position:
            # It stands in a value that is gone already.
            continue
        at = _value_start(line, end, is_option=line[start] == "-")
        if at is None:
            continue
        value_end = _value_end(line, at)
        if value_end > at and line[at:value_end] != MARK:
            out += (line[position:at], MARK)
            count += 1
            position = value_end
    out.append(line[position:])
    return "".join(out), count


def _secret_names(line: str) -> Iterator[tuple[int, int]]:
    """Yield where each word begins and ends that names a secret: letters, digits, and - _ . of any script."""
    if line.isascii():
        words = set(line.translate(_PARTS).split())
        names = [word for word in words if _names_secret(word)]
        if not names:
            # So it is with nearly every long line that holds a hint.
            return
    position, length = 0, len(line)
    while position < length:
        end = position
        while end < length and (line[end].isalnum() or line[end] in "-_."):
            end += 1
        if end > position and _names_secret(line[position:end]):
            yield position, end
        position = max(end, position + 1)


@lru_cache(maxsize=4096)
def _names_secret(word: str) -> bool:
    low = word.lower().lstrip("-")
    if low.endswith(_HARMLESS):
        return False
    plain = low.replace("-", "").replace("_", "").replace(".", "")
    if plain in _NAMES:
        return True
    last = low.replace("_", "-").replace(".", "-").rsplit("-", 1)[-1]
    return last in _NAMES


def _value_start(line: str, position: int, *, is_option: bool) -> int | None:
    """Find where the value begins after a secret's name; None when nothing follows that is one."""
    length = len(line)
    start = position
    while start < length and line[start] in "\"' ":
        start += 1
    if start < length and line[start] in "=:":
        start += 1
        while start < length and line[start] in " \"'":
            start += 1
        # Authorization: Bearer VALUE — the scheme is no secret.
        for scheme in ("bearer ", "basic ", "digest "):
            if line[start : start + len(scheme)].lower() == scheme:
                start += len(scheme)
        return start if start < length else None
    if is_option and position < length and line[position] == " ":
        while start < length and line[start] in "\"' ":
            start += 1
        # An option after an option: the first had no value.
        return start if start < length and line[start] != "-" else None
    return None


def _value_end(line: str, start: int) -> int:
    quote = line[start - 1] if start and line[start - 1] in "\"'" else ""
    if quote:
        end = line.find(quote, start)
        return len(line) if end < 0 else end
    end = start
    while end < len(line) and line[end] not in _ENDS:
        end += 1
    return end


def _urls(line: str) -> tuple[str, int]:
    """Take the password out of every ``scheme://user:password@host``."""
    parts: list[str] = []
    done = 0
    at = line.find("://")
    while at >= 0:
        start = at + 3
        end = start
        while end < len(line) and line[end] not in " \t\"'/?#<>":
            end += 1
        authority = line[start:end]
        login, arrow, host = authority.rpartition("@")
        user, colon, secret = login.partition(":")
        if arrow and colon and secret and secret != MARK:
            parts += (line[done:start], f"{user}:{MARK}")
            done = end - len(host) - 1
        at = line.find("://", max(end - 1, start))
    return ("".join([*parts, line[done:]]), len(parts) // 2) if parts else (line, 0)
