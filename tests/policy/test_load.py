"""Policy files: what is bundled, and every fault at its place."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.model.policy import AcceptedLimit, Approval, Installers, ListenScope, Policy, Settings, Unsigned
from auditor.model.record import replace
from auditor.model.verdict import Severity
from auditor.policy.load import load_policy, parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.load_people import parse_people
from auditor.policy.locate import bundled, locate
from auditor.trust.people import Duty

_PRODUCTS = ("anydesk", "teamviewer", "tigervnc")
_CONTROLS = ("complete_inventory", "exposed_listener", "unapproved_product")
_FILE = Path("policy.yml")

_FULL = """\
name: Everything
settings:
  coverage: 95%
  max_age: 2w
  residual_is_violation: true
  clients_are_violations: true
  exception_max_days: 30
  installers:
    users: [root, ops]
    groups: [sudo]
  service_accounts: [audit]
approvals:
  - id: a
    product: tigervnc
    versions: ">=1.12, <2"
    hosts: ["lab-*"]
    groups: [lab]
    tenant: acme
    listen:
      ports: [5900-5910, "22, 23", 80]
      loopback_only: false
    reason: Measuring
    owner: Laboratory
    review_by: 2027-03-31
accepted_limits:
  - limit: perimeter
    reason: Audited by others
    owner: Security
    approved_by: Grace
    start: 2027-12-02
    end: 2027-12-31
"""


def policy_faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, _FILE, products=_PRODUCTS)
    return [str(problem) for problem in caught.value.problems]


def test_the_bundled_policy_denies_by_default() -> None:
    loaded = load_policy(bundled("policy.yml"), products=())
    assert (loaded.policy.approvals, loaded.policy.accepted_limits) == ((), ())
    # What it spells out is what holds where a policy says nothing.
    assert replace(loaded.policy.settings, due={}) == Settings()
    # Only the terms are a proposal: a policy that names none has no due dates.
    assert loaded.policy.settings.due == {
        severity: timedelta(days=days) for severity, days in zip(Severity, (7, 30, 90, 180), strict=True)
    }
    assert loaded.policy.sha256 == hashlib.sha256(bundled("policy.yml").read_bytes()).hexdigest()


def uncommented(name: str, keys: tuple[str, ...]) -> str:
    """Put a bundled file's examples into force."""
    text = bundled(name).read_text(encoding="utf-8")
    for key in keys:
        text = text.replace(f"\n{key}: []\n# {key}:\n", f"\n# {key}:\n").replace(f"\n# {key}:\n", f"\n{key}:\n")
    return text.replace("\n#   ", "\n  ")


def test_the_examples_in_the_bundled_files_are_right() -> None:
    text = uncommented("policy.yml", ("approvals", "accepted_limits"))
    policy = parse_policy(text, _FILE, products=_PRODUCTS)
    assert [approval.id for approval in policy.approvals] == ["helpdesk-teamviewer", "lab-tigervnc"]
    assert [limit.limit for limit in policy.accepted_limits] == ["perimeter"]
    known = Known(controls=_CONTROLS, products=_PRODUCTS, settings=policy.settings)
    records = parse_exceptions(uncommented("exceptions.yml", ("exceptions",)), _FILE, known)
    assert [record.id for record in records] == ["EX-2027-001"]
    people = parse_people(uncommented("people.yml", ("people", "duties")), _FILE)
    assert set(people.duties) == {Duty.APPROVE_EXCEPTIONS, Duty.APPROVE_PLANS, Duty.REVIEW}
    # The examples belong together.
    limit = policy.accepted_limits[0]
    for name in (records[0].requested_by, records[0].approved_by, limit.owner, limit.approved_by):
        assert people.named(name) is not None


@pytest.mark.parametrize("name", ["exceptions.yml", "people.yml"])
def test_the_other_bundled_files_are_empty(name: str) -> None:
    text = bundled(name).read_text(encoding="utf-8")
    known = Known(controls=(), products=(), settings=Settings())
    assert not parse_people(text, _FILE).persons if name == "people.yml" else not parse_exceptions(text, _FILE, known)


def test_every_key_is_read() -> None:
    assert parse_policy(_FULL, _FILE, products=_PRODUCTS) == Policy(
        name="Everything",
        approvals=(
            Approval(
                id="a",
                product="tigervnc",
                versions=">=1.12, <2",
                hosts=("lab-*",),
                groups=("lab",),
                tenant="acme",
                listen=ListenScope(ports=((22, 22), (23, 23), (80, 80), (5900, 5910)), loopback_only=False),
                reason="Measuring",
                owner="Laboratory",
                review_by=date(2027, 3, 31),
            ),
        ),
        accepted_limits=(
            AcceptedLimit(
                limit="perimeter",
                reason="Audited by others",
                owner="Security",
                approved_by="Grace",
                start=date(2027, 12, 2),
                end=date(2027, 12, 31),
            ),
        ),
        settings=Settings(
            coverage=0.95,
            max_age=timedelta(days=14),
            residual_is_violation=True,
            clients_are_violations=True,
            exception_max_days=30,
            installers=Installers(users=("root", "ops"), groups=("sudo",)),
            service_accounts=("audit",),
        ),
        sha256=hashlib.sha256(_FULL.encode()).hexdigest(),
    )


@pytest.mark.parametrize("word", list(Unsigned))
def test_what_becomes_of_unsigned_exceptions_is_said_by_a_word(word: Unsigned) -> None:
    policy = parse_policy(f"name: x\nsettings: {{unsigned_exceptions: {word}}}\n", _FILE, products=())
    assert policy.settings.unsigned_exceptions is word
    assert policy_faults("name: x\nsettings: {unsigned_exceptions: true}\n") == [
        "policy.yml:2:12: settings.unsigned_exceptions: True is none of refuse, admit"
    ]


def changed(old: str, new: str) -> str:
    assert old in _FULL
    return _FULL.replace(old, new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            changed("tigervnc", "any-desk"),
            ["policy.yml:14:5: unknown product 'any-desk' (did you mean 'anydesk'?)"],
            id="product",
        ),
        pytest.param(
            changed("review_by", "reveiw_by"),
            [
                "policy.yml:13:5: approvals.0: 'review_by' is a required property",
                "policy.yml:24:5: unknown key 'reveiw_by' (did you mean 'review_by'?)",
            ],
            id="key",
        ),
        pytest.param(
            changed("2027-03-31", "2027-02-30"),
            ["policy.yml:24:5: review_by: '2027-02-30' cannot be used: day is out of range for month"],
            id="no-such-day",
        ),
        pytest.param(
            changed("2027-03-31", "31.3.2027"),
            ["policy.yml:24:5: approvals.0.review_by: '31.3.2027' does not fit: a day such as 2027-03-31 (UTC)"],
            id="another-way-to-write-days",
        ),
        pytest.param(
            changed("2027-12-31", "2027-12-31T10"),
            ["policy.yml:31:5: accepted_limits.0.end: '2027-12-31T10' does not fit: a day such as 2027-03-31 (UTC)"],
            id="an-instant-is-no-day",
        ),
        pytest.param(
            changed('">=1.12, <2"', "1.12"),
            ["policy.yml:15:5: approvals.0.versions: 1.12 is not of type 'string'"],
            id="a-version-without-quotes",
        ),
        pytest.param(
            changed('">=1.12, <2"', '"1-2"'),
            ["policy.yml:15:5: versions: '1-2' cannot be used: '1-2' does not begin with one of >=, <=, ==, !=, >, <"],
            id="no-range",
        ),
        pytest.param(
            changed("95%", "120%"),
            ["policy.yml:3:3: coverage: '120%' cannot be used: a share is between none and all of the hosts"],
            id="more-than-all",
        ),
        pytest.param(
            changed("95%", ".nan"),
            ["policy.yml:3:3: coverage: nan cannot be used: a share is between none and all of the hosts"],
            id="no-number-at-all",
        ),
        pytest.param(
            changed("2w", "0d"), ["policy.yml:4:3: max_age: '0d' cannot be used: no host is that young"], id="no-time"
        ),
        pytest.param(
            changed("2w", "99999999999d"),
            ["policy.yml:4:3: max_age: '99999999999d' cannot be used: 10000d is the most"],
            id="too-much-time",
        ),
        pytest.param(
            changed('[5900-5910, "22, 23", 80]', "5910-5900"),
            ["policy.yml:20:7: ports: '5910-5900' cannot be used: '5910-5900' runs backwards"],
            id="ports-backwards",
        ),
        pytest.param(
            changed('[5900-5910, "22, 23", 80]', "[vnc, 70000]"),
            ["policy.yml:20:7: ports: ['vnc', 70000] cannot be used: 'vnc' is not a port"],
            id="a-port-by-name",
        ),
        pytest.param(
            changed("accepted_limits", "name"),
            ["policy.yml:25:1: key 'name' stands twice in the same mapping"],
            id="twice",
        ),
        pytest.param(
            changed("Everything", "[x"), ["policy.yml:2:9: not YAML: did not find expected ',' or ']'"], id="not-yaml"
        ),
        pytest.param("", ["policy.yml:1:1: document: None is not of type 'object'"], id="empty"),
        pytest.param("[" * 100_000, ["policy.yml: not YAML: nested more than 100 levels deep, at line 1"], id="deep"),
        pytest.param(
            "name: &a [*a]\n",
            ["policy.yml: not YAML: too many values or levels (aliases that multiply, or stand inside themselves?)"],
            id="an-alias-inside-itself",
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_the_right_word(text: str, expected: list[str]) -> None:
    assert policy_faults(text) == expected


def test_all_faults_are_named_at_once_in_the_order_of_the_file() -> None:
    text = (
        changed("95%", "2").replace("tigervnc", "tiger").replace("tenant", "tennant").replace("[root, ops]", "root")
        + "setings: {}\n"
    )
    assert [said.split(": ")[0] for said in policy_faults(text)] == [
        "policy.yml:3:3",
        "policy.yml:9:5",
        "policy.yml:14:5",
        "policy.yml:18:5",
        "policy.yml:32:1",
    ]


def test_an_id_is_taken_once() -> None:
    entry = "- {id: a, product: anydesk, reason: r, owner: o, review_by: 2027-01-01}\n"
    assert policy_faults(f"name: x\napprovals:\n{entry}{entry}") == [
        "policy.yml:4:4: id 'a' is taken by an entry above"
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "policy.yml"
    binary.write_bytes(b"name: \xff\n")
    with pytest.raises(PolicyError, match=r"policy\.yml: is not UTF-8 text \(byte 6\)"):
        load_policy(binary, products=())
    with pytest.raises(PolicyError, match="cannot be read: Is a directory"):
        load_policy(tmp_path, products=())


def test_line_ends_count_for_the_digest_and_for_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "policy.yml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\napprovals: []\r\n")
    loaded = load_policy(path, products=())
    assert loaded.policy.name == "x"
    assert loaded.policy.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_that_is_named_comes_first_then_the_working_folders_then_the_bundled(tmp_path: Path) -> None:
    assert locate("policy.yml", working_folder=tmp_path) == bundled("policy.yml")
    own = tmp_path / "policies" / "policy.yml"
    own.parent.mkdir()
    own.touch()
    assert locate("policy.yml", working_folder=tmp_path) == own
    named = tmp_path / "mine.yml"
    named.touch()
    assert locate("policy.yml", named, working_folder=tmp_path) == named
    # A typing error must not bring another policy into force.
    with pytest.raises(PolicyError, match=r"nowhere\.yml: there is no such file"):
        locate("policy.yml", tmp_path / "nowhere.yml", working_folder=tmp_path)
    with pytest.raises(PolicyError, match=r"other\.yml did not come with this auditor"):
        locate("other.yml", working_folder=tmp_path)


def test_an_approval_says_whether_it_starts_by_itself_and_is_portable() -> None:
    text = _FULL.replace("    tenant: acme\n", "    tenant: acme\n    start: on_demand\n    portable: true\n")
    (approval,) = parse_policy(text, _FILE, products=_PRODUCTS).approvals
    assert (approval.may_start, approval.may_be_portable) == (False, True)
    (fault,) = policy_faults(text.replace("on_demand", "never"))
    assert "policy.yml:19:5" in fault
