"""Remote logons of the last 30 days, from the log files of remote-access servers.

Read are xrdp's session manager, VNC servers (the system's logs, and those in ``~/.vnc`` and its kin, with the rights of
their account), RealVNC, TeamViewer's incoming connections and AnyDesk's connection trace; of rotated logs the newest
that is not packed. Most of these write the host's own time: its offset of today is taken for all of the 30 days.
"""

from dataclasses import dataclass, field
from datetime import datetime

from auditor.collect.collector import ENDS_EARLY, Collector, lines_of, unread
from auditor.collect.homes import HOMES, READ_AS, origin_of, with_limits
from auditor.collect.logons.lines import MANY, PATTERN, SINCE_DAYS, Log, epoch, instant, written, zone
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.logons import RemoteLogon
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

# Of each file the last 400 lines that tell of a logon; a line of TigerVNC has its time in a line above it.
_SCRIPT = r"""
server_logs_awk='
function server_logs(kind, file,    line, lines, count, at, stamp, known) {
    count = lines = known = 0
    stamp = ""
    while ((getline line < file) > 0) {
        if (++lines > 300000) break
        sub(/\r$/, "", line)
        if (kind == "vnc" && line ~ /^[A-Z][a-z][a-z] [A-Z][a-z][a-z] +[0-9]+ [0-9:]+ [0-9][0-9][0-9][0-9]$/) {
            stamp = line
            continue
        }
        if (line ~ /^(Incoming|Outgoing) /) known = 1
        if (line !~ pattern[kind]) continue
        kept[count++ % 400] = (kind == "vnc" ? stamp "\t" : "") substr(line, 1, 400)
    }
    close(file)
    for (at = (count > 400 ? count - 400 : 0); at < count; at++) print kind "\t" file "\t" kept[at % 400]
    if (lines > 300000 || count > 400) print "cut\t" file
    else if (kind == "anydesk" && lines && !known) print "strange\t" file
}
BEGIN {
    pattern["vnc"] = pattern["xrdp"] = pattern["realvnc"] = "@PATTERN@"
    pattern["anydesk"] = "^Incoming "
    pattern["teamviewer"] = "^[0-9]+\t"
    for (at = 1; at < ARGC; at++) {
        colon = index(ARGV[at], ":")
        server_logs(substr(ARGV[at], 1, colon - 1), substr(ARGV[at], colon + 1))
    }
    exit
}'
# shellcheck disable=SC2016 # for a shell of the account
server_logs_walk='
    reader=$1
    shift
    set --
    for file in .vnc/*.log .config/tigervnc/*.log .local/state/tigervnc/*.log .x11vnc.log; do
        [ -f "$file" ] || continue
        # A tab or a line end would end the name in the middle of a row.
        case $file in *[!\ -~]*) printf "odd\n" ;; *) set -- "$@" "vnc:$file" ;; esac
    done
    if [ -f .anydesk/connection_trace.txt ]; then set -- "$@" anydesk:.anydesk/connection_trace.txt; fi
    [ $# -eq 0 ] || exec awk "$reader" "$@"
    exit 0
'
set --
server_logs_add() {
    for file in "$server_logs_path" "$server_logs_path.1" "$server_logs_path.old" "$server_logs_path.bak"; do
        [ -f "$file" ] && [ ! -L "$file" ] || continue
        if [ -r "$file" ]; then server_logs_found="$server_logs_found|$1:$file"
        else server_logs_closed=1; partial "$file cannot be read"; fi
    done
}
server_logs_found='' server_logs_closed=''
for server_logs_path in /var/log/xrdp-sesman.log /var/log/xrdp/xrdp-sesman.log; do server_logs_add xrdp; done
for server_logs_path in /var/log/x11vnc*.log /var/log/vnc.log /var/log/Xvnc*.log /var/log/tigervnc*.log; do
    server_logs_add vnc
done
for server_logs_path in /var/log/vncserver-x11.log /var/log/vncserver-virtuald.log; do server_logs_add realvnc; done
for server_logs_path in /var/log/teamviewer*/[Cc]onnections_incoming.txt; do server_logs_add teamviewer; done
for server_logs_path in /etc/anydesk/connection_trace.txt /var/log/anydesk/connection_trace.txt; do
    server_logs_add anydesk
done
server_logs_time() {
    [ -z "$server_logs_timed" ] || return 0
    server_logs_timed=1
    need awk date
    printf 'since\t%s\n' "$(($(date +%s) - 30 * 86400))"
    printf 'zone\t%s\n' "$(unset -v TZ; date +%z)"
}
server_logs_timed=''
if [ -n "$server_logs_found" ]; then
    server_logs_time
    set -f
    IFS='|'
    # shellcheck disable=SC2086 # kind and path of each log
    set -- ${server_logs_found#?}
    unset -v IFS
    set +f
    awk "$server_logs_awk" "$@"
fi
server_logs_look() {
    home_has "$4" .vnc .config/tigervnc .local/state/tigervnc .x11vnc.log .anydesk || return 0
    server_logs_time
    read_as "$@" "$server_logs_walk" "$server_logs_awk"
}
each_home server_logs_look
[ -n "$server_logs_found$server_logs_closed$home_read$left" ] ||
    absent "there is no log of a remote-access server"
printf 'end\n'
"""

_ANYDESK_REFUSED = "REJECTED"


@dataclass(slots=True, kw_only=True)
class _Reader:
    """The section while it is read."""

    since: datetime | None = None
    offset: int = 0
    logs: dict[str, Log] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    has_end: bool = False

    def take(self, line: str) -> RemoteLogon | None:
        """Read one line; None for one that tells no logon, or one of long ago. ValueError for one of no known form."""
        origin, said = origin_of(line)
        kind, _, rest = said.partition("\t")
        if origin is None and kind == "since":
            self.since = epoch(rest)
        elif origin is None and kind == "zone":
            self.offset = zone(rest)
        elif origin is None and said == "end":
            self.has_end = True
        elif kind == "cut":
            file = rest if origin is None else origin.path(rest)
            self.limits.append(Limit(id=MANY, text=f"Of {file} the last 400 logons were read at most."))
        elif said == "odd" and origin is not None:
            self.doubts.append(f"a log of {origin.account} has a name that holds more than printable ASCII")
        elif kind == "strange":
            file = rest if origin is None else origin.path(rest)
            self.doubts.append(f"{file} is in a form that is not read")
        else:
            file, tab, text = rest.partition("\t")
            if not tab:
                message = "no line of a log"
                raise ValueError(message)
            logon = self._logon(kind, file if origin is None else origin.path(file), text)
            # What lies further back is in the file only because nobody has put it away.
            return logon if logon is None or self.since is None or logon.when >= self.since else None
        return None

    def _logon(self, kind: str, file: str, text: str) -> RemoteLogon | None:
        log = self.logs.setdefault(file, Log(record=file, product=_product(kind, file)))
        if kind == "xrdp":
            return log.take(self._bracketed(text), text)
        if kind == "realvnc":
            return log.take(_realvnc_time(text, self.offset), text)
        if kind == "vnc":
            stamp, _, message = text.partition("\t")
            return log.take(self._vnc_time(stamp, message), message)
        if kind == "anydesk":
            return _anydesk(text, file)
        if kind == "teamviewer":
            return _teamviewer(text, file)
        message = f"unknown kind {kind[:20]!r}"
        raise ValueError(message)

    def _bracketed(self, text: str) -> datetime:
        """Read ``[20261126-14:33:17]`` of xrdp 0.9, ``[2026-11-26T14:33:17.123+0100]`` of 0.10."""
        stamp = text.partition("[")[2].partition("]")[0]
        if "T" in stamp:
            day, _, clock = stamp.partition("T")
            year, month, number = _three(day.split("-"))
            return instant((year, month, number), clock[:8], zone(clock[-5:]))
        day, _, clock = stamp.partition("-")
        return instant((day[:4], day[4:6], day[6:]), clock, self.offset)

    def _vnc_time(self, stamp: str, message: str) -> datetime:
        """Read the time before a message (``26/11/2026 14:33:18``), else the line above it."""
        words = message.split(None, 2)
        day = words[0].split("/") if words else []
        if len(day) == len(("day", "month", "year")):
            year = day[2] if len(day[2]) == len("2026") else f"20{day[2]}"
            return instant((year, day[1], day[0]), words[1] if len(words) > 1 else "", self.offset)
        return written(stamp, self.offset)


def _three(parts: list[str]) -> tuple[str, str, str]:
    if len(parts) != len(("year", "month", "day")):
        message = "no date"
        raise ValueError(message)
    return parts[0], parts[1], parts[2]


def _product(kind: str, file: str) -> str:
    """Name the product of a log by the log's name, where its lines do not tell."""
    if kind != "vnc":
        return kind
    return "x11vnc" if "x11vnc" in file.rpartition("/")[2] else "tigervnc"


def _realvnc_time(text: str, offset: int) -> datetime:
    """Read ``<13> 2026-11-26T14:33:17.000Z host vncserver-x11[1]: ...``."""
    stamp = next((word for word in text.split(None, 3)[:2] if "T" in word and "-" in word), "")
    day, _, clock = stamp.partition("T")
    year, month, number = _three(day.split("-"))
    return instant((year, month, number), clock.rstrip("Z")[:8], 0 if clock.endswith("Z") else offset)


def _anydesk(text: str, file: str) -> RemoteLogon:
    """Read ``Incoming    2026-11-26, 14:33    Passwd    123456789    123456789`` (AnyDesk help, connection log)."""
    words = text.split()
    if len(words) < len(("direction", "day", "time", "method", "id")):
        message = "not a line of AnyDesk's connection trace"
        raise ValueError(message)
    year, month, day = _three(words[1].rstrip(",").split("-"))
    return RemoteLogon(
        when=instant((year, month, day), f"{words[2]}:00", 0),
        product="anydesk",
        user="",
        source=words[4],
        succeeded=words[3] != _ANYDESK_REFUSED,
        record=file,
    )


def _teamviewer(text: str, file: str) -> RemoteLogon:
    """Read id, name, begin, end, local user and kind of a line of connections_incoming.txt, in UTC."""
    columns = text.split("\t")
    if len(columns) < len(("id", "name", "begin", "end", "user")):
        message = "not a line of TeamViewer's incoming connections"
        raise ValueError(message)
    day, _, clock = columns[2].strip().partition(" ")
    number, month, year = _three(day.split("-"))
    return RemoteLogon(
        when=instant((year, month, number), clock, 0),
        product="teamviewer",
        user=columns[4].strip(),
        source=columns[0].strip(),
        succeeded=True,
        record=file,
    )


def _parse(text: str) -> Parsed:
    """Read one logon a connection that was let in or turned away."""
    reader = _Reader()
    facts: list[tuple[int, RemoteLogon]] = []
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            logon = reader.take(line)
        except ValueError as error:
            strange.append(unread(number, line, error))
        else:
            if logon is not None:
                facts.append((number, logon))
    if not reader.has_end:
        reader.doubts.append(ENDS_EARLY)
    doubt = "; ".join(reader.doubts) or None
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=doubt, limits=tuple(reader.limits))


PLUGIN = Collector(
    id="logons.server_logs",
    facts=(RemoteLogon,),
    scripts={OsFamily.LINUX: _SCRIPT.replace("@PATTERN@", PATTERN).replace("30 * 86400", f"{SINCE_DAYS} * 86400")},
    shared=(HOMES, READ_AS),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: the logs of servers and of other accounts are closed to others.",
    apart=True,
    seconds=20,
)
