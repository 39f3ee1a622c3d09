"""Read the listing that the Linux process collector prints: rows, links and control groups become processes."""

from dataclasses import dataclass, field

from auditor.collect.collector import take_lines, unread
from auditor.collect.redact import MARK
from auditor.model.evidence import Unread
from auditor.model.facts.processes import Process
from auditor.model.reading import Parsed

# Columns of `ps`, as their widths in the collector's script say.
_PID = slice(0, 10)
_PARENT = slice(11, 21)
_UID = slice(22, 32)
_STATE = slice(33, 34)
_STARTED = slice(35, 59)
_USER = slice(60, 92)
_NAME = slice(93, 108)
_ARGUMENTS = 109
_GAPS = (10, 21, 32, 34, 59, 92)
_MARKS = ("no ps", "links", "links as they are", "groups")
_DELETED = " (deleted)"
_ZOMBIES = ("Z", "X")
_CGROUP_FIELDS = 3


@dataclass(slots=True, kw_only=True)
class _Row:
    """What is known of one process so far."""

    line: int
    pid: int
    parent: int = 0
    uid: int | None = None
    user: str = ""
    state: str = ""
    started: str = ""
    name: str = ""
    arguments: str = ""
    has_arguments: bool = False
    is_linked: bool = False
    executable: str | None = None
    namespace: str | None = None
    cgroup: str | None = None
    has_named_cgroup: bool = False


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The listing while it is read, line by line."""

    rows: dict[int, _Row] = field(default_factory=dict)
    strange: list[Unread] = field(default_factory=list)
    probe: int | None = None
    part: str = "rows"
    escaped: bool = True

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if line in _MARKS:
            self.part = {"no ps": "status", "links as they are": "links"}.get(line, line)
            self.escaped = self.escaped and line != "links as they are"
        elif number == 1 and line.startswith("self "):
            self.probe = _number(line[len("self ") :], "pid of the probe")
        elif self.part == "rows":
            self._take_row(number, line)
        elif self.part == "status":
            self._take_status(number, line)
        elif self.part == "links":
            self._take_link(line)
        else:
            self._take_group(line)

    def _take_row(self, number: int, line: str) -> None:
        name, arguments = line[_NAME].rstrip(), line[_ARGUMENTS:]
        if MARK in line and line[_ARGUMENTS - 1 : _ARGUMENTS] not in (" ", ""):
            # A name that looks like a secret was redacted, which moved what stands behind it.
            name, mark, arguments = line[_NAME.start :].partition(MARK)
            name, arguments = name + mark, arguments.lstrip()
        elif len(line) < _ARGUMENTS - 1 or line[_ARGUMENTS - 1 : _ARGUMENTS] not in (" ", ""):
            message = "not a row of ps: its columns are not where they must be"
            raise ValueError(message)
        if any(line[at] != " " for at in _GAPS):
            message = "not a row of ps: its columns are not where they must be"
            raise ValueError(message)
        pid = _number(line[_PID], "pid")
        if pid in self.rows:
            message = f"pid {pid} is listed twice"
            raise ValueError(message)
        self.rows[pid] = _Row(
            line=number,
            pid=pid,
            parent=_number(line[_PARENT], "parent"),
            uid=_number(line[_UID], "uid"),
            state=line[_STATE],
            started=line[_STARTED].strip(),
            user=line[_USER].strip(),
            name=name,
            arguments=arguments,
            has_arguments=True,
        )

    def _take_status(self, number: int, line: str) -> None:
        pid, kind, rest = _place(line)
        if kind == "cmdline":
            if pid not in self.rows:
                # It began after the rows were made.
                return
            row = self.rows[pid]
            if row.has_arguments:
                message = f"the arguments of pid {pid} are listed twice"
                raise ValueError(message)
            row.arguments, row.has_arguments = rest, True
            return
        key, colon, value = rest.partition(":")
        value = value.strip()
        if kind != "status" or not colon:
            message = "neither a status line nor arguments"
            raise ValueError(message)
        if key == "Name":
            if pid in self.rows:
                message = f"pid {pid} is listed twice"
                raise ValueError(message)
            self.rows[pid] = _Row(line=number, pid=pid, name=value)
            return
        row = self._known(pid)
        if key == "State":
            row.state = value[:1]
        elif key == "PPid":
            row.parent = _number(value, "parent")
        elif key == "Uid":
            row.uid = _number([*value.split(), "", ""][1], "uid")
            row.user = str(row.uid)
        else:
            message = f"unknown status key {key!r}"
            raise ValueError(message)

    def _known(self, pid: int) -> _Row:
        if pid not in self.rows:
            message = f"pid {pid} has no row"
            raise ValueError(message)
        return self.rows[pid]

    def _take_link(self, line: str) -> None:
        """Read ``lrwxrwxrwx 1 0 0 0 Nov 21 06:52 /proc/1/exe -> /sbin/init``."""
        if not line.startswith("l"):
            message = "not a symbolic link in the listing of /proc"
            raise ValueError(message)
        start = line.find(" /proc/")
        path, arrow, target = line[start + 1 :].partition(" -> ")
        pid, _, kind = path.removeprefix("/proc/").partition("/")
        if start < 0 or kind not in ("exe", "ns/net"):
            message = "not a link of a process"
            raise ValueError(message)
        row = self.rows.get(_number(pid, "pid"))
        if row is None:
            # It began after ps had looked.
            return
        if kind == "exe":
            if row.is_linked:
                message = f"the program of pid {pid} is listed twice"
                raise ValueError(message)
            row.is_linked = True
            if arrow:
                row.executable = _unescape(target) if self.escaped else target
        elif arrow:
            row.namespace = target

    def _take_group(self, line: str) -> None:
        pid, kind, rest = _place(line)
        parts = rest.split(":", 2)
        if kind != "cgroup" or len(parts) != _CGROUP_FIELDS or not parts[2].startswith("/"):
            message = "not a control group of a process"
            raise ValueError(message)
        row = self.rows.get(pid)
        if row is None:
            return
        is_named = parts[1] == "name=systemd"
        # Where both hierarchies are mounted, systemd's own is the one that names units.
        if row.cgroup is None or (is_named and not row.has_named_cgroup):
            row.cgroup = parts[2]
        row.has_named_cgroup = row.has_named_cgroup or is_named


def _number(text: str, what: str) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > len("4294967295"):
        message = f"{what} is not a number"
        raise ValueError(message)
    return int(text)


def _place(line: str) -> tuple[int, str, str]:
    """Take ``/proc/12/cgroup:text`` apart."""
    path, colon, rest = line.partition(":")
    pid, _, kind = path.removeprefix("/proc/").partition("/")
    if not colon or not path.startswith("/proc/"):
        message = "not a line of a file in /proc"
        raise ValueError(message)
    return _number(pid, "pid"), kind, rest


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


def _is_descendant(row: _Row, rows: dict[int, _Row], ancestor: int) -> bool:
    """Tell whether a process is the ancestor or below it; a loop in the parents ends the search."""
    seen: set[int] = set()
    at: _Row | None = row
    while at is not None and at.pid not in seen:
        if at.pid == ancestor:
            return True
        seen.add(at.pid)
        at = rows.get(at.parent)
    return False


def _kernel_pids(rows: dict[int, _Row]) -> set[int]:
    """Return kthreadd and its children: only the kernel starts pid 2 without a parent, and it has no program."""
    second = rows.get(2)
    if second is None or second.parent != 0 or second.name != "kthreadd" or second.executable is not None:
        return set()
    return {row.pid for row in rows.values() if row.executable is None and second.pid in (row.pid, row.parent)}


def _process(row: _Row, *, is_kernel: bool) -> Process:
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
        started=row.started,
        cgroup=row.cgroup,
        namespace=row.namespace,
    )


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
    if listing.part != "groups":
        doubts.append("the listing ends before the control groups")
    return "; ".join(doubts) or None


def parse_listing(text: str) -> Parsed:
    """Read one process a row, the probe's own left out; rows keep their order."""
    listing = _Listing()
    take_lines(text, listing.take, listing.strange)
    if listing.probe is not None and listing.probe not in listing.rows:
        listing.strange.append(unread(1, f"self {listing.probe}", "the probe's own shell is not among the processes"))
    rows = [
        row
        for row in listing.rows.values()
        if listing.probe is None or not _is_descendant(row, listing.rows, listing.probe)
    ]
    kernel = _kernel_pids(listing.rows)
    facts = tuple((row.line, _process(row, is_kernel=row.pid in kernel)) for row in rows)
    strange = sorted(listing.strange, key=lambda one: one.line)
    return Parsed(facts=facts, unread=tuple(strange), partial=_doubt(rows, kernel, listing))
