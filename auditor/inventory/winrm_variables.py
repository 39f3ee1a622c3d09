"""How a host is reached over WinRM, from Ansible's ``ansible_winrm_*`` variables and one of ours.

Ansible 2.16, plugin ``winrm``: the scheme is http where the port is 5985, else https. Where it would take basic or
Kerberos when nothing is said, NTLM is used here: basic shows the password to whoever answers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from auditor.model.host import WinRmLogin, WinRmSettings

USER = ("ansible_winrm_user",)
PASSWORD = ("ansible_winrm_password", "ansible_winrm_pass")
PORT = ("ansible_winrm_port",)
_TRANSPORT = "ansible_winrm_transport"
_SCHEME = "ansible_winrm_scheme"
_PATH = "ansible_winrm_path"
_VALIDATION = "ansible_winrm_server_cert_validation"
_AUTHORITIES = "ansible_winrm_ca_trust_path"
_CERTIFICATE = "ansible_winrm_cert_pem"
_CERTIFICATE_KEY = "ansible_winrm_cert_key_pem"
_KERBEROS_HOST = "ansible_winrm_kerberos_hostname_override"
_SERVICE = "ansible_winrm_service"
_ENCRYPTION = "ansible_winrm_message_encryption"
_FINGERPRINT = "auditor_winrm_fingerprint"
WINRM_VARIABLES = frozenset((
    *USER, *PASSWORD, *PORT, _TRANSPORT, _SCHEME, _PATH, _VALIDATION, _AUTHORITIES, _CERTIFICATE, _CERTIFICATE_KEY,
    _KERBEROS_HOST, _SERVICE, _ENCRYPTION, _FINGERPRINT,
))  # fmt: skip
"""Every variable that says something of WinRM."""

_LOGINS = {
    "ntlm": WinRmLogin.NTLM,
    "kerberos": WinRmLogin.KERBEROS,
    "certificate": WinRmLogin.CERTIFICATE,
    "basic": WinRmLogin.BASIC,
    "plaintext": WinRmLogin.BASIC,
    "ssl": WinRmLogin.BASIC,
}
_HTTP_PORT = 5985
_DIGEST_LENGTH = 64


@dataclass(slots=True, kw_only=True)
class _Told:
    """The variables, and what is wrong with them."""

    text: Callable[[str], str | None]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def choice(self, name: str, *known: str) -> str:
        """Return one of the words, the first where nothing is said."""
        word = (self.text(name) or known[0]).lower()
        if word in known:
            return word
        self.problems.append((name, f"{word!r} is none of {', '.join(known)}"))
        return known[0]


def read_winrm(
    text: Callable[[str], str | None], port: int | None, path: Callable[[str], Path]
) -> tuple[WinRmSettings, list[tuple[str, str]]]:
    """Return the settings, and what is wrong with them, each with its variable's name.

    ``text`` gives a variable's text, ``path`` the file that a text names.
    """
    told = _Told(text=text)
    is_https = told.choice(_SCHEME, *(("http", "https") if port == _HTTP_PORT else ("https", "http"))) == "https"
    if told.choice(_ENCRYPTION, "auto", "always", "never") == "never":
        told.problems.append((_ENCRYPTION, "'never' would show all that a host says to whoever listens"))
    certificate, key, authorities = (_file(text(name), path) for name in (_CERTIFICATE, _CERTIFICATE_KEY, _AUTHORITIES))
    return (
        WinRmSettings(
            login=_login(told),
            is_https=is_https,
            path=_url_path(told),
            authorities=authorities,
            fingerprint=_fingerprint(told),
            is_validated=told.choice(_VALIDATION, "validate", "ignore") == "validate",
            certificate=certificate,
            certificate_key=key,
            service=text(_SERVICE) or "HTTP",
            kerberos_host=text(_KERBEROS_HOST),
        ),
        told.problems,
    )


def _login(told: _Told) -> WinRmLogin:
    """Take the first way to log in that is named: Ansible's variable may be a list."""
    words = (told.text(_TRANSPORT) or "ntlm").lower().replace("[", "").replace("]", "").split(",")
    word = words[0].strip(" '\"")
    if word in _LOGINS:
        return _LOGINS[word]
    why = " (it would hand the password itself to the host)" if word == "credssp" else ""
    told.problems.append((_TRANSPORT, f"{word!r} is none of {', '.join(WinRmLogin)}{why}"))
    return WinRmLogin.NTLM


def _url_path(told: _Told) -> str:
    word = told.text(_PATH) or "/wsman"
    if word.startswith("/") and word.isprintable() and not set(word) & set(" ?#\\"):
        return word
    told.problems.append((_PATH, f"{word!r} is no path such as /wsman"))
    return "/wsman"


def _fingerprint(told: _Told) -> str | None:
    word = told.text(_FINGERPRINT)
    if word is None:
        return None
    digits = word.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if len(digits) == _DIGEST_LENGTH and not set(digits) - set("0123456789abcdef"):
        return digits
    told.problems.append((_FINGERPRINT, "is no SHA-256 in hexadecimal: 64 digits, colons or none between them"))
    return None


def _file(text: str | None, path: Callable[[str], Path]) -> Path | None:
    return None if text is None else path(text)
