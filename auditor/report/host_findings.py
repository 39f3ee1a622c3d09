"""The findings of a run beside its hosts: in the store both are sorted by host, and one host's at a time are read."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.stored_rows import StoredRows

_HOST = itemgetter("host")


def hosts_with_findings(
    rows: RunRows, of_no_host: Callable[[Row], object] = lambda _finding: None
) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each host row with its findings, in the ledger's order; ``of_no_host`` is given every other finding.

    A report of a hundred thousand hosts cannot hold all that was ever found on them.
    """
    return _read_beside(rows, of_no_host) if isinstance(rows.findings, StoredRows) else _held(rows, of_no_host)


def with_pages(
    hosts: Iterable[tuple[Row, list[Row]]], pages: Iterable[tuple[str, str]]
) -> Iterator[tuple[Row, list[Row], str]]:
    """Yield hosts and findings with the page of each, given by host in the same order; ValueError where it is not."""
    for (host, findings), (name, page) in zip(hosts, pages, strict=True):
        if host["host"] != name:
            raise ValueError(f"the host {host['host']!r} stands where the ledger has {name!r}")
        yield host, findings, page


def _read_beside(rows: RunRows, of_no_host: Callable[[Row], object]) -> Iterator[tuple[Row, list[Row]]]:
    by_host = groupby(rows.findings, _HOST)
    name, found = next(by_host, (None, iter(())))
    before = ""
    for host in rows.hosts():
        if host["host"] < before:
            raise ValueError(f"hosts are not sorted: {host['host']!r} comes after {before!r}")
        before = host["host"]
        while name is not None and name < before:
            for finding in found:
                of_no_host(finding)
            name, found = next(by_host, (None, iter(())))
        mine = []
        if name == before:
            mine = list(found)
            name, found = next(by_host, (None, iter(())))
        yield host, mine
    while name is not None:
        for finding in found:
            of_no_host(finding)
        name, found = next(by_host, (None, iter(())))


def _held(rows: RunRows, of_no_host: Callable[[Row], object]) -> Iterator[tuple[Row, list[Row]]]:
    by_host: dict[str, list[Row]] = {}
    for finding in rows.findings:
        by_host.setdefault(finding["host"], []).append(finding)
    for host in rows.hosts():
        yield host, by_host.pop(host["host"], [])
    for found in by_host.values():
        for finding in found:
            of_no_host(finding)
