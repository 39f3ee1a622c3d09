"""What keeps unapproved programs from running."""

from auditor.model.record import Record

UNLISTED = "programs that no rule names"
"""Subject of the entry that says what a mechanism does with a program nobody listed, where its level says so."""


class ExecutionControl(Record, kw_only=True):
    """One mechanism that can refuse to run a program, and what it does now."""

    mechanism: str
    """``fapolicyd``, ``apparmor``, ``selinux``, ``gatekeeper``, ``applocker``, ``wdac``, ``srp``, ``noexec mount``,
    ``smart app control``, ``santa``, ``sip``."""
    mode: str
    """``enforcing``, ``auditing``, ``off``: what it does with a program that is not allowed."""
    subject: str = ""
    """What the entry is about: a rule collection, a profile, a mount point; empty for the whole mechanism."""
    detail: str = ""
    """The line of the host's own answer that says so."""


class BlockedProgram(Record, kw_only=True):
    """A program or product that an execution control names as denied."""

    mechanism: str
    """Which mechanism denies it."""
    subject: str
    """Path, publisher, hash or name that is denied."""


class ProgramCondition(Record, kw_only=True):
    """What a rule of AppLocker or SRP says of the programs that it is about."""

    kind: str
    """``path``, ``publisher`` or ``hash``."""
    subject: str
    """Path with its variables and ``*``, distinguished name of the publisher, or digest, as the rule writes it."""
    product: str = ""
    """Product of the publisher; ``*`` for any."""
    binary: str = ""
    """Original file name: of the publisher's, ``*`` for any; of a digest, what it was taken of."""
    versions: str = ""
    """Lowest and highest version as ``1.0-*``."""


class ExecutionRule(Record, kw_only=True):
    """One rule of AppLocker or SRP: whom it lets, or keeps from, running what."""

    mechanism: str
    """``applocker`` or ``srp``."""
    collection: str
    """What kind of file it is about: ``Exe``, ``Dll``, ``Msi``, ``Script``, ``Appx``; empty for all."""
    action: str
    """``allow``, ``deny``, or ``basic`` for a run without an administrator's rights (SRP)."""
    who: str
    """Security identifier of the user or group that it holds for; empty for everybody."""
    identifier: str
    """Its id."""
    name: str = ""
    """What an administrator called it."""
    conditions: tuple[ProgramCondition, ...]
    """What it is about: any of these."""
    exceptions: tuple[ProgramCondition, ...] = ()
    """What it is not about although a condition holds."""


class WritableProgramPath(Record, kw_only=True):
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
