"""Nothing is done by a plan unless somebody else than its maker has signed it as it stands."""

from datetime import date

import pytest

from auditor.model.plan import Plan
from auditor.model.record import replace
from auditor.remediate.approval import approval_objection, approval_of
from auditor.remediate.plan_text import Approval, PlanFile, plan_text, read_plan, signed_text
from auditor.trust.people import Duty, People, Person, PersonKey
from auditor.trust.signing import make_private
from auditor.trust.sshsig import Namespace
from tests.remediate.test_plan_text import FILE
from tests.remediate.test_planning import UNAPPROVED, a_host, planned

DAY = date(2026, 11, 27)
ADA_KEY, GRACE_KEY = make_private(None)[0], make_private(None)[0]
ADA = Person(name="Ada Lovelace", email="ada@example.com", keys=(PersonKey(key=ADA_KEY.public),))
GRACE = Person(name="Grace Hopper", email="grace@example.com", keys=(PersonKey(key=GRACE_KEY.public),))
PEOPLE = People(persons=(ADA, GRACE))


@pytest.fixture
def plan() -> Plan:
    """Give a plan that ada has made."""
    return planned(a_host(UNAPPROVED, held={"files": ["/opt/anydesk"]}))


def approved(plan: Plan, by: str = "grace  HOPPER") -> Approval:
    made = approval_of(plan, by, GRACE_KEY.sign(signed_text(plan), Namespace.PLAN), PEOPLE, DAY)
    assert isinstance(made, Approval)
    return made


def test_an_approval_holds_after_the_plan_was_written_and_read(plan: Plan) -> None:
    approval = approved(plan)
    assert approval.by == "Grace Hopper"
    again = read_plan(plan_text(PlanFile(plan=plan, approval=approval)), FILE)
    assert approval_objection(again, PEOPLE, DAY) is None


def test_a_plan_without_an_approval_is_not_approved(plan: Plan) -> None:
    assert "nobody has approved" in str(approval_objection(PlanFile(plan=plan), PEOPLE, DAY))


def test_approving_is_left_to_whoever_has_the_role(plan: Plan) -> None:
    approval = approved(plan)
    left = People(
        persons=(ADA, replace(GRACE, roles=("change manager",))), duties={Duty.APPROVE_PLANS: ("Change  Manager",)}
    )
    assert approval_objection(PlanFile(plan=plan, approval=approval), left, DAY) is None
    # Roles are asked on the day that the plan is applied: one that was taken away takes the approval with it.
    taken = replace(left, persons=(ADA, replace(GRACE, roles=("developer",))))
    assert approval_objection(PlanFile(plan=plan, approval=approval), taken, DAY) == (
        "Grace Hopper may not approve plans: the people file leaves that to 'Change  Manager', not to 'developer'"
    )


def test_any_later_change_voids_it_even_with_the_digest_changed_too(plan: Plan) -> None:
    approval = approved(plan)
    other = replace(plan, steps=(replace(plan.steps[0], host="web2"),))
    assert "was changed after Grace Hopper" in str(
        approval_objection(PlanFile(plan=other, approval=approval), PEOPLE, DAY)
    )
    digest = str(approval_objection(PlanFile(plan=other, approval=approval), PEOPLE, DAY)).split("SHA-256 is ")[1][:64]
    forged = replace(approval, sha256=digest)
    assert "is not over this text" in str(approval_objection(PlanFile(plan=other, approval=forged), PEOPLE, DAY))


@pytest.mark.parametrize("account", ["ada lovelace", "ADA", "ada@example.com"])
def test_its_maker_cannot_approve_it_whatever_the_people_file_calls_them_by(plan: Plan, account: str) -> None:
    mine = replace(plan, made_by=account)
    said = approval_of(mine, "Ada Lovelace", ADA_KEY.sign(signed_text(mine), Namespace.PLAN), PEOPLE, DAY)
    assert "Ada Lovelace made this plan" in str(said)


@pytest.mark.parametrize(
    ("by", "key", "purpose", "said"),
    [
        pytest.param("Grace Hopper", ADA_KEY, Namespace.PLAN, "a key of Ada Lovelace", id="with-another-persons-key"),
        pytest.param("Grace Hopper", GRACE_KEY, Namespace.EXCEPTION, "auditor-exception", id="for-another-purpose"),
        pytest.param("Alan Turing", GRACE_KEY, Namespace.PLAN, "nobody in the people file", id="by-a-stranger"),
    ],
)
def test_a_signature_that_proves_nothing_is_refused(
    plan: Plan, by: str, key: object, purpose: Namespace, said: str
) -> None:
    signature = (ADA_KEY if key is ADA_KEY else GRACE_KEY).sign(signed_text(plan), purpose)
    assert said in str(approval_of(plan, by, signature, PEOPLE, DAY))


def test_a_key_that_has_ended_since_approves_nothing(plan: Plan) -> None:
    file = PlanFile(plan=plan, approval=approved(plan))
    ended = replace(GRACE, keys=(replace(GRACE.keys[0], valid_until=date(2026, 11, 26)),))
    assert "counted until 2026-11-26" in str(approval_objection(file, People(persons=(ADA, ended)), DAY))
    assert "nobody in the people file" in str(approval_objection(file, People(persons=(ADA,)), DAY))
