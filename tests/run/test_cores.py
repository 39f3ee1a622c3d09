"""A process of ours that is killed leaves no core, where another one does."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
# As bad as it gets: whoever starts us allows cores of any size.
_ALLOW = "import os, resource\nresource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)\n"
_COMMAND = "from auditor.cli.main import main\nassert main(['probe', 'show', 'sh']) == 0\n"
_READER = "from auditor.run.process_limits import limit_memory\nlimit_memory(1 << 29)\n"
_DIE = "os.abort()\n"


def _leaves_a_core(program: str, folder: Path) -> bool:
    """Tell what the kernel says of how a process ended, wherever it puts cores."""
    words = [sys.executable, "-c", _ALLOW + program + _DIE]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status = os.waitpid(process.pid, 0)
        process.returncode = 0  # it is waited for already
    assert os.WIFSIGNALED(status), status
    return os.WCOREDUMP(status)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a folder in which cores are made; skips where there are none anyway."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY and os.geteuid() != 0:
        pytest.skip("this process may not allow cores")
    if not _leaves_a_core("", tmp_path):
        pytest.skip("this machine makes no cores")
    return tmp_path


def test_a_killed_command_leaves_no_core(place: Path) -> None:
    assert not _leaves_a_core(_COMMAND, place)


def test_a_killed_reader_leaves_no_core(place: Path) -> None:
    assert not _leaves_a_core(_READER, place)
