"""Hosts whose shell is the enemy's, over a real sshd, beside honest ones: the whole command, from log-in to report."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.transport.hostile_shell import ESCAPES, HONEST

pytestmark = pytest.mark.slow

DEADLINE = 8
_ROOT = Path(__file__).parents[2]
_OURS = {"\x1b[K", *(f"\x1b[{number}m" for number in ("0", "1", "2", "1;31", *range(31, 37)))}
"""What our own commands say to a terminal: clear this line, and colours."""
_ACTS = re.compile(
    r"\x1b(?:\[[0-9;?]*[a-zA-Z]|.)|[\x00-\x07\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""What acts on a terminal instead of standing there: escape sequences, controls, letters that turn the line around."""
# Reason in the ledger and what its detail says; None: the host is assessed, and that section, if one is named, a gap.
HOSTILE: dict[str, tuple[str | None, str]] = {
    "forged-marker": ("malformed", "a marker out of place: 'end'"),
    "another-calls-answer": ("malformed", "no answer to this call, but one to another"),
    "two-answers": ("malformed", "bytes stand behind the answer"),
    "no-text": ("malformed", "nothing to read, in 10240 bytes"),
    "gigabyte-of-zeros": ("output_limit", "unpacks to more than"),
    "endless-line": ("output_limit", "the answer is longer than"),
    "endless-greeting": ("output_limit", "nothing of the probe's: 'Welcome! "),
    "endless-zeros": ("malformed", "which is not even text"),
    "slow-drip": ("deadline", "the last 0."),
    "silence": ("stalled", "its SSH server still answers"),
    "half-an-answer": ("cut_short", "its command ended with status 9"),
    "greeting-only": ("probe_failed", "which begin: \\x1b]0;owned\\x07"),
    "breaks-off": ("reset", "the connection broke after 999 bytes of the answer: 'closed by the host'"),
    "another-system": ("unsupported", "'\\x1b[2JPlan9'"),
    "nul-and-broken-letters": (None, "software.dpkg"),
    "escapes-in-names": (None, ""),
    "escapes-in-rows": (None, "software.dpkg"),
    "deep-json": (None, "firewall.nft"),
    "a-million-rows": (None, "software.dpkg"),
    "rows-of-software": (None, "software.dpkg"),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One audit that came to its end."""

    status: int
    folder: Path
    results: dict[str, Any]
    screen: str
    """All that a terminal showed."""
    peak: int
    """Kilobytes of memory that the largest of its processes had."""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Host rows by name."""


def _command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "auditor.cli.main", *words, "--store", str(folder / "store.sqlite")]


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "xterm-256color"}


# A program takes over what was the most of the process that starts it (Linux, exec(2)): that of all tests before this
# one. So a small process starts it, and tells what is measured of its own child.
_MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


def _on_a_terminal(command: list[str], folder: Path) -> tuple[int, str, int]:
    """Run a command on a terminal of its own; return its exit status, all that was shown, and its largest memory."""
    ours, theirs = pty.openpty()
    most = folder / "most.txt"
    command = [sys.executable, "-c", _MEASURED, str(most), *command]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=_environment(folder), cwd=_ROOT
    )
    os.close(theirs)
    shown: list[bytes] = []

    def watch() -> None:
        try:
            while data := os.read(ours, 65536):
                shown.append(data)
        except OSError:  # the other end is closed
            return

    watching = threading.Thread(target=watch)
    watching.start()
    status = process.wait()
    watching.join()
    os.close(ours)
    return status, b"".join(shown).decode("utf-8", "replace"), int(most.read_text())


@pytest.fixture(scope="module")
def audit(
    start_sshd: Callable[..., Any], keygen: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Run]:
    """Give a function that audits some hosts; each is a key that one sshd knows, with a forced command of its own."""
    server = start_sshd("MaxStartups 200")
    keys = tmp_path_factory.mktemp("keys")
    lines = []
    for name in (*HONEST, *HOSTILE, "flood-of-errors"):
        public = keygen(keys / name, "ed25519").with_suffix(".pub").read_text()
        lines.append(f'command="cd {_ROOT} && exec {sys.executable} -m tests.transport.hostile_shell {name}" {public}')
    (server.folder / "authorized_keys").write_text("".join(lines))

    def run(*names: str) -> Run:
        folder = tmp_path_factory.mktemp("run")
        rows = [
            {
                "host": name,
                "address": "127.0.0.1",
                "port": server.port,
                "user": "root",
                "ansible_ssh_private_key_file": str(keys / name),
                "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts} -o IdentitiesOnly=yes",
            }
            for name in names
        ]
        (folder / "hosts.yml").write_text(yaml.safe_dump(rows))
        command = _command(folder, "audit", "-i", str(folder / "hosts.yml"), "-o", str(folder / "reports"))
        bounds = ("--deadline", str(DEADLINE), "--retries", "0")
        status, screen, peak = _on_a_terminal([*command, *bounds], folder)
        (file,) = (folder / "reports").glob("*/results.json")
        results = json.loads(file.read_text())
        found = {row["host"]: row for row in results["hosts"]}
        return Run(status=status, folder=folder, results=results, screen=screen, peak=peak, rows=found)

    return run


@pytest.fixture(scope="module")
def alone(audit: Callable[..., Run]) -> Run:
    """Audit the honest hosts by themselves."""
    return audit(*HONEST)


@pytest.fixture(scope="module")
def together(audit: Callable[..., Run]) -> Run:
    """Audit all hosts in one run."""
    return audit(*HONEST, *HOSTILE, "flood-of-errors")


def _of_any_run(row: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of a host, without when it was asked and the seal over that."""
    return {name: value for name, value in row.items() if name not in ("collected_at", "clock_skew", "evidence")}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_has_its_own_line_in_the_ledger(together: Run, name: str) -> None:
    reason, words = HOSTILE[name]
    (row,) = [row for row in together.results["ledger"] if row["host"] == name]
    assert row["reason"] == reason
    verdicts = {verdict["verdict"] for verdict in together.rows[name]["verdicts"]}
    if reason is not None:
        assert words in row["detail"]
        assert verdicts == {"unknown"}
    elif words:
        sections = {section["id"]: section for section in together.rows[name]["sections"]}
        assert sections[words]["outcome"] not in ("collected", "absent")
        assert sections[words]["reason"]
        assert "unknown" in verdicts


def test_no_two_of_them_are_told_in_the_same_words(together: Run) -> None:
    told = [(row["reason"], row["detail"]) for row in together.results["ledger"] if row["reason"] is not None]
    assert len(told) == len(set(told)) == sum(reason is not None for reason, _ in HOSTILE.values())


def test_honest_hosts_are_told_of_as_if_they_were_alone(alone: Run, together: Run) -> None:
    assert {row["reason"] for row in alone.results["ledger"]} == {None}
    for name in HONEST:
        assert _of_any_run(together.rows[name]) == _of_any_run(alone.rows[name])
    # So is one that is honest, but for a flood on standard error.
    flood, like = together.rows["flood-of-errors"], alone.rows[HONEST[-1]]
    for name in ("os", "outcome", "complete", "rights", "sections", "sightings", "listeners"):
        assert flood[name] == like[name], name
    assert {row["control"]: row["verdict"] for row in flood["verdicts"]} == {
        row["control"]: row["verdict"] for row in like["verdicts"]
    }


def test_the_run_ends_and_says_that_hosts_are_missing(together: Run) -> None:
    assert together.status == 3
    assert together.results["run"]["scope"]["count"] == len(HONEST) + len(HOSTILE) + 1
    assert "Traceback" not in together.screen


def test_no_process_grows_by_what_a_host_sends(together: Run) -> None:
    # Five hosts send to their limit, and all may do so at once: an answer is held up to five times while its pieces are
    # joined and handed on to a reader. With what Python is without them that is 0.9 GB where all meet; they send for as
    # long as they are listened to, so that an answer without a limit would stand out.
    assert together.peak < 1_200_000


def test_nothing_that_a_host_says_acts_on_the_terminal(together: Run) -> None:
    assert _ACTS.findall(ESCAPES.decode())
    assert set(_ACTS.findall(together.screen)) <= _OURS
    for words in (("hosts",), ("software",), ("listeners",), ("findings",)):
        status, screen, _ = _on_a_terminal(_command(together.folder, *words), together.folder)
        assert status == 0
        assert set(_ACTS.findall(screen)) <= _OURS, words
