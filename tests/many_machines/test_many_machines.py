"""Two sites, three workers, a real Redis and a real PostgreSQL: what is killed loses no host."""

import json
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from celery import Celery
from kombu import Exchange, Queue
from sqlalchemy import MetaData, select

from auditor.run.celery import result_queue, site_queue
from auditor.store.store import Store
from tests.many_machines.opened import opened
from tests.many_machines.sites import HOSTS, SITES, Sites, running_sites, until
from tests.servers.postgresql import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="Redis is not installed here"),
]


@pytest.fixture
def sites(tmp_path: Path, postgresql: Server) -> Iterator[Sites]:
    with running_sites(tmp_path, postgresql) as running:
        yield running


def forge(sites: Sites, site: str, host: str) -> None:
    """Put a task into a site's queue as somebody who may write to the broker and has no key."""
    app = Celery("forger", broker=sites.broker.url("controller"), set_as_current=False)
    name = site_queue(site)
    queue = Queue(name, exchange=Exchange(""), routing_key=name)
    app.send_task("auditor.collect", args=["a-run", host, "0" * 64], exchange="", routing_key=name, queue=queue)
    app.close()


def test_what_is_killed_in_mid_run_loses_no_host_and_counts_none_twice(sites: Sites, postgresql: Server) -> None:
    for site, other in zip(SITES, reversed(SITES), strict=True):
        links = subprocess.run(sites.inside(site, "ip", "-brief", "link"), capture_output=True, text=True, check=True)
        assert [line.split()[0] for line in links.stdout.splitlines()] == ["lo"]
        refused = sites.broker.say("LRANGE", site_queue(other), "0", "-1", user=site)
        assert refused.startswith("NOPERM")
        assert sites.broker.say("LRANGE", result_queue("x"), "0", "-1", user=site).startswith("NOPERM")
    forge(sites, "b", "b-00000")
    sites.watch()
    for name in ("a1", "a2", "b1"):
        sites.work(name)
    until(lambda: "a task was refused: it is not signed" in sites.said("b1"), "the forged task is refused")
    assert sites.asked("b") == []

    audit = sites.audit()
    until(lambda: len(sites.asked("a")) >= 2, "hosts of a are asked")
    sites.workers["a1"].send_signal(signal.SIGKILL)
    until(lambda: len(sites.asked("b")) >= 3, "hosts of b are asked")
    sites.broker.kill()
    sites.broker.start()
    sites.watch()
    until(lambda: len(set(sites.asked("a"))) >= 6, "hosts of a are asked by the worker that is left")
    postgresql.kill()
    postgresql.start()
    _, said = audit.communicate(timeout=180)
    if audit.returncode == 2:  # it wrote while the database was away
        assert "check the store's address" in said
        with closing(Store(sites.store)) as store:
            run = store.runs()[0].id
        audit = sites.audit("--resume", run)
        _, said = audit.communicate(timeout=180)
    assert audit.returncode in (1, 3), said

    with closing(Store(sites.store)) as store:
        (run_record,) = store.runs()
        rows = [json.loads(line) for line in store.lines(run_record.id)]
    expected = [f"{site}-{number:05}" for site in SITES for number in range(HOSTS)]
    assert [row["host"] for row in rows] == expected
    assert Counter(row["reason"] for row in rows) == {None: 2 * HOSTS}
    for row in rows:
        # The hosts' own names: each of them answered, and no other for it.
        assert row["hostname"].startswith(row["host"].replace(row["host"][:2], "sim-"))
    assert {site: set(sites.asked(site)) for site in SITES} == {
        site: {host for host in expected if host.startswith(site)} for site in SITES
    }
    _no_secret_was_said_or_kept(sites, run_record.id)


def _no_secret_was_said_or_kept(sites: Sites, run: str) -> None:
    """Look through every message of the broker and every row of the database, unpacked, for every private key."""
    # redis-cli writes each sign that is not printable as an escape; messages of Celery have none.
    messages = {part for line in (sites.folder / "monitored").read_bytes().splitlines() for part in opened(line)}
    with closing(Store(sites.store)) as store:
        engine = store._database.engine
        tables = MetaData()
        tables.reflect(engine)
        with engine.connect() as connection:
            cells = [
                cell for table in tables.sorted_tables for row in connection.execute(select(table)) for cell in row
            ]
    rows = {part for cell in cells for part in opened(cell if isinstance(cell, bytes) else str(cell).encode())}
    logs = {(sites.folder / f"{name}.log").read_bytes() for name in sites.workers}
    # That it is seen what is there: the run in both, what hosts said, and what a worker says of itself.
    for place, known in ((messages, run.encode()), (messages, b"own_connections"), (rows, run.encode())):
        assert any(known in part for part in place)
    assert all(b"signing with" in log for log in logs)
    secrets = sites.secrets()
    assert len(secrets) == len({*secrets}) == 6
    for secret in secrets:
        assert not [part[:80] for part in (*messages, *rows, *logs) if secret in part]
