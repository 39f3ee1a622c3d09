"""A law over the planted hosts: whatever part of an answer is denied, cut or damaged, nothing passes by that."""

from datetime import UTC, datetime

import pytest
import yaml

from auditor.catalogue.load import load_catalogue
from auditor.collect.probe import sections_of
from auditor.model.host import ConnectionKind, HostFacts, OsFamily
from auditor.model.past import History
from auditor.model.probe import RawOutput
from auditor.model.verdict import Verdict
from auditor.policy.load import parse_policy
from auditor.run.pipeline import Answered, Rules, assess, to_evidence
from tests.winrm.fleet import FLEET, POLICY
from tests.winrm.planted import Planted

pytestmark = pytest.mark.slow

_TOKEN = "ab" * 16
_NOW = datetime.fromtimestamp(1_795_600_000, UTC)
_STRICT = POLICY | {
    "settings": {**POLICY["settings"], "execution_control": "allowlist", "user_installs": False},
    "networks": {**POLICY["networks"], "filter_outbound": True},
}
_GOOD = (Verdict.PASS, Verdict.EXCEPTED)
_MAY_BE_EMPTY = ("software.uninstall", "processes.signers")
"""Sections that hold nothing on some host: one without programs beside Windows, or where none of these runs."""
_HOSTS = [one for one in FLEET if one.reason is None]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    catalogue = load_catalogue(cache_folder=tmp_path_factory.mktemp("cache"))
    file = tmp_path_factory.mktemp("policy") / "policy.yml"
    policy = parse_policy(yaml.safe_dump(_STRICT), file, products=[one.id for one in catalogue.products])
    return Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=_NOW)


def _verdicts(planted: Planted, answer: bytes, rules: Rules) -> dict[str, Verdict]:
    facts = HostFacts(
        name=planted.host.name, key=planted.host.name, groups=planted.groups, connection=ConnectionKind.WINRM
    )
    raw = RawOutput(stdout=answer, stderr=b"", stderr_dropped=0, exit_status=0, started=_NOW, finished=_NOW)
    evidence = to_evidence(Answered(host=facts, raw=raw, token=_TOKEN, probe_sha256=None, unpacked_limit=10**8))
    result = assess(evidence, facts, History(), rules)
    return {judgement.control: judgement.verdict for judgement in result.judgements}


def _without(answer: bytes, section: str, instead: bytes) -> bytes:
    """Put other lines in the place of a section's."""
    begin = b"@begin %s\r\n" % section.encode()
    before, _, rest = answer.partition(begin)
    _, _, after = rest.partition(b"@end %s 0" % section.encode())
    return before + begin + instead + b"@end %s 0" % section.encode() + after


@pytest.mark.parametrize("planted", _HOSTS, ids=[one.host.name for one in _HOSTS])
@pytest.mark.parametrize(
    "instead",
    [
        pytest.param(b"@outcome denied Access is denied.\r\n", id="denied"),
        pytest.param(b"|a line that no reader knows\r\n", id="damaged"),
        pytest.param(b"", id="empty"),
    ],
)
def test_no_verdict_turns_good_by_what_is_missing(planted: Planted, instead: bytes, rules: Rules) -> None:
    answer = planted.host.answer(_TOKEN)
    whole = _verdicts(planted, answer, rules)
    for section in sections_of(OsFamily.WINDOWS):
        if not instead and section in _MAY_BE_EMPTY:
            continue
        less = _verdicts(planted, _without(answer, section, instead), rules)
        gained = {name for name, verdict in less.items() if verdict in _GOOD and whole[name] not in _GOOD}
        assert gained == set(), section


@pytest.mark.parametrize("planted", _HOSTS, ids=[one.host.name for one in _HOSTS])
def test_an_answer_without_a_section_is_less_too(planted: Planted, rules: Rules) -> None:
    answer = planted.host.answer(_TOKEN)
    whole = _verdicts(planted, answer, rules)
    for section in sections_of(OsFamily.WINDOWS):
        before, _, rest = answer.partition(b"@begin %s\r\n" % section.encode())
        _, _, after = rest.partition(b"@end %s 0\r\n" % section.encode())
        less = _verdicts(planted, before + after, rules)
        gained = {name for name, verdict in less.items() if verdict in _GOOD and whole[name] not in _GOOD}
        assert gained == set(), section
