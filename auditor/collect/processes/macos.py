"""Processes of a Mac: what runs, as whom, and from which file. Who signed it is asked of its app (``software.apps``).

ps(1) of macOS shows all processes to everybody, since it runs with root's rights. What it calls ``comm`` and ``args``
is the process's own memory (adv_cmds, ps/print.c, ``KERN_PROCARGS2``): a process writes there what it likes, so neither
says which program it is. The kernel's own words are ``ucomm``, up to 16 bytes of the file's name as it was started, and
what lsof(8) lists as ``txt``, the files that are mapped into a process from its lowest address on, of which the program
is the first (lsof, dialects/darwin/libproc/dproc.c). lsof tells them of one's own processes only, but to root.

The probe's own processes are left out: they are the shell whose pid the first line names, and its descendants.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from auditor.collect.collector import ENDS_EARLY, Collector, number_of, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# What a process can choose stands in its row's last column, or in rows of its own. ps escapes line ends in arguments,
# and lsof in paths; in the name of a file ps does not, and what such a name makes of a row is unread.
# Arguments are asked for last: who is in both listings of ps was there while lsof looked.
# Of the files of a process only the first leaves the host: all of them are megabytes. The status of lsof tells nothing,
# which is 1 too where a process ended meanwhile: whose program is missing is seen.
_MACOS = r"""
need ps lsof awk
[ "$uid" = 0 ] || partial "not root: the programs of other users' processes are told to root only"
ps -A -o pid= -o ppid= -o uid= -o stat= -o lstart= -o user= -o ucomm= | awk -v self="$$" '
    { row[NR] = $0; if ($1 == self) seen = 1 }
    END {
        if (seen) print "self " self
        print "# processes"
        for (at = 1; at <= NR; at++) print row[at]
        exit NR == 0
    }' || failed "ps could not list the processes"
printf '# programs\n'
lsof -nP -w -d txt -F pfn | awk '
    /^p/ { pid = substr($0, 2) }
    /^n/ && pid != "" { print pid " " substr($0, 2); pid = "" }' || failed "awk could not read what lsof said"
printf '# arguments\n'
ps -A -ww -o pid= -o args= || failed "ps could not list the arguments"
printf '# asked\n'
"""
_MARKS = ("# processes", "# programs", "# arguments", "# asked")
_WORDS = 11
_NAME_BYTES = 16
"""``MAXCOMLEN`` of sys/param.h: what the kernel keeps of a name."""
_NOBODY = 4294967294
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHELLS = ("sh", "bash", "dash", "zsh", "mksh")
_HIGH = re.compile(r"(?:\\x[89a-f][0-9a-f])+")
"""Bytes beyond ASCII as lsof writes them in the C locale."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """One process as ps told of it, and what else was said of it since."""

    line: int
    pid: int
    parent: int
    user: str
    uid: int
    state: str
    started: str
    name: str
    program: str | None = None
    arguments: str | None = None

    @property
    def is_kernel(self) -> bool:
        """Tell whether it is the kernel itself, which runs no program."""
        return self.pid == 0

    @property
    def is_blind(self) -> bool:
        """Tell whether it was there from the first question to the last, and its program was not told."""
        has_ended = self.arguments is None or self.state.startswith("Z")
        return self.program is None and not has_ended and not self.is_kernel


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The answer while it is read."""

    part: str = ""
    probe: int | None = None
    rows: dict[int, _Row] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    """What was said once, by part and of whom."""

    def take(self, number: int, line: str) -> None:
        """Read one line of its part; ValueError for one that is of none."""
        if number == 1 and line.startswith("self "):
            self.probe = number_of(line[len("self ") :], "pid of the probe")
        elif line in _MARKS:
            if line != _MARKS[_MARKS.index(self.part) + 1 if self.part else 0]:
                message = "a part out of its turn"
                raise ValueError(message)
            self.part = line
        elif self.part == "# processes":
            self._take_row(number, line)
        else:
            self._take_more(line)

    def _take_more(self, line: str) -> None:
        """Read what is said of a process that ps told of."""
        if self.part not in ("# programs", "# arguments"):
            message = "no line of what was asked"
            raise ValueError(message)
        row, said = self._of_row(line.lstrip(" "))
        if row is None:
            return
        if self.part == "# arguments":
            row.arguments = said.strip(" ")
        elif said.startswith("/"):
            row.program = said

    def _once(self, of: str) -> None:
        if (self.part, of) in self.seen:
            message = f"said twice of {of[:40]}"
            raise ValueError(message)
        self.seen.add((self.part, of))

    def _of_row(self, line: str) -> tuple[_Row | None, str]:
        """Return the process that a line begins with the pid of, None where it began since, and what is said of it."""
        pid, _, rest = line.partition(" ")
        number = number_of(pid, "process")
        self._once(pid)
        return self.rows.get(number), rest

    def _take_row(self, number: int, line: str) -> None:
        words = line.split(None, _WORDS - 1)
        if len(words) < _WORDS:
            message = f"{len(words)} columns instead of {_WORDS}"
            raise ValueError(message)
        pid = number_of(words[0], "process")
        self._once(words[0])
        self.rows[pid] = _Row(
            line=number,
            pid=pid,
            parent=number_of(words[1], "parent"),
            # ps writes nobody's number with a sign.
            uid=_NOBODY if words[2] == "-2" else number_of(words[2], "user"),
            state=words[3],
            started=_instant(" ".join(words[4:9])),
            user=words[9],
            name=words[10].rstrip(" "),
        )


def _instant(text: str) -> str:
    """Return ``Fri Nov 27 00:49:56 2026``, which is in UTC as the probe asks, in the form of all hosts."""
    day, _, rest = text.partition(" ")
    if day not in _DAYS or not rest.startswith(_MONTHS):
        message = f"{text[:40]!r} is no time"
        raise ValueError(message)
    when = datetime.strptime(rest, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _plain(path: str) -> str:
    """Return a path with the letters that lsof escaped; what is no text stays as it is written."""
    return _HIGH.sub(_letters, path) if "\\x" in path else path


def _letters(found: re.Match[str]) -> str:
    try:
        return bytes.fromhex(found[0].replace("\\x", "")).decode()
    except UnicodeDecodeError:
        return found[0]


def _name(row: _Row) -> str:
    """Return the name that the kernel keeps, and the rest of it where program or arguments have that name."""
    if len(row.name.encode("utf-8", "surrogatepass")) < _NAME_BYTES:
        return row.name
    first = (row.arguments or "").partition(" ")[0]
    for path in (row.program or "", first):
        name = _plain(path).rpartition("/")[2]
        if name.startswith(row.name):
            return name
    return row.name


def _family(rows: dict[int, _Row], ancestor: int | None) -> set[int]:
    """Return the pids of the probe's shell and of all below it; none where that pid is not a shell's."""
    if ancestor is None or ancestor not in rows or rows[ancestor].name not in _SHELLS:
        return set()
    children: dict[int, list[int]] = {}
    for row in rows.values():
        children.setdefault(row.parent, []).append(row.pid)
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def _process(row: _Row) -> Process:
    # Of who hides its arguments ps has the kernel's name, in brackets.
    arguments = "" if row.arguments == f"({row.name})" else row.arguments or ""
    return Process(
        pid=row.pid,
        parent=row.parent,
        user=row.user,
        uid=row.uid,
        name=_name(row),
        executable=None if row.program is None else _plain(row.program),
        is_kernel=row.is_kernel,
        arguments=arguments,
        started=row.started,
    )


def _parse(text: str) -> Parsed:
    """Read one process a row, the probe's own left out, and put programs and arguments to them."""
    listing = _Listing()
    strange: list[Unread] = []
    take_lines(text, listing.take, strange)
    ours = _family(listing.rows, listing.probe)
    rows = [row for row in listing.rows.values() if row.pid not in ours]
    blind = [row for row in rows if row.is_blind]
    doubts = []
    if not rows:
        doubts.append("no process is listed, not even the first")
    elif blind:
        doubts.append(f"programs that were not told: {len(blind)} (pid {blind[0].pid} the first)")
    if rows and all(row.arguments is None for row in rows):
        doubts.append("ps told nobody's arguments")
    if listing.part != _MARKS[-1]:
        doubts.append(ENDS_EARLY)
    facts = tuple((row.line, _process(row)) for row in rows)
    return Parsed(facts=facts, unread=tuple(strange), partial="; ".join(doubts) or None)


PLUGIN = Collector(
    id="processes.macos",
    facts=(Process,),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Run the audit as root or with sudo: others are told the programs of their own processes only.",
    seconds=30,
)
