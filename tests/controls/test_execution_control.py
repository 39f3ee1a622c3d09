from collections.abc import Callable
from typing import Any

import pytest

from auditor.collect.appcontrol.fapolicyd_rules import UNLISTED
from auditor.controls.execution_control import CONTROL
from auditor.model.case import Case
from auditor.model.facts.accounts import Account
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.policy import ExecutionDemand, Settings
from auditor.model.sighting import Confidence, Role, SightingState
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host

Make = Callable[..., Any]
NONE, PLACES, ALLOWLIST = ExecutionDemand.NONE, ExecutionDemand.USER_PLACES, ExecutionDemand.ALLOWLIST


def fapolicyd(mode: str = "enforcing", unlisted: str | None = "enforcing") -> list[ExecutionControl]:
    whole = ExecutionControl(mechanism="fapolicyd", mode=mode, detail="as the test has it")
    rule = [] if unlisted is None else [ExecutionControl(mechanism="fapolicyd", mode=unlisted, subject=UNLISTED)]
    return [whole, *rule]


def mount(place: str, mode: str = "enforcing") -> ExecutionControl:
    return ExecutionControl(mechanism="noexec mount", mode=mode, subject=place)


ROOT = mount("/", "off")
# Places that are judged; nothing is written there.
HARDENED = [ROOT, *(mount(f"/{name}") for name in ("dev/shm", "home", "tmp", "var/tmp"))]
APPARMOR = ExecutionControl(mechanism="apparmor", mode="enforcing", subject="/usr/bin/man")
SELINUX = ExecutionControl(mechanism="selinux", mode="enforcing", detail="SELINUX=enforcing, SELINUXTYPE=targeted")


@pytest.mark.parametrize(
    ("demand", "facts", "subjects"),
    [
        pytest.param(PLACES, HARDENED, [], id="every-place-is-noexec"),
        pytest.param(PLACES, [*HARDENED[:-1], mount("/var")], [], id="by-a-mount-above"),
        pytest.param(
            PLACES, [ROOT], ["place:/dev/shm", "place:/home", "place:/tmp", "place:/var/tmp"], id="one-file-system"
        ),
        pytest.param(PLACES, [*HARDENED, mount("/home", "off")], ["place:/home"], id="one-place-forgotten"),
        pytest.param(PLACES, [mount("/"), mount("/homes", "off")], [], id="a-name-that-only-begins-alike"),
        pytest.param(PLACES, [ROOT, *fapolicyd()], [], id="an-allowlist-is-more"),
        pytest.param(
            PLACES, [mount("/"), mount("/srv", "off"), Account(name="ada", uid=1000, home="/srv/ada")],
            ["place:/srv/ada"], id="a-home-elsewhere",
        ),
        pytest.param(
            PLACES, [mount("/"), mount("/srv", "off"), Account(name="www", uid=33, home="/srv/www")], [],
            id="the-folder-of-a-service",
        ),
        pytest.param(ALLOWLIST, fapolicyd(), [], id="an-allowlist"),
        pytest.param(ALLOWLIST, HARDENED, ["mechanism:fapolicyd"], id="noexec-is-no-allowlist"),
        pytest.param(ALLOWLIST, [APPARMOR, SELINUX], ["mechanism:fapolicyd"], id="neither-are-apparmor-and-selinux"),
        pytest.param(ALLOWLIST, fapolicyd("auditing", "auditing"), ["mechanism:fapolicyd"], id="permissive"),
        pytest.param(ALLOWLIST, fapolicyd("off", "off"), ["mechanism:fapolicyd"], id="stopped"),
        pytest.param(ALLOWLIST, fapolicyd(unlisted=None), ["mechanism:fapolicyd"], id="no-rule-refuses-the-rest"),
        pytest.param(ALLOWLIST, fapolicyd(unlisted="off"), ["mechanism:fapolicyd"], id="a-rule-allows-the-rest"),
    ],
)  # fmt: skip
def test_what_breaks_it(a_case: Make, demand: ExecutionDemand, facts: list[object], subjects: list[str]) -> None:
    found = CONTROL.assess(a_case(*facts, settings=Settings(execution_control=demand)))
    assert [one.subject for one in found.violations] == subjects
    assert (found.gaps, found.inapplicable) == ((), None)


def test_a_policy_that_does_not_ask_makes_it_inapplicable(a_case: Make) -> None:
    assert Settings().execution_control is NONE
    found = CONTROL.assess(a_case(ROOT))
    assert (found.violations, found.inapplicable is not None) == ((), True)


def test_what_runs_was_not_refused(a_case: Make, a_use: Make) -> None:
    uses = (
        a_use(product="anydesk", name="AnyDesk"),
        a_use(product="rustdesk", approval="helpdesk"),
        a_use(product="tigervnc", state=SightingState.INSTALLED),
        a_use(product="tigervnc-viewer", role=Role.CLIENT),
        a_use(product="generic-vnc", confidence=Confidence.SUSPECTED),
    )
    case = a_case(*fapolicyd(), products=uses, settings=Settings(execution_control=ALLOWLIST))
    found = CONTROL.assess(case)
    assert [one.subject for one in found.violations] == ["product:anydesk"]
    assert "although an allowlist is in force" in found.violations[0].reason
    assert [one.subject for one in found.suspected] == ["product:generic-vnc"]


def test_the_reason_says_what_apparmor_and_selinux_do(a_case: Make) -> None:
    case = a_case(APPARMOR, SELINUX, settings=Settings(execution_control=ALLOWLIST))
    (violation,) = CONTROL.assess(case).violations
    assert "AppArmor confines what its 1 profiles are made for" in violation.reason
    assert "SELinux enforces" in violation.reason


def _asked(*facts: object, demand: ExecutionDemand = ALLOWLIST, blind: tuple[str, ...] = ()) -> Case:
    told = {"appcontrol.fapolicyd": facts}
    return a_host(told, settings=Settings(execution_control=demand), blind=blind)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _asked(*fapolicyd("off", "off")),
    Verdict.PASS: lambda: _asked(*fapolicyd()),
    Verdict.UNKNOWN: lambda: _asked(*fapolicyd(), blind=("appcontrol.fapolicyd",)),
    Verdict.NOT_APPLICABLE: lambda: _asked(demand=NONE),
}
