"""A real Redis and a real RabbitMQ over TLS, with the certificates, settings and rights that the page gives them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from amqp.exceptions import AccessRefused
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import NoPermissionError

from auditor.run.celery import Broker, _app, _queue, result_queue, site_queue
from auditor.store.store import Store
from tests.many_machines import documented
from tests.many_machines.sites import ROOT, _environment, until
from tests.servers.rabbitmq import PROGRAMS

pytestmark = pytest.mark.slow

_DEMO = ROOT / "auditor" / "demo"
_HOSTS = ("db-1", "web-1")
_REFUSALS = (AccessRefused, NoPermissionError)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A broker that runs."""

    scheme: str
    where: str
    ca: Path

    def url(self, user: str, *, host: str = "localhost") -> str:
        return f"{self.scheme}://{user}:PASSWORD@{self.where.replace('localhost', host)}"

    def connect(self, user: str = "controller", *, host: str = "localhost", ca: Path | None = None) -> Connection:
        """Connect as the auditor does."""
        app = _app(Broker(url=self.url(user, host=host), authorities=ca or self.ca))
        connection = app.connection_for_write()
        connection.ensure_connection(max_retries=1, interval_start=0)
        return connection


@pytest.fixture(scope="module", params=["rediss", "amqps"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("broker")
    if request.param == "rediss" and shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed here")
    if request.param == "amqps" and not (PROGRAMS / "rabbitmq-server").exists():
        pytest.skip("RabbitMQ is not installed here")
    documented.make_certificates(folder / "certificates")
    run = documented.redis if request.param == "rediss" else documented.rabbitmq
    with run(folder / "server", folder / "certificates") as where:
        running = Running(scheme=request.param, where=where, ca=folder / "certificates" / "ca.crt")
        until(lambda: _connects(running), "the broker takes connections", 600)
        yield running


def _connects(broker: Running) -> bool:
    try:
        broker.connect().release()
    except OperationalError:
        return False
    return True


def test_an_audit_goes_over_it(broker: Running, tmp_path: Path) -> None:
    for name in ("worker", "controller"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(words, check=True)
    hosts = [
        {"host": name, "site": "basel", "connection": "replay", "replay": str(_DEMO / f"{name}.probe")}
        for name in _HOSTS
    ]
    (tmp_path / "basel.yml").write_text(json.dumps([one | {"address": "192.0.2.1"} for one in hosts]))
    (tmp_path / "fleet.csv").write_text("host,address,site\n" + "".join(f"{one},192.0.2.1,basel\n" for one in _HOSTS))
    key = (tmp_path / "worker.pub").read_text()
    (tmp_path / "workers.yml").write_text(
        f"workers:\n  - name: basel-1\n    sites: [basel]\n    keys:\n      - key: {key}"
    )
    command = [sys.executable, "-m", "auditor.cli.main"]
    ours = ["--broker-ca", str(broker.ca), "--key"]
    served = [
        *command,
        "worker",
        "--site",
        "basel",
        "-i",
        "basel.yml",
        *ours,
        "worker",
        "--controller",
        "controller.pub",
    ]
    audit = [*command, "audit", "-i", "fleet.csv", "--engine", "celery", "--workers-file", "workers.yml"]
    audit += [*ours, "controller", "--store", str(tmp_path / "store.sqlite"), "-o", "reports", "--format", "json"]
    environment = _environment() | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        served,
        cwd=tmp_path,
        env=environment | {"AUDITOR_BROKER": broker.url("basel")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as worker:
        try:
            done = subprocess.run(
                audit,
                cwd=tmp_path,
                env=environment | {"AUDITOR_BROKER": broker.url("controller")},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        finally:
            worker.kill()
    assert done.returncode == 1, done.stderr
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        rows = [json.loads(line) for line in store.lines(store.runs()[0].id)]
    assert [(row["host"], row["reason"]) for row in rows] == [(name, None) for name in _HOSTS]


def test_another_authority_is_not_believed(broker: Running, tmp_path: Path) -> None:
    documented.make_certificates(tmp_path / "other")
    with pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        broker.connect(ca=tmp_path / "other" / "ca.crt")


def test_another_name_is_not_believed(broker: Running) -> None:
    with pytest.raises(OperationalError, match=r"certificate is not valid for '127\.0\.0\.1'"):
        broker.connect(host="127.0.0.1")


def test_a_site_reads_neither_results_nor_the_queue_of_another(broker: Running) -> None:
    names = (result_queue("a-run"), site_queue("zurich"), site_queue("basel"))
    with broker.connect() as ours:
        channel = ours.channel()
        for name in names:
            _queue(name)(channel).declare()
            ours.Producer(channel).publish({"for": name}, exchange="", routing_key=name)
    for name in names[:2]:
        with broker.connect("basel") as theirs, pytest.raises(_REFUSALS, match=r"no permissions|ACCESS_REFUSED"):
            theirs.channel().basic_get(name, no_ack=True)
    with broker.connect("basel") as theirs:
        got = theirs.channel().basic_get(site_queue("basel"), no_ack=True)
        assert json.loads(got.body) == {"for": site_queue("basel")}
