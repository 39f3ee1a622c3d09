"""Every error the auditor raises on purpose.

AuditorError
├── OperatorError            the operator's input is wrong or a place cannot be written: nothing was done, exit 2
│   ├── UsageError           an option, pattern or id that does not exist
│   ├── InventoryError       an inventory that cannot be read as one
│   ├── PolicyError          a policy, exceptions or people file that cannot be used
│   ├── CatalogueError       a product entry that breaks the catalogue's schema
│   ├── StoreError           a store that is locked, full, or not ours
│   └── OutputError          a folder or file that cannot be written
└── HostError                one host cannot be used: recorded in the ledger with its reason, the run goes on

Anything else that is raised is a fault of ours: it is shown with its traceback, exit 70.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class AuditorError(Exception):
    """Any error that the auditor raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in an operator's file, and where."""

    message: str
    """What is wrong and what to do about it, one sentence."""
    file: Path | None = None
    """The file that holds it."""
    line: int | None = None
    """The line, counted from 1."""
    column: int | None = None
    """The column, counted from 1."""

    def __str__(self) -> str:
        """Render as ``file:line:column: message``, leaving out what is not known."""
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{where}: {self.message}" if where else self.message


class OperatorError(AuditorError):
    """The operator's input is wrong; nothing was done. Carries every problem found, not only the first."""

    def __init__(self, problems: str | Problem | Sequence[Problem]) -> None:
        """Take one message, one problem or all of them."""
        if isinstance(problems, str):
            problems = Problem(message=problems)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(OperatorError):
    """An option, host pattern, id or run that does not exist."""


class InventoryError(OperatorError):
    """An inventory that cannot be read as one."""


class PolicyError(OperatorError):
    """A policy, exceptions or people file that cannot be used."""


class PlanError(OperatorError):
    """A remediation plan that cannot be used: no plan, changed after its approval, or approved by nobody who may."""


class CatalogueError(OperatorError):
    """A product entry that breaks the catalogue's schema."""


class StoreError(OperatorError):
    """A store that is locked, full, unreadable, or written by a newer auditor."""


class OutputError(OperatorError):
    """A folder or file that cannot be written."""


class Reason(StrEnum):
    """Why a host could not be assessed: the ledger's words (``docs/ledger.md`` explains each)."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    NO_ROUTE = "no_route"
    NO_BANNER = "no_banner"
    NOT_SSH = "not_ssh"
    NOT_WINRM = "not_winrm"
    HOST_KEY_UNKNOWN = "host_key_unknown"
    HOST_KEY_CHANGED = "host_key_changed"
    HOST_KEY_REVOKED = "host_key_revoked"
    HOST_KEY_CA = "host_key_ca"
    HANDSHAKE = "handshake"
    AUTH = "auth"
    CREDENTIAL_STOPPED = "credential_stopped"
    VARIABLES = "variables"
    NOT_INVENTORIED = "not_inventoried"
    PRIVILEGE = "privilege"
    NO_SESSION = "no_session"
    TLS = "tls"
    UNENCRYPTED = "unencrypted"
    ACCESS_DENIED = "access_denied"
    QUOTA = "quota"
    RESET = "reset"
    DEADLINE = "deadline"
    STALLED = "stalled"
    FROZEN = "frozen"
    VANISHED = "vanished"
    OUTPUT_LIMIT = "output_limit"
    READER_LIMIT = "reader_limit"
    READER_FAILED = "reader_failed"
    UNSUPPORTED = "unsupported"
    PROBE_FAILED = "probe_failed"
    CUT_SHORT = "cut_short"
    MALFORMED = "malformed"
    CANCELLED = "cancelled"
    NO_WORKER = "no_worker"
    WORKER_REFUSED = "worker_refused"


class HostError(AuditorError):
    """One host cannot be used: its reason stands in the ledger and the run goes on."""

    at_login = False
    """Whether it happened while credentials were offered: trying again could lock the account."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Take the ledger's reason and one sentence an operator can act on."""
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")

    def __reduce__(self) -> tuple[type["HostError"], tuple[Reason, str], dict[str, bool]]:
        """Cross a process boundary whole."""
        return (type(self), (self.reason, self.detail), {"at_login": self.at_login})


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known word, or nothing when none is near."""
    import difflib  # noqa: PLC0415 — only when something is wrong

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
