"""A host's row and its gist as lines of JSON: what hosts have in common is written once, and put together."""

from collections.abc import Mapping

from auditor.model.evidence import Outcome, Proof
from auditor.model.reading import SectionReading
from auditor.model.record import replace
from auditor.model.result import HostResult
from auditor.model.verdict import ControlInfo, Judgement
from auditor.report.gist import gist_of, verdict_gist
from auditor.report.rows import Row, compact, host_row, section_row, verdict_row

_KEPT, _KEPT_LENGTH = 1024, 16_384
"""Verdicts and sections that are remembered as they were written, and the length beyond which one is not.

What a host says at length takes the memory that another's needs.
"""
_NO_SECTIONS, _NO_VERDICTS = '"sections":[],', '"verdicts":[]}'
_Lines = tuple[str, str]
"""Of a verdict, its part of the row and its part of the gist."""

_VERDICTS: dict[int, tuple[Judgement, ControlInfo, _Lines]] = {}
"""By the identity of the judgement, which stays its own as long as it stands here."""
_SECTIONS: dict[tuple[str, Outcome, str | None, str, int, Proof], str] = {}
"""By all that is written of a section of which every line was understood."""


def host_lines(result: HostResult, controls: Mapping[str, ControlInfo]) -> _Lines:
    """Return what ``compact`` writes of ``host_row`` and of its ``gist_of``."""
    row = host_row(replace(result, sections=(), judgements=()), controls)
    told = [_verdict(one, controls[one.control], result.host.key) for one in result.judgements]
    # In quotes of its own neither can stand within a text: there its quotes would be escaped.
    before, _, after = compact(row).partition(_NO_SECTIONS)
    sections = ",".join(map(_section, result.sections))
    verdicts = ",".join([line for line, _ in told])
    return (
        f'{before}"sections":[{sections}],{after.removesuffix(_NO_VERDICTS)}"verdicts":[{verdicts}]}}',
        f'{_gist(row)}"verdicts":[{",".join([gist for _, gist in told])}]}}',
    )


def _gist(row: Row) -> str:
    """Return the line of a gist up to its verdicts."""
    return compact(gist_of(row)).removesuffix(_NO_VERDICTS)


def _verdict(judgement: Judgement, control: ControlInfo, host_key: str) -> _Lines:
    """Write a verdict, or say how the same one was written; a violation bears the mark of its host."""
    if judgement.violations or judgement.suspected:
        return _written(judgement, control, host_key)
    kept = _VERDICTS.get(id(judgement))
    if kept is not None and kept[0] is judgement and kept[1] is control:
        return kept[2]
    lines = _written(judgement, control, host_key)
    if len(lines[0]) <= _KEPT_LENGTH:
        if len(_VERDICTS) >= _KEPT:
            _VERDICTS.clear()
        _VERDICTS[id(judgement)] = (judgement, control, lines)
    return lines


def _written(judgement: Judgement, control: ControlInfo, host_key: str) -> _Lines:
    row = verdict_row(judgement, control, host_key)
    return compact(row), compact(verdict_gist(row))


def _section(section: SectionReading) -> str:
    if section.unread:
        return compact(section_row(section))
    key = (section.id, section.outcome, section.reason, section.advice, section.items, section.proof)
    line = _SECTIONS.get(key)
    if line is None:
        line = compact(section_row(section))
        if len(line) <= _KEPT_LENGTH:
            if len(_SECTIONS) >= _KEPT:
                _SECTIONS.clear()
            _SECTIONS[key] = line
    return line
