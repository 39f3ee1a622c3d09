"""Which credentials are offered, how often, and what is said when none is taken."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED
from paramiko.message import Message
from paramiko.server import InteractiveQuery

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, Host, SshSettings
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.ssh import SshTransport

MakeCall = Callable[..., ProbeCall]


@pytest.fixture
def transport(tmp_path: Path) -> SshTransport:
    return SshTransport(home=tmp_path, agent_socket="")


def failure(transport: SshTransport, host: Host, call: ProbeCall) -> HostError:
    with pytest.raises(HostError) as raised:
        transport.collect(host, call)
    return raised.value


def allow(server: Any, key: Path) -> None:
    """Let a key in beside those that are let in already."""
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(Path(f"{key}.pub").read_text())


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ed25519", ()),
        ("ecdsa", ("-b", "256")),
        ("ecdsa", ("-b", "521")),
        ("rsa", ("-b", "2048")),
        ("rsa", ("-b", "2048", "-m", "PEM")),
        ("ecdsa", ("-m", "PEM")),
    ],
    ids=["ed25519", "ecdsa-256", "ecdsa-521", "rsa", "rsa-pem", "ecdsa-pem"],
)
@pytest.mark.parametrize("passphrase", ["", "open sésame"], ids=["plain", "with-passphrase"])
def test_key_files(
    sshd: Any,
    transport: SshTransport,
    make_call: MakeCall,
    keygen: Callable[..., Path],
    tmp_path: Path,
    kind: str,
    more: tuple[str, ...],
    passphrase: str,
) -> None:
    key = keygen(tmp_path / "key", kind, *more, passphrase=passphrase)
    allow(sshd, key)
    credentials = Credentials(user="root", private_key=key, passphrase=passphrase or None)
    assert transport.collect(sshd.host(credentials=credentials), make_call("echo in")).stdout == b"in\n"


def test_a_passphrase_for_a_key_without_one_does_no_harm(
    sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    credentials = Credentials(user="root", private_key=sshd.key, passphrase="not needed")
    assert transport.collect(sshd.host(credentials=credentials), make_call("echo in")).stdout == b"in\n"


def test_a_key_file_that_cannot_be_used(
    sshd: Any, transport: SshTransport, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path
) -> None:
    locked = keygen(tmp_path / "locked", "ed25519", passphrase="right")
    public = tmp_path / "locked.pub"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    damaged = tmp_path / "damaged"
    damaged.write_text(sshd.key.read_text().replace("b3Blb", "AAAAA"))
    damaged.chmod(0o600)
    for file, passphrase, words in (
        (tmp_path / "missing", None, "cannot be read: No such file"),
        (tmp_path, None, "cannot be read: Is a directory"),
        (locked, "wrong", "not opened by the passphrase given"),
        (locked, None, "encrypted and no passphrase is given"),
        (public, None, "not a private key"),
        (binary, None, "not a private key"),
        (damaged, None, "not a private key"),
    ):
        credentials = Credentials(user="root", private_key=file, passphrase=passphrase)
        error = failure(transport, sshd.host(credentials=credentials), make_call(":"))
        assert error.reason is Reason.AUTH
        assert f"key {file} " in error.detail
        assert words in error.detail


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660], ids=oct)
def test_a_key_file_that_others_may_read_is_used_no_more(
    sshd: Any, transport: SshTransport, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path, mode: int
) -> None:
    key = keygen(tmp_path / "key", "ed25519")
    allow(sshd, key)
    key.chmod(mode)
    host = sshd.host(credentials=Credentials(user="root", private_key=key))
    error = failure(transport, host, make_call(":"))
    assert error.reason is Reason.AUTH
    assert f"key {key} is open to others (mode {mode:04o}): chmod 600" in error.detail


def test_what_a_server_says_before_the_log_in_is_passed_over(
    start_sshd: Any, transport: SshTransport, make_call: MakeCall, tmp_path: Path
) -> None:
    (tmp_path / "banner").write_text("Authorised use only\x1b[31m\n" * 200)
    host = start_sshd(f"Banner {tmp_path}/banner").host()
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_a_refused_key_is_told_with_what_the_host_takes(
    sshd: Any, transport: SshTransport, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path
) -> None:
    key = keygen(tmp_path / "stranger", "ed25519")
    credentials = Credentials(user="root", private_key=key, password="secret-7")
    error = failure(transport, sshd.host(credentials=credentials), make_call(":"))
    assert error.reason is Reason.AUTH
    assert f"key {key} (ssh-ed25519 SHA256:" in error.detail
    assert "refused" in error.detail
    assert "the host takes 'publickey" in error.detail
    assert "secret-7" not in error.detail


def test_nothing_to_offer_is_told(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    error = failure(transport, sshd.host(credentials=Credentials(user="root")), make_call(":"))
    assert error.reason is Reason.AUTH
    assert "nothing" in error.detail


def test_the_usual_key_files_are_tried(
    sshd: Any, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    keygen(tmp_path / ".ssh" / "id_ed25519", "ed25519")
    allow(sshd, keygen(tmp_path / ".ssh" / "id_rsa", "rsa"))
    transport = SshTransport(home=tmp_path, agent_socket="")
    settings = replace(sshd.host().ssh, identities_only=False)
    host = sshd.host(credentials=Credentials(user="root"), ssh=settings)
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    alone = replace(host, ssh=replace(settings, identities_only=True))
    assert failure(transport, alone, make_call(":")).reason is Reason.AUTH


def test_without_a_user_the_operators_name_is_taken(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    answer = transport.collect(sshd.host(credentials=Credentials(private_key=sshd.key)), make_call(":"))
    assert answer.user == "root"


# ---- the agent


@pytest.fixture
def agent() -> Iterator[str]:
    """Run an ssh-agent and give its socket."""
    path = f"/tmp/auditor-agent-{os.getpid()}-{threading.get_ident()}"  # noqa: S108 — a socket's path must be short
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    waiting = threading.Event()
    while not Path(path).exists():
        waiting.wait(0.02)
    yield path
    process.terminate()
    process.wait()


def add(agent: str, key: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": agent})


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_of_the_agent(
    sshd: Any, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path, agent: str, kind: str
) -> None:
    key = keygen(tmp_path / "in-agent", kind)
    add(agent, key)
    allow(sshd, key)
    transport = SshTransport(home=tmp_path, agent_socket=agent)
    host = sshd.host(credentials=Credentials(user="root"), ssh=replace(sshd.host().ssh, identities_only=False))
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    error = failure(transport, replace(host, ssh=sshd.host().ssh), make_call(":"))
    assert error.reason is Reason.AUTH


def test_the_agent_stands_in_for_an_encrypted_file(
    sshd: Any, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    key = keygen(tmp_path / "plain", "ed25519")
    add(agent, key)
    allow(sshd, key)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "locked", "-P", "", "-f", str(key)], check=True)
    host = sshd.host(
        credentials=Credentials(user="root", private_key=key), ssh=replace(sshd.host().ssh, identities_only=False)
    )
    transport = SshTransport(home=tmp_path, agent_socket=agent)
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_an_agent_full_of_keys_leaves_the_server_patient(
    sshd: Any, make_call: MakeCall, keygen: Callable[..., Path], tmp_path: Path, agent: str
) -> None:
    for number in range(8):
        add(agent, keygen(tmp_path / f"key-{number}", "ed25519"))
    host = sshd.host(credentials=Credentials(user="root"), ssh=replace(sshd.host().ssh, identities_only=False))
    error = failure(SshTransport(home=tmp_path, agent_socket=agent), host, make_call(":"))
    assert error.reason is Reason.AUTH
    assert error.detail.count("refused") == 5
    assert error.detail.count("not offered") == 3


@pytest.mark.parametrize("kind", ["missing", "deaf", "closing"])
def test_an_agent_that_does_not_work_is_told(sshd: Any, make_call: MakeCall, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "agent"
    host = sshd.host(ssh=replace(sshd.host().ssh, identities_only=False), credentials=Credentials(user="root"))
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        if kind != "missing":
            listener.bind(str(path))
            listener.listen()
        if kind == "closing":
            listener.close()
        error = failure(SshTransport(home=tmp_path, agent_socket=str(path)), host, make_call(":", deadline=20))
    assert error.reason is Reason.AUTH
    assert f"the agent at {path} gives no keys" in error.detail


# ---- passwords, against a server that takes them without PAM


@dataclass
class Door(paramiko.ServerInterface):
    """A server that lets one password in, in the ways it is told, and counts the tries."""

    methods: str
    prompts: tuple[tuple[str, bool], ...] = (("Password: ", False),)
    tries: list[str] = field(default_factory=list)
    more: list[tuple[tuple[str, bool], ...]] = field(default_factory=list)
    """What is asked after the first answer."""

    def get_allowed_auths(self, _username: str) -> str:
        return self.methods

    def _judge(self, how: str, password: str) -> int:
        self.tries.append(f"{how}:{password}")
        return AUTH_SUCCESSFUL if password == "right" else AUTH_FAILED

    def check_auth_password(self, _username: str, password: str) -> int:
        return self._judge("password", password) if "password" in self.methods.split(",") else AUTH_FAILED

    def check_auth_interactive(self, _username: str, _submethods: str) -> Any:
        return InteractiveQuery("", "", *self.prompts)

    def check_auth_interactive_response(self, responses: list[str]) -> Any:
        if self.more and responses:
            return InteractiveQuery("", "", *self.more.pop(0))
        return self._judge("prompt", ",".join(responses))

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if b"refuse" in command:
            return False

        def answer() -> None:
            while channel.recv(65536):
                pass
            channel.sendall(b"in\n")
            channel.send_exit_status(0)
            channel.close()

        threading.Thread(target=answer, daemon=True).start()
        return True


@pytest.fixture
def open_door(fake_server: Any, tmp_path: Path) -> Callable[[Door, str | None], Host]:
    """Serve one connection through a door."""
    key = paramiko.RSAKey.generate(2048)

    def serve(door: Door, password: str | None) -> Host:
        def answer(connection: socket.socket) -> None:
            server = paramiko.Transport(connection)
            server.add_server_key(key)
            server.start_server(event=threading.Event(), server=door)
            server.join(20)
            server.close()

        host: Host = fake_server(answer)
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{host.port} ssh-rsa {key.get_base64()}\n")
        credentials = Credentials(user="audit", password=password)
        return replace(host, credentials=credentials, ssh=SshSettings(known_hosts=(known,), identities_only=True))

    return serve


@pytest.mark.parametrize(
    ("methods", "tries"),
    [
        pytest.param("publickey,password", ["password:right"], id="password"),
        pytest.param("publickey,keyboard-interactive", ["prompt:right"], id="prompt-only"),
        pytest.param("password,keyboard-interactive", ["password:right"], id="both"),
    ],
)
def test_a_password_lets_in(
    open_door: Any, transport: SshTransport, make_call: MakeCall, methods: str, tries: list[str]
) -> None:
    door = Door(methods)
    answer = transport.collect(open_door(door, "right"), make_call("ignored"))
    assert (answer.stdout, answer.exit_status, answer.user) == (b"in\n", 0, "audit")
    assert door.tries == tries


@pytest.mark.parametrize(
    ("methods", "tries"),
    [
        pytest.param("password", ["password:wrong"], id="password"),
        pytest.param("keyboard-interactive", ["prompt:wrong"], id="prompt-only"),
        pytest.param("password,keyboard-interactive", ["password:wrong"], id="both"),
    ],
)
def test_a_wrong_password_is_offered_once(
    open_door: Any, transport: SshTransport, make_call: MakeCall, methods: str, tries: list[str]
) -> None:
    door = Door(methods)
    error = failure(transport, open_door(door, "wrong"), make_call(":"))
    assert error.reason is Reason.AUTH
    assert "password" in error.detail
    assert "wrong" not in error.detail
    assert door.tries == tries


@pytest.mark.parametrize(
    "prompts",
    [(("Password: ", False), ("Code: ", False)), (("Favourite colour? ", True),)],
    ids=["two-questions", "an-open-question"],
)
def test_a_password_answers_only_the_question_for_it(
    open_door: Any, transport: SshTransport, make_call: MakeCall, prompts: tuple[tuple[str, bool], ...]
) -> None:
    door = Door("keyboard-interactive", prompts=prompts)
    error = failure(transport, open_door(door, "right"), make_call(":"))
    assert error.reason is Reason.AUTH
    assert prompts[-1][0].strip() in error.detail
    assert door.tries == []


def test_a_prompt_for_a_new_password_is_not_answered(
    open_door: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    """What PAM asks after the password of an account whose password has ended."""
    door = Door("keyboard-interactive", more=[(("Current password: ", False),)])
    error = failure(transport, open_door(door, "right"), make_call(":"))
    assert error.reason is Reason.AUTH
    assert "the host asks 'Current password:" in error.detail.replace('"', "'")
    assert door.tries == []


def test_an_account_that_must_change_its_password_is_told(
    fake_server: Any, transport: SshTransport, make_call: MakeCall, tmp_path: Path
) -> None:
    key = paramiko.RSAKey.generate(2048)

    class Strict(Door):
        def _judge(self, how: str, password: str) -> int:
            self.tries.append(f"{how}:{password}")
            message = Message()
            message.add_byte(bytes([60]))  # SSH_MSG_USERAUTH_PASSWD_CHANGEREQ
            message.add_string("Your password is 400 days old")
            message.add_string("")
            servers[0]._send_message(message)  # type: ignore[attr-defined]
            return AUTH_FAILED

    servers: list[paramiko.Transport] = []
    door = Strict("password")

    def answer(connection: socket.socket) -> None:
        servers.append(paramiko.Transport(connection))
        servers[0].add_server_key(key)
        servers[0].start_server(event=threading.Event(), server=door)
        servers[0].join(20)
        servers[0].close()

    host = fake_server(answer)
    (tmp_path / "known").write_text(f"[127.0.0.1]:{host.port} ssh-rsa {key.get_base64()}\n")
    settings = SshSettings(known_hosts=(tmp_path / "known",), identities_only=True)
    host = replace(host, credentials=Credentials(user="audit", password="right"), ssh=settings)
    error = failure(transport, host, make_call(":"))
    assert error.reason is Reason.AUTH
    assert "it wants a new password first: Your password is 400 days old" in error.detail
    assert door.tries == ["password:right"]


def test_a_host_that_runs_no_command(open_door: Any, transport: SshTransport, make_call: MakeCall) -> None:
    host = open_door(Door("password"), "right")
    error = failure(transport, host, replace(make_call(":"), launcher="refuse"))
    assert error.reason is Reason.NO_SESSION
    assert "ForceCommand" in error.detail
