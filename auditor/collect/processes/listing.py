"""Read the listing that the Linux process collector prints: rows and links become processes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from auditor.collect.collector import ENDS_EARLY, lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.processes import Process
from auditor.model.reading import Parsed
from auditor.model.record import Draft

_FIELDS = 9
_KINDS = ("exe", "ns/net")
"""Links that are listed of a process: its program, and its network namespace."""
_MARKS = ("links", "links as they are", "names")
_DELETED = " (deleted)"
_ZOMBIES = ("Z", "X")
_LONGEST = len("18446744073709551615")
_DAY = 24 * 60 * 60
_TICKS = 100
"""Ticks a second in which the kernel tells when a process began (proc(5), USER_HZ)."""


class _Row(Draft):
    """What is known of one process so far."""

    line: int
    pid: int
    parent: int
    state: str
    ticks: int
    uid: int | None
    user: str
    cgroup: str | None
    name: str
    arguments: str
    is_linked: bool = False
    executable: str | None = None
    has_namespace: bool = False
    namespace: str | None = None


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The listing while it is read, line by line."""

    rows: dict[int, _Row] = field(default_factory=dict)
    strange: list[Unread] = field(default_factory=list)
    probe: int | None = None
    boot: int | None = None
    namespace: str | None = None
    part: str = "rows"
    wants_names: bool = False
    """Whether ps is to tell names that only a directory knows."""
    is_named: bool = False
    escaped: bool = True
    nameless: dict[int, list[_Row]] = field(default_factory=dict)
    """Rows whose user is known by number only, by that number."""

    def take_all(self, text: str) -> None:
        """Put every line that is not empty where it belongs; what belongs nowhere is ``strange``."""
        take_link, take_row = self._take_link, self._take_row
        for number, line in enumerate(lines_of(text), 1):
            try:
                # Nearly every line is one of these two: they go there with no further call.
                if line.startswith("lrwx") and self.part == "links":
                    take_link(line)
                elif "\t" in line and self.part == "rows":
                    take_row(number, line)
                elif line:
                    self._take(number, line)
            except ValueError as error:
                self.strange.append(unread(number, line, error))

    def _take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if line in _MARKS:
            self.part = "links" if line == "links as they are" else line
            self.escaped = self.escaped and line != "links as they are"
        elif number == 1 and line.startswith("self "):
            self.probe = _number(line[len("self ") :], "pid of the probe")
        elif self.part == "rows" and line.startswith("boot ") and self.boot is None:
            self.boot = _number(line[len("boot ") :], "time of boot")
        elif self.part == "rows":
            self._take_row(number, line)
        elif self.part == "links":
            self._take_link(line)
        elif line == "names of a directory" and not self.is_named:
            self.wants_names = True
        else:
            self._take_name(line)

    def _take_row(self, number: int, line: str) -> None:
        said = line.split("\t")
        if len(said) != _FIELDS:
            message = f"{len(said)} fields instead of {_FIELDS}: not the row of a process"
            raise ValueError(message)
        text, parent, state, ticks, owner, user, cgroup, name, arguments = said
        pid = _number(text, "pid")
        if pid in self.rows:
            message = f"pid {pid} is listed twice"
            raise ValueError(message)
        if len(state) != 1:
            message = "the state of a process is one letter"
            raise ValueError(message)
        # A process that ended while it was read has neither user nor control group.
        uid = _number(owner, "uid") if owner else None
        row = _Row(
            number,
            pid,
            _number(parent, "parent"),
            state,
            # Not remembered: nearly every process began at a tick of its own, on every host at another.
            _plain_number(ticks, "start", _LONGEST),
            uid,
            user,
            cgroup if cgroup.startswith("/") else None,
            name,
            arguments,
        )
        self.rows[pid] = row
        if uid is not None and user == str(uid):
            self.nameless.setdefault(uid, []).append(row)

    def _take_name(self, line: str) -> None:
        """Read a user's number and name, which only a directory knows."""
        uid, _, name = line.strip().partition(" ")
        self.is_named = True
        for row in self.nameless.pop(_number(uid, "uid"), ()):
            row.user = name.strip()

    def _take_link(self, line: str) -> None:
        """Read ``lrwxrwxrwx 1 0 0 0 Nov 21 06:52 /proc/1/exe -> /sbin/init``."""
        if not line.startswith("l"):
            message = "not a symbolic link in the listing of /proc"
            raise ValueError(message)
        _, is_of_process, rest = line.partition(" /proc/")
        path, arrow, target = rest.partition(" -> ")
        pid, _, kind = path.partition("/")
        if not is_of_process or kind not in _KINDS:
            message = "not a link of a process"
            raise ValueError(message)
        if pid == "self" and kind == "ns/net":
            self.namespace = target or None
            return
        row = self.rows.get(_number(pid, "pid"))
        if row is None:
            # It began after the rows were made.
            return
        if kind == "exe":
            if row.is_linked:
                message = f"the program of pid {pid} is listed twice"
                raise ValueError(message)
            row.is_linked = True
            if arrow:
                row.executable = _unescape(target) if self.escaped else target
        else:
            row.has_namespace = True
            row.namespace = target or None


def _plain_number(text: str, what: str, most: int = len("4294967295")) -> int:
    if len(text) > most or not text.isascii() or not text.isdigit():
        message = f"{what} is not a number"
        raise ValueError(message)
    return int(text)


_number = lru_cache(maxsize=4096)(_plain_number)
"""The same for numbers that come again: those of processes and users, from row to link and from host to host."""


def _unescape(text: str) -> str:
    """Undo ``ls -b``: backslash, space, the letters of C, three octal digits."""
    if "\\" not in text:
        return text
    out = bytearray()
    rest = text
    letters = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
    while rest:
        plain, slash, rest = rest.partition("\\")
        out += plain.encode("utf-8", "surrogatepass")
        octal = rest[:3]
        if not slash:
            break
        if len(octal) == len("377") and octal <= "377" and all(char in "01234567" for char in octal):
            out.append(int(octal, 8))
            rest = rest[3:]
        else:
            out += letters.get(rest[:1], rest[:1]).encode("utf-8", "surrogatepass")
            rest = rest[1:]
    return out.decode("utf-8", "backslashreplace")


def _family(rows: dict[int, _Row], ancestor: int | None) -> set[int]:
    """Return a process and all below it; every process is looked at once, however they name their parents."""
    children: dict[int, list[int]] = {}
    for row in rows.values():
        children.setdefault(row.parent, []).append(row.pid)
    found: set[int] = set()
    waiting = [] if ancestor is None or ancestor not in rows else [ancestor]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, ())
    return found


def _kernel_pids(rows: dict[int, _Row]) -> set[int]:
    """Return kthreadd and its children: only the kernel starts pid 2 without a parent, and it has no program."""
    second = rows.get(2)
    if second is None or second.parent != 0 or second.name != "kthreadd" or second.executable is not None:
        return set()
    return {row.pid for row in rows.values() if row.executable is None and second.pid in (row.pid, row.parent)}


def _process(row: _Row, listing: _Listing, *, is_kernel: bool) -> Process:
    executable = row.executable
    deleted = executable is not None and executable.endswith(_DELETED)
    if executable is not None and deleted:
        executable = executable.removesuffix(_DELETED)
    return Process(
        pid=row.pid,
        parent=row.parent,
        user=row.user,
        uid=row.uid,
        name=row.name,
        executable=executable,
        deleted=deleted,
        is_kernel=is_kernel,
        arguments=row.arguments,
        # Nothing where the host's clocks make no sense.
        started="" if listing.boot is None else _second(listing.boot + row.ticks // _TICKS),
        cgroup=row.cgroup,
        # Whoever shares the namespace of the probe is not listed.
        namespace=row.namespace if row.has_namespace else listing.namespace,
    )


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Write when a process began."""
    days, second = divmod(seconds, _DAY)
    day = _day(days)
    return f"{day}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z" if day else ""


@lru_cache(maxsize=64)
def _day(days: int) -> str:
    """Write a day; the processes of a host began on few, each at a second of its own."""
    try:
        return datetime.fromtimestamp(days * _DAY, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return ""


def _doubt(rows: list[_Row], kernel: set[int], listing: _Listing) -> str | None:
    """Say what the listing lacks although every line was understood."""
    if not rows:
        return "no process is listed, not even the first"
    # Links that are not there at all belong to a process that has ended since.
    blind = [
        row.pid
        for row in rows
        if row.is_linked and row.executable is None and row.pid not in kernel and row.state not in _ZOMBIES
    ]
    doubts = []
    # More processes than one command line can name (or an ls that failed) are no processes that have ended.
    if not any(row.is_linked for row in listing.rows.values()):
        doubts.append("no program could be read")
    if blind:
        doubts.append(f"programs that could not be read: {len(blind)} (pid {blind[0]} the first)")
    nameless = [row for held in listing.nameless.values() for row in held]
    if listing.wants_names and not listing.is_named and nameless:
        uids = len(listing.nameless)
        doubts.append(f"users whom only a directory can name, and ps did not: {uids} (pid {nameless[0].pid} the first)")
    if listing.part != "names":
        doubts.append(ENDS_EARLY)
    return "; ".join(doubts) or None


def parse_listing(text: str) -> Parsed:
    """Read one process a row, the probe's own left out; rows keep their order."""
    listing = _Listing()
    listing.take_all(text)
    if listing.probe is not None and listing.probe not in listing.rows:
        listing.strange.append(unread(1, f"self {listing.probe}", "the probe's own shell is not among the processes"))
    ours = _family(listing.rows, listing.probe)
    rows = [row for row in listing.rows.values() if row.pid not in ours]
    kernel = _kernel_pids(listing.rows)
    facts = tuple([(row.line, _process(row, listing, is_kernel=row.pid in kernel)) for row in rows])
    strange = sorted(listing.strange, key=lambda one: one.line)
    return Parsed(facts=facts, unread=tuple(strange), partial=_doubt(rows, kernel, listing))
