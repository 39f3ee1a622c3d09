"""Daemons and agents of launchd, of the system and of every user: what starts them, and whether they run now.

Property lists are those of launchd.plist(5); what launchd has loaded, and what is switched off in its own database,
which counts before the list's ``Disabled``, says ``launchctl print`` (launchctl(1), whose output is for people and is
held to what macOS 13 to 26 print). Jobs that Apple ships are left out but for those that let somebody in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, fields, take_lines, unread
from auditor.collect.homes import HOMES, READ_AS, Origin, origin_of, with_limits
from auditor.collect.property_lists import END, MARK, PLIST_ROWS, plist_row
from auditor.model.evidence import Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Arguments stand in one row, for the rules of redaction read a line at a time. A Program whose path holds a sign that
# XML writes otherwise is not looked for.
_NAMED = (
    "^/(Label|Program|UserName|Disabled|RunAtLoad|KeepAlive|StartInterval|StartOnMount)$"
    "|^/(KeepAlive|StartCalendarInterval)/|^/Sockets/.*/Sock(ServiceName|PathName|Type|Protocol)$"
)
_JOINED = "^/ProgramArguments$"
_MACOS = r"""
need plutil awk launchctl
# shellcheck disable=SC2016 # for a shell of the account
launchd_read='
    reader=$1
    shift
    part=$(printf "\t") end="
"
    count=0
    for folder; do
        if [ -d "$folder" ] && ! ls "$folder" >/dev/null 2>&1; then printf "shut\t%s\n" "$folder"; continue; fi
        for file in "$folder"/*.plist "$folder"; do
            case $file in *.plist) [ -f "$file" ] || continue ;; *) continue ;; esac
            case $file in *"$part"* | *"$end"*) printf "odd\n"; continue ;; esac
            count=$((count + 1))
            [ "$count" -le 300 ] || { printf "many\n"; break 2; }
            printf "job\t%s\n" "$file"
            rows=$(plutil -convert xml1 -o - -- "$file" 2>/dev/null | head -c 200000 |
                awk -v named="@NAMED@" -v joined="@JOINED@" "$reader")$end
            printf "%s" "$rows"
            program=
            for key in Program ProgramArguments; do
                case $rows in *"$part$key$end"*) ;; *) continue ;; esac
                program=${rows%%"$part$key$end"*}
                program=${program##*"$part"}
                break
            done
            case $program in
                \"*) program=${program#?} program=${program%%\"*} ;;
                *) [ "$key" = Program ] || program=${program%% *} ;;
            esac
            case $program in *"&"*) ;; /*) [ -e "$program" ] || printf "gone\n" ;; esac
        done
    done
    exit 0
'
# What is loaded, and what the database of what is switched off says, each row behind whose it is.
# Of a session that is not there launchctl says so, and ends with 112, 113 or 125, as its version has it.
launchd_loaded() {
    launchd_said=$(launchctl print "$1" 2>&1)
    case $? in
        0) ;;
        112 | 113 | 125) printf 'not-there\t%s\n' "$1"; return ;;
        *) case $launchd_said in
            *"ould not find domain"*) printf 'not-there\t%s\n' "$1" ;;
            *) printf 'strange\t%s\n' "$1" ;;
        esac
        return ;;
    esac
    printf '%s\n' "$launchd_said" | awk -v whose="$1" '
        /^\t(disabled )?services = \{/ { inside = /disabled/ ? "disabled" : "loaded"; seen[inside] = 1; next }
        /^\t\}/ { inside = ""; next }
        inside == "loaded" {
            pid = $1
            name = $0
            sub(/.*\t/, "", name)
            if (name ~ /^com[.]apple[.]/ && name !~ /^com[.]apple[.](screensharing|AEServer|RemoteDesktop)/) next
            if (name ~ /^application[.]/) next
            print "loaded\t" whose "\t" pid "\t" name
        }
        inside == "disabled" {
            name = $0
            sub(/^[^"]*"/, "", name)
            sub(/" => [a-z]+$/, "", name)
            word = $0 ~ / => (disabled|true)$/ ? "off" : $0 ~ / => (enabled|false)$/ ? "on" : "strange"
            print "switched\t" whose "\t" word "\t" name
        }
        END { if (!seen["loaded"]) print "strange\t" whose }
    '
}
launchd_loaded system
daemons=/System/Library/LaunchDaemons agents=/System/Library/LaunchAgents
sh -c "$launchd_read" sh "$plist_awk" /Library/LaunchDaemons /Library/LaunchAgents \
    "$daemons/com.apple.screensharing.plist" "$daemons/ssh.plist" "$daemons/com.apple.AEServer.plist" \
    "$agents/com.apple.screensharing.agent.plist" "$agents/com.apple.RemoteDesktop.plist"
look() {
    read_as "$@" "$launchd_read" "$plist_awk" Library/LaunchAgents
    # read_as has found out the number of an account that no file tells.
    case $home_uid in
        '' | *[!0-9]*) ;;
        *) if [ "$uid" = 0 ] || [ "$uid" = "$home_uid" ]; then launchd_loaded "gui/$home_uid"
            printf 'session\t%s\t%s\n' "$4" "gui/$home_uid"; fi ;;
    esac
}
each_home look
printf 'asked\n'
"""
# Names that SockServiceName may have (services(5), IANA): of others the port is not known.
_PORTS: Mapping[str, int] = {
    "ssh": 22, "vnc-server": 5900, "rfb": 5900, "eppc": 3031, "net-assistant": 3283, "ftp": 21, "telnet": 23,
    "http": 80, "https": 443, "exec": 512, "login": 513, "shell": 514, "tftp": 69, "bootps": 67, "ntp": 123,
    "smb": 445, "microsoft-ds": 445, "netbios-ssn": 139, "afpovertcp": 548, "printer": 515, "ipp": 631, "domain": 53,
    "ms-wbt-server": 3389,
}  # fmt: skip
_STARTS = ("RunAtLoad", "KeepAlive", "StartInterval", "StartCalendarInterval", "StartOnMount")
"""Keys by which a job starts with the machine, the session or the clock."""
_LAST_PORT = 65_535
_SYSTEM = "system"


@dataclass(slots=True)
class _Job:
    """A property list as far as it was read."""

    line: int
    file: str
    origin: Origin | None
    values: dict[tuple[str, ...], str] = field(default_factory=dict)
    is_gone: bool = False
    is_whole: bool = False

    def value(self, key: str) -> str:
        """Return what stands under a key of the list itself; empty where it is not there."""
        return self.values.get((key,), "")

    def has(self, key: str) -> bool:
        """Tell whether something stands under a key, or below it, that is not false."""
        return any(path[0] == key and (path[1:] or value != "false") for path, value in self.values.items())

    def sockets(self) -> Iterator[tuple[str, str]]:
        """Yield the service and the words for the protocol of each of its sockets."""
        sockets: dict[tuple[str, ...], dict[str, str]] = {}
        for path, value in self.values.items():
            if path[0] == "Sockets":
                sockets.setdefault(path[:-1], {})[path[-1]] = value
        for one in sockets.values():
            if "SockServiceName" in one:
                yield one["SockServiceName"], f"{one.get('SockType')} {one.get('SockProtocol')}"


@dataclass(slots=True)
class _Listing:
    """What the rows told so far."""

    jobs: list[_Job] = field(default_factory=list)
    loaded: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    switched: dict[tuple[str, str], bool] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    lacks: list[str] = field(default_factory=list)
    is_whole: bool = False

    def take(self, number: int, origin: Origin | None, line: str) -> None:
        """Read one row; ValueError for one that is not understood."""
        kind = line.partition("\t")[0]
        if kind == "job":
            file = fields(line, 2)[1]
            self.jobs.append(_Job(line=number, file=file if origin is None else origin.path(file), origin=origin))
        elif line == "gone" or line.startswith(MARK):
            self._of_job(origin, line)
        elif kind in ("odd", "many", "shut"):
            self.lacks.append(_LACKS[kind] + (f" ({origin.home})" if origin else ""))
        elif origin is not None:
            message = f"{kind[:20]!r} does not come out of a home"
            raise ValueError(message)
        else:
            self._of_launchd(number, kind, line)

    def _of_job(self, origin: Origin | None, line: str) -> None:
        job = self.jobs[-1] if self.jobs else None
        if job is None or job.origin != origin or job.is_gone:
            message = "a row of no property list"
            raise ValueError(message)
        if line == "gone":
            job.is_gone = True
        elif line == END:
            job.is_whole = True
        else:
            value, path = plist_row(line)
            if not path or path in job.values or job.is_whole:
                message = "a value that comes twice, or behind the end of its list"
                raise ValueError(message)
            job.values[path] = value

    def _of_launchd(self, number: int, kind: str, line: str) -> None:
        if kind == "loaded":
            _, domain, pid, name = fields(line, 4)
            if not (pid.isascii() and pid.isdigit()) or not name:
                message = "a loaded job without a number or a label"
                raise ValueError(message)
            self.loaded[domain, name] = (number, pid)
        elif kind == "switched":
            _, domain, word, name = fields(line, 4)
            if word not in ("on", "off"):
                message = "neither enabled nor disabled"
                raise ValueError(message)
            self.switched[domain, name] = word == "off"
        elif kind == "session":
            _, home, domain = fields(line, 3)
            self.sessions[home] = domain
        elif kind == "not-there":
            self.absent.add(fields(line, 2)[1])
        elif kind == "strange":
            self.lacks.append(f"launchctl did not list the jobs of {fields(line, 2)[1]}")
        elif line == "asked":
            self.is_whole = True
        else:
            message = f"unknown row {kind[:20]!r}"
            raise ValueError(message)


_LACKS = {
    "odd": "a property list was left out, whose name holds a line end or a tab",
    "many": "of more than 300 property lists the first were read",
    "shut": "a folder of property lists cannot be listed",
}


def _port(service: str, how: str) -> str | None:
    """Return ``5900/tcp``; None for a name whose port is not known."""
    is_number = service.isascii() and service.isdigit() and len(service) <= len(str(_LAST_PORT))
    number = int(service) if is_number else _PORTS.get(service, 0)
    if not 0 < number <= _LAST_PORT:
        return None
    return f"{number}/{'udp' if 'dgram' in how.lower() or 'udp' in how.lower() else 'tcp'}"


def _parse(text: str) -> Parsed:
    """Read what is loaded, then the property lists; a job is both, or one of them."""
    listing = _Listing()
    strange: list[Unread] = []
    take_lines(text, lambda number, line: listing.take(number, *origin_of(line)), strange)
    facts: list[tuple[int, Service]] = []
    named: set[tuple[str, str]] = set()
    for job in listing.jobs:
        label = job.value("Label")
        if not job.is_whole or not label:
            strange.append(unread(job.line, job.file, "a property list without a label, or that cannot be read"))
            continue
        ports = [_port(*one) for one in job.sockets()]
        if None in ports:
            strange.append(unread(job.line, job.file, "it has launchd listen on a port that is not known"))
        known = tuple(dict.fromkeys(port for port in ports if port is not None))
        facts.append((job.line, _service(job, label, listing, known)))
        named.update((domain, label) for domain in _domains(job, listing))
    facts += [
        (number, _without_list(name, pid))
        for (domain, name), (number, pid) in listing.loaded.items()
        if (domain, name) not in named
    ]
    if _SYSTEM in listing.absent:
        listing.lacks.append("launchctl did not tell what is loaded")
    if not listing.is_whole:
        listing.lacks.append(ENDS_EARLY)
    return Parsed(
        facts=tuple(sorted(facts, key=lambda one: one[0])),
        unread=tuple(sorted(strange, key=lambda one: one.line)),
        partial="; ".join(dict.fromkeys(listing.lacks)) or None,
    )


def _domains(job: _Job, listing: _Listing) -> list[str]:
    """Return where launchd loads a job: the system's, or in the sessions there are of its user's, or everybody's."""
    if job.origin is not None:
        sessions = [listing.sessions.get(job.origin.home, "")]
    elif "/LaunchAgents/" in job.file:
        sessions = list(listing.sessions.values())
    else:
        return [_SYSTEM]
    return [one for one in sessions if one and one not in listing.absent]


def _service(job: _Job, label: str, listing: _Listing, ports: tuple[str, ...]) -> Service:
    domains = _domains(job, listing)
    domain = next((one for one in domains if (one, label) in listing.loaded), next(iter(domains), None))
    loaded = listing.loaded.get((domain, label)) if domain is not None else None
    override = listing.switched.get((domain, label)) if domain is not None else None
    pid = int(loaded[1]) if loaded is not None else 0
    state = "loaded" if loaded is not None else "not loaded" if domain is not None else "its user is not logged in"
    return Service(
        name=label,
        manager=ServiceManager.LAUNCHD,
        start=_start(job, is_off=override if override is not None else job.has("Disabled")),
        is_running=pid > 0,
        state=f"{state}, not-found" if job.is_gone else state,
        command=_command(job.value("Program"), job.value("ProgramArguments")),
        file=job.file,
        user=job.value("UserName") or (job.origin.account if job.origin is not None else None),
        pid=pid or None,
        ports=ports,
        is_program_gone=job.is_gone,
    )


def _command(program: str, arguments: str) -> str | None:
    """Return what is run: ``Program`` where it is named, whatever the first argument says (launchd.plist(5))."""
    if not program:
        return arguments or None
    closing = arguments.find('"', 1) + 1 if arguments.startswith('"') else arguments.find(" ")
    rest = arguments[closing:].strip() if closing > 0 else ""
    shown = f'"{program}"' if " " in program else program
    return f"{shown} {rest}" if rest else shown


def _start(job: _Job, *, is_off: bool) -> StartMode:
    if is_off:
        return StartMode.DISABLED
    return StartMode.AUTOMATIC if any(map(job.has, _STARTS)) else StartMode.MANUAL


def _without_list(label: str, pid: str) -> Service:
    """Return a job that is loaded from elsewhere: out of an app (ServiceManagement), or its list was deleted since."""
    return Service(
        name=label,
        manager=ServiceManager.LAUNCHD,
        start=StartMode.UNKNOWN,
        is_running=int(pid) > 0,
        state="loaded",
        pid=int(pid) or None,
    )


PLUGIN = Collector(
    id="services.launchd",
    facts=(Service,),
    scripts={OsFamily.MACOS: _MACOS.replace("@NAMED@", _NAMED).replace("@JOINED@", _JOINED)},
    shared=(HOMES, READ_AS, PLIST_ROWS),
    parse=with_limits(_parse),
    advice="Run the audit as root or with sudo: agents lie in the homes of users.",
)
