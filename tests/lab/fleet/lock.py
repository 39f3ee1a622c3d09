"""One lab on a machine, and one who works on it: bridge, addresses and names exist once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.fleet.places import BRIDGE, HOME_VARIABLE, LOCK_FILE, OWNER_FILE, Lab, LabError


@contextmanager
def holding(lab: Lab) -> Iterator[None]:
    """Keep everybody else from changing a fleet; raise LabError when somebody does so now, or another lab is up."""
    descriptor = os.open(LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace").strip()
            raise LabError(f"the lab of this machine is in use by {holder}: wait until that has ended") from None
        _check_owner(lab)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} with {lab.home}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def claim(lab: Lab) -> None:
    """Note that the fleet of this machine is this lab's."""
    OWNER_FILE.write_text(f"{lab.home}\n")


def release() -> None:
    """Note that no fleet is up."""
    OWNER_FILE.unlink(missing_ok=True)


def _check_owner(lab: Lab) -> None:
    if not OWNER_FILE.exists():
        return
    owner = OWNER_FILE.read_text().strip()
    if owner != str(lab.home):
        raise LabError(
            f"another lab is up on this machine ({BRIDGE} belongs to {owner}): take it down first with "
            f"`{HOME_VARIABLE}={owner} python -m tests.lab down`"
        )
