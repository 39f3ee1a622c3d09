"""WS-Man messages as a stock Windows host reads and writes them ([MS-WSMV], DSP0226), strict about what it is sent."""

import base64
import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
SHELL = NS["rsp"]
_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
_ACTIONS = {
    f"{_TRANSFER}Create": "create",
    f"{_TRANSFER}Delete": "delete",
    **{f"{SHELL}/{name}": name.lower() for name in ("Command", "Send", "Receive", "Signal")},
}
_RESOURCE = f"{SHELL}/cmd"
_DURATION = re.compile(r"PT(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?\Z")
_SMALLEST_ENVELOPE = 8192

TIMED_OUT = 2150858793
NO_SHELL = 2150858843
BAD_HEADER = 2150858769
TOO_MANY_SHELLS = 2150859173
TOO_MANY_OPERATIONS = 2150859174
ACCESS_DENIED = 5


class FaultError(Exception):
    """A SOAP fault to answer with."""

    def __init__(self, code: int, reason: str, subcode: str = "w:InternalError") -> None:
        super().__init__(reason)
        self.code, self.reason, self.subcode = code, reason, subcode


@dataclass(frozen=True, kw_only=True)
class Message:
    """One request, taken apart."""

    action: str
    id: str
    timeout: float
    shell: str | None
    command: str | None
    options: dict[str, str] = field(default_factory=dict)
    body: ET.Element

    def text(self, path: str) -> str | None:
        found = self.body.find(path, NS)
        return None if found is None else found.text or ""


def read(data: bytes) -> Message:
    """Read a request; FaultError for one that a Windows host refuses."""
    root = ET.fromstring(data)  # noqa: S314 — our own client wrote it
    header, body = root.find("s:Header", NS), root.find("s:Body", NS)
    if root.tag != f"{{{NS['s']}}}Envelope" or header is None or body is None:
        raise FaultError(BAD_HEADER, "The message is no SOAP envelope.", "w:SchemaValidationError")
    action = _ACTIONS.get(_text(header, "a:Action"))
    if action is None:
        raise FaultError(BAD_HEADER, "The action is not supported by the service.", "a:ActionNotSupported")
    if _text(header, "w:ResourceURI") != _RESOURCE:
        raise FaultError(BAD_HEADER, "The resource URI is missing or wrong.", "a:DestinationUnreachable")
    if int(_text(header, "w:MaxEnvelopeSize")) < _SMALLEST_ENVELOPE:
        raise FaultError(BAD_HEADER, "The envelope size is too small.", "w:EncodingLimit")
    message_id = _text(header, "a:MessageID")
    uuid.UUID(message_id.removeprefix("uuid:"))
    selector = header.find("w:SelectorSet/w:Selector[@Name='ShellId']", NS)
    if (selector is None) != (action == "create"):
        raise FaultError(BAD_HEADER, "The selectors do not fit the action.", "w:InvalidSelectors")
    return Message(
        action=action,
        id=message_id,
        timeout=_seconds(_text(header, "w:OperationTimeout")),
        shell=None if selector is None else selector.text,
        command=_command(action, body),
        options={str(option.get("Name")): option.text or "" for option in header.findall("w:OptionSet/w:Option", NS)},
        body=body,
    )


def _command(action: str, body: ET.Element) -> str | None:
    place = {"send": "rsp:Send/rsp:Stream", "receive": "rsp:Receive/rsp:DesiredStream", "signal": "rsp:Signal"}
    found = body.find(place[action], NS) if action in place else None
    return None if found is None else found.get("CommandId")


def _text(header: ET.Element, path: str) -> str:
    found = header.find(path, NS)
    if found is None or not found.text:
        raise FaultError(BAD_HEADER, f"The header {path} is missing.", "a:MessageInformationHeaderRequired")
    return found.text


def _seconds(text: str) -> float:
    match = _DURATION.match(text)
    if match is None or text == "PT":
        raise FaultError(BAD_HEADER, f"{text} is no xs:duration.", "w:SchemaValidationError")
    return 60 * float(match[1] or 0) + float(match[2] or 0)


def check_duration(text: str | None) -> None:
    """Refuse an idle time-out that is no xs:duration, as the host's schema does."""
    if text is not None:
        _seconds(text)


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    names = " ".join(f'xmlns:{name}="{uri}"' for name, uri in NS.items())
    return (
        f'<s:Envelope xml:lang="en-US" {names}><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def created(message: Message, shell: str) -> bytes:
    """Answer that a shell is open."""
    body = (
        f"<rsp:Shell><rsp:ShellId>{shell}</rsp:ShellId></rsp:Shell>"
        '<x:ResourceCreated xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer"><a:ReferenceParameters>'
        f'<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>'
        "</a:ReferenceParameters></x:ResourceCreated>"
    )
    return _envelope(f"{_TRANSFER}CreateResponse", message.id, body)


def began(message: Message, command: str) -> bytes:
    """Answer that a command runs."""
    body = f"<rsp:CommandResponse><rsp:CommandId>{command}</rsp:CommandId></rsp:CommandResponse>"
    return _envelope(f"{SHELL}/CommandResponse", message.id, body)


def done(message: Message) -> bytes:
    """Answer that it is done: Send, Signal, Delete."""
    name = {"send": "Send", "signal": "Signal"}.get(message.action)
    body = f"<rsp:{name}Response/>" if name else ""
    return _envelope(f"{SHELL}/{name}Response" if name else f"{_TRANSFER}DeleteResponse", message.id, body)


def received(message: Message, out: bytes, err: bytes, status: int | None) -> bytes:
    """Answer with output, and with the end of the command where that is known."""
    streams = "".join(
        f'<rsp:Stream Name="{name}" CommandId="{message.command}">{base64.b64encode(data).decode()}</rsp:Stream>'
        for name, data in (("stdout", out), ("stderr", err))
        if data
    )
    state = "Running" if status is None else "Done"
    # Only a test's own command can be killed by a signal, and then has no status.
    code = "" if status is None else f"<rsp:ExitCode>{status if status >= 0 else ''}</rsp:ExitCode>"
    body = (
        f"<rsp:ReceiveResponse>{streams}"
        f'<rsp:CommandState CommandId="{message.command}" State="{SHELL}/CommandState/{state}">{code}'
        "</rsp:CommandState></rsp:ReceiveResponse>"
    )
    return _envelope(f"{SHELL}/ReceiveResponse", message.id, body)


def fault(error: FaultError, relates_to: str = "uuid:00000000-0000-0000-0000-000000000000") -> bytes:
    """Answer with a fault in the form of a stock host."""
    body = (
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{error.subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{escape(error.reason)}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{error.code}" '
        f'Machine="host"><f:Message>{escape(error.reason)}</f:Message></f:WSManFault></s:Detail></s:Fault>'
    )
    return _envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", relates_to, body)
