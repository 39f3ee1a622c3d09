"""Which settings a report shows: products' first, mechanisms by themselves, and none that no control looks at."""

from auditor.model.facts.accounts import InstallerPolicy
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.run.read_settings import read_settings
from tests.controls.cases import a_host


def test_settings_of_products_stand_before_those_of_the_system() -> None:
    case = a_host(
        {
            "accounts.polkit": [InstallerPolicy(setting="AlwaysInstallElevated", value="1", allows_users=True)],
            "appcontrol.selinux": [ExecutionControl(mechanism="selinux", mode="off")],
            "remote_config.products": [
                RemoteAccessSetting(product="anydesk", key="ad.security.pwd", value="(set)", file="/etc/x", user="root")
            ],
            "remote_config.servers": [RemoteManagement(feature="remote desktop", is_enabled=True, detail="on")],
        }
    )
    told = [(one.subject, one.key, one.value, one.place, one.user) for one in read_settings(case.reading)]
    assert told == [
        ("anydesk", "ad.security.pwd", "(set)", "/etc/x", "root"),
        ("remote desktop", "switched", "on", None, None),
        ("selinux", "mode", "off", None, None),
        ("software installers", "AlwaysInstallElevated", "1", None, None),
    ]


def test_profiles_and_mounts_of_which_there_are_many_are_left_to_findings() -> None:
    case = a_host(
        {
            "appcontrol.apparmor": [
                ExecutionControl(mechanism="apparmor", mode="enforcing", subject="/usr/bin/man"),
                ExecutionControl(mechanism="noexec mount", mode="off", subject="/run"),
                ExecutionControl(mechanism="apparmor", mode="enforcing"),
            ]
        }
    )
    assert [(one.subject, one.place) for one in read_settings(case.reading)] == [("apparmor", None)]
