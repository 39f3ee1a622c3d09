"""Members of the local Administrators, by name and SID, against what a policy names."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.software_installers import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.accounts import Group
from auditor.model.host import OsFamily
from auditor.model.policy import Installers, Settings
from auditor.model.record import replace
from auditor.model.verdict import Severity

Make = Callable[..., Any]
BUILT_IN = ("WIN1\\Verwalter", "S-1-5-21-1-2-3-500")
DOMAIN_ADMINS = ("EXAMPLE\\Domänen-Admins", "S-1-5-21-9-9-9-512")
JANE = ("EXAMPLE\\jane", "S-1-5-21-9-9-9-1105")
LOCAL = ("WIN1\\deploy", "S-1-5-21-1-2-3-1001")
EVERYONE = ("Everyone", "S-1-1-0")
GONE = ("S-1-5-21-9-9-9-4711", "S-1-5-21-9-9-9-4711")


@pytest.fixture
def on_windows(a_case: Make, a_section: Make) -> Callable[..., Case]:
    def make(*members: tuple[str, str], outcome: Outcome = Outcome.COLLECTED, **installers: Any) -> Case:
        section = a_section("accounts.administrators", outcome, lines=("a line",))
        group = Group(
            name="Administratoren",
            sid="S-1-5-32-544",
            members=tuple(name for name, _ in members),
            member_sids=tuple(sid for _, sid in members),
        )
        settings = Settings(installers=Installers(**installers))
        facts = (group,) if outcome is Outcome.COLLECTED else ()
        case: Case = a_case(*facts, sections=(section,), hostname="win1", settings=settings)
        return replace(case, head=replace(case.head, os=OsFamily.WINDOWS))

    return make


@pytest.mark.parametrize(
    ("members", "installers", "subjects"),
    [
        pytest.param((BUILT_IN,), {}, [], id="the-built-in-one-is-as-root"),
        pytest.param((BUILT_IN,), {"users": ()}, ["principal:win1\\verwalter"], id="unless-root-is-not-approved"),
        pytest.param((JANE,), {}, ["principal:example\\jane"], id="somebody-nobody-approved"),
        pytest.param((JANE,), {"users": ("EXAMPLE\\Jane",)}, [], id="approved-by-name"),
        pytest.param((JANE,), {"users": ("jane",)}, ["principal:example\\jane"], id="a-bare-name-is-the-hosts-own"),
        pytest.param((LOCAL,), {"users": ("deploy",)}, [], id="an-account-of-the-host-by-its-name"),
        pytest.param((JANE,), {"users": (JANE[1],)}, [], id="approved-by-sid"),
        pytest.param((DOMAIN_ADMINS,), {"groups": ("Domain Admins",)}, [], id="by-who-it-is-in-any-language"),
        pytest.param((DOMAIN_ADMINS,), {}, ["principal:example\\domänen-admins"], id="a-group-of-the-domain"),
        pytest.param((("EVIL\\x", "S-1-5-21-7-7-7-500"),), {}, ["principal:evil\\x"], id="another-domains-rid-500"),
        pytest.param((GONE,), {}, ["principal:S-1-5-21-9-9-9-4711"], id="a-member-no-directory-knows"),
        pytest.param((BUILT_IN, JANE, LOCAL), {"groups": ("EXAMPLE\\jane",)}, ["principal:win1\\deploy"], id="several"),
    ],
)
def test_who_may_install(
    on_windows: Make, members: tuple[tuple[str, str], ...], installers: dict[str, Any], subjects: list[str]
) -> None:
    found = CONTROL.assess(on_windows(*members, **installers))
    assert ([one.subject for one in found.violations], found.gaps) == (subjects, ())


def test_everybody_as_an_administrator_matters_more(on_windows: Make) -> None:
    (violation,) = CONTROL.assess(on_windows(EVERYONE)).violations
    assert violation.severity is Severity.HIGH


def test_a_domain_controller_has_no_such_group_and_passes_nothing_by_that(on_windows: Make) -> None:
    found = CONTROL.assess(on_windows(outcome=Outcome.ABSENT))
    assert (found.violations, [one.section for one in found.gaps]) == ((), ["accounts.administrators"])
