"""Cases to assess: complete by default, so that each test changes the one thing it is about."""

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.collect.probe import sections_of
from auditor.model.breach import Breach
from auditor.model.case import Case
from auditor.model.evidence import EvidenceHead, Outcome, Proof, Rights
from auditor.model.filtering import Filtering
from auditor.model.host import HostFacts, OsFamily
from auditor.model.past import History
from auditor.model.policy import Approval, Networks, Policy, Settings
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.record import replace
from auditor.model.result import ProductUse
from auditor.model.sighting import (
    Category,
    Confidence,
    Exposure,
    Quote,
    Reachability,
    Role,
    Sighting,
    SightingState,
)
from auditor.policy.approvals import Cover, approval_for, listener_approval
from auditor.run.exposures import exposures
from auditor.run.filters import filters_of
from auditor.run.known_ports import known_ports

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECTIONS = (
    *("processes.procfs", "sockets.ss", "software.dpkg", "services.systemd", "accounts.sudoers", "firewall.nft"),
    *("containers.docker", "remote_config.extensions"),
)


def a_section(name: str, outcome: Outcome = Outcome.COLLECTED, **more: Any) -> SectionReading:
    """Return a section that was answered in full, unless said otherwise."""
    return SectionReading(id=name, outcome=outcome, proof=Proof.LAB, **more)


def a_case(
    *facts: object,
    sections: tuple[SectionReading, ...] = (),
    hostname: str = "web1",
    settings: Settings | None = None,
    history: History | None = None,
    **more: Any,
) -> Case:
    """Return the case of a Linux host, of which a few sections were answered in full."""
    readings = {name: a_section(name, lines=("a line of evidence",)) for name in SECTIONS}
    readings |= {section.id: section for section in sections}
    by_type: dict[type, list[Found[Any]]] = {}
    for fact in facts:
        by_type.setdefault(type(fact), []).append(Found(fact=fact, section="accounts.sudoers", line=1))
    return Case(
        host=HostFacts(name="web1", key="web1"),
        head=EvidenceHead(
            host="web1",
            os=OsFamily.LINUX,
            rights=Rights.ROOT,
            user="root",
            hostname=hostname,
            kernel="Linux 6.1",
            clock=NOW,
            collected_at=NOW,
            probe_sha256="0",
            tool_version="0",
            redaction=1,
        ),
        reading=Reading(
            os=OsFamily.LINUX,
            rights=Rights.ROOT,
            sections=readings,
            facts={kind: tuple(found) for kind, found in by_type.items()},
        ),
        products=more.get("products", ()),
        weaknesses=more.get("weaknesses", ()),
        unread_settings=more.get("unread_settings", ()),
        unfound_settings=more.get("unfound_settings", ()),
        exposures=more.get("exposures", ()),
        approvals=more.get("approvals", ()),
        settings=settings or Settings(),
        networks=more.get("networks", Networks()),
        filtering=more.get("filtering", Filtering()),
        known_ports=more.get("known_ports", {}),
        # Records from outside were brought, and show nothing of it.
        outside=more.get("outside", ()),
        history=history
        or History(first_seen=NOW - timedelta(days=1), last_complete=NOW - timedelta(days=1), complete_runs=9),
        as_of=NOW,
    )


def on_a_mac(
    *facts: object, section: str = "remote_config.sharing", outcome: Outcome = Outcome.COLLECTED, **more: Any
) -> Case:
    """Return the case of a Mac whose facts stand in a section."""
    case = a_case(*facts, sections=(a_section(section, outcome, lines=("a line",)),), **more)
    told = {kind: tuple(Found(one.fact, section, 1) for one in found) for kind, found in case.reading.facts.items()}
    reading = dataclasses.replace(case.reading, os=OsFamily.MACOS, facts=told)
    return replace(case, head=replace(case.head, os=OsFamily.MACOS), reading=reading)


def a_use(
    *, approval: str | None = None, objection: str | None = None, breaches: tuple[Breach, ...] = (), **more: Any
) -> ProductUse:
    """Return a product that runs, that is known for certain, and that nobody approved."""
    values: dict[str, Any] = {
        "product": "x11vnc",
        "name": "x11vnc",
        "category": Category.VNC,
        "role": Role.SERVER,
        "state": SightingState.RUNNING,
        "confidence": Confidence.CONFIRMED,
        "proof": (Quote(section="processes.procfs", quote="x11vnc -forever"),),
    }
    seen = Sighting(**{**values, **more})
    return ProductUse(sighting=seen, approval=approval, objection=objection, breaches=breaches)


def an_exposure(**more: Any) -> Exposure:
    """Return a VNC server's socket that anybody reaches."""
    values: dict[str, Any] = {
        "protocol": "tcp",
        "family": "ip",
        "address": "0.0.0.0",
        "port": 5900,
        "namespace": None,
        "pid": 7,
        "process": "x11vnc",
        "executable": "/usr/bin/x11vnc",
        "user": "root",
        "product": "x11vnc",
        "reachability": Reachability.FROM_ANYWHERE,
        "rule": "no packet filter is loaded",
        "proof": Quote(section="sockets.ss", quote="tcp LISTEN 0.0.0.0:5900"),
    }
    return Exposure(**{**values, **more})


@cache
def the_catalogue() -> Catalogue:
    """Return the catalogue as it is."""
    with tempfile.TemporaryDirectory() as folder:
        return load_catalogue(cache_folder=Path(folder))


def an_approval(**more: Any) -> Approval:
    """Return an approval of x11vnc on every host, unless another product is named."""
    values: dict[str, Any] = {
        "id": "support",
        "product": "x11vnc",
        "reason": "Support of the tills",
        "owner": "Service desk",
        "review_by": NOW.date(),
    }
    return Approval(**{**values, **more})


def a_host(
    facts: Mapping[str, Iterable[object]],
    *,
    os: OsFamily = OsFamily.LINUX,
    approvals: tuple[Approval, ...] = (),
    networks: Networks | None = None,
    settings: Settings | None = None,
    blind: tuple[str, ...] = (),
    **more: Any,
) -> Case:
    """Return the case of a host with facts by section, every section answered but those that are blind.

    What they show is recognised by the catalogue, and approved, as in an audit. What else a case has can be told.
    """
    sections = {
        name: a_section(
            name,
            Outcome.DENIED if name in blind else Outcome.COLLECTED,
            reason="no right" if name in blind else None,
            lines=tuple(f"{name}: {fact}"[:300] for fact in facts.get(name, ())),
        )
        for name in sections_of(os)
    }
    assert facts.keys() <= sections.keys()
    by_type: dict[type, list[Found[Any]]] = {}
    for name, told in facts.items():
        for line, fact in enumerate(told, start=1):
            by_type.setdefault(type(fact), []).append(Found(fact, name, line))
    kinds = {kind: tuple(found) for kind, found in by_type.items()}
    reading = Reading(os=os, rights=Rights.ROOT, sections=sections, facts=kinds)
    case = a_case(settings=settings, networks=networks or Networks(), known_ports=known_ports(the_catalogue()))
    policy = Policy(name="test", approvals=approvals, sha256="0")
    sightings = match(reading, the_catalogue())
    covers = [(one, approval_for(one, case.host, policy, NOW.date())) for one in sightings]

    def approve(sighting: Sighting, port: int, loopback: bool) -> Cover:
        return listener_approval(sighting, case.host, policy, NOW.date(), port=port, is_loopback=loopback)

    case = replace(
        case,
        head=replace(case.head, os=os),
        reading=reading,
        products=tuple(
            ProductUse(
                sighting=one,
                approval=None if cover.approval is None else cover.approval.id,
                objection=cover.objection,
                breaches=cover.breaches,
                may_start=cover.may_start,
                may_be_portable=cover.may_be_portable,
            )
            for one, cover in covers
        ),
        exposures=exposures(reading, sightings, filters_of(reading), approve),
        approvals=approvals,
    )
    return replace(case, **more)
