"""Hosts that prove who they are by a certificate of an authority that known_hosts trusts."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.known_hosts import HostKey, KnownHosts, parse_known_hosts
from auditor.transport.ssh import SshTransport
from auditor.transport.ssh_certificate import Certificate, parse_certificate, read_certificate

MakeCall = Callable[..., ProbeCall]
Keygen = Callable[..., Path]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = "20260101000000Z:20270101000000Z"


def sign(authority: Path, key: Path, *more: str) -> Certificate:
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(authority), "-I", "rack 7", *more, f"{key}.pub"],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    found = read_certificate(key.with_name(f"{key.name}-cert.pub"))
    assert isinstance(found, Certificate)
    return found


def line(marker: str, names: str, public: Path) -> str:
    return f"{marker} {names} {' '.join(public.read_text().split()[:2])}\n".lstrip()


# ---- what a certificate proves, without a server


@dataclass(frozen=True, kw_only=True)
class Keys:
    authority: Path
    stranger: Path
    host: Path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, keygen: Keygen) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    return Keys(**{name: keygen(folder / name, "ed25519") for name in ("authority", "stranger", "host")})


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("signer", ["ed25519", "ecdsa", "rsa"])
def test_a_signature_of_any_type_is_verified(keygen: Keygen, tmp_path: Path, kind: str, signer: str) -> None:
    authority, key = keygen(tmp_path / "ca", signer), keygen(tmp_path / "key", kind)
    found = sign(authority, key, "-h", "-n", "web-1", "-V", YEAR)
    assert found.host_objection(("web-1",), NOW) is None
    # A byte of what is signed, and the last one of the signature.
    signed = len(found.blob) - len(found.signature) - 4
    for place in (*range(0, signed, 11), len(found.blob) - 1):
        damaged = bytearray(found.blob)
        damaged[place] ^= 1
        try:
            assert parse_certificate(bytes(damaged)).host_objection(("web-1",), NOW) is not None
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(("-h", "-n", "web-1", "-V", YEAR), None, id="ordinary"),
        pytest.param(("-h", "-n", "db-1,WEB-1", "-V", YEAR), None, id="one-of-its-names"),
        pytest.param(("-h", "-V", YEAR), None, id="for-every-host"),
        pytest.param(("-h", "-n", "web-1", "-V", "always:forever"), None, id="for-ever"),
        pytest.param(("-n", "web-1", "-V", YEAR), "is a user's certificate", id="of-a-user"),
        pytest.param(("-h", "-n", "web-2", "-V", YEAR), "is for web-2, not for web-1", id="another-host"),
        pytest.param(("-h", "-n", "web-*", "-V", YEAR), "is for web-*, not for web-1", id="no-patterns"),
        pytest.param(("-h", "-n", "web-1", "-V", "20200101:20210101"), "ended at 20", id="ended"),
        pytest.param(("-h", "-n", "web-1", "-V", "20300101:20310101"), "holds only from 20", id="not-yet"),
        pytest.param(
            ("-h", "-n", "web-1", "-V", YEAR, "-O", "critical:fence=7"), "has critical options", id="critical-option"
        ),
        pytest.param(("-h", "-n", "web-1", "-V", YEAR, "-O", "extension:note=7"), None, id="extension"),
        pytest.param(("-h", "-n", "web-1", "-V", YEAR, "-z", "18446744073709551615"), None, id="high-serial"),
    ],
)
def test_what_a_certificate_proves(keys: Keys, more: tuple[str, ...], expected: str | None) -> None:
    objection = sign(keys.authority, keys.host, *more).host_objection(("web-1",), NOW)
    assert objection == expected or (objection is not None and expected is not None and expected in objection)


def test_an_rsa_authority_that_signs_with_sha1_is_not_believed(keygen: Keygen, tmp_path: Path) -> None:
    authority, key = keygen(tmp_path / "ca", "rsa"), keygen(tmp_path / "key", "ed25519")
    found = sign(authority, key, "-h", "-n", "web-1", "-V", YEAR, "-t", "ssh-rsa")
    assert "does not bear the signature" in str(found.host_objection(("web-1",), NOW))


@given(cut=st.integers(0, 2000), more=st.binary(max_size=40))
def test_no_bytes_break_the_check(keys: Keys, cut: int, more: bytes) -> None:
    found = sign_once(keys)
    blob = found.blob[:cut] + more
    try:
        read = parse_certificate(blob)
    except ValueError:
        return
    assert blob == found.blob or read.host_objection(("web-1",), NOW) is not None


def sign_once(keys: Keys) -> Certificate:
    file = keys.host.with_name("host-cert.pub")
    found = read_certificate(file) if file.exists() else None
    if isinstance(found, Certificate) and found.objection(NOW) == "is a host's certificate, not a user's":
        return found
    return sign(keys.authority, keys.host, "-h", "-n", "web-1", "-V", YEAR)


# ---- whom known_hosts trusts


def shown(certificate: Certificate) -> HostKey:
    return HostKey(algorithm="ssh-ed25519", blob=certificate.key_blob, certificate=certificate.blob)


def verdict(text: str, key: HostKey, *names: str, port: int = 22) -> str:
    entries, unread = parse_known_hosts(text, Path("known_hosts"))
    try:
        KnownHosts(entries, unread).check(names, port, key)
    except HostError as error:
        return f"{error.reason.value}: {error.detail}"
    return "trusted"


@pytest.mark.parametrize(
    ("lines", "names", "expected"),
    [
        pytest.param([("@cert-authority", "*", "authority")], ("web-1",), "trusted", id="authority"),
        pytest.param([("@cert-authority", "WEB-*", "authority")], ("Web-1",), "trusted", id="case"),
        pytest.param(
            [("@cert-authority", "web-*", "authority")], ("10.0.0.1", "web-1"), "trusted", id="the-name-is-certified"
        ),
        pytest.param(
            [("@cert-authority", "10.*", "authority")],
            ("10.0.0.1", "web-1"),
            "host_key_ca: the host's certificate ('rack 7') is for web-1, not for 10.0.0.1",
            id="trusted-for-one-name-and-certified-for-another",
        ),
        pytest.param(
            [("@cert-authority", "*", "stranger")],
            ("web-1",),
            "host_key_ca: the host's certificate is signed by ssh-ed25519 SHA256:",
            id="another-authority",
        ),
        pytest.param([("@cert-authority", "db-*", "authority")], ("web-1",), "host_key_unknown: ", id="for-others"),
        pytest.param([("", "web-1", "authority")], ("web-1",), "host_key_changed: ", id="a-plain-line-is-no-authority"),
        pytest.param([("@cert-authority", "*", "host")], ("web-1",), "host_key_ca: ", id="its-own-key-is-none"),
        pytest.param(
            [("@cert-authority", "*", "authority"), ("@revoked", "*", "authority")],
            ("web-1",),
            "host_key_revoked: the host's certificate is signed by",
            id="revoked-authority",
        ),
        pytest.param(
            [("@cert-authority", "*", "authority"), ("@revoked", "*", "host")],
            ("web-1",),
            "host_key_revoked: the host shows",
            id="revoked-key",
        ),
        pytest.param(
            [("@cert-authority", "*", "authority"), ("", "web-1", "stranger")],
            ("web-1",),
            "trusted",
            id="its-word-comes-before-a-key-s",
        ),
        pytest.param(
            [("@cert-authority", "*", "stranger"), ("", "web-1", "host")], ("web-1",), "trusted", id="a-key-is-enough"
        ),
    ],
)
def test_whose_word_is_taken(
    keys: Keys, lines: list[tuple[str, str, str]], names: tuple[str, ...], expected: str
) -> None:
    begin = datetime.fromtimestamp(time.time() - 3600, UTC)
    certificate = sign(keys.authority, keys.host, "-h", "-n", "web-1", "-V", f"{begin:%Y%m%d%H%M%S}Z:+1d")
    text = "".join(line(marker, of, Path(f"{getattr(keys, key)}.pub")) for marker, of, key in lines)
    assert verdict(text, shown(certificate), *names).startswith(expected)


def test_a_certificate_of_another_key_proves_nothing(keys: Keys) -> None:
    certificate = sign(keys.authority, keys.host, "-h", "-n", "web-1", "-V", "-1h:+1d")
    blob = shown(certificate).blob
    blob = blob[:-1] + bytes([blob[-1] ^ 1])
    other = HostKey(algorithm="ssh-ed25519", blob=blob, certificate=certificate.blob)
    text = line("@cert-authority", "*", Path(f"{keys.authority}.pub"))
    assert "is not of the key that it shows" in verdict(text, other, "web-1")


# ---- real servers


@pytest.fixture(scope="module")
def start_certified(start_sshd: Any, keygen: Keygen, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Start a server with a host key that an authority has certified, and a bare one of another type."""

    def start(authority: Path, kind: str, *more: str) -> Any:
        key = keygen(tmp_path_factory.mktemp("host") / "host", kind)
        sign(authority, key, "-h", *more)
        bare = "rsa" if kind != "rsa" else "ecdsa"
        return start_sshd(f"HostKey {key}", f"HostCertificate {key}-cert.pub", host_keys=(bare,))

    return start


def trusting(server: Any, file: Path, *lines: str) -> Host:
    file.write_text("".join(lines))
    host: Host = server.host()
    return replace(host, ssh=replace(host.ssh, known_hosts=(file,)))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certified_host_is_trusted(
    start_certified: Any, keys: Keys, make_call: MakeCall, tmp_path: Path, kind: str
) -> None:
    server = start_certified(keys.authority, kind, "-n", "lab-1", "-V", "-1h:+1d")
    host = trusting(server, tmp_path / "known", line("@cert-authority", "*", Path(f"{keys.authority}.pub")))
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    # What ssh(1) says of it: the same trust, by the name that is certified.
    ssh = subprocess.run(
        [
            *("ssh", "-F", "none", "-p", str(server.port), "-i", str(server.key), "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={tmp_path}/known", "-o", "HostKeyAlias=lab-1", "root@127.0.0.1", "echo in"),
        ],
        capture_output=True,
        check=False,
    )
    assert ssh.stdout == b"in\n", ssh.stderr
    elsewhere = replace(host, name="lab-2")
    with pytest.raises(HostError) as raised:
        transport.collect(elsewhere, make_call(":"))
    assert raised.value.reason is Reason.HOST_KEY_CA
    assert "is for lab-1, not for 127.0.0.1 or lab-2" in raised.value.detail


def test_a_host_without_a_certificate_is_told(sshd: Any, keys: Keys, make_call: MakeCall, tmp_path: Path) -> None:
    host = trusting(sshd, tmp_path / "known", line("@cert-authority", "*", Path(f"{keys.authority}.pub")))
    with pytest.raises(HostError) as raised:
        SshTransport(home=tmp_path, agent_socket="").collect(host, make_call(":"))
    assert raised.value.reason is Reason.HOST_KEY_CA
    assert "the host shows no certificate" in raised.value.detail
    assert "auditor enroll lab-1" in raised.value.detail


def test_an_ended_certificate_lets_nobody_be_trusted(
    start_certified: Any, keys: Keys, make_call: MakeCall, tmp_path: Path
) -> None:
    server = start_certified(keys.authority, "ed25519", "-n", "lab-1", "-V", "20200101:20200102")
    host = trusting(server, tmp_path / "known", line("@cert-authority", "*", Path(f"{keys.authority}.pub")))
    with pytest.raises(HostError) as raised:
        SshTransport(home=tmp_path, agent_socket="").collect(host, make_call(":"))
    assert raised.value.reason is Reason.HOST_KEY_CA
    assert "ended at 2020-01-0" in raised.value.detail


def test_a_host_that_has_a_certificate_is_still_known_by_its_key(
    start_certified: Any, keys: Keys, make_call: MakeCall, tmp_path: Path
) -> None:
    server = start_certified(keys.authority, "ed25519", "-n", "lab-1", "-V", "-1h:+1d")
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert transport.collect(server.host(), make_call("echo in")).stdout == b"in\n"
