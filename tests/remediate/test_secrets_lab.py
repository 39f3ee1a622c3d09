"""No secret of inventory, vault, become password or environment shows in a process or on a disk, here or there."""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.cli.main import main
from tests.playbooks.lab import hosts
from tests.remediate.desks import Desk

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

# The beginning of all of them is what is looked for.
_CANARY = "cAnArY-5d20"
_LOGIN, _BECOME, _UNUSED, _TOKEN, _VAULT = (
    f"{_CANARY}-{word}" for word in ("login", "become", "unused", "token", "vault")
)
# sudo asks for the password of root, so that it is another one than that of the account.
_ACCOUNT = f"""
useradd -m -s /bin/bash ops
echo 'ops:{_LOGIN}' | chpasswd; echo 'root:{_BECOME}' | chpasswd
printf 'Defaults:ops rootpw\\nops ALL=(ALL:ALL) ALL\\n' >/etc/sudoers.d/ops
printf 'PasswordAuthentication yes\\nPermitRootLogin prohibit-password\\n' >/etc/ssh/sshd_config.d/password.conf
systemctl restart ssh
"""
_MEMORY = Path("/dev/shm")  # noqa: S108 — looked at only


@contextmanager
def _watched(report: Path, *folders: Path) -> Iterator[None]:
    """Have another process look for canaries meanwhile."""
    program = Path(__file__).with_name("watching.py")
    words = [sys.executable, str(program), str(report), _CANARY, *map(str, folders)]
    # It is told what to look for by an argument, and passes over itself.
    watcher = subprocess.Popen(words, env={"PATH": os.environ["PATH"]})
    try:
        while not report.with_suffix(".ready").exists():
            assert watcher.poll() is None
            time.sleep(0.05)
        yield
    finally:
        watcher.send_signal(signal.SIGTERM)
        watcher.wait()


def _vaulted(text: str, password_file: Path) -> str:
    program = Path(sysconfig.get_path("scripts"), "ansible-vault")
    words = [str(program), "encrypt", "--output", "-", "--vault-password-file", str(password_file)]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout


def _inventory(desk: Desk) -> Path:
    """Write an inventory of Ansible: the login's password in clear text, that of sudo and another one in the vault."""
    place = desk.folder / "inventory"
    (place / "host_vars/desk").mkdir(parents=True)
    password_file = desk.folder / "vault-password"
    password_file.write_text(_VAULT)
    (place / "hosts.yml").write_text(
        f"all:\n  hosts:\n    desk:\n      ansible_host: {desk.host.address}\n      ansible_user: ops\n"
        f"      ansible_password: {_LOGIN}\n      ansible_become: true\n"
        f"      ansible_become_password: '{{{{ kept_become }}}}'\n"
        f"      ansible_ssh_common_args: -o UserKnownHostsFile={desk.folder / 'known_hosts_desk'}\n"
    )
    kept = f"kept_become: {_BECOME}\nother: {_UNUSED}\n"
    (place / "host_vars/desk/vault.yml").write_text(_vaulted(kept, password_file))
    return password_file


def test_no_secret_is_seen_while_a_plan_is_applied_and_undone_nor_afterwards(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.host.run(_ACCOUNT)
    password_file = _inventory(desk)
    given = {desk.folder / "inventory/hosts.yml", password_file}
    home = desk.folder / "home"
    (home / ".ansible").mkdir(parents=True)
    temporary = desk.folder / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("CLOUD_TOKEN", _TOKEN)
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(desk.folder / "ansible.log"))
    ours = ["-i", "inventory", "--vault-password-file", str(password_file)]
    # What the host writes: its layer over the tree, logs of sudo and sshd among it.
    written = hosts.HOME / "hosts" / str(desk.host.number) / "upper"
    desk.host.run("sync")
    report = desk.folder.parent / "seen"
    with _watched(report, desk.folder, _MEMORY, written / "home", written / "root", written / "tmp", written / "var"):
        words = ["audit", *ours, *desk.rules(), "-o", "out", "--format", "json", "-q"]
        assert main(words) in (1, 3)
        assert set(desk.plan("--control", "exposed_listener")) == {"block_inbound"}
        assert main([*desk.words("apply", "-q"), *ours]) == 0
        assert not desk.host.reaches(5900)
        assert main([*desk.words("rollback", "-q"), *ours]) == 0
        assert desk.host.reaches(5900)
    looked, *seen = report.read_text().splitlines()
    programs = {line.removeprefix("program ") for line in seen if line.startswith("program ")}
    assert int(looked.removeprefix("looked ")) > 50
    # It was there when it mattered: plays ran, and sudo on the host.
    assert {"ansible-playbook", "sudo"} <= programs
    found = [line for line in seen if not line.startswith("program ")]
    assert [line for line in found if not _is_by_right(line, given)] == []
    # Memory held what plays are told, readable to nobody else, and holds nothing of it any more.
    in_memory = {line.rpartition("/")[2] for line in found if f" {_MEMORY}/auditor-play-" in line}
    assert in_memory == {"hosts.json"}
    left = [file for file in _MEMORY.rglob("*") if file.is_file() and _CANARY.encode() in file.read_bytes()]
    assert left == []
    # The store's pages were looked at as files; here what the journal says.
    assert not [event for event in desk.events() if _CANARY in str(event.data)]


def _is_by_right(line: str, given: set[Path]) -> bool:
    """Tell whether a place may hold a secret.

    A file of the operator's, and one in memory that nobody else reads: what a play is told, and the shared memory by
    which Ansible hands ssh a password. Inventories are read in the operator's environment, for their plugins.
    """
    kind, word, rest = line.split(" ", 2)
    if kind == "environ":
        return word == "token" and ("auditor-inventory-" in rest or "ansible-inventory" in rest)
    if kind != "file":
        return False
    mode, _, file = rest.partition(" ")
    is_ours = file.startswith((f"{_MEMORY}/auditor-", f"{_MEMORY}/psm_"))
    return Path(file) in given or (is_ours and mode == "0o600" and "artifacts" not in file)
