r"""Remote logons of the last 30 days in macOS's unified log: Screen Sharing (and Remote Management), and SSH.

Sources: log(1) (``show``, ``--style ndjson``, whose last line counts what came); screensharingd writes
``Authentication: SUCCEEDED :: User Name: NAME :: Viewer Address: ADDRESS :: Type: KIND``, as public logs of macOS 12 to
26 show; sshd writes ``Accepted METHOD for NAME from ADDRESS port N ssh2``, by sshd-session since OpenSSH 9.8 (macOS
15). sshd says so at the level *info*, which macOS keeps for a shorter time than the rest. ``last`` tells of consoles
and terminals, not whole from where somebody came, and is not asked.

A search through the log takes seconds for each day. It is put for one day, for seven and for thirty, as long as the
next can be expected to end within the section's time; how far it went is a limit where that is less than thirty days.
"""

import json
from datetime import datetime
from typing import Any

from auditor.collect.collector import ENDS_EARLY, Collector, instant_of, number_of, take_lines
from auditor.collect.logons.lines import MANY, SINCE_DAYS, Log, address
from auditor.model.evidence import Unread
from auditor.model.facts.logons import RemoteLogon
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

_MOST, _SECONDS = 2000, 20
_PREDICATE = (
    '(process == "screensharingd" AND eventMessage BEGINSWITH "Authentication: ") OR '
    '((process == "sshd" OR process == "sshd-session") AND eventMessage BEGINSWITH "Accepted ")'
)
_MACOS = (
    r"""
need log date awk
log_rows() {
    log show --style ndjson --info --last "$1" --predicate '@PREDICATE@' 2>&1 |
        awk '/^{"count":/ { print; next } ++count <= @MOST@'
}
began=$(date +%s)
days=0 rows='' last_spent=0
for next in 1 7 30; do
    spent=$(($(date +%s) - began))
    # What the last one took tells of what the next will take; the log may not go back that far.
    if [ "$days" != 0 ] && [ $((spent + (spent - last_spent) * next / days)) -gt @SECONDS@ ]; then break; fi
    last_spent=$spent
    said=$(log_rows "${next}d")
    case $said in
        *'{"count":'*) days=$next rows=$said ;;
        *dmin* | *'ot permitted'* | *'ermission'*)
            [ "$days" != 0 ] || denied "log shows nothing to an account that is no administrator" ;;
        *) break ;;
    esac
done
[ "$days" != 0 ] || failed "log did not answer: $(printf '%s' "$said" | awk 'NR == 1 { print substr($0, 1, 200) }')"
printf 'days\t%s\n%s\n' "$days" "$rows"
""".replace("@PREDICATE@", _PREDICATE)
    .replace("@MOST@", str(_MOST))
    .replace("@SECONDS@", str(_SECONDS))
)

_DAYS = "days\t"
_RECORD = "unified log"
_APPLES = ("/System/Library/", "/usr/sbin/", "/usr/libexec/", "/usr/bin/")
"""Where programs of macOS lie, on the sealed volume: anybody may call one of his own screensharingd."""
_AUTHENTICATION = "Authentication: "
_RESULTS = {"SUCCEEDED": True, "FAILED": False}
_USER, _VIEWER, _TYPE = " :: User Name: ", " :: Viewer Address: ", " :: Type: "
_UNSAID = ("<private>", "N/A")
_LONGEST = 20_000


class _Answer:
    """The answer while it is read."""

    def __init__(self) -> None:
        self.facts: list[tuple[int, RemoteLogon]] = []
        self.days: int | None = None
        self.count: int | None = None
        self.rows = 0
        self.ssh = Log(record=_RECORD, product="ssh")

    def take(self, number: int, line: str) -> None:
        """Read one line; ValueError for what is none."""
        if line.startswith(_DAYS) and self.days is None:
            self.days = number_of(line.removeprefix(_DAYS), "days")
            return
        entry = _entry(line)
        if "count" in entry:
            if self.count is not None or not isinstance(entry["count"], int):
                message = "a second end"
                raise ValueError(message)
            self.count = entry["count"]
            return
        self.rows += 1
        logon = self._logon(entry)
        if logon is not None:
            self.facts.append((number, logon))

    def _logon(self, entry: dict[str, Any]) -> RemoteLogon | None:
        message, path = str(entry.get("eventMessage", "")), str(entry.get("processImagePath", ""))
        when = instant_of(str(entry.get("timestamp", "")))
        if not path.startswith(_APPLES):
            reason = "written by no program of macOS"
            raise ValueError(reason)
        if message.startswith("Accepted "):
            return self.ssh.take(when, message)
        return _screen(when, message)

    def missing(self) -> str | None:
        """Say what the answer lacks."""
        return ENDS_EARLY if self.days is None or self.count is None else None

    def limits(self) -> tuple[Limit, ...]:
        """Say what bounds left out."""
        found = []
        if self.count is not None and self.count > self.rows:
            found.append(Limit(id=MANY, text=f"Of the unified log {_MOST} logons were read."))
        if self.days is not None and self.days < SINCE_DAYS:
            text = f"The unified log was searched {self.days} days back: it is long, and the time for it is bounded."
            found.append(Limit(id="log-days", text=text))
        return tuple(found)


def _entry(line: str) -> dict[str, Any]:
    message = "not an entry of the log"
    if len(line) > _LONGEST:
        raise ValueError(message)
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(message) from error
    if not isinstance(entry, dict):
        raise ValueError(message)  # noqa: TRY004 — what a reader says of a line
    return entry


def _screen(when: datetime, message: str) -> RemoteLogon:
    """Read who came to the screen; a name may hold anything, so what follows it is looked for from the end."""
    head, found, _ = message.rpartition(_TYPE)
    head = head if found else message
    head, has_viewer, viewer = head.rpartition(_VIEWER)
    result, has_user, user = head.partition(_USER)
    succeeded = _RESULTS.get(result.removeprefix(_AUTHENTICATION).strip())
    if not has_viewer or not has_user or not message.startswith(_AUTHENTICATION) or succeeded is None:
        reason = "not a line that tells of a logon"
        raise ValueError(reason)
    return RemoteLogon(
        when=when,
        product="apple-screen-sharing",
        user="" if user in _UNSAID else user,
        source="" if viewer in _UNSAID else address(viewer),
        succeeded=succeeded,
        record=_RECORD,
    )


def _parse(text: str) -> Parsed:
    """Read one logon a line, let in or turned away."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    return Parsed(facts=tuple(answer.facts), unread=tuple(strange), partial=answer.missing(), limits=answer.limits())


PLUGIN = Collector(
    id="logons.macos",
    facts=(RemoteLogon,),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Run the audit with sudo, or by an administrator: others may not read the log (docs/macos.md).",
    apart=True,
    seconds=_SECONDS + 10,
)
