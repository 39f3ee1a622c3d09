"""The data of the host table: everything that narrows it, and no text of a host that could act inside of the page."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from auditor.model.record import replace
from auditor.report.control_tally import Tallies
from auditor.report.host_table import STATIC, table_data, table_filter
from auditor.report.html import FORMAT, page_names
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.summary import Summary


def summary_of(rows: RunRows) -> Summary:
    summary, pages = Summary(controls=rows.controls), page_names(rows.ledger)
    for host in rows.hosts():
        summary.add(host, pages[host["host"]])
    return summary


def data_of(rows: RunRows) -> Row:
    summary = summary_of(rows)
    data: Row = json.loads(table_data(summary, summary.ranked_problems()))
    return data


def test_every_host_stands_in_it_with_what_narrows_the_table(sample: RunRows) -> None:
    data = data_of(sample)
    hosts = {row["host"]: row for row in sample.hosts()}
    assert len(data["rows"]) == len(hosts)
    shown = {row[0]: row for row in data["rows"]}
    for name in ("db-01.example.net", "kiosk-03.example.net", "branch-08.example.net", "build-04.example.net"):
        of, host = shown[name], hosts[name]
        assert data["outcomes"][of[2]][0] == host["outcome"]
        assert data["owners"][of[5]] == host["owner"]
        assert data["sites"][of[6]] == host["site"]
        assert [data["groups"][one] for one in data["groupSets"][of[7]]] == host["groups"]
        letters = {
            control[0]: letter for control, letter in zip(data["controls"], data["verdictSets"][of[9]], strict=True)
        }
        names = {letter: verdict for letter, verdict, _ in data["verdicts"]}
        given = {verdict["control"]: verdict["verdict"] for verdict in host["verdicts"]}
        assert {control: names[letter] for control, letter in letters.items()} == given
        broken = {(verdict["control"], one["subject"]) for verdict in host["verdicts"] for one in verdict["violations"]}
        assert {tuple(data["problems"][one]) for one in data["problemSets"][of[10]]} == broken


@pytest.mark.parametrize(
    ("host", "uses"),
    [
        ("app-01.example.net", [["xrdp", "running", "approved", [None]]]),
        ("kiosk-03.example.net", [["tigervnc", "running", "unapproved", [None]]]),
        ("=cmd|' /C calc'!A0", [["anydesk", "suspected", "", []]]),
        ("app-02.example.net", []),
    ],
)
def test_a_product_stands_there_with_its_state_its_approval_and_its_tenants(
    sample: RunRows, host: str, uses: list[list[object]]
) -> None:
    data = data_of(sample)
    row = next(row for row in data["rows"] if row[0] == host)
    assert [
        [data["products"][product][0], state, standing, [data["tenants"][one] for one in tenants]]
        for product, state, standing, tenants in data["useSets"][row[8]]
    ] == uses


def test_nothing_of_a_host_can_end_the_block_that_it_stands_in(sample: RunRows, tmp_path: Path) -> None:
    text = table_data(summary_of(sample), [])
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set("<>&")
    FORMAT.write(sample, tmp_path)
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    block = page.partition('<script type="application/json" id="host-data">')[2].partition("</script>")[0]
    assert "<script>alert(1)</script>" in [row[0] for row in json.loads(block)["rows"]]
    assert page.count("</script>") == 2


def test_what_hosts_have_in_common_stands_there_once(fleet_of: Callable[[int], RunRows]) -> None:
    data = data_of(fleet_of(40))
    assert [len(data[name]) for name in ("owners", "sites", "systems", "groupSets", "verdictSets")] == [1, 1, 1, 1, 2]


def test_a_place_of_the_table_can_hold_any_text() -> None:
    hostile = "a&b=c#d?e+f %20\"'<>\u202e\n"
    place = table_filter(owner=hostile, control="unapproved_product")
    assert place.startswith("#hosts?owner=")
    assert place.isascii()
    assert not set(place) & set("\"'<> \n")
    assert parse_qs(place.partition("?")[2]) == {
        "owner": ["a&b=c#d?e+f %20\"'<>⟨U+202E⟩⟨U+000A⟩"],
        "control": ["unapproved_product"],
    }
    assert table_filter(owner=None) == "#hosts?owner="


@pytest.mark.parametrize(("count", "is_there"), [(STATIC, False), (STATIC + 1, True)])
def test_hosts_that_are_too_many_for_the_page_stand_on_one_of_their_own(
    fleet_of: Callable[[int], RunRows], tmp_path: Path, count: int, *, is_there: bool
) -> None:
    made = FORMAT.write(fleet_of(count), tmp_path)
    every = tmp_path / "html" / "all-hosts.html"
    index = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert index.count('<tr data-o="') == STATIC
    assert every.exists() == (every in made) == ('href="all-hosts.html"' in index) == is_there
    if is_there:
        assert every.read_text(encoding="utf-8").count('<tr data-o="') == count


def test_products_are_counted_by_tenant_and_a_host_cannot_make_up_tenants_without_end(sample: RunRows) -> None:
    rows = list(sample.hosts())
    seen = next(one for row in rows for one in row["sightings"] if one["product"] == "tigervnc")
    host = next(row for row in rows if row["host"] == "kiosk-03.example.net")
    summary = Summary(controls=sample.controls)
    tenants = [{"tenant": f"t{number:03}"} for number in range(300)]
    summary.add(host | {"sightings": [seen | tenant for tenant in tenants]}, "page.html")
    approved = seen | {"tenant": "t000", "approval": "helpdesk"}
    summary.add(host | {"sightings": [approved]}, "page.html")
    product = summary.products["tigervnc"]
    assert (len(product.tenants), product.more_tenants) == (200, 100)
    assert product.tenants["t000"] == {"approved": 1, "unapproved": 1}


def test_tenants_stand_in_a_table_where_one_can_be_told(sample: RunRows, tmp_path: Path) -> None:
    def hosts() -> Iterator[Row]:
        for row in sample.hosts():
            told = [
                {**seen, "tenant": "<b>theirs</b>" if seen["product"] == "x11vnc" else None}
                for seen in row["sightings"]
            ]
            yield row | {"sightings": told}

    FORMAT.write(replace(sample, hosts=hosts), tmp_path)
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    table = page[page.index("Whose instance it reports to") : page.index('id="approvals"')]
    assert 'href="#hosts?product=x11vnc&amp;tenant=%3Cb%3Etheirs%3C%2Fb%3E">&lt;b&gt;theirs&lt;/b&gt;</a>' in table
    assert 'class="n fail">2</td>' in table
    assert "tigervnc" not in table


def test_readers_that_no_real_host_has_proven_are_named_among_the_limits(sample: RunRows, tmp_path: Path) -> None:
    def hosts() -> Iterator[Row]:
        for row in sample.hosts():
            yield row | {
                "sections": [
                    section | {"proof": "documented"} if section["id"] in ("firewall.nft", "firewall.ufw") else section
                    for section in row["sections"]
                ]
            }

    FORMAT.write(replace(sample, hosts=hosts), tmp_path)
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    # One host's filter was denied: there was nothing to read.
    assert "The reader of <code>firewall.nft</code> has met no real host of its kind yet" in page
    assert "It read 7 hosts" in page
    assert "It read 8 hosts" in page


def test_tallies_and_summary_count_the_same(sample: RunRows) -> None:
    summary, tallies = summary_of(sample), Tallies(sample.controls)
    for host in sample.hosts():
        tallies.add(host, "page.html")
    assert {control: tally.counts for control, tally in tallies.of.items()} == summary.verdicts
