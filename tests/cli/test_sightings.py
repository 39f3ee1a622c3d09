"""Flow records brought to an audit: hosts that it reached, that it did not reach, and machines that nobody listed."""

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
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


def conversations(folder: Path) -> list[dict[str, str]]:
    with (folder / "conversations.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_conversations_are_joined_with_the_hosts_and_processes_of_a_run(place: Path, audited: Path) -> None:
    assert audited.is_dir()
    when = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    rows = [conn(when, "10.20.0.11", "10.20.0.12", 7070), conn(when, "10.20.0.77", "10.20.0.12", 7070)]
    (place / "inner.log").write_text(zeek("conn", _FIELDS + _MORE, rows))
    done = auditor("ingest", "flows", "inner.log", "-i", "hosts.csv", "-o", "joined", home=place)
    assert done.returncode == 0, done.stderr
    one, other = conversations(place / "joined")
    assert (one["source_host"], one["destination_host"], one["product"]) == ("web-1", "db-1", "anydesk")
    assert (one["destination_process"], one["destination_user"]) == ("anydesk", "root")
    assert (one["approved"], other["source_host"]) == ("no", "")
    page = (place / "joined" / "conversations.html").read_text()
    assert "listening: anydesk (root)" in page
    assert f"hosts and processes of run {audited.name}" in page


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        pytest.param((), {"10.20.0.11", "10.20.0.12", "10.20.0.13", "10.20.0.99"}, id="products"),
        pytest.param(("--product", "teamviewer"), {"10.20.0.11", "10.20.0.13"}, id="one product"),
        pytest.param(("--port", "443"), {"10.20.0.98"}, id="a port of nobody"),
        pytest.param(("--host", "db-1"), {"10.20.0.12"}, id="a host by its name"),
        pytest.param(("--host", "10.20.0.99"), {"10.20.0.99"}, id="a host by its address"),
        pytest.param(("--network", "10.20.0.12/31"), {"10.20.0.12", "10.20.0.13"}, id="a network"),
        pytest.param(("--all", "--network", "203.0.113.80/32"), {"10.20.0.98"}, id="all of a network"),
    ],
)
def test_conversations_are_narrowed_down(place: Path, words: tuple[str, ...], ends: set[str]) -> None:
    done = auditor(
        "ingest", "flows", "conn.log", "ssl.log", "-i", "hosts.csv", "-o", "some", "--store", "none.sqlite", *words,
        home=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {row["source"] for row in conversations(place / "some")} == ends


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "70000"), "--port 70000: a number from 1 to 65535 is wanted"),
        (("--network", "10.0.0.1/8"), "--network 10.0.0.1/8: a network such as 192.0.2.0/24 is wanted"),
        (("--product", "any-desk"), "did you mean 'anydesk'"),
        (("--time-zone", "Mars"), "--time-zone Mars: a name such as Europe/Berlin is wanted"),
        (("conn.log",), "conn.log: is named twice"),
        (("nowhere.log",), "nowhere.log: there is no such file"),
    ],
)
def test_wrong_words_are_named(place: Path, words: tuple[str, ...], said: str) -> None:
    done = auditor("ingest", "flows", "conn.log", *words, "--store", "none.sqlite", home=place)
    assert done.returncode == 2
    assert said in done.stderr


def test_hostile_names_act_nowhere_and_refused_records_are_told(place: Path) -> None:
    evil = "<script>alert(1)</script>\x1b[31m.net.anydesk.com"
    when = datetime.now(UTC).timestamp()
    good = (f"{when:.6f}", "C1", "10.20.0.99", 50_000, "203.0.113.9", 6568, "TLSv12", evil)
    bad = (f"{when:.6f}", "C1", "=cmd()", 50_000, "203.0.113.9", 6568, "TLSv12", "x")
    (place / "evil.log").write_text(zeek("ssl", _SSL, [bad, good]))
    done = auditor("ingest", "flows", "evil.log", "-o", "evil", "--store", "none.sqlite", home=place)
    assert done.returncode == 3
    assert "evil.log: record 7: '=cmd()' does not appear to be an IPv4 or IPv6 address" in done.stderr
    page = (place / "evil" / "conversations.html").read_text()
    assert "<script" not in page
    assert "\x1b" not in page
    (row,) = conversations(place / "evil")
    assert row["product"] == "anydesk"
    again = auditor("ingest", "flows", "evil.log", "-o", "twice", "--store", "none.sqlite", home=place)
    assert again.returncode == 3
    for name in ("conversations.csv", "conversations.html", "sightings.json"):
        assert (place / "evil" / name).read_bytes() == (place / "twice" / name).read_bytes()
