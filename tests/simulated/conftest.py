"""A simulated fleet in a process and a network of its own, and the auditor's command put to it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.auditing import Audited, environment, finished

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A simulated fleet that serves."""

    folder: Path
    """Holds its inventory, its keys, and what audits of it write."""
    process: subprocess.Popen[str] = field(repr=False)
    """The servers."""

    def command(self, *more: str) -> list[str]:
        """Return the words of an audit of the fleet, or with ``--resume`` of one that goes on."""
        whom = [] if "--resume" in more else ["-i", str(self.folder / "hosts.csv")]
        store = ["--store", str(self.folder / "store.sqlite"), "-o", str(self.folder / "reports"), "--format", "json"]
        inside = ["nsenter", *_as_root_or("--user", "--preserve-credentials"), "--net", "-t", str(self.process.pid)]
        return [*inside, sys.executable, "-m", "auditor.cli.main", "audit", *whom, *store, *more]

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start an audit."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*more), stdout=pipe, stderr=pipe, text=True, env=environment(self.folder), cwd=ROOT
        )

    def end(self, audit: subprocess.Popen[str], timeout: float = 120) -> Audited:
        """Wait for an audit's end and read what it wrote."""
        printed, said = audit.communicate(timeout=timeout)
        return finished(audit.returncode, self.folder, printed, said)

    def wake(self, name: str) -> None:
        """Let a host that refused connections listen."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"wake {name}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def asked(self) -> list[str]:
        """Return whom the probe was put to, so far."""
        return (self.folder / "asked").read_text().split()


Simulate = Callable[..., Running]


def _as_root_or(*words: str) -> tuple[str, ...]:
    """Return what a command needs where it is not run by root."""
    return words if os.geteuid() else ()


@contextmanager
def _running(folder: Path, *options: str) -> Iterator[Running]:
    for name in ("host", "client"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    # Thousands of listeners are no business of whoever looks at this machine meanwhile.
    apart = ["unshare", *_as_root_or("--map-root-user"), "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    words = [*apart, sys.executable, "-m", "tests.simulated.fleet", str(folder), *options]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            pytest.skip("no network namespace can be made here: that takes root, or user namespaces")
        try:
            yield Running(folder=folder, process=process)
        finally:
            process.kill()


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Simulate]:
    """Start simulated fleets that end with the test."""
    with ExitStack() as stack:

        def start(**options: float) -> Running:
            words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
            return stack.enter_context(_running(tmp_path, *words))

        yield start
