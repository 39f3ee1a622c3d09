"""Read the listing that the systemd collector prints: files, links and the manager's own rows become services."""

from dataclasses import dataclass, field

from auditor.collect.collector import fields, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.reading import Parsed
from auditor.model.record import Record

TYPES = (".service", ".socket", ".timer", ".path")
_KINDS = ("unit", "masked", "broken")
_ROW = 4
_COLUMNS, _SOCKET_COLUMNS, _GONE_COLUMNS = 7, 9, 3
_LISTENS = {"ListenStream": "tcp", "ListenDatagram": "udp"}
# What may stand before a program's path in ExecStart= (systemd.service(5)).
_PREFIXES = "-@:+!|"
# What systemctl puts before a unit that failed or is not found, in a plain listing too where it is old.
_BULLETS = "*x\u25cf\u25cb\u00d7\u21bb "


@dataclass(slots=True, kw_only=True)
class Unit:
    """One unit as its files describe it, drop-ins included."""

    name: str
    line: int
    file: str
    kind: str
    commands: list[str] = field(default_factory=list)
    description: str = ""
    user: str | None = None
    aliases: tuple[str, ...] = ()
    has_install: bool = False
    hides_another: bool = False
    """Whether it is a mask that hides a file which defines the unit."""
    listens: tuple[str, ...] = ()
    """What a socket unit listens on; ``-`` first where a drop-in takes the unit's own away."""
    starts: str = ""
    """Unit that a socket unit names to be started."""
    files: list[str] = field(default_factory=list)
    """Its file, then its drop-ins."""
    is_elsewhere: bool = False
    """Whether it starts more than its commands, or with other folders than the host's: what is missing says nothing."""

    @property
    def command(self) -> str:
        """Return every command, in the order they are run."""
        return " ; ".join(self.commands)

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the ports of the network it listens on: sockets of the file system have none (systemd.socket(5))."""
        found: dict[str, None] = {}
        for one in self.listens:
            key, _, address = one.partition("=")
            port = address.rpartition(":")[2]
            if key in _LISTENS and port.isascii() and port.isdigit() and not address.startswith("vsock:"):
                found[f"{port}/{_LISTENS[key]}"] = None
        return tuple(found)

    @property
    def content(self) -> tuple[str, str, str | None]:
        """Return what two names of one file have in common."""
        return self.command, self.description, self.user

    def override(self, drop_in: "Unit", *, resets: bool) -> None:
        """Take a drop-in's settings in: its commands come after the unit's own, or in their place."""
        if resets:
            self.commands.clear()
        self.commands += drop_in.commands
        self.user = drop_in.user or self.user
        self.listens = drop_in.listens if "-" in drop_in.listens else self.listens + drop_in.listens
        self.starts = drop_in.starts or self.starts
        self.description = drop_in.description or self.description
        self.files += drop_in.files
        self.is_elsewhere = self.is_elsewhere or drop_in.is_elsewhere

    @property
    def programs(self) -> tuple[str, ...]:
        """Return what each of its commands starts, as it stands there; empty for one that is given to a shell."""
        parts = [part.strip() for command in self.commands for part in command.split(" ; ")]
        heads = [(part, part.lstrip(_PREFIXES)) for part in parts if part]
        return tuple("" if "|" in part[: len(part) - len(rest)] else rest.partition(" ")[0] for part, rest in heads)


class Row(Record, kw_only=True):
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
class Listing:
    """The listing while it is read."""

    units: dict[str, Unit] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    """Paths of units that are symbolic links."""
    rows: dict[str, Row] = field(default_factory=dict)
    strange: list[Unread] = field(default_factory=list)
    drop_ins: list[tuple[str, Unit, bool]] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    """Units that are not listed themselves, for which drop-ins speak."""
    gone: dict[str, dict[str, int]] = field(default_factory=dict)
    """Programs that are not there: by the file that names each, the line that says so."""
    is_running: bool = False
    was_asked: bool = False
    """Whether systemctl was asked, which has something to tell wherever systemd runs."""

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if self.is_running:
            if line == "systemctl" and not self.was_asked:
                self.was_asked = True
            else:
                self._take_row(number, line)
            return
        word, _, rest = line.partition("\t")
        if word in _KINDS:
            self._take_unit(number, line)
        elif word == "wanted":
            self.wanted.add(rest.rpartition("/")[2])
        elif word == "link":
            self.links.add(rest)
        elif word == "gone":
            _, file, program = fields(line, _GONE_COLUMNS)
            self.gone.setdefault(program, {}).setdefault(file, number)
        elif line == "running":
            self.is_running = True
        else:
            message = "not a line of the listing's head"
            raise ValueError(message)

    def _take_unit(self, number: int, line: str) -> None:
        """Read kind, file, flags, user, aliases, command and description; of a socket what it listens on and starts."""
        columns = line.split("\t")
        if len(columns) != _SOCKET_COLUMNS:
            columns = [*fields(line, _COLUMNS), "", ""]
        kind, file, flags, user, aliases, command, description, listens, starts = columns
        folder, _, name = file.rpartition("/")
        unit = Unit(
            name=name,
            line=number,
            file=file,
            kind=kind,
            commands=[command] if command else [],
            description=description,
            user=user or None,
            aliases=tuple(aliases.split()),
            has_install="i" in flags,
            listens=tuple(listens.split()),
            starts=starts,
            files=[file],
            is_elsewhere="x" in flags,
        )
        if folder.endswith(".d"):
            # Drop-ins come after the units of their own folder, and may speak for one of a later folder.
            self.drop_ins.append((folder.rpartition("/")[2].removesuffix(".d"), unit, "r" in flags))
        elif name.endswith(TYPES):
            # Folders come in the order of precedence: the first file of a name is the one that counts.
            first = self.units.setdefault(name, unit)
            first.hides_another = first.hides_another or (first.kind == "masked" and kind != "masked")
        else:
            message = "not a unit of a kind that was asked for"
            raise ValueError(message)

    def settle(self) -> None:
        """Apply the drop-ins, those of the lower folders first."""
        for name, drop_in, resets in reversed(self.drop_ins):
            if name not in self.units:
                self.others.add(name)
            elif drop_in.kind == "unit":
                self.units[name].override(drop_in, resets=resets)

    def loss_of(self, unit: Unit) -> int | None:
        """Return the line that says of a unit that nothing it starts is there; None where that is not known.

        A socket, timer or path starts nothing where none of the units does that it would start.
        """
        if unit.kind != "unit" or not unit.file or unit.is_elsewhere or self.is_altered(unit.name):
            return None
        if not unit.commands:
            started = [one for name in _started_by(unit) if (one := self.units.get(name)) is not None]
            return unit.line if started and all(self.loss_of(one) is not None for one in started) else None
        programs = unit.programs
        if not programs or not self.gone.keys() >= set(programs):
            return None
        lines = self.gone[programs[0]]
        return next((lines[file] for file in unit.files if file in lines), unit.line)

    def is_altered(self, name: str) -> bool:
        """Tell whether a drop-in speaks for a unit that was not applied to it: of an instance, a prefix, a home."""
        return name in self.others or any(
            one.endswith("-.service") and name.startswith(one.removesuffix(".service")) for one in self.others
        )

    def _take_row(self, number: int, line: str) -> None:
        """Read ``ssh.service loaded active running OpenBSD Secure Shell server``."""
        words = line.split(None, _ROW + 1)
        # A bullet is a word of its own.
        words = words[1:] if words and words[0] in _BULLETS else line.split(None, _ROW)
        if len(words) < _ROW or not words[0].endswith(TYPES):
            message = "not a row of systemctl list-units"
            raise ValueError(message)
        name, load, active, sub = words[:_ROW]
        if name in self.rows:
            message = f"{name[:80]!r} is listed twice"
            raise ValueError(message)
        description = words[_ROW].strip() if len(words) > _ROW else ""
        self.rows[name] = Row(line=number, load=load, active=active, sub=sub, description=description)


def _started_by(unit: Unit) -> tuple[str, ...]:
    """Return the names of services that a unit of another kind may start."""
    stem, _, kind = unit.name.rpartition(".")
    if kind == "service":
        return ()
    if unit.starts:
        return (unit.starts,) if unit.starts.endswith(".service") else ()
    return f"{stem}.service", f"{stem}@.service"


def template_of(name: str) -> str:
    """Return the template an instance is made from: ``x@.service`` for ``x@1.service``."""
    stem, at, rest = name.partition("@")
    return f"{stem}@.{rest.rpartition('.')[2]}" if at else name


def _trigger_names(name: str) -> tuple[str, ...]:
    """Return the units that would start a service on demand."""
    stem = name.removesuffix(".service")
    return (f"{stem}.socket", f"{stem}.timer", f"{stem}.path") if name.endswith(".service") else ()


def start_of(unit: Unit, enabled: set[str]) -> StartMode:
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


def enabled_of(listing: Listing, administered: tuple[str, ...] = ("/etc/", "/run/")) -> set[str]:
    """Return the names that something pulls in, and templates with an instance that is."""
    names = set(listing.wanted)
    names.update(template_of(name) for name in listing.wanted)
    # A link that an administrator's `enable` made for an alias; those that a package ships say nothing.
    installed = {path.rpartition("/")[2] for path in listing.links if path.startswith(administered)}
    for unit in listing.units.values():
        if any(alias in installed for alias in unit.aliases):
            names.add(unit.name)
    return names


def is_second_name(unit: Unit, listing: Listing, contents: set[object]) -> bool:
    """Tell whether a link only gives another unit one more name."""
    return unit.kind == "unit" and unit.file in listing.links and unit.content in contents


def service_of(
    unit: Unit, name: str, start: StartMode, row: Row | None = None, *, asked: bool = False, is_gone: bool = False
) -> Service:
    """Make a service of what is known of a unit, or of an instance of it."""
    # What cannot be started is tried again and again, which is no running.
    is_running = row is not None and row.is_running and not (is_gone and row.sub.startswith("auto-restart"))
    return Service(
        name=name,
        manager=ServiceManager.SYSTEMD,
        start=start,
        is_running=is_running if row is not None or asked else None,
        state=f"{row.load} {row.active} {row.sub}" if row is not None else "",
        description=row.description if row is not None else unit.description,
        command=unit.command.lstrip(_PREFIXES) or None,
        file=unit.file or None,
        user=unit.user,
        ports=unit.ports,
        starts=unit.starts or None,
        is_defined=unit.kind != "masked" or unit.hides_another,
        is_program_gone=is_gone,
    )


def placed(
    listing: Listing, unit: Unit, name: str, start: StartMode, row: Row | None = None, *, asked: bool = False
) -> tuple[int, Service]:
    """Return a service behind the line that shows it best: that its program is gone, else what runs, else its file."""
    loss = None if listing.is_altered(name) else listing.loss_of(unit)
    service = service_of(unit, name, start, row, asked=asked, is_gone=loss is not None)
    if loss is not None and service.is_left_over:
        return loss, service
    return row.line if row else unit.line, service


def _services(listing: Listing) -> list[tuple[int, Service]]:
    enabled = enabled_of(listing)
    contents: set[object] = {unit.content for unit in listing.units.values() if unit.file not in listing.links}
    asked = bool(listing.rows)
    found: list[tuple[int, Service]] = []
    for name, unit in listing.units.items():
        row = listing.rows.get(name)
        if row is None and is_second_name(unit, listing, contents):
            continue
        start = start_of(unit, enabled)
        found.append(placed(listing, unit, name, start, row, asked=asked))
    # Instances of templates that are wanted or loaded, and units that no file stands for any more.
    others = dict.fromkeys([*sorted(listing.wanted), *listing.rows])
    for name in others:
        row = listing.rows.get(name)
        if name in listing.units or not name.endswith(TYPES) or (row is not None and row.load == "not-found"):
            continue
        template = listing.units.get(template_of(name))
        if template is None and row is None:
            # A link to a unit that is not there any more starts nothing.
            continue
        unit = template or Unit(name=name, line=0, file="", kind="unit")
        start = StartMode.AUTOMATIC if name in listing.wanted else StartMode.MANUAL
        found.append(placed(listing, unit, name, start, row, asked=asked))
    return found


def _doubt(listing: Listing) -> str | None:
    """Say what the listing lacks although every line was understood."""
    closed = [unit.file for unit in listing.units.values() if unit.kind == "broken" and unit.file not in listing.links]
    doubts = []
    if closed:
        doubts.append(f"unit files that could not be read: {len(closed)} ({closed[0]} the first)")
    if not listing.is_running:
        doubts.append("the listing ends before what runs")
    if listing.was_asked and not listing.rows:
        doubts.append("systemctl told nothing: what runs is not known")
    return "; ".join(doubts) or None


def parse_units(text: str) -> Parsed:
    """Read one service a unit, files and manager joined by its name."""
    listing = Listing()
    take_lines(text, listing.take, listing.strange)
    listing.settle()
    return Parsed(facts=tuple(_services(listing)), unread=tuple(listing.strange), partial=_doubt(listing))
