"""The doctor asked about a host, and its rows by the name of the check."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli.main import main
from tests.run.hostile_answers import TOKEN

Row = dict[str, Any]


def inventory(folder: Path, **changes: object) -> str:
    file = folder / "hosts.yml"
    file.write_text(yaml.safe_dump([{"host": "web1", **changes}]))
    return str(file)


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Row]]:
    status = main(["doctor", *words, "--format", "json"])
    return status, {row["check"]: row for row in json.loads(capsys.readouterr().out)}


def replayed(folder: Path, body: bytes, stderr: bytes = b"", **changes: object) -> str:
    file = folder / "answer.probe"
    file.write_bytes(f"auditor-probe 1 {TOKEN} plain\n".encode() + body)
    file.with_name("answer.probe.stderr").write_bytes(stderr)
    return inventory(folder, address="203.0.113.77", connection="replay", replay=str(file), **changes)
