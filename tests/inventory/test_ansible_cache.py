"""What is kept of an inventory between runs, and what never is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.inventory import ansible_cache
from auditor.inventory.ansible_cache import kept_listing
from auditor.inventory.ansible_files import inventory_files
from auditor.inventory.listing import Listing
from auditor.inventory.read import read_inventory
from auditor.inventory.vault import NO_VAULT

Ask = Callable[..., Listing]


def a_listing(**variables: object) -> Listing:
    return Listing(groups={"a": ("web",)}, variables={"a": variables})


class Reader:
    """Ansible's place: counts how often it is asked."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.count = 0

    def __call__(self) -> Listing:
        self.count += 1
        return self.listing


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out an inventory and work beside it, with a home of our own."""
    folder = tmp_path / "work"
    (folder / "inventory" / "group_vars").mkdir(parents=True)
    (folder / "inventory" / "hosts.ini").write_text("[web]\na\n", encoding="utf-8")
    (folder / "inventory" / "group_vars" / "web.yml").write_text("ansible_user: audit\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.fixture
def asked(place: Path) -> Callable[..., int]:
    """Ask twice, with something done in between; how often Ansible was asked."""

    def times(
        between: Callable[[], object] = lambda: None, environ: dict[str, str] | None = None, **said: object
    ) -> int:
        reader = Reader(a_listing(**said))
        answers = []
        for _ in range(2):
            answers.append(kept_listing(str(place / "inventory"), NO_VAULT, place / "cache", reader, environ or {}))
            between()
        assert answers[0].groups == answers[1].groups
        return reader.count

    return times


def test_the_same_bytes_are_read_once(asked: Callable[..., int]) -> None:
    assert asked(ansible_user="audit", ansible_port=22) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("inventory/group_vars/web.yml", "ansible_user: other\n", id="variables"),
        pytest.param("inventory/more.ini", "b\n", id="a-new-file"),
        pytest.param("ansible.cfg", "[defaults]\ninterpreter_python=auto\n", id="configuration"),
    ],
)
def test_a_changed_byte_is_read_anew(asked: Callable[..., int], place: Path, file: str, text: str) -> None:
    assert asked(lambda: (place / file).write_text(text, encoding="utf-8")) == 2


@pytest.mark.parametrize(
    ("file", "text", "mode"),
    [
        pytest.param("inventory/cloud", "#!/bin/sh\n", 0o755, id="script"),
        pytest.param("inventory/aws.yml", "plugin: amazon.aws.aws_ec2\n", 0o644, id="plugin"),
        pytest.param("inventory/aws.yml", "---\n{ plugin: x }\n", 0o644, id="plugin-in-braces"),
        pytest.param("inventory/group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n61\n", 0o644, id="vaulted-file"),
        pytest.param("ansible.cfg", "[defaults]\nvars_plugins = x\n", 0o644, id="plugins-of-the-configuration"),
        pytest.param("../.ansible/plugins/vars/x.py", "", 0o644, id="plugins-of-the-user"),
    ],
)
def test_what_is_more_than_files_is_never_kept(
    asked: Callable[..., int], place: Path, file: str, text: str, mode: int
) -> None:
    path = place / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    assert asked() == 2
    assert not (place / "cache").exists()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"ansible_password": "canary"}, id="password"),
        pytest.param({"ansible_become_pass": 1234}, id="number-as-a-password"),
        pytest.param({"ansible_ssh_common_args": "-o ProxyCommand='sshpass -p canary ssh x'"}, id="proxy-command"),
    ],
)
def test_a_secret_in_plain_text_keeps_all_of_it_out(
    asked: Callable[..., int], place: Path, said: dict[str, object]
) -> None:
    assert asked(**said) == 2
    assert not (place / "cache").exists()


def test_neither_templates_nor_ciphertext_are_kept_and_nobody_else_can_read_it(
    asked: Callable[..., int], place: Path
) -> None:
    assert asked(ansible_password="{{ 'canary' }}", ansible_become_pass={"__ansible_vault": "canary"}) == 1
    (file,) = (place / "cache" / "inventory").iterdir()
    assert "canary" not in file.read_text(encoding="utf-8")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    reader = Reader(a_listing())
    again = kept_listing(str(place / "inventory"), NO_VAULT, place / "cache", reader, {})
    assert again.variables["a"]["ansible_password"] == {"__ansible_vault": ""}


def test_what_others_could_have_written_is_not_believed(asked: Callable[..., int], place: Path) -> None:
    def open_to_all() -> None:
        for file in (place / "cache" / "inventory").iterdir():
            file.chmod(0o666)

    assert asked(open_to_all) == 2


def test_a_plugin_named_by_the_environment_is_more_than_files(asked: Callable[..., int]) -> None:
    assert asked(environ={"ANSIBLE_VARS_PLUGINS": "x"}) == 2


def test_files_that_change_while_they_are_read_are_not_kept(place: Path) -> None:
    class Busy(Reader):
        def __call__(self) -> Listing:
            (place / "inventory" / "hosts.ini").write_text(f"[web]\na\n# {self.count}\n", encoding="utf-8")
            return super().__call__()

    reader = Busy(a_listing())
    kept_listing(str(place / "inventory"), NO_VAULT, place / "cache", reader, {})
    assert not (place / "cache").exists()


def test_a_link_in_a_circle_is_followed_once(place: Path) -> None:
    for number in range(4):
        (place / "inventory" / "group_vars" / f"loop{number}").symlink_to(place / "inventory")
    assert len(inventory_files(str(place / "inventory"))) < 20


def test_the_oldest_are_forgotten(place: Path) -> None:
    for number in range(ansible_cache._KEPT + 3):
        (place / "inventory" / "hosts.ini").write_text(f"[web]\na\n# {number}\n", encoding="utf-8")
        kept_listing(str(place / "inventory"), NO_VAULT, place / "cache", Reader(a_listing()), {})
    assert len(list((place / "cache" / "inventory").iterdir())) == ansible_cache._KEPT


@pytest.mark.slow
def test_hosts_from_the_cache_are_the_same_hosts(place: Path) -> None:
    (place / "inventory" / "hosts.ini").write_text(
        "[web]\na ansible_host='{{ inventory_hostname }}.example'\n[all:children]\nweb\n", encoding="utf-8"
    )
    read = [read_inventory(place / "inventory", cache=place / "cache") for _ in range(2)]
    assert len(list((place / "cache" / "inventory").iterdir())) == 1
    assert read[0] == read[1]
    assert (read[1][0].address, read[1][0].groups, read[1][0].credentials.user) == ("a.example", ("web",), "audit")
