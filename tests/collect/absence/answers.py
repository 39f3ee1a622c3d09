"""What the probe answers on the host of ``scene.py``, section by section, as its readers take it."""

import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.collect.envelope import Answer, open_envelope
from auditor.collect.probe import sh_probe
from auditor.collect.registry import collectors
from auditor.collect.seal import seal
from auditor.errors import HostError
from auditor.model.evidence import Outcome
from tests.collect.absence.expected import MISSING, VOLATILE
from tests.collect.absence.scene import SHELLS, Scene

COMMANDS = sorted(name for name in MISSING if "/" not in name)
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
_TOKEN = "f00d"
_NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one section said."""

    outcome: Outcome
    """With what its reader finds missing."""
    reason: str
    facts: tuple[Any, ...]
    text: str
    """Empty where it is another one in each run."""
    stderr: str

    @property
    def row(self) -> str:
        """Return what the table of expectations states."""
        return f"{self.outcome.value} {self.reason}"


Sections = Mapping[str, Told]


def _told(answer: Answer) -> Told:
    parsed = collectors()[answer.id].parse(answer.text)
    reasons = [answer.reason] if answer.reason else []
    reasons += [parsed.partial] if parsed.partial else []
    reasons += [f"unread: {parsed.unread[0]}"] if parsed.unread else []
    outcome = answer.outcome
    if outcome is Outcome.COLLECTED and (parsed.partial or parsed.unread):
        outcome = Outcome.PARTIAL
    return Told(
        outcome=outcome,
        reason="; ".join(reasons),
        facts=tuple(fact for _, fact in parsed.facts),
        text="" if answer.id in VOLATILE else answer.text,
        stderr=answer.stderr,
    )


@dataclass(slots=True, kw_only=True)
class Prober:
    """Puts the probe to the host, with the commands that a test says."""

    scene: Scene
    folders: int = 0
    resident: frozenset[tuple[str, str]] = frozenset()
    """Pids and names of what runs on the host by itself."""
    known: dict[str, Sections]
    """What each shell answered where nothing is missing."""

    def ask(self, shell: str, script: str) -> Sections | HostError:
        """Return the sections that a shell answers, or why it is no answer."""
        self.settle()
        # As the launcher does: the script is longer than an argument may be.
        done = self.scene.run(
            (*SHELLS[shell], "-c", 'a=$(cat); exec </dev/null; eval "$a"'),
            environment={"auditor_p": f"{_TOKEN} 8 4000000 45 none"},
            stdin=script.encode(),
        )
        try:
            envelope = open_envelope(stdout=done.stdout, stderr=done.stderr, token=_TOKEN, limit=10**8)
            seal(
                envelope,
                host="scene",
                user="root",
                collected_at=_NOW,
                probe_sha256=None,
                tool_version="",
                host_key=None,
            )
        except HostError as error:
            return error
        assert envelope.preamble_stderr == ""
        assert envelope.head["uid"] == "0"
        return {answer.id: _told(answer) for answer in envelope.answers}

    def script(self, lacking: tuple[str, ...] = (), broken: Mapping[str, str] | None = None) -> str:
        """Return the probe for a host with the commands of the table, but without some, and with others broken.

        A command is broken by what it is: a file, or the text of a script.
        """
        self.folders += 1
        folder = self.scene.tools / str(self.folders)
        folder.mkdir()
        for command in COMMANDS:
            where = self.scene.where(command)
            how = (broken or {}).get(command, "")
            if where is None or command in lacking:
                continue
            if not how or how.startswith("/"):
                (folder / command).symlink_to(how or where)
            else:
                (folder / command).write_text(f"#!/bin/sh\n{how}\n")
                (folder / command).chmod(0o755)
        script = sh_probe().replace(_PATH, f"PATH=/tools/{folder.name}", 1)
        assert script != sh_probe()
        return script

    def whole(self, shell: str) -> Sections:
        """Return what a shell answers where nothing is missing: the same twice, since all else is compared with it."""
        if shell not in self.known:
            script = self.script()
            sections, again = self.ask(shell, script), self.ask(shell, script)
            assert not isinstance(sections, HostError), sections
            assert sections == again
            self.known[shell] = sections
        return self.known[shell]

    def lacks(self, *commands: str) -> str:
        """Say which of some commands, or shells, is not on this machine."""
        missing = [
            name
            for name in commands
            if self.scene.where(name) is None and shutil.which(SHELLS.get(name, ("",))[0]) is None
        ]
        return f"{' and '.join(missing)} not installed" if missing else ""

    def settle(self) -> None:
        """Wait until nothing runs on the host that was not there before the first probe."""
        self.resident = self.resident or self.processes()
        for _ in range(100):
            if self.processes() == self.resident:
                return
            time.sleep(0.05)
        raise AssertionError(f"the probe left {self.processes() - self.resident} behind")

    def processes(self) -> frozenset[tuple[str, str]]:
        """Return pids and names of what runs on the host."""
        found = set()
        for path in Path(f"/proc/{self.scene.pid}/root/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                found.add((path.parent.name, path.read_text().rstrip("\n")))
        return frozenset(found)
