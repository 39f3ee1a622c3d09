r"""Programs that macOS lets see or control the screen: screen recording, Accessibility, and sending of events (TCC).

These three are granted for the whole host, in the system's database; those of users hold none of them (Apple Platform
Security, *Controlling app access to files*; columns as macOS has had them since 11: ``auth_value`` 0 denied, 1 not
decided, 2 allowed, 3 limited; ``client_type`` 0 bundle id, 1 path). Without Full Disk Access macOS answers root too
with EPERM, which sqlite3 calls "authorization denied".

The database is opened as ``immutable``, the only way in which SQLite surely makes no file beside it (sqlite.org, *URI
filenames* and *Write-ahead logging*, 5: one that is read only may still make ``-shm`` and ``-wal``). SQLite then takes
no lock and no notice of a log beside it: what was granted while it is read may be missing, or be half there. So the
question is put twice and has to be answered alike, and a log beside it makes the answer partial.
"""

from auditor.collect.collector import Collector, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.remote_config import PrivacyGrant
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A client is what a program says of itself: its line ends and tabs are written out, so that it makes no row of its own.
_ROWS = (
    "select 'grant', service, auth_value, client_type, replace(replace(client, char(10), '?'), char(9), '?') "
    "from access where service in ('kTCCServiceScreenCapture', 'kTCCServiceAccessibility', 'kTCCServicePostEvent') "
    "order by service, client limit 2000; select 'asked'"
)
_MACOS = r"""
need sqlite3 awk
tcc='/Library/Application Support/com.apple.TCC/TCC.db'
tcc_rows() {
    sqlite3 -readonly -batch -init /dev/null -noheader -separator "$tab" "file:$tcc?mode=ro&immutable=1" "@ROWS@" 2>&1
}
rows=$(tcc_rows)
told=$?
case $rows in
    *'authorization denied'* | *'not authorized'* | *'peration not permitted'* | *'ermission denied'*)
        denied "the grants of macOS may not be read without Full Disk Access" ;;
esac
[ "$told" = 0 ] ||
    failed "sqlite3 did not read $tcc: $(printf '%s' "$rows" | awk 'NR == 1 { print substr($0, 1, 200) }')"
[ "$rows" = "$(tcc_rows)" ] || partial "$tcc was written to while it was read"
for log in "$tcc-wal" "$tcc-journal"; do
    if [ -s "$log" ]; then partial "$log is not read: what was granted last may be missing"; fi
done
printf '%s\n' "$rows"
""".replace("@ROWS@", _ROWS)
_KINDS = {"grant": 4, "asked": 0}
_SERVICE = "kTCCService"
_VALUES = {"0": False, "1": False, "2": True, "3": True}
_BUNDLE, _PATH = "0", "1"


def _grant(rest: list[str]) -> PrivacyGrant:
    service, value, kind, client = rest
    if not service.startswith(_SERVICE) or value not in _VALUES:
        message = "no service of macOS, or no value of a grant"
        raise ValueError(message)
    if kind not in (_BUNDLE, _PATH) or not client or client.startswith("/") is not (kind == _PATH):
        message = "neither a bundle id nor a path"
        raise ValueError(message)
    return PrivacyGrant(service=service.removeprefix(_SERVICE), client=client, is_allowed=_VALUES[value])


def _parse(text: str) -> Parsed:
    """Read one grant or refusal a row."""
    facts: list[tuple[int, PrivacyGrant]] = []
    strange: list[Unread] = []
    early = take_rows(text, _KINDS, lambda number, _, rest: facts.append((number, _grant(rest))), strange)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=early)


PLUGIN = Collector(
    id="remote_config.privacy",
    facts=(PrivacyGrant,),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Give the SSH server Full Disk Access: System Settings, General, Sharing, Remote Login, *Allow full disk "
    "access for remote users* (docs/macos.md).",
    holds_secrets=False,
)
