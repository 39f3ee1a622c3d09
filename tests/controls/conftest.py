"""A case to assess: complete by default, so that each test changes the one thing it is about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.model.case import Case, History
from auditor.model.evidence import EvidenceHead, Outcome, Proof, Rights
from auditor.model.filtering import Filtering
from auditor.model.host import HostFacts, OsFamily
from auditor.model.policy import Networks, Settings
from auditor.model.reading import Found, Reading, SectionReading
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

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECTIONS = ("processes.procfs", "sockets.ss", "software.dpkg", "services.systemd", "accounts.sudoers", "firewall.nft")


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def a_section() -> Callable[..., SectionReading]:
    def make(name: str, outcome: Outcome = Outcome.COLLECTED, **more: Any) -> SectionReading:
        return SectionReading(id=name, outcome=outcome, proof=Proof.LAB, **more)

    return make


@pytest.fixture
def a_case(a_section: Callable[..., SectionReading]) -> Callable[..., Case]:
    def make(
        *facts: object,
        sections: tuple[SectionReading, ...] = (),
        hostname: str = "web1",
        settings: Settings | None = None,
        history: History | None = None,
        **more: Any,
    ) -> Case:
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
            exposures=more.get("exposures", ()),
            settings=settings or Settings(),
            networks=more.get("networks", Networks()),
            filtering=more.get("filtering", Filtering()),
            history=history or History(first_seen=NOW - timedelta(days=1), last_complete=NOW - timedelta(days=1)),
            as_of=NOW,
        )

    return make


@pytest.fixture
def a_use() -> Callable[..., ProductUse]:
    def make(*, approval: str | None = None, objection: str | None = None, **more: Any) -> ProductUse:
        values: dict[str, Any] = {
            "product": "x11vnc",
            "name": "x11vnc",
            "category": Category.VNC,
            "role": Role.SERVER,
            "state": SightingState.RUNNING,
            "confidence": Confidence.CONFIRMED,
            "proof": (Quote(section="processes.procfs", quote="x11vnc -forever"),),
        }
        return ProductUse(sighting=Sighting(**{**values, **more}), approval=approval, objection=objection)

    return make


@pytest.fixture
def an_exposure() -> Callable[..., Exposure]:
    def make(**more: Any) -> Exposure:
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

    return make
