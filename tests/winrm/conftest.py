"""WS-Man hosts in threads of this process, and certificates for them."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from auditor.model.host import ConnectionKind, Credentials, Host, WinRmSettings
from tests.winrm.server import PASSWORD, USER, Behaviour, Server, serving, user_file

Serve = Callable[..., Server]

# Reads all of its input, as the launcher does, and answers to the token at its end.
_STAND_IN = """#!/bin/sh
input=$(cat)
parameters=${input##*@@p:}
printf '#< CLIXML\\r\\n<Objs></Objs>' >&2
printf 'auditor-probe 1 %s ascii\\r\\n' "${parameters%% *}"
cat "$0.answer"
printf '%s' "${input%@@p:*}" >"$0.script"
"""


@pytest.fixture(autouse=True)
def _known_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTLM_USER_FILE", str(user_file(tmp_path)))


@pytest.fixture
def powershell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for PowerShell in front of the path of the host's commands: it says what is in ``.answer``."""
    file = tmp_path / "bin" / "powershell.exe"
    file.parent.mkdir()
    file.write_text(_STAND_IN)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}:/usr/bin:/bin")
    return file


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start hosts that behave as told; they end with the test."""
    with ExitStack() as stack:

        def start(context: ssl.SSLContext | None = None, **behaviour: object) -> Server:
            return stack.enter_context(serving(Behaviour(**behaviour), context))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def describe() -> Callable[..., Host]:
    """Describe a server as an inventory would; ``winrm`` changes its settings."""

    def host(server: Server, *, password: str | None = PASSWORD, **winrm: object) -> Host:
        return Host(
            name="win-1",
            address="127.0.0.1",
            port=server.port,
            connection=ConnectionKind.WINRM,
            credentials=Credentials(user=USER, password=password),
            winrm=WinRmSettings(**{"is_https": server.context is not None, **winrm}),  # type: ignore[arg-type]
        )

    return host


class Authority:
    """A certificate authority of the test's, and what it signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lab authority")])
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(self._sign(self._name, self._key.public_key(), is_authority=True)))

    def issue(self, name: str, address: str | None = None) -> tuple[Path, Path, x509.Certificate]:
        """Return a certificate's file, its key's, and itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._sign(subject, key.public_key(), address=address)
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(_pem(made))
        plain = serialization.NoEncryption()
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return *files, made

    def context(self, name: str = "win-1", address: str = "127.0.0.1") -> ssl.SSLContext:
        """Return what a host with a certificate serves TLS with; it asks for clients' certificates."""
        certificate, key, _ = self.issue(name, address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(self.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        address: str | None = None,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(tz=UTC)
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )  # fmt: skip
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Give a certificate authority of this test's."""
    return Authority(tmp_path)
