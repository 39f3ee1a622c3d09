"""Read the listing that the Linux socket collector prints: rows of ss or /proc/net become listeners and connections."""

import contextlib
from dataclasses import dataclass, field

from auditor.collect.collector import lines_of, number_of, unread
from auditor.collect.sockets.proc_net import read_line
from auditor.collect.sockets.socket import LISTENING, Socket
from auditor.collect.sockets.spaces import MARK, read_spaces
from auditor.collect.sockets.ss_row import read_row
from auditor.model.evidence import Unread
from auditor.model.facts.network import Connection, Listener, NetworkSpace, Owner, Protocol
from auditor.model.reading import Parsed

_MARKS = ("ss", "files", "descriptors", "namespaces", "again", MARK)
# A name has 15 bytes: no row has more line ends than that, unless many processes share a socket.
_NAME_LINES = 16
_ROWS = ("tcp ", "udp ")
_SIGHTS = ("all", "some", "own")


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The listing while it is read, line by line."""

    star_is_v6: bool
    part: str = ""
    sees: str | None = None
    kernel: dict[tuple[Protocol, str], None] | None = None
    """Parts of the kernel that open sockets, by protocol and module; None where they were not asked for."""
    hidden: list[int] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    strange: list[Unread] = field(default_factory=list)
    known: dict[tuple[Protocol, int | None, str], Socket] = field(default_factory=dict)
    """Sockets that are kept, by protocol, inode and state: an inode is one socket, in one namespace for life."""
    asked: dict[int, list[Socket]] = field(default_factory=dict)
    """Pid to the sockets read through it that are not known to be of its namespace yet; at least those of its heads."""
    remained: set[int] = field(default_factory=set)
    """Those of them that were still in the same namespace afterwards."""
    own: str = ""
    """The probe's own network namespace."""
    namespaces: dict[int, str] = field(default_factory=dict)
    """Pid to its network namespace when it was last asked, for those in another than ours."""
    answered: set[str] = field(default_factory=set)
    """Namespaces whose sockets were read."""
    holders: dict[int, dict[int, None]] = field(default_factory=dict)
    """Inode to the pids that hold it, in order."""
    described: set[int] = field(default_factory=set)
    describing: int = 0
    has_others: bool = False
    """Whether processes in other network namespaces were found."""
    has_told: bool = False
    """Whether anything came from what lists the sockets of our namespace, if only a heading."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    """Rows of ss that are not read yet."""
    spaces: list[tuple[int, str]] = field(default_factory=list)
    """What was said of other namespaces."""

    def take(self, line_number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if line in _MARKS:
            self.settle(line)
            self.part = line
            if line == "namespaces":
                self.namespaces.clear()
            self.has_others = self.has_others or line == "namespaces"
        elif not self.part:
            self._take_head(line)
        elif self.part == "ss":
            # Under its heading ss may have nothing to tell.
            self.has_told = True
            if not line.startswith(("Netid ", "State ")):
                self.rows.append((line_number, line))
        elif self.part == "files":
            self._take_file(line_number, line)
        elif self.part == "descriptors":
            self._take_descriptor(line)
        elif self.part == MARK:
            self.spaces.append((line_number, line))
        else:
            self._take_namespace(line)

    def _take_head(self, line: str) -> None:
        word, _, value = line.partition(" ")
        if word == "hidden":
            self.hidden.append(number_of(value, "pid"))
        elif word == "sees" and value in _SIGHTS and self.sees is None:
            self.sees = value
        elif word == "kernel":
            self._take_kernel(value)
        else:
            message = "not a line of the listing's head"
            raise ValueError(message)

    def _take_kernel(self, value: str) -> None:
        """Read ``tcp nfsd`` after a line that says no more than that it was asked."""
        protocol, _, module = value.partition(" ")
        part = (Protocol(protocol), module) if value else None
        if (part is None) is (self.kernel is not None) or (part and (not module or part in (self.kernel or ()))):
            message = "not a part of the kernel that opens sockets, or told of already"
            raise ValueError(message)
        self.kernel = self.kernel or {}
        if part is not None:
            self.kernel[part] = None

    def may_be_of_kernel(self, socket: Socket) -> bool:
        """Tell whether a socket that no process holds is the kernel's own."""
        if self.sees != "all" or socket.owners or socket.uid != 0:
            return False
        return self.kernel is None or any(protocol is socket.protocol for protocol, _ in self.kernel)

    def settle(self, coming: str = "") -> None:
        """End a part: sockets of another namespace count where the process that showed them was still in it after."""
        self._settle_rows()
        if self.part == "namespaces":
            self.namespaces = {pid: place for pid, place in self.namespaces.items() if place != self.own}
        if coming == "again":
            return
        for pid, sockets in self.asked.items():
            if (self.part == "again" and pid not in self.remained) or self._is_of_another(sockets):
                continue
            self.answered.add(self.namespaces[pid])
            for socket in sockets:
                self._add(socket)
        self.asked.clear()
        self.remained.clear()

    def _is_of_another(self, sockets: list[Socket]) -> bool:
        """Tell whether one of them is known to be in another namespace: its process went there and came back."""
        return any(
            one.inode and self.known.get((one.protocol, one.inode, one.state), one).namespace != one.namespace
            for one in sockets
        )

    def _settle_rows(self) -> None:
        """Read the rows of ss; a line end inside of a process's name parts a row, so what fails is tried longer."""
        rows, self.rows = self.rows, []
        at = 0
        while at < len(rows):
            number, line = rows[at]
            taken = 1
            try:
                socket, taken = self._row(rows, at)
                self._add(socket)
            except ValueError as error:
                self.strange.append(unread(number, line, error))
            at += taken

    def _row(self, rows: list[tuple[int, str]], at: int) -> tuple[Socket, int]:
        """Return the socket that begins in a line, and how many lines it takes."""
        number, text = rows[at]
        try:
            return read_row(text, line_number=number, star_is_v6=self.star_is_v6), 1
        except ValueError:
            if "users:((" not in text:
                raise
            for taken, (_, line) in enumerate(rows[at + 1 : at + _NAME_LINES], 2):
                text = f"{text}\n{line}"
                with contextlib.suppress(ValueError):
                    return read_row(text, line_number=number, star_is_v6=self.star_is_v6), taken
            raise

    def _add(self, socket: Socket) -> None:
        """Keep a socket; one that is met a second time, as what is read in pieces can show it, is the one it was."""
        if socket.inode:
            known = self.known.setdefault((socket.protocol, socket.inode, socket.state), socket)
            if known is not socket:
                if _ends(known) == _ends(socket):
                    return
                message = f"the socket with inode {socket.inode} is listed twice, and not alike"
                raise ValueError(message)
        self.sockets.append(socket)

    def _take_file(self, line_number: int, line: str) -> None:
        """Read ``/proc/net/tcp:…`` of ours or ``/proc/77/net/tcp:…`` of another namespace."""
        path, colon, rest = line.partition(":")
        if not colon or not path.startswith("/proc/"):
            message = "not a line of a file in /proc"
            raise ValueError(message)
        owner, _, file = path.removeprefix("/proc/").partition("net/")
        self.has_told = self.has_told or (not owner and "local_address" in rest)
        asked = None
        if owner:
            pid = number_of(owner.removesuffix("/"), "pid")
            if pid not in self.namespaces:
                message = "a process that shares our network namespace, or is not known to have one"
                raise ValueError(message)
            if "local_address" not in rest or file == "tcp":
                asked = self.asked.setdefault(pid, [])
        if "local_address" in rest:
            return
        socket = read_line(file, rest, line_number=line_number)
        if asked is None:
            self._add(socket)
        else:
            socket.namespace = self.namespaces[pid]
            asked.append(socket)

    def _take_descriptor(self, line: str) -> None:
        """Read ``/proc/77/fd:`` and below it ``… 3 -> socket:[12345]``."""
        if line.startswith("/proc/") and line.endswith("/fd:"):
            pid = number_of(line[len("/proc/") : -len("/fd:")], "pid")
            if pid in self.described:
                self.describing = 0
                message = f"the descriptors of pid {pid} are listed twice"
                raise ValueError(message)
            self.described.add(pid)
            self.describing = pid
            return
        _, arrow, target = line.rpartition(" -> socket:[")
        inode, close, rest = target.partition("]")
        if not arrow or not close or rest or not self.describing:
            message = "not a descriptor of a socket"
            raise ValueError(message)
        self.holders.setdefault(number_of(inode, "inode"), {})[self.describing] = None

    def _take_namespace(self, line: str) -> None:
        """Keep the namespace of a process, or ours; when it is asked again, only whether it is the same."""
        pid, target = _link(line)
        if self.part == "again":
            if self.namespaces.get(number_of(pid, "pid"), "") == target:
                self.remained.add(int(pid))
        elif pid == "self":
            self.own = target
        elif target:
            self.namespaces[number_of(pid, "pid")] = target


def _link(line: str) -> tuple[str, str]:
    """Read ``lrwxrwxrwx 1 0 0 0 Nov 21 06:52 /proc/77/ns/net -> net:[4026532000]``: the pid, and where it is."""
    start = line.find(" /proc/")
    path, _, target = line[start + 1 :].partition(" -> ")
    pid, _, kind = path.removeprefix("/proc/").partition("/")
    if start < 0 or kind != "ns/net":
        message = "not the network namespace of a process"
        raise ValueError(message)
    return pid, target


def _ends(socket: Socket) -> tuple[object, ...]:
    return (socket.local, socket.local_port, socket.remote, socket.remote_port)


def _fact(socket: Socket, *, by_kernel: bool) -> Listener | Connection | None:
    """Make the fact; None for a TCP socket that neither listens nor is connected."""
    if socket.state in LISTENING:
        if socket.protocol is Protocol.TCP and socket.state != "listen":
            return None
        return Listener(
            protocol=socket.protocol,
            family=socket.local[0],
            address=socket.local[1],
            port=socket.local_port,
            device=socket.device,
            owners=socket.owners,
            uid=socket.uid,
            inode=socket.inode,
            namespace=socket.namespace,
            is_v6only=socket.is_v6only,
            by_kernel=by_kernel,
        )
    return Connection(
        protocol=socket.protocol,
        family=socket.local[0],
        state=socket.state,
        local_address=socket.local[1],
        local_port=socket.local_port,
        remote_address=socket.remote[1],
        remote_port=socket.remote_port,
        owners=socket.owners,
        uid=socket.uid,
        namespace=socket.namespace,
    )


def _doubt(listing: _Listing, listeners: list[Listener]) -> str | None:
    """Say what the listing lacks although every line was understood."""
    doubts = []
    if listing.sees is None:
        doubts.append("the listing does not say what the probe could see")
    if not listing.part:
        doubts.append("the listing ends before the sockets")
    elif not listing.has_told:
        doubts.append("the sockets of the host's own network namespace are not listed, not even under a heading")
    blind = [one for one in listeners if not one.owners and not one.by_kernel]
    # Without root the collector has said so already.
    if blind and listing.sees != "own":
        first = blind[0]
        why = f"; pid {listing.hidden[0]} did not let us look" if listing.hidden else ""
        where = f"{first.protocol} {first.address} port {first.port}"
        doubts.append(f"listening sockets whose holder is not known: {len(blind)} ({where} the first{why})")
    if listing.has_others and not listing.namespaces:
        doubts.append("there are other network namespaces, and none could be read")
    silent = sorted(set(listing.namespaces.values()) - listing.answered)
    if silent:
        doubts.append(f"other network namespaces that could not be read: {len(silent)} ({silent[0]} the first)")
    return "; ".join(doubts) or None


def parse_listing(text: str) -> Parsed:
    """Read one listener or connection a line, owners joined from the descriptors where ss did not name them."""
    # An ss that never writes 0.0.0.0 is one that writes `*` for it.
    listing = _Listing(star_is_v6=" 0.0.0.0" in text)
    for line_number, line in enumerate(lines_of(text), 1):
        if listing.part == "ss" and line.startswith(_ROWS):
            # Nearly every line is one of these, which take no look at what else it may be.
            listing.has_told = True
            listing.rows.append((line_number, line))
            continue
        if not line:
            continue
        try:
            listing.take(line_number, line)
        except ValueError as error:
            listing.strange.append(unread(line_number, line, error))
    listing.settle()
    facts: list[tuple[int, Listener | Connection | NetworkSpace]] = []
    for socket in listing.sockets:
        if not socket.owners and socket.inode:
            socket.owners = tuple(Owner(pid=pid, name="") for pid in listing.holders.get(socket.inode, ()))
        fact = _fact(socket, by_kernel=listing.may_be_of_kernel(socket))
        if fact is not None:
            facts.append((socket.line, fact))
    listeners = [fact for _, fact in facts if isinstance(fact, Listener)]
    facts += read_spaces(listing.spaces, listing.strange)
    strange = sorted(listing.strange, key=lambda one: one.line)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=_doubt(listing, listeners))
