"""Passwords used with care: a wrong one, tried on every host of a fleet, locks the account of whoever it belongs to.

Keys need no gate: no server counts them against an account.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from auditor.errors import HostError, Reason

_PATIENCE = 90.0
"""Seconds to wait for one's turn; sshd gives 120 from the connection to the log-in (LoginGraceTime)."""
LONGEST_TURN = 100.0
"""Seconds by which a connection has to outlive that wait."""


@dataclass(slots=True)
class Attempt:
    """One use of a password; what came of it is to be told before it ends."""

    waited: float = 0.0
    """Seconds for which its turn was waited for: they are not the host's."""
    outcome: bool | None = None
    """Whether the password was taken; None while that is not known."""
    is_spent: bool = True
    """Whether the host may have looked at the password; one that did not ask for it proves and costs nothing."""


@dataclass(slots=True)
class _Account:
    """One account, with whichever password: whoever counts refusals, counts them for the account."""

    failures: int = 0
    under_way: int = 0


@dataclass(slots=True)
class _Door:
    """One account with one password."""

    account: _Account
    under_way: int = 0
    is_proven: bool = False


class CredentialGate:
    """Who may use which password now; safe to use from many threads.

    A password is first used on one host alone, until it has been taken once. Never are more uses under way than
    refusals are left, so that an account meets no more than ``most_failures`` refusals in a row, whatever happens
    at once and with however many passwords. The passwords themselves are not kept.
    """

    def __init__(self, most_failures: int, *, only_first: bool = False, patience: float = _PATIENCE) -> None:
        """Take the refusals in a row after which an account is not used any more.

        ``only_first`` lifts the bound on uses under way once the password has been taken.
        """
        self._most = most_failures
        self._only_first = only_first
        self._patience = patience
        self._salt = secrets.token_bytes(32)
        self._accounts: dict[str, _Account] = {}
        self._doors: dict[bytes, _Door] = {}
        self._changed = threading.Condition()

    @contextmanager
    def attempt(self, account: str, secret: str) -> Iterator[Attempt]:
        """Wait for one's turn to use a password; HostError ``credential_stopped`` when it is not to be used any more.

        An end without an outcome counts as a refusal as long as the password was never taken: the host may have
        counted it.
        """
        door, attempt = self._enter(account, secret)
        try:
            yield attempt
        finally:
            self._leave(door, attempt)

    def _enter(self, account: str, secret: str) -> tuple[_Door, Attempt]:
        key = hmac.digest(self._salt, f"{account}\0{secret}".encode(errors="surrogateescape"), "sha256")
        began = time.monotonic()
        with self._changed:
            known = self._accounts.setdefault(account.casefold(), _Account())
            door = self._doors.setdefault(key, _Door(account=known))
            while True:
                if known.failures >= self._most:
                    raise HostError(
                        Reason.CREDENTIAL_STOPPED,
                        f"the password of {account!r} was refused {known.failures} times in a row and is not tried "
                        "any more, lest the account be locked: correct it, then audit the hosts that are left",
                    )
                if self._has_room(door):
                    door.under_way += 1
                    known.under_way += 1
                    return door, Attempt(waited=time.monotonic() - began)
                left = self._patience - (time.monotonic() - began)
                if left <= 0 or not self._changed.wait(left):
                    raise HostError(
                        Reason.TIMEOUT,
                        f"the password of {account!r} is first tried on other hosts, and none of them had said in "
                        f"{self._patience:.0f} s whether it is right",
                    )

    def _has_room(self, door: _Door) -> bool:
        if door.is_proven and self._only_first:
            return True
        left = self._most - door.account.failures - door.account.under_way
        return left > 0 and (door.is_proven or door.under_way == 0)

    def _leave(self, door: _Door, attempt: Attempt) -> None:
        account = door.account
        with self._changed:
            door.under_way -= 1
            account.under_way -= 1
            if attempt.is_spent and attempt.outcome is True:
                account.failures, door.is_proven = 0, True
            elif attempt.is_spent and (attempt.outcome is False or not door.is_proven):
                account.failures += 1
            self._changed.notify_all()
