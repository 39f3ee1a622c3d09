"""Which host keys are trusted: known_hosts files, indexed so that one look-up is cheap in a large fleet.

Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from auditor.errors import HostError, Reason
from auditor.model.record import Record, Unshown
from auditor.transport.connect import DEFAULT_PORT
from auditor.transport.quote import quoted
from auditor.transport.ssh_certificate import CERTIFIED, Certificate, parse_certificate

_REVOKED = "@revoked"
_AUTHORITY = "@cert-authority"
_FIELDS = 3


class HostKey(Record, kw_only=True):
    """A public host key."""

    algorithm: str
    """Key type, such as ``ssh-ed25519``."""
    blob: Unshown[bytes]
    """The key in SSH's wire form."""
    certificate: Unshown[bytes] = b""
    """The certificate with which the host shows it, in SSH's wire form; empty for the bare key."""

    @property
    def base64(self) -> str:
        """Return the key as known_hosts writes it."""
        return base64.b64encode(self.blob).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """Return ``SHA256:...`` as ssh-keygen prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


class KnownHost(Record, kw_only=True):
    """One line of a known_hosts file."""

    marker: str
    """Empty, ``@revoked`` or ``@cert-authority``."""
    patterns: tuple[str, ...]
    """Names and patterns in lower case; empty for a hashed name."""
    salt: bytes = b""
    """Salt of a hashed name."""
    digest: bytes = b""
    """Hash of a hashed name; empty for a plain line."""
    key: HostKey
    """The key."""
    place: str
    """``file:line``."""

    @property
    def is_exact(self) -> bool:
        """Tell whether its names are names only, so that an index can find them."""
        return not self.digest and not any(sign in pattern for pattern in self.patterns for sign in "*?!")

    def matches(self, name: str) -> bool:
        """Tell whether the line is about a name (in lower case, ``[name]:port`` for another port than 22)."""
        if self.digest:
            # SHA-1 is what the format prescribes; it hides names and protects nothing.
            return hmac.compare_digest(hmac.digest(self.salt, name.encode(), "sha1"), self.digest)
        if any(pattern.startswith("!") and _matches(pattern[1:], name) for pattern in self.patterns):
            return False
        return any(not pattern.startswith("!") and _matches(pattern, name) for pattern in self.patterns)


class KnownHosts:
    """The lines of a set of files; never changed once made, so safe to share between threads."""

    def __init__(self, entries: Iterable[KnownHost], unread: Sequence[str] = ()) -> None:
        """Index the lines; ``unread`` says what of the files could not be used."""
        self.unread = tuple(unread)
        self._exact: dict[str, list[KnownHost]] = {}
        self._patterns: list[KnownHost] = []
        self._hashed: list[KnownHost] = []
        self._by_key: dict[bytes, list[KnownHost]] = {}
        self._revoked: dict[bytes, list[KnownHost]] = {}
        self._authorities: list[KnownHost] = []
        for entry in entries:
            self._add(entry)
        self._hashed_algorithms = {entry.key.algorithm for entry in self._hashed}

    def _add(self, entry: KnownHost) -> None:
        if entry.marker == _REVOKED:
            self._revoked.setdefault(entry.key.blob, []).append(entry)
            return
        if entry.marker == _AUTHORITY:
            self._authorities.append(entry)
            return
        self._by_key.setdefault(entry.key.blob, []).append(entry)
        if entry.is_exact:
            for name in entry.patterns:
                self._exact.setdefault(name, []).append(entry)
        elif entry.digest:
            self._hashed.append(entry)
        else:
            self._patterns.append(entry)

    def algorithms(self, names: Sequence[str], port: int) -> tuple[str, ...]:
        """Return the key types known for a host, so that it is asked for one of them."""
        every = (*_marked(names, port), *_plain(names, port))
        # As ssh does: where an authority is trusted, its word comes before that of a single key.
        certified = CERTIFIED if any(entry.matches(name) for entry in self._authorities for name in every) else ()
        return (*certified, *self._bare_algorithms(every))

    def _bare_algorithms(self, names: Sequence[str]) -> tuple[str, ...]:
        for name in names:
            found = [entry.key.algorithm for entry in self._indexed(name)]
            if not found and len(self._hashed_algorithms) > 1:
                found = [entry.key.algorithm for entry in self._hashed if entry.matches(name)]
            if found:
                return tuple(dict.fromkeys(found))
        # Hashed lines of one type need not be searched: no other type can be known.
        return tuple(self._hashed_algorithms) if len(self._hashed_algorithms) == 1 else ()

    def entries(self, name: str) -> list[KnownHost]:
        """Return the lines about one name, ``[name]:port`` for another port than 22, markers left out."""
        return [*self._indexed(name), *(entry for entry in self._hashed if entry.matches(name))]

    def check(self, names: Sequence[str], port: int, key: HostKey) -> None:
        """Return if the key is the trusted one of a host that goes by these names, the first one deciding.

        A key is trusted for itself or for the certificate that it comes with. Raises HostError with
        ``host_key_revoked``, ``host_key_changed``, ``host_key_ca`` or ``host_key_unknown``. A key known for the
        name without the port is accepted, as OpenSSH does.
        """
        marked, plain = _marked(names, port), _plain(names, port)
        self.refuse_revoked(names, port, key)
        objection = self._objection(names, port, key)
        if objection is None:
            return
        for name in marked:
            if self._is_known(name, key):
                return
            others = self.entries(name)
            if others:
                raise _changed(name, key, others, objection)
        if any(self._is_known(name, key) for name in plain):
            return
        if objection:
            raise HostError(
                Reason.HOST_KEY_CA,
                f"{objection}; or compare {_shown(key)} with the host and record it with `auditor enroll {names[-1]}`",
            )
        raise self._unknown(marked[0], names[-1], key)

    def refuse_revoked(self, names: Sequence[str], port: int, key: HostKey) -> None:
        """Raise HostError ``host_key_revoked`` if a line revokes the key, or its authority, for one of these names."""
        shown = [(key, "the host shows")]
        certificate = _certificate(key)
        if isinstance(certificate, Certificate):
            shown.append((_authority_key(certificate), "the host's certificate is signed by"))
        for one, how in shown:
            for entry in self._revoked.get(one.blob, ()):
                if any(entry.matches(name) for name in (*_marked(names, port), *_plain(names, port))):
                    raise HostError(
                        Reason.HOST_KEY_REVOKED,
                        f"{how} {_shown(one)}, which {entry.place} revokes: find out what answers there",
                    )

    def _objection(self, names: Sequence[str], port: int, key: HostKey) -> str | None:
        """Say why no trusted authority vouches for the key: None where one does, empty where none is trusted."""
        # A certificate holds for the name for which its authority is trusted, not for another one of the host's.
        trusted = {
            name.lower(): entries
            for name in names
            if (entries := [entry for entry in self._authorities if _is_about(entry, name, port)])
        }
        if not trusted:
            return ""
        place = next(iter(trusted.values()))[0].place
        certificate = _certificate(key)
        if certificate is None:
            return f"{place} trusts an authority for {next(iter(trusted))}, and the host shows no certificate"
        if isinstance(certificate, Certificate) and certificate.key_blob != key.blob:
            certificate = "is not of the key that it shows"
        if isinstance(certificate, str):
            return f"the host's certificate {certificate}"
        vouched = tuple(
            name
            for name, entries in trusted.items()
            if any(entry.key.blob == certificate.authority for entry in entries)
        )
        if not vouched:
            signer = _shown(_authority_key(certificate))
            return f"the host's certificate is signed by {signer}, and not by the authority that {place} trusts"
        objection = certificate.host_objection(vouched, datetime.now(UTC))
        return None if objection is None else f"the host's certificate ({quoted(certificate.name)}) {objection}"

    def _indexed(self, name: str) -> Iterator[KnownHost]:
        yield from self._exact.get(name, ())
        yield from (entry for entry in self._patterns if entry.matches(name))

    def _is_known(self, name: str, key: HostKey) -> bool:
        """Look the key up first: a hashed name then costs one hash, not one for each line of the file.

        Before that the name: whole fleets that were made of one image have one key.
        """
        if any(entry.key.blob == key.blob for entry in self._exact.get(name, ())):
            return True
        return any(entry.matches(name) for entry in self._by_key.get(key.blob, ()))

    def _unknown(self, name: str, host: str, key: HostKey) -> HostError:
        note = f" (not used: {self.unread[0]}{_and_more(self.unread)})" if self.unread else ""
        return HostError(
            Reason.HOST_KEY_UNKNOWN,
            f"no known_hosts file has a key for {name}, which shows {_shown(key)}: compare it with the host and "
            f"record it with `auditor enroll {host}`{note}",
        )


def parse_known_hosts(text: str, file: Path) -> tuple[list[KnownHost], list[str]]:
    """Read one file: its lines, and a sentence for each line that is not understood."""
    entries: list[KnownHost] = []
    unread: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        place = f"{file}:{number}"
        try:
            entries.append(_entry(words, place))
        except ValueError as error:
            unread.append(f"{place}: {error}")
    return entries, unread


def read_known_hosts(files: Iterable[Path], *, expected: bool, revoking: Iterable[Path] = ()) -> KnownHosts:
    """Read a set of files; one that is not there is worth a note only where it was ``expected``.

    Of files that are ``revoking`` no key is trusted, but what they revoke is.
    """
    entries: list[KnownHost] = []
    unread: list[str] = []
    for file in files:
        entries += _read_file(file, unread, expected=expected)
    for file in revoking:
        entries += [entry for entry in _read_file(file, unread, expected=False) if entry.marker == _REVOKED]
    return KnownHosts(entries, unread)


def _read_file(file: Path, unread: list[str], *, expected: bool) -> list[KnownHost]:
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        if expected:
            unread.append(f"{file} does not exist")
        return []
    except OSError as error:
        unread.append(f"{file} cannot be read: {error.strerror}")
        return []
    found, strange = parse_known_hosts(text, file)
    unread += strange
    return found


def marked_name(name: str, port: int) -> str:
    """Return a name as known_hosts files it: in lower case, ``[name]:port`` for another port than 22."""
    return name.lower() if port == DEFAULT_PORT else f"[{name.lower()}]:{port}"


def _is_about(entry: KnownHost, name: str, port: int) -> bool:
    return any(entry.matches(form) for form in (*_marked((name,), port), *_plain((name,), port)))


def _certificate(key: HostKey) -> Certificate | str | None:
    """Read the certificate that a key comes with; a sentence's end where it is damaged, None where there is none."""
    if not key.certificate:
        return None
    try:
        return parse_certificate(key.certificate)
    except ValueError as error:
        return f"cannot be read: {error}"


def _authority_key(certificate: Certificate) -> HostKey:
    length = int.from_bytes(certificate.authority[:4], "big")
    kind = certificate.authority[4 : 4 + length].decode("ascii", "replace")
    return HostKey(algorithm=kind if kind.isprintable() else repr(kind), blob=certificate.authority)


def _entry(words: list[str], place: str) -> KnownHost:
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", _REVOKED, _AUTHORITY):
        message = f"unknown marker {marker!r}"
        raise ValueError(message)
    if len(words) < _FIELDS:
        raise ValueError("a line needs names, a key type and a key")
    salt, digest, patterns = b"", b"", tuple(words[0].lower().split(","))
    if words[0].startswith("|"):
        salt, digest, patterns = *_hashed(words[0]), ()
    try:
        blob = base64.b64decode(words[2], validate=True)
    except binascii.Error as error:
        message = f"the key is not base64: {error}"
        raise ValueError(message) from error
    kind = words[1].encode()
    if blob[: 4 + len(kind)] != len(kind).to_bytes(4, "big") + kind:
        message = f"the key is not of type {words[1]!r}"
        raise ValueError(message)
    key = HostKey(algorithm=words[1], blob=blob)
    return KnownHost(marker=marker, patterns=patterns, salt=salt, digest=digest, key=key, place=place)


def _hashed(word: str) -> tuple[bytes, bytes]:
    salt, found, digest = word.removeprefix("|1|").partition("|")
    if not found or not word.startswith("|1|"):
        raise ValueError("a hashed name is not |1|salt|hash")
    return base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)


def _matches(pattern: str, name: str) -> bool:
    """Match ``*`` and ``?``, in linear memory and without backtracking deeper than the last star."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == name
    at, here, star, resume = 0, 0, -1, 0
    while here < len(name):
        if at < len(pattern) and (pattern[at] == "?" or (pattern[at] == name[here] and pattern[at] != "*")):
            at, here = at + 1, here + 1
        elif at < len(pattern) and pattern[at] == "*":
            star, resume, at = at, here, at + 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def _marked(names: Sequence[str], port: int) -> list[str]:
    return list(dict.fromkeys(marked_name(name, port) for name in names))


def _plain(names: Sequence[str], port: int) -> list[str]:
    return [] if port == DEFAULT_PORT else list(dict.fromkeys(name.lower() for name in names))


def _shown(key: HostKey) -> str:
    return f"{key.algorithm} {key.fingerprint}"


def _and_more(notes: Sequence[str]) -> str:
    return f" and {len(notes) - 1} more" if len(notes) > 1 else ""


def _changed(name: str, key: HostKey, others: Sequence[KnownHost], objection: str) -> HostError:
    same = [entry for entry in others if entry.key.algorithm == key.algorithm] or list(others)
    known = ", ".join(f"{_shown(entry.key)} ({entry.place})" for entry in same)
    return HostError(
        Reason.HOST_KEY_CHANGED,
        f"{name} shows {_shown(key)}, but known is {known}: find out whether the host was reinstalled; only then "
        f"remove the old key with `ssh-keygen -R '{name}'` and enroll again{f' ({objection})' if objection else ''}",
    )
