r"""Configuration profiles of macOS: what they restrict or allow, and whether a server manages the host (MDM).

Sources: profiles(1) (``show``, ``status -type enrollment``; the verbs are the same from macOS 13 on, and what they
print too; before 11 they could install as well); Apple, *Device management profiles* (payloads and their keys); Santa's
documentation, *Configuration*. Profiles of the device and of other users need root.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, row_of, take_lines
from auditor.collect.property_lists import END, MARK, PLIST_ROWS, plist_row
from auditor.model.evidence import Unread
from auditor.model.facts.remote_config import ManagedProfile
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A profile holds passwords and keys, too: what is asked for is named, and nothing else leaves the host.
_MACOS = r"""
need profiles awk
said=$(profiles status -type enrollment 2>&1) || partial 'profiles does not say whether a server manages the host'
printf '%s\n' "$said" | awk '/^(Enrolled via DEP|MDM enrollment|MDM server): / {
    at = index($0, ": ")
    value = substr($0, at + 2)
    sub(/[?].*/, "", value)
    print "enrolment\t" substr($0, 1, at - 1) "\t" value
}'
if [ "$uid" = 0 ]; then set -- -all
else
    set --
    partial 'only root sees the profiles of the device and of other users'
fi
said=$(profiles show "$@" -output stdout-xml 2>&1)
told=$?
case $said in
    *'<plist'*)
        printf 'profiles\n'
        printf '%s\n' "$said" | plist_rows '/(ProfileIdentifier|PayloadType)$|/ProfileItems/[0-9]+/PayloadContent/@
@([^/]+/Forced/[0-9]+/mcx_preference_settings/)?((@NAMED@)(/[0-9]+)?(/bundleID|/path|/displayName)?$|@
@Services/[A-Za-z]+/[0-9]+/(Identifier|IdentifierType|Allowed|Authorization)$)' ;;
    *'here are no configuration profiles'*) printf 'none\n' ;;
    '') failed "profiles said nothing and ended with $told" ;;
    *) failed "profiles did not list them: $(printf '%s' "$said" | awk 'NR == 1 { print substr($0, 1, 200) }')" ;;
esac
printf 'asked\n'
""".replace("@\n@", "")
_NAMED = (
    # com.apple.applicationaccess and .new: which apps may be opened
    "familyControlsEnabled", "whiteList", "blackList", "pathWhiteList", "pathBlackList", "allowListedAppBundleIDs",
    "blockedAppBundleIDs", "allowScreenShot", "allowRemoteScreenObservation", "allowARDRemoteManagementModification",
    "allowRemoteAppleEventsModification",
    # com.apple.systempolicy.control and .managed: Gatekeeper
    "EnableAssessment", "AllowIdentifiedDevelopers", "EnableXProtectMalwareUpload", "DisableOverride",
    # com.google.santa, com.northpolesec.santa
    "ClientMode", "FailClosed", "AllowedPathRegex", "WhitelistRegex", "BlockedPathRegex", "BlacklistRegex",
    "SyncBaseURL",
    # com.apple.security.firewall
    "EnableFirewall", "BlockAllIncoming", "EnableStealthMode", "AllowSigned", "AllowSignedApp",
    # com.apple.RemoteManagement
    "VNCLegacyConnectionsEnabled", "ScreenSharingReqPermEnabled", "ARD_AllLocalUsers",
)  # fmt: skip

_KINDS = {"enrolment": 2, "profiles": 0, "none": 0, "asked": 0}
_ENROLMENT = "com.apple.mdm"
_ITEMS, _CONTENT, _FORCED = "ProfileItems", "PayloadContent", "mcx_preference_settings"
_HEAD = 2
"""Parts that lead to a profile: whose it is, and its number."""
_SECRET_URL = "SyncBaseURL"  # noqa: S105 — a key that may hold one behind a question mark
_Place = tuple[str, ...]


@dataclass(slots=True)
class _Answer:
    """The answer while it is read: a payload says what it is behind what it holds."""

    enrolment: list[tuple[int, ManagedProfile]] = field(default_factory=list)
    names: dict[_Place, str] = field(default_factory=dict)
    types: dict[_Place, str] = field(default_factory=dict)
    rows: list[tuple[int, _Place, _Place, str]] = field(default_factory=list)
    is_listed: bool = False
    is_open: bool = False
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        if line.startswith(MARK):
            self._take_row(number, line)
            return
        kind, rest = row_of(line, _KINDS)
        if kind == "enrolment":
            if not rest[0] or not rest[1]:
                message = "no answer about who manages the host"
                raise ValueError(message)
            fact = ManagedProfile(identifier="enrollment", payload=_ENROLMENT, key=rest[0], value=rest[1])
            self.enrolment.append((number, fact))
        elif kind == "asked":
            self.is_whole = True
        else:
            self.is_listed, self.is_open = True, kind == "profiles"

    def _take_row(self, number: int, line: str) -> None:
        if not self.is_open:
            message = "a row of no list of profiles"
            raise ValueError(message)
        if line == END:
            self.is_open = False
            return
        value, path = plist_row(line)
        profile, rest = path[:_HEAD], path[_HEAD:]
        if rest == ("ProfileIdentifier",):
            self.names[profile] = value
        elif rest[:1] == (_ITEMS,) and rest[2:] == ("PayloadType",):
            self.types[path[: _HEAD + 2]] = value
        elif rest[:1] == (_ITEMS,) and rest[2:3] == (_CONTENT,) and rest[3:]:
            self.rows.append((number, path[: _HEAD + 2], rest[3:], value))
        elif path[-1] in ("PayloadType", "ProfileIdentifier"):
            return  # a payload may hold such keys of its own, which name nothing here
        else:
            message = "a key that no profile has there"
            raise ValueError(message)

    def facts(self) -> list[tuple[int, ManagedProfile]]:
        """Return what profiles say, each under the payload that it stands in."""
        found = list(self.enrolment)
        for number, place, keys, value in self.rows:
            payload = self.types.get(place, "unknown")
            if _FORCED in keys:
                # A payload for preferences names the domain that they are of.
                payload, keys = keys[0], keys[keys.index(_FORCED) + 1 :]  # noqa: PLW2901 — what is left of them
            if keys[:1] == (_SECRET_URL,):
                value = value.partition("?")[0]  # noqa: PLW2901 — the part that is no secret
            identifier = self.names.get(place[:_HEAD], "unknown")
            fact = ManagedProfile(identifier=identifier, payload=payload, key="/".join(keys), value=value)
            found.append((number, fact))
        return found

    def missing(self) -> str | None:
        """Say what the answer lacks."""
        if not self.is_whole:
            return ENDS_EARLY
        if not self.is_listed or self.is_open:
            return "the list of profiles did not come to its end"
        return None if self.enrolment else "whether a server manages the host was not said"


def _parse(text: str) -> Parsed:
    """Read one key of a profile a row."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    return Parsed(facts=tuple(answer.facts()), unread=tuple(strange), partial=answer.missing())


PLUGIN = Collector(
    id="remote_config.profiles",
    facts=(ManagedProfile,),
    scripts={OsFamily.MACOS: _MACOS.replace("@NAMED@", "|".join(_NAMED))},
    shared=(PLIST_ROWS,),
    parse=_parse,
    advice="Run the audit with sudo: only root sees the profiles of the device (docs/macos.md).",
)
