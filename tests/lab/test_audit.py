"""The auditor against a fleet whose truth is known: none missing, none invented."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.auditing import Audited, audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host

pytestmark = pytest.mark.lab

FAVOURABLE = {"pass", "excepted", "not_applicable"}


@pytest.fixture(scope="module")
def as_root(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("root")
    return audit(fleet.lab, fleet.lab.inventory("yml"), folder)


def sightings(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {(row["product"], row["state"], row["confidence"], row["approval"], row["tenant"]) for row in rows}


def listeners(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    keys = ("protocol", "family", "address", "port", "product", "approval")
    return Counter((*(row[key] for key in keys), as_ps_prints_it(row["process"])) for row in rows)


def as_ps_prints_it(name: str) -> str:
    """Write a process name as ps does: it shows a dot for a character that would act on a terminal."""
    return "".join("." if ord(char) < ord(" ") else char for char in name)


def assert_truth(fleet: Fleet, audited: Audited, hosts: tuple[Host, ...]) -> None:
    wrong: list[str] = []
    for host in hosts:
        truth, seen = fleet.truth(host), audited.hosts[host.name]
        label = f"{host.name} ({truth['role']})"
        if sightings(truth["sightings"]) != sightings(seen["sightings"]):
            wrong.append(f"{label}: planted {truth['sightings']}, seen {sightings(seen['sightings'])}")
        missing, invented = (
            listeners(truth["listeners"]) - listeners(seen["listeners"]),
            listeners(seen["listeners"]) - listeners(truth["listeners"]),
        )
        if missing or invented:
            wrong.append(f"{label}: listeners missing {dict(missing)}, invented {dict(invented)}")
        verdicts = audited.verdicts(host.name)
        for control, expected in truth["verdicts"].items():
            if verdicts[control] != expected["verdict"]:
                (row,) = [row for row in seen["verdicts"] if row["control"] == control]
                why = [gap["reason"] for gap in row["gaps"]] + [one["reason"] for one in row["violations"]]
                wrong.append(f"{label}: {control} is {verdicts[control]}, and should be {expected}: {why}")
    assert not wrong, "\n".join(wrong)


def test_as_root_the_audit_says_what_is_true(fleet: Fleet, as_root: Audited) -> None:
    assert_truth(fleet, as_root, fleet.hosts)


def test_the_ledger_adds_up(fleet: Fleet, as_root: Audited) -> None:
    names = sorted(host.name for host in fleet.hosts)
    assert [row["host"] for row in as_root.results["ledger"]] == names
    assert [row["host"] for row in as_root.results["hosts"]] == names
    assert as_root.results["run"]["scope"]["count"] == len(names)
    assert {row["reason"] for row in as_root.results["ledger"]} == {None}
    coverage = as_root.results["run"]["coverage"]
    complete = sum(row["complete"] for row in as_root.results["ledger"])
    assert (coverage["assessed"], as_root.status) == (complete, 3 if complete < len(names) else 1)


def test_who_reaches_a_listener_is_what_the_filters_were_planned_to_let_through(fleet: Fleet, as_root: Audited) -> None:
    keys = ("protocol", "family", "address", "port", "reachability")
    wrong: list[str] = []
    for host in fleet.hosts:
        planned = Counter(tuple(row[key] for key in keys) for row in fleet.truth(host)["listeners"])
        told = Counter(tuple(row[key] for key in keys) for row in as_root.hosts[host.name]["listeners"])
        if planned != told:
            wrong.append(f"{host.name}: planned and not told {planned - told}, told and not planned {told - planned}")
    assert wrong == []


def test_with_sudo_or_doas_it_says_the_same(fleet: Fleet, tmp_path: Path) -> None:
    asks = fleet.host("sudo-password")
    others = tuple(host for host in fleet.hosts if host != asks and fleet.truth(host)["become"])
    inventory = inventory_of(fleet.lab, others, tmp_path / "hosts.yml", user="auditor", ansible_become=True)
    audited = audit(fleet.lab, inventory, tmp_path)
    assert_truth(fleet, audited, others)
    # Where there is no sudo, doas is asked.
    rights = {host.name: fleet.truth(host)["become"] for host in others}
    assert {name: row["rights"] for name, row in audited.hosts.items()} == rights


@pytest.mark.parametrize("right", [True, False])
def test_sudo_with_a_password(fleet: Fleet, tmp_path: Path, right: bool) -> None:
    host = fleet.host("sudo-password")
    password = fleet.truth(host)["sudo_password"] if right else "not the password"
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(
        f"{host.name} ansible_host={host.address} ansible_user=auditor ansible_become=true "
        f"ansible_become_password='{password}' ansible_ssh_private_key_file={fleet.lab.key} "
        f"ansible_ssh_common_args='-o UserKnownHostsFile={fleet.lab.known_hosts}'\n"
    )
    audited = audit(fleet.lab, inventory, tmp_path)
    row = audited.hosts[host.name]
    if right:
        assert row["rights"] == "sudo"
        assert_truth(fleet, audited, (host,))
    else:
        assert row["rights"] == "user"
        assert "sudo was refused" in row["privilege_note"]
        assert audited.verdicts(host.name)["complete_inventory"] == "unknown"
    for file in tmp_path.rglob("*"):
        if file.is_file() and file != inventory:
            assert password.encode() not in file.read_bytes(), file


def test_without_rights_nothing_passes_that_root_would_not_pass(fleet: Fleet, as_root: Audited, tmp_path: Path) -> None:
    inventory = inventory_of(fleet.lab, fleet.hosts, tmp_path / "hosts.yml", user="plain")
    audited = audit(fleet.lab, inventory, tmp_path)
    for host in fleet.hosts:
        root, plain = as_root.verdicts(host.name), audited.verdicts(host.name)
        for control, verdict in plain.items():
            if verdict in FAVOURABLE:
                assert root[control] in FAVOURABLE, (host.name, control)
            # What is seen without rights is there: a violation needs no completeness.
            if verdict == "fail":
                assert root[control] == "fail", (host.name, control)
        assert plain["complete_inventory"] == "unknown"
        # A port whose holder cannot be seen is a suspicion; what is confirmed has to be there.
        confirmed = {
            row["product"] for row in audited.hosts[host.name]["sightings"] if row["confidence"] == "confirmed"
        }
        assert confirmed <= {row["product"] for row in as_root.hosts[host.name]["sightings"]}, host.name
    assert audited.status == 3


def test_hostile_names_do_no_harm(fleet: Fleet, as_root: Audited) -> None:
    markup, formula = fleet.host("hostile-markup"), fleet.host("hostile-formula")
    assert as_root.hosts[markup.name]["hostname"] == "<script>alert(1)</script>"
    assert as_root.hosts[formula.name]["hostname"] == "=cmd|' /C calc'!A0"
    for page in as_root.folder.rglob("*.html"):
        text = page.read_text()
        assert "<script>alert(1)" not in text, page
        assert "<img src=x" not in text, page
        assert "<svg onload" not in text, page
        assert "\x1b" not in text, page
    for table in as_root.folder.rglob("*.csv"):
        with table.open(newline="") as stream:
            for row in csv.reader(stream):
                assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in row), (table, row)
                assert not any("\x1b" in cell for cell in row), (table, row)
    assert "\x1b" not in as_root.printed + as_root.said
    for file in as_root.folder.rglob("*"):
        assert all(char.isalnum() or char in "-_." for char in file.name), file


def test_a_missing_tool_is_a_gap_or_made_up_for(fleet: Fleet, break_host: Callable[..., None], tmp_path: Path) -> None:
    """Without ss the sockets are read from /proc, to the same truth; without nft nothing says who gets in."""
    no_ss, no_nft = fleet.host("decoy-viewer"), fleet.host("decoy-names")
    break_host(no_ss, "missing", "ss")
    break_host(no_nft, "missing", "nft")
    inventory = inventory_of(fleet.lab, (no_ss, no_nft), tmp_path / "hosts.yml")
    audited = audit(fleet.lab, inventory, tmp_path)
    assert_truth(fleet, audited, (no_ss,))
    assert audited.verdicts(no_nft.name)["complete_inventory"] == "unknown"
    outcomes = {row["id"]: row["outcome"] for row in audited.hosts[no_nft.name]["sections"]}
    assert outcomes["firewall.nft"] == "failed"
