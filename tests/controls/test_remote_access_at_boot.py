"""What starts remote access by itself."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from auditor.controls.remote_access_at_boot import CONTROL
from auditor.model.case import Case
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteManagement
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import InstallState, Software
from auditor.model.host import OsFamily
from auditor.model.policy import Settings
from auditor.model.record import replace
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host, an_approval

_AUTO, _MANUAL, _OFF = StartMode.AUTOMATIC, StartMode.MANUAL, StartMode.DISABLED
_PACKAGE = Software(name="x11vnc", version="0.9.16-9", source="software.dpkg")


def unit(name: str, start: StartMode, **more: Any) -> Service:
    values: dict[str, Any] = {"manager": ServiceManager.SYSTEMD, "is_running": False, "state": "loaded inactive dead"}
    return Service(name=name, start=start, **{**values, **more})


def linux(*services: Service, section: str = "services.systemd", package: Software = _PACKAGE, **more: Any) -> Case:
    return a_host({"software.dpkg": [package], section: services}, **more)


_ENABLED = unit("x11vnc.service", _AUTO, command="/usr/bin/x11vnc -forever")

CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: linux(_ENABLED),
    Verdict.PASS: lambda: linux(unit("x11vnc.service", _OFF)),
    Verdict.UNKNOWN: lambda: linux(unit("x11vnc.service", _OFF), blind=("services.cron",)),
}
ALWAYS_APPLIES = "every system starts programs by itself"


def _subjects(case: Case) -> list[str]:
    found = CONTROL.assess(case)
    assert found.suspected == ()
    return [one.subject for one in found.violations]


@pytest.mark.parametrize(
    ("section", "service"),
    [
        pytest.param("services.systemd", _ENABLED, id="a-unit-that-is-enabled-and-does-not-run"),
        pytest.param("services.systemd", unit("x11vnc.service", _AUTO, is_running=True), id="one-that-runs-too"),
        pytest.param(
            "services.user_units",
            unit("x11vnc.service", _AUTO, manager=ServiceManager.SYSTEMD_USER, user="alice"),
            id="a-unit-of-a-session",
        ),
        pytest.param(
            "services.autostart",
            Service(
                name="desk.desktop", manager=ServiceManager.AUTOSTART, start=_AUTO, command="x11vnc -bg", user="alice"
            ),
            id="an-autostart-entry-under-another-name",
        ),
        pytest.param(
            "services.cron",
            Service(name="root", manager=ServiceManager.CRON, start=_AUTO, command="/usr/bin/x11vnc -loop"),
            id="a-crontab",
        ),
        pytest.param(
            "services.xinetd",
            Service(
                name="vnc", manager=ServiceManager.XINETD, start=_AUTO, command="/usr/bin/x11vnc -inetd",
                ports=("5900/tcp",),
            ),
            id="a-superserver",
        ),
        pytest.param(
            "services.sysv", Service(name="x11vnc", manager=ServiceManager.SYSV, start=_AUTO), id="an-init-script"
        ),
    ],
)  # fmt: skip
def test_whatever_starts_it(section: str, service: Service) -> None:
    assert _subjects(linux(service, section=section)) == ["product:x11vnc"]


@pytest.mark.parametrize(
    "services",
    [
        pytest.param([unit("x11vnc.service", _OFF, is_running=True)], id="started-by-hand"),
        pytest.param([unit("x11vnc.service", StartMode.MASKED)], id="masked"),
        pytest.param(
            [unit("x11vnc.service", _AUTO, state="not-found inactive dead")], id="a-unit-that-no-file-defines"
        ),
        pytest.param([replace(_ENABLED, is_program_gone=True)], id="a-unit-whose-program-is-gone"),
        pytest.param(
            [replace(_ENABLED, start=_MANUAL, is_program_gone=True), unit("x11vnc.timer", _AUTO, is_program_gone=True)],
            id="a-timer-of-such-a-unit",
        ),
        pytest.param([unit("backup.service", _AUTO, command="/usr/bin/rsync")], id="another-program"),
        pytest.param(
            [unit("x11vnc.service", _MANUAL), unit("x11vnc.socket", _OFF, ports=("5900/tcp",))],
            id="a-socket-that-is-disabled",
        ),
    ],
)
def test_what_starts_nothing(services: list[Service]) -> None:
    assert _subjects(linux(*services)) == []


def test_a_unit_whose_program_is_gone_is_a_remain_where_the_policy_counts_these() -> None:
    lost = {"services.systemd": [replace(_ENABLED, is_program_gone=True)]}
    assert CONTROL.assess(a_host(lost)).suspected == CONTROL.assess(a_host(lost)).violations == ()
    strict = CONTROL.assess(a_host(lost, settings=Settings(residual_is_violation=True)))
    (found,) = (*strict.violations, *strict.suspected)
    assert (found.subject, found.reason.partition(":")[0]) == (
        "product:x11vnc",
        "x11vnc would start by itself if its program were put back, which is not there any more",
    )


def test_a_unit_that_runs_although_its_program_was_deleted_starts_it_still() -> None:
    assert _subjects(linux(replace(_ENABLED, is_program_gone=True, is_running=True))) == ["product:x11vnc"]


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(unit("x11vnc.socket", _AUTO, ports=("5900/tcp",)), id="a-socket-of-its-name"),
        pytest.param(unit("desk.socket", _AUTO, ports=("5900/tcp",), starts="x11vnc.service"), id="one-that-names-it"),
        pytest.param(unit("x11vnc.timer", _AUTO), id="a-timer"),
    ],
)
def test_what_is_started_when_somebody_connects(trigger: Service) -> None:
    assert _subjects(linux(unit("x11vnc.service", _MANUAL), trigger)) == ["product:x11vnc"]


def test_systemd_passes_over_an_init_script_of_a_units_name() -> None:
    script = Service(name="x11vnc", manager=ServiceManager.SYSV, start=_AUTO)
    facts: dict[str, list[object]] = {
        "software.dpkg": [_PACKAGE],
        "services.systemd": [unit("x11vnc.service", _OFF)],
        "services.sysv": [script],
    }
    assert _subjects(a_host(facts)) == []


def test_entries_of_one_product_are_one_finding_that_names_them() -> None:
    (found,) = CONTROL.assess(
        linux(_ENABLED, unit("vnc-at-night.timer", _OFF), unit("x11vnc@a.service", _AUTO))
    ).violations
    assert "'x11vnc.service' (systemd)" in found.reason
    assert "'x11vnc@a.service'" in found.reason
    assert "vnc-at-night" not in found.reason
    assert len(found.proof) == 2


@pytest.mark.parametrize(
    ("start", "wanted"),
    [(True, []), (False, ["product:x11vnc"])],
    ids=["an-approval-lets-it-start", "an-approval-wants-it-on-demand"],
)
def test_what_approvals_say(start: bool, wanted: list[str]) -> None:
    case = linux(_ENABLED, approvals=(an_approval(may_start=start),))
    assert _subjects(case) == wanted
    if wanted:
        (found,) = CONTROL.assess(case).violations
        assert "'support' wants it started on demand" in found.reason


def test_one_approval_of_two_is_enough() -> None:
    both = (an_approval(may_start=False), an_approval(may_start=True))
    assert _subjects(linux(_ENABLED, approvals=both)) == []


def test_a_review_that_is_over_is_said_of_the_approval_alone() -> None:
    over = an_approval(review_by=date(2020, 1, 1))
    assert _subjects(linux(_ENABLED, approvals=(over,))) == []
    case = linux(_ENABLED, approvals=(replace(over, may_start=False),))
    assert _subjects(case) == ["product:x11vnc"]
    assert "'support' wants it started on demand" in CONTROL.assess(case).violations[0].reason
    # Another tenant's is not what was approved.
    assert _subjects(linux(_ENABLED, approvals=(an_approval(tenant="ours"),))) == ["product:x11vnc"]


def test_remains_count_where_the_policy_says_so() -> None:
    removed = Software(name="x11vnc", version="1", source="software.dpkg", state=InstallState.CONFIG_FILES)
    assert _subjects(linux(_ENABLED, package=removed)) == []
    strict = Settings(residual_is_violation=True)
    assert _subjects(linux(_ENABLED, package=removed, settings=strict)) == ["product:x11vnc"]


def test_windows() -> None:
    path = "C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe"
    listed = Software(name="AnyDesk", version="8", source="software.uninstall", publisher="AnyDesk Software GmbH")

    def host(*services: Service, section: str = "services.windows") -> Case:
        return a_host({"software.uninstall": [listed], section: services}, os=OsFamily.WINDOWS)

    service = Service(
        name="AnyDesk", manager=ServiceManager.WINDOWS_SERVICE, start=_AUTO, command=f'"{path}" --service'
    )
    key = Service(name="x", manager=ServiceManager.RUN_KEY, start=_AUTO, command=f'"{path}"', user="S-1-5-21-1")
    task = Service(name="x", manager=ServiceManager.SCHEDULED_TASK, start=_OFF, command=f'"{path}"')
    assert _subjects(host(service)) == ["product:anydesk"]
    assert _subjects(host(key, section="services.traces")) == ["product:anydesk"]
    assert _subjects(host(task, section="services.traces")) == []
    (found,) = CONTROL.assess(host(service)).violations
    assert any("Set-Service" in step for step in found.remediation)


def test_macos() -> None:
    app = Software(
        name="TeamViewer", version="15", source="software.apps", identifier="com.teamviewer.TeamViewer",
        signer="H7UGFBUGV6", location="/Applications/TeamViewer.app",
    )  # fmt: skip

    def host(start: StartMode) -> Case:
        job = Service(name="com.teamviewer.teamviewer_service", manager=ServiceManager.LAUNCHD, start=start)
        return a_host({"software.apps": [app], "services.launchd": [job]}, os=OsFamily.MACOS)

    assert _subjects(host(_AUTO)) == ["product:teamviewer"]
    assert _subjects(host(_OFF)) == []
    # Of what is loaded from inside of an app, launchd does not say when it starts.
    found = CONTROL.assess(host(StartMode.UNKNOWN))
    assert (found.violations, [one.subject for one in found.suspected]) == ((), ["product:teamviewer"])


def test_features_of_the_system_are_others_business() -> None:
    job = Service(
        name="com.apple.screensharing", manager=ServiceManager.LAUNCHD, start=_MANUAL, ports=("5900/tcp",),
        command="/System/Library/CoreServices/RemoteManagement/screensharingd.bundle/Contents/MacOS/screensharingd",
    )  # fmt: skip
    feature = RemoteManagement(feature="screen sharing", is_enabled=True, detail="")
    case = a_host({"services.launchd": [job], "remote_config.sharing": [feature]}, os=OsFamily.MACOS)
    assert [one.sighting.product for one in case.products] == ["apple-screen-sharing"]
    assert _subjects(case) == []


def test_a_suspected_product_makes_a_suspicion() -> None:
    job = Service(name="root", manager=ServiceManager.CRON, start=_AUTO, command="/usr/bin/x11vnc -loop")
    found = CONTROL.assess(a_host({"services.cron": [job]}))
    assert (found.violations, [one.subject for one in found.suspected]) == ((), ["product:x11vnc"])


def test_a_process_alone_starts_nothing() -> None:
    process = Process(pid=7, parent=1, user="root", uid=0, name="x11vnc", executable="/usr/bin/x11vnc")
    assert _subjects(a_host({"software.dpkg": [_PACKAGE], "processes.procfs": [process]})) == []
