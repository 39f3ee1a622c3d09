"""How the auditor marks its sessions on hosts, so that whoever defends these can tell them from others.

A mark is no proof: anybody can set the same. What proves a session is the bundle of the run that the mark names
(docs/defenders.md).
"""

import re

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def run_mark(run: str) -> str:
    """Return the word that marks a run; empty for none, and for one whose name could act in a command or a header."""
    return f"run={run}" if _PLAIN.fullmatch(run) else ""


def ssh_identification(version: str, run: str) -> str:
    """Return what we call ourselves before keys are agreed on: software, and the run as a comment (RFC 4253, 4.2)."""
    plain = version.replace("-", "_").replace(" ", "_")
    return f"SSH-2.0-auditor_{plain} {run_mark(run)}".rstrip()


def user_agent(version: str, run: str) -> str:
    """Return what we call ourselves in HTTP (RFC 9110, 10.1.5): product, and the run as a comment."""
    mark = run_mark(run)
    return f"auditor/{version} ({mark})" if mark else f"auditor/{version}"


def marked(launcher: str, run: str) -> str:
    """Return a command line of sh whose arguments name the run: it shows in lists of processes and in audit logs."""
    return f"{launcher} {run_mark(run)}".rstrip()
