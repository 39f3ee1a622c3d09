r"""Gatekeeper, System Integrity Protection and Santa on macOS: what each does with a program now.

Gatekeeper asks about files that were marked as downloaded, and about nothing else; whether that counts, controls say.
``spctl --status`` answers alike from macOS 13 on; since 15 it cannot switch Gatekeeper off any more (support.apple.com,
*macOS Sequoia*). Sources: spctl(8); csrutil(8); NIST macOS Security Compliance Project, os_gatekeeper_enable,
system_settings_gatekeeper_identified_developers_allow and os_sip_enable.

Santa is read, not asked: ``santactl`` lies where administrators without root can put another one. Its settings are
those of its profile (domain com.northpolesec.santa, before 2025 com.google.santa); where that names a server, what the
server set counts first, from /var/db/santa/sync-state.plist (Santa's documentation, *Configuration*; SNTConfigurator).
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, row_of, take_lines
from auditor.collect.property_lists import END, MARK, PLIST_ROWS, plist_row
from auditor.model.evidence import Unread
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_MACOS = r"""
need spctl csrutil
spctl --status --verbose 2>&1 | while IFS= read -r line; do printf 'gatekeeper\t%s\n' "$line"; done
csrutil status 2>&1 | while IFS= read -r line; do printf 'sip\t%s\n' "$line"; done
for maker in com.northpolesec.santa com.google.santa; do
    extension=''
    for folder in /Library/SystemExtensions/*/"$maker.daemon.systemextension"; do
        if [ -d "$folder" ]; then extension=$folder; fi
    done
    [ -n "$extension" ] || continue
    printf 'santa\t%s\n' "$maker"
    need ps awk plutil
    ps -A -o uid= -o comm= | awk -v name="/$maker.daemon" '
        $1 == 0 && $2 ~ /^\/Library\/SystemExtensions\// && substr($0, length($0) - length(name) + 1) == name {
            print "runs"
            exit
        }'
    for file in "/Library/Managed Preferences/$maker.plist" /var/db/santa/sync-state.plist; do
        if [ "$uid" != 0 ] && [ "$file" = /var/db/santa/sync-state.plist ]; then
            printf 'closed\t%s\n' "$file"
        elif [ -f "$file" ]; then
            printf 'file\t%s\n' "$file"
            plutil -convert xml1 -o - "$file" 2>/dev/null |
                plist_rows '^/(ClientMode|SyncBaseURL|AllowedPathRegex|WhitelistRegex)$'
        fi
    done
done
printf 'asked\n'
"""

_KINDS = {"gatekeeper": 1, "sip": 1, "santa": 1, "runs": 0, "closed": 1, "file": 1, "asked": 0}
_SIP = "System Integrity Protection status: "
_MANAGED, _SYNCED = "/Library/Managed Preferences/", "/var/db/santa/sync-state.plist"
_MODE, _SERVER = "ClientMode", "SyncBaseURL"
_PATTERNS = ("AllowedPathRegex", "WhitelistRegex")
_MODES = {"1": ("auditing", "Monitor"), "2": ("enforcing", "Lockdown"), "3": ("auditing", "Standalone")}


@dataclass(slots=True)
class _Santa:
    """What is there of Santa's makers' daemon."""

    number: int
    maker: str
    runs: bool = False
    is_closed: bool = False
    files: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Answer:
    """The answer while it is read."""

    gatekeeper: list[tuple[int, str]] = field(default_factory=list)
    sip: list[tuple[int, str]] = field(default_factory=list)
    santas: list[_Santa] = field(default_factory=list)
    file: str = ""
    missing: list[str] = field(default_factory=list)
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        if line.startswith(MARK):
            self._take_key(line)
            return
        kind, rest = row_of(line, _KINDS)
        self._break_off()
        if kind == "asked":
            self.is_whole = True
        elif kind in ("gatekeeper", "sip"):
            (self.gatekeeper if kind == "gatekeeper" else self.sip).append((number, rest[0]))
        elif kind == "santa":
            self.santas.append(_Santa(number=number, maker=rest[0]))
        elif not self.santas:
            message = "said of no Santa"
            raise ValueError(message)
        elif kind == "runs":
            self.santas[-1].runs = True
        elif kind == "closed":
            self.santas[-1].is_closed = True
        else:
            self.file = rest[0]
            self.santas[-1].files[self.file] = {}

    def _break_off(self) -> None:
        """Note a file that has no end before something else is told."""
        if self.file:
            self.missing.append(f"{self.file} was not read to its end")
            self.file = ""

    def _take_key(self, line: str) -> None:
        if not self.file:
            message = "a key of no file"
            raise ValueError(message)
        if line == END:
            self.file = ""
            return
        value, path = plist_row(line)
        self.santas[-1].files[self.file][path[-1]] = value

    def controls(self) -> list[tuple[int, ExecutionControl]]:
        """Say what each mechanism does, and note what was not said."""
        # Of a maker's daemon that was replaced, the folder may stay.
        santas = [one for one in self.santas if one.runs] or self.santas[:1]
        found = [self._gatekeeper(), self._protection(), *map(self._santa, santas)]
        if not self.is_whole:
            self.missing.append(ENDS_EARLY)
        self._break_off()
        return [one for one in found if one is not None]

    def _gatekeeper(self) -> tuple[int, ExecutionControl] | None:
        words = {"assessments enabled": "enforcing", "assessments disabled": "off"}
        told = next(((number, words[line]) for number, line in self.gatekeeper if line in words), None)
        if told is None:
            self.missing.append("whether Gatekeeper is on was not said")
            return None
        detail = "; ".join(line for _, line in self.gatekeeper)
        return told[0], ExecutionControl(mechanism="gatekeeper", mode=told[1], detail=detail)

    def _protection(self) -> tuple[int, ExecutionControl] | None:
        told = next(((number, line) for number, line in self.sip if line.startswith(_SIP)), None)
        if told is None:
            self.missing.append("whether System Integrity Protection is on was not said")
            return None
        # What was switched off in part ("unknown (Custom Configuration).") protects no whole.
        mode = "enforcing" if told[1].removeprefix(_SIP).strip() in ("enabled.", "enabled") else "off"
        return told[0], ExecutionControl(mechanism="sip", mode=mode, detail="; ".join(line for _, line in self.sip))

    def _santa(self, santa: _Santa) -> tuple[int, ExecutionControl] | None:
        """Say what Santa does where that is certain; its daemon and its profile are facts of their own."""
        if not santa.runs:
            return santa.number, ExecutionControl(mechanism="santa", mode="off", detail="its daemon does not run")
        managed = next((keys for file, keys in santa.files.items() if file.startswith(_MANAGED)), {})
        keys, origin = managed, "its profile"
        if _SERVER in managed:
            if santa.is_closed:
                self.missing.append(f"a server sets Santa's mode, and only root may read {_SYNCED}")
                return None
            synced = santa.files.get(_SYNCED, {})
            if _MODE in synced:
                keys, origin = {**managed, **synced}, "its server"
        if any(keys.get(name, "").strip() for name in _PATTERNS):
            # It lets run what lies at such paths, of which its profile tells by itself.
            return None
        value = keys.get(_MODE, "1")
        mode, name = _MODES.get(value, _MODES["1"])
        said = f"{_MODE} {value} ({name}) by {origin}" if _MODE in keys else f"{name}, as no {_MODE} is set"
        return santa.number, ExecutionControl(mechanism="santa", mode=mode, detail=said)


def _parse(text: str) -> Parsed:
    """Read what each mechanism says of itself."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    facts = tuple(answer.controls())
    return Parsed(facts=facts, unread=tuple(strange), partial="; ".join(answer.missing) or None)


PLUGIN = Collector(
    id="appcontrol.macos",
    facts=(ExecutionControl,),
    scripts={OsFamily.MACOS: _MACOS},
    shared=(PLIST_ROWS,),
    parse=_parse,
    advice="Run the audit with sudo; what Santa does, `santactl status` says to a person (docs/macos.md).",
    holds_secrets=False,
)
