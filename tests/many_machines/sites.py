"""Two sites in network namespaces that reach nothing but themselves, and a controller outside.

The broker listens on a socket of the file system, which is all that the sites have in common.
"""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.postgresql import Server
from tests.servers.redis import Redis

ROOT = Path(__file__).parents[2]
SITES = ("a", "b")
WORKERS = {"a1": "a", "a2": "a", "b1": "b"}
HOSTS = 8
USERS = (
    "user default off",
    "user controller on >controller ~auditor.* +@all -@admin -@dangerous",
    *(
        f"user {site} on >{site} ~auditor.site.{site} ~auditor.site.{site}.unacked* %W~auditor.results.* "
        "resetchannels +@all -@admin -@dangerous"
        for site in SITES
    ),
)
WATCHER = "user watcher on >watcher resetchannels +monitor"
"""Somebody of the tests' who sees all that is said to the broker; nobody else may."""


def _run(*words: str) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


@dataclass
class Sites:
    """Everything that runs, and what is said to it."""

    folder: Path
    stack: ExitStack = field(repr=False)
    broker: Redis = field(repr=False)
    store: str = ""
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    spaces: dict[str, int] = field(default_factory=dict)

    def inside(self, site: str, *words: str) -> list[str]:
        """Return a command that runs in a site's network."""
        return [
            "nsenter",
            *_as_root_or("--user", "--preserve-credentials"),
            "--net",
            "-t",
            str(self.spaces[site]),
            *words,
        ]

    def asked(self, site: str) -> list[str]:
        """Return which hosts of a site were asked, so far, once for each time."""
        file = self.folder / site / "asked"
        return [name.replace("sim-", f"{site}-") for name in file.read_text().split()] if file.exists() else []

    def said(self, worker: str) -> str:
        """Return what a worker has said."""
        return (self.folder / f"{worker}.log").read_text()

    def watch(self) -> None:
        """Write down all that is said to the broker, from now until it ends."""
        words = ["redis-cli", "-s", str(self.broker.socket), "--user", "watcher", "--pass", "watcher", "MONITOR"]
        with (self.folder / "monitored").open("ab") as written:
            before = written.tell()
            watcher = subprocess.Popen(words, stdout=written, stderr=subprocess.DEVNULL)
        self.stack.enter_context(watcher)
        self.stack.callback(watcher.kill)
        until(lambda: (self.folder / "monitored").stat().st_size > before, "the broker is watched")

    def secrets(self) -> list[bytes]:
        """Return a line of every private key that a site or the controller has."""
        keys = [self.folder / name for name in ("controller", *WORKERS)]
        keys += [self.folder / site / "client" for site in SITES]
        return [key.read_bytes().splitlines()[2] for key in keys]

    def work(self, name: str) -> None:
        """Start a worker, and come back when it has said what it is."""
        site = WORKERS[name]
        words = [sys.executable, "-m", "auditor.cli.main", "worker", "--site", site, "--at-once", "2"]
        words += ["-i", str(self.folder / site / "inventory.csv"), "--key", str(self.folder / name)]
        words += ["--controller", str(self.folder / "controller.pub"), "--deadline", "20"]
        log = self.stack.enter_context((self.folder / f"{name}.log").open("ab"))
        self.workers[name] = subprocess.Popen(
            self.inside(site, *words),
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=_environment() | {"AUDITOR_BROKER": self.broker.url(site)},
        )
        self.stack.enter_context(self.workers[name])
        self.stack.callback(self.workers[name].kill)
        until(lambda: "signing with" in self.said(name), f"worker {name} begins")

    def audit(self, *more: str) -> subprocess.Popen[str]:
        """Start an audit of both sites, on this machine, which reaches none of their hosts."""
        whom = [] if "--resume" in more else ["-i", str(self.folder / "central.csv")]
        words = [sys.executable, "-m", "auditor.cli.main", "audit", *whom, "--engine", "celery", "--workers", "6"]
        words += ["--workers-file", str(self.folder / "workers.yml"), "--key", str(self.folder / "controller")]
        words += ["--patience", "8", "--store", self.store, "-o", str(self.folder / "reports"), "--format", "json"]
        return subprocess.Popen(
            [*words, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=_environment() | {"AUDITOR_BROKER": self.broker.url("controller")},
        )


def until(holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait for something that is going to hold."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"this did not come about: {what}"
        time.sleep(0.05)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITOR_")}


@contextmanager
def running_sites(folder: Path, server: Server) -> Iterator[Sites]:
    """Give both sites with their hosts and the broker; workers are started by who uses them."""
    with ExitStack() as stack:
        broker = Redis(folder / "redis", users=(*USERS, WATCHER))
        stack.callback(broker.kill)
        broker.start()
        sites = Sites(folder=folder, stack=stack, broker=broker, store=server.new_database())
        for name in ("controller", *WORKERS):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
        for site in SITES:
            _hosts(sites, site)
        _write_files(folder)
        yield sites


def _as_root_or(*words: str) -> tuple[str, ...]:
    """Return what a command needs where it is not run by root."""
    return words if os.geteuid() else ()


def _hosts(sites: Sites, site: str) -> None:
    """Start the hosts of a site: their addresses are the same ones as the other site's."""
    folder = sites.folder / site
    folder.mkdir()
    for name in ("host", "client"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    apart = ["unshare", *_as_root_or("--map-root-user"), "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    words = [*apart, sys.executable, "-m", "tests.simulated.fleet", str(folder)]
    process = subprocess.Popen(
        [*words, "--hosts", str(HOSTS), "--pause", "0.4"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    sites.stack.enter_context(process)
    sites.stack.callback(process.kill)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        pytest.skip("no network namespace can be made here: that takes root, or user namespaces")
    sites.spaces[site] = process.pid
    rows = list(csv.reader((folder / "hosts.csv").read_text().splitlines()))
    mine = [[row[0].replace("sim-", f"{site}-"), *row[1:4], str(folder / "client"), row[5], site] for row in rows[1:]]
    _write(folder / "inventory.csv", rows[0], mine)


def _write(file: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with file.open("w", newline="") as text:
        csv.writer(text).writerows([head, *rows])


def _write_files(folder: Path) -> None:
    """Write what the controller knows: names and sites, and no way to any host."""
    rows = [(f"{site}-{number:05}", "192.0.2.1", site) for site in SITES for number in range(HOSTS)]
    _write(folder / "central.csv", ("host", "address", "site"), rows)
    entries = [
        f"  - name: {name}\n    sites: [{site}]\n    keys:\n      - key: {(folder / f'{name}.pub').read_text()}"
        for name, site in WORKERS.items()
    ]
    (folder / "workers.yml").write_text("workers:\n" + "".join(entries))
