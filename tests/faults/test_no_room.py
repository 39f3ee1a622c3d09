"""A disk that is full, read-only, over its quota or broken, anywhere: it is said, and takes nothing that was kept."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.scenarios import AUDIT, ROOT, audit_holds, auditor, leavings, prepared

pytestmark = pytest.mark.slow
_ROOM = (16, 96, 320, 640, 1100, 1700)
"""KiB that are free: for nothing, part of the store, all of it, part of the reports, …"""
_ENOUGH = "64m"


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={_ENOUGH}", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def _audit(folder: Path) -> tuple[int, str, str]:
    return auditor(AUDIT.format(folder, "html,csv,json").split())


@pytest.mark.parametrize("room", _ROOM)
def test_a_disk_that_is_full_somewhere_is_said_and_takes_nothing(room: int, tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        prepared(disk)
        assert auditor(AUDIT.format(disk, "json").split())[0] == 1
        used = shutil.disk_usage(disk).used
        _resize(disk, f"{used // 1024 + room}k")
        code, _, said = _audit(disk)
        assert (code, "Traceback" in said) == (2, False), said
        assert any(words in said for words in ("No space left", "full: make room", "its disk is full")), said
        assert leavings(disk) == []
        _resize(disk, _ENOUGH)
        audit_holds(disk, False, 1)


# Which call fails, from which time on that it is made, with what, and on which files; what is said of it.
_FAULTS = {
    "quota-of-the-store": ("pwrite64", 3, "EDQUOT", ("store.sqlite-wal",), "over a quota, read-only or broken"),
    "store-turns-read-only": ("pwrite64", 9, "EROFS", ("store.sqlite-wal",), "over a quota, read-only or broken"),
    "disk-of-the-store-breaks": ("pwrite64", 30, "EIO", ("store.sqlite-wal",), "over a quota, read-only or broken"),
    "sync-of-the-store-fails": (
        "fdatasync,fsync",
        1,
        "EIO",
        ("store.sqlite-wal",),
        "over a quota, read-only or broken",
    ),
    "reports-turn-read-only": ("mkdir", 2, "EROFS", (), "Read-only file system"),
    "reports-turn-read-only-later": ("rename", 2, "EROFS", (), "Read-only file system"),
    "permission-is-taken": ("mkdir", 5, "EACCES", (), "Permission denied"),
    "permission-is-taken-later": ("rename", 6, "EACCES", (), "Permission denied"),
    "sync-of-the-bundle-fails": ("syncfs", 1, "EIO", (), "has not reached the disk: Input/output error"),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_what_fails_in_mid_run_is_said_and_takes_nothing(fault: str, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed here")
    calls, when, error, names, expected = _FAULTS[fault]
    folder = tmp_path / "disk"
    folder.mkdir()
    prepared(folder)
    assert auditor(AUDIT.format(folder, "json").split())[0] == 1
    only = [word for name in names for word in ("-P", str(folder / name))]
    words = [
        *(strace, "-f", "-qq", "--seccomp-bpf", "-o", os.devnull, *only, "-e", f"trace={calls}"),
        *("-e", f"inject={calls}:error={error}:when={when}+"),
        *(sys.executable, "-m", "auditor.cli.main", *AUDIT.format(folder, "html,csv,json").split()),
    ]
    # A home that holds its caches already: none of the calls that are counted goes there.
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("strace may not look at programs here")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert expected in done.stderr
    audit_holds(folder, False, 1)
