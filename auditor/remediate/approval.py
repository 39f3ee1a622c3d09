"""Who may approve a plan, and whether the approval that stands in it holds."""

from collections.abc import Iterator
from datetime import date

from auditor.model.plan import Plan
from auditor.remediate.plan_text import Approval, PlanFile, plan_digest, signed_text
from auditor.trust.people import Duty, People, Person, PersonKey, same_person, signed_by
from auditor.trust.sshsig import Namespace


def approval_of(plan: Plan, by: str, signature: str, people: People, day: date) -> Approval | str:
    """Return somebody's approval of a plan, or say why it would count for nothing."""
    person = people.named(by)
    name = by if person is None else person.name
    approval = Approval(by=name, sha256=plan_digest(plan), signature=signature)
    return approval_objection(PlanFile(plan=plan, approval=approval), people, day) or approval


def approval_objection(file: PlanFile, people: People, day: date) -> str | None:
    """Say why nothing may be done by a plan yet, as a sentence; None where its approval holds on a day."""
    approval = file.approval
    if approval is None:
        return (
            "nobody has approved this plan: `auditor remediate approve FILE --as NAME`, by somebody else than its maker"
        )
    if approval.sha256 != plan_digest(file.plan):
        return (
            f"this plan was changed after {approval.by} had approved it: its SHA-256 is {plan_digest(file.plan)}, that "
            f"of the approval {approval.sha256}; have it approved again"
        )
    person = people.named(approval.by)
    if person is None:
        return f"{approval.by!r} is nobody in the people file: only who is there can approve a plan"
    if is_maker(file.plan, person):
        return f"{person.name} made this plan, and cannot approve it: somebody else has to"
    unfit = people.unfit(person.name, Duty.APPROVE_PLANS)
    if unfit is not None:
        return f"{person.name} {unfit}"
    found = signed_by(approval.signature, signed_text(file.plan), Namespace.PLAN, person=person, people=people, day=day)
    return None if isinstance(found, PersonKey) else f"the signature of {person.name} {found}"


def is_maker(plan: Plan, person: Person) -> bool:
    """Tell whether a person is known to be a plan's maker, by whatever the people file says of them.

    A plan's maker is the account that ran the auditor. It is compared with the person's name, their address and what
    stands before its @; an account that is called otherwise is not recognised.
    """
    return same_person(plan.made_by) in set(_called(person))


def _called(person: Person) -> Iterator[str]:
    yield same_person(person.name)
    if person.email is not None:
        yield same_person(person.email)
        yield same_person(person.email.partition("@")[0])
