"""KQL for Microsoft Defender XDR and Sentinel: the tables of advanced hunting, which both have.

Columns are those of DeviceProcessEvents, DeviceNetworkEvents and DeviceFileCertificateInfo as Microsoft's reference of
the advanced hunting schema names them.
"""

import re
from collections.abc import Sequence

from auditor.catalogue.product import parse_port
from auditor.hunt.hunts import Event, Hunt, Term, Trait, Way
from auditor.hunt.language import SYSTEMS, Language, approved, title
from auditor.model.policy import Approval

_PROCESS = {
    Trait.PROGRAM: "FileName",
    Trait.PATH: "FolderPath",
    Trait.COMMAND: "ProcessCommandLine",
    Trait.ORIGINAL: "ProcessVersionInfoOriginalFileName",
    Trait.COMPANY: "ProcessVersionInfoCompanyName",
    Trait.NAME: "ProcessVersionInfoProductName",
    Trait.SIGNER: "Signer",
}
_CONNECTION = {
    Trait.PROGRAM: "InitiatingProcessFileName",
    Trait.PATH: "InitiatingProcessFolderPath",
    Trait.COMMAND: "InitiatingProcessCommandLine",
    Trait.ORIGINAL: "InitiatingProcessVersionInfoOriginalFileName",
    Trait.COMPANY: "InitiatingProcessVersionInfoCompanyName",
    Trait.NAME: "InitiatingProcessVersionInfoProductName",
    Trait.DOMAIN: "RemoteUrl",
    Trait.PORT: "RemotePort",
}
_STARTED = (
    "| summarize FirstSeen=min(Timestamp), LastSeen=max(Timestamp), Report=make_set(ReportId), Count=count()\n"
    "    by DeviceId, DeviceName, Product, FileName, FolderPath, AccountName, InitiatingProcessFileName\n"
)
_CONNECTED = (
    "| summarize FirstSeen=min(Timestamp), LastSeen=max(Timestamp), Report=make_set(ReportId), Count=count()\n"
    "    by DeviceId, DeviceName, Product, RemoteUrl, RemoteIP, RemotePort, InitiatingProcessFileName\n"
)


def _write(hunt: Hunt, approvals: Sequence[Approval]) -> str:
    lines = [f"// {title(hunt)} ({', '.join(SYSTEMS[one] for one in hunt.systems)})"]
    if where := approved(approvals):
        lines.append(f"// {where}")
    lines += [f"// {', '.join(hunt.product.techniques)}; checked {hunt.verified}; hunt {hunt.id}"]
    lines += ["let Time_start = now(-30d);", "let Time_end = now();"]
    between = "| where Timestamp between (Time_start .. Time_end)"
    called = f"| extend Product={_quoted(hunt.product.name)}"
    if hunt.event is Event.SIGNED:
        lines += ["let Signed = DeviceFileCertificateInfo", between, f"| where {_any(hunt.ways, _PROCESS)}"]
        lines += ["| distinct SHA1;", "DeviceProcessEvents", between, "| where SHA1 in (Signed)", called]
        return "\n".join(lines) + "\n" + _STARTED
    is_process = hunt.event is Event.PROCESS
    lines += ["DeviceProcessEvents" if is_process else "DeviceNetworkEvents", between]
    lines += [f"| where {_any(hunt.ways, _PROCESS if is_process else _CONNECTION)}", called]
    return "\n".join(lines) + "\n" + (_STARTED if is_process else _CONNECTED)


def _any(ways: Sequence[Way], columns: dict[Trait, str]) -> str:
    told = ["\n    and ".join(_term(term, columns[term.trait]) for term in way) for way in ways]
    return (
        told[0]
        if len(told) == 1
        else "\n  or ".join(f"({one})" if " and " in one or "\n" in one else one for one in told)
    )


def _term(term: Term, column: str) -> str:
    if term.trait is Trait.PORT:
        return _either([_port(value, column) for value in term.values])
    compare = _domain if term.trait is Trait.DOMAIN else _glob
    found = _either([*_exact(term, column), *(compare(value, column) for value in term.values if "*" in value)])
    if not term.excluding:
        return found
    return f"({found} and not({_either([_glob(value, column) for value in term.excluding])}))"


def _exact(term: Term, column: str) -> list[str]:
    plain = [value for value in term.values if "*" not in value]
    if term.trait is Trait.DOMAIN:
        return [_domain(value, column) for value in plain]
    if len(plain) > 1:
        return [f"{column} in~ ({', '.join(map(_quoted, plain))})"]
    return [f"{column} =~ {_quoted(value)}" for value in plain]


def _either(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else f"({' or '.join(told)})"


def _domain(value: str, column: str) -> str:
    """Compare a name, which may come within an address with its scheme and path."""
    name = value.removeprefix("*.")
    return f"{column} has {_quoted(name)}" if "*" not in name else _pattern(value, column, is_whole=False)


def _glob(value: str, column: str) -> str:
    parts = value.split("*")
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return f"{column} =~ {_quoted(value)}"
    if len(parts) == 2 and not last:  # noqa: PLR2004 — one star
        return f"{column} startswith {_quoted(first)}"
    if len(parts) == 2 and not first:  # noqa: PLR2004 — one star
        return f"{column} endswith {_quoted(last)}"
    if len(parts) == 3 and not first and not last:  # noqa: PLR2004 — two stars
        return f"{column} contains {_quoted(parts[1])}"
    return _pattern(value, column, is_whole=True)


def _pattern(value: str, column: str, *, is_whole: bool) -> str:
    """Write a regular expression of RE2."""
    any_text = ".*" if is_whole else r"[^/:]*"
    text = any_text.join(map(re.escape, value.split("*")))
    return f"{column} matches regex {_quoted(f'(?i)^{text}$' if is_whole else f'(?i){text}')}"


def _port(value: str, column: str) -> str:
    protocol, first, last = parse_port(value)
    told = f"{column} == {first}" if first == last else f"{column} between ({first} .. {last})"
    return f'({told} and Protocol startswith "{protocol.capitalize()}")'


def _quoted(text: str) -> str:
    """Write a text that stands for itself, backslashes too."""
    return "@'" + text.replace("'", "''") + "'"


LANGUAGE = Language(name="kql", suffix=".kql", between="\n", is_of_one_system=False, write=_write)
