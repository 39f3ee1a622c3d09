"""Secrets by reference: found where they are said to stand, or the host is not tried."""

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from auditor.errors import HostError, Reason
from auditor.inventory.references import Secrets, reference_problem
from auditor.inventory.variables import host_from
from auditor.model.host import Credentials, Host, SshSettings
from auditor.model.record import replace

Read = Callable[[str, str], dict[str, Host]]


def a_host(**references: str) -> Host:
    return Host(name="h", address="h", credentials=Credentials(references=tuple(references.items())))


def filled(reference: str, environ: dict[str, str] | None = None) -> str | None:
    return Secrets(environ or {}).filled(a_host(password=reference)).credentials.password


def refusal(reference: str) -> str:
    with pytest.raises(HostError) as caught:
        filled(reference)
    assert caught.value.reason is Reason.VARIABLES
    return caught.value.detail


@pytest.mark.parametrize(
    ("reference", "is_one"),
    [
        ("env:AUDIT_PASSWORD", True),
        ("file:/run/secrets/pw", True),
        ("file:relative", True),
        ("keyring:auditor/web/admin", True),
        ("env:", False),
        ("env:not a name", False),
        ("file:", False),
        ("keyring:auditor", False),
        ("keyring:/x", False),
        ("canary", False),
        ("vault:canary", False),
        ("", False),
    ],
)
def test_a_reference_is_told_from_a_password(reference: str, is_one: bool) -> None:
    problem = reference_problem(reference)
    assert (problem is None) == is_one
    assert "canary" not in (problem or "")


def test_every_inventory_takes_references(read: Read, tmp_path: Path) -> None:
    csv = read("hosts.csv", "host,password,become_password,passphrase\na,env:PW,file:pw,keyring:s/a\n")
    yml = read("hosts.yml", "- host: a\n  password: env:PW\n  become_password: file:pw\n  passphrase: keyring:s/a\n")
    expected = (
        ("password", "env:PW"),
        ("become_password", f"file:{tmp_path}/pw"),
        ("passphrase", "keyring:s/a"),
    )
    assert csv["a"].credentials.references == yml["a"].credentials.references == expected


@pytest.mark.slow
def test_in_ansibles_inventory_a_reference_goes_first_and_a_password_is_no_reference(read: Read) -> None:
    hosts = read(
        "hosts",
        "a ansible_password=literal auditor_password=env:PW\nb ansible_password=env:PW\nc auditor_password=canary\n",
    )
    assert hosts["a"].credentials == Credentials(references=(("password", "env:PW"),))
    assert hosts["b"].credentials.password == "env:PW"
    assert (hosts["c"].unusable or "").startswith("auditor_password secrets do not belong into this file")
    assert "canary" not in repr(hosts["c"])


def test_the_environment() -> None:
    assert filled("env:PW", {"PW": "canary"}) == "canary"
    assert refusal("env:PW") == "password: the environment variable PW is not set"


@pytest.mark.parametrize("text", ["canary", "canary\n", "canary\r\n"])
def test_a_file_that_only_its_owner_reads(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pw"
    file.write_text(text, encoding="utf-8", newline="")
    file.chmod(0o600)
    assert filled(f"file:{file}") == "canary"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_file_that_others_read_is_refused_with_the_command(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "pw"
    file.write_text("canary", encoding="utf-8")
    file.chmod(mode)
    assert refusal(f"file:{file}") == f"password: {file} can be read or written by others: chmod 600 {file}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n", "is empty", id="a-line-end-alone"),
        pytest.param(b"caf\xe9", "is not UTF-8 text", id="latin-1"),
        pytest.param(None, "cannot be read: No such file or directory", id="not-there"),
    ],
)
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "pw"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    assert refusal(f"file:{file}") == f"password: {file} {expected}"


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(f"file:{tmp_path}") or "no ordinary file" in refusal(f"file:{tmp_path}")
    assert "no ordinary file" in refusal("file:/dev/null")


@pytest.mark.parametrize("password", ["canary\nx", "can\0ary"])
def test_a_sudo_password_that_sudo_could_not_read_is_refused(password: str) -> None:
    with pytest.raises(HostError, match=r"^variables: become_password: what env:PW stands for") as caught:
        Secrets({"PW": password}).filled(a_host(become_password="env:PW"))
    assert caught.value.reason is Reason.VARIABLES
    assert "canary" not in caught.value.detail


@pytest.mark.parametrize(
    ("said", "known", "problem"),
    [
        pytest.param("a b ", "a b ", None, id="spaces-are-part-of-it"),
        pytest.param("canary\n", "canary", None, id="a-line-end-at-its-end-is-not"),
        pytest.param({"__ansible_unsafe": "canary\n"}, "canary", None, id="nor-where-it-is-no-template"),
        pytest.param("canary\nx", None, "holds a line end or a NUL inside, and sudo reads one line", id="two-lines"),
    ],
)
def test_a_sudo_password_is_one_line(said: object, known: str | None, problem: str | None) -> None:
    host, problems = host_from("h", {"ansible_become_pass": said}, groups=(), folder=Path())
    assert host.credentials.become_password == known
    assert problems == ([] if problem is None else [("ansible_become_pass", problem)])


def test_jump_hosts_have_secrets_too() -> None:
    host = replace(a_host(), ssh=SshSettings(jumps=(a_host(password="env:PW"),)))
    (jump,) = Secrets({"PW": "canary"}).filled(host).ssh.jumps
    assert jump.credentials == Credentials(password="canary")
    secrets = Secrets({})
    with pytest.raises(HostError, match="a jump host's password: the environment variable PW is not set"):
        secrets.filled(host)


def test_a_file_below_the_home_of_nobody_is_not_there(read: Read) -> None:
    host = read("hosts.csv", "host,password\na,file:~nobody-of-that-name/pw\n")["a"]
    secrets = Secrets({})
    with pytest.raises(HostError, match="~nobody-of-that-name/pw cannot be read: No such file or directory"):
        secrets.filled(host)


class Ring:
    """A keyring that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get_password(self, service: str, account: str) -> str | None:
        self.asked.append((service, account))
        if service == "locked":
            raise sys.modules["keyring.errors"].KeyringError("canary-detail")
        return "canary" if (service, account) == ("auditor/web", "admin") else None


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    """Stand in for the package `keyring`, which the tests do without."""
    made = Ring()
    module, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    module.get_password = made.get_password  # type: ignore[attr-defined]
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return made


def test_the_keyring_is_asked_once_for_all_hosts(ring: Ring) -> None:
    secrets = Secrets({})
    for _ in range(3):
        host = secrets.filled(a_host(become_password="keyring:auditor/web/admin"))
        assert host.credentials == Credentials(become_password="canary")
    assert ring.asked == [("auditor/web", "admin")]
    assert refusal("keyring:a/b") == "password: the keyring holds nothing for a/b: `keyring set a b`"
    assert refusal("keyring:locked/b") == "password: the keyring does not answer for locked/b: KeyringError"


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'auditor[keyring]'" in refusal("keyring:a/b")


def test_no_secret_shows_in_a_repr_a_log_or_a_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bad = tmp_path / "pw"
    bad.write_text("canary", encoding="utf-8")
    bad.chmod(0o644)
    host = Secrets({"PW": "canary"}).filled(a_host(password="env:PW", passphrase="env:PW", become_password="env:PW"))
    assert "canary" not in repr(host)
    secrets, refused = Secrets({"PW": "canary"}), a_host(password="env:PW", become_password=f"file:{bad}")
    with pytest.raises(HostError) as caught:
        secrets.filled(refused)
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert "canary" not in caplog.text
