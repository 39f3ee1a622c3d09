"""SPL for Splunk over the events of Sysmon: 1 a process, 3 a connection, 7 a loaded image, 22 a question for a name."""

from collections.abc import Sequence

from auditor.catalogue.product import parse_port
from auditor.hunt.hunts import Event, Hunt, Term, Trait, Way, only
from auditor.hunt.language import SYSTEMS, Language, approved, title
from auditor.model.host import OsFamily
from auditor.model.policy import Approval

_WINDOWS = (
    '(sourcetype="XmlWinEventLog:Microsoft-Windows-Sysmon/Operational" '
    'OR source="XmlWinEventLog:Microsoft-Windows-Sysmon/Operational" '
    'OR sourcetype="WinEventLog:Microsoft-Windows-Sysmon/Operational")'
)
_SOURCES = {OsFamily.WINDOWS: _WINDOWS, OsFamily.LINUX: '(sourcetype="sysmon:linux" OR sourcetype="sysmon_linux")'}
"""Where Splunk's add-ons for Sysmon put its events; on macOS there is no Sysmon."""
_PROGRAM = (Trait.PROGRAM, Trait.PATH)
_TOLD = {
    Event.PROCESS: (*_PROGRAM, Trait.COMMAND, Trait.ORIGINAL, Trait.COMPANY, Trait.NAME),
    Event.SIGNED: (Trait.SIGNER,),
    Event.CONNECTION: (*_PROGRAM, Trait.DOMAIN, Trait.PORT),
    Event.DOMAIN: (Trait.DOMAIN,),
    Event.PORT: (Trait.PORT,),
}
_CODES = {Event.PROCESS: 1, Event.SIGNED: 7, Event.CONNECTION: 3, Event.DOMAIN: 22, Event.PORT: 3}
_FIELDS = {
    Trait.PATH: "Image",
    Trait.COMMAND: "CommandLine",
    Trait.ORIGINAL: "OriginalFileName",
    Trait.COMPANY: "Company",
    Trait.NAME: "Product",
    Trait.SIGNER: "Signature",
}
_BY = {
    Event.PROCESS: "host, Image, ParentImage, CommandLine, User",
    Event.SIGNED: "host, Image, Signature",
    Event.CONNECTION: "host, Image, DestinationHostname, DestinationIp, DestinationPort, User",
    Event.DOMAIN: "host, Image, QueryName, User",
    Event.PORT: "host, Image, DestinationHostname, DestinationIp, DestinationPort, User",
}


def _write(hunt: Hunt, approvals: Sequence[Approval]) -> str | None:
    ways = only(hunt.ways, _TOLD[hunt.event])
    # Sysmon for Linux sees no questions for names.
    is_blind = hunt.event is Event.DOMAIN and hunt.systems[0] is not OsFamily.WINDOWS
    if not ways or hunt.systems[0] not in _SOURCES or is_blind:
        return None
    about = (
        f"{title(hunt)} ({SYSTEMS[hunt.systems[0]]}). {', '.join(hunt.product.techniques)}; checked {hunt.verified}; "
    )
    about = f"{about}hunt {hunt.id}. {approved(approvals)}".replace("`", "'").rstrip()
    return (
        f"```{about}```\n"
        f"{_SOURCES[hunt.systems[0]]} EventCode={_CODES[hunt.event]}\n({_any(ways, hunt)})\n"
        f"| stats count earliest(_time) as first_seen latest(_time) as last_seen by {_BY[hunt.event]}\n"
        f"| eval product={_quoted(hunt.product.name)}\n"
        "| convert ctime(first_seen) ctime(last_seen)\n| sort - last_seen\n"
    )


def _any(ways: Sequence[Way], hunt: Hunt) -> str:
    told = [" ".join(_term(term, hunt) for term in way) for way in ways]
    return (
        told[0]
        if len(told) == 1
        else "\n OR ".join(one if len(way) == 1 else f"({one})" for one, way in zip(told, ways, strict=True))
    )


def _term(term: Term, hunt: Hunt) -> str:
    found = _either([_compared(term.trait, value, hunt) for value in term.values])
    if not term.excluding:
        return found
    return f"({found} NOT {_either([_compared(term.trait, value, hunt) for value in term.excluding])})"


def _either(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else f"({' OR '.join(told)})"


def _compared(trait: Trait, value: str, hunt: Hunt) -> str:
    if trait is Trait.PORT:
        return _port(value)
    if trait is Trait.DOMAIN:
        field = "QueryName" if hunt.event is Event.DOMAIN else "DestinationHostname"
        return f"{field}={_quoted(value)}"
    if trait is Trait.PROGRAM:
        separator = "\\" if hunt.systems[0] is OsFamily.WINDOWS else "/"
        return f"Image={_quoted(f'*{separator}{value}')}"
    return f"{_FIELDS[trait]}={_quoted(value)}"


def _port(value: str) -> str:
    protocol, first, last = parse_port(value)
    number = f"DestinationPort={first}" if first == last else f"DestinationPort>={first} DestinationPort<={last}"
    return f"({number} Protocol={protocol})"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


LANGUAGE = Language(name="spl", suffix=".spl", between="\n", is_of_one_system=True, write=_write)
