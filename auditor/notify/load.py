"""The notifications file, read and checked: every fault at once, secrets looked up and never repeated."""

import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from auditor.errors import PolicyError, Problem
from auditor.located import Document
from auditor.model.record import Record, replace
from auditor.notify.webhook import Event, Webhook
from auditor.policy.faults import At, document_of, entries, refuse

_OURS = ("content-type", "content-length", "host", "user-agent", "connection", "transfer-encoding")
"""Headers that are written here."""
_OUR_PREFIX = "x-auditor-"
_LONGEST = 64 * 1024


class _Secrets(Record, kw_only=True):
    """Where secrets are looked up."""

    environ: Mapping[str, str]
    folder: Path

    def value(self, reference: str) -> str:
        """Return what a reference stands for; ValueError says why there is nothing, and repeats no secret."""
        kind, _, rest = reference.partition(":")
        if kind not in ("env", "file") or not rest.strip():
            raise ValueError("secrets do not belong into this file: write where it stands, env:NAME or file:/path")
        if kind == "env":
            if not self.environ.get(rest):
                raise ValueError(f"the environment has no {rest}")
            return self.environ[rest]
        file = self.folder / Path(rest).expanduser()
        try:
            with file.open("rb") as stream:
                data = stream.read(_LONGEST + 1)
            text = data.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            raise ValueError(f"{file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ValueError(f"{file} is not UTF-8 text") from None
        if not text or len(data) > _LONGEST:
            raise ValueError(f"{file} is empty, or longer than any secret")
        return text


def parse_webhooks(text: str, file: Path, environ: Mapping[str, str]) -> tuple[Webhook, ...]:
    """Check a notifications file and read it; PolicyError names everything that is wrong with it."""
    document = document_of(text, file)
    refuse(document, "notify.schema.json", _repeated_names(document))
    secrets = _Secrets(environ=environ, folder=file.absolute().parent)
    found, problems = [], []
    for at, entry in entries(document, "webhooks"):
        webhook, wrong = _webhook(document, at, entry, secrets)
        problems += wrong
        found.append(webhook)
    if problems:
        raise PolicyError(problems)
    return tuple(webhook for webhook in found if webhook is not None)


def _repeated_names(document: Document) -> Iterator[Problem]:
    seen: set[object] = set()
    for at, entry in entries(document, "webhooks"):
        if entry.get("name") in seen:
            yield document.problem((*at, "name"), f"{entry['name']!r} is a webhook above: each has a name of its own")
        seen.add(entry.get("name"))


def _webhook(
    document: Document, at: At, entry: Mapping[str, Any], secrets: _Secrets
) -> tuple[Webhook | None, list[Problem]]:
    problems: list[Problem] = []

    def tried(key: str, read: Any, *arguments: object) -> Any:  # noqa: ANN401 — one reader for each key
        try:
            return read(*arguments)
        except ValueError as error:
            problems.append(document.problem((*at, key), f"{key} of {entry['name']!r}: {error}"))
            return None

    url = tried("url", _address, entry["url"], secrets)
    header = tried("header", _header, entry["header"], secrets) if "header" in entry else None
    key = tried("sign_with", secrets.value, entry["sign_with"]) if "sign_with" in entry else None
    ca = tried("ca", _certificates, secrets.folder / Path(entry["ca"]).expanduser()) if "ca" in entry else None
    if problems or url is None:
        return None, problems
    plain = Webhook(
        name=entry["name"],
        is_tls=url.scheme == "https",
        host=url.hostname or "",
        port=url.port or (443 if url.scheme == "https" else 80),
        target=(url.path or "/") + (f"?{url.query}" if url.query else ""),
        header=header,
        key=None if key is None else key.encode(),
        ca=ca,
    )
    more = {name: entry[name] for name in ("timeout", "tries", "most") if name in entry}
    events = tuple(event for event in Event if event in entry.get("events", tuple(Event)))
    return replace(plain, events=events, **more), []


def _address(text: str, secrets: _Secrets) -> SplitResult:
    is_plain = text.partition(":")[0] not in ("env", "file")
    url = text if is_plain else secrets.value(text)
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("an address holds printable ASCII characters and no blanks")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise ValueError("is no address") from None
    if not usable:
        raise ValueError("is no address such as https://hooks.example.com/auditor")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("an address with an account or a fragment is not taken: use `header` for what lets us in")
    if parts.scheme == "http" and not _is_here(parts.hostname or ""):
        raise ValueError("http is taken on this machine only: what is sent would be open to read, use https")
    return parts


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _header(entry: Mapping[str, str], secrets: _Secrets) -> tuple[str, str]:
    name = entry["name"]
    if name.lower() in _OURS or name.lower().startswith(_OUR_PREFIX):
        raise ValueError(f"{name} is written by the auditor itself")
    value = secrets.value(entry["value"])
    if not (value.isascii() and value.isprintable()):
        raise ValueError("the value of a header is one line of printable ASCII characters")
    return name, value


def _certificates(file: Path) -> Path:
    try:
        ssl.create_default_context(cafile=str(file))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it holds none that can be read"
        raise ValueError(f"{file} holds no certificates: {said}") from error
    return file
