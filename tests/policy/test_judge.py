"""The order of verdicts is complete: no other case exists."""

import dataclasses
import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.evidence import EvidenceHead, Outcome, Proof, Rights
from auditor.model.host import HostFacts, OsFamily
from auditor.model.past import History
from auditor.model.policy import AcceptedLimit, Settings
from auditor.model.reading import Reading, SectionReading
from auditor.model.record import replace
from auditor.model.sighting import Quote
from auditor.model.verdict import (
    Assessment,
    Demand,
    Gap,
    Inapplicable,
    Judgement,
    Limit,
    Mitigation,
    Verdict,
    Violation,
)
from auditor.policy import judge as module
from auditor.policy.judge import Claim, judge, judge_each, unassessed, verdict
from auditor.policy.limits import accept_limits

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SEEN = Violation(subject="product:x", reason="x is running", proof=(), remediation=("Remove it.",))
EXCEPTED = Violation(subject="product:excepted", reason="y is running", proof=(), remediation=())
MISSING = Gap(section="a.b", outcome=Outcome.DENIED, reason="needs root")


def a_claim(**given_values: int | bool) -> Claim:
    values: dict[str, int | bool] = {
        "forbids": True,
        "inapplicable": False,
        "open_violations": 0,
        "excepted_violations": 0,
        "suspected": 0,
        "gaps": 0,
    }
    return Claim(**{**values, **given_values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        pytest.param(a_claim(), Verdict.PASS, id="clean-and-complete"),
        pytest.param(a_claim(gaps=1), Verdict.UNKNOWN, id="clean-but-blind"),
        pytest.param(a_claim(suspected=1), Verdict.UNKNOWN, id="a-suspicion-is-not-a-pass"),
        pytest.param(a_claim(open_violations=1), Verdict.FAIL, id="seen"),
        pytest.param(a_claim(open_violations=1, gaps=1), Verdict.FAIL, id="seen-is-enough-to-forbid"),
        pytest.param(a_claim(forbids=False, open_violations=1), Verdict.FAIL, id="a-requirement-not-met"),
        pytest.param(a_claim(forbids=False, open_violations=1, gaps=1), Verdict.UNKNOWN, id="a-requirement-not-seen"),
        pytest.param(a_claim(excepted_violations=1), Verdict.EXCEPTED, id="accepted"),
        pytest.param(
            a_claim(excepted_violations=1, gaps=1), Verdict.UNKNOWN, id="an-exception-covers-only-what-is-seen"
        ),
        pytest.param(a_claim(excepted_violations=1, suspected=1), Verdict.UNKNOWN, id="nor-what-is-suspected"),
        pytest.param(a_claim(excepted_violations=1, open_violations=1), Verdict.FAIL, id="one-open-is-enough"),
        pytest.param(a_claim(inapplicable=True, gaps=1, open_violations=1), Verdict.NOT_APPLICABLE, id="cannot-exist"),
    ],
)
def test_the_order(claim: Claim, expected: Verdict) -> None:
    assert verdict(claim) is expected


# ARCHITECTURE, "How a verdict comes about", as a table whose order does not matter: every claim is one row's, and no
# other's. `some` is one or more, `*` is whatever.
_RULES = """
inapplicable  demand    open  gaps  suspected  excepted  verdict
yes           *         *     *     *          *         not_applicable
no            forbids   some  *     *          *         fail
no            requires  some  none  *          *         fail
no            requires  some  some  *          *         unknown
no            *         none  some  *          *         unknown
no            *         none  none  some       *         unknown
no            *         none  none  none       some      excepted
no            *         none  none  none       none      pass
"""
_EVERY_CLAIM = [
    Claim(
        forbids=forbids,
        inapplicable=inapplicable,
        open_violations=open_violations,
        excepted_violations=excepted,
        suspected=suspected,
        gaps=gaps,
    )
    for forbids in (True, False)
    for inapplicable in (True, False)
    for open_violations in range(3)
    for excepted in range(3)
    for suspected in range(3)
    for gaps in range(3)
]


def words(claim: Claim) -> list[str]:
    """Say a claim in the words of the table."""

    def some(count: int) -> str:
        return "some" if count else "none"

    return [
        "yes" if claim.inapplicable else "no",
        "forbids" if claim.forbids else "requires",
        some(claim.open_violations),
        some(claim.gaps),
        some(claim.suspected),
        some(claim.excepted_violations),
    ]


@pytest.mark.parametrize("claim", _EVERY_CLAIM, ids=lambda claim: "-".join(words(claim)))
def test_the_five_rules_decide_every_claim(claim: Claim) -> None:
    said = words(claim)
    rules = [line.split() for line in _RULES.strip().splitlines()[1:]]
    decided = [row[-1] for row in rules if all(want in ("*", word) for want, word in zip(row[:-1], said, strict=True))]
    assert decided == [verdict(claim)]


def test_every_rule_decides_something_and_every_verdict_is_given() -> None:
    given = {verdict(claim) for claim in _EVERY_CLAIM}
    assert given == set(Verdict)
    heads, *rules = (line.split() for line in _RULES.strip().splitlines())
    assert len(heads) == 7
    for row in rules:
        fitting = [
            one
            for one in _EVERY_CLAIM
            if all(want in ("*", word) for want, word in zip(row[:-1], words(one), strict=True))
        ]
        assert fitting, row


# What a verdict costs the host's owner: nothing, a look at the exceptions, a look at the host, work.
_RANK = [Verdict.PASS, Verdict.EXCEPTED, Verdict.UNKNOWN, Verdict.FAIL]
_APPLICABLE = [claim for claim in _EVERY_CLAIM if not claim.inapplicable]


def rank(claim: Claim) -> int:
    return _RANK.index(verdict(claim))


@pytest.mark.parametrize("name", ["gaps", "suspected"])
def test_seeing_less_is_never_a_pass_and_never_accepted(name: str) -> None:
    for claim in _APPLICABLE:
        blinder = verdict(replace(claim, **{name: getattr(claim, name) + 1}))
        assert blinder in (Verdict.UNKNOWN, Verdict.FAIL)


def test_seeing_less_takes_a_failure_only_from_what_requires() -> None:
    """A requirement that is not seen to be met is not known to be broken either; what is forbidden and seen fails."""
    for claim in _APPLICABLE:
        was, blinder = verdict(claim), verdict(replace(claim, gaps=claim.gaps + 1))
        if was is Verdict.FAIL and claim.forbids:
            assert blinder is Verdict.FAIL
        if was is Verdict.UNKNOWN:
            assert blinder is Verdict.UNKNOWN


def test_a_suspicion_changes_no_failure() -> None:
    for claim in _APPLICABLE:
        if verdict(claim) is Verdict.FAIL:
            assert verdict(replace(claim, suspected=claim.suspected + 1)) is Verdict.FAIL


def test_another_violation_never_helps() -> None:
    for claim in _APPLICABLE:
        assert rank(replace(claim, open_violations=claim.open_violations + 1)) >= rank(claim)
        assert rank(replace(claim, excepted_violations=claim.excepted_violations + 1)) >= rank(claim)


def test_an_exception_never_harms_and_never_makes_a_pass() -> None:
    for claim in _APPLICABLE:
        if claim.open_violations:
            accepted = replace(
                claim,
                open_violations=claim.open_violations - 1,
                excepted_violations=claim.excepted_violations + 1,
            )
            assert rank(accepted) <= rank(claim)
            assert verdict(accepted) is not Verdict.PASS


def test_the_end_of_an_exception_is_a_failure_where_all_was_seen() -> None:
    for claim in _APPLICABLE:
        if claim.excepted_violations and not claim.gaps:
            ended = replace(
                claim,
                open_violations=claim.open_violations + 1,
                excepted_violations=claim.excepted_violations - 1,
            )
            assert verdict(ended) is Verdict.FAIL


def test_what_requires_is_never_stricter_than_what_forbids() -> None:
    for claim in _APPLICABLE:
        assert rank(replace(claim, forbids=False)) <= rank(replace(claim, forbids=True))


def test_how_many_there_are_makes_no_difference() -> None:
    for claim in _EVERY_CLAIM:
        one_each = {
            name: min(getattr(claim, name), 1)
            for name in ("open_violations", "excepted_violations", "suspected", "gaps")
        }
        assert verdict(replace(claim, **one_each)) is verdict(claim)


def test_proof_that_it_does_not_apply_stands_above_everything() -> None:
    assert {verdict(claim) for claim in _EVERY_CLAIM if claim.inapplicable} == {Verdict.NOT_APPLICABLE}
    assert Verdict.NOT_APPLICABLE not in {verdict(claim) for claim in _APPLICABLE}


def a_case(*sections: SectionReading) -> Case:
    return Case(
        host=HostFacts(name="h", key="h"),
        head=EvidenceHead(
            host="h",
            os=OsFamily.LINUX,
            rights=Rights.ROOT,
            user="root",
            hostname="h",
            kernel="Linux",
            clock=NOW,
            collected_at=NOW,
            probe_sha256="0",
            tool_version="0",
            redaction=1,
        ),
        reading=Reading(
            os=OsFamily.LINUX, rights=Rights.ROOT, sections={section.id: section for section in sections}, facts={}
        ),
        products=(),
        exposures=(),
        settings=Settings(),
        history=History(),
        as_of=NOW,
    )


def a_control(found: Assessment, needs: tuple[str, ...] = ("a.*",)) -> Control:
    return Control(
        id="some_control",
        title="Nothing is wrong",
        mitigation=Mitigation.M1042,
        techniques=(),
        demand=Demand.FORBIDS,
        needs={OsFamily.LINUX: needs},
        assess=lambda _case: found,
        manual="",
    )


def excuse(_control: str, violation: Violation) -> str | None:
    return "e1" if violation.subject == "product:excepted" else None


COLLECTED = SectionReading(id="a.b", outcome=Outcome.COLLECTED, proof=Proof.LAB)
ABSENT = SectionReading(id="a.c", outcome=Outcome.ABSENT, proof=Proof.DOCUMENTED)
DENIED = SectionReading(id="a.d", outcome=Outcome.DENIED, reason="needs root", advice="use sudo")


def test_a_pass_says_what_it_rests_on_and_what_of_it_is_only_documented() -> None:
    read = SectionReading(id="a.e", outcome=Outcome.COLLECTED, proof=Proof.DOCUMENTED)
    judged = judge(a_control(Assessment()), a_case(COLLECTED, ABSENT, read), excuse)
    # What is absent went through no reader.
    assert (judged.verdict, judged.rests_on, judged.documented) == (Verdict.PASS, ("a.b", "a.c", "a.e"), ("a.e",))


def test_a_suspicion_that_is_accepted_is_not_shown_as_clean() -> None:
    judged = judge(a_control(Assessment(suspected=(EXCEPTED,))), a_case(COLLECTED), excuse)
    assert judged.verdict is Verdict.EXCEPTED
    assert [one.exception for one in judged.suspected] == ["e1"]
    both = judge(a_control(Assessment(suspected=(EXCEPTED, SEEN))), a_case(COLLECTED), excuse)
    assert both.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.DENIED, Outcome.FAILED, Outcome.TRUNCATED])
def test_a_gap_in_a_needed_section_reaches_the_verdict_with_its_advice(outcome: Outcome) -> None:
    judged = judge(a_control(Assessment()), a_case(COLLECTED, replace(DENIED, outcome=outcome)), excuse)
    assert judged.verdict is Verdict.UNKNOWN
    assert [(gap.section, gap.reason, gap.advice) for gap in judged.gaps] == [("a.d", "needs root", "use sudo")]


def test_a_gap_elsewhere_does_not() -> None:
    elsewhere = replace(DENIED, id="z.d")
    assert judge(a_control(Assessment()), a_case(COLLECTED, elsewhere), excuse).verdict is Verdict.PASS


def test_a_control_whose_sections_were_never_asked_is_unknown() -> None:
    assert judge(a_control(Assessment(), needs=("nothing.*",)), a_case(COLLECTED), excuse).verdict is Verdict.UNKNOWN
    assert judge(a_control(Assessment(), needs=()), a_case(COLLECTED), excuse).verdict is Verdict.UNKNOWN


def test_exceptions_are_shown_on_the_violations_they_cover() -> None:
    judged = judge(a_control(Assessment(violations=(EXCEPTED,))), a_case(COLLECTED), excuse)
    assert (judged.verdict, [violation.exception for violation in judged.violations]) == (Verdict.EXCEPTED, ["e1"])


def test_proof_of_not_applicable_stands_in_the_judgement() -> None:
    reason = Inapplicable(reason="there is no such thing here", proof=())
    judged = judge(a_control(Assessment(inapplicable=reason, gaps=(MISSING,))), a_case(), excuse)
    assert (judged.verdict, judged.inapplicable) == (Verdict.NOT_APPLICABLE, reason)


def test_a_host_without_evidence_has_only_unknown_verdicts() -> None:
    judged = unassessed(a_control(Assessment(violations=(SEEN,))), "refused")
    assert (judged.verdict, judged.gaps[0].reason) == (Verdict.UNKNOWN, "refused")


FAR = Limit(id="remote-homes", text="homes on the network were left out")
WALK = Limit(id="walk-budget", text="the walk was given up")
CUT = SectionReading(id="a.b", outcome=Outcome.PARTIAL, reason="the walk was given up", limits=(FAR, WALK))
LAST_DAY = NOW.date()


def accepted(limit: str, end: date = LAST_DAY) -> AcceptedLimit:
    return AcceptedLimit(
        limit=limit, reason="known", owner="it", approved_by="security", start=date(2020, 1, 1), end=end
    )


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param((), Verdict.UNKNOWN, id="nobody-accepted-it"),
        pytest.param((accepted("walk-budget"),), Verdict.UNKNOWN, id="one-of-two-is-not-enough"),
        pytest.param((accepted("walk-budget"), accepted("remote-homes")), Verdict.PASS, id="both-on-the-last-day"),
        pytest.param(
            (accepted("walk-budget", LAST_DAY - timedelta(days=1)), accepted("remote-homes")),
            Verdict.UNKNOWN,
            id="the-day-after",
        ),
    ],
)
def test_a_limit_is_unknown_until_the_policy_accepts_it(entries: tuple[AcceptedLimit, ...], expected: Verdict) -> None:
    case = a_case(CUT)
    judged = judge(
        a_control(Assessment()), replace(case, reading=accept_limits(case.reading, entries, LAST_DAY)), excuse
    )
    assert judged.verdict is expected
    assert judged.limits == ((FAR, WALK) if expected is Verdict.PASS else ())


def test_accepting_a_limit_helps_no_section_that_lacks_more() -> None:
    case = a_case(replace(CUT, limits=()))
    entries = (accepted("walk-budget"), accepted("remote-homes"))
    assert accept_limits(case.reading, entries, LAST_DAY) is case.reading


_ALTERNATIVES = [
    COLLECTED,
    ABSENT,
    DENIED,
    CUT,
    replace(CUT, limits=(FAR,)),
    replace(COLLECTED, proof=Proof.DOCUMENTED),
    replace(COLLECTED, id="z.z"),
    replace(DENIED, outcome=Outcome.FAILED),
    replace(DENIED, reason="needs more than root"),
    replace(DENIED, reason=None),
    replace(DENIED, advice="use doas"),
    replace(DENIED, reason="x" * 20_000),
]
_NOT_HERE = Inapplicable(reason="there is no such thing here", proof=())
_FOUND = [
    Assessment(),
    Assessment(violations=(SEEN,)),
    Assessment(suspected=(EXCEPTED,)),
    Assessment(gaps=(MISSING,)),
    Assessment(inapplicable=_NOT_HERE),
    Assessment(inapplicable=replace(_NOT_HERE, reason="nor here")),
    Assessment(inapplicable=replace(_NOT_HERE, proof=(Quote(section="a.b", quote="no"),))),
]


def test_what_was_judged_before_changes_no_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [a_case(*pair) for pair in itertools.permutations(_ALTERNATIVES, 2)]
    controls = [
        *(replace_needs(a_control(found), needs) for found in _FOUND for needs in (("a.*",), ("a.b",), ("n.n",), ())),
        dataclasses.replace(a_control(Assessment()), id="elsewhere", needs={}, not_on={OsFamily.LINUX: "not on Linux"}),
        dataclasses.replace(a_control(Assessment()), limits=(WALK,)),
    ]

    def alone(case: Case) -> list[Judgement]:
        judgements = []
        for control in controls:
            module._BEFORE.clear()
            judgements.append(judge(control, case, excuse))
        return judgements

    expected = [alone(case) for case in cases]
    for kept in (1, 3, 10_000):
        monkeypatch.setattr(module, "_KEPT", kept)
        module._BEFORE.clear()
        for _ in range(2):
            for case, judged in zip(cases, expected, strict=True):
                assert list(judge_each(controls, case, excuse)) == judged
        assert len(module._BEFORE) <= kept
        assert all(len(those) <= kept for those in module._BEFORE.values())


def replace_needs(control: Control, needs: tuple[str, ...]) -> Control:
    return dataclasses.replace(control, id=f"needs_{'_'.join(needs)}", needs={OsFamily.LINUX: needs})
