"""What keeps programs from running on a Mac: Santa in Lockdown does, Gatekeeper does not."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.execution_control import CONTROL
from auditor.model.facts.appcontrol import UNLISTED, ExecutionControl
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import ManagedProfile
from auditor.model.policy import ExecutionDemand, Settings
from auditor.model.sighting import Confidence

Make = Callable[..., Any]
PLACES, ALLOWLIST = ExecutionDemand.USER_PLACES, ExecutionDemand.ALLOWLIST
GATEKEEPER = ExecutionControl(mechanism="gatekeeper", mode="enforcing", detail="assessments enabled")
NO_GATEKEEPER = ExecutionControl(mechanism="gatekeeper", mode="off", detail="assessments disabled")
SIP = ExecutionControl(mechanism="sip", mode="enforcing", detail="enabled")
_BINARY = "com.northpolesec.santa.daemon"
SANTA = Process(
    pid=90,
    parent=1,
    user="root",
    uid=0,
    name=_BINARY,
    executable=f"/Library/SystemExtensions/0A1B/{_BINARY}.systemextension/Contents/MacOS/{_BINARY}",
)
FALSE_SANTA = Process(pid=91, parent=1, user="bob", uid=502, name=_BINARY, executable=f"/Users/bob/{_BINARY}")


def santa(key: str, value: str) -> ManagedProfile:
    return ManagedProfile(identifier="x", payload="com.northpolesec.santa", key=key, value=value)


LOCKDOWN, MONITOR = santa("ClientMode", "2"), santa("ClientMode", "1")
ENFORCING = ExecutionControl(mechanism="santa", mode="enforcing", detail="mode: Lockdown")
MONITORING = ExecutionControl(mechanism="santa", mode="auditing", detail="mode: Monitor")
APPS = ManagedProfile(
    identifier="y", payload="com.apple.applicationaccess.new", key="familyControlsEnabled", value="true"
)
NOTHING = ["mechanism:allowlist"]


@pytest.mark.parametrize("demand", [PLACES, ALLOWLIST])
@pytest.mark.parametrize(
    ("facts", "subjects", "undecided"),
    [
        pytest.param((GATEKEEPER, SIP), NOTHING, False, id="gatekeeper-is-no-allowlist"),
        pytest.param((NO_GATEKEEPER,), NOTHING, False, id="gatekeeper-is-off"),
        pytest.param((GATEKEEPER, SANTA, LOCKDOWN), [], False, id="lockdown"),
        pytest.param((GATEKEEPER, SANTA, MONITOR), NOTHING, False, id="monitor"),
        pytest.param((GATEKEEPER, SANTA), NOTHING, False, id="monitor-is-the-default"),
        pytest.param((GATEKEEPER, SANTA, santa("ClientMode", "3")), NOTHING, False, id="users-allow-for-themselves"),
        pytest.param((GATEKEEPER, LOCKDOWN), NOTHING, False, id="a-profile-without-the-daemon"),
        pytest.param((GATEKEEPER, FALSE_SANTA, LOCKDOWN), NOTHING, False, id="a-program-that-is-called-so"),
        pytest.param(
            (GATEKEEPER, SANTA, LOCKDOWN, santa("AllowedPathRegex", "^/Users/.*")), [], True, id="but-for-paths"
        ),
        pytest.param((GATEKEEPER, SANTA, LOCKDOWN, santa("SyncBaseURL", "https://x")), [], True, id="a-server-decides"),
        pytest.param(
            (GATEKEEPER, SANTA, santa("SyncBaseURL", "https://x"), ENFORCING), [], False, id="and-santa-was-asked"
        ),
        pytest.param((GATEKEEPER, SANTA, LOCKDOWN, MONITORING), NOTHING, False, id="what-santa-says-counts"),
        pytest.param(
            (ENFORCING, ExecutionControl(mechanism="santa", mode="off", subject=UNLISTED)),
            NOTHING,
            False,
            id="it-lets-run-what-nobody-listed",
        ),
        pytest.param((GATEKEEPER, APPS), [], True, id="a-list-of-apps-says-nothing-of-programs"),
    ],
)
def test_what_breaks_it(
    on_a_mac: Make, demand: ExecutionDemand, facts: tuple[object, ...], subjects: list[str], undecided: bool
) -> None:
    case = on_a_mac(*facts, section="appcontrol.macos", settings=Settings(execution_control=demand))
    found = CONTROL.assess(case)
    assert [one.subject for one in found.violations] == subjects
    assert bool(found.gaps) is undecided
    assert found.inapplicable is None


@pytest.mark.parametrize(("fact", "said"), [(GATEKEEPER, "marked as downloaded"), (NO_GATEKEEPER, "switched off")])
def test_the_reason_says_what_gatekeeper_does(on_a_mac: Make, fact: ExecutionControl, said: str) -> None:
    case = on_a_mac(fact, section="appcontrol.macos", settings=Settings(execution_control=ALLOWLIST))
    (violation,) = CONTROL.assess(case).violations
    assert said in violation.reason
    assert violation.proof


def test_what_runs_was_not_refused(on_a_mac: Make, a_use: Make) -> None:
    uses = (
        a_use(product="anydesk", name="AnyDesk"),
        a_use(product="rustdesk", approval="helpdesk"),
        a_use(product="generic-vnc", confidence=Confidence.SUSPECTED),
    )
    settings = Settings(execution_control=ALLOWLIST)
    found = CONTROL.assess(on_a_mac(GATEKEEPER, SANTA, LOCKDOWN, settings=settings, products=uses))
    assert [one.subject for one in found.violations] == ["product:anydesk"]
    assert [one.subject for one in found.suspected] == ["product:generic-vnc"]
    assert "launchctl" in found.violations[0].remediation[0]
