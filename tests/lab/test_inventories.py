"""An Ansible inventory as people have it, on real hosts; and its secrets, looked for where they must never be."""

import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest
import yaml

from tests.lab.auditing import command, environment, finished
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import BRIDGE_ADDRESS, NETWORK_BITS
from tests.lab.fleet.shell import sh
from tests.lab.test_audit import assert_truth
from tests.lab.test_ways_in import configure

pytestmark = pytest.mark.lab

_LOGIN = "canary-login-61c7"
_UNUSED = "canary-unused-90ab"
_TOKEN = "canary-token-5e2d"
_CANARIES = (_LOGIN.encode(), _UNUSED.encode(), _TOKEN.encode())
_BIGGEST = 64 * 1024 * 1024
_FAULT = """\
from auditor.transport.choose import Transports


def fail(self, host, call):
    raise RuntimeError("a fault of ours")


Transports.collect = fail
"""


class Watch:
    """Looks for canaries in the arguments of every process and in every new file, while something runs."""

    def __init__(self, folders: Sequence[Path], *, but: Sequence[Path]) -> None:
        self.found: set[str] = set()
        self.looked = 0
        self.programs: set[str] = set()
        self._folders, self._but = folders, set(but)
        self._begun = time.time() - 1
        self._over = threading.Event()
        # Where folders are large, a walk takes longer than a program lives: it must not keep us from looking.
        self._threads = [threading.Thread(target=self._look), threading.Thread(target=self._walk)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._files()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.looked += 1
            self._arguments()

    def _walk(self) -> None:
        while not self._over.wait(0.2):
            self._files()

    def _arguments(self) -> None:
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                self._note(process / "cmdline")

    def _files(self) -> None:
        for folder in self._folders:
            for place, _, names in os.walk(folder):
                for name in names:
                    self._note_file(Path(place, name))

    def _note_file(self, file: Path) -> None:
        try:
            state = file.lstat()
        except OSError:  # it was removed while we looked
            return
        is_new = state.st_mtime >= self._begun or state.st_ctime >= self._begun
        if is_new and file.is_file() and not file.is_symlink() and state.st_size < _BIGGEST and file not in self._but:
            self._note(file)

    def _note(self, file: Path) -> None:
        try:
            content = file.read_bytes()
        except OSError:  # it ended while we looked
            return
        if file.name == "cmdline":
            self.programs.update(word.rpartition("/")[2] for word in content.decode(errors="replace").split("\0")[:3])
        self.found |= {f"{file}: {canary.decode()}" for canary in _CANARIES if canary in content}


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """An inventory folder, and what belongs to it."""

    fleet: Fleet
    folder: Path
    password_file: Path
    hosts: tuple[Host, ...]
    secrets: tuple[Path, ...] = ()
    """Files that hold a secret by right."""

    @property
    def home(self) -> Path:
        return self.folder.parent

    def run(self, *more: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], Watch]:
        """Audit with the canaries watched for, everything temporary in a folder of the test's own."""
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        environ = environment(self.home) | {"TMPDIR": str(temporary), "CLOUD_TOKEN": _TOKEN} | variables
        words = command(
            self.fleet.lab, self.folder, self.home, "-v", "--vault-password-file", str(self.password_file), *more
        )
        watched = Watch([self.home, Path("/dev", "shm"), Path("/tmp")], but=[self.password_file, *self.secrets])  # noqa: S108
        with watched:
            ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240, env=environ)
        return ran, watched


@pytest.fixture
def laid(fleet: Fleet, tmp_path: Path) -> Iterator[Laid]:
    """Write the inventory, and give one host a password and another no IPv4 address for as long as the test takes."""
    gate, locked, only_six = fleet.host("clean"), fleet.host("sudo-password"), fleet.host("anydesk-deleted")
    behind = (fleet.host("x11vnc-open"), fleet.host("xrdp-approved"))
    locked.run(f"echo 'auditor:{_LOGIN}' | chpasswd")
    configure(locked, "PasswordAuthentication yes")
    sh("ip", "-n", only_six.namespace, "-4", "addr", "flush", "dev", "eth0")
    password_file = tmp_path / "vault-password"
    password_file.write_text("the vault's own password")
    folder = tmp_path / "inventory"
    _write(fleet, folder, password_file, gate, locked, only_six, behind)
    yield Laid(fleet=fleet, folder=folder, password_file=password_file, hosts=(gate, locked, only_six, *behind))
    address = f"addr replace {only_six.address}/{NETWORK_BITS} dev eth0\nroute replace default via {BRIDGE_ADDRESS}\n"
    sh("ip", "-n", only_six.namespace, "-batch", "-", feed=address)
    locked.run(f"echo 'auditor:{fleet.truth(locked)['sudo_password']}' | chpasswd")
    locked.run("rm -f /etc/ssh/sshd_config.d/10-ways.conf; kill -HUP $(cat /run/sshd.pid)")


def _write(
    fleet: Fleet, folder: Path, password_file: Path, gate: Host, locked: Host, only_six: Host, behind: tuple[Host, ...]
) -> None:
    ssh = f"-o UserKnownHostsFile={fleet.lab.known_hosts} -o IdentitiesOnly=yes"
    north = {gate.name: {"ansible_host": gate.address}, locked.name: {"ansible_host": locked.address}}
    south: dict[str, dict[str, str]] = {host.name: {"ansible_host": host.address} for host in behind}
    south[only_six.name] = {"ansible_host": "{{ six }}", "six": only_six.address6}
    children: dict[str, dict[str, dict[str, dict[str, str]]]] = {"north": {"hosts": north}, "south": {"hosts": south}}
    children["inner"] = {"hosts": {host.name: {} for host in behind}}
    for host in (gate, locked, only_six, *behind):
        for group in host.state()["groups"]:  # that the lab's approvals name
            children.setdefault(group, {"hosts": {}})["hosts"][host.name] = {}
    files = {
        "hosts.yml": {"all": {"children": children}},
        "group_vars/north.yml": {"auditor_site": "north", "auditor_owner": "{{ team }}", "team": "Servers"},
        "group_vars/south.yml": {"auditor_site": "south"},
        "group_vars/inner.yml": {"ansible_ssh_common_args": f"{{{{ ssh_base }}}} -o ProxyJump={gate.name}"},
        "group_vars/all/vars.yml": {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(fleet.lab.key),
            "ssh_base": ssh,
            "ansible_ssh_common_args": "{{ ssh_base }}",
        },
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content))
    secret = f"vault_login: {_LOGIN}\nother_secret: {_UNUSED}\n"
    (folder / "group_vars/all/vault.yml").write_text(_encrypted(secret, password_file))
    (folder / "host_vars").mkdir()
    inline = "".join(f"  {line}\n" for line in _encrypted(_LOGIN, password_file).splitlines())
    (folder / "host_vars" / f"{locked.name}.yml").write_text(
        "ansible_user: auditor\nansible_ssh_private_key_file: ''\nansible_password: '{{ vault_login }}'\n"
        f"ansible_become: true\nansible_become_password: !vault |\n{inline}"
    )


def _encrypted(text: str, password_file: Path) -> str:
    program = str(Path(sysconfig.get_path("scripts"), "ansible-vault"))
    words = [program, "encrypt", "--output", "-", "--vault-password-file", str(password_file)]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout


def test_an_inventory_as_people_have_it_audits_and_its_secrets_are_nowhere(laid: Laid) -> None:
    ran, watched = laid.run()
    audited = finished(ran.returncode, laid.home, ran.stdout, ran.stderr)
    assert {row["reason"] for row in audited.results["ledger"]} == {None}
    assert_truth(laid.fleet, audited, laid.hosts)
    rows = audited.hosts
    assert {row["site"] for row in rows.values()} == {"north", "south"}
    assert rows[laid.hosts[1].name]["rights"] == "sudo"
    assert rows[laid.hosts[1].name]["owner"] == "Servers"
    assert watched.found == set()
    # The watcher was there: it saw Ansible run. It looks at one process after the other, and may miss a short one.
    assert watched.looked > 5
    assert {"ansible-inventory", "ansible-playbook"} & watched.programs
    assert [canary for canary in _CANARIES if canary.decode() in ran.stdout + ran.stderr] == []


def test_a_list_of_hosts_takes_its_passwords_by_reference(laid: Laid) -> None:
    """A CSV file, the login password from the environment, the one for sudo from a file."""
    locked = laid.hosts[1]
    secret = laid.home / "sudo-password"
    secret.write_text(f"{_LOGIN}\n")
    secret.chmod(0o600)
    table = laid.home / "hosts.csv"
    table.write_text(
        "host,address,user,become,password,become_password,ssh_args\n"
        f"{locked.name},{locked.address},auditor,yes,env:AUDIT_PASSWORD,file:{secret},"
        f"-o UserKnownHostsFile={laid.fleet.lab.known_hosts} -o IdentitiesOnly=yes\n"
    )
    by_reference = replace(laid, folder=table, secrets=(secret,))
    ran, watched = by_reference.run(AUDIT_PASSWORD=_LOGIN)
    audited = finished(ran.returncode, laid.home, ran.stdout, ran.stderr)
    assert audited.hosts[locked.name]["rights"] == "sudo"
    assert_truth(laid.fleet, audited, (locked,))
    assert watched.found == set()
    secret.chmod(0o644)
    ran, _ = by_reference.run(AUDIT_PASSWORD=_LOGIN)
    assert ran.returncode == 3
    later = finished(ran.returncode, laid.home, ran.stdout, ran.stderr).hosts[locked.name]
    assert (later["reason"], later["detail"]) == (
        "variables",
        f"become_password: {secret} can be read or written by others: chmod 600 {secret}",
    )


def test_a_fault_of_ours_shows_no_secret_in_its_traceback(laid: Laid) -> None:
    patch = laid.home / "patch"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(_FAULT)
    ran, watched = laid.run(PYTHONPATH=f"{patch}:{Path(__file__).parents[2]}")
    assert ran.returncode == 70
    assert "RuntimeError: a fault of ours" in ran.stderr
    assert watched.found == set()
    assert [canary for canary in _CANARIES if canary.decode() in ran.stdout + ran.stderr] == []


def test_a_broken_file_in_the_folder_stops_before_any_host_is_asked(laid: Laid) -> None:
    (laid.folder / "group_vars" / "south.yml").write_text(f"auditor_site: south: {_UNUSED}\n")
    before = laid.hosts[0].run("ss -Htn state all '( sport = :22 )' | wc -l")
    ran, watched = laid.run()
    assert ran.returncode == 2
    assert f"{laid.folder}/group_vars/south.yml:1" in ran.stderr
    assert _UNUSED not in ran.stderr
    assert list((laid.home / "reports").glob("*/results.json")) == []
    assert laid.hosts[0].run("ss -Htn state all '( sport = :22 )' | wc -l") == before
    # The broken file holds it, and nothing else does.
    assert {found.partition(": ")[0] for found in watched.found} == {str(laid.folder / "group_vars" / "south.yml")}


def test_the_watcher_finds_what_is_there(tmp_path: Path) -> None:
    with Watch([tmp_path], but=[]) as watched:
        (tmp_path / "log").write_text(f"password {_LOGIN}")
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", _TOKEN]) as holder:
            patience = time.monotonic() + 60
            while len(watched.found) < 2 and time.monotonic() < patience:
                time.sleep(0.05)
            holder.kill()
    assert {found.rpartition(": ")[2] for found in watched.found} == {_LOGIN, _TOKEN}
