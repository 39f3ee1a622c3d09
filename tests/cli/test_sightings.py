"""Flow records brought to an audit: hosts that it reached, that it did not reach, and machines that nobody listed."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_FIELDS = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
]
_MORE = ["missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"]
_SSL = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version", "server_name"]


def auditor(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)},
        cwd=home,
        timeout=300,
    )


def zeek(path: str, fields: list[str], rows: list[tuple[object, ...]]) -> str:
    head = f"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{path}\n#fields\t"
    return head + "\t".join(fields) + "\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows)


def conn(when: datetime, client: str, server: str, port: int) -> tuple[object, ...]:
    ends = (client, 50_000, server, port, "tcp", "-", "2.5", 900, 1800, "SF", 0, "ShADadFf", 8, 1300, 9, 2200)
    return (f"{when.timestamp():.6f}", "CAbc1", *ends)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an inventory, and what the records of yesterday show."""
    folder = tmp_path_factory.mktemp("sightings")
    when = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    demo = ROOT / "auditor" / "demo"
    (folder / "hosts.csv").write_text(
        "host,address,port,connection,auditor_replay\n"
        f"web-1,10.20.0.11,,replay,{demo / 'web-1.probe'}\n"
        f"db-1,10.20.0.12,,replay,{demo / 'db-1.probe'}\n"
        "press-8,10.20.0.13,,replay,no-such-file.probe\n"
    )
    rows = [
        conn(when, "10.20.0.11", "203.0.113.5", 5938),
        conn(when, "10.20.0.12", "203.0.113.9", 6568),
        conn(when, "10.20.0.13", "203.0.113.5", 5938),
        conn(when, "10.20.0.99", "203.0.113.9", 6568),
        conn(when, "10.20.0.98", "203.0.113.80", 443),
    ]
    (folder / "conn.log").write_text(zeek("conn", _FIELDS + _MORE, rows))
    name = (
        f"{when.timestamp():.6f}",
        "CAbc1",
        "10.20.0.99",
        50_000,
        "203.0.113.9",
        6568,
        "TLSv12",
        "relay-a1.net.anydesk.com",
    )
    (folder / "ssl.log").write_text(zeek("ssl", _SSL, [name]))
    return folder


@pytest.fixture(scope="module")
def audited(place: Path) -> Path:
    done = auditor("ingest", "flows", "conn.log", "ssl.log", "-i", "hosts.csv", "-o", "flows", home=place)
    assert done.returncode == 0, done.stderr
    done = auditor(
        "audit", "-i", "hosts.csv", "--sightings", "flows/sightings.json", "--format", "html,json", home=place
    )
    assert done.returncode == 3, done.stderr
    (folder,) = (place / "reports").iterdir()
    return folder


def host(folder: Path, name: str) -> dict[str, Any]:
    (found,) = [
        row for row in map(json.loads, (folder / "hosts.jsonl").read_text().splitlines()) if row["host"] == name
    ]
    return dict(found)


def verdict(folder: Path, name: str, control: str = "seen_outside") -> dict[str, Any]:
    (found,) = [one for one in host(folder, name)["verdicts"] if one["control"] == control]
    return dict(found)


def test_a_machine_that_nobody_listed_is_a_finding_of_its_own(audited: Path) -> None:
    stranger = host(audited, "10.20.0.99")
    assert (stranger["outcome"], stranger["reason"]) == ("unreachable", "not_inventoried")
    found = verdict(audited, "10.20.0.99")
    assert found["verdict"] == "fail"
    (violation,) = found["violations"]
    assert (violation["product"], violation["severity"]) == ("anydesk", "high")
    assert "no host of the inventory is known to have it" in violation["reason"]
    assert "relay-a1.net.anydesk.com" in violation["proof"][0]["quote"]
    findings = json.loads((audited / "results.json").read_text())["findings"]
    assert [one["control"] for one in findings if one["host"] == "10.20.0.99"] == ["seen_outside"]


def test_a_host_that_was_not_reached_fails_by_what_others_recorded(audited: Path) -> None:
    (violation,) = verdict(audited, "press-8")["violations"]
    assert (violation["product"], violation["severity"]) == ("teamviewer", "medium")
    assert "the audit did not reach it" in violation["reason"]


def test_a_port_alone_is_a_suspicion_on_a_host_that_shows_nothing(audited: Path) -> None:
    found = verdict(audited, "web-1")
    assert found["verdict"] == "unknown"
    assert [one["product"] for one in found["suspected"]] == ["teamviewer"]
    assert not found["violations"]


def test_one_product_on_one_host_is_one_finding_with_all_its_proofs(audited: Path) -> None:
    assert verdict(audited, "db-1")["verdict"] == "pass"
    (violation,) = [
        one for one in verdict(audited, "db-1", "unapproved_product")["violations"] if one["product"] == "anydesk"
    ]
    sections = {one["section"] for one in violation["proof"]}
    assert "outside.flow" in sections
    assert sections - {"outside.flow"}


def test_what_concerns_no_product_makes_no_machine(audited: Path) -> None:
    ledger = json.loads((audited / "results.json").read_text())["ledger"]
    assert [row["host"] for row in ledger] == ["10.20.0.99", "db-1", "press-8", "web-1"]


def test_its_bundle_holds_and_comes_out_the_same(audited: Path, place: Path) -> None:
    done = auditor("verify", audited, "--recompute", home=place)
    assert done.returncode == 0, done.stdout + done.stderr


def test_records_that_come_later_are_judged_with_the_evidence(place: Path, audited: Path) -> None:
    assert audited.is_dir()
    done = auditor("audit", "-i", "hosts.csv", "--format", "json", "-o", "plain", "--store", "plain.sqlite", home=place)
    assert done.returncode == 3, done.stderr
    (plain,) = (place / "plain").iterdir()
    assert {verdict(plain, name)["verdict"] for name in ("web-1", "db-1")} == {"not_applicable"}
    done = auditor(
        "assess", plain, "--sightings", "flows/sightings.json", "--format", "json", "-o", "later", home=place
    )
    assert done.returncode == 3, done.stderr
    (later,) = (place / "later").iterdir()
    for name in ("10.20.0.99", "db-1", "press-8", "web-1"):
        assert verdict(later, name)["verdict"] == verdict(audited, name)["verdict"], name
    done = auditor("verify", later, "--recompute", home=place)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sightings_that_were_touched_are_refused(place: Path, audited: Path) -> None:
    assert audited.is_dir()
    text = (place / "flows" / "sightings.json").read_text()
    (place / "touched.json").write_text(text.replace('"count":1', '"count":2', 1))
    done = auditor("audit", "-i", "hosts.csv", "--sightings", "touched.json", home=place)
    assert done.returncode == 2
    assert "touched.json: is no sealed sightings" in done.stderr
