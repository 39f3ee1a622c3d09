"""Policy files, read and checked: every fault at once, each with its place and the right word."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from auditor.errors import Problem, did_you_mean
from auditor.located import Document
from auditor.model.pacing import Pacing
from auditor.model.policy import (
    Approval,
    ExecutionDemand,
    Installers,
    ListenScope,
    Networks,
    Policy,
    Settings,
    Unsigned,
)
from auditor.model.record import Record
from auditor.policy.durations import read_duration
from auditor.policy.faults import document_of, entries, read_text, refuse, repeated_ids, unreadable
from auditor.policy.load_limits import limit_of, limit_problems
from auditor.policy.ports import read_ports
from auditor.policy.retention import read_retention, retention_problems
from auditor.policy.terms import read_terms, term_problems
from auditor.policy.versions import parse_range

_DURATIONS = frozenset(("max_age", "audit_interval"))


class LoadedPolicy(Record, kw_only=True):
    """A policy, with the text that is sealed."""

    policy: Policy
    """What it says."""
    text: str
    """The file as it is written."""
    path: Path
    """Where it lies."""


def load_policy(path: Path, *, products: Collection[str]) -> LoadedPolicy:
    """Read and check a policy file; PolicyError names everything that is wrong with it."""
    text = read_text(path)
    return LoadedPolicy(policy=parse_policy(text, path, products=products), text=text, path=path)


def parse_policy(text: str, file: Path, *, products: Collection[str]) -> Policy:
    """Check a policy's text against the schema and the catalogue's product ids, and read it."""
    document = document_of(text, file)
    refuse(
        document,
        "policy.schema.json",
        [
            *_approval_problems(document, products),
            *limit_problems(document),
            *_settings_problems(document),
            *_network_problems(document),
            *retention_problems(document),
        ],
    )
    data = document.data
    return Policy(
        name=data["name"].strip(),
        approvals=tuple(_approval(entry) for entry in data.get("approvals", ())),
        accepted_limits=tuple(limit_of(entry) for entry in data.get("accepted_limits", ())),
        settings=_settings(data.get("settings", {})),
        networks=_networks(data.get("networks", {})),
        pacing=Pacing(**data.get("pacing", {})),
        retention=read_retention(data.get("retention", {})),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _approval_problems(document: Document, products: Collection[str]) -> Iterator[Problem]:
    yield from repeated_ids(document, "approvals")
    for at, entry in entries(document, "approvals"):
        product = entry.get("product")
        if isinstance(product, str) and product not in products:
            yield document.problem(
                (*at, "product"), f"unknown product {product!r}{did_you_mean(product, sorted(products))}"
            )
        yield from unreadable(document, at, entry, "versions", parse_range)
        yield from unreadable(document, at, entry, "review_by", date.fromisoformat)
        if isinstance(entry.get("listen"), dict):
            yield from unreadable(document, (*at, "listen"), entry["listen"], "ports", read_ports)


def _settings_problems(document: Document) -> Iterator[Problem]:
    settings = document.data.get("settings") if isinstance(document.data, dict) else None
    if isinstance(settings, dict):
        yield from unreadable(document, ("settings",), settings, "coverage", _share)
        for name in sorted(_DURATIONS):
            yield from unreadable(document, ("settings",), settings, name, _age)
    yield from term_problems(document)


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


def _share(value: float | str) -> float:
    """Read a share of 0 to 1, given so or in percent."""
    share = float(value.rstrip("% ")) / 100 if isinstance(value, str) else float(value)
    if not 0 <= share <= 1:
        raise ValueError("a share is between none and all of the hosts")
    return share


def _age(text: str) -> timedelta:
    """Read how old evidence may be, or how far apart two sets of it."""
    return read_duration(text, none="no host is that young")


def _settings(data: Mapping[str, Any]) -> Settings:
    """Read the settings; what is left out keeps its default."""
    given: dict[str, Any] = dict(data)
    if "coverage" in given:
        given["coverage"] = _share(given["coverage"])
    for name in _DURATIONS & set(given):
        given[name] = _age(given[name])
    if "due" in given:
        given["due"] = read_terms(given["due"])
    if "service_accounts" in given:
        given["service_accounts"] = tuple(given["service_accounts"])
    if "installers" in given:
        given["installers"] = Installers(**{key: tuple(names) for key, names in given["installers"].items()})
    if "execution_control" in given:
        given["execution_control"] = ExecutionDemand(given["execution_control"])
    if "unsigned_exceptions" in given:
        given["unsigned_exceptions"] = Unsigned(given["unsigned_exceptions"])
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
        users=tuple(data.get("users", ())),
        listen=ListenScope(
            ports=read_ports(listen["ports"]) if "ports" in listen else (),
            loopback_only=listen.get("loopback_only", True),
        ),
        may_start=data.get("start", "automatic") == "automatic",
        may_be_portable=data.get("portable", False),
        reason=data["reason"].strip(),
        owner=data["owner"].strip(),
        review_by=date.fromisoformat(data["review_by"]),
    )
