"""A real RabbitMQ, as the page has it, killed in mid-run: no host is lost or counts twice, and it is said."""

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from auditor.store.store import Store
from tests.many_machines import documented
from tests.many_machines.sites import ROOT, _environment, until
from tests.servers.rabbitmq import PROGRAMS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROGRAMS / "rabbitmq-server").exists(), reason="RabbitMQ is not installed here"),
]
_HOSTS = 8


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def _started(stack: ExitStack, words: list[str], folder: Path, **more: str) -> "subprocess.Popen[str]":
    """Start a command of ours; what it says goes to a file that is called as it is."""
    log = stack.enter_context((folder / f"{words[0]}.log").open("w"))
    command = [sys.executable, "-m", *(["auditor.cli.main"] if "." not in words[0] else []), *words]
    environment = _environment() | {"PYTHONPATH": str(ROOT)} | more
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def _site(stack: ExitStack, folder: Path) -> list[str]:
    """Start the hosts of a site, and write what the worker and the controller know of them; return their names."""
    for name in ("host", "client", "worker", "controller"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    fleet = _started(stack, ["tests.simulated.fleet", ".", "--hosts", str(_HOSTS), "--pause", "1"], folder)
    assert fleet.stdout is not None
    assert fleet.stdout.readline() == "ready\n"
    head, *rows = csv.reader((folder / "hosts.csv").read_text().splitlines())
    (folder / "basel.csv").write_text(
        "".join(f"{','.join(row)}\n" for row in (head, *([*r[:6], "basel"] for r in rows)))
    )
    names = [row[0] for row in rows]
    (folder / "fleet.csv").write_text("host,address,site\n" + "".join(f"{name},192.0.2.1,basel\n" for name in names))
    key = (folder / "worker.pub").read_text()
    (folder / "workers.yml").write_text(f"workers:\n  - name: one\n    sites: [basel]\n    keys:\n      - key: {key}")
    return names


def test_a_rabbitmq_that_is_killed_in_mid_run_loses_no_host(stack: ExitStack, tmp_path: Path) -> None:
    documented.make_certificates(tmp_path / "certificates")
    server = documented.a_rabbitmq(tmp_path / "server", tmp_path / "certificates")
    stack.callback(server.kill)
    server.start()
    names = _site(stack, tmp_path)
    url = f"amqps://{{}}:PASSWORD@localhost:{server.port}//"
    ours = ["--broker-ca", "certificates/ca.crt", "--key"]
    worker = ["worker", "--site", "basel", "-i", "basel.csv", *ours, "worker", "--controller", "controller.pub"]
    serving = _started(stack, [*worker, "--at-once", "1"], tmp_path, AUDITOR_BROKER=url.format("basel"))
    audit = ["audit", "-i", "fleet.csv", "--engine", "celery", "--workers-file", "workers.yml", "--workers", "4"]
    audit += [*ours, "controller", "--store", "store.sqlite", "-o", "reports", "--format", "json", "--patience", "600"]
    auditing = _started(stack, audit, tmp_path, AUDITOR_BROKER=url.format("controller"))

    def asked() -> list[str]:
        file = tmp_path / "asked"
        return file.read_text().split() if file.exists() else []

    until(lambda: len(asked()) >= 3, "hosts are asked", 300)
    server.kill()
    until(lambda: "the broker: " in (tmp_path / "audit.log").read_text(), "the operator is told")
    assert auditing.poll() is None
    assert serving.poll() is None
    assert len(set(asked())) < _HOSTS, "it was killed in mid-run"
    server.start()
    auditing.communicate(timeout=300)
    assert auditing.returncode in (1, 3), (tmp_path / "audit.log").read_text()
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        (run,) = store.runs()
        rows = [json.loads(line) for line in store.lines(run.id)]
    assert [row["host"] for row in rows] == names
    assert Counter(row["reason"] for row in rows) == {None: _HOSTS}
    assert [row["hostname"] for row in rows] == [
        row["hostname"] for row in rows if row["hostname"].startswith(row["host"])
    ]
    assert set(asked()) == set(names)
