"""How the auditor marks its sessions on hosts, so that whoever defends these can tell them from others.

A mark is no proof: anybody can set the same. What proves a session is the bundle of the run that the mark names
(docs/defenders.md).
"""

import re

from auditor import __version__

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION = __version__.replace("-", "_").replace(" ", "_")


def run_mark(run: str) -> str:
    """Return the word that marks a run; empty for none, and for one whose name could act in a command or a header."""
    return f"run={run}" if _PLAIN.fullmatch(run) else ""


def ssh_identification(run: str) -> str:
    """Return what we call ourselves before keys are agreed on: software, and the run as a comment (RFC 4253, 4.2)."""
    return f"SSH-2.0-auditor_{_VERSION} {run_mark(run)}".rstrip()


def user_agent(run: str) -> str:
    """Return what we call ourselves in HTTP (RFC 9110, 10.1.5): product, and the run as a comment."""
    mark = run_mark(run)
    return f"auditor/{__version__} ({mark})" if mark else f"auditor/{__version__}"


def marked(launcher: str, run: str) -> str:
    """Return a command line of sh whose arguments name the run: it shows in lists of processes and in audit logs."""
    return f"{launcher} {run_mark(run)}".rstrip()
