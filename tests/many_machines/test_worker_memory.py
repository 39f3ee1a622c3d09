"""A worker that serves for months holds no log-in between runs: what knew it is gone, and what comes next reads it."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import start_sshd
from tests.cli.test_service_memory import _holds
from tests.many_machines.sites import ROOT, _environment, until
from tests.servers.redis import Redis

__all__ = ["start_sshd"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="Redis is not installed here"),
    pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs the memory of processes as Linux shows it"),
]
_CANARIES = ("canary-of-the-first-month-51e8", "canary-of-the-second-month-90d3")
_HOST = "the-host-that-is-asked-by-this-worker"
_USERS = (
    "user default off",
    "user controller on >controller ~auditor.* +@all -@admin -@dangerous",
    "user a on >a ~auditor.site.a* %W~auditor.results.* resetchannels +@all -@admin -@dangerous",
)
_LET_GO = "log-ins are let go"


def _processes_of(parent: int) -> list[int]:
    """Return a process and all that came from it."""
    found, waiting = [], [parent]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += map(int, file.read_text().split())
    return found


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "auditor.cli.main", *words]


def test_after_a_run_no_log_in_is_in_the_memory_of_its_worker(start_sshd: Any, tmp_path: Path) -> None:
    server = start_sshd()
    for name in ("worker", "controller"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    key, word = tmp_path / "login", tmp_path / "word"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", _CANARIES[0], "-f", str(key)], check=True)
    with (server.folder / "authorized_keys").open("a") as keys:
        keys.write(key.with_suffix(".pub").read_text())
    word.write_text(_CANARIES[0])
    word.chmod(0o600)
    row = {
        "host": _HOST, "site": "a", "address": "127.0.0.1", "port": server.port, "user": "root",
        "ansible_ssh_private_key_file": str(key), "passphrase": f"file:{word}",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts} -o IdentitiesOnly=yes",
    }  # fmt: skip
    (tmp_path / "a.yml").write_text(yaml.safe_dump([row]))
    (tmp_path / "fleet.csv").write_text(f"host,address,site\n{_HOST},192.0.2.1,a\n")
    (tmp_path / "policy.yml").write_text("name: A test\nsettings: {coverage: 0%}\n")
    public = (tmp_path / "worker.pub").read_text()
    (tmp_path / "workers.yml").write_text(f"workers:\n  - name: one\n    sites: [a]\n    keys:\n      - key: {public}")
    broker = Redis(tmp_path / "redis", users=_USERS)
    environment = _environment() | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    said = tmp_path / "worker.log"
    words = _command("worker", "--site", "a", "-i", "a.yml", "--key", "worker", "--controller", "controller.pub")
    audit = _command("audit", "-i", "fleet.csv", "--engine", "celery", "--workers-file", "workers.yml", "-q")
    audit += ["--key", "controller", "--store", "store.sqlite", "-o", "reports", "--format", "json", "-p", "policy.yml"]
    with ExitStack() as stack:
        stack.callback(broker.kill)
        broker.start()
        log = stack.enter_context(said.open("wb"))
        worker = subprocess.Popen(
            [*words, "--forget-after", "1"], cwd=tmp_path, env=environment | {"AUDITOR_BROKER": broker.url("a")},
            stdout=log, stderr=log,
        )  # fmt: skip
        stack.enter_context(worker)
        stack.callback(worker.kill)
        # Who read the hosts when it began knew nothing, and is gone before the first run.
        until(lambda: _LET_GO in said.read_text(), "the worker begins")
        for number, canary in enumerate(_CANARIES):
            if number:
                # Another password: it is read anew, nobody starts the worker again.
                change = ["ssh-keygen", "-q", "-p", "-P", _CANARIES[0], "-N", canary, "-f", str(key)]
                subprocess.run(change, check=True, capture_output=True)
                word.write_text(canary)
            quiet = said.read_text().count(_LET_GO)
            done = subprocess.run(
                audit, cwd=tmp_path, env=environment | {"AUDITOR_BROKER": broker.url("controller")},
                capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            assert done.returncode in (0, 1), done.stderr + said.read_text()
            until(lambda before=quiet: said.read_text().count(_LET_GO) > before, "log-ins are let go")  # type: ignore[misc]
            secrets = [canary.encode(), key.read_bytes().splitlines()[2]]
            found = {pid: _holds(pid, _HOST.encode(), *secrets) for pid in _processes_of(worker.pid)}
            assert found[worker.pid] == {_HOST.encode()}
            assert {pid: held for pid, held in found.items() if held & {*secrets}} == {}
            # The search sees what is there: this very process knows the word.
            assert _holds(os.getpid(), secrets[0]) == {secrets[0]}
        worker.terminate()
        assert worker.wait(60) == 0
    assert not [secret for secret in (*map(str.encode, _CANARIES), secrets[1]) if secret in said.read_bytes()]
