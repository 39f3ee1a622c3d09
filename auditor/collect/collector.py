"""What a collector is: one question in the language of each operating system, and the reader of its answer.

The words a POSIX fragment may use, all defined by the probe's head (``collect/head.sh``):

``absent REASON``   the thing asked about is provably not there; ends the section
``denied REASON``   this account has no right to the answer; ends the section
``failed REASON``   the question could not be put; ends the section
``partial REASON``  the answer lacks something; the section goes on
``need TOOL...``    ``failed`` unless every tool is found (sets nothing, costs no process)
``have TOOL``       tell whether a tool is there
``show FILE``       the lines of a file, as they are
``show_named FILE...``  the lines of files, each behind ``FILE:``; a file that is gone by now has none
``scan FILE...``    what the collector's own ``awk`` makes of files
``scan_listed LIST``  the same, of very many: each stands in the list behind a tab, ``$tab``
``tell NUMBER``     ends the section, whose command went well; for sections ``after`` it, the number (0 to 31) stands
                    in ``$told_`` and its id with ``_`` for the dot, which is empty where it did not come so far
``$uid``            numeric effective user id of the probe
``$kernel``         ``Linux`` or ``Darwin``
``$hostname``       the host's name, as its kernel knows it

A fragment of ``scripts`` runs in a subshell of its own with PATH set, ``LC_ALL=C``, no standard input, and its
standard output as the section's text. A non-zero exit status of its last command makes the section
*failed*, so a command whose failure means nothing ends in ``|| :``.

A fragment of ``quick`` runs before it, in the shell of the probe itself: builtins only, nothing that can hang, no
``cd`` and no ``set -f`` that it does not undo, and a word that ends the section is followed by ``return``, since it
cannot exit there. Where it ends with status 0 the section is answered; else the fragment of ``scripts`` goes on.

A fragment for Windows is PowerShell 5.1 that a constrained language takes (``collect/head.ps1``): cmdlets, operators,
strings and properties, no type that is called. ``Row FIELD...`` prints a row of fields parted by tabs, in printable
ASCII; ``Absent``, ``Denied``, ``Failed`` end the section and ``Partial`` does not, each with a reason; ``Have NAME``
tells whether a command is there. ``Value KEY NAME`` gives one value of the registry, nothing where there is none;
``Hives`` fills ``$hives`` with the users whose registry is loaded, by SID; ``$level`` is ``administrator`` or
``limited``. Of logs of events, ``Spare SECONDS`` tells whether so much of the probe's time is left for a search,
``Closed ERROR`` whether an error means that a log may not be read; ``Named RECORD PLACES`` gives an event's values.
What a fragment throws makes the section *failed*, or *denied* where rights were missing.

Starting processes is what costs a host. ``show`` and ``scan`` start none: the probe's one ``awk``, through which all
output runs, reads the files. A shell reads a file a byte at a time and searches a long text slowly: what several
sections need of one is ``shared``. What one section learned from a costly command it can ``tell``.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from auditor.model.evidence import Proof, Unread
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import Record, field

UNREAD_TEXT = 300
"""Characters of an unread line that are kept."""
_NUMBER_LENGTH = 20
_KEPT_LINES = 65_536
"""Characters of a text whose lines are remembered."""
ENDS_EARLY = "the listing ends before its end"
"""What an answer lacks whose last row did not come."""


class Collector(Record, kw_only=True):
    """One question to a host, and the parser of its answer."""

    id: str
    """``folder.file``: where it lives under ``auditor/collect/`` is its name."""
    facts: tuple[type, ...]
    """Types of fact its parser returns."""
    scripts: Mapping[OsFamily, str] = field(default_factory=dict)
    """Script fragment for each operating system it can be put to."""
    parse: Callable[[str], Parsed]
    """Pure reader of the section's text: never raises on host text, never loses a line."""
    quick: Mapping[OsFamily, str] = field(default_factory=dict)
    """Script fragment for each operating system that is put to the probe's own shell first; see above."""
    awk: str = ""
    """What ``scan`` does: functions of awk, among them one named as the id with ``_`` for the dot. It finds the files
    in ``path[2]`` to ``path[paths]`` and gives each line of content to ``put(line)``; an outcome it prints as
    ``@outcome partial REASON``. Other names begin with the same word; no apostrophe, and what is not a parameter is
    global. It reads by ``getline line < file`` and closes what it opened."""
    shared: tuple[str, ...] = ()
    """Scripts that are run once each, before the first section that names them, in the shell that runs the sections:
    functions and variables for several collectors, of builtins only. They cannot hang."""
    after: tuple[str, ...] = ()
    """Collectors that are asked before it, since it looks at what they ``tell``."""
    proof: Mapping[OsFamily, Proof] = field(default_factory=dict)
    """How well the reader is proven on each system; what is not named is *documented*."""
    advice: str = ""
    """What an operator does to get a complete answer, one sentence."""
    holds_secrets: bool = True
    """Whether its answer may hold secrets; False keeps the redaction rules off a text that cannot."""
    seconds: int | None = None
    """Time limit of its own on the host; None means the call's ``section_seconds``."""

    apart: bool = False
    """Whether it has a budget of its own, such as a walk over a disk or a question to a daemon: it is asked after all
    others, which share 60 ms of a server's CPU, and `make bench` reports it beside them."""

    @property
    def systems(self) -> frozenset[OsFamily]:
        """Return the operating systems it can be put to."""
        return frozenset((*self.scripts, *self.quick))


def fields(line: str, count: int, separator: str = "\t") -> list[str]:
    """Split a line into exactly ``count`` fields, else raise ValueError that says how many there were."""
    parts = line.split(separator)
    if len(parts) != count:
        message = f"{len(parts)} fields instead of {count}"
        raise ValueError(message)
    return parts


def row_of(line: str, kinds: Mapping[str, int]) -> tuple[str, list[str]]:
    """Part a row into what it tells, its first field, and so many further ones as that has; else raise ValueError."""
    kind, *rest = line.split("\t")
    if kind not in kinds:
        message = f"unknown row {kind[:20]!r}"
        raise ValueError(message)
    if len(rest) != kinds[kind]:
        message = f"{len(rest)} fields instead of {kinds[kind]} in a row {kind!r}"
        raise ValueError(message)
    return kind, rest


def plain_number(text: str, what: str) -> int:
    """Read a decimal number of sane length; ValueError names what it should have been."""
    if len(text) > _NUMBER_LENGTH or not text.isascii() or not text.isdigit():
        message = f"{what} {text[:40]!r} is not a number"
        raise ValueError(message)
    return int(text)


number_of = lru_cache(maxsize=4096)(plain_number)
"""The same for numbers that come again, from host to host."""


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


def take_rows(
    text: str, kinds: Mapping[str, int], take: Callable[[int, str, list[str]], None], strange: list[Unread]
) -> str | None:
    """Give every row to a reader by what it tells; return why there may be more, None where ``asked`` ends the answer.

    ``kinds`` has the fields of each kind (``row_of``); what is not understood goes to ``strange``.
    """
    is_whole = False

    def part(number: int, line: str) -> None:
        nonlocal is_whole
        kind, rest = row_of(line, kinds)
        if kind == "asked":
            is_whole = True
        else:
            take(number, kind, rest)

    take_lines(text, part, strange)
    return None if is_whole else ENDS_EARLY


def instant_of(text: str) -> datetime:
    """Read a time of ISO 8601, to the second; ValueError for what is none, or does not say its zone."""
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo is not None:
            return read.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    message = f"{text[:40]!r} is not a time with its zone"
    raise ValueError(message)


def lines_of(text: str) -> tuple[str, ...]:
    """Split at newlines only: other Unicode line ends are content, not structure.

    The last text's lines are remembered, unless it is long: a section is parted by its parser, and then for what is
    quoted of it.
    """
    return _lines_before(text) if len(text) <= _KEPT_LINES else _lines(text)


def _lines(text: str) -> tuple[str, ...]:
    parts = text.split("\n")
    if not parts[-1]:
        parts.pop()
    return tuple(parts)


_lines_before = lru_cache(maxsize=1)(_lines)
