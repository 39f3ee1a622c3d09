"""Ansible's WinRM variables, read once and refused in words."""

from pathlib import Path

import pytest

from auditor.inventory.variables import SECRETS, VARIABLES, host_from
from auditor.model.host import ConnectionKind, Host, WinRmLogin

FOLDER = Path("/inventory")


def read(**variables: object) -> tuple[Host, list[tuple[str, str]]]:
    return host_from("w1", {"ansible_connection": "winrm", **variables}, groups=(), folder=FOLDER)


def test_nothing_said_is_ntlm_over_tls_that_is_validated() -> None:
    host, problems = read(ansible_user="audit", ansible_password="x")
    assert problems == []
    assert host.connection is ConnectionKind.WINRM
    assert (host.winrm.login, host.winrm.is_https, host.winrm.is_validated) == (WinRmLogin.NTLM, True, True)
    assert host.port is None


@pytest.mark.parametrize(
    ("variables", "is_https"),
    [
        pytest.param({"ansible_port": 5985}, False, id="http-by-its-port"),
        pytest.param({"ansible_port": 5986}, True, id="https-by-its-port"),
        pytest.param({"ansible_port": 443}, True, id="another-port"),
        pytest.param({"ansible_port": 5985, "ansible_winrm_scheme": "https"}, True, id="said-outright"),
        pytest.param({"ansible_winrm_scheme": "HTTP"}, False, id="any-case"),
        pytest.param({"ansible_port": 5986, "ansible_winrm_port": 5985}, False, id="the-port-of-winrm-goes-first"),
    ],
)
def test_the_scheme_follows_the_port(variables: dict[str, object], *, is_https: bool) -> None:
    host, problems = read(**variables)
    assert (host.winrm.is_https, problems) == (is_https, [])


def test_everything_said_arrives() -> None:
    host, problems = read(
        ansible_user="nobody", ansible_winrm_user="audit@EXAMPLE.ORG", ansible_winrm_password="secret\n",
        ansible_winrm_transport="certificate,ntlm", ansible_winrm_path="/custom", ansible_winrm_ca_trust_path="ca.pem",
        ansible_winrm_cert_pem="me.pem", ansible_winrm_cert_key_pem="/keys/me.key", ansible_winrm_service="WSMAN",
        ansible_winrm_kerberos_hostname_override="dc1", ansible_winrm_server_cert_validation="ignore",
        auditor_winrm_fingerprint=":".join(["AB"] * 32),
    )  # fmt: skip
    assert problems == []
    assert (host.credentials.user, host.credentials.password) == ("audit@EXAMPLE.ORG", "secret")
    settings = host.winrm
    assert settings.login is WinRmLogin.CERTIFICATE
    assert (settings.path, settings.service, settings.kerberos_host) == ("/custom", "WSMAN", "dc1")
    assert settings.authorities == FOLDER / "ca.pem"
    assert (settings.certificate, settings.certificate_key) == (FOLDER / "me.pem", Path("/keys/me.key"))
    assert (settings.is_validated, settings.fingerprint) == (False, "ab" * 32)


@pytest.mark.parametrize(
    ("variables", "name", "words"),
    [
        pytest.param({"ansible_winrm_transport": "credssp"}, "ansible_winrm_transport", "credssp", id="credssp"),
        pytest.param({"ansible_winrm_scheme": "ftp"}, "ansible_winrm_scheme", "none of https, http", id="scheme"),
        pytest.param({"ansible_winrm_server_cert_validation": "no"}, "ansible_winrm_server_cert_validation",
                     "none of validate, ignore", id="validation"),
        pytest.param({"ansible_winrm_message_encryption": "never"}, "ansible_winrm_message_encryption", "listens",
                     id="no-encryption"),
        pytest.param({"ansible_winrm_path": "wsman?x"}, "ansible_winrm_path", "no path", id="path"),
        pytest.param({"auditor_winrm_fingerprint": "abcd"}, "auditor_winrm_fingerprint", "64 digits", id="fingerprint"),
        pytest.param({"ansible_winrm_ca_trust_path": "{{ ca }}"}, "ansible_winrm_ca_trust_path", "template",
                     id="a-template"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(variables: dict[str, object], name: str, words: str) -> None:
    _, problems = read(**variables)
    assert [found for found, _ in problems] == [name]
    assert words in problems[0][1]


def test_a_fleets_become_says_nothing_to_windows() -> None:
    host, problems = read(ansible_become="yes", ansible_become_method="runas", ansible_become_user="SYSTEM")
    assert (host.credentials.become, problems) == (False, [])


def test_ssh_hosts_take_nothing_of_it() -> None:
    variables = {"ansible_winrm_transport": "nonsense", "ansible_winrm_user": "w", "ansible_user": "root"}
    host, problems = host_from("h1", variables, groups=(), folder=FOLDER)
    assert (host.credentials.user, problems) == ("root", [])


def test_its_secrets_are_known_as_such() -> None:
    assert {"ansible_winrm_password", "ansible_winrm_pass"} <= SECRETS
    assert "ansible_winrm_transport" in VARIABLES
