"""What the signatures of an exception's people are worth: a table of claims."""

import json
from collections.abc import Mapping
from datetime import date

import pytest

from auditor.model.policy import AcceptedLimit, ExceptionRecord, Settings, Unsigned
from auditor.model.record import replace
from auditor.model.standing import Signer, Standing, Weighed, WeighedException
from auditor.policy.standing import text_to_sign, weigh, weigh_limits
from auditor.trust.people import Duty, People, Person, PersonKey
from auditor.trust.signing import SigningKey
from auditor.trust.sshsig import Namespace
from tests.policy.signed import ADA, EVE, GRACE, PEOPLE, signature

_DAY = date(2027, 3, 31)
_RECORD = ExceptionRecord(
    id="EX-1",
    control="unapproved_product",
    hosts=("pc-17",),
    subject="product:anydesk",
    reason="Until the contract ends",
    requested_by="Ada Lovelace",
    approved_by="Grace Hopper",
    start=date(2027, 1, 1),
    end=date(2027, 12, 31),
)
_ADAS, _GRACES = signature(_RECORD, ADA), signature(_RECORD, GRACE)


def weighed(
    signatures: Mapping[str, str],
    *,
    record: ExceptionRecord = _RECORD,
    people: People = PEOPLE,
    unsigned: Unsigned = Unsigned.ADMIT,
    day: date = _DAY,
) -> WeighedException:
    settings = Settings(unsigned_exceptions=unsigned)
    (found,) = weigh([replace(record, signatures=signatures)], people, settings, day)
    return found


def people_of(**keys: tuple[SigningKey, date | None, date | None]) -> People:
    names = {"ada": "Ada Lovelace", "grace": "Grace Hopper"}
    return People(
        persons=tuple(
            Person(
                name=names[who],
                keys=(PersonKey(key=key.public, valid_from=begins, valid_until=ends),),
            )
            for who, (key, begins, ends) in keys.items()
        )
    )


@pytest.mark.parametrize("unsigned", list(Unsigned))
def test_an_exception_that_both_signed_is_verified(unsigned: Unsigned) -> None:
    found = weighed({"requested_by": _ADAS, "approved_by": _GRACES}, unsigned=unsigned)
    assert (found.standing, found.why) == (Standing.VERIFIED, None)
    assert found.signers == (
        Signer(role="requested_by", person="Ada Lovelace", fingerprint=ADA.public.fingerprint),
        Signer(role="approved_by", person="Grace Hopper", fingerprint=GRACE.public.fingerprint),
    )


def _left(duty: Duty, role: str) -> People:
    """Leave a duty to a role that Grace has and Ada has not."""
    ada, grace = PEOPLE.persons
    return People(persons=(ada, replace(grace, roles=("security",))), duties={duty: (role,)})


def test_whoever_has_the_role_may_grant_and_whoever_may_ask_is_another_matter() -> None:
    signatures = {"requested_by": _ADAS, "approved_by": _GRACES}
    found = weighed(signatures, people=_left(Duty.APPROVE_EXCEPTIONS, "Security"))
    assert (found.standing, found.why) == (Standing.VERIFIED, None)


@pytest.mark.parametrize(
    "signatures", [{"requested_by": _ADAS, "approved_by": _GRACES}, {}], ids=["signed", "unsigned"]
)
@pytest.mark.parametrize(
    ("duty", "role", "why"),
    [
        pytest.param(
            Duty.APPROVE_EXCEPTIONS,
            "tester",
            "Grace Hopper (approved_by) may not grant exceptions or accepted limits: the people file leaves that to "
            "'tester', not to 'security'",
            id="granted-by-another-role",
        ),
        pytest.param(
            Duty.REQUEST_EXCEPTIONS,
            "security",
            "Ada Lovelace (requested_by) may not ask for exceptions or answer for accepted limits: the people file "
            "leaves that to 'security', not to 'tester'",
            id="asked-for-by-another-role",
        ),
    ],
)
def test_an_exception_of_people_without_the_role_is_void_whatever_the_policy_admits(
    duty: Duty, role: str, why: str, signatures: Mapping[str, str]
) -> None:
    found = weighed(signatures, people=_left(duty, role))
    assert found.standing is Standing.VOID
    assert str(found.why).startswith(why)


def test_a_limit_is_left_to_the_same_roles() -> None:
    limit = AcceptedLimit(
        limit="perimeter",
        reason="It is seen elsewhere",
        owner="Ada Lovelace",
        approved_by="Grace Hopper",
        start=_RECORD.start,
        end=_RECORD.end,
    )
    admits = Settings(unsigned_exceptions=Unsigned.ADMIT)
    for duty, role, standing in (
        (Duty.APPROVE_EXCEPTIONS, "tester", Standing.VOID),
        (Duty.REQUEST_EXCEPTIONS, "security", Standing.VOID),
        (Duty.APPROVE_EXCEPTIONS, "security", Standing.ASSERTED),
        (Duty.APPROVE_PLANS, "nobody's", Standing.ASSERTED),
    ):
        (found,) = weigh_limits([limit], _left(duty, role), admits, _DAY)
        assert found.standing is standing, duty


@pytest.mark.parametrize(
    ("signatures", "why"),
    [
        pytest.param(
            {}, "Ada Lovelace (requested_by) has not signed it; Grace Hopper (approved_by) has not signed it", id="none"
        ),
        pytest.param({"requested_by": _ADAS}, "Grace Hopper (approved_by) has not signed it", id="not-granted"),
        pytest.param({"approved_by": _GRACES}, "Ada Lovelace (requested_by) has not signed it", id="not-asked-for"),
    ],
)
def test_an_exception_that_lacks_a_signature_is_what_the_policy_makes_of_it(
    signatures: Mapping[str, str], why: str
) -> None:
    refused, admitted = (weighed(signatures, unsigned=word) for word in (Unsigned.REFUSE, Unsigned.ADMIT))
    assert (refused.standing, refused.why) == (Standing.VOID, why)
    assert (admitted.standing, admitted.why) == (Standing.ASSERTED, why)


def test_unless_a_policy_says_otherwise_unsigned_exceptions_do_not_hold() -> None:
    (found,) = weigh([_RECORD], PEOPLE, Settings(), _DAY)
    assert found.standing is Standing.VOID


_LATER = replace(_RECORD, end=date(2027, 12, 31), start=date(2027, 1, 2))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        pytest.param(
            signature(_RECORD, EVE),
            f"was made with a key of nobody in the people file ({EVE.public.fingerprint})",
            id="an-unknown-key",
        ),
        pytest.param(
            _ADAS, f"was made with a key of Ada Lovelace ({ADA.public.fingerprint})", id="one-person-for-both"
        ),
        pytest.param(signature(_LATER, GRACE), "is not over this text", id="of-another-entry"),
        pytest.param(
            GRACE.sign(text_to_sign(_RECORD), Namespace.PLAN),
            "was given for 'auditor-plan', not for 'auditor-exception'",
            id="for-another-purpose",
        ),
        pytest.param("yes", "does not stand between", id="a-word"),
        pytest.param(_GRACES.replace("A", "B", 1), "", id="a-letter-changed"),
    ],
)
@pytest.mark.parametrize("unsigned", list(Unsigned))
def test_a_wrong_signature_never_counts(wrong: str, why: str, unsigned: Unsigned) -> None:
    found = weighed({"requested_by": _ADAS, "approved_by": wrong}, unsigned=unsigned)
    assert found.standing is Standing.VOID
    assert found.why is not None
    assert found.why.startswith(f"the signature of Grace Hopper (approved_by) {why}")
    assert [one.role for one in found.signers] == ["requested_by"]


def test_a_wrong_signature_is_worse_than_none() -> None:
    found = weighed({"requested_by": "forged"})
    assert found.standing is Standing.VOID
    assert weighed({}).standing is Standing.ASSERTED


def test_a_signature_of_nobody_counts_for_nothing() -> None:
    record = replace(_RECORD, approved_by="Eve")
    found = weighed({"requested_by": signature(record, ADA), "approved_by": signature(record, EVE)}, record=record)
    assert found.standing is Standing.VOID
    assert found.why == "Eve (approved_by) is nobody in the people file, so that the signature counts for nothing"


@pytest.mark.parametrize(
    ("begins", "ends", "why"),
    [
        pytest.param(None, None, None, id="for-ever"),
        pytest.param(_DAY, _DAY, None, id="first-and-last-day"),
        pytest.param(None, date(2027, 3, 30), "counted until 2027-03-30", id="ended-the-day-before"),
        pytest.param(date(2027, 4, 1), None, "counts from 2027-04-01 on only", id="begins-the-day-after"),
        pytest.param(date(2028, 2, 29), None, "counts from 2028-02-29 on only", id="begins-on-a-leap-day"),
    ],
)
def test_a_key_counts_on_its_days(begins: date | None, ends: date | None, why: str | None) -> None:
    people = people_of(ada=(ADA, None, None), grace=(GRACE, begins, ends))
    found = weighed({"requested_by": _ADAS, "approved_by": _GRACES}, people=people)
    assert found.standing is (Standing.VERIFIED if why is None else Standing.VOID)
    said = f"the signature of Grace Hopper (approved_by) was made with a key that {why} ({GRACE.public.fingerprint})"
    assert found.why == (None if why is None else said)


def test_a_key_that_was_replaced_counts_while_both_stand_there() -> None:
    both = (PersonKey(key=GRACE.public, valid_until=_DAY), PersonKey(key=EVE.public, valid_from=_DAY))
    people = People(persons=(PEOPLE.persons[0], Person(name="Grace Hopper", keys=both)))
    for key in (GRACE, EVE):
        signatures = {"requested_by": _ADAS, "approved_by": signature(_RECORD, key)}
        assert weighed(signatures, people=people).standing is Standing.VERIFIED
    late = date(2027, 4, 1)
    assert weighed({"requested_by": _ADAS, "approved_by": _GRACES}, people=people, day=late).standing is Standing.VOID


def test_names_are_compared_as_people_read_them() -> None:
    record = replace(_RECORD, requested_by="ada  LOVELACE")
    found = weighed({"requested_by": signature(record, ADA), "approved_by": signature(record, GRACE)}, record=record)
    assert found.standing is Standing.VERIFIED


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "EX-2"},
        {"control": "exposed_listener"},
        {"hosts": ("*",)},
        {"groups": ("kiosks",)},
        {"product": "anydesk"},
        {"subject": None},
        {"reason": "Another"},
        {"compensating": "Something"},
        {"requested_by": "ada lovelace"},
        {"approved_by": "GRACE HOPPER"},
        {"ticket": "CHG-1"},
        {"start": date(2027, 1, 2)},
        {"end": date(2028, 12, 31)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_is_changed_takes_both_signatures_away(changes: dict[str, object]) -> None:
    record = replace(_RECORD, **changes)
    found = weighed({"requested_by": _ADAS, "approved_by": _GRACES}, record=record)
    assert (found.standing, found.signers) == (Standing.VOID, ())


def test_every_field_of_an_exception_is_signed() -> None:
    """A field that is added later is in the text as soon as an exception has it."""
    tried = {"id", "control", "hosts", "groups", "product", "subject", "reason", "compensating", "ticket"}
    tried |= {"requested_by", "approved_by", "start", "end"}
    assert set(ExceptionRecord.__struct_fields__) - {"signatures"} == tried


_LIMIT = AcceptedLimit(
    limit="walk-budget",
    reason="Large stores",
    owner="Ada Lovelace",
    approved_by="Grace Hopper",
    start=date(2027, 1, 1),
    end=date(2027, 12, 31),
)


def weighed_limit(record: AcceptedLimit = _LIMIT, *, unsigned: Unsigned = Unsigned.REFUSE, **by: SigningKey) -> Weighed:
    signatures = {role: key.sign(text_to_sign(_LIMIT), Namespace.EXCEPTION) for role, key in by.items()}
    (found,) = weigh_limits(
        [replace(record, signatures=signatures)], PEOPLE, Settings(unsigned_exceptions=unsigned), _DAY
    )
    return found


def test_an_accepted_limit_is_signed_as_exceptions_are() -> None:
    assert weighed_limit(owner=ADA, approved_by=GRACE).standing is Standing.VERIFIED
    assert weighed_limit(owner=ADA).why == "Grace Hopper (approved_by) has not signed it"
    assert weighed_limit().standing is Standing.VOID
    assert weighed_limit(unsigned=Unsigned.ADMIT).standing is Standing.ASSERTED
    assert weighed_limit(unsigned=Unsigned.ADMIT, owner=EVE, approved_by=GRACE).standing is Standing.VOID
    later = replace(_LIMIT, end=date(2028, 12, 31))
    assert weighed_limit(later, owner=ADA, approved_by=GRACE).standing is Standing.VOID


def test_what_was_signed_of_a_limit_serves_no_exception() -> None:
    """The texts of both differ whatever they say: a limit may be called as an exception is."""
    limit, record = (json.loads(text_to_sign(one)) for one in (_LIMIT, _RECORD))
    assert limit.keys() - record.keys() == {"accepted_limit"}


def test_what_is_signed_is_one_text_for_ever() -> None:
    record = replace(_RECORD, reason="Für Zoë, bis \u202e morgen", signatures={"requested_by": "x"})
    assert text_to_sign(record).decode() == (
        '{\n "entry": {\n  "approved_by": "Grace Hopper",\n  "control": "unapproved_product",\n'
        '  "end": "2027-12-31",\n  "hosts": [\n   "pc-17"\n  ],\n  "id": "EX-1",\n'
        '  "reason": "F\\u00fcr Zo\\u00eb, bis \\u202e morgen",\n  "requested_by": "Ada Lovelace",\n'
        '  "start": "2027-01-01",\n  "subject": "product:anydesk"\n },\n'
        ' "purpose": "auditor-exception",\n "schema": 1\n}\n'
    )
