"""Fragments about execution and installation control, on a root that the test itself prepares in a mount namespace."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.accounts.doas_grammar import parse_doas
from auditor.collect.registry import collectors
from auditor.model.facts.accounts import DoasRule, InstallerPolicy, PolkitGrant
from auditor.model.facts.appcontrol import BlockedProgram, ExecutionControl, WritableProgramPath

Run = Callable[..., Any]
Over = Callable[..., tuple[str, ...]]
_NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _facts(answer: Any, kind: type) -> list[Any]:
    return [fact for _, fact in answer.parsed.facts if isinstance(fact, kind)]


@pytest.fixture
def over(tmp_path: Path) -> Over:
    """Return what lays files over folders of this host, for one command that is run inside of it."""

    def lay(files: dict[str, str], *, before: str = ":") -> tuple[str, ...]:
        tops = set()
        for name, text in files.items():
            path = tmp_path / name.removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            tops.add("/" + "/".join(name.split("/")[1:3]) if name.startswith("/usr/") else "/" + name.split("/")[1])
        mounts = [f"mount -t overlay overlay -o lowerdir={tmp_path}{top}:{top} {top}" for top in sorted(tops)]
        # What is started beside the command ends with the process namespace.
        script = "; ".join((*mounts, before, '"$@"'))
        inside = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", script, "sh")
        tried = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
        if tried.returncode:
            pytest.skip(f"folders cannot be laid over others here: {tried.stderr.strip()}")
        return inside

    return lay


_POLICY = """<?xml version="1.0"?>
<policyconfig>
  <!-- <action id="org.debian.apt.install-file"><defaults><allow_any>yes</allow_any></defaults></action> -->
  <action id="io.snapcraft.snapd.manage"><description>a</description>
    <defaults><allow_any>auth_admin</allow_any>
      <allow_inactive> auth_admin </allow_inactive><allow_active>yes</allow_active></defaults></action>
  <action
     id = 'com.example.pkexec.tool'>
    <defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>auth_self</allow_active></defaults>
    <annotate key="org.freedesktop.policykit.exec.path">/usr/bin/apt-get</annotate>
  </action>
</policyconfig>
"""
_RULE = """polkit.addRule(function(action, subject) {
    if (action.id == "io.snapcraft.snapd.manage" && subject.isInGroup("helpdesk")) { return polkit.Result.YES; }
});
"""
_SERVICE = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_polkit_is_read(shell: str, run_fragment: Run, over: Over) -> None:
    inside = over({
        _SERVICE: "",
        "/usr/share/polkit-1/actions/a.policy": _POLICY,
        "/etc/polkit-1/rules.d/10-helpdesk.rules": _RULE,
    })  # fmt: skip
    answer = run_fragment("accounts.polkit", interpreter=shell, inside=inside)
    assert answer.words == set()
    policies = {one.setting: one.allows_users for one in _facts(answer, InstallerPolicy)}
    assert {name: policies.get(name) for name in ("io.snapcraft.snapd.manage", "com.example.pkexec.tool")} == {
        "io.snapcraft.snapd.manage": True,
        "com.example.pkexec.tool": True,
    }
    assert "org.debian.apt.install-file" not in policies
    assert ("%helpdesk", "yes", "anywhere") in {
        (one.principal, one.answer, one.where) for one in _facts(answer, PolkitGrant)
    }


def test_rules_that_only_root_may_list_are_a_gap(run_fragment: Run, over: Over) -> None:
    files = {
        _SERVICE: "",
        "/usr/share/polkit-1/actions/a.policy": _POLICY,
        "/etc/polkit-1/rules.d/10-helpdesk.rules": _RULE,
    }
    inside = over(files, before="mount -t tmpfs -o mode=700 tmpfs /etc/polkit-1/rules.d")
    assert run_fragment("accounts.polkit", uid=_NOBODY, inside=inside).words == {"partial"}


_AS_NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
_CONF = {
    "/etc/fapolicyd/fapolicyd.conf": "permissive = 0\n",
    "/etc/fapolicyd/rules.d/50.rules": "deny perm=execute all : path=/usr/bin/anydesk\n",
    "/etc/fapolicyd/rules.d/90.rules": "deny_audit perm=execute all : all\n",
}


@pytest.mark.parametrize(
    ("started", "mode"),
    [
        pytest.param("$daemon 60", "enforcing", id="it-runs"),
        pytest.param("true", "off", id="it-does-not-run"),
        pytest.param(f"{_AS_NOBODY} $daemon 60", "off", id="an-ordinary-user-runs-the-program"),
        pytest.param(f"{_AS_NOBODY} unshare -Ur $daemon 60", "off", id="an-ordinary-user-is-root-of-a-namespace"),
    ],
)
def test_fapolicyd_enforces_only_where_it_runs(started: str, mode: str, run_fragment: Run, over: Over) -> None:
    daemon = "/usr/local/sbin/fapolicyd"
    before = (
        f"mount -t tmpfs -o mode=755 t /usr/local/sbin; cp {shutil.which('sleep')} {daemon}; daemon={daemon}; "
        f"{started} >/dev/null 2>&1 & sleep 0.3"
    )
    answer = run_fragment("appcontrol.fapolicyd", inside=over(_CONF, before=before))
    whole, unlisted = _facts(answer, ExecutionControl)
    assert (whole.mode, unlisted.mode) == (mode, mode)
    assert [one.subject for one in _facts(answer, BlockedProgram)] == ["/usr/bin/anydesk"]


def test_nobody_cannot_tell_whether_fapolicyd_runs(run_fragment: Run, over: Over) -> None:
    inside = over(_CONF, before="mount -t tmpfs -o mode=755 t /usr/local/sbin; : >/usr/local/sbin/fapolicyd")
    answer = run_fragment("appcontrol.fapolicyd", uid=_NOBODY, inside=inside)
    assert answer.words == {"partial"}
    assert {one.mode for one in _facts(answer, ExecutionControl)} == {"auditing"}


def test_a_mount_without_execution_is_seen(run_fragment: Run, over: Over, tmp_path: Path) -> None:
    place = tmp_path / "a b"
    place.mkdir()
    inside = over({}, before=f"mount -t tmpfs -o noexec t '{place}'")
    modes = {
        one.subject: one.mode for one in _facts(run_fragment("appcontrol.mounts", inside=inside), ExecutionControl)
    }
    assert (modes[str(place)], modes["/"]) == ("enforcing", "off")


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_folders_that_others_may_write_to_are_found(shell: str, run_fragment: Run, over: Over) -> None:
    before = (
        "mount -t tmpfs -o mode=755 t /opt; mkdir -p /opt/a/bin /opt/b /opt/odd /opt/c/d; chmod 777 /opt/b;"
        " chown 1000:1000 /opt/a/bin;"
        " mkdir '/opt/x\ndrwxrwxrwx 2 0 0 9 Jan 1 00:00 '; ln -s /opt/b /opt/link; chmod g+w /opt/c; chgrp 7 /opt/c"
    )
    inside = over({"/etc/environment": 'PATH="/usr/bin:/opt/c/d"\n'}, before=before)
    answer = run_fragment("appcontrol.program_paths", interpreter=shell, inside=inside)
    assert answer.words == {"partial"}
    assert answer.parsed.unread == ()
    found = {one.path: (one.owner, one.group, one.mode, one.reason) for one in _facts(answer, WritableProgramPath)}
    assert {path: row for path, row in found.items() if path.startswith("/opt")} == {
        "/opt/a/bin": ("1000", "1000", "drwxr-xr-x", "folder of programs"),
        "/opt/b": ("0", "0", "drwxrwxrwx", "folder of programs"),
        "/opt/link": ("0", "0", "drwxrwxrwx", "folder of programs"),
        "/opt/c": ("0", "7", "drwxrwxr-x", "above a folder in PATH"),
    }


_DOAS = (
    'permit persist :daemon\npermit nopass nobody as root cmd /usr/bin/id args "a b" # one\ndeny nobody cmd /bin/sh\n'
)


@pytest.mark.skipif(shutil.which("doas") is None, reason="doas is not installed")
@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        pytest.param(_DOAS, True, id="three-rules"),
        pytest.param("permit setenv { A=1 -B } nobody\n", True, id="setenv"),
        pytest.param("permit \\\nnobody\n", True, id="continued"),
        pytest.param("permit\n", False, id="nobody-named"),
        pytest.param("allow nobody\n", False, id="another-word"),
        pytest.param("permit nobody cmd\n", False, id="no-command"),
        pytest.param('permit "nobody\n', False, id="an-open-quote"),
    ],
)
def test_doas_agrees_on_what_is_a_rule(text: str, is_valid: bool, tmp_path: Path) -> None:
    file = tmp_path / "doas.conf"
    file.write_text(text)
    checked = subprocess.run(["doas", "-C", str(file)], capture_output=True, check=False)
    numbered = "".join(f"{number}\t{line}\n" for number, line in enumerate(text.split("\n"), 1))
    parsed = parse_doas(f"file\t/etc/doas.conf\n{numbered}")
    assert (checked.returncode == 0, parsed.unread == ()) == (is_valid, is_valid)
    assert all(isinstance(fact, DoasRule) for _, fact in parsed.facts)


def test_a_file_that_something_else_breaks_off_was_not_read_to_its_end() -> None:
    text = (
        "santa\tcom.northpolesec.santa\nruns\nfile\t/Library/a.plist\nplist\tinteger\t2\tClientMode\n"
        "file\t/Library/b.plist\nplist\tend\nasked\n"
    )
    parsed = collectors()["appcontrol.macos"].parse(text)
    assert "/Library/a.plist was not read to its end" in (parsed.partial or "")
    assert "/Library/b.plist" not in (parsed.partial or "")
