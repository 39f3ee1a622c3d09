"""Templates and Ansible Vault in the variables that concern us, filled in by the real Ansible."""

import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from auditor.errors import InventoryError
from auditor.inventory import ansible_run
from auditor.inventory.ansible_filter import FilterModule
from auditor.inventory.read import read_inventory
from auditor.inventory.variables import host_from
from auditor.inventory.vault import VaultSources
from auditor.model.host import Host

Folder = Callable[..., Path]
_VAULT_PASSWORD = "canary-vault-password"


@pytest.fixture
def vault(tmp_path: Path) -> VaultSources:
    file = tmp_path / "vault-password"
    file.write_text(_VAULT_PASSWORD, encoding="utf-8")
    return VaultSources(password_files=(str(file),))


@pytest.fixture
def encrypted(vault: VaultSources) -> Callable[[str], str]:
    """Encrypt a text with the real ansible-vault."""

    def encrypt(text: str) -> str:
        program = Path(sysconfig.get_path("scripts"), "ansible-vault")
        command = [str(program), "encrypt", "--output", "-", *vault.arguments()]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    return encrypt


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Lay out an inventory folder from the texts of its files."""

    def make(**texts: str) -> Path:
        place = tmp_path / "inventory"
        for name, text in texts.items():
            file = place / name.replace("__", "/").replace("_yml", ".yml").replace("_ini", ".ini")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return place

    return make


def _inline(name: str, encrypted: str) -> str:
    return f"{name}: !vault |\n" + "".join(f"  {line}\n" for line in encrypted.splitlines())


def _by_name(place: Path, vault: VaultSources) -> dict[str, Host]:
    return {host.name: host for host in read_inventory(place, vault)}


def test_a_vaulted_file_indirection_and_inline_values_are_filled_in(
    folder: Folder, encrypted: Callable[[str], str], vault: VaultSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_ACCOUNT", "from-the-environment")
    place = folder(
        hosts_ini="[web]\nweb1\nweb2 ansible_host='{{ inventory_hostname }}.{{ domain }}'\n[db]\ndb1\n",
        group_vars__web__vars_yml="ansible_password: '{{ vault_password }}'\ndomain: example.org\n"
        "ansible_become: '{{ 1 == 1 }}'\n",
        group_vars__web__vault_yml=encrypted("vault_password: canary-file\nother: canary-other\n"),
        host_vars__db1_yml=_inline("ansible_become_password", encrypted("canary-inline"))
        + "ansible_user: \"{{ lookup('env', 'AUDIT_ACCOUNT') }}\"\nansible_port: \"{{ 2200 + 22 }}\"\n",
    )
    hosts = _by_name(place, vault)
    assert [host.name for host in hosts.values() if host.unusable is not None] == []
    assert hosts["web2"].address == "web2.example.org"
    assert (hosts["web1"].credentials.password, hosts["web1"].credentials.become) == ("canary-file", True)
    db = hosts["db1"]
    assert (db.credentials.become_password, db.credentials.user, db.port) == (
        "canary-inline",
        "from-the-environment",
        2222,
    )
    assert "canary" not in repr(hosts)


@pytest.mark.slow
def test_what_cannot_be_filled_in_names_the_variable_and_never_a_value(
    folder: Folder, encrypted: Callable[[str], str], tmp_path: Path
) -> None:
    place = folder(
        hosts_ini="plain\nlocked\nmissing ansible_password='{{ nowhere }}'\n",
        host_vars__locked_yml=_inline("ansible_password", encrypted("canary-inline")),
        host_vars__failing_yml="ansible_user: \"{{ 'canary' | no_such_filter }}\"\n",
        host_vars__list_yml="ansible_host: '{{ [1, 2] }}'\n",
        host_vars__left_yml="""ansible_password: '{{ "{" ~ "{ canary }}" }}'\n""",
        more_ini="failing\nlist\nleft\n",
    )
    wrong = tmp_path / "wrong"
    wrong.write_text("another", encoding="utf-8")
    hosts = _by_name(place, VaultSources(password_files=(str(wrong),)))
    said = {name: host.unusable for name, host in hosts.items() if host.unusable is not None}
    failing = said.pop("failing")
    assert failing is not None
    assert failing.startswith("ansible_user is a template that fails (")
    assert said == {
        "locked": "ansible_password is encrypted with Ansible Vault, and no vault password given opens it",
        "missing": "ansible_password is a template, and 'nowhere' is not defined",
        "list": "ansible_host is a structure, and a text or number is wanted",
        "left": "ansible_password still holds a template after it was filled in",
    }
    assert "canary" not in failing + repr(said)


@pytest.mark.slow
def test_a_vaulted_file_without_a_password_is_named(folder: Folder, encrypted: Callable[[str], str]) -> None:
    place = folder(hosts_ini="a\n", group_vars__all_yml=encrypted("x: canary"))
    with pytest.raises(InventoryError) as caught:
        read_inventory(place)
    assert "group_vars/all.yml; name the password's file with --vault-password-file" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "file"),
    [
        pytest.param({"host_vars__a_yml": "x: y: canary\n"}, "host_vars/a.yml:1", id="host-vars-that-are-no-yaml"),
        pytest.param({"group_vars__all_yml": "- canary\n"}, "group_vars/all.yml", id="group-vars-that-are-a-list"),
        pytest.param({"more_ini": "b ansible_password=my canary\n"}, "more.ini", id="a-password-with-a-space"),
        pytest.param({"more_yml": "all: {hosts: [canary]}\n"}, "more.yml", id="half-of-the-folder"),
    ],
)
def test_a_broken_file_is_named_and_its_words_are_not(folder: Folder, texts: dict[str, str], file: str) -> None:
    place = folder(hosts_ini="a\n", **texts)
    with pytest.raises(InventoryError) as caught:
        read_inventory(place)
    assert f"{place}/{file}" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.slow
def test_no_file_ever_holds_what_ansible_says(
    folder: Folder,
    encrypted: Callable[[str], str],
    vault: VaultSources,
    in_memory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Watch the private folders while Ansible runs: no file has a secret in it, and all are gone afterwards."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(in_memory))
    monkeypatch.setenv("CLOUD_TOKEN", "canary-environment")
    place = folder(
        hosts_ini="a ansible_password='{{ pw }}' ansible_become_password=canary-plain\n",
        group_vars__all_yml=encrypted("pw: canary-vault"),
    )
    modes: set[int] = set()
    seen: dict[str, bytes] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            for here, _, names in os.walk(in_memory):  # which passes over what has gone meanwhile
                for path in (Path(here) / name for name in names):
                    with suppress(FileNotFoundError):
                        if path.is_file():  # pipes are none
                            seen[str(path)] = path.read_bytes()
            for one in in_memory.iterdir():
                with suppress(FileNotFoundError):
                    modes.add(one.stat().st_mode & 0o777)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        (host,) = read_inventory(place, vault)
    finally:
        over.set()
        watcher.join()
    assert host.credentials.password == "canary-vault"
    assert modes == {0o700}
    assert any(name.endswith("wanted.json") for name in seen)
    assert [name for name, content in seen.items() if b"canary" in content] == []
    assert list(in_memory.iterdir()) == []


@pytest.mark.slow
def test_without_a_folder_in_memory_nothing_is_filled_in(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ansible_run, "memory_folder", lambda: None)
    (host,) = read_inventory(folder(hosts_ini="a ansible_user='{{ x }}'\n"))
    assert host.unusable is not None
    assert host.unusable.startswith("ansible_user cannot be filled in: there is no folder in memory (tmpfs)")


def test_a_place_on_a_disk_is_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(Path(__file__).parent))
    assert ansible_run.memory_folder() != str(Path(__file__).parent)
    assert ansible_run._file_system("/proc") == "proc"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("text", {"value": "text"}, id="text"),
        pytest.param(True, {"value": "True"}, id="truth"),
        pytest.param(None, {"value": None}, id="nothing"),
        pytest.param({"a": 1}, {"problem": "is a structure, and a text or number is wanted"}, id="mapping"),
    ],
)
def test_the_filter_writes_into_its_pipe_and_returns_nothing(tmp_path: Path, value: object, expected: object) -> None:
    (tmp_path / "wanted.json").write_text('{"h": ["v"], "gone": ["v"]}', encoding="utf-8")
    fill_in = FilterModule().filters()["auditor_fill_in"]
    assert fill_in({"h": {"v": value}}, str(tmp_path)) == ""
    lines = [json.loads(line) for line in (tmp_path / "answer").read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"host": "h", "variables": {"v": expected}}
    assert lines[1] == {"host": "gone", "variables": {"v": {"problem": "is a template that fails (KeyError)"}}}


@pytest.mark.parametrize(
    "value", ["{{ x }}", "a{%b", "{# c #}", {"__ansible_vault": "x"}, "$ANSIBLE_VAULT;1.1;AES256", "__ansible_vault"]
)
@pytest.mark.parametrize(
    "name", ["ansible_host", "ansible_user", "ansible_password", "ansible_become_pass", "ansible_ssh_private_key_file"]
)
def test_what_is_not_plain_is_never_used(name: str, value: object) -> None:
    host, problems = host_from("h", {name: value, "ansible_become": "yes"}, groups=(), folder=Path("/"))
    assert (name, "is a template or encrypted: only Ansible fills these in") in problems
    used = (
        host.address,
        *(getattr(host.credentials, key) for key in ("user", "password", "become_password", "private_key")),
    )
    assert used == ("h", None, None, None, None)


def test_a_folder_that_cannot_be_removed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tempfile.mkdtemp
    made: list[str] = []

    def noted(**options: str | None) -> str:
        made.append(kept(**options))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(Exception, match="cannot be removed"), ansible_run.private_place("hosts"):
        pass
    Path(made[0]).rmdir()
