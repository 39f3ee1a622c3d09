"""Asking the evaluator the same questions, through the protocol of ``auditor firewall eval``."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

Answer = dict[str, Any]


class Evaluator:
    """One ``auditor firewall eval`` that runs as long as it is asked."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "auditor.cli.main", "firewall", "eval"]
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End it."""
        self._program.communicate()

    def ask(self, lines: Sequence[str]) -> list[Answer]:
        """Return an answer to each question, in order."""
        return list(self._answers(lines))

    def _answers(self, lines: Sequence[str]) -> Iterator[Answer]:
        writes, reads = self._program.stdin, self._program.stdout
        if writes is None or reads is None:
            raise RuntimeError("the program has no pipes")
        for line in lines:
            writes.write(line + "\n")
            writes.flush()
            answer = reads.readline()
            if not answer:
                raise RuntimeError(f"auditor firewall eval ended with status {self._program.wait()} at {line[:200]}")
            yield json.loads(answer)
