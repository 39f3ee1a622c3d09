"""AppLocker's rules weighed by hand, and what execution_control makes of Windows hosts."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.applocker import Answer, Program, is_like, publisher_of, weigh
from auditor.controls.execution_control import CONTROL
from auditor.model.case import Case
from auditor.model.facts.appcontrol import ExecutionControl, ExecutionRule, ProgramCondition
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.policy import ExecutionDemand, Settings
from auditor.model.record import replace
from auditor.model.sighting import SightingState

Make = Callable[..., Any]
EVERYONE, ADMINISTRATORS, SOMEBODY = "S-1-1-0", "S-1-5-32-544", "S-1-5-21-1-2-3-1105"


def path(value: str) -> ProgramCondition:
    return ProgramCondition(kind="path", subject=value)


def rule(*conditions: ProgramCondition, allows: bool = True, to: str = EVERYONE, **more: Any) -> ExecutionRule:
    values: dict[str, Any] = {"mechanism": "applocker", "collection": "Exe", "identifier": "1", "name": "a rule"} | more
    return ExecutionRule(action="allow" if allows else "deny", who=to, conditions=conditions, **values)


def of_srp(value: str, *, allows: bool = True) -> ExecutionRule:
    return rule(path(value), allows=allows, to="", mechanism="srp", collection="")


DEFAULT = (
    rule(path("%PROGRAMFILES%\\*")),
    rule(path("%WINDIR%\\*")),
    rule(path("*"), to=ADMINISTRATORS),
)
PUBLISHER = ProgramCondition(kind="publisher", subject="O=EXAMPLE LTD, C=DE", product="*", binary="*", versions="*-*")
HASH = ProgramCondition(kind="hash", subject="0x12")
USERS = "C:\\Users\\jane\\Downloads\\AnyDesk.exe"
PROGRAMS = "C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe"


@pytest.mark.parametrize(
    ("rules", "program", "expected"),
    [
        pytest.param(DEFAULT, USERS, Answer.DENIED, id="no-rule-allows-it-for-users"),
        pytest.param(DEFAULT, PROGRAMS, Answer.ALLOWED, id="the-macro-means-both-program-folders"),
        pytest.param(DEFAULT, "c:\\windows\\NOTEPAD.exe", Answer.ALLOWED, id="without-regard-to-case"),
        pytest.param(DEFAULT, "D:\\Program Files\\x.exe", Answer.DENIED, id="another-drive-is-another-folder"),
        pytest.param((*DEFAULT, rule(path("*"))), USERS, Answer.ALLOWED, id="a-rule-that-allows-all"),
        pytest.param((rule(path("%OSDRIVE%\\Users\\*")),), USERS, Answer.ALLOWED, id="a-macro-of-the-drive"),
        pytest.param(
            (*DEFAULT, rule(path("*\\AnyDesk.exe"), allows=False)), PROGRAMS, Answer.DENIED, id="denying-wins"
        ),
        pytest.param(
            (rule(path("%PROGRAMFILES%\\*"), exceptions=(path("%PROGRAMFILES%\\AnyDesk\\*"),)),),
            PROGRAMS,
            Answer.DENIED,
            id="an-exception-takes-it-out",
        ),
        pytest.param(
            (rule(path("%PROGRAMFILES%\\*"), exceptions=(PUBLISHER,)),),
            PROGRAMS,
            Answer.UNDECIDED,
            id="an-exception-by-a-publisher-that-is-not-known",
        ),
        pytest.param((*DEFAULT, rule(HASH)), USERS, Answer.UNDECIDED, id="a-hash-is-not-known"),
        pytest.param((*DEFAULT, rule(PUBLISHER)), USERS, Answer.UNDECIDED, id="nor-who-signed-it"),
        pytest.param((*DEFAULT, rule(HASH)), PROGRAMS, Answer.ALLOWED, id="a-doubt-that-could-only-allow-more"),
        pytest.param((*DEFAULT, rule(HASH, allows=False)), PROGRAMS, Answer.UNDECIDED, id="a-doubt-that-could-deny"),
        pytest.param((rule(path("*"), to=SOMEBODY),), USERS, Answer.UNDECIDED, id="who-is-in-that-group-is-not-known"),
        pytest.param((rule(path("*"), to=ADMINISTRATORS),), USERS, Answer.DENIED, id="administrators-are-no-users"),
        pytest.param((rule(path("%HOT%\\*")),), USERS, Answer.DENIED, id="the-drive-of-the-system-is-not-removable"),
        pytest.param((rule(path("%HOT%\\*")),), "E:\\x.exe", Answer.UNDECIDED, id="another-may-be"),
        pytest.param((rule(path("%SOMETHING%\\*")),), USERS, Answer.UNDECIDED, id="a-macro-that-is-not-known"),
        pytest.param(
            (rule(ProgramCondition(kind="", subject="")),), USERS, Answer.UNDECIDED, id="a-condition-not-understood"
        ),
        pytest.param(DEFAULT, "C:\\PROGRA~1\\x.exe", Answer.UNDECIDED, id="a-short-name-may-be-any-folder"),
    ],
)
def test_what_applocker_does_with_a_program(rules: tuple[ExecutionRule, ...], program: str, expected: Answer) -> None:
    assert weigh(rules, Program(path=program)).answer is expected


def test_who_signed_it_decides_where_it_is_known() -> None:
    asked = (rule(PUBLISHER),)
    assert weigh(asked, Program(path=USERS, signer="O=Example Ltd, C=DE")).answer is Answer.ALLOWED
    assert weigh(asked, Program(path=USERS, signer="O=Another, C=DE")).answer is Answer.DENIED
    assert weigh(asked, Program(path=USERS, signer="")).answer is Answer.DENIED
    assert publisher_of("CN=Example, O=Example Ltd, L=Bonn, C=DE") == "O=EXAMPLE LTD, L=BONN, C=DE"
    assert publisher_of('CN=x, O="Example, Ltd", C=DE') is None
    limited = (rule(replace(PUBLISHER, binary="TOOL.EXE")),)
    assert weigh(limited, Program(path=USERS, signer="O=Example Ltd, C=DE")).answer is Answer.UNDECIDED


def test_a_pattern_of_many_stars_costs_little() -> None:
    assert not is_like("*a" * 400 + "b", "a" * 800)
    assert is_like("c:\\*\\anydesk?.exe", "c:\\users\\x\\anydesk7.exe")


# ---- the control


@pytest.fixture
def on_windows(a_case: Make, a_section: Make) -> Callable[..., Case]:
    def make(*facts: object, demand: str = "user_places", **more: Any) -> Case:
        case: Case = a_case(
            *facts,
            sections=(a_section("appcontrol.windows"),),
            settings=Settings(execution_control=ExecutionDemand(demand)),
            **more,
        )
        return replace(case, head=replace(case.head, os=OsFamily.WINDOWS))

    return make


def mode(mechanism: str, mode: str, subject: str = "") -> ExecutionControl:
    return ExecutionControl(mechanism=mechanism, mode=mode, subject=subject, detail="as it says")


ENFORCED = (mode("applocker", "enforcing"), mode("applocker", "enforcing", "Exe"))
SRP = (mode("srp", "enforcing"), mode("srp", "enforcing", "programs that no rule names"))
SRP_DEFAULT = tuple(
    of_srp(f"%HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\{name}%")
    for name in ("Windows NT\\CurrentVersion\\SystemRoot", "Windows\\CurrentVersion\\ProgramFilesDir")
)
SRP_OPEN = [
    "place:c:\\users\\somebody\\downloads",
    "place:c:\\users\\somebody\\desktop",
    "place:c:\\users\\somebody\\appdata\\local\\temp",
    "place:c:\\users\\somebody\\appdata\\roaming",
    "place:c:\\users\\public",
]
NO_SERVICE = (mode("applocker", "off"), mode("applocker", "enforcing", "Exe"))
AUDITED = (mode("applocker", "enforcing"), mode("applocker", "auditing", "Exe"))


@pytest.mark.parametrize(
    ("facts", "demand", "subjects", "gaps"),
    [
        pytest.param((), "user_places", ["mechanism:windows"], 0, id="nothing-is-set-up"),
        pytest.param((*ENFORCED, *DEFAULT), "user_places", [], 0, id="the-default-rules-enforced"),
        pytest.param((*ENFORCED, *DEFAULT), "allowlist", [], 0, id="they-are-an-allowlist"),
        pytest.param((*NO_SERVICE, *DEFAULT), "user_places", ["mechanism:windows"], 0, id="its-service-does-not-run"),
        pytest.param((*AUDITED, *DEFAULT), "user_places", ["mechanism:windows"], 0, id="only-audited"),
        pytest.param(ENFORCED, "user_places", ["mechanism:windows"], 0, id="no-rule-is-no-enforcement"),
        pytest.param((mode("wdac", "enforcing"),), "allowlist", [], 1, id="wdac-alone-cannot-be-told"),
        pytest.param((mode("wdac", "auditing"),), "allowlist", ["mechanism:windows"], 0, id="wdac-that-only-audits"),
        pytest.param((mode("srp", "enforcing"),), "user_places", ["mechanism:windows"], 0, id="srp-that-refuses-a-few"),
        pytest.param(SRP, "allowlist", [], 0, id="srp-disallows"),
        pytest.param((*SRP, *SRP_DEFAULT), "allowlist", [], 0, id="srp-with-its-default-rules"),
        pytest.param((*SRP, of_srp("%USERPROFILE%\\Desktop")), "user_places", SRP_OPEN, 0, id="srp-opens-homes"),
        pytest.param(
            (*SRP, of_srp("C:\\ProgramData")), "user_places", ["place:c:\\programdata"], 0, id="srp-opens-a-folder"
        ),
        pytest.param((*SRP, of_srp("%SOMETHING%")), "user_places", [], 6, id="srp-with-a-variable-that-is-not-known"),
        pytest.param(
            (*SRP, of_srp("C:\\ProgramData"), of_srp("C:\\Program*", allows=False)),
            "user_places",
            [],
            1,
            id="srp-with-two-rules-that-meet",
        ),
        pytest.param(
            (*ENFORCED, *DEFAULT, rule(path("%OSDRIVE%\\Users\\*\\AppData\\*"))),
            "user_places",
            ["place:c:\\users\\somebody\\appdata\\local\\temp", "place:c:\\users\\somebody\\appdata\\roaming"],
            0,
            id="a-rule-opens-where-users-write",
        ),
        pytest.param((*ENFORCED, *DEFAULT, rule(PUBLISHER)), "allowlist", [], 0, id="a-publisher-opens-no-folder"),
        pytest.param((*ENFORCED, *DEFAULT, rule(HASH)), "allowlist", [], 0, id="nor-does-a-hash"),
        pytest.param(
            (*ENFORCED, *DEFAULT, rule(path("*")), mode("wdac", "enforcing")),
            "allowlist",
            [],
            7,
            id="what-applocker-lets-run-wdac-may-refuse",
        ),
        pytest.param(
            (*ENFORCED, *DEFAULT, rule(path("%OSDRIVE%\\tools\\*"))),
            "user_places",
            [],
            0,
            id="a-rule-for-another-folder",
        ),
    ],
)
def test_what_breaks_it(
    on_windows: Make, facts: tuple[object, ...], demand: str, subjects: list[str], gaps: int
) -> None:
    found = CONTROL.assess(on_windows(*facts, demand=demand))
    assert ([one.subject for one in found.violations], len(found.gaps)) == (subjects, gaps)


def test_a_running_product_was_not_refused_and_an_installed_one_is_weighed(on_windows: Make, a_use: Make) -> None:
    process = Process(pid=7, parent=1, user="x", name="AnyDesk.exe", executable=PROGRAMS)
    running = a_use(product="anydesk", name="AnyDesk", pids=(7,))
    found = CONTROL.assess(on_windows(*ENFORCED, *DEFAULT, process, demand="allowlist", products=(running,)))
    (violation,) = found.violations
    assert violation.subject == "product:anydesk"
    assert "lets it run" in violation.reason
    unknown = a_use(product="anydesk", name="AnyDesk", state=SightingState.INSTALLED)
    found = CONTROL.assess(on_windows(*ENFORCED, *DEFAULT, demand="allowlist", products=(unknown,)))
    assert found.violations == ()
    assert "where its programs lie is not known" in found.gaps[0].reason
    approved = a_use(product="anydesk", name="AnyDesk", pids=(7,), approval="desk")
    found = CONTROL.assess(on_windows(*ENFORCED, *DEFAULT, process, demand="allowlist", products=(approved,)))
    assert (found.violations, found.gaps) == ((), ())


INSTALLED = "C:\\Program Files\\AnyDesk\\AnyDesk.exe"


@pytest.mark.parametrize(
    ("facts", "subjects", "gaps"),
    [
        pytest.param((*ENFORCED, *DEFAULT), ["product:anydesk"], 0, id="applocker-lets-it-run"),
        pytest.param((*SRP, *SRP_DEFAULT), ["product:anydesk"], 0, id="srp-lets-it-run"),
        pytest.param(SRP, [], 0, id="srp-refuses-it"),
        pytest.param((*SRP, *SRP_DEFAULT, of_srp(INSTALLED, allows=False)), [], 1, id="srp-with-two-rules-that-meet"),
        pytest.param((*ENFORCED, *DEFAULT, mode("wdac", "enforcing")), [], 1, id="wdac-may-refuse-it"),
    ],
)
def test_whether_an_installed_product_would_run(
    on_windows: Make, a_use: Make, facts: tuple[object, ...], subjects: list[str], gaps: int
) -> None:
    process = Process(pid=7, parent=1, user="x", name="AnyDesk.exe", executable=INSTALLED)
    installed = a_use(product="anydesk", name="AnyDesk", state=SightingState.INSTALLED, pids=(7,))
    found = CONTROL.assess(on_windows(*facts, process, demand="allowlist", products=(installed,)))
    told = [gap.reason for gap in found.gaps if "AnyDesk" in gap.reason]
    assert ([one.subject for one in found.violations], len(told)) == (subjects, gaps)
