"""A service that begins audits holds no secret of theirs: each is a process of its own, and is gone with it."""

import os
import re
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.store.store import Store
from tests.run.simulated_calendar import a_schedule

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs the memory of processes as Linux shows it"),
]

_CANARY = "canary-of-a-passphrase-77c1"
_KNOWN = "the-name-of-this-schedule"
_BLOCK = 1 << 24


def _holds(pid: int, *words: bytes) -> set[bytes]:
    """Return which of some words stand in what a process may write to of its memory."""
    found: set[bytes] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if match is None:
                continue
            at, end = (int(number, 16) for number in match.groups())
            before = b""
            while at < end:
                try:
                    memory.seek(at)
                    data = memory.read(min(_BLOCK, end - at))
                except (OSError, OverflowError, ValueError):
                    break
                if not data:
                    break
                found |= {word for word in words if word in before + data}
                before, at = data[-100:], at + len(data)
    return found


def test_after_an_audit_no_secret_of_it_is_in_the_memory_of_its_service(start_sshd: Any, tmp_path: Path) -> None:
    server = start_sshd()
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", _CANARY, "-f", str(key)], check=True)
    with (server.folder / "authorized_keys").open("a") as keys:
        keys.write(key.with_suffix(".pub").read_text())
    (tmp_path / "word").write_text(_CANARY)
    (tmp_path / "word").chmod(0o600)
    row = {
        "host": "web-1", "address": "127.0.0.1", "port": server.port, "user": "root",
        "ansible_ssh_private_key_file": str(key), "passphrase": f"file:{tmp_path / 'word'}",
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts} -o IdentitiesOnly=yes",
    }  # fmt: skip
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump([row]))
    (tmp_path / "policy.yml").write_text("name: A test\nsettings: {coverage: 0%}\n")
    url = str(tmp_path / "store.sqlite")
    added = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
    words = ("-i", "hosts.yml", "-p", "policy.yml", "--verbose")
    with closing(Store(url)) as store:
        store.schedules.add(a_schedule(_KNOWN, "*/15 * * * *", added=added, folder=str(tmp_path), words=words))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AUDITOR_STORE": url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    command = [sys.executable, "-m", "auditor.cli.main", "schedule", "run"]
    with (tmp_path / "said").open("wb") as said:
        service = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=said, stderr=said)
    try:
        _await_its_end(url)
        assert service.poll() is None
        secrets = [_CANARY.encode(), key.read_bytes().splitlines()[2]]
        assert _holds(service.pid, _KNOWN.encode(), *secrets) == {_KNOWN.encode()}
        # The search sees what is there: this very process knows the word.
        assert _holds(os.getpid(), secrets[0]) == {secrets[0]}
    finally:
        service.terminate()
        service.wait(60)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name not in ("word", "key")]
    assert {file.suffix for file in files} >= {".sqlite", ".html", ".json"}
    assert [file for file in files if any(secret in file.read_bytes() for secret in secrets)] == []


def _await_its_end(url: str) -> None:
    end = time.monotonic() + 240
    while time.monotonic() < end:
        with closing(Store(url)) as store:
            fires = store.schedules.fires(_KNOWN)
            if fires and fires[0].ended is not None:
                (run,) = store.runs()
                summary: dict[str, Any] = run.summary
                assert summary["coverage"]["reached"] == 1
                return
        time.sleep(0.2)
    raise AssertionError("the audit did not come to its end")
