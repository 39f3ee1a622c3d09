"""A program that does nothing for ever, small enough to be planted under any path and any name.

A copy of it at `/opt/vendor/agent` is what `/proc/PID/exe` shows, its arguments are free, and
one costs a few pages of memory. Sockets are inherited through exec.
"""

import platform
import struct

from tests.lab.fleet.places import LabError

_X86_64 = bytes.fromhex("b822000000 0f05 ebf7")  # again: pause(); goto again
_AARCH64 = struct.pack(
    "<8I",
    *(0xD2800000 | register for register in range(5)),  # x0 to x4 = 0
    0xD2800928,  # x8 = 73, ppoll
    0xD4000001,  # svc 0
    0x17FFFFF9,  # branch to the start
)
_MACHINES = {"x86_64": (62, _X86_64), "aarch64": (183, _AARCH64)}
_LOAD_ADDRESS = 0x400000
_ELF_HEADER = 64
_PROGRAM_HEADER = 56


def pause_program() -> bytes:
    """Return a static ELF executable for this machine (layout: elf(5))."""
    if platform.machine() not in _MACHINES:
        raise LabError(f"the lab plants programs on {' and '.join(_MACHINES)} only, not on {platform.machine()}")
    number, code = _MACHINES[platform.machine()]
    start = _ELF_HEADER + _PROGRAM_HEADER
    size = start + len(code)
    ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header = struct.pack(
        "<HHIQQQIHHHHHH",
        2,
        number,
        1,
        _LOAD_ADDRESS + start,
        _ELF_HEADER,
        0,
        0,
        _ELF_HEADER,
        _PROGRAM_HEADER,
        1,
        0,
        0,
        0,
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    return ident + header + segment + code
