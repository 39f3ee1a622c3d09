"""The exact question a Windows host is asked: fragments of PowerShell assembled into one script, and its call.

The script is plain text on standard input, the same where the language is constrained. What PowerShell itself is given
is a short command that reads it: ``$input`` has to stand in that command, or PowerShell leaves its input unread.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from auditor.collect.collector import Collector
from auditor.collect.probe import rank
from auditor.collect.registry import collectors
from auditor.model.host import OsFamily
from auditor.model.probe import ProbeCall, ProbeLimits

_BOOTSTRAP = (
    '$auditor_a=@($input)-join"`n";'
    "$auditor_i=$auditor_a.LastIndexOf('@@p:');"
    "$auditor_p=$auditor_a.Substring($auditor_i+4).Split('@')[0].Trim();"
    "Invoke-Expression $auditor_a.Substring(0,$auditor_i)"
)
PS_LAUNCHER = (
    "powershell.exe -NoLogo -NoProfile -NonInteractive -EncodedCommand "
    + base64.b64encode(_BOOTSTRAP.encode("utf-16-le")).decode()
)
"""What WinRM executes: constant for every host and version of the probe."""


@cache
def ps_probe() -> str:
    """Return the probe for Windows: the same text for every host of this version."""
    return assemble_ps(collectors().values())


def assemble_ps(chosen: Iterable[Collector]) -> str:
    """Put the Windows fragments of collectors between the head and the tail of the script."""
    source = files("auditor.collect")
    windows = sorted((one for one in chosen if OsFamily.WINDOWS in one.scripts), key=rank)
    sections = "\n".join(
        f"    Section '{one.id}' {{\n{one.scripts[OsFamily.WINDOWS].strip()}\n    }}" for one in windows
    )
    return "\n".join(
        [
            (source / "head.ps1").read_text(encoding="ascii"),
            f"function Sections {{\n{sections}\n}}",
            (source / "tail.ps1").read_text(encoding="ascii"),
        ]
    )


@cache
def ps_probe_sha256() -> str:
    """Return the digest of the probe for Windows, as it stands in seals and ``probe show``."""
    return hashlib.sha256(ps_probe().encode("ascii")).hexdigest()


def ps_call(*, limits: ProbeLimits, deadline: float, output_limit: int, run: str = "") -> ProbeCall:
    """Make one call to one Windows host, with a fresh token."""
    token = secrets.token_hex(16)
    parameters = f"{token} {limits.section_seconds} {limits.section_bytes} {limits.total_seconds} none"
    return ProbeCall(
        token=token,
        launcher=PS_LAUNCHER,
        script=ps_probe(),
        script_sha256=ps_probe_sha256(),
        stdin=f"{ps_probe()}@@p:{parameters}@@w:".encode("ascii"),
        deadline=deadline,
        output_limit=output_limit,
        run=run,
    )
