"""What it is to run a play on a host: what it is given, and what is believed of what it says."""

from collections.abc import Callable, Mapping
from typing import Any

from auditor.model.host import Host
from auditor.model.record import Record, Unshown, field


class Task(Record, kw_only=True):
    """One playbook to be run on one host."""

    playbook: str
    """Its name, without ``.yml``."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it is given: data, never an expression."""
    is_check: bool = False
    """Whether it only says what it would do."""
    seconds: int = 600
    """How long it may take."""


class Played(Record, kw_only=True):
    """What became of it, as far as Ansible says; whether a finding is closed, only evidence tells."""

    is_done: bool
    """Whether it came to its end on the host, and nothing failed."""
    changed: int = 0
    """Tasks that changed something, or would in check mode."""
    said: str = ""
    """Why it is not done: a host's words, printable and short."""
    facts: Unshown[Mapping[str, Any]] = field(default_factory=dict)
    """What it returned under names that begin with ``auditor_``: a host's words."""


Plays = Callable[[Host, Task], Played]
"""Run a playbook on a host; never raises for what the host does."""


class PlayRefusedError(Exception):
    """A host that no play can be run on with what the inventory says of it; its text says why, as a sentence."""
