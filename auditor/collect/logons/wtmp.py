"""Remote logons of the last 30 days that ended in a terminal: SSH, telnet and their kind, by wtmp or wtmpdb.

``last`` of util-linux (and of wtmpdb, which took its place in Debian 13) prints addresses and whole times where it is
asked to; older ones print the time in words (``-F``), and busybox's prints no year. Each row is ``user tty address
begin``; what comes from this machine has no address, or 0.0.0.0 (last(1), utmp(5)).
"""

from datetime import datetime
from ipaddress import ip_address

from auditor.collect.collector import Collector, lines_of, parse_lines
from auditor.collect.logons.lines import MANY, epoch, instant, written, zone
from auditor.model.evidence import Proof
from auditor.model.facts.logons import RemoteLogon
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

_QUICK = r"""
[ -s /var/log/wtmp ] || [ -s /var/lib/wtmpdb/wtmp.db ] || { absent "no logon is recorded in wtmp or wtmpdb"; return; }
! :
"""
_SCRIPT = r"""
printf 'asked\n'
wtmp_rows() {
    "$@" -w -i --time-format iso -s -30days -n 2000 2>/dev/null && return
    # An older one does not know how far to look back.
    printf 'since\t%s\n' "$(($(date +%s) - 30 * 86400))"
    "$@" -w -i -F -n 2000 2>/dev/null
}
if [ -s /var/log/wtmp ]; then
    if [ ! -r /var/log/wtmp ]; then denied "/var/log/wtmp cannot be read"; fi
    need last
    wtmp_rows last || partial "last does not print the year of a logon: install the last of util-linux"
fi
if [ -s /var/lib/wtmpdb/wtmp.db ]; then
    if [ ! -r /var/lib/wtmpdb/wtmp.db ]; then denied "/var/lib/wtmpdb/wtmp.db cannot be read"; fi
    need wtmpdb
    wtmp_rows wtmpdb last || partial "wtmpdb did not answer"
fi
"""

_MOST = 2000
_WORDS = 5
_ASKED, _SINCE = "asked", "since\t"
# Rows of last(1) that are no logon: the machine starting, changing its runlevel and stopping.
_NO_USERS = ("reboot", "runlevel", "shutdown", "boot")


def _is_end(words: list[str]) -> bool:
    """Tell the last line of every answer, which says how far the file goes back."""
    return words[1:2] == ["begins"] and words[0].endswith(("wtmp", "wtmp.db", "wtmpdb"))


def _read(line: str) -> RemoteLogon | None:
    """Read one row; None for one of this machine itself."""
    if line.startswith(_SINCE):
        epoch(line.removeprefix(_SINCE))
        return None  # it bounds the others
    words = line.split()
    if not words or line == _ASKED or _is_end(words):
        return None
    if words[0] in _NO_USERS:
        return None
    at = next((at for at, word in enumerate(words) if _is_address(word)), None)
    if at is None:
        if not any(_is_time(words, at) for at in range(len(words))):
            message = "not a row of last"
            raise ValueError(message)
        # A console, or a screen of this machine.
        return None
    source = words[at]
    when = _when(words[at + 1 :])
    if at < 1 or ip_address(source).is_unspecified:
        return None
    return RemoteLogon(when=when, product="remote-shell", user=words[0], source=source, succeeded=True, record="wtmp")


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def _is_time(words: list[str], at: int) -> bool:
    try:
        _when(words[at:])
    except ValueError:
        return False
    return True


def _when(words: list[str]) -> datetime:
    """Read ``2026-11-26T14:33:17+00:00``, or ``Thu Nov 26 14:33:17 2026`` in UTC."""
    stamp = words[0] if words else ""
    day, has_time, clock = stamp.partition("T")
    if not has_time or "-" not in day:
        return written(" ".join(words[:_WORDS]), 0)
    parts = day.split("-")
    if len(parts) != len(("year", "month", "day")):
        message = "no date"
        raise ValueError(message)
    return instant((parts[0], parts[1], parts[2]), clock[:8], zone(clock[8:].replace(":", "") or "+0000"))


def _parse(text: str) -> Parsed:
    """Read one logon a row; as many rows as were asked for means that there may be more."""
    parsed = parse_lines(text, _read)
    lines = list(lines_of(text))
    strange = {one.line for one in parsed.unread}
    since = next(
        (
            epoch(line.removeprefix(_SINCE))
            for number, line in enumerate(lines, 1)
            if line.startswith(_SINCE) and number not in strange
        ),
        None,
    )
    has_end = _ASKED not in lines or any(_is_end(line.split()) for line in lines)
    facts = tuple(one for one in parsed.facts if since is None or one[1].when >= since)
    limits = (Limit(id=MANY, text=f"Of wtmp the last {_MOST} rows were read."),) if text.count("\n") >= _MOST else ()
    doubt = None if has_end else "last did not come to its end"
    return Parsed(facts=facts, unread=parsed.unread, partial=doubt, limits=limits)


PLUGIN = Collector(
    id="logons.wtmp",
    facts=(RemoteLogon,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _SCRIPT},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Install `last` (util-linux; in Debian 13 util-linux-extra or wtmpdb), and let the account read wtmp.",
    holds_secrets=False,
    apart=True,
    seconds=10,
)
