"""The only place that gives verdicts: what the evidence supports, and no more."""

from collections.abc import Callable, Iterable

from auditor.controls.control import Control, limits_on, needed_sections, unasked
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.reading import SectionReading
from auditor.model.record import Record, replace
from auditor.model.verdict import Assessment, Demand, Gap, Inapplicable, Judgement, Limit, Verdict, Violation

Excuse = Callable[[str, Violation], str | None]
"""Given a control id and a violation, the id of the valid exception that covers it."""


class Claim(Record, kw_only=True):
    """What one control found on one host, reduced to what a verdict depends on."""

    forbids: bool
    """Whether what was seen is enough to fail."""
    inapplicable: bool
    """Whether it is proven that the control does not apply."""
    open_violations: int
    """Violations that no valid exception covers."""
    excepted_violations: int
    """Violations that one covers, and suspicions: what was accepted is never shown as clean."""
    suspected: int
    """What would be an open violation if a suspicion were confirmed."""
    gaps: int
    """What was needed and not seen."""


def verdict(claim: Claim) -> Verdict:
    """Say what the evidence supports; the order is the whole rule (ARCHITECTURE: how a verdict comes about)."""
    if claim.inapplicable:
        return Verdict.NOT_APPLICABLE
    if claim.open_violations and (claim.forbids or not claim.gaps):
        return Verdict.FAIL
    if claim.open_violations or claim.gaps or claim.suspected:
        return Verdict.UNKNOWN
    return Verdict.EXCEPTED if claim.excepted_violations else Verdict.PASS


def judge(control: Control, case: Case, excuse: Excuse) -> Judgement:
    """Assess one control on one host and give its verdict, with all that it rests on."""
    return judge_each((control,), case, excuse)[0]


def judge_each(controls: Iterable[Control], case: Case, excuse: Excuse) -> tuple[Judgement, ...]:
    """Assess controls on one host and give their verdicts, each with all that it rests on.

    Of two hosts whose sections lack the same, a control that finds nothing says the same: that is made once.
    """
    before = _before(case)
    return tuple([_judged(control, case, excuse, before) for control in controls])


_Judged = dict[tuple[str, Inapplicable | None], tuple[Control, Judgement]]
"""Judgements of controls that found nothing, by the id of the control, and why it does not apply."""
_KEPT, _KEPT_LENGTH = 128, 16_384
"""Sorts of hosts of which such judgements are kept, how many of each, and the characters that its gaps may have."""
_BEFORE: dict[tuple[object, ...], _Judged] = {}


def _before(case: Case) -> _Judged:
    """Return what was judged of hosts like this one, as far as no fact has a say.

    That follows from the operating system, and from each section: which it is, what it lacks, what is said of it.
    """
    reading = case.reading
    noted = reading.gaps | reading.remarkable
    sections = [section for name, section in reading.sections.items() if name in noted]
    said = [(one.id, one.outcome, one.reason, one.advice, one.limits, one.is_only_documented) for one in sections]
    if sum(len(one.reason or "") for one in sections) > _KEPT_LENGTH:
        return {}
    key = (case.head.os, reading.ids, *said)
    kept = _BEFORE.get(key)
    if kept is None:
        if len(_BEFORE) >= _KEPT:
            _BEFORE.clear()
        kept = _BEFORE[key] = {}
    return kept


def _judged(control: Control, case: Case, excuse: Excuse, before: _Judged) -> Judgement:
    reason = control.not_on.get(case.head.os)
    found = control.assess(case) if reason is None else Assessment(inapplicable=Inapplicable(reason=reason, proof=()))
    why_not = found.inapplicable
    if found.violations or found.suspected or found.gaps or (why_not is not None and why_not.proof):
        return _judgement(control, case, found, excuse)
    key = (control.id, why_not)
    kept = before.get(key)
    if kept is not None and kept[0] is control:
        return kept[1]
    made = _judgement(control, case, found, excuse) if reason is None else _not_judged(control, why_not)
    if len(before) < _KEPT:
        before[key] = (control, made)
    return made


def _not_judged(control: Control, why: Inapplicable | None) -> Judgement:
    """Return the verdict of a control that is about nothing that exists on an operating system."""
    return Judgement(control=control.id, verdict=Verdict.NOT_APPLICABLE, inapplicable=why)


def _judgement(control: Control, case: Case, found: Assessment, excuse: Excuse) -> Judgement:
    reading, needed = case.reading, needed_sections(control, case)
    unseen = reading.gaps
    missing = () if unseen.isdisjoint(needed) else tuple([name for name in needed if name in unseen])
    gaps = (*(_gap(reading.sections[name]) for name in missing), *found.gaps)
    if found.inapplicable is None:
        gaps = (*gaps, *_never_asked(control, case, has_any=bool(needed)))
    violations = _excused(control.id, found.violations, excuse)
    suspected = _excused(control.id, found.suspected, excuse)
    seen = tuple([name for name in needed if name not in unseen]) if missing else needed
    remarkable = () if reading.remarkable.isdisjoint(seen) else [reading.sections[name] for name in seen]
    return Judgement(
        control=control.id,
        verdict=_verdict(control, found, violations, suspected, len(gaps)),
        rests_on=seen,
        documented=tuple([section.id for section in remarkable if section.is_only_documented]) if remarkable else (),
        limits=_with(limits_on(control, case.head.os), remarkable),
        violations=violations,
        suspected=suspected,
        gaps=gaps,
        inapplicable=found.inapplicable,
    )


def _verdict(
    control: Control, found: Assessment, violations: tuple[Violation, ...], suspected: tuple[Violation, ...], gaps: int
) -> Verdict:
    if not violations and not suspected and not gaps and found.inapplicable is None:
        return _OF_NOTHING
    still_open, in_doubt = _open(violations), _open(suspected)
    return verdict(
        Claim(
            forbids=control.demand is Demand.FORBIDS,
            inapplicable=found.inapplicable is not None,
            open_violations=still_open,
            excepted_violations=len(violations) + len(suspected) - still_open - in_doubt,
            suspected=in_doubt,
            gaps=gaps,
        )
    )


_NOTHING = Claim(forbids=True, inapplicable=False, open_violations=0, excepted_violations=0, suspected=0, gaps=0)
_OF_NOTHING = verdict(_NOTHING)
"""The verdict where nothing was found and nothing is missing; whether it forbids or requires makes no difference."""


def _with(limits: tuple[Limit, ...], sections: Iterable[SectionReading]) -> tuple[Limit, ...]:
    more = [limit for section in sections for limit in section.limits]
    return tuple(dict.fromkeys((*limits, *more))) if more else limits


def _open(violations: tuple[Violation, ...]) -> int:
    return [one.exception for one in violations].count(None) if violations else 0


def unassessed(control: Control, reason: str) -> Judgement:
    """Return the verdict on a host that gave no evidence: unknown, whatever the control."""
    gap = Gap(section="*", outcome=Outcome.FAILED, reason=reason)
    return Judgement(control=control.id, verdict=Verdict.UNKNOWN, limits=control.limits, gaps=(gap,))


def unlooked(control: Control, violations: Iterable[Violation], excuse: Excuse, reason: str) -> Judgement:
    """Return the verdict on a host that gave no evidence, and of which records from outside show a violation.

    It fails where no exception covers what they show; all else about it is unknown.
    """
    found = _excused(control.id, violations, excuse)
    unknown = unassessed(control, reason)
    if not found:
        return unknown
    is_open = any(violation.exception is None for violation in found)
    return replace(unknown, verdict=Verdict.FAIL if is_open else Verdict.UNKNOWN, violations=found)


def _gap(section: SectionReading) -> Gap:
    return Gap(
        section=section.id,
        outcome=section.outcome,
        reason=section.reason or section.outcome,
        advice=section.advice,
    )


def _never_asked(control: Control, case: Case, *, has_any: bool) -> tuple[Gap, ...]:
    """Make a gap of each need that no section of this system fills, and of a system that is not named at all."""
    missing = unasked(control, case)
    if has_any and not missing:
        return ()
    return tuple(
        Gap(
            section=want,
            outcome=Outcome.FAILED,
            reason=f"this version asks {case.head.os} hosts nothing that {control.id} could rest on"
            + ("" if want == "*" else f" in place of {want}"),
        )
        for want in missing or ("*",)
    )


def _excused(control: str, violations: Iterable[Violation], excuse: Excuse) -> tuple[Violation, ...]:
    if not violations:
        return ()
    ordered = sorted(violations, key=lambda violation: violation.subject)
    return tuple(replace(violation, exception=excuse(control, violation)) for violation in ordered)
