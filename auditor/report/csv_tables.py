"""The results as tables for spreadsheets: what was found and what to do, who connects, what is accepted, the ledger."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from auditor.model.record import Record
from auditor.report.exception_register import register_rows
from auditor.report.format import Format
from auditor.report.host_findings import hosts_with_findings
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.store.record import named

if TYPE_CHECKING:
    from _csv import Writer

# OWASP, "CSV Injection": what makes a spreadsheet take a cell for a formula. The full-width forms count
# as the same signs in East Asian editions.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 — full-width on purpose
_CELL_STARTS = ("\t", "\r", "\n")
_KEPT, _KEPT_LENGTH = 20_000, 200
"""Texts that are kept disarmed, and the characters that one may have to be kept."""


class Column(Record, kw_only=True):
    """One column of a table."""

    name: str
    """Its header, for ever: scripts rely on it."""
    meaning: str
    """What stands in it, one phrase; written to ``columns.csv``."""
    read: Callable[[Row, Row], Any]
    """Read the value from a row and the host it belongs to."""


def _of_row(name: str, meaning: str) -> Column:
    return Column(name=name, meaning=meaning, read=lambda row, _host: row[name])


def _of_newer(name: str, meaning: str) -> Column:
    """Read what a run that an earlier version kept in the store does not have."""
    return Column(name=name, meaning=meaning, read=lambda row, _host: row.get(name))


def _of_list(name: str, meaning: str) -> Column:
    """Read a list whose items may hold spaces; of a run that an earlier version kept, nothing."""
    return Column(name=name, meaning=meaning, read=lambda row, _host: "; ".join(row.get(name) or ()))


def _of_logon(name: str, meaning: str) -> Column:
    return Column(
        name=f"last_logon_{name}", meaning=meaning, read=lambda row, _host: (row.get("last_logon") or {}).get(name)
    )


def _of_host(name: str, meaning: str) -> Column:
    return Column(name=name, meaning=meaning, read=lambda _row, host: host[name])


def _of_proof(name: str, key: str, meaning: str) -> Column:
    return Column(name=name, meaning=meaning, read=lambda row, _host: row["proof"][0][key] if row["proof"] else None)


def _closer(finding: Row, _host: Row) -> str | None:
    closer = finding.get("closed_by")
    return None if closer is None else f"{closer['kind']} {closer['id']}"


_FINDINGS = (
    _of_row("fingerprint", "name of the finding, the same in every run"),
    _of_row("host", "inventory name"),
    _of_row("control", "control that is broken"),
    _of_row("subject", "what breaks it"),
    _of_row("product", "catalogue id, where a product is concerned"),
    _of_row("severity", "critical, high, medium or low"),
    _of_row("state", "open, excepted, closed or not_observable"),
    _of_row("reason", "what is wrong, as last seen"),
    _of_row("first_seen", "UTC instant of the run that saw it first"),
    _of_row("failing_since", "UTC instant since which it was seen without a break; empty while closed"),
    _of_row("due", "UTC instant by which it is to be closed; empty where the policy sets none"),
    _of_row("exception", "exception that covers it"),
    _of_row("owner", "who must act"),
    _of_newer("overdue", "yes when it was to be closed by now and is not proven to be gone"),
    _of_newer("closed_at", "UTC instant of the run that found it gone; empty while it is not closed"),
    Column(name="closed_by", meaning="what found it gone: run or remediation, and its id", read=_closer),
    _of_newer("opened_by", "run that failing_since is of"),
    _of_newer("reopened", "how often it came back after it was closed"),
    _of_newer("formerly", "fingerprints it had before its control or product was replaced, separated by spaces"),
)
_SOFTWARE = (
    _of_host("host", "inventory name"),
    _of_host("owner", "who must act on the host"),
    _of_host("site", "network place of the host"),
    _of_row("product", "catalogue id"),
    _of_row("name", "product name"),
    _of_row("category", "kind of remote access it gives"),
    _of_row("role", "server, agent, client or relay"),
    _of_row("state", "running, installed or residual"),
    _of_row("confidence", "confirmed or suspected"),
    _of_row("version", "installed version, where a package says it"),
    _of_row("tenant", "whose instance it reports to, where it can be told"),
    _of_row("approval", "approval that covers it; empty when nobody approved it here"),
    _of_row("objection", "why an approval that names the product does not cover it here"),
    _of_proof("proof_section", "section", "section of the evidence that the first proof stands in"),
    _of_proof("proof_quote", "quote", "the first proof, quoted"),
    _of_newer("renamed", "programs of it that run under another name than their maker gave them"),
    _of_list("users", "accounts as which it runs or in whose folders it lies; empty where that could not be told too"),
    Column(
        name="nearest_approval",
        meaning="approval that is for it and that it does not keep; empty where it is approved or nobody did",
        read=lambda row, _host: next((one["approval"] for one in row.get("breaches", ())), None),
    ),
    Column(
        name="breaks",
        meaning="terms of that approval that it does not keep: tenant, versions or review_by, separated by spaces",
        read=lambda row, _host: [one["term"] for one in row.get("breaches", ())],
    ),
)
_APPROVALS = (
    _of_row("approval", "id of the approval in the policy"),
    _of_row("product", "catalogue id"),
    _of_row("reason", "business reason"),
    _of_row("owner", "who answers for it"),
    _of_row("review_by", "last day on which it holds without a review"),
    _of_newer("review", "current, due (within 30 days of the run) or past"),
    _of_newer("stale", "yes when it is for no host of the run's scope"),
    _of_list("hosts", "host patterns it is for; neither these nor groups means every host"),
    _of_list("groups", "inventory groups it is for"),
    _of_row("versions", "version range; empty means any"),
    _of_row("tenant", "tenant it must report to; empty means any"),
    _of_newer("signer", "who must have signed its programs; empty means anybody"),
    _of_list("users", "accounts as which it may run and in whose folders it may lie; empty means any"),
    _of_newer("hosts_matched", "hosts of the scope that it is for"),
    _of_newer("hosts_assessed", "those of them that gave evidence"),
    _of_newer("hosts_used", "hosts with what it is for, its terms kept or not"),
    _of_newer("hosts_broken", "hosts on which its terms are not kept"),
    _of_list("used_on", "the first 50 of the hosts with what it is for, separated by semicolons"),
    _of_list("versions_seen", "versions of what it is for, 50 at most, separated by semicolons"),
    _of_list("tenants_seen", "tenants of what it is for"),
    _of_list("users_seen", "accounts as which it runs or in whose folders it lies"),
    _of_logon("when", "UTC instant of the newest logon that the product let in, of those that results keep"),
    _of_logon("host", "host on which that was"),
    _of_logon("user", "account or name, where the record says it"),
    _of_logon("source", "address or name it came from, where the record says it"),
)
_LISTENERS = (
    _of_host("host", "inventory name"),
    _of_host("owner", "who must act on the host"),
    _of_host("site", "network place of the host"),
    _of_row("protocol", "tcp or udp"),
    _of_row("family", "ip or ip6"),
    _of_row("address", "bound address"),
    _of_row("port", "bound port"),
    _of_row("namespace", "network namespace; empty for the host's own"),
    _of_row("pid", "process id of the first owner"),
    _of_row("process", "name of the process"),
    _of_row("executable", "path of its program"),
    _of_row("user", "account it runs as"),
    _of_row("product", "catalogue id, where the process is a product's"),
    _of_row("reachability", "loopback_only, blocked, from_networks, from_anywhere or undecided"),
    _of_row("sources", "networks that reach it, separated by spaces"),
    _of_row("rule", "the rule or fact that decided"),
    _of_row("approval", "approval within whose scope it listens"),
    _of_newer("belongs", "host, container, published (a proxy into a container), namespace or unknown"),
    _of_newer("container", "name of the container it belongs to or leads into"),
    _of_newer("image", "the container's image"),
    _of_newer("published", "places of the host that lead to a container's socket, separated by spaces"),
    Column(
        name="outside_approval",
        meaning="approval that is for its product and does not let it listen there",
        read=lambda row, _host: (row.get("breach") or {}).get("approval"),
    ),
)
_LOGONS = (
    _of_host("host", "inventory name"),
    _of_host("owner", "who must act on the host"),
    _of_host("site", "network place of the host"),
    _of_row("when", "UTC instant at which it began"),
    _of_row("product", "catalogue id, or ssh or remote-shell"),
    _of_row("user", "account or name, where the record says it"),
    _of_row("source", "address or name it came from, where the record says it"),
    _of_row("succeeded", "yes when it was let in"),
    _of_row("record", "log or journal that holds it"),
)
_CONNECTIONS = (
    _of_host("host", "inventory name"),
    _of_host("owner", "who must act on the host"),
    _of_host("site", "network place of the host"),
    _of_row("product", "catalogue id"),
    _of_row("suspected", "yes when the product is only suspected"),
    _of_row("direction", "inbound (the peer began it) or outbound"),
    _of_row("peer", "own (the host itself), trusted, outside (of the policy's networks) or unnamed (it names none)"),
    _of_row("protocol", "tcp or udp"),
    _of_row("family", "ip or ip6"),
    _of_row("local_address", "the host's end"),
    _of_row("local_port", "port of that end"),
    _of_row("remote_address", "the peer's end"),
    _of_row("remote_port", "port of that end"),
    _of_row("state", "established; unknown where the host does not tell it"),
    _of_row("namespace", "network namespace; empty for the host's own"),
    _of_row("pid", "process id of the first owner"),
    _of_row("process", "name of that process"),
    _of_row("executable", "path of its program; empty where it could not be seen"),
    _of_row("user", "account it runs as; empty where it could not be seen"),
)
_REMEDIATION = (
    _of_host("host", "inventory name"),
    _of_host("owner", "who must act on the host"),
    _of_host("site", "network place of the host"),
    _of_row("control", "control that is, or may be, broken"),
    _of_row("basis", "violation, excepted (an exception covers it) or suspected (to be found out first)"),
    _of_row("fingerprint", "name of the finding; findings.csv has it too, but for what is suspected"),
    _of_row("subject", "what breaks it"),
    _of_row("product", "catalogue id, where a product is concerned"),
    _of_row("severity", "critical, high, medium or low"),
    _of_row("due", "UTC instant by which it is to be closed; empty where the policy sets none"),
    _of_row("step", "number of the step, counted from 1; empty where the control names none"),
    _of_row("action", "what to do"),
)
_LEDGER = (
    _of_row("host", "inventory name"),
    _of_row("outcome", "compliant, noncompliant, partial or unreachable"),
    _of_row("complete", "yes when no verdict is unknown"),
    _of_row("reason", "why it was not assessed; empty for an assessed host"),
    _of_row("detail", "the reason in one sentence"),
    _of_row("owner", "who must act on the host"),
    _of_row("site", "its network place"),
    _of_row("attempts", "how many times it was tried; the outcome is that of the last"),
    _of_row("retried_after", "reason that ended the try before the last; empty where there was none"),
    _of_row("origin", "run whose evidence was judged, where several were judged together"),
    Column(
        name="passed_over",
        meaning="other sets of evidence that knew the host, each with why it was not judged, separated by semicolons",
        read=lambda row, _host: "; ".join(f"{one['run']} {one['why']}" for one in row["passed_over"]),
    ),
    Column(
        name="conflicts",
        meaning="what the sets disagree on about who the host is",
        read=lambda row, _host: "; ".join(row["conflicts"]),
    ),
)
_EXCEPTIONS = (
    _of_row("id", "name of the exception, or of the accepted limit"),
    _of_row("control", "control whose violations it accepts; empty for a limit"),
    _of_row("product", "catalogue id, where only violations about it are accepted"),
    _of_row("subject", "subject, where only violations about it are accepted; limit:NAME for a limit"),
    _of_row("hosts", "host names and patterns, separated by spaces"),
    _of_row("groups", "groups of the inventory, separated by spaces"),
    _of_row("reason", "why it is accepted"),
    _of_row("compensating", "what is done instead"),
    _of_row("requested_by", "who asked; of a limit who answers for it"),
    _of_row("approved_by", "who granted it"),
    _of_row("ticket", "reference in the organisation's tracker"),
    _of_row("start", "first day on which it holds, UTC; empty for ever before"),
    _of_row("end", "last day on which it holds, UTC"),
    _of_row("state", "holds, not_yet, ended or void (its signatures do not hold)"),
    _of_row("standing", "verified (both signed it), asserted (nothing shows it) or void"),
    _of_row("why", "why it is not verified"),
    Column(
        name="signed_by",
        meaning="whose signatures were verified, with role and key, separated by semicolons",
        read=lambda row, _host: "; ".join(row["signed_by"]),
    ),
    _of_row("days_left", "days that it still holds after the run's day; empty while it does not hold"),
    _of_row("hosts_in_scope", "hosts of the scope that it names"),
    _of_row("covers", "violations that it covers in this run"),
    _of_row("stale", "why nobody seems to need it"),
    _of_row("duplicates", "exceptions that accept all that it accepts, separated by spaces"),
    _of_row("note", "what somebody has to look at"),
)
_POPULATION = (
    _of_row("host", "name in the list that has it"),
    _of_row("difference", "only_in_inventory, only_in_population or ambiguous"),
    _of_row("may_be", "hosts of the inventory that an ambiguous name may be, separated by spaces"),
)
TABLES: Mapping[str, tuple[Column, ...]] = {
    "findings": _FINDINGS,
    "remediation": _REMEDIATION,
    "software": _SOFTWARE,
    "approvals": _APPROVALS,
    "listeners": _LISTENERS,
    "connections": _CONNECTIONS,
    "logons": _LOGONS,
    "ledger": _LEDGER,
    "exceptions": _EXCEPTIONS,
    "population": _POPULATION,
}
"""Columns of each table, in order; new ones are added at the end only. Of the population only where one was given."""


def cell(value: Any) -> str | int | float:  # noqa: ANN401 — whatever JSON can hold
    """Return a value as a spreadsheet may safely open it; numbers stay numbers, None is empty.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, also where a ``;``
    would make a second cell of it in places that separate cells so. Control, bidirectional and
    invisible characters are written out. A list stands in one cell, its items separated by spaces.
    """
    if value is None:
        return ""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return value
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    shown = visible(text)
    if ";" in shown:
        head, *rest = shown.split(";")
        shown = ";".join((head, *(f"'{part}" if starts_formula(part.lstrip("\"' ")) else part for part in rest)))
    return f"'{shown}" if starts_formula(text) else shown


def write_rows(stream: TextIO, names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with a header as one table, every cell disarmed; a row that lacks a name has an empty cell."""
    writer = _writer(stream)
    writer.writerow(names)
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)


def _writer(stream: TextIO) -> "Writer":
    return csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def starts_formula(text: str) -> bool:
    """Say whether a spreadsheet would take a text for a formula."""
    return text.startswith(_CELL_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)


def named_findings(rows: RunRows) -> Iterator[Row]:
    """Yield the findings as people read them: with the id of this run where their rows say *this one*."""
    return (named(row, run=rows.run["id"], as_of=rows.run["as_of"]) for row in rows.findings)


def _write(rows: RunRows, folder: Path) -> list[Path]:
    return write_tables(rows, folder / "csv", encoding="utf-8")


def write_tables(rows: RunRows, place: Path, *, encoding: str) -> list[Path]:
    """Write the tables into a new folder in one pass over the hosts, and the meaning of their columns."""
    place.mkdir()
    wanted = [name for name in TABLES if name != "population" or rows.run.get("population") is not None]
    made = {name: place / f"{name}.csv" for name in (*wanted, "columns")}
    with ExitStack() as stack:
        tables = {
            name: _writer(stack.enter_context(file.open("w", encoding=encoding, newline="")))
            for name, file in made.items()
        }
        tables["columns"].writerow(("table", "column", "meaning"))
        for name, columns in TABLES.items():
            if name not in tables:
                continue
            tables[name].writerow([column.name for column in columns])
            tables["columns"].writerows((name, column.name, column.meaning) for column in columns)
        tables["findings"].writerows(_lines(_FINDINGS, named_findings(rows), {}))
        approvals = ({"approval": name} | row for name, row in rows.approvals.items())
        tables["approvals"].writerows(_lines(_APPROVALS, approvals, {}))
        tables["ledger"].writerows(_lines(_LEDGER, rows.ledger, {}))
        tables["exceptions"].writerows(_lines(_EXCEPTIONS, register_rows(rows), {}))
        if "population" in tables:
            tables["population"].writerows(_lines(_POPULATION, differences(rows.run["population"]), {}))
        for host, findings in hosts_with_findings(rows):
            due = {finding["fingerprint"]: finding["due"] for finding in findings}
            tables["remediation"].writerows(_lines(_REMEDIATION, steps(host, due), host))
            tables["software"].writerows(_lines(_SOFTWARE, host["sightings"], host))
            tables["listeners"].writerows(_lines(_LISTENERS, host["listeners"], host))
            tables["connections"].writerows(_lines(_CONNECTIONS, host.get("connections", ()), host))
            tables["logons"].writerows(_lines(_LOGONS, host.get("logons", ()), host))
    return list(made.values())


def steps(host: Row, due: Mapping[str, str | None]) -> Iterable[Row]:
    """Yield what is to be done on a host, a row for each step, and one row for a violation that names no step."""
    for verdict in host["verdicts"]:
        kinds = [*((one, None) for one in verdict["violations"]), *((one, "suspected") for one in verdict["suspected"])]
        for violation, kind in kinds:
            said = {
                **violation,
                "control": verdict["control"],
                "basis": kind or ("violation" if violation["exception"] is None else "excepted"),
                "due": due.get(violation["fingerprint"]),
            }
            numbered: Iterable[tuple[int | None, str | None]] = enumerate(violation["remediation"], 1)
            for step, action in numbered if violation["remediation"] else [(None, None)]:
                yield said | {"step": step, "action": action}


def differences(population: Row) -> Iterable[Row]:
    """Yield what is in one list only, and what cannot be told apart."""
    for difference in ("only_in_population", "only_in_inventory"):
        yield from ({"host": host, "difference": difference, "may_be": None} for host in population[difference])
    for one in population["ambiguous"]:
        yield {"host": one["population"], "difference": "ambiguous", "may_be": one["inventory"]}


def _lines(columns: Sequence[Column], rows: Iterable[Row], host: Row) -> Iterable[list[str | int | float]]:
    reads = [column.read for column in columns]
    return ([_cell(read(row, host)) for read in reads] for row in rows)


class _Cells(dict[Any, str | int | float]):
    """Texts disarmed once: a column says the same of most hosts. Numbers are not kept: 1 is True to a dict."""

    def __missing__(self, value: Any) -> str | int | float:  # noqa: ANN401 — whatever JSON can hold
        shown = cell(value)
        if value is None or (type(value) is str and len(value) <= _KEPT_LENGTH and len(self) < _KEPT):
            self[value] = shown
        return shown


_CELLS = _Cells()


def _cell(value: Any) -> str | int | float:  # noqa: ANN401 — whatever JSON can hold
    """Do what ``cell`` does, quicker for numbers and for texts that come again."""
    kind = type(value)
    if kind is int:
        number: int = value
        return number
    if kind is list:
        return cell(value) if value else ""
    return _CELLS[value]


FORMAT = Format(
    id="csv",
    title="tables of findings, what to do, software, approvals, exceptions, listeners, connections, logons, ledger "
    "and population",
    write=_write,
)
