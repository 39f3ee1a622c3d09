"""Read sealed evidence into typed facts: a pure function of the evidence and the collectors' parsers."""

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

from auditor.collect.collector import lines_of, unread
from auditor.collect.probe import sections_of
from auditor.collect.registry import collectors
from auditor.model.evidence import Evidence, Outcome, Proof, Section
from auditor.model.facts.network import Listener
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Parsed, Reading, SectionReading
from auditor.model.record import replace

_KEPT, _KEPT_LENGTH, _KEPT_EACH, _SEEN = 2 * 1024 * 1024, 32_768, 512, 8192
"""Characters of sections whose readings are kept, those of the longest, what each counts for beside its own, and how
many sections are known to have come once."""
# More than the probe lets any section say, escapes and all; a host that does not keep to it is read so far.
_READ_LENGTH = 8_000_000
_READ_LINES = 200_000
# What becomes rows of reports: no host has so many listeners, and each costs a kilobyte for ever.
_MOST = {Listener: 5_000}
_Made = tuple[SectionReading, tuple[tuple[type, tuple[Found[Any], ...]], ...]]
"""What was made of a section: its reading, and the facts by their types."""
_Key = tuple[str, Outcome, OsFamily]
_FOUND: Callable[[tuple[Any, str, int]], Found[Any]] = partial(tuple.__new__, Found)
"""Makes of fact, section and line what ``Found`` does, without a call of Python's own: a host has a thousand."""
_NOT_ASKED = "this evidence was collected by a probe that did not ask it"


def read(evidence: Evidence) -> Reading:
    """Parse every section; a section the probe should have answered and did not is *failed*."""
    facts: dict[type, list[Found[Any]]] = {}
    readings: dict[str, SectionReading] = {}
    by_id = {section.id: section for section in evidence.sections}
    for section_id in sections_of(evidence.head.os):
        section = by_id.get(section_id)
        if section is None:
            readings[section_id] = SectionReading(id=section_id, outcome=Outcome.FAILED, reason=_NOT_ASKED)
            continue
        readings[section_id], found = _READINGS.of(section, evidence.head.os)
        for kind, those in found:
            facts.setdefault(kind, []).extend(those)
    for section in evidence.sections:
        if section.id not in readings:
            readings[section.id] = SectionReading(
                id=section.id,
                outcome=Outcome.PARTIAL,
                reason="this version has no reader for it",
                unread=(unread(0, section.text, "no reader"),),
            )
    return Reading(
        os=evidence.head.os,
        rights=evidence.head.rights,
        sections=readings,
        facts={kind: tuple(found) for kind, found in facts.items()},
    )


class _Readings:
    """What was made of sections that came more than once: hosts of one build say the same of much.

    What came once is only known by its hash, so that what each host alone says pushes nothing out. A long section is
    not kept: what one host sends must not take the memory that another's needs.
    """

    def __init__(self) -> None:
        self._kept: dict[_Key, tuple[Section, _Made]] = {}
        self._size = 0
        self._seen: set[int] = set()

    def of(self, section: Section, os: OsFamily) -> _Made:
        """Read a section, or say what was made of the same one before."""
        if len(section.text) > _KEPT_LENGTH:
            return _read_section(section, os)
        # Found by its digest, which is quickly hashed, and then compared: one that does not hold finds nothing.
        key = (section.sha256, section.outcome, os)
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept[key] = kept  # the newest are at the end
            return kept[1] if kept[0] is section or kept[0] == section else _read_section(section, os)
        made = _read_section(section, os)
        number = hash(key)
        if number in self._seen:
            self._keep(key, section, made)
        elif len(self._seen) < _SEEN:
            self._seen.add(number)
        else:
            self._seen = {number}
        return made

    def _keep(self, key: _Key, section: Section, made: _Made) -> None:
        self._kept[key] = (section, made)
        self._size += _size(section)
        while self._size > _KEPT:
            oldest = next(iter(self._kept))
            self._size -= _size(self._kept.pop(oldest)[0])


_READINGS = _Readings()


def _size(section: Section) -> int:
    return len(section.text) + len(section.stderr) + _KEPT_EACH


def _read_section(section: Section, os: OsFamily) -> _Made:
    collector = collectors()[section.id]
    unanswered = section.outcome in (Outcome.ABSENT, Outcome.DENIED, Outcome.FAILED) and not section.text
    text, cut = _within_bounds(section.text)
    parsed = Parsed() if unanswered else collector.parse(text)
    for kind, most in _MOST.items():
        if len(parsed.facts) > most and kind in collector.facts:
            parsed, cut = _first(parsed, kind, most, cut)
    # What a gap could be filled with is still worth having: a violation seen in it is a violation.
    name = section.id
    if len(collector.facts) == 1:
        lines, facts = zip(*parsed.facts, strict=True) if parsed.facts else ((), ())
        found = {collector.facts[0]: tuple(map(_FOUND, zip(facts, repeat(name), lines, strict=False)))}
    else:
        found = {
            returned: tuple([_FOUND((fact, name, line)) for line, fact in parsed.facts if type(fact) is returned])
            for returned in collector.facts
        }
    outcome, reason = _judge_outcome(section, parsed)
    if cut is not None:
        outcome = outcome if outcome in (Outcome.DENIED, Outcome.FAILED) else Outcome.TRUNCATED
        reason = "; ".join(part for part in (cut, reason) if part)
    reading = SectionReading(
        id=section.id,
        outcome=outcome,
        reason=reason,
        items=len(parsed.facts),
        unread=parsed.unread,
        proof=collector.proof.get(os, Proof.DOCUMENTED),
        advice=collector.advice if outcome.is_gap else "",
        limits=parsed.limits if _is_by_limits_alone(section, parsed) and cut is None else (),
        lines=lines_of(text),
    )
    return reading, tuple((kind, those) for kind, those in found.items() if those)


def _within_bounds(text: str) -> tuple[str, str | None]:
    """Return as much of a section as is read, and what is said where that is not all of it."""
    if len(text) <= _READ_LENGTH and text.count("\n") <= _READ_LINES:
        return text, None
    lines = text[:_READ_LENGTH].split("\n", _READ_LINES)[:_READ_LINES]
    whole = text.count("\n")
    return "\n".join(lines) + "\n", f"only the first {len(lines)} of its {whole} lines were read"


def _first(parsed: Parsed, kind: type, most: int, cut: str | None) -> tuple[Parsed, str | None]:
    """Keep the first facts of a kind, and say so where there are more."""
    places = [at for at, (_, fact) in enumerate(parsed.facts) if type(fact) is kind]
    if len(places) <= most:
        return parsed, cut
    beyond = set(places[most:])
    kept = tuple(entry for at, entry in enumerate(parsed.facts) if at not in beyond)
    said = f"only the first {most} of its {len(places)} {kind.__name__.lower()}s were kept"
    return replace(parsed, facts=kept), "; ".join(part for part in (cut, said) if part)


def _is_by_limits_alone(section: Section, parsed: Parsed) -> bool:
    """Tell whether a section lacks nothing but what bounds left out."""
    return section.outcome is Outcome.COLLECTED and parsed.partial is None and not parsed.unread


def _judge_outcome(section: Section, parsed: Parsed) -> tuple[Outcome, str | None]:
    """Lower the script's own outcome by what the parser could not read."""
    doubts = [limit.text for limit in parsed.limits]
    if parsed.partial is not None:
        doubts.append(parsed.partial)
    if parsed.unread:
        many = len(parsed.unread)
        doubts.append(f"{many} line{'s' if many > 1 else ''} not understood ({parsed.unread[0].reason})")
    if section.outcome in (Outcome.COLLECTED, Outcome.ABSENT) and doubts:
        return Outcome.PARTIAL, "; ".join(doubts)
    if section.outcome is Outcome.PARTIAL and doubts:
        return Outcome.PARTIAL, "; ".join([section.reason or "", *doubts]).removeprefix("; ")
    reason = section.reason
    if section.outcome.is_gap and section.stderr and reason:
        reason = f"{reason}: {section.stderr.splitlines()[0]}"
    return section.outcome, reason
