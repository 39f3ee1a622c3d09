"""A law over the fake Macs: whatever is denied, cut, damaged, missing or broken, nothing passes by that.

Sections are taken from sealed answers; tools are taken from the Macs, and what they say from them, call by call.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from auditor.collect.envelope import Answer, open_envelope, write_envelope
from auditor.collect.probe import sections_of
from auditor.errors import HostError
from auditor.model.evidence import Outcome
from auditor.model.facts.remote_config import RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.record import replace
from tests.macos.audited import GOOD, ROOT, Audited, Audits, judged
from tests.macos.fake_mac import HOSTS, Asked, FakeMac
from tests.macos.says import HERE, Call, calls_of

pytestmark = pytest.mark.slow

_TOKEN = "ab" * 16
_GAPS = (Outcome.PARTIAL, Outcome.DENIED, Outcome.FAILED, Outcome.TRUNCATED)
_BROKEN = {"missing": None, "is-not-found": "exit 127", "fails": "exit 1", "says-nothing": "exit 0"}
"""How a tool is broken; None takes it away."""
_KEPT = frozenset({"cat", "sudo", "id"})
"""Tools of the launcher, without which there is no answer at all."""
_MAY_BE_EMPTY = frozenset(one for one in sections_of(OsFamily.MACOS) if one.startswith("logons."))
"""Sections that hold nothing on some host."""


def _gained(whole: Audited, less: Audited) -> set[str]:
    return {
        control for control, verdict in less.verdicts.items() if verdict in GOOD and whole.verdicts[control] not in GOOD
    }


def _with(asked: Asked, section: str, instead: Answer | None) -> Asked:
    """Put another answer in the place of a section's, or none."""
    envelope = open_envelope(stdout=asked.raw.stdout, stderr=asked.raw.stderr, token=asked.token, limit=10**8)
    parts = (instead if one.id == section else one for one in envelope.answers)
    answers = tuple(one for one in parts if one is not None)
    stdout, stderr = write_envelope(replace(envelope, answers=answers), _TOKEN)
    return dataclasses.replace(asked, raw=replace(asked.raw, stdout=stdout, stderr=stderr), token=_TOKEN)


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("how", ["denied", "damaged", "empty", "left-out"])
def test_no_verdict_turns_good_by_a_section_that_is_missing(name: str, how: str, audits: Audits) -> None:
    whole = audits.of(name)
    by_id = {
        one.id: one
        for one in open_envelope(
            stdout=whole.asked.raw.stdout, stderr=whole.asked.raw.stderr, token=whole.asked.token, limit=10**8
        ).answers
    }
    for section in sections_of(OsFamily.MACOS):
        if how == "empty" and section in _MAY_BE_EMPTY:
            continue
        instead = {
            "denied": replace(by_id[section], outcome=Outcome.DENIED, reason="Operation not permitted", text=""),
            "damaged": replace(by_id[section], text="a line that no reader knows\n"),
            "empty": replace(by_id[section], text=""),
            "left-out": None,
        }[how]
        less = judged(name, _with(whole.asked, section, instead), audits.rules)
        assert _gained(whole, less) == set(), section


_EMPTY_IS_AN_ANSWER = (("dscl", ".", "-list", "/Users", "naprivs"), ("pfctl", "-s", "rules"))
"""Calls that say nothing where there is nothing: no account with such an attribute, no rule of pf."""


def _certain(audited: Audited, section: str) -> list[str]:
    return sorted(
        repr(replace(found.fact, detail="") if isinstance(found.fact, RemoteManagement) else found.fact)
        for several in audited.reading.facts.values()
        for found in several
        if found.section == section
    )


def _check(name: str, mac: FakeMac, audits: Audits, what: str) -> None:
    """Ask a Mac that something is missing of: each section is as it was, or says a gap, and no verdict turns good."""
    whole = audits.of(name)
    asked = mac.ask(ROOT.shell)
    try:
        less = judged(name, asked, audits.rules)
    except HostError:
        return  # nothing is believed of a host whose answer is not whole
    assert asked.left == (), what
    for one in less.result.sections:
        if one.outcome not in _GAPS:
            before = next(section for section in whole.result.sections if section.id == one.id)
            assert (one.outcome, _certain(less, one.id)) == (before.outcome, _certain(whole, one.id)), (what, one.id)
    assert _gained(whole, less) == set(), what


def _all_calls() -> list[tuple[str, Call]]:
    return [(name, call) for name in HOSTS for call in calls_of(HERE / "hosts" / name)]


def _tools() -> list[str]:
    return sorted({call.argv[0] for _, call in _all_calls()} | {"awk", "grep", "ls", "find", "sed", "plutil", "stat"})


def _ways() -> list[tuple[str, str]]:
    """Give each tool two ways of being broken: that it is missing, and another in turn; all of all take minutes."""
    others = [how for how in _BROKEN if how != "missing"]
    tools = [tool for tool in _tools() if tool not in _KEPT]
    return [(tool, how) for at, tool in enumerate(tools) for how in ("missing", others[at % len(others)])]


@pytest.mark.parametrize(("tool", "how"), _ways())
def test_missing_or_broken_tool_is_told(tool: str, how: str, audits: Audits) -> None:
    # Each host has its turn.
    name = HOSTS[sum(map(ord, tool + how)) % len(HOSTS)]
    mac = audits.mac_of(name)
    audits.of(name)  # while all is there
    with mac.without(tool, _BROKEN[how]):
        _check(name, mac, audits, f"{tool} {how}")


@contextmanager
def _untold(mac: FakeMac, number: int, how: str) -> Iterator[None]:
    """Let one documented call say nothing, or fail."""
    said = mac.root / f".mac/said/{number}"
    out, err = said.with_name(f"{number}.out"), said.with_name(f"{number}.err")
    before = [(file, file.read_bytes()) for file in (said, out, err)]
    out.write_bytes(b"")
    if how == "fails":
        err.write_bytes(b"an error that nobody foresaw\n")
        said.write_text("1\n")
    try:
        yield
    finally:
        for file, data in before:
            file.write_bytes(data)


def _shared_out() -> list[Any]:
    """Deal each call to one of the hosts that document it, and to one of two ways of being lost."""
    dealt: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for name in HOSTS:
        for number, call in enumerate(calls_of(HERE / "hosts" / name), 1):
            if call.answer.stdout and not call.answer.status and call.argv not in _EMPTY_IS_AN_ANSWER:
                dealt.setdefault(call.argv, []).append((name, number))
    return [
        pytest.param(*places[at % len(places)], ("says-nothing", "fails")[at % 2], id=" ".join(argv)[:60])
        for at, (argv, places) in enumerate(sorted(dealt.items()))
    ]


@pytest.mark.parametrize(("name", "number", "how"), _shared_out())
def test_call_that_says_nothing_is_told(name: str, number: int, how: str, audits: Audits) -> None:
    mac = audits.mac_of(name)
    audits.of(name)
    with _untold(mac, number, how):
        _check(name, mac, audits, f"call {number} {how}")
