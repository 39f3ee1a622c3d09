"""Read the listing that the systemd collector prints: files, links and the manager's own rows become services."""

from dataclasses import dataclass, field

from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.reading import Parsed

_MARKS = ("files", "running")
_INSTALL = ("WantedBy", "RequiredBy", "UpheldBy", "Alias")
_TYPES = (".service", ".socket", ".timer", ".path")
_ROW = 4
# What may stand before a program's path in ExecStart= (systemd.service(5)).
_PREFIXES = "-@:+!|"


@dataclass(slots=True, kw_only=True)
class _Unit:
    """One unit as its files describe it."""

    name: str
    line: int
    file: str
    kind: str
    commands: list[str] = field(default_factory=list)
    description: str = ""
    user: str | None = None
    aliases: list[str] = field(default_factory=list)
    has_install: bool = False

    def set(self, key: str, value: str, line: int) -> None:
        """Take one assignment in; an empty ExecStart= forgets the ones before it."""
        if key == "ExecStart":
            if value:
                self.commands.append(value.lstrip(_PREFIXES))
                self.line = line
            else:
                self.commands.clear()
        elif key == "Description":
            self.description = value
        elif key == "User":
            self.user = value or None
        elif key in _INSTALL:
            self.has_install = True
            if key == "Alias":
                self.aliases.extend(value.split())

    @property
    def content(self) -> tuple[tuple[str, ...], str, str | None]:
        """Return what two names of one file have in common."""
        return tuple(self.commands), self.description, self.user


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What the running systemd says of one unit."""

    line: int
    load: str
    active: str
    sub: str
    description: str

    @property
    def is_running(self) -> bool:
        """Tell whether something runs, listens or waits; a one-shot that is over does not."""
        return self.active in ("active", "reloading", "activating", "refreshing") and self.sub not in ("exited", "dead")


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The listing while it is read."""

    part: str = ""
    folder: str = ""
    units: dict[str, _Unit] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    rows: dict[str, _Row] = field(default_factory=dict)
    strange: list[Unread] = field(default_factory=list)
    last: tuple[str, str, str] = ("", "", "")
    """File, key and value of the last assignment, for the line that continues it."""

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if line in _MARKS:
            self._finish()
            self.part = line
        elif self.part == "files":
            self._take_file(number, line)
        elif self.part == "running":
            self._take_row(number, line)
        else:
            self._take_name(number, line)

    def _take_name(self, number: int, line: str) -> None:
        word, _, path = line.partition(" ")
        name = path.rpartition("/")[2]
        if word == "folder" and path.startswith("/"):
            self.folder = path
        elif word == "wanted" and path.startswith("/"):
            self.wanted.add(name)
        elif word in ("unit", "link", "masked", "broken") and name.endswith(_TYPES):
            # Folders come in the order of precedence: the first file of a name is the one that counts.
            self.units.setdefault(name, _Unit(name=name, line=number, file=path, kind=word))
            if word == "link" and not path.startswith(("/usr/", "/lib/")):
                self.links.add(name)
        else:
            message = "not a line of the listing's head"
            raise ValueError(message)

    def _take_file(self, number: int, line: str) -> None:
        """Read ``/usr/lib/systemd/system/x.service:ExecStart=/usr/sbin/x`` or a line that continues one."""
        path, colon, rest = line.partition(":")
        # Names of units may hold a colon, the text before the key may not.
        while colon and not path.endswith((*_TYPES, ".conf")):
            more, colon, rest = rest.partition(":")
            path = f"{path}:{more}"
        if not colon or not path.startswith("/"):
            message = "not a line of a unit file"
            raise ValueError(message)
        file, key, value = self.last
        if rest[:1].isspace():
            if file == path and value.endswith("\\"):
                self.last = (file, key, value[:-1].rstrip() + " " + rest.strip())
                self._settle(number, again=True)
            return
        key, equals, value = rest.partition("=")
        if not equals:
            message = "not KEY=value"
            raise ValueError(message)
        self.last = (path, key.strip(), value.strip())
        self._settle(number, again=False)

    def _settle(self, number: int, *, again: bool) -> None:
        """Give the last assignment to its unit, in place of its own unfinished beginning when it was continued."""
        path, key, value = self.last
        unit = self._owner(path)
        if unit is None:
            return
        if again and key == "ExecStart" and unit.commands:
            unit.commands.pop()
        unit.set(key, value, number)

    def _owner(self, path: str) -> _Unit | None:
        """Return the unit that a file or drop-in speaks for; None when a file of higher precedence hides it."""
        folder, _, name = path.rpartition("/")
        if folder.endswith(".d"):
            return self.units.get(folder.rpartition("/")[2].removesuffix(".d"))
        unit = self.units.get(name)
        return unit if unit is not None and unit.file == path else None

    def _finish(self) -> None:
        self.last = ("", "", "")

    def _take_row(self, number: int, line: str) -> None:
        """Read ``ssh.service loaded active running OpenBSD Secure Shell server``."""
        words = line.lstrip(" *\u25cf\u25cb\u00d7x").split(None, _ROW) if line[:1] in " *\u25cf\u25cb\u00d7" else line.split(None, _ROW)
        if len(words) < _ROW or not words[0].endswith(_TYPES):
            message = "not a row of systemctl list-units"
            raise ValueError(message)
        name, load, active, sub = words[:_ROW]
        if name in self.rows:
            message = f"{name[:80]!r} is listed twice"
            raise ValueError(message)
        description = words[_ROW].strip() if len(words) > _ROW else ""
        self.rows[name] = _Row(line=number, load=load, active=active, sub=sub, description=description)


def _template(name: str) -> str:
    """Return the template an instance is made from: ``x@.service`` for ``x@1.service``."""
    stem, at, rest = name.partition("@")
    return f"{stem}@.{rest.rpartition('.')[2]}" if at else name


def _trigger_names(name: str) -> tuple[str, ...]:
    """Return the units that would start a service on demand."""
    stem = name.removesuffix(".service")
    return (f"{stem}.socket", f"{stem}.timer", f"{stem}.path") if name.endswith(".service") else ()


def _start(unit: _Unit, listing: _Listing, enabled: set[str]) -> StartMode:
    """Tell whether a unit starts by itself, as systemctl(1) is-enabled tells it from files."""
    if unit.kind == "masked":
        return StartMode.MASKED
    if unit.name in enabled:
        return StartMode.AUTOMATIC
    if any(one in enabled for one in _trigger_names(unit.name)):
        return StartMode.MANUAL
    if unit.kind == "broken":
        return StartMode.UNKNOWN
    return StartMode.DISABLED if unit.has_install else StartMode.MANUAL


def _enabled(listing: _Listing) -> set[str]:
    """Return the names that something pulls in, and templates with an instance that is."""
    names = set(listing.wanted)
    names.update(_template(name) for name in listing.wanted)
    for unit in listing.units.values():
        if any(alias in listing.links or alias in listing.wanted for alias in unit.aliases):
            names.add(unit.name)
    return names


def _is_second_name(unit: _Unit, contents: set[object]) -> bool:
    """Tell whether a link only gives another unit one more name."""
    return unit.kind == "link" and unit.content in contents


def _service(unit: _Unit, name: str, start: StartMode, row: _Row | None, *, asked: bool) -> Service:
    commands = " ; ".join(unit.commands)
    return Service(
        name=name,
        manager=ServiceManager.SYSTEMD,
        start=start,
        is_running=row.is_running if row is not None else (False if asked else None),
        state=f"{row.load} {row.active} {row.sub}" if row is not None else "",
        description=row.description if row is not None else unit.description,
        command=commands or None,
        file=unit.file or None,
        user=unit.user,
    )


def _services(listing: _Listing) -> list[tuple[int, Service]]:
    enabled = _enabled(listing)
    contents: set[object] = {unit.content for unit in listing.units.values() if unit.kind == "unit"}
    asked = bool(listing.rows)
    found: list[tuple[int, Service]] = []
    for name, unit in listing.units.items():
        row = listing.rows.get(name)
        if row is None and _is_second_name(unit, contents):
            continue
        start = _start(unit, listing, enabled)
        found.append((row.line if row else unit.line, _service(unit, name, start, row, asked=asked)))
    # Instances of templates that are wanted or loaded, and units that no file stands for any more.
    others = dict.fromkeys([*sorted(listing.wanted), *listing.rows])
    for name in others:
        row = listing.rows.get(name)
        if name in listing.units or not name.endswith(_TYPES) or (row is not None and row.load == "not-found"):
            continue
        template = listing.units.get(_template(name))
        if template is None and row is None:
            # A link to a unit that is not there any more starts nothing.
            continue
        unit = template or _Unit(name=name, line=0, file="", kind="unit")
        start = StartMode.AUTOMATIC if name in listing.wanted else StartMode.MANUAL
        found.append((row.line if row else unit.line, _service(unit, name, start, row, asked=asked)))
    return found


def parse_units(text: str) -> Parsed:
    """Read one service a unit, files and manager joined by its name."""
    listing = _Listing()
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            listing.take(number, line)
        except ValueError as error:
            listing.strange.append(unread(number, line, error))
    partial = None if listing.part == "running" else "the listing ends before what runs"
    return Parsed(facts=tuple(_services(listing)), unread=tuple(listing.strange), partial=partial)
