"""Fake Macs audited: the probe's answer through the whole pipeline, each way of asking once."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from auditor.catalogue.load import load_catalogue
from auditor.collect.read import read
from auditor.model.evidence import Evidence
from auditor.model.host import ConnectionKind, HostFacts
from auditor.model.past import History
from auditor.model.reading import Reading
from auditor.model.result import HostResult
from auditor.model.verdict import Verdict
from auditor.policy.load import parse_policy
from auditor.run.pipeline import Answered, Rules, assess, to_evidence
from tests.macos.fake_mac import Asked, FakeMac
from tests.macos.says import HERE

POLICY: Mapping[str, Any] = {
    "name": "Macs of a test",
    "settings": {
        "installers": {"users": ["root", "alice"], "groups": ["admin"]},
    },
    "networks": {"trusted": [], "filter_outbound": False},
    "approvals": [],
}
"""The bundled policy in what matters, but for who may install."""
GOOD = frozenset({Verdict.PASS, Verdict.EXCEPTED})
"""Verdicts that nobody looks into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of asking a host."""

    shell: str = "dash"
    """What stands as its /bin/sh."""
    user: str = "alice"
    """Who logs in."""
    become: bool = True
    """Whether sudo is asked for."""
    full_disk: bool = True
    """Whether the SSH server has Full Disk Access."""


ROOT, PLAIN, CLOSED = Way(), Way(become=False), Way(full_disk=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What came of a host."""

    asked: Asked
    """The answer as it came."""
    evidence: Evidence
    """It sealed."""
    reading: Reading
    """It read."""
    result: HostResult
    """It judged."""

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Return the verdict of each control."""
        return {one.control: one.verdict for one in self.result.judgements}


def rules_of(folder: Path, policy: Mapping[str, Any] = POLICY) -> Rules:
    """Return the rules of a policy, as of an hour from now."""
    catalogue = load_catalogue(cache_folder=folder)
    parsed = parse_policy(
        yaml.safe_dump(dict(policy)), folder / "policy.yml", products=[one.id for one in catalogue.products]
    )
    return Rules(policy=parsed, exceptions=(), catalogue=catalogue, as_of=datetime.now(UTC) + timedelta(hours=1))


def judged(name: str, asked: Asked, rules: Rules) -> Audited:
    """Take an answer through the pipeline."""
    host = HostFacts(name=name, key=name, groups=(), connection=ConnectionKind.SSH)
    evidence = to_evidence(
        Answered(host=host, raw=asked.raw, token=asked.token, probe_sha256=None, unpacked_limit=10**8)
    )
    result = assess(evidence, host, History(), rules)
    return Audited(asked=asked, evidence=evidence, reading=read(evidence), result=result)


@dataclass(slots=True, kw_only=True)
class Audits:
    """Hosts audited so far, each way of asking once."""

    mac_of: Callable[[str], FakeMac]
    """Makes a host."""
    rules: Rules
    """What all are held to."""
    known: dict[tuple[str, Way], Audited] = field(default_factory=dict)
    """What came of each."""

    def of(self, name: str, way: Way = ROOT) -> Audited:
        """Return what came of a host that was asked in a way."""
        if (name, way) not in self.known:
            asked = self.mac_of(name).ask(way.shell, user=way.user, become=way.become, full_disk=way.full_disk)
            self.known[name, way] = judged(name, asked, self.rules)
        return self.known[name, way]


def truth_of(name: str) -> dict[str, Any]:
    """Return what stands on a host, and what an audit therefore has to say: written by hand."""
    return tomllib.loads((HERE / "hosts" / name / "truth.toml").read_text(encoding="utf-8"))
