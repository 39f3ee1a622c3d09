"""Remote logons of the last 30 days in systemd's journal: what remote-access servers wrote, and sshd without wtmp.

Asked for are the servers by the name they log under (journalctl(1), ``-t``), so that a journal that knows none of them
costs little. sshd is asked for only where no wtmp or wtmpdb keeps its logons, and only what it accepted.
"""

from auditor.collect.collector import ENDS_EARLY, Collector, lines_of, unread
from auditor.collect.logons.lines import MANY, PATTERN, Log, epoch
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.logons import RemoteLogon
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

_QUICK = r"""
journal_found=''
for file in /run/log/journal /var/log/journal; do
    if [ -d "$file" ] && { [ ! -r "$file" ] || [ ! -x "$file" ]; }; then journal_found=1; fi
done
for file in /run/log/journal/*/*.journal /var/log/journal/*/*.journal; do
    if [ -f "$file" ]; then journal_found=1; break; fi
done
[ -n "$journal_found" ] || { absent "there is no journal of systemd"; return; }
! :
"""
_SCRIPT = r"""
need journalctl awk
if [ "$uid" != 0 ]; then
    journal_open=''
    for file in /var/log/journal/*/system.journal /run/log/journal/*/system.journal; do
        if [ -r "$file" ]; then journal_open=1; fi
    done
    [ -n "$journal_open" ] || partial "not root and not in systemd-journal: the journal of the system is closed"
fi
journal_rows() {
    journalctl -q --no-pager -o short-unix --since=-30d "$@" 2>/dev/null
}
# No journal is without an entry: one that shows none was not read.
case $(journal_rows -n 1) in '') printf 'refused\n' ;; esac
set -- -t xrdp-sesman -t xrdp-sesexec -t xrdp -t Xvnc -t Xtigervnc -t vncsession -t tigervncsession -t x0vncserver \
    -t X0tigervnc -t x11vnc -t vncserver-x11 -t vncserver-virtuald
{ journal_rows -n 4000 "$@" || printf 'refused\n'; } |
    awk '/@PATTERN@/ || $0 == "refused" { print } END { if (NR >= 4000) print "many" }'
if [ ! -s /var/log/wtmp ] && [ ! -s /var/lib/wtmpdb/wtmp.db ]; then
    set -- -t sshd -t sshd-session
    # A search that finds nothing is no success for journalctl.
    case $(journalctl --version 2>/dev/null) in
        *+PCRE2*) journal_rows -n 4000 "$@" -g '^Accepted ' || : ;;
        *) journal_rows -n 4000 "$@" || printf 'refused\n' ;;
    esac | awk '/: Accepted .* from / || $0 == "refused" { print } END { if (NR >= 4000) print "many" }'
fi
printf 'end\n'
""".replace("@PATTERN@", PATTERN)

_PRODUCTS = {"x11vnc": "x11vnc", "vncserver-x11": "realvnc", "vncserver-virtuald": "realvnc"}


def _message(line: str) -> tuple[str, str, str, str]:
    """Part ``1795703637.123456 host x11vnc[123]: message`` into time, name, the same with pid, and message."""
    head, colon, message = line.partition(": ")
    words = head.split(" ")
    if not colon or len(words) < len(("time", "host", "name")):
        text = "not a line of the journal"
        raise ValueError(text)
    return words[0], words[-1].partition("[")[0], words[-1], message


def _parse(text: str) -> Parsed:
    """Read one logon a connection that was let in or turned away."""
    facts: list[tuple[int, RemoteLogon]] = []
    strange: list[Unread] = []
    logs: dict[str, Log] = {}
    limits: tuple[Limit, ...] = ()
    has_end = False
    doubts: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        if line == "end":
            has_end = True
            continue
        if line == "many":
            limits = (Limit(id=MANY, text="Of the journal the last 4000 entries of remote-access servers were read."),)
            continue
        if line == "refused":
            doubts.append("journalctl did not answer")
            continue
        if not line or line.startswith(" "):
            # The rest of a message of several lines.
            continue
        try:
            stamp, name, process, message = _message(line)
            log = logs.setdefault(process, Log(record="journal", product=_PRODUCTS.get(name, "tigervnc")))
            logon = log.take(epoch(stamp), message)
        except ValueError as error:
            strange.append(unread(number, line, error))
        else:
            if logon is not None:
                facts.append((number, logon))
    if not has_end:
        doubts.append(ENDS_EARLY)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial="; ".join(doubts) or None, limits=limits)


PLUGIN = Collector(
    id="logons.journal",
    facts=(RemoteLogon,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _SCRIPT},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, or put its account into the group systemd-journal.",
    apart=True,
    seconds=20,
)
