"""A host with podman and Docker for real: each socket belongs to whom it belongs, and is reached by whom reaches it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.probe import sh_probe
from tests.lab.auditing import environment
from tests.lab.engines import Engines, engines, why_not
from tests.lab.fleet.places import lab_here

pytestmark = pytest.mark.lab
Row = dict[str, Any]
RELAY = "localhost/rustdesk/rustdesk-server:1"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Make a host on which podman and Docker run containers."""
    reason = why_not(lab_here())
    if reason:
        pytest.skip(reason)
    with engines(lab_here(), tmp_path_factory.mktemp("engines")) as made:
        yield made


def auditor(folder: Path, *words: object) -> str:
    """Run the auditor's own command, whatever the verdicts."""
    command = [sys.executable, "-m", "auditor.cli.main", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(folder))
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stdout


def audit(host: Engines, folder: Path) -> Row:
    """Run the probe in it as root, judge what it printed, and return the host's row."""
    host.run("cat >/run/probe.sh", feed=sh_probe().encode())
    said = host.run("sh /run/probe.sh; rm /run/probe.sh", feed=f"{'0' * 32} 20 4000000 90 none\n".encode())
    file = folder / "engines.envelope"
    file.write_bytes(said.stdout)
    file.with_name("engines.envelope.stderr").write_bytes(said.stderr)
    evidence = auditor(folder, "ingest", "envelope", file, "-o", folder / "evidence").strip()
    auditor(folder, "assess", evidence, "-o", folder / "reports")
    (results,) = folder.glob("reports/*/results.json")
    row: Row = json.loads(results.read_text())["hosts"][0]
    assert "hunter2" not in results.read_text()
    return row


@pytest.fixture(scope="module")
def row(host: Engines, tmp_path_factory: pytest.TempPathFactory) -> Row:
    """Audit it once."""
    return audit(host, tmp_path_factory.mktemp("audit"))


def test_as_root_nothing_is_unknown(row: Row) -> None:
    outcomes = {section["id"]: (section["outcome"], section["reason"]) for section in row["sections"]}
    assert {one[0] for one in outcomes.values()} <= {"collected", "absent"}, outcomes
    assert "unknown" not in {verdict["verdict"] for verdict in row["verdicts"]}


def test_each_socket_belongs_to_whom_it_belongs(row: Row) -> None:
    told = {
        (one["address"], one["port"], one["container"]): (one["belongs"], one["image"], one["published"])
        for one in row["listeners"]
    }
    assert told == {
        # In a network of its own.
        ("::", 80, "relay"): ("container", RELAY, []),
        ("::", 80, "web"): ("container", "web/web:2", ["0.0.0.0:9080", "[::]:9080"]),
        # On the host's network.
        ("::", 7001, "hostnet"): ("container", RELAY, []),
        ("::", 7002, "on-host"): ("container", "web/web:2", []),
        # Of an account.
        ("::", 80, "hers"): ("container", "localhost/hers:3", []),
        ("::", 17001, "hers-on-host"): ("container", "localhost/hers:3", []),
        ("::", 18080, "hers"): ("published", "localhost/hers:3", []),
        # Held for a container, by conmon and by Docker's proxy.
        ("0.0.0.0", 8080, "relay"): ("published", RELAY, []),
        ("127.0.0.1", 8443, "relay"): ("published", RELAY, []),
        ("0.0.0.0", 9080, "web"): ("published", "web/web:2", []),
        ("::", 9080, "web"): ("published", "web/web:2", []),
    }


def test_who_reaches_each_is_what_a_stranger_finds(host: Engines, row: Row) -> None:
    """A port of the host that a container is published at is reached through it, and so it is said."""
    reaches = {one["port"]: host.reaches(one["port"]) for one in row["listeners"] if one["namespace"] is None}
    assert reaches == {7001: True, 7002: True, 8080: True, 9080: True, 17001: True, 18080: True, 8443: False}
    for one in row["listeners"]:
        if one["container"] == "hers" and one["namespace"]:
            # Its only way out is a program (slirp4netns), and that is not followed.
            assert one["reachability"] == "undecided"
            continue
        expected = reaches.get(one["port"], True)
        assert (one["reachability"] == "from_anywhere") is expected, one


def test_a_port_without_a_proxy_is_reached_and_told(host: Engines, tmp_path: Path) -> None:
    """Docker told to leave its proxy out translates the port, and holds it so that nobody else takes it."""
    host.run("""
        kill "$(cat /run/docker.pid)"
        while [ -e /run/docker.pid ]; do sleep 0.1; done
        dockerd --userland-proxy=false >/run/dockerd.log 2>&1 &
        until docker version >/dev/null 2>&1; do sleep 0.2; done
        docker start web
    """)
    row = audit(host, tmp_path)
    outer = [one for one in row["listeners"] if one["port"] == 9080]
    assert {(one["process"], one["belongs"], one["container"]) for one in outer} == {("dockerd", "published", "web")}
    (inner,) = [one for one in row["listeners"] if one["container"] == "web" and one["namespace"]]
    assert (inner["reachability"], inner["published"]) == ("from_anywhere", ["0.0.0.0:9080"])
    assert host.reaches(9080)
    (folder,) = tmp_path.glob("reports/*")
    said = auditor(tmp_path, "firewall", "explain", "engines", "--to", "9080/tcp")
    assert folder.name in said
    assert "docker publishes port 80 of container web (web/web:2) there" in said
    assert "anywhere" in said


def test_what_stopped_is_not_running_though_its_engine_died(host: Engines, tmp_path: Path) -> None:
    """An engine that is killed tells of no end, and runs nothing any more; its containers run on without it."""
    host.run("kill -9 $(cat /run/docker.pid); kill -9 $(pgrep -f '[h]ttpd -f -p 7002'); sleep 0.3")
    row = audit(host, tmp_path)
    assert "on-host" not in {one["container"] for one in row["listeners"]}
    assert "web" in {one["container"] for one in row["listeners"] if one["namespace"]}
