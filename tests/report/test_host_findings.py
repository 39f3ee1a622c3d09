"""Every finding is given once: with its host, or as one of no host of the run; stored ones and those in memory."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from auditor.model.record import replace
from auditor.report.host_findings import hosts_with_findings, with_pages
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.stored_rows import StoredRows


def stored(findings: Sequence[Row]) -> Sequence[Row]:
    return StoredRows(lambda: iter(sorted(findings, key=lambda one: one["host"])), lambda: len(findings))


@pytest.mark.parametrize("kept", [stored, list], ids=["stored", "held"])
@pytest.mark.parametrize(
    ("of", "hosts", "of_none"),
    [
        ("", "bd", ""),
        ("b", "bd", ""),
        ("bbddd", "bd", ""),
        ("aabccdee", "bd", "aaccee"),
        ("aac", "bd", "aac"),
        ("abc", "", "abc"),
        ("e", "bd", "e"),
    ],
)
def test_each_host_has_its_own_and_what_is_left_is_said(
    sample: RunRows, kept: Callable[[Sequence[Row]], Sequence[Row]], of: str, hosts: str, of_none: str
) -> None:
    findings = [{"host": host, "fingerprint": f"{number}"} for number, host in enumerate(of)]
    rows = replace(sample, findings=kept(findings), hosts=lambda: iter([{"host": host} for host in hosts]))
    left: list[Row] = []
    found = list(hosts_with_findings(rows, left.append))
    assert [host["host"] for host, _ in found] == list(hosts)
    assert [mine for _, mine in found] == [[one for one in findings if one["host"] == host] for host in hosts]
    assert "".join(one["host"] for one in left) == of_none
    assert sorted(one["fingerprint"] for _, mine in [*found, ({}, left)] for one in mine) == sorted(
        one["fingerprint"] for one in findings
    )


def test_hosts_out_of_order_are_no_reason_to_lose_a_finding(sample: RunRows) -> None:
    def hosts() -> Iterator[Row]:
        return iter([{"host": "b"}, {"host": "a"}])

    findings = [{"host": "a"}, {"host": "b"}]
    with pytest.raises(ValueError, match="not sorted"):
        list(hosts_with_findings(replace(sample, findings=stored(findings), hosts=hosts)))
    assert [len(mine) for _, mine in hosts_with_findings(replace(sample, findings=findings, hosts=hosts))] == [1, 1]


@pytest.mark.parametrize("ledger", ["ab", "a", "abc", "cb"])
def test_no_host_is_written_on_the_page_of_another(ledger: str) -> None:
    hosts: list[tuple[Row, list[Row]]] = [({"host": "b"}, []), ({"host": "a"}, [])]
    with pytest.raises(ValueError, match=r"stands where the ledger has|shorter|longer"):
        list(with_pages(hosts, [(host, f"{host}.html") for host in ledger]))
    assert [page for _, _, page in with_pages(hosts, [("b", "b.html"), ("a", "a.html")])] == ["b.html", "a.html"]
