"""Policy and exceptions files, read and checked: every fault at once, each with its place and the right word."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from auditor.errors import PolicyError, Problem
from auditor.located import Document, did_you_mean, read_document, schema_problems
from auditor.model.pacing import Pacing
from auditor.model.policy import (
    AcceptedLimit,
    Approval,
    ExceptionRecord,
    ExecutionDemand,
    Installers,
    ListenScope,
    Networks,
    Policy,
    Settings,
)
from auditor.policy.locate import bundled
from auditor.policy.ports import read_ports
from auditor.policy.versions import parse_range

_At = tuple[str | int, ...]
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = 10_000
"""Units of a duration: beyond it, nobody means what the file says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """A policy, with the text that is sealed."""

    policy: Policy
    """What it says."""
    text: str
    """The file as it is written."""
    path: Path
    """Where it lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedExceptions:
    """Exceptions, with the text that is sealed."""

    records: tuple[ExceptionRecord, ...]
    """What they say, in the order of the file."""
    text: str
    """The file as it is written."""
    path: Path
    """Where it lies."""


def load_policy(path: Path, *, products: Collection[str]) -> LoadedPolicy:
    """Read and check a policy file; PolicyError names everything that is wrong with it."""
    text = read_text(path)
    return LoadedPolicy(policy=parse_policy(text, path, products=products), text=text, path=path)


def load_exceptions(path: Path, *, controls: Collection[str], settings: Settings) -> LoadedExceptions:
    """Read and check an exceptions file; PolicyError names everything that is wrong with it."""
    text = read_text(path)
    return LoadedExceptions(
        records=parse_exceptions(text, path, controls=controls, settings=settings), text=text, path=path
    )


def read_text(path: Path) -> str:
    """Return a file's text with its bytes' own line ends, so that its digest is that of the file."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def parse_policy(text: str, file: Path, *, products: Collection[str]) -> Policy:
    """Check a policy's text against the schema and the catalogue's product ids, and read it."""
    document = _document(text, file)
    _refuse(
        document,
        "policy.schema.json",
        [
            *_approval_problems(document, products),
            *_limit_problems(document),
            *_settings_problems(document),
            *_network_problems(document),
        ],
    )
    data = document.data
    return Policy(
        name=data["name"].strip(),
        approvals=tuple(_approval(entry) for entry in data.get("approvals", ())),
        accepted_limits=tuple(_limit(entry) for entry in data.get("accepted_limits", ())),
        settings=_settings(data.get("settings", {})),
        networks=_networks(data.get("networks", {})),
        pacing=Pacing(**data.get("pacing", {})),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def parse_exceptions(
    text: str, file: Path, *, controls: Collection[str], settings: Settings
) -> tuple[ExceptionRecord, ...]:
    """Check an exceptions file's text against the schema, the control ids and the policy's settings, and read it."""
    document = _document(text, file)
    _refuse(document, "exceptions.schema.json", list(_exception_problems(document, controls, settings)))
    return tuple(_exception(entry) for entry in document.data["exceptions"])


def _document(text: str, file: Path) -> Document:
    document = read_document(text.removeprefix("\ufeff"), file, dates_as_text=True)
    if isinstance(document, Problem):
        raise PolicyError(document)
    return document


def _refuse(document: Document, schema: str, found: Iterable[Problem]) -> None:
    """Raise everything that the schema and our own checks found, in the order of the file, each place once."""
    wrong = schema_problems(document, _schema(schema))
    places = {(problem.line, problem.column) for problem in wrong}
    wrong += [problem for problem in found if (problem.line, problem.column) not in places]
    if wrong:
        raise PolicyError(sorted(wrong, key=lambda one: (one.line or 0, one.column or 0, one.message)))


@cache
def _schema(name: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads(bundled(name).read_text(encoding="utf-8"))
    return schema


def _entries(document: Document, key: str) -> Iterator[tuple[_At, Mapping[str, Any]]]:
    """Yield the entries of a list with their places; what is no entry at all, the schema refuses."""
    entries = document.data.get(key) if isinstance(document.data, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (key, index), entry


def _approval_problems(document: Document, products: Collection[str]) -> Iterator[Problem]:
    yield from _repeated_ids(document, "approvals")
    for at, entry in _entries(document, "approvals"):
        product = entry.get("product")
        if isinstance(product, str) and product not in products:
            yield document.problem(
                (*at, "product"), f"unknown product {product!r}{did_you_mean(product, sorted(products))}"
            )
        yield from _unreadable(document, at, entry, "versions", parse_range)
        yield from _unreadable(document, at, entry, "review_by", date.fromisoformat)
        if isinstance(entry.get("listen"), dict):
            yield from _unreadable(document, (*at, "listen"), entry["listen"], "ports", read_ports)


def _limit_problems(document: Document) -> Iterator[Problem]:
    for at, entry in _entries(document, "accepted_limits"):
        yield from _unreadable(document, at, entry, "end", date.fromisoformat)


def _settings_problems(document: Document) -> Iterator[Problem]:
    settings = document.data.get("settings") if isinstance(document.data, dict) else None
    if isinstance(settings, dict):
        yield from _unreadable(document, ("settings",), settings, "coverage", _share)
        yield from _unreadable(document, ("settings",), settings, "max_age", _duration)


def _network_problems(document: Document) -> Iterator[Problem]:
    networks = document.data.get("networks") if isinstance(document.data, dict) else None
    trusted = networks.get("trusted") if isinstance(networks, dict) else None
    for at, text in enumerate(trusted if isinstance(trusted, list) else ()):
        try:
            ip_network(text if isinstance(text, str) else "")
        except ValueError:
            yield document.problem(
                ("networks", "trusted", at), f"{text!r} is no network such as 10.1.0.0/16 or 2001:db8:1::/48"
            )


def _exception_problems(document: Document, controls: Collection[str], settings: Settings) -> Iterator[Problem]:
    yield from _repeated_ids(document, "exceptions")
    for at, entry in _entries(document, "exceptions"):
        name = entry.get("id")
        control = entry.get("control")
        if isinstance(control, str) and control not in controls:
            yield document.problem(
                (*at, "control"), f"unknown control {control!r}{did_you_mean(control, sorted(controls))}"
            )
        if not entry.get("hosts") and not entry.get("groups"):
            yield document.problem(at, f"exception {name!r} names no hosts and no groups: hosts: ['*'] is every host")
        people = [entry.get(key) for key in ("requested_by", "approved_by")]
        if all(isinstance(person, str) for person in people) and len({_person(str(one)) for one in people}) == 1:
            yield document.problem((*at, "approved_by"), f"exception {name!r}: who asks for it cannot grant it")
        wrong_days = [
            problem for key in ("start", "end") for problem in _unreadable(document, at, entry, key, date.fromisoformat)
        ]
        yield from wrong_days or _span_problems(document, at, entry, settings)


def _span_problems(document: Document, at: _At, entry: Mapping[str, Any], settings: Settings) -> Iterator[Problem]:
    start, end = entry.get("start"), entry.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
    if days < 1:
        yield document.problem((*at, "end"), f"exception {entry.get('id')!r} ends before it starts")
    elif days > settings.exception_max_days:
        most = settings.exception_max_days
        yield document.problem(
            (*at, "end"),
            f"exception {entry.get('id')!r} holds for {days} days; the policy allows {most} (exception_max_days)",
        )


def _person(name: str) -> str:
    return " ".join(name.split()).casefold()


def _repeated_ids(document: Document, key: str) -> Iterator[Problem]:
    seen: list[object] = []
    for at, entry in _entries(document, key):
        if "id" in entry and entry["id"] in seen:
            yield document.problem((*at, "id"), f"id {entry['id']!r} is taken by an entry above")
        seen.append(entry.get("id"))


def _unreadable(
    document: Document, at: _At, entry: Mapping[str, Any], key: str, read: Callable[[Any], object]
) -> Iterator[Problem]:
    """Yield what a reader has against a value; one of the wrong type is the schema's business."""
    if key not in entry:
        return
    try:
        read(entry[key])
    except ValueError as error:
        yield document.problem((*at, key), f"{key}: {entry[key]!r} cannot be used: {error}")
    except (AttributeError, TypeError):
        return


def _share(value: float | str) -> float:
    """Read a share of 0 to 1, given so or in percent."""
    share = float(value.rstrip("% ")) / 100 if isinstance(value, str) else float(value)
    if not 0 <= share <= 1:
        raise ValueError("a share is between none and all of the hosts")
    return share


def _duration(text: str) -> timedelta:
    """Read a whole number of hours, days or weeks, such as ``35d``."""
    number = text[:-1].strip()
    if text[-1:] not in _UNITS or not (number.isascii() and number.isdigit()):
        raise ValueError("a number and h, d or w are wanted, such as 35d")
    if not number.strip("0"):
        raise ValueError("no host is that young")
    if len(number) > len(str(_LONGEST)) or int(number) > _LONGEST:
        raise ValueError(f"{_LONGEST}{text[-1]} is the most")
    return int(number) * _UNITS[text[-1]]


def _settings(data: Mapping[str, Any]) -> Settings:
    """Read the settings; what is left out keeps its default."""
    given: dict[str, Any] = dict(data)
    if "coverage" in given:
        given["coverage"] = _share(given["coverage"])
    if "max_age" in given:
        given["max_age"] = _duration(given["max_age"])
    if "service_accounts" in given:
        given["service_accounts"] = tuple(given["service_accounts"])
    if "installers" in given:
        given["installers"] = Installers(**{key: tuple(names) for key, names in given["installers"].items()})
    if "execution_control" in given:
        given["execution_control"] = ExecutionDemand(given["execution_control"])
    return Settings(**given)


def _networks(data: Mapping[str, Any]) -> Networks:
    given: dict[str, Any] = dict(data)
    given["trusted"] = tuple(str(ip_network(text)) for text in given.get("trusted", ()))
    return Networks(**given)


def _approval(data: Mapping[str, Any]) -> Approval:
    listen = data.get("listen", {})
    return Approval(
        id=data["id"],
        product=data["product"],
        versions=data.get("versions"),
        hosts=tuple(data.get("hosts", ())),
        groups=tuple(data.get("groups", ())),
        tenant=data.get("tenant"),
        signer=data.get("signer"),
        listen=ListenScope(
            ports=read_ports(listen["ports"]) if "ports" in listen else (),
            loopback_only=listen.get("loopback_only", True),
        ),
        reason=data["reason"].strip(),
        owner=data["owner"].strip(),
        review_by=date.fromisoformat(data["review_by"]),
    )


def _limit(data: Mapping[str, Any]) -> AcceptedLimit:
    return AcceptedLimit(
        limit=data["limit"],
        reason=data["reason"].strip(),
        owner=data["owner"].strip(),
        end=date.fromisoformat(data["end"]),
    )


def _exception(data: Mapping[str, Any]) -> ExceptionRecord:
    return ExceptionRecord(
        id=data["id"],
        control=data["control"],
        hosts=tuple(data.get("hosts", ())),
        groups=tuple(data.get("groups", ())),
        subject=data.get("subject"),
        reason=data["reason"].strip(),
        compensating=data.get("compensating", "").strip(),
        requested_by=data["requested_by"].strip(),
        approved_by=data["approved_by"].strip(),
        ticket=data.get("ticket", "").strip(),
        start=date.fromisoformat(data["start"]),
        end=date.fromisoformat(data["end"]),
    )
