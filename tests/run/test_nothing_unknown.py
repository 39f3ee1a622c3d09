"""The share of unknown verdicts by control over recorded clean hosts: zero, whatever the policy demands.

Hosts of Linux were recorded in the lab for `auditor demo`, each with the rights of root; violations count as seen here.
Left out is the one that is not clean of riddles: something listens there as a VNC server would, and nothing says what
it is. Those of Windows are the clean ones of the planted fleet (synthetic), one of each
release. Macs have the same test of their own: tests/macos/test_hosts.py.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.catalogue.load import load_catalogue
from auditor.controls.registry import controls
from auditor.model.evidence import Evidence, Rights
from auditor.model.host import ConnectionKind, HostFacts
from auditor.model.past import History
from auditor.model.probe import RawOutput
from auditor.model.verdict import Verdict
from auditor.policy.load import parse_policy
from auditor.run.pipeline import Answered, Rules, assess, to_evidence
from auditor.transport.replay import recorded_token
from tests.winrm.host import RELEASES
from tests.winrm.planted import Windows

_NOW = datetime.fromtimestamp(1_795_600_000, UTC)
_DEFAULT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "policies" / "policy.yml").read_text())
_ALL = _DEFAULT | {
    "settings": {**_DEFAULT["settings"], "execution_control": "allowlist", "user_installs": False},
    "networks": {"trusted": ["10.0.0.0/8"], "require_filter": True, "filter_outbound": True},
}
_RIDDLE = "kiosk-3.probe"
_HISTORIES = (
    History(),
    History(first_seen=_NOW - timedelta(days=60), last_complete=_NOW - timedelta(days=30), complete_runs=5),
)


def _evidence(name: str, answer: bytes, connection: ConnectionKind) -> tuple[Evidence, HostFacts]:
    host = HostFacts(name=name, key=name, connection=connection)
    raw = RawOutput(stdout=answer, stderr=b"", exit_status=0, started=_NOW, finished=_NOW, user="root")
    token = recorded_token(answer) or ""
    return to_evidence(Answered(host=host, raw=raw, token=token, probe_sha256=None, unpacked_limit=10**8)), host


@cache
def _clean() -> tuple[tuple[Evidence, HostFacts], ...]:
    def found() -> Iterator[tuple[Evidence, HostFacts]]:
        for file in sorted((files("auditor") / "demo").iterdir(), key=lambda one: one.name):
            if file.name.endswith(".probe") and file.name != _RIDDLE:
                yield _evidence(file.name, file.read_bytes(), ConnectionKind.REPLAY)
        for release in RELEASES:
            yield _evidence(release, Windows(name=release, release=release).answer("ab" * 16), ConnectionKind.WINRM)

    return tuple((evidence, host) for evidence, host in found() if evidence.head.rights is not Rights.USER)


@pytest.mark.parametrize("policy", [pytest.param(_DEFAULT, id="default"), pytest.param(_ALL, id="all is demanded")])
@pytest.mark.parametrize("history", [pytest.param(one, id=f"{one.complete_runs} runs before") for one in _HISTORIES])
def test_the_share_of_unknown_verdicts_is_zero_for_each_control(policy: dict[str, Any], history: History) -> None:
    catalogue = load_catalogue()
    parsed = parse_policy(
        yaml.safe_dump(policy, default_flow_style=False), Path("p.yml"), products=[one.id for one in catalogue.products]
    )
    rules = Rules(policy=parsed, exceptions=(), catalogue=catalogue, as_of=_NOW)
    counts: dict[str, Counter[Verdict]] = {name: Counter() for name in controls()}
    why: list[tuple[str, str, list[str]]] = []
    for evidence, host in _clean():
        for one in assess(evidence, host, history, rules).judgements:
            counts[one.control][one.verdict] += 1
            if one.verdict is Verdict.UNKNOWN:
                why.append((host.name, one.control, [gap.reason for gap in one.gaps]))
    sys.stdout.write(f"\nverdicts of {len(_clean())} hosts, by control:\n")
    for name, given in counts.items():
        sys.stdout.write(f"  {name:26} " + "  ".join(f"{verdict}: {given[verdict]}" for verdict in Verdict) + "\n")
    assert why == []
