"""What stands on the eight fake Macs is what an audit finds there: no more, and no less.

Each host's ``truth.toml`` is written by hand from what is planted.
"""

import shutil
from collections import Counter
from enum import Enum
from typing import Any

import pytest

from auditor.collect.probe import sections_of
from auditor.model.evidence import Outcome, Proof
from auditor.model.host import OsFamily
from auditor.model.record import asdict
from auditor.model.verdict import Verdict
from tests.macos.audited import CLOSED, GOOD, PLAIN, ROOT, Audited, Audits, Way, truth_of
from tests.macos.fake_mac import HOSTS, SHELLS

CLEAN = tuple(name for name in HOSTS if name.endswith("clean"))
_QUICK = ("macos15-clean", "macos15-dirty")


def _some_slow(names: tuple[str, ...]) -> list[Any]:
    """Leave most hosts to the whole test run."""
    return [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


_each_host = pytest.mark.parametrize("name", _some_slow(HOSTS))
_each_clean_host = pytest.mark.parametrize("name", _some_slow(CLEAN))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list | frozenset):
        return sorted((_plain(one) for one in value), key=str)
    return value


def _facts(audited: Audited) -> list[tuple[str, str, dict[str, object]]]:
    """Return section, kind and fields of all facts."""
    return [
        (
            found.section,
            kind.__name__,
            {name: _plain(one) for name, one in asdict(found.fact).items()},
        )
        for kind, several in audited.reading.facts.items()
        for found in several
    ]


@_each_host
def test_every_call_is_documented_and_every_documented_call_is_made(name: str, audits: Audits) -> None:
    for way in (ROOT, PLAIN, CLOSED):
        asked = audits.of(name, way).asked
        assert asked.undocumented == (), way
        assert asked.left == (), way
    assert audits.mac_of(name).unused() == []


@_each_host
def test_every_section_answers(name: str, audits: Audits) -> None:
    audited, truth = audits.of(name), truth_of(name)
    told = {one.id: (one.outcome, one.reason, one.unread) for one in audited.result.sections}
    assert set(told) == set(sections_of(OsFamily.MACOS))
    assert {one: said for one, said in told.items() if said[0] is not Outcome.COLLECTED} == {
        one: (Outcome(outcome), told[one][1], ()) for one, outcome in truth["sections"].items()
    }


@_each_host
def test_each_product_is_seen_as_it_stands_there(name: str, audits: Audits) -> None:
    audited, truth = audits.of(name), truth_of(name)
    seen = sorted(
        [one.sighting.product, str(one.sighting.state), str(one.sighting.confidence)] for one in audited.result.products
    )
    assert seen == sorted(truth["sightings"])


@_each_host
def test_each_listener_is_whose_it_is_and_reached_by_whom_it_is(name: str, audits: Audits) -> None:
    audited, truth = audits.of(name), truth_of(name)
    seen = {(str(one.protocol), one.port, one.product or "", str(one.reachability)) for one in audited.result.listeners}
    assert seen == {tuple(one) for one in truth["listeners"]}


@_each_host
def test_verdicts_follow(name: str, audits: Audits) -> None:
    audited, truth = audits.of(name), truth_of(name)
    told = {control: str(verdict) for control, verdict in audited.verdicts.items()}
    assert told == truth["verdicts"]


@_each_host
def test_facts_are_what_is_planted(name: str, audits: Audits) -> None:
    audited, truth = audits.of(name), truth_of(name)
    facts = _facts(audited)
    for row in truth["fact"]:
        wanted = {key: value for key, value in row.items() if key not in ("kind", "section")}
        near = [fields for section, kind, fields in facts if kind == row["kind"] and section == row["section"]]
        assert any(all(fields[key] == value for key, value in wanted.items()) for fields in near), (row, near)
    counts = Counter(f"{section} {kind}" for section, kind, _ in facts)
    assert dict(sorted(counts.items())) == dict(sorted(truth["counts"].items()))


@_each_clean_host
def test_clean_host_has_no_gap_and_no_unknown_verdict(name: str, audits: Audits) -> None:
    audited = audits.of(name)
    gaps = {one.id: one.reason for one in audited.result.sections if one.outcome.is_gap}
    assert gaps == {}
    assert set(audited.verdicts.values()) == {Verdict.PASS, Verdict.NOT_APPLICABLE}
    assert audited.result.ledger.complete


@_each_host
def test_each_reading_says_that_it_is_documented_only(name: str, audits: Audits) -> None:
    assert {one.proof for one in audits.of(name).result.sections} == {Proof.DOCUMENTED}


@_each_host
def test_account_without_root_passes_nothing_that_root_would_not(name: str, audits: Audits) -> None:
    for way in (PLAIN, Way(user="bob", become=False), CLOSED):
        _no_gain(audits.of(name), audits.of(name, way))


def _no_gain(whole: Audited, less: Audited) -> None:
    gained = {
        control for control, verdict in less.verdicts.items() if verdict in GOOD and whole.verdicts[control] not in GOOD
    }
    assert gained == set()


@_each_clean_host
def test_what_rights_are_lacking_is_said_with_advice(name: str, audits: Audits) -> None:
    gaps = {one.id: one for one in audits.of(name, PLAIN).result.sections if one.outcome.is_gap}
    assert set(gaps) == set(truth_of(name)["plain_gaps"])
    assert {one.id for one in gaps.values() if not one.advice} == set()


@_each_clean_host
def test_lack_of_full_disk_access_is_said_with_advice(name: str, audits: Audits) -> None:
    gaps = {one.id: one for one in audits.of(name, CLOSED).result.sections if one.outcome.is_gap}
    assert set(gaps) == set(truth_of(name)["closed_gaps"])
    assert {one.id for one in gaps.values() if "Full Disk Access" not in f"{one.reason} {one.advice}"} == set()


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "dash"])
@pytest.mark.parametrize("name", _some_slow(HOSTS))
def test_shells_agree(name: str, shell: str, audits: Audits) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    ours, theirs = audits.of(name), audits.of(name, Way(shell=shell))
    assert theirs.asked.undocumented == ()
    for one, other in zip(ours.evidence.sections, theirs.evidence.sections, strict=True):
        assert (other.id, other.outcome, other.reason, other.text) == (one.id, one.outcome, one.reason, one.text)
    assert ours.verdicts == theirs.verdicts
