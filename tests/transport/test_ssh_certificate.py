"""Certificates instead of keys: offered first, judged before they cost an offer."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, Host
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.ssh import SshTransport
from auditor.transport.ssh_certificate import Certificate, parse_certificate, read_certificate

MakeCall = Callable[..., ProbeCall]
Keygen = Callable[..., Path]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, keygen: Keygen) -> Path:
    return keygen(tmp_path_factory.mktemp("ca") / "ca", "ed25519")


@pytest.fixture(scope="module")
def trusting(start_sshd: Any, authority: Path) -> Any:
    """Run a server that lets in whom the authority certifies, and no bare key."""
    return start_sshd(f"TrustedUserCAKeys {authority}.pub", "AuthorizedKeysFile none")


def certify(authority: Path, key: Path, *more: str, valid: str = "-1d:+1d") -> Path:
    words = [
        "ssh-keygen",
        "-q",
        "-s",
        str(authority),
        "-I",
        "audit team",
        "-n",
        "root",
        "-V",
        valid,
        *more,
        f"{key}.pub",
    ]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return key.with_name(f"{key.name}-cert.pub")


def asked_with(server: Any, **credentials: Any) -> Host:
    host: Host = server.host(credentials=Credentials(user="root", **credentials))
    return host


def failure(transport: SshTransport, host: Host, call: ProbeCall) -> HostError:
    with pytest.raises(HostError) as raised:
        transport.collect(host, call)
    return raised.value


@pytest.fixture
def transport(tmp_path: Path) -> SshTransport:
    return SshTransport(home=tmp_path, agent_socket="")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_beside_the_key_lets_in(
    trusting: Any,
    authority: Path,
    transport: SshTransport,
    make_call: MakeCall,
    keygen: Keygen,
    tmp_path: Path,
    kind: str,
) -> None:
    key = keygen(tmp_path / "key", kind)
    assert failure(transport, asked_with(trusting, private_key=key), make_call(":")).reason is Reason.AUTH
    certify(authority, key)
    assert transport.collect(asked_with(trusting, private_key=key), make_call("echo in")).stdout == b"in\n"


def test_a_named_certificate_lets_in(
    trusting: Any, authority: Path, transport: SshTransport, make_call: MakeCall, keygen: Keygen, tmp_path: Path
) -> None:
    key = keygen(tmp_path / "key", "ed25519", passphrase="open it")
    file = certify(authority, key).rename(tmp_path / "elsewhere.pub")
    host = asked_with(trusting, private_key=key, passphrase="open it", certificate=file)
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_the_bare_key_is_offered_after_the_certificate(
    sshd: Any, authority: Path, transport: SshTransport, make_call: MakeCall
) -> None:
    """A server that knows no authority refuses the certificate and takes the key."""
    file = certify(authority, sshd.key)
    assert transport.collect(sshd.host(), make_call("echo in")).stdout == b"in\n"
    file.unlink()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param({"valid": "20200101:20200102"}, "ended at 2020-01-", id="ended"),
        pytest.param({"valid": "20990101:20990102"}, "holds only from 20", id="not-yet"),
        pytest.param({"more": ("-h",)}, "is a host's certificate", id="of-a-host"),
    ],
)
def test_a_certificate_that_cannot_help_costs_no_offer(
    trusting: Any,
    authority: Path,
    transport: SshTransport,
    make_call: MakeCall,
    keygen: Keygen,
    tmp_path: Path,
    make: dict[str, Any],
    words: str,
) -> None:
    key = keygen(tmp_path / "key", "ed25519")
    certify(authority, key, *make.pop("more", ()), **make)
    error = failure(transport, asked_with(trusting, private_key=key), make_call(":"))
    assert error.reason is Reason.AUTH
    assert words in error.detail
    assert error.detail.count("refused") == 1


def test_a_certificate_of_another_key_is_told(
    trusting: Any, authority: Path, transport: SshTransport, make_call: MakeCall, keygen: Keygen, tmp_path: Path
) -> None:
    key, other = keygen(tmp_path / "key", "ed25519"), keygen(tmp_path / "other", "ed25519")
    file = certify(authority, other)
    error = failure(transport, asked_with(trusting, private_key=key, certificate=file), make_call(":"))
    assert f"certificate {file} is not one of key {key}" in error.detail


@pytest.mark.parametrize("text", ["", "ssh-ed25519-cert-v01@openssh.com", "x AAAA", "x !!"], ids=range(4))
def test_a_file_that_is_no_certificate_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cert.pub"
    file.write_text(text)
    assert "is not an OpenSSH certificate" in str(read_certificate(file))
    assert "cannot be read: No such file" in str(read_certificate(tmp_path / "missing"))


@pytest.fixture
def agent() -> Iterator[str]:
    path = f"/tmp/auditor-certs-{os.getpid()}-{threading.get_ident()}"  # noqa: S108 — a socket's path must be short
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    waiting = threading.Event()
    while not Path(path).exists():
        waiting.wait(0.02)
    yield path
    process.terminate()
    process.wait()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_that_the_agent_holds_lets_in(
    trusting: Any, authority: Path, make_call: MakeCall, keygen: Keygen, tmp_path: Path, agent: str, kind: str
) -> None:
    key = keygen(tmp_path / "key", kind)
    certify(authority, key)
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": agent})
    host = replace(asked_with(trusting), ssh=replace(trusting.host().ssh, identities_only=False))
    transport = SshTransport(home=tmp_path / "nobody", agent_socket=agent)
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


@pytest.mark.parametrize("named", [True, False], ids=["named", "beside-the-encrypted-key"])
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_certificate_whose_key_only_the_agent_has(
    trusting: Any,
    authority: Path,
    make_call: MakeCall,
    keygen: Keygen,
    tmp_path: Path,
    agent: str,
    kind: str,
    named: bool,
) -> None:
    key = keygen(tmp_path / "key", kind)
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": agent})
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "locked", "-P", "", "-f", str(key)], check=True)
    file = certify(authority, key)
    credentials = {"certificate": file} if named else {"private_key": key}
    host = asked_with(trusting, **credentials)
    host = replace(host, ssh=replace(host.ssh, identities_only=False))
    transport = SshTransport(home=tmp_path / "nobody", agent_socket=agent)
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_a_named_certificate_of_one_of_the_usual_files(
    trusting: Any, authority: Path, make_call: MakeCall, keygen: Keygen, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    file = certify(authority, keygen(tmp_path / ".ssh" / "id_ecdsa", "ecdsa")).rename(tmp_path / "mine.pub")
    host = asked_with(trusting, certificate=file)
    host = replace(host, ssh=replace(host.ssh, identities_only=False))
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_a_named_certificate_without_its_key_is_told(
    trusting: Any, authority: Path, transport: SshTransport, make_call: MakeCall, keygen: Keygen, tmp_path: Path
) -> None:
    file = certify(authority, keygen(tmp_path / "key", "ed25519"))
    host = asked_with(trusting, certificate=file)
    host = replace(host, ssh=replace(host.ssh, identities_only=False))
    assert f"certificate {file} is of no key that is at hand" in failure(transport, host, make_call(":")).detail


def test_a_certificate_of_the_agent_that_has_ended_is_told(
    trusting: Any, authority: Path, make_call: MakeCall, keygen: Keygen, tmp_path: Path, agent: str
) -> None:
    key = keygen(tmp_path / "key", "ed25519")
    certify(authority, key, valid="20200101:20200102")
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env={**os.environ, "SSH_AUTH_SOCK": agent})
    host = replace(asked_with(trusting), ssh=replace(trusting.host().ssh, identities_only=False))
    error = failure(SshTransport(home=tmp_path / "nobody", agent_socket=agent), host, make_call(":"))
    assert "agent certificate ('audit team') ended at 2020-01-0" in error.detail


def test_what_a_certificate_says_is_read(authority: Path, keygen: Keygen, tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", "rsa")
    found = read_certificate(certify(authority, key, valid="20260101000000Z:20270101000000Z"))
    assert isinstance(found, Certificate)
    assert (found.name, found.role, found.principals) == ("audit team", 1, ("root",))
    assert found.kind == "ssh-rsa-cert-v01@openssh.com"
    assert datetime.fromtimestamp(found.begins, UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.objection(datetime(2026, 6, 1, tzinfo=UTC)) is None
    assert "ended at 2027-01-01 00:00 UTC" in str(found.objection(datetime(2027, 1, 1, tzinfo=UTC)))


@given(blob=st.binary(max_size=200))
def test_no_bytes_break_the_reader(blob: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        parse_certificate(blob)


def test_a_number_that_no_key_has_is_refused_before_it_is_read() -> None:
    """Paramiko makes up what is missing of a length that is claimed, and takes minutes: it must not get there."""
    claimed = (1 << 20) - 1
    blob = paramiko.Message()
    blob.add_string("ssh-rsa")
    data = blob.asbytes() + claimed.to_bytes(4, "big") + b"\x01"
    with pytest.raises(paramiko.SSHException, match="a number of 1048575 bytes"):
        paramiko.RSAKey(data=data)
    assert paramiko.util.inflate_long(b"\0" + b"\xff" * 2048) == (1 << 16_384) - 1
