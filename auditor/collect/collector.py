"""What a collector is: one question in the language of each operating system, and the reader of its answer.

The words a POSIX fragment may use, all defined by the probe's head (``collect/head.sh``):

``absent REASON``   the thing asked about is provably not there; ends the section
``denied REASON``   this account has no right to the answer; ends the section
``failed REASON``   the question could not be put; ends the section
``partial REASON``  the answer lacks something; the section goes on
``need TOOL...``    ``failed`` unless every tool is found (sets nothing, costs no process)
``have TOOL``       tell whether a tool is there
``$uid``            numeric effective user id of the probe
``$kernel``         ``Linux`` or ``Darwin``
``$hostname``       the host's name, as its kernel knows it

A fragment runs in a subshell of its own with PATH set, ``LC_ALL=C``, no standard input, and its
standard output as the section's text. A non-zero exit status of its last command makes the section
*failed*, so a command whose failure means nothing ends in ``|| :``. Commands that start processes are
what costs a host: one ``awk`` over many files beats a loop, and ``exec`` before the last one saves a fork. A shell
reads a file a byte at a time and searches a long text slowly: what several sections need of one is ``shared``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.model.evidence import Proof, Unread
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

UNREAD_TEXT = 300
"""Characters of an unread line that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One question to a host, and the parser of its answer."""

    id: str
    """``folder.file``: where it lives under ``auditor/collect/`` is its name."""
    facts: tuple[type, ...]
    """Types of fact its parser returns."""
    scripts: Mapping[OsFamily, str]
    """Script fragment for each operating system it can be put to."""
    parse: Callable[[str], Parsed]
    """Pure reader of the section's text: never raises on host text, never loses a line."""
    shared: str = ""
    """Script run once, before the first section that names it, in the shell that runs the sections: functions and
    variables for several collectors. It must not hang: what could is run under ``timeout``."""
    proof: Mapping[OsFamily, Proof] = field(default_factory=dict)
    """How well the reader is proven on each system; what is not named is *documented*."""
    advice: str = ""
    """What an operator does to get a complete answer, one sentence."""
    holds_secrets: bool = True
    """Whether its answer may hold secrets; False keeps the redaction rules off a text that cannot."""
    seconds: int | None = None
    """Time limit of its own on the host; None means the call's ``section_seconds``."""


def fields(line: str, count: int, separator: str = "\t") -> list[str]:
    """Split a line into exactly ``count`` fields, else raise ValueError that says how many there were."""
    parts = line.split(separator)
    if len(parts) != count:
        message = f"{len(parts)} fields instead of {count}"
        raise ValueError(message)
    return parts


def unread(number: int, line: str, reason: object) -> Unread:
    """Keep a line that was not understood, cut to a sane length."""
    return Unread(line=number, text=line[:UNREAD_TEXT], reason=str(reason)[:UNREAD_TEXT])


def parse_lines(text: str, read: Callable[[str], Any | None]) -> Parsed:
    """Read one fact a line.

    ``read`` returns the fact, None for a line that is known and says nothing, or raises ValueError for
    one it does not understand, which becomes an Unread. Empty lines are skipped.
    """
    facts: list[tuple[int, Any]] = []
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            fact = read(line)
        except ValueError as error:
            strange.append(unread(number, line, error))
        else:
            if fact is not None:
                facts.append((number, fact))
    return Parsed(facts=tuple(facts), unread=tuple(strange))


def take_lines(text: str, take: Callable[[int, str], None], strange: list[Unread]) -> None:
    """Give every line that is not empty to a reader that remembers; what it does not understand goes to ``strange``."""
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            take(number, line)
        except ValueError as error:
            strange.append(unread(number, line, error))


def lines_of(text: str) -> Iterable[str]:
    """Split at newlines only: other Unicode line ends are content, not structure."""
    parts = text.split("\n")
    if parts and not parts[-1]:
        parts.pop()
    return parts
