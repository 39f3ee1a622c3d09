"""Run the auditor's own command against WS-Man hosts of this process that play back an answer."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.winrm.server import PASSWORD, USER, Behaviour, Server, serving

_ROOT = Path(__file__).parents[2]
# Reads all of its input, as the launcher does, and answers to the token at its end.
_STAND_IN = """#!/bin/sh
input=$(cat)
parameters=${{input##*@@p:}}
printf '#< CLIXML\\r\\n<Objs></Objs>' >&2
sed "s/@token@/${{parameters%% *}}/" '{answer}'
"""


def serve_answer(stack: ExitStack, place: Path, answer: bytes) -> int:
    """Start a host that answers so, ``@token@`` standing for the call's token, and return its port."""
    return server_of(stack, place, answer, Behaviour()).port


def server_of(stack: ExitStack, place: Path, answer: bytes, behaviour: Behaviour) -> Server:
    """Start a host that answers so, and behaves so."""
    place.mkdir()
    (place / "answer").write_bytes(answer)
    stand_in = place / "powershell.exe"
    stand_in.write_text(_STAND_IN.format(answer=place / "answer"))
    stand_in.chmod(0o755)
    server = stack.enter_context(serving(behaviour))
    environment = {"PATH": f"{place}:/usr/bin:/bin"}

    def start(line: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["/bin/sh", "-c", line], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, env=environment
        )

    server.service.start = start  # type: ignore[method-assign]
    return server


def row_of(name: str, port: int, **more: object) -> dict[str, Any]:
    """Describe such a host as an inventory does."""
    return {
        "host": name,
        "address": "127.0.0.1",
        "port": port,
        "connection": "winrm",
        "ansible_winrm_scheme": "http",
        "user": USER,
        "password": "env:WINDOWS_PASSWORD",
        "deadline": 60,
        **more,
    }


def auditor(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the auditor in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(_ROOT),
            "WINDOWS_PASSWORD": PASSWORD,
            "XDG_CACHE_HOME": str(folder / ".cache"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
