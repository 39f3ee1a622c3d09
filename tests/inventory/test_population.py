"""An export of who should be there, held against an inventory: a table of claims."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InventoryError
from auditor.inventory.population import Comparison, compare, comparison_row, read_population
from auditor.model.host import Host

_FILE = Path("cmdb.csv")


def a_host(name: str, address: str | None = None, host_id: str | None = None) -> Host:
    return Host(name=name, address=address or name, host_id=host_id)


def compared(text: str, *hosts: Host) -> Comparison:
    return compare(read_population(text, _FILE), hosts)


def differences(comparison: Comparison) -> tuple[str, str, str]:
    return (
        " ".join(comparison.only_in_population),
        " ".join(comparison.only_in_inventory),
        " ".join(f"{one.population}={'|'.join(one.inventory)}" for one in comparison.ambiguous),
    )


@pytest.mark.parametrize(
    ("text", "hosts", "expected"),
    [
        pytest.param("web1\nweb2\n", [a_host("web1"), a_host("db1")], ("web2", "db1", ""), id="one-list-and-the-other"),
        pytest.param("WEB1.\n", [a_host("web1")], ("", "", ""), id="case-and-the-root-dot-say-nothing"),
        pytest.param("web1.example.org\n", [a_host("web1")], ("", "", ""), id="the-inventory-leaves-the-domain-out"),
        pytest.param("web1\n", [a_host("web1.example.org")], ("", "", ""), id="the-export-leaves-it-out"),
        pytest.param("web1.a.org\n", [a_host("web1.b.org")], ("web1.a.org", "web1.b.org", ""), id="two-domains-differ"),
        pytest.param(
            "web1\n",
            [a_host("web1.a.org"), a_host("web1.b.org")],
            ("", "", "web1=web1.a.org|web1.b.org"),
            id="a-short-name-for-two-hosts",
        ),
        pytest.param(
            "web1.a.org\nweb1.b.org\n",
            [a_host("web1")],
            ("", "", "web1.a.org=web1 web1.b.org=web1"),
            id="two-full-names-for-one-host",
        ),
        pytest.param("web1.a.org\nweb1\n", [a_host("web1.a.org"), a_host("web1")], ("", "", ""), id="equal-names-win"),
        pytest.param("host,ip\nsrv,10.0.0.7\n", [a_host("web1", "10.0.0.7")], ("", "", ""), id="by-address"),
        pytest.param(
            "host,ip\nsrv,FD77:0::7\n", [a_host("web1", "fd77::7")], ("", "", ""), id="ipv6-written-in-two-ways"
        ),
        pytest.param(
            "10.0.0.7\n", [a_host("10.0.0.70")], ("10.0.0.7", "10.0.0.70", ""), id="addresses-have-no-short-form"
        ),
        pytest.param("host;host_id\nsrv;A-1\n", [a_host("web1", host_id="a-1")], ("", "", ""), id="by-identity"),
        pytest.param(
            "host,address\nweb1,10.0.0.2\n",
            [a_host("web1"), a_host("web2", "10.0.0.2")],
            ("", "", "web1=web1|web2"),
            id="name-and-address-that-disagree",
        ),
        pytest.param("name\tfqdn\nsrv\tweb1.a.org\n", [a_host("web1.a.org")], ("", "", ""), id="a-second-name"),
        pytest.param(
            "host,ip\nweb1,10.0.0.1\nweb1,10.0.0.2\n", [a_host("web1")], ("", "", ""), id="a-row-for-every-address"
        ),
        pytest.param("localhost\n", [a_host("me", "localhost")], ("localhost", "me", ""), id="every-host-is-localhost"),
        pytest.param("# ours\n\nweb1 # the old one\n", [a_host("web1")], ("", "", ""), id="comments"),
        pytest.param(
            "\ufeffHost Name,Hostname\nx,web1\n", [a_host("web1")], ("", "", ""), id="as-a-spreadsheet-saves-it"
        ),
    ],
)
def test_lists_are_held_against_each_other(text: str, hosts: list[Host], expected: tuple[str, str, str]) -> None:
    assert differences(compared(text, *hosts)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "cmdb.csv: names no host", id="empty"),
        pytest.param("host,ip\n", "cmdb.csv: names no host", id="a-header-alone"),
        pytest.param(
            "serial,site\n1,a\n",
            "cmdb.csv:1: no column of the first line names the hosts: "
            "one of host, hostname, name, fqdn, dns_name is wanted",
            id="no-host-column",
        ),
        pytest.param("host,ip\n,10.0.0.1\n", "cmdb.csv:2: the row names no host", id="a-row-without-a-name"),
        pytest.param('host\n"a\n', "cmdb.csv:2: not CSV: unexpected end of data", id="quote"),
    ],
)
def test_an_export_that_cannot_be_read_is_said(text: str, expected: str) -> None:
    with pytest.raises(InventoryError) as caught:
        read_population(text, _FILE)
    assert str(caught.value) == expected


def test_what_patterns_left_out_is_counted() -> None:
    comparison = compared("a\nb\nc\n", a_host("a"), a_host("b"))
    row = comparison_row(comparison, "cmdb.csv", "0" * 64, ["a"])
    assert (row["count"], row["only_in_population"], row["out_of_scope"]) == (3, ["c"], 1)


_NAMES = st.sampled_from(["a", "b", "a.x", "a.y", "b.x", "c", "10.0.0.1", "A.X"])


@given(st.lists(_NAMES, min_size=1), st.lists(_NAMES, unique=True))
def test_no_host_is_lost_and_none_is_counted_twice(population: list[str], inventory: list[str]) -> None:
    known = read_population("".join(f"{name}\n" for name in population), _FILE)
    found = compare(known, [a_host(name) for name in inventory])
    unclear = {host for one in found.ambiguous for host in one.inventory}
    places = [set(found.only_in_inventory), set(found.matched), unclear]
    assert set().union(*places) == set(inventory)
    assert set(found.only_in_inventory).isdisjoint(found.matched | unclear)
    assert len(found.only_in_population) + len(found.ambiguous) + len(found.matched) == found.count == len(known)
