"""Who is trusted, who is let in, and what is never sent: certificates, sealed messages, passwords."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from auditor.errors import HostError, Reason
from auditor.model.host import Host, WinRmLogin
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.winrm import WinRmTransport
from tests.winrm.server import Handler

CALL = ProbeCall(
    token="00", launcher="cat; echo done", script="", script_sha256="", stdin=b"in ", deadline=10, output_limit=10_000
)
Describe = Callable[..., Host]


def refused(host: Host, transport: WinRmTransport | None = None) -> HostError:
    with pytest.raises(HostError) as raised:
        (transport or WinRmTransport()).collect(host, CALL)
    return raised.value


def test_ntlm_seals_every_message(serve: Any, describe: Describe) -> None:
    kinds: list[str] = []

    def note(handler: Handler) -> bool:
        kinds.append(handler.headers.get("Content-Type", "") if int(handler.headers["Content-Length"]) else "nothing")
        return False

    server = serve(before=note)
    answer = WinRmTransport().collect(describe(server), CALL)
    assert (answer.stdout, answer.exit_status, answer.user) == (b"in done\n", 0, "auditor")
    assert {kind.partition(";")[0] for kind in kinds} == {"nothing", "multipart/encrypted"}
    assert server.service.shells == {}


def test_one_log_in_serves_a_whole_call(serve: Any, describe: Describe) -> None:
    server = serve()
    WinRmTransport().collect(describe(server), CALL)
    assert server.logins == 1


def test_a_certificate_of_a_known_authority_is_trusted(serve: Any, describe: Describe, authority: Any) -> None:
    server = serve(authority.context())
    answer = WinRmTransport().collect(describe(server, authorities=authority.file), CALL)
    assert answer.stdout == b"in done\n"
    assert answer.host_key is not None
    assert answer.host_key.startswith("SHA256:")


@pytest.mark.parametrize(
    ("name", "trusting"),
    [pytest.param("127.0.0.2", True, id="of-another-host"), pytest.param("127.0.0.1", False, id="of-nobody-known")],
)
def test_another_certificate_gets_no_password(
    serve: Any, describe: Describe, authority: Any, name: str, *, trusting: bool
) -> None:
    server = serve(authority.context(address=name), basic=True)
    settings = {"authorities": authority.file} if trusting else {}
    error = refused(describe(server, login=WinRmLogin.BASIC, **settings))
    assert (error.reason, server.logins) == (Reason.TLS, 0)


def test_one_certificate_can_be_pinned(serve: Any, describe: Describe, authority: Any) -> None:
    server = serve(authority.context())
    key = WinRmTransport().collect(describe(server, authorities=authority.file), CALL).host_key or ""
    digest = base64.b64decode(key.removeprefix("SHA256:") + "=").hex()
    assert WinRmTransport().collect(describe(server, fingerprint=digest), CALL).stdout == b"in done\n"
    assert refused(describe(server, fingerprint="0" * 64)).reason is Reason.TLS


def test_the_key_told_is_the_certificates(serve: Any, describe: Describe, authority: Any) -> None:
    context = authority.context("pinned")
    shown = (authority.folder / "pinned.pem").read_bytes()
    server = serve(context)
    answer = WinRmTransport().collect(describe(server, authorities=authority.file), CALL)
    from cryptography import x509  # noqa: PLC0415

    der = x509.load_pem_x509_certificate(shown).public_bytes(serialization.Encoding.DER)
    assert answer.host_key == "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def test_validation_is_left_out_only_where_asked_for(serve: Any, describe: Describe, authority: Any) -> None:
    server = serve(authority.context())
    assert refused(describe(server)).reason is Reason.TLS
    answer = WinRmTransport().collect(describe(server, is_validated=False), CALL)
    assert answer.stdout == b"in done\n"
    assert answer.host_key is not None
    assert answer.host_key.startswith("SHA256:")
    assert answer.host_key.endswith(", not checked: the inventory leaves that out")


def test_basic_over_tls_lets_in(serve: Any, describe: Describe, authority: Any) -> None:
    server = serve(authority.context(), basic=True, ntlm=False)
    host = describe(server, login=WinRmLogin.BASIC, authorities=authority.file)
    assert WinRmTransport().collect(host, CALL).stdout == b"in done\n"


def test_a_certificate_lets_in(serve: Any, describe: Describe, authority: Any) -> None:
    server = serve(authority.context(), certificates=True, ntlm=False)
    certificate, key, _ = authority.issue("operator")
    host = describe(
        server, password=None, login=WinRmLogin.CERTIFICATE, authorities=authority.file,
        certificate=certificate, certificate_key=key,
    )  # fmt: skip
    assert WinRmTransport().collect(host, CALL).stdout == b"in done\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"login": WinRmLogin.BASIC}, "HTTPS only", id="basic-in-the-clear"),
        pytest.param({"login": WinRmLogin.CERTIFICATE}, "HTTPS only", id="certificate-in-the-clear"),
        pytest.param({"login": WinRmLogin.CERTIFICATE, "is_https": True}, "cert_pem", id="no-certificate"),
        pytest.param({"password": None}, "needs a password", id="no-password"),
    ],
)
def test_what_cannot_be_safe_is_not_tried(serve: Any, describe: Describe, changes: dict[str, Any], words: str) -> None:
    server = serve()
    error = refused(describe(server, **changes))
    assert error.reason is Reason.VARIABLES
    assert words in error.detail
    assert server.service.opened == server.logins == 0


def test_a_wrong_password_is_tried_once_a_host(serve: Any, describe: Describe) -> None:
    server = serve()
    error = refused(describe(server, password="wrong"))
    assert (error.reason, error.at_login, server.logins) == (Reason.AUTH, True, 1)
    assert "wrong" not in str(error)


def test_a_wrong_password_is_tried_on_three_hosts_and_no_more(serve: Any, describe: Describe) -> None:
    server, transport = serve(), WinRmTransport(password_failures=3)
    reasons = [refused(describe(server, password="wrong"), transport).reason for _ in range(5)]
    assert reasons == [Reason.AUTH] * 3 + [Reason.CREDENTIAL_STOPPED] * 2
    assert server.logins == 3


def test_a_host_that_is_not_there_costs_no_try(serve: Any, describe: Describe) -> None:
    server, transport = serve(), WinRmTransport(password_failures=1)
    gone = replace(describe(server), port=1)
    assert [refused(gone, transport).reason for _ in range(3)] == [Reason.REFUSED] * 3
    assert transport.collect(describe(server), CALL).stdout == b"in done\n"


def test_an_answer_in_the_clear_is_no_answer(serve: Any, describe: Describe) -> None:
    """Whoever stands between could otherwise answer in the host's place: NTLM over HTTP has no other seal."""
    error = refused(describe(serve(seals_answers=False)))
    assert error.reason is Reason.MALFORMED
    assert "in the clear" in error.detail


def test_the_environment_has_no_say(serve: Any, describe: Describe, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/at/all.pem")
    assert WinRmTransport().collect(describe(serve()), CALL).stdout == b"in done\n"
