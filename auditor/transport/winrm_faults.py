"""What goes wrong with pywinrm, as a reason of the ledger.

The library lets through whatever ``requests``, its NTLM and an XML parser raise on a hostile or broken answer, so they
are named here, all of them. Fault codes: [MS-WSMV] and winerror.h (ERROR_WSMAN_*).
"""

import http.client
import struct
import xml.etree.ElementTree as ET

import requests
import spnego.exceptions
import urllib3.exceptions
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMTransportError,
    WSManFaultError,
)

from auditor.errors import HostError, Reason
from auditor.transport.quote import quoted
from auditor.transport.winrm_http import Bounds

LIBRARY = (
    WinRMError,
    WinRMTransportError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    spnego.exceptions.SpnegoError,
    ET.ParseError,
    struct.error,
    OSError,
    # What it makes of an answer that lacks what it looks for.
    AssertionError,
    AttributeError,
    LookupError,
    StopIteration,
    TypeError,
    ValueError,
)
"""Everything that pywinrm raises about a host."""

_LOST = (requests.ConnectionError, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
# The first that fits.
_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], tuple[Reason, str]], ...] = (
    (
        (InvalidCredentialsError,),
        (Reason.AUTH, "the host refused the credentials, or this way of logging in"),
    ),
    (
        (requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        (Reason.TLS, "the host's certificate is not accepted: {said}"),
    ),
    (
        (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError),
        (Reason.TIMEOUT, "the host's WinRM service stayed silent, {when}"),
    ),
    (
        (spnego.exceptions.SpnegoError, PermissionError),
        (Reason.AUTH, "the host does not offer this way of logging in: {said}"),
    ),
    (_LOST, (Reason.RESET, "the connection was lost {when}: {said}")),
)
_STRANGE = (Reason.NOT_WINRM, "what answers is no WinRM service, {when} ({name}: {said})")

_ACCESS_DENIED = 5
_FAULTS = {
    2150859173: "the account has as many shells open as MaxShellsPerUser allows",
    2150859174: "the account has as many operations under way as MaxConcurrentOperationsPerUser allows",
    2150858752: "the service has no resources left for another shell",
}
_NOT_ALLOWED = 2150859180
_UNAUTHORIZED, _TOO_LARGE, _SERVER_ERROR = 401, 413, 500


def host_error(error: BaseException, bounds: Bounds, when: str) -> HostError:
    """Return what the ledger says of an exception of the library's."""
    ours = _host_error_below(error)
    if ours is not None:
        return ours
    if isinstance(error, WSManFaultError):
        return _fault(error, when)
    if isinstance(error, WinRMTransportError):
        return _status(error, bounds, when)
    if isinstance(error, _LOST) and bounds.deadline.passed:
        error = TimeoutError()  # it was cut by us
    reason, words = next((mean for kinds, mean in _MEANINGS if isinstance(error, kinds)), _STRANGE)
    if "pykerberos" in str(error):
        reason, words = Reason.UNSUPPORTED, "Kerberos is not installed with this auditor (docs/windows.md)"
    said, name = quoted(str(_innermost(error))), type(error).__name__
    return HostError(reason, words.format(when=when, said=said, name=name))


def _fault(error: WSManFaultError, when: str) -> HostError:
    code, words = error.wsman_fault_code, quoted(error.reason or "")
    if code == _ACCESS_DENIED or str(error.fault_subcode).endswith("AccessDenied"):
        return HostError(
            Reason.ACCESS_DENIED,
            f"the account was let in, and may not open a shell: {words}; for a local administrator other than the "
            "built-in one see LocalAccountTokenFilterPolicy",
        )
    if code == _NOT_ALLOWED:
        return HostError(Reason.ACCESS_DENIED, f"remote shells are switched off (AllowRemoteShellAccess): {words}")
    if code in _FAULTS or "quota" in (error.reason or "").casefold():
        return HostError(Reason.QUOTA, f"{_FAULTS.get(code or 0, 'a quota of the service is used up')}: {words}")
    return HostError(Reason.PROBE_FAILED, f"the host's WinRM service refused {when}, fault {code}: {words}")


def _status(error: WinRMTransportError, bounds: Bounds, when: str) -> HostError:
    code = int(error.code)
    if code == _TOO_LARGE:
        return HostError(Reason.QUOTA, "the host takes no message as long as the probe (MaxEnvelopeSizekb)")
    if code == _SERVER_ERROR and not error.response_text and not bounds.was_asked_in:
        return HostError(Reason.UNENCRYPTED, "the host takes no message that is not encrypted (AllowUnencrypted)")
    if code == _SERVER_ERROR and not error.response_text:
        return HostError(Reason.UNENCRYPTED, "the host closed on a message that was not sealed (AllowUnencrypted)")
    return HostError(
        Reason.NOT_WINRM, f"what answers is no WinRM service, {when}: HTTP status {code}, {quoted(error.response_text)}"
    )


def _host_error_below(error: BaseException) -> HostError | None:
    """Find an error of ours in what led to this one: the library wraps what our adapter raises."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        if isinstance(at, HostError):
            return at
        seen.add(id(at))
        at = at.__cause__ or at.__context__
    return None


def _innermost(error: BaseException) -> BaseException:
    """Return what began it: the library wraps each exception in two or three of its own."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error
    return error
