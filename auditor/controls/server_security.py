"""A VNC or RDP server asks who comes in, and lets nobody in over a connection in clear text.

## What it checks

Each VNC or RDP server that runs and listens (TigerVNC, TightVNC, x11vnc, wayvnc, KRfb, vino, RealVNC, xrdp), under
whatever name and on whatever port, by its own arguments and by what its configuration files say: that no security
type lets anybody in without a password (`None`, `TLSNone`, `X509None`; x11vnc without an option that asks for one;
wayvnc without `enable_auth`), and, where others than this machine reach it, that no session goes in clear text
(`VncAuth` without TLS; xrdp with `security_layer=rdp` or a `crypt_level` below `high`).

Each unit, entry or script that would start one without a password, each file of TigerVNC that tells its servers to
ask for none, and each file of VNC passwords that every account of the host can read: such a file holds the password
itself, under a key that everybody knows.

Command line beats the user's file, which beats the system's. On Windows the settings of TightVNC, UltraVNC, RealVNC
and TigerVNC are judged: that none switches authentication off. Whether a server may be there at all says
`unapproved_product`, from where it may be reached `exposed_listener`. Remote Desktop of Windows is judged by
`remote_desktop`, Screen Sharing of macOS by `screen_sharing`.

## Why it matters

Who reaches a server that asks for nothing has the screen and the keyboard (ATT&CK T1021.005). On loopback that is
every account and every program of the host. M1042 asks to switch off or restrict such features.

## How to fix

Give the server a password and TLS (`-SecurityTypes TLSVnc,X509Vnc,TLSPlain`; x11vnc: `-rfbauth FILE -ssl`; wayvnc:
`enable_auth=true` with a key; xrdp: `security_layer=tls`), or bind it to loopback, with a password, and reach it
through SSH.

## What it needs

Processes, listening sockets, services, and the settings of servers; on Linux containers too, on Windows the settings
alone.
"""

from collections.abc import Iterator
from functools import lru_cache

from auditor.catalogue.index import known_by
from auditor.controls.control import Control
from auditor.controls.server_doors import (
    Door,
    door_of,
    kind_by_options,
    lets_anyone_in,
    server_of,
    types_of,
    words_of,
)
from auditor.controls.windows_vnc import SECTION, windows_vnc
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteAccessSetting
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.sighting import Belonging, Category, Exposure, Reachability
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_SECTION = "remote_config.servers"
_FAR = (Reachability.FROM_ANYWHERE, Reachability.FROM_NETWORKS, Reachability.UNDECIDED)
_LIMITS = (
    Limit(
        id="server_arguments",
        text="Arguments are read from a command line that is parted at blanks: one with a blank in it is taken for "
        "several.",
        systems=(OsFamily.LINUX, OsFamily.MACOS),
    ),
    Limit(
        id="server_kinds",
        text="VNC inside Xorg, QEMU, compositors and KasmVNC is not judged, nor how good a password is, nor whether a "
        "server that is started by a connection encrypts it.",
        systems=(OsFamily.LINUX, OsFamily.MACOS),
    ),
    Limit(
        id="server_encryption",
        text="Whether sessions of VNC servers of Windows are encrypted is not judged.",
        systems=(OsFamily.WINDOWS,),
    ),
)
_WITH_TLS = {
    "tigervnc": "Start it with `-SecurityTypes TLSVnc,X509Vnc,TLSPlain,X509Plain`: a password, and TLS.",
    "tightvnc": "Start it with `-rfbauth FILE -localhost` and reach it through SSH, or use a server that knows TLS.",
    "x11vnc": "Start it with `-rfbauth FILE -ssl`.",
    "wayvnc": "Set `enable_auth=true`, a user, a password and a key in its configuration file.",
    "xrdp": "Set `security_layer=tls` and `crypt_level=high` in xrdp.ini.",
    "realvnc": "Set `Authentication=SystemAuth` and `Encryption=AlwaysOn`.",
}
_TUNNEL = "Bind it to loopback, with a password, and reach it through SSH or a VPN."


def _assess(case: Case) -> Assessment:
    if case.head.os is OsFamily.WINDOWS:
        return Assessment(violations=tuple(windows_vnc(case)))
    violations: dict[str, Violation] = {}
    gaps: list[Gap] = []
    running: set[tuple[str, ...]] = set()
    for exposures, found in _servers(case):
        kind = _kind(found.fact, exposures[0].port)
        if kind is None:
            gaps += _unjudged(case, found.fact, exposures[0])
            continue
        words, blanked = words_of(found.fact.arguments)
        running.add(words[1:])
        settings = _settings(case, kind, found.fact.user)
        door = door_of(kind, words[1:], blanked, {key: _values(rows) for key, rows in settings.items()})
        if any(one.belongs is not Belonging.HOST for one in exposures):
            door = _in_container(kind, words, door)
        gap = _gap(case, kind, door, exposures)
        violation = None if gap else _violation(case, kind, door, exposures, found, settings)
        if gap is not None:
            gaps.append(gap)
        if violation is not None:
            violations.setdefault(violation.subject, violation)
    for one in (*_starters(case, running), *_files(case)):
        violations.setdefault(one.subject, one)
    return Assessment(violations=tuple(violations.values()), gaps=tuple(gaps))


def _servers(case: Case) -> Iterator[tuple[tuple[Exposure, ...], Found[Process]]]:
    """Yield each process that listens by TCP, with the sockets of one port after the other.

    Ports of X11 and of the viewer over HTTP, which servers of VNC open beside their own, are left out.
    """
    sockets: dict[int, dict[int, list[Exposure]]] = {}
    for one in case.exposures:
        if one.protocol == "tcp" and one.pid is not None:
            sockets.setdefault(one.pid, {}).setdefault(one.port, []).append(one)
    for found in case.reading.found(Process):
        listening = sockets.get(found.fact.pid)
        if listening is None:
            continue
        displays = _displays(found.fact.arguments) if ":" in found.fact.arguments else frozenset()
        beside = [port for port in listening if port in _VIEWERS or port in displays]
        for port in sorted(set(listening).difference(beside) or listening):
            yield tuple(listening[port]), found


def _displays(arguments: str) -> frozenset[int]:
    """Return the ports of the X servers' displays that a command line names."""
    return frozenset(_X11 + int(word[1:]) for word in words_of(arguments)[0][1:] if _is_display(word))


_X11 = 6000
_VIEWERS = frozenset(range(5800, 5900))
_DISPLAY_LENGTH = 6


def _is_display(word: str) -> bool:
    """Tell the word that names an X server's display, such as ``:1``."""
    return word.startswith(":") and word[1:].isascii() and word[1:].isdigit() and len(word) <= _DISPLAY_LENGTH


def _kind(process: Process, port: int) -> str | None:
    """Return what kind of server a process that listens is: by its program, or by its options."""
    said = (process.executable or "", process.arguments, process.name)
    is_short = len(said[0]) + len(said[1]) + len(said[2]) <= _KEPT_LENGTH
    kind = _kind_before(*said) if is_short else _kind_of(*said)
    return "dconf" if kind == "gnome" and port not in _RDP else kind


_KEPT_LENGTH = 1024
"""Characters of a process's names and words that are remembered: what one host says must take no memory for long."""


def _kind_of(executable: str, arguments: str, name: str) -> str | None:
    words, _ = words_of(arguments)
    for program in (executable, words[0] if words else "", name):
        kind = server_of(program)
        if kind is not None:
            return kind
    return kind_by_options(words[1:])


_kind_before = lru_cache(maxsize=512)(_kind_of)
"""The same for what comes again: hosts of one build have the same listen."""


def _unjudged(case: Case, process: Process, exposure: Exposure) -> Iterator[Gap]:
    """Say of a VNC or RDP server of a kind that nothing is known of that it is not judged.

    Whose command is known is judged by that: what systemd and xinetd start, and what runs in a container.
    """
    program = (process.executable or process.name).rpartition("/")[2]
    categories = {one.sighting.product: one.sighting.category for one in case.products}
    is_server = categories.get(exposure.product or "") in (Category.VNC, Category.RDP)
    if is_server and program not in _NO_DOORS and exposure.belongs is not Belonging.PUBLISHED:
        yield Gap(
            section="processes.*",
            outcome=Outcome.PARTIAL,
            reason=f"how {exposure.product_name or exposure.product} on port {exposure.port} lets people in is not "
            f"known: {program[:60]!r} is none of the servers that are judged",
            advice="Find out what it is, and look at its settings by hand.",
        )


_NO_DOORS = frozenset(("systemd", "xinetd", "inetd", "init", "xrdp-sesman", "sshd", "docker-proxy"))
_RDP = range(3389, 3400)
"""Where GNOME's daemon serves RDP: the first that is free from 3389 on; on another port it may be VNC."""


_Rows = dict[str, list[Found[RemoteAccessSetting]]]


def _settings(case: Case, kind: str, user: str) -> _Rows:
    """Return what files say to servers of a kind that an account runs, by key in lower case."""
    rows: _Rows = {}
    for found in case.reading.found(RemoteAccessSetting):
        if found.section == _SECTION and found.fact.product == kind and found.fact.user in (None, user):
            rows.setdefault(found.fact.key.lower(), []).append(found)
    return rows


def _values(rows: list[Found[RemoteAccessSetting]]) -> frozenset[str]:
    """Return the values of a key: a user's own where there are such, of each file the last."""
    own = [one.fact for one in rows if one.fact.user is not None] or [one.fact for one in rows]
    return frozenset({one.file: one.value for one in own}.values())


def _in_container(kind: str, words: tuple[str, ...], door: Door) -> Door:
    """Say what is known where a server's files are a container's, which nobody reads."""
    if kind in ("tigervnc", "tightvnc") or (kind == "x11vnc" and ("-nopw" in words or door.asks)):
        return door
    return Door(asks=None, encrypts=None, because="it runs in a container, whose files are not read")


def _is_far(exposures: tuple[Exposure, ...]) -> bool:
    return any(one.reachability in _FAR for one in exposures)


def _gap(case: Case, kind: str, door: Door, exposures: tuple[Exposure, ...]) -> Gap | None:
    """Return why a server cannot be judged; None where it can."""
    section = case.reading.sections.get(_SECTION)
    # A file that was not seen may hold what asks for a password: its lack is not known then.
    reads_files = kind in ("x11vnc", "wayvnc", "xrdp", "realvnc") and (door.asks is False or kind != "x11vnc")
    is_blind = reads_files and (section is None or section.outcome.is_gap)
    is_told = door.asks is not None and (door.encrypts is not None or not _is_far(exposures))
    if is_told and not is_blind:
        return None
    why = "its files were not all read" if is_told else door.because
    return Gap(
        section=_SECTION,
        outcome=Outcome.PARTIAL,
        reason=f"how the {kind} server on port {exposures[0].port} lets people in cannot be told: {why}",
        advice="Look at its settings by hand, or audit the host as root or with sudo.",
    )


def _violation(
    case: Case, kind: str, door: Door, exposures: tuple[Exposure, ...], found: Found[Process], settings: _Rows
) -> Violation | None:
    first = exposures[0]
    name = first.product_name or first.process or kind
    is_far = _is_far(exposures)
    if door.asks is False:
        reason = f"{name} on port {first.port} lets in whoever reaches it, because {door.because}."
        severity = Severity.CRITICAL if is_far else Severity.MEDIUM
    elif door.encrypts is False and is_far:
        reason = f"{name} on port {first.port} lets sessions go in clear text, because {door.because}."
        severity = Severity.MEDIUM
    else:
        return None
    rows = [row for key in sorted(settings) for row in settings[key]]
    return Violation(
        subject=f"listener:tcp/{first.port}",
        reason=reason,
        proof=(
            case.reading.quote(found),
            *(one.proof for one in exposures if one.proof is not None),
            *(case.reading.quote(row) for row in rows[:4]),
        ),
        remediation=tuple(step for step in (_WITH_TLS.get(kind), _TUNNEL) if step),
        severity=severity,
        product=first.product,
    )


_SEPARATORS = frozenset((";", "&", "&&", "|", "||"))
_SHORT = 500
"""Characters of a command line whose reading is kept."""
_STARTING_NONE: set[str | bytes] = set()
_MANY = 4096
"""Long command lines that are known to start no server, by their digests, and how many are remembered."""


def _starters(case: Case, running: set[tuple[str, ...]]) -> Iterator[Violation]:
    """Yield each unit, entry or script whose command plainly starts a server that asks for nothing."""
    on_demand = {one.starts for one in case.reading.of(Service) if one.starts}
    section = case.reading.sections.get(_SECTION)
    is_blind = section is None or section.outcome.is_gap
    for found in case.reading.found(Service):
        one = found.fact
        starts = one.start is StartMode.AUTOMATIC or one.name in on_demand or one.manager is ServiceManager.XINETD
        if not starts or one.is_running or not one.command:
            continue
        for kind, words in _commands_of(one.command):
            told = {key: _values(rows) for key, rows in _settings(case, kind, one.user or "root").items()}
            if words in running or kind not in ("tigervnc", "tightvnc", "x11vnc") or (is_blind and kind == "x11vnc"):
                continue
            door = door_of(kind, words, False, told)  # noqa: FBT003
            if door.asks is False:
                yield Violation(
                    subject=f"service:{one.name}",
                    reason=f"{one.name} starts a VNC server that lets in whoever reaches it, because {door.because}.",
                    proof=(case.reading.quote(found),),
                    remediation=(_WITH_TLS[kind], "Or remove what starts it."),
                    severity=Severity.MEDIUM if {"-localhost", "--localhost"} & set(words) else Severity.HIGH,
                    product=kind,
                )


def _commands_of(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the servers that a command line or a script starts, with their words; hosts share most services.

    Of a long one that starts none, as most scripts of a boot are, that alone is kept.
    """
    if len(text) <= _SHORT:
        return _read_before(text)
    key = known_by(text)
    if key in _STARTING_NONE:
        return ()
    found = _commands(text)
    if not found:
        if len(_STARTING_NONE) >= _MANY:
            _STARTING_NONE.clear()
        _STARTING_NONE.add(key)
    return found


def _commands(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[str, ...]]] = []
    words = [word.strip("\"'") for word in text.replace(";", " ; ").split()]
    at = 0
    while at < len(words):
        kind = server_of(words[at])
        at += 1
        if kind is None:
            continue
        begin = at
        while at < len(words) and words[at] not in _SEPARATORS and not words[at].startswith((">", "2>", "<")):
            at += 1
        # A word that is not an option follows a program that is looked for or stopped, not started.
        if begin < at or kind == "x11vnc":
            found.append((kind, tuple(words[begin:at])))
    return tuple(found)


_read_before = lru_cache(maxsize=512)(_commands)


def _files(case: Case) -> Iterator[Violation]:
    """Yield what files say to servers that are started by and by, and files of passwords that all can read."""
    told = [one for one in case.reading.found(RemoteAccessSetting) if one.section == _SECTION]
    types = [one for one in told if one.fact.product == "tigervnc" and one.fact.key.lower() == "securitytypes"]
    forced = [one for one in types if one.fact.file.endswith("/vncserver-config-mandatory")]
    for found in (forced or types)[:50]:
        if lets_anyone_in(types_of(found.fact.value)):
            yield Violation(
                subject=f"setting:{found.fact.file}",
                reason=f"VNC servers that {found.fact.file} is read for ask for no password (SecurityTypes).",
                proof=(case.reading.quote(found),),
                remediation=("Take `None`, `TLSNone` and `X509None` out of SecurityTypes.",),
                severity=Severity.MEDIUM,
                product="tigervnc",
            )
    for found in told:
        if found.fact.key == "password file" and _all_can_read(found.fact.value):
            yield Violation(
                subject=f"setting:{found.fact.file}",
                reason=f"Every account of the host can read the VNC password in {found.fact.file}.",
                proof=(case.reading.quote(found),),
                remediation=(f"`chmod 600 {found.fact.file}`, and set another password.",),
                severity=Severity.MEDIUM,
            )


def _all_can_read(value: str) -> bool:
    """Tell by the modes of a file, its folder and the home, ten characters each, whether others read the file."""
    modes = value.partition(" ")[0]
    file, folder, home = modes[:10], modes[11:21], modes[22:32]
    return file[7:8] == "r" and folder[9:10] in ("x", "t") and home[9:10] in ("x", "t")


CONTROL = Control(
    id="server_security",
    title="VNC and RDP servers ask who comes in, and not in clear text",
    mitigation=Mitigation.M1042,
    techniques=("T1021.005",),
    programme=("T1021.001",),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("AC-17", "CM-7", "IA-2", "SC-8"),
        "CIS Controls v8.1": ("3.10", "4.8"),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("processes.*", "sockets.*", "services.*", "containers.*", _SECTION),
        OsFamily.MACOS: ("processes.macos", "sockets.macos", "services.launchd", _SECTION),
        OsFamily.WINDOWS: (SECTION,),
    },
    limits=_LIMITS,
    assess=_assess,
    manual=__doc__,
)
