"""Does a process of ours leave its memory behind when it is killed? No: what hosts sent and secrets stand in it."""

import resource
import sys

_NONE = 1 if sys.platform == "linux" else 0
"""Bytes that a core may have.

Cores that Linux pipes to a program (core(5), ``core_pattern``) are not held to a limit of 0, and are not made at all at
1; a file needs more than that, too (fs/coredump.c).
"""


def forbid_cores() -> None:
    """Let this process, and what it starts and does not say otherwise, write no core."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if soft != 0 or hard != 0:  # where somebody forbade them for good there is nothing to raise
        resource.setrlimit(resource.RLIMIT_CORE, (_NONE, hard))
