"""What a person sees while hosts are asked, on a terminal."""

import os
import pty
import subprocess
from contextlib import suppress

import pytest

from tests.lab.auditing import environment
from tests.simulated.conftest import ROOT, Simulate

pytestmark = pytest.mark.slow


def test_a_terminal_shows_rate_faults_and_the_next_try(simulate: Simulate) -> None:
    fleet = simulate(hosts=12, refused=2)
    ours, theirs = pty.openpty()
    words = fleet.command("--window", "10s", "--retries", "0")
    with subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=theirs, env=environment(fleet.folder) | {"COLUMNS": "200"}, cwd=ROOT
    ):
        os.close(theirs)
        seen = b""
        # A pseudo-terminal whose other end is closed reads as an input/output error.
        with suppress(OSError):
            while piece := os.read(ours, 65536):
                seen += piece
    os.close(ours)
    lines = seen.decode().replace("\x1b[K", "").split("\r")
    assert any("/12 hosts" in line and "/s" in line for line in lines)
    waiting = [line for line in lines if "next try in" in line]
    assert any(
        "10/12 hosts · to try again: 2 refused · next try in" in line and "window closes in" in line for line in waiting
    )
