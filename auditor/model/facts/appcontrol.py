"""What keeps unapproved programs from running."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionControl:
    """One mechanism that can refuse to run a program, and what it does now."""

    mechanism: str
    """``fapolicyd``, ``apparmor``, ``selinux``, ``gatekeeper``, ``applocker``, ``wdac``, ``srp``, ``noexec mount``."""
    mode: str
    """``enforcing``, ``auditing``, ``off``: what it does with a program that is not allowed."""
    subject: str = ""
    """What the entry is about: a rule collection, a profile, a mount point; empty for the whole mechanism."""
    detail: str = ""
    """The line of the host's own answer that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedProgram:
    """A program or product that an execution control names as denied."""

    mechanism: str
    """Which mechanism denies it."""
    subject: str
    """Path, publisher, hash or name that is denied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableProgramPath:
    """A folder from which programs are started that others than administrators may write to."""

    path: str
    """The folder."""
    owner: str
    """Who owns it."""
    mode: str
    """Its permissions as the platform writes them."""
    group: str = ""
    """Group it belongs to, where the platform has that."""
    reason: str
    """Why it matters: in PATH, above a folder in PATH, folder of programs, start-up folder."""
