"""Ansible inventories, read by the real Ansible."""

import os
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import InventoryError
from auditor.inventory.read import read_inventory
from auditor.model.host import ConnectionKind, Host

Read = Callable[[str, str], dict[str, Host]]
Faults = Callable[[str, str], list[str]]

_INI = """\
lone ansible_host=10.0.0.9 ansible_connection=smart
[web]
web[1:2] ansible_port=2222
[db]
db1 ansible_connection=winrm ansible_user=win ansible_ssh_pass=old ansible_password=canary
[prod-eu:children]
web
db
[all:vars]
ansible_user=ops
ansible_become=yes
ansible_become_pass=canary-become
ansible_ssh_private_key_file=~/keys/id
ansible_ssh_common_args='-o ProxyJump=jump -oIdentitiesOnly=yes -o UserKnownHostsFile=kh'
auditor_site=north
auditor_deadline=30
"""
_YAML = """\
all:
  vars:
    auditor_owner: web team
  hosts:
    plain:
    vaulted:
      ansible_password: !vault |
        $ANSIBLE_VAULT;1.1;AES256
        33363965326261303234353564623732
    templated:
      ansible_host: "{{ inventory_hostname }}.example"
      ansible_port: "{{ port }}"
    literal:
      ansible_password: !unsafe 'a{{b'
    container:
      ansible_connection: community.docker.docker
    other_way:
      ansible_become: true
      ansible_become_method: su
      ansible_become_user: admin
      ansible_ssh_common_args: -o ProxyCommand=x
    idle_method:
      ansible_become_method: doas
    unused_template:
      app_version: "{{ x }}"
"""


def test_an_ini_inventory_with_groups_of_groups(read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    hosts = read("hosts", _INI)
    assert {name: host.groups for name, host in hosts.items()} == {
        "db1": ("db", "prod-eu"),
        "lone": (),
        "web1": ("prod-eu", "web"),
        "web2": ("prod-eu", "web"),
    }
    assert (hosts["lone"].address, hosts["lone"].connection) == ("10.0.0.9", ConnectionKind.SSH)
    web = hosts["web1"]
    assert (web.port, web.credentials.user, web.site, web.deadline) == (2222, "ops", "north", 30.0)
    assert (web.credentials.become, web.credentials.become_password) == (True, "canary-become")
    assert web.credentials.private_key == tmp_path / "keys/id"
    assert [jump.name for jump in web.ssh.jumps] == ["jump"]
    assert (web.ssh.identities_only, web.ssh.known_hosts) == (True, (tmp_path / "kh",))
    db = hosts["db1"]
    assert (db.connection, db.credentials.user, db.credentials.password) == (ConnectionKind.WINRM, "win", "old")
    assert [host.name for host in hosts.values() if host.unusable is not None] == []


def test_variables_that_cannot_be_used_as_they_stand_mark_the_host(read: Read) -> None:
    hosts = read("hosts.yml", _YAML)
    assert {name: host.unusable for name, host in hosts.items() if host.unusable is not None} == {
        "vaulted": "ansible_password is encrypted with Ansible Vault, and no vault password given opens it",
        "templated": "ansible_port is a template, and 'port' is not defined",
        "container": "ansible_connection 'community.docker.docker' is none of ssh, winrm, local, replay",
        "other_way": "ansible_become_method 'su' is not supported: sudo and doas are; "
        "ansible_become_user 'admin' is not supported: root is; "
        "ansible_ssh_common_args ProxyCommand (use ProxyJump) is not supported",
    }
    assert hosts["vaulted"].credentials.password is None
    assert (hosts["templated"].address, hosts["templated"].port) == ("templated.example", None)
    assert hosts["literal"].credentials.password == "a{{b"
    assert {host.owner for host in hosts.values()} == {"web team"}


@pytest.mark.slow
def test_a_script_and_a_list_of_names_are_inventories(written: Callable[[str, str], Path]) -> None:
    answer = '{"web": {"hosts": ["a"]}, "_meta": {"hostvars": {"a": {"ansible_user": "me"}}}}'
    script = written("cloud", f"#!/bin/sh\necho '{answer}'\n")
    script.chmod(0o755)
    (host,) = read_inventory(script)
    assert (host.name, host.groups, host.credentials.user) == ("a", ("web",), "me")
    assert [host.name for host in read_inventory("b,a,")] == ["a", "b"]


@pytest.mark.slow
def test_a_folder_is_one_inventory(tmp_path: Path) -> None:
    (tmp_path / "one.ini").write_text("[web]\nweb1\n", encoding="utf-8")
    (tmp_path / "two.yml").write_text("web: {hosts: {web2: {}}}\n", encoding="utf-8")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/web.yml").write_text("ansible_port: 2222\n", encoding="utf-8")
    assert [(host.name, host.port) for host in read_inventory(tmp_path)] == [("web1", 2222), ("web2", 2222)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("hosts.yml", "all:\n  hosts:\n  - a\n", 'Invalid "hosts" entry for "all" group', id="yaml"),
        pytest.param("hosts", "[web\nx y z=\n", "Failed to parse inventory", id="ini"),
        pytest.param("hosts", "[web:children]\nnobody\n", "nobody", id="a-group-that-is-not-there"),
    ],
)
def test_what_ansible_cannot_read_stops(faults: Faults, name: str, text: str, expected: str) -> None:
    (said,) = faults(name, text)
    assert said.startswith(f"{name}: Ansible cannot read all of it: ")
    assert expected in said


@pytest.mark.slow
def test_half_of_a_folder_is_not_an_inventory(tmp_path: Path) -> None:
    (tmp_path / "good.ini").write_text("web1\n", encoding="utf-8")
    (tmp_path / "bad.yml").write_text("all:\n  hosts:\n  - a\n", encoding="utf-8")
    with pytest.raises(InventoryError, match="Ansible cannot read all of it"):
        read_inventory(tmp_path)


@pytest.mark.slow
def test_a_script_that_complains_stops(written: Callable[[str, str], Path]) -> None:
    script = written("cloud", '#!/bin/sh\necho \'region two did not answer\' >&2\necho \'{"web": {"hosts": ["a"]}}\'\n')
    script.chmod(0o755)
    with pytest.raises(InventoryError, match="cannot read all of it: region two did not answer"):
        read_inventory(script)


def test_nothing_is_left_behind(read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, in_memory: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    memory = in_memory
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(memory))
    path_before = os.environ["PATH"]
    made: list[int] = []
    real = tempfile.mkdtemp

    def noted(*args: str | None, **kwargs: str | None) -> str:
        folder: str = real(*args, **kwargs)
        made.append(Path(folder).stat().st_mode & 0o777)
        assert Path(folder).parent == memory
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    assert read("hosts", _INI)["web1"].credentials.become_password == "canary-become"
    assert made == [0o700]
    assert list(memory.iterdir()) == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert os.environ["PATH"] == path_before


def test_without_ansible_the_message_says_what_to_install(
    faults: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (said,) = faults("hosts", "web1\n")
    assert said == (
        "hosts: reading an Ansible inventory takes ansible-core, which is not installed: "
        "pip install 'auditor[ansible]', or list the hosts in CSV or YAML"
    )


def test_an_inventory_that_is_not_there_is_said_so() -> None:
    with pytest.raises(InventoryError, match=r"^nowhere\.yml: there is no such inventory$"):
        read_inventory("nowhere.yml")


def test_an_inventory_that_cannot_be_reached_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InventoryError, match="cannot be read: Not a directory"):
        read_inventory(tmp_path / "file" / "hosts.csv")


def test_secrets_do_not_show(read: Read) -> None:
    assert "canary" not in repr(read("hosts", _INI))


@pytest.mark.slow
def test_a_list_of_names_may_be_longer_than_a_files_name() -> None:
    names = [f"host-{number:03}" for number in range(100)]
    assert [host.name for host in read_inventory(",".join(names))] == names
