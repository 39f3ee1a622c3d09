"""A host's lines are those of its row and gist, whatever was written before, and whatever a host says."""

import pytest

from auditor.model.record import replace
from auditor.model.result import HostResult
from auditor.model.verdict import Gap, Judgement
from auditor.report import host_lines as module
from auditor.report.gist import gist_of
from auditor.report.host_lines import host_lines
from auditor.report.rows import compact, host_row
from tests.report import sample_fleet as fleet


def as_a_whole(result: HostResult) -> tuple[str, str]:
    row = host_row(result, fleet.CONTROLS)
    return compact(row), compact(gist_of(row))


def saying(result: HostResult, text: str) -> HostResult:
    """Have a host, each of its sections and each gap say a text."""

    def judged(one: Judgement) -> Judgement:
        return replace(one, gaps=tuple(replace(gap, reason=text) for gap in one.gaps))

    return replace(
        result,
        hostname=text,
        sections=tuple(replace(section, reason=text) for section in result.sections),
        judgements=tuple(map(judged, result.judgements)),
    )


def test_lines_are_those_of_the_whole_row() -> None:
    for _ in range(3):
        for result in fleet.sample_hosts():
            assert host_lines(result, fleet.CONTROLS) == as_a_whole(result)


@pytest.mark.parametrize(
    "text", ['","sections":[],"verdicts":[]}', "ä", "\x7f", "\ud800", "\U0001f5a5", "a" * 20_000, ""]
)
def test_whatever_a_host_says(text: str) -> None:
    results = fleet.sample_hosts()
    assert any(judgement.gaps for result in results for judgement in result.judgements)
    for result in (*results, *(saying(one, text) for one in results), *results):
        assert host_lines(result, fleet.CONTROLS) == as_a_whole(result)


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 5)
    for number in range(3):
        for result in fleet.sample_hosts():
            one = saying(result, f"for the {number}. time")
            assert host_lines(one, fleet.CONTROLS) == as_a_whole(one)
            assert max(len(module._VERDICTS), len(module._SECTIONS)) <= max(5, len(one.judgements))
    long = Gap(section="*", outcome=fleet.sample_hosts()[0].sections[0].outcome, reason="x" * 20_000)
    module._VERDICTS.clear()
    for result in fleet.sample_hosts():
        host_lines(
            replace(result, judgements=tuple(replace(one, gaps=(long,)) for one in result.judgements)), fleet.CONTROLS
        )
    assert not module._VERDICTS
