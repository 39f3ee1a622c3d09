"""The doctor on real hosts: ready, without rights, broken in several ways; and proof packs of all of them."""

import json
import tomllib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.auditing import audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host
from tests.lab.test_other_roads import auditor

pytestmark = pytest.mark.lab

Row = dict[str, Any]
Looked = dict[str, dict[str, Row]]
# Sections whose rows are others from one look to the next.
MOVING = ("processes.procfs", "sockets.ss", "logons.journal", "logons.wtmp", "logons.server_logs")
# Fault, the check that names it, its reason.
FAULTS = (
    ("hostkey", "host key", "host_key_changed"),
    ("badcred", "login", "auth"),
    ("refused", "connect", "refused"),
    ("badbanner", "banner", "not_ssh"),
    ("nosession", "session", "no_session"),
    ("truncate", "shell", "cut_short"),
    ("missing", "tools", None),  # of nft
)


def doctor(folder: Path, inventory: Path, *words: object) -> tuple[int, Looked]:
    """Return the exit status, and for each host its rows by the name of the check."""
    done = auditor(folder, "doctor", "-i", inventory, "--format", "json", *words)
    assert done.returncode in (0, 1), done.stderr
    looked: Looked = {}
    for row in json.loads(done.stdout):
        looked.setdefault(row["host"], {})[row["check"]] = row
    return done.returncode, looked


def missing(rows: dict[str, Row]) -> set[str]:
    return {check for check, row in rows.items() if row["state"] == "missing"}


def test_a_good_host_is_ready(fleet: Fleet, tmp_path: Path) -> None:
    host = fleet.host("clean-nft")
    inventory = inventory_of(fleet.lab, (host,), tmp_path / "hosts.yml")
    status, looked = doctor(tmp_path, inventory, host.name)
    assert (status, missing(looked[host.name])) == (0, set())
    assert looked[host.name]["login"]["detail"].startswith(f"root, by key {fleet.lab.key} (")
    said = auditor(tmp_path, "doctor", "-i", inventory).stdout
    assert "ready: an audit of it is complete" in said


def test_an_account_without_rights_is_told_what_it_lacks_and_how_to_get_it(fleet: Fleet, tmp_path: Path) -> None:
    host = fleet.host("clean-nft")
    plain = inventory_of(fleet.lab, (host,), tmp_path / "plain.yml", user="plain")
    status, looked = doctor(tmp_path, plain)
    rows = looked[host.name]
    assert (status, rows["session"]["state"], rows["rights"]["state"]) == (1, "ok", "missing")
    assert "ansible_become: true" in rows["rights"]["advice"]
    gaps = missing(rows)
    assert {"firewall.nft", "processes.procfs", "sockets.ss", "verdicts"} <= gaps
    assert all(rows[name]["advice"] for name in gaps - {"verdicts"})
    # What it says is missing is what an audit misses.
    row = audit(fleet.lab, plain, tmp_path).hosts[host.name]
    partial = {one["id"] for one in row["sections"] if one["outcome"] not in ("collected", "absent")}
    assert partial == {name for name in gaps if "." in name}

    sudo = inventory_of(fleet.lab, (host,), tmp_path / "sudo.yml", user="plain", ansible_become=True)
    _, looked = doctor(tmp_path, sudo)
    assert "sudo was refused" in looked[host.name]["rights"]["detail"]
    allowed = inventory_of(fleet.lab, (host,), tmp_path / "allowed.yml", user="auditor", ansible_become=True)
    status, looked = doctor(tmp_path, allowed)
    assert (status, looked[host.name]["rights"]["detail"]) == (0, "root, gained through sudo")


def test_a_wrong_sudo_password_is_tried_once(fleet: Fleet, tmp_path: Path) -> None:
    host = fleet.host("sudo-password")
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(
        f"{host.name} ansible_host={host.address} ansible_user=auditor ansible_become=true "
        f"ansible_become_password='not the password' ansible_ssh_private_key_file={fleet.lab.key} "
        f"ansible_ssh_common_args='-o UserKnownHostsFile={fleet.lab.known_hosts} -o IdentitiesOnly=yes'\n"
    )
    status, looked = doctor(tmp_path, inventory)
    rights = looked[host.name]["rights"]
    assert (status, rights["state"]) == (1, "missing")
    assert "1 incorrect password attempt" in rights["detail"]
    assert "tried once" in rights["advice"]
    assert "not the password" not in json.dumps(looked)


def test_each_fault_is_named_at_its_rung(fleet: Fleet, break_host: Callable[..., None], tmp_path: Path) -> None:
    well, filtered = fleet.host("clean"), fleet.host("clean-nft")
    others = [host for host in fleet.planted if host not in (well, filtered)]
    hosts = [*others[: len(FAULTS) - 1], filtered]
    for host, (fault, _, _) in zip(hosts, FAULTS, strict=True):
        break_host(host, fault, "nft" if fault == "missing" else "")
    inventory = inventory_of(fleet.lab, (well, *hosts), tmp_path / "hosts.yml")
    status, looked = doctor(tmp_path, inventory, "--deadline", "20")
    assert status == 1
    assert missing(looked[well.name]) == set()
    for host, (fault, check, reason) in zip(hosts, FAULTS, strict=True):
        row = looked[host.name][check]
        assert (row["state"], row["reason"]) == ("missing", reason), fault
        assert reason is None or row["advice"], fault
    rows = looked[filtered.name]
    assert "nft is not installed" in rows["tools"]["detail"]
    assert "nftables" in rows["firewall.nft"]["advice"]


def _canaries(host: Host, truth: Row) -> set[str]:
    """Return what names a lab host or its people: its name, addresses and MAC, and its added accounts."""
    people = [row.split(":")[0] for row in host.run("cat /etc/passwd").splitlines() if ":/home/" in row]
    mac = host.run("cat /sys/class/net/eth0/address").strip()
    words = host.run("ip addr show dev eth0").split()
    addresses = [after.split("/")[0] for word, after in pairwise(words) if word in ("inet", "inet6")]
    # The auditor's own words stay, and are told.
    return {host.name, truth["hostname"], mac, *addresses, *people} - {"auditor", "plain"}


def _packs(looked: Looked) -> dict[str, Path]:
    return {host: Path(rows["proof pack"]["detail"].partition(": ")[0]) for host, rows in looked.items()}


def _replayed(packs: dict[str, Path], file: Path) -> Path:
    rows = [
        {"host": host, "connection": "replay", "replay": str(pack / "answer.probe")} for host, pack in packs.items()
    ]
    file.write_text(yaml.safe_dump(rows))
    return file


def _told(row: Row) -> Row:
    """Return what a pack has to tell as its host did."""
    return {
        "sections": [(one["id"], one["outcome"], one["items"], one["unread"]) for one in row["sections"]],
        "products": sorted((one["product"], one["state"], one["confidence"]) for one in row["sightings"]),
        "listeners": sorted((one["protocol"], one["port"], one["product"] or "") for one in row["listeners"]),
        "os": row["os"],
    }


def test_proof_packs_of_the_fleet_replay_as_their_hosts(fleet: Fleet, tmp_path: Path) -> None:
    hosts: Sequence[Host] = fleet.hosts
    inventory = inventory_of(fleet.lab, hosts, tmp_path / "hosts.yml")
    _, looked = doctor(tmp_path, inventory, "--record", "-o", tmp_path / "proof")
    packs = _packs(looked)
    differing = {host: rows["proof pack"]["detail"] for host, rows in looked.items()
                 if rows["proof pack"]["state"] != "ok"}  # fmt: skip
    assert differing == {}
    live = audit(fleet.lab, inventory, tmp_path).hosts
    (tmp_path / "again").mkdir()
    replayed = audit(fleet.lab, _replayed(packs, tmp_path / "packs.yml"), tmp_path / "again").hosts
    for host in hosts:
        pack = packs[host.name]
        text = "".join(file.read_text() for file in pack.iterdir()).lower()
        words = set("".join(char if char.isalnum() else " " for char in text).split())
        leaked = {
            canary
            for canary in map(str.lower, _canaries(host, fleet.truth(host)))
            # A short name may well be a part of another word.
            if (canary in words if canary.isalnum() else canary in text)
        }
        assert leaked == set(), host.state()["role"]
        assert tomllib.loads((pack / "case.toml").read_text())["differs"] == []
        told, said = _told(live[host.name]), _told(replayed[host.name])
        # What runs for a moment is another from one look to the next, and each look is a log-in.
        for one in (told, said):
            one["sections"] = [row[:2] if row[0] in MOVING else row for row in one["sections"]]
        assert said == told, host.state()["role"]
