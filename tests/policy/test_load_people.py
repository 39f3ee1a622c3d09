"""The people file: what is read, and every fault at its place."""

import base64
from datetime import date
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.policy.load_people import parse_people
from auditor.trust.people import Duty, PersonKey, same_person
from auditor.trust.wire import string
from tests.policy.signed import ADA, EVE, GRACE

_FILE = Path("people.yml")
_WEAK = base64.b64encode(string(b"ssh-ed25519") + string(bytes(32))).decode()
_TEXT = f"""\
people:
  - name: Ada  Lovelace
    roles: [service owner, "Zoë's deputy"]
    email: ada@example.com
    keys:
      - key: {ADA.public.line} ada@laptop
        valid_from: 2027-01-01
        valid_until: 2028-02-29
      - key: {EVE.public.line}
  - name: Grace Hopper
    roles: [security]
    keys:
      - key: {GRACE.public.line}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_people(text, _FILE)
    return [str(problem) for problem in caught.value.problems]


def test_every_key_is_read() -> None:
    people = parse_people("\ufeff" + _TEXT, _FILE)
    ada = people.named(" ADA lovelace")
    assert ada is not None
    assert (ada.name, ada.roles, ada.email) == ("Ada Lovelace", ("service owner", "Zoë's deputy"), "ada@example.com")
    assert ada.keys == (
        PersonKey(key=ADA.public, valid_from=date(2027, 1, 1), valid_until=date(2028, 2, 29)),
        PersonKey(key=EVE.public),
    )
    assert people.holder(EVE.public) is ada
    assert people.named("Eve") is None


def test_duties_are_left_to_roles_however_these_are_written() -> None:
    people = parse_people(
        _TEXT + "duties:\n  approve_plans: [ Security ]\n  review: [SECURITY, service  owner]\n", _FILE
    )
    assert people.unfit("grace hopper", Duty.APPROVE_PLANS) is None
    assert people.unfit("Ada Lovelace", Duty.APPROVE_PLANS) == (
        "may not approve plans: the people file leaves that to 'Security', not to 'service owner', \"Zoë's deputy\""
    )
    assert people.unfit("Eve", Duty.APPROVE_PLANS) == (
        "may not approve plans: that is left to 'Security', and the people file does not know this name"
    )
    # What is left to nobody in particular is anybody's.
    assert people.unfit("Eve", Duty.PREPARE) is None
    ada, grace = people.persons
    assert set(people.may(ada)) == set(Duty) - {Duty.APPROVE_PLANS}
    assert set(people.may(grace)) == set(Duty)


@pytest.mark.parametrize(
    ("duties", "expected"),
    [
        pytest.param(
            "approve_plans: [securty]",
            "people.yml:15:19: nobody in this file has the role 'securty' (did you mean 'security'?)",
            id="a-role-that-nobody-has",
        ),
        pytest.param(
            "approve_plan: [security]",
            "people.yml:15:3: unknown key 'approve_plan' (did you mean 'approve_plans'?)",
            id="an-unknown-duty",
        ),
        pytest.param(
            "review: []", "people.yml:15:3: duties.review: [] should be non-empty", id="a-duty-that-is-left-to-nobody"
        ),
        pytest.param(
            "review: security", "people.yml:15:3: duties.review: 'security' is not of type 'array'", id="no-list"
        ),
    ],
)
def test_a_duty_that_nobody_could_do_is_refused(duties: str, expected: str) -> None:
    (fault,) = faults(f"{_TEXT}duties:\n  {duties}\n")
    assert fault.startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "Grace Hopper",
            "ada lovelace",
            "people.yml:10:5: 'ada lovelace' is a person above: a second key stands among that person's keys",
            id="one-name-twice",
        ),
        pytest.param(
            GRACE.public.line,
            f"{ADA.public.line} grace",
            "people.yml:13:9: 'Ada  Lovelace' has this key: nobody shares one",
            id="one-key-for-two",
        ),
        pytest.param(
            GRACE.public.line,
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ",
            "people.yml:13:9: key of 'Grace Hopper': is of type 'ssh-rsa'; only Ed25519 keys count: "
            "`ssh-keygen -t ed25519` makes one",
            id="rsa",
        ),
        pytest.param(
            GRACE.public.line,
            f"ssh-ed25519 {_WEAK}",
            "people.yml:13:9: key of 'Grace Hopper': is one of the few weak keys whose signatures prove nothing",
            id="a-weak-key",
        ),
        pytest.param(
            "2028-02-29",
            "2027-02-29",
            "people.yml:8:9: valid_until: '2027-02-29' cannot be used: day is out of range for month",
            id="no-leap-day",
        ),
        pytest.param(
            "2028-02-29",
            "2028-2-9",
            "people.yml:8:9: people.0.keys.0.valid_until: '2028-2-9' does not fit: a day such as 2027-03-31 (UTC)",
            id="no-day",
        ),
        pytest.param(
            "2028-02-29",
            "2026-12-31",
            "people.yml:8:9: valid_until is before valid_from: this key never counts",
            id="backwards",
        ),
        pytest.param(
            "    roles: [security]\n",
            "",
            "people.yml:10:5: people.1: 'roles' is a required property",
            id="without-a-role",
        ),
        pytest.param("email", "mail", "people.yml:4:5: unknown key 'mail' (did you mean 'email'?)", id="key"),
    ],
)
def test_a_fault_is_named_with_its_place(old: str, new: str, expected: str) -> None:
    assert old in _TEXT
    assert faults(_TEXT.replace(old, new)) == [expected]


def test_all_faults_are_named_at_once() -> None:
    text = _TEXT.replace("Grace Hopper", "ada LOVELACE").replace(GRACE.public.line, "x").replace("email", "mail")
    assert [said.split(": ")[0] for said in faults(text)] == ["people.yml:4:5", "people.yml:10:5", "people.yml:13:9"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada Lovelace", " ada\tLOVELACE ", True),
        ("Zoë", "ZOE\u0308", True),
        ("Straße", "STRASSE", True),
        ("Ａda", "Ada", True),  # noqa: RUF001 — full width on purpose
        ("Ada", "Аda", False),  # noqa: RUF001 — Cyrillic on purpose: another name, and so without a key
        ("Ada Lovelace", "Ada Love lace", False),
    ],
)
def test_which_names_are_one_person(one: str, other: str, same: bool) -> None:
    assert (same_person(one) == same_person(other)) is same
