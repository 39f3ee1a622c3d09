r"""Screen Sharing, Remote Management, Remote Login and Remote Apple Events of macOS: which are on, and who may come in.

What launchd has loaded listens now; what it keeps as enabled listens after the next start. The jobs are switched off in
the lists that macOS brings, so one that is neither is off. Sources: launchctl(1) (``print-disabled``, whose words were
``true`` and ``false`` before macOS 11; ``print`` fails with 113 for a job that is not loaded); NIST macOS Security
Compliance Project, rules system_settings_screen_sharing_disable, system_settings_remote_management_disable,
system_settings_ssh_disable and os_rae_disable; CIS Apple macOS Benchmarks, 2.3.3; Apple support HT201710
(``kickstart``: ``naprivs``, ``-allowAccessFor``, com.apple.local.ard_*).

Remote Management is on while the file RemoteManagement.launchd is there: launchd keeps its agent alive by that. Since
macOS 10.14 ``kickstart`` cannot let it control the screen any more, and since 14 only System Settings or MDM switch it
on (support.apple.com): how it came to be on makes no difference here.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, number_of, row_of, take_lines
from auditor.collect.property_lists import END, MARK, PLIST_ROWS, plist_row
from auditor.model.evidence import Unread
from auditor.model.facts.remote_config import RemoteAccessSetting, RemoteManagement
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The file of the legacy password is never opened: what stands in it can be turned back into the password. Who may come
# in is asked of what is on only.
_MACOS = r"""
need launchctl awk
kept=$(launchctl print-disabled system 2>/dev/null |
    awk '{ gsub(/"/, "") }
        /^[ \t]*(com\.apple\.screensharing|com\.apple\.AEServer|com\.openssh\.sshd) => / { print "kept\t" $1 "\t" $3 }
        /^[ \t]*}/ { ended = 1 }
        END { if (ended) print "kept-end" }')
[ -z "$kept" ] || printf '%s\n' "$kept"
groups=''
for label in com.apple.screensharing com.openssh.sshd com.apple.AEServer; do
    launchctl print "system/$label" >/dev/null 2>&1
    told=$?
    printf 'job\t%s\t%s\n' "$label" "$told"
    case $told:$kept in
        0:* | *"$label${tab}enabled"* | *"$label${tab}false"*)
            case $label in
                *screensharing) groups="$groups com.apple.access_screensharing" ;;
                *sshd) groups="$groups com.apple.access_ssh" ;;
                *) groups="$groups com.apple.access_remote_ae" ;;
            esac ;;
    esac
done
ard='/Library/Application Support/Apple/Remote Desktop'
if [ -e "$ard/RemoteManagement.launchd" ]; then
    printf 'trigger\tthere\n'
    for name in admin interact manage reports; do groups="$groups com.apple.local.ard_$name"; done
    need dscl
    if said=$(dscl . -list /Users naprivs 2>/dev/null); then
        printf '%s\n' "$said" | awk 'NF == 2 { print "rights\t" $1 "\t" $2 }'
    else partial 'dscl does not say who has rights of Remote Management'; fi
elif [ -d "$ard" ] && [ ! -x "$ard" ]; then
    partial "$ard cannot be entered: whether Remote Management is on is not seen"
else printf 'trigger\tnone\n'; fi
file=/Library/Preferences/com.apple.VNCSettings.txt
if [ -e "$file" ] || [ -L "$file" ]; then
    need ls
    # shellcheck disable=SC2012 # a row of one known name
    ls -ldn "$file" | { read -r file_mode _ file_uid file_gid _
        printf 'password\t%s\t%s\t%s\n' "$file_mode" "$file_uid" "$file_gid"; }
fi
file=/Library/Preferences/com.apple.RemoteManagement.plist
if [ -f "$file" ]; then
    if [ -r "$file" ]; then
        need plutil
        printf 'settings\t%s\n' "$file"
        plutil -convert xml1 -o - "$file" 2>/dev/null | plist_rows '^/(@NAMED@)$'
    else partial "$file cannot be read"; fi
fi
for group in $groups; do
    need dscl
    said=$(dscl . -read "/Groups/$group" GroupMembership NestedGroups 2>&1)
    case $?:$said in
        0:?*)
            printf 'group\t%s\n' "$group"
            printf '%s\n' "$said" | awk '/^[^ ]/ { name = "" }
                /^(GroupMembership|NestedGroups):/ { name = $1; sub(/^[^:]*:/, "") }
                { for (at = 1; at <= NF; at++) if (name != "") print "member\t" name "\t" $at }' ;;
        *eDSRecordNotFound*) printf 'nogroup\t%s\n' "$group" ;;
        *) partial "dscl does not say who is in $group" ;;
    esac
done
printf 'asked\n'
"""
_NAMED = (
    "ARD_AllLocalUsers", "ARD_AllLocalUsersPrivs", "VNCLegacyConnectionsEnabled", "ScreenSharingReqPermEnabled",
    "DisableKerberos", "allowInsecureDH", "DirectoryGroupLoginsEnabled", "DirectoryGroupList/[0-9]+",
    "WBEMIncomingAccessEnabled",
)  # fmt: skip

_KINDS = {
    "kept": 2, "kept-end": 0, "job": 2, "trigger": 1, "password": 3, "settings": 1, "group": 1, "nogroup": 1,
    "member": 2, "rights": 2, "asked": 0,
}  # fmt: skip
_SHARING, _ARD = "apple-screen-sharing", "apple-remote-management"
_JOBS = {
    "com.apple.screensharing": ("screen sharing", "com.apple.access_screensharing", 5900),
    "com.openssh.sshd": ("remote login", "com.apple.access_ssh", 22),
    "com.apple.AEServer": ("remote apple events", "com.apple.access_remote_ae", 3031),
}
_ARD_PORT = 3283
_SCREEN, _NOT_LOADED = "com.apple.screensharing", "113"
_ARD_GROUPS = tuple(f"com.apple.local.ard_{name}" for name in ("admin", "interact", "manage", "reports"))
_OUR_GROUPS = ("com.apple.access_", "com.apple.local.ard_")
_LOGINS = "DirectoryGroupLoginsEnabled"
_WORDS = {"enabled": True, "false": True, "disabled": False, "true": False}
_NESTED = "NestedGroups:"
_MEMBERS = (_NESTED, "GroupMembership:")
_GROUP_GUID = "ABCDEFAB-CDEF-ABCD-EFAB-CDEF"
_KNOWN_GROUPS = {80: "admin", 20: "staff", 12: "everyone", 61: "localaccounts", 62: "netaccounts"}
_EVERYBODY = ("group staff", "group everyone", "group localaccounts")
_TRUE = ("true", "1")
PASSWORD_FILE = "/Library/Preferences/com.apple.VNCSettings.txt"  # noqa: S105 — a file's name
"""Where the password of viewers without an account is kept."""


@dataclass(slots=True)
class _Answer:
    """The answer while it is read."""

    said: set[tuple[str, ...]] = field(default_factory=set)
    kept: dict[str, bool] = field(default_factory=dict)
    jobs: dict[str, tuple[int, str]] = field(default_factory=dict)
    trigger: tuple[int, bool] | None = None
    settings: list[tuple[int, RemoteAccessSetting]] = field(default_factory=list)
    file: str = ""
    is_open: bool = False
    groups: dict[str, tuple[int, list[str] | None]] = field(default_factory=dict)
    group: str = ""
    rights: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none, or was said before."""
        if line.startswith(MARK):
            self._take_setting(number, line)
            return
        kind, rest = row_of(line, _KINDS)
        once = (kind, self.group, *rest) if kind == "member" else (kind, *rest[:1])
        if once in self.said:
            message = f"a second row {kind!r} of the same"
            raise ValueError(message)
        if kind in ("kept", "job"):
            self._take_job(number, kind, *rest)
        elif kind == "trigger":
            self._take_trigger(number, rest[0])
        elif kind == "password":
            self._take_password(number, rest)
        elif kind == "settings":
            self.file, self.is_open = rest[0], True
        elif kind in ("group", "nogroup"):
            self._take_group(number, kind, rest[0])
        elif kind == "member":
            self._take_member(*rest)
        elif kind == "rights":
            self._take_rights(number, *rest)
        self.said.add(once)

    def _take_job(self, number: int, kind: str, label: str, word: str) -> None:
        if label not in _JOBS or (kind == "kept" and word not in _WORDS):
            message = "no word of a job that was asked about"
            raise ValueError(message)
        if kind == "kept":
            self.kept[label] = _WORDS[word]
        else:
            number_of(word, "status")
            self.jobs[label] = (number, word)

    def _take_trigger(self, number: int, word: str) -> None:
        if word not in ("there", "none") or self.trigger is not None:
            message = "not one word that says whether Remote Management is on"
            raise ValueError(message)
        self.trigger = (number, word == "there")

    def _take_password(self, number: int, rest: list[str]) -> None:
        mode, owner, group = rest
        number_of(owner, "owner")
        number_of(group, "group")
        if ("password",) in {row[:1] for row in self.said} or not mode:
            message = "not one row of the password's file"
            raise ValueError(message)
        self._tell(number, _SHARING, "legacy VNC password", "(set)", PASSWORD_FILE)
        self._tell(number, _SHARING, "mode of its file", f"{mode} {owner} {group}", PASSWORD_FILE)

    def _take_setting(self, number: int, line: str) -> None:
        if not self.is_open:
            message = "a setting of no file"
            raise ValueError(message)
        if line == END:
            self.is_open = False
            return
        value, path = plist_row(line)
        product = _ARD if path[0].startswith(("ARD_", "Directory", "WBEM")) else _SHARING
        self._tell(number, product, path[0], value, self.file)

    def _take_group(self, number: int, kind: str, name: str) -> None:
        if name in self.groups or not name.startswith(_OUR_GROUPS):
            message = "not a group that was asked about once"
            raise ValueError(message)
        self.group = name if kind == "group" else ""
        self.groups[name] = (number, [] if kind == "group" else None)

    def _take_member(self, what: str, name: str) -> None:
        members = self.groups[self.group][1] if self.group else None
        if members is None or what not in _MEMBERS or not name:
            message = "a member of no group"
            raise ValueError(message)
        members.append(_group_named(name) if what == _NESTED else name)

    def _take_rights(self, number: int, name: str, value: str) -> None:
        size = number_of(value.removeprefix("-"), "rights")
        if not name:
            message = "rights of nobody"
            raise ValueError(message)
        self._tell(number, _ARD, f"naprivs of {name}", value, "Directory Services")
        if size:
            self.rights.append(name)

    def _tell(self, number: int, product: str, key: str, value: str, file: str) -> None:
        self.settings.append((number, RemoteAccessSetting(product=product, key=key, value=value, file=file)))

    def features(self) -> list[tuple[int, RemoteManagement]]:
        """Say what is on and who may use it, and note what was not said."""
        found = []
        managed = self._managed()
        if managed is not None:
            found.append(managed)
        for label, (name, group, port) in _JOBS.items():
            told = self._job(label)
            if told is None:
                self.missing.append(f"whether {name} is on was not said")
                continue
            number, is_on, detail = told
            users = self._members(group) if is_on else ()
            if is_on and label == _SCREEN and managed is not None and managed[1].is_enabled:
                # While Remote Management is on, its rights say who may see the screen, not the group of the service.
                users, detail = managed[1].users, f"{detail}; Remote Management says who may use it"
            found.append((number, _feature(name, detail, port, users, is_on=is_on)))
        return found

    def _job(self, label: str) -> tuple[int, bool, str] | None:
        """Say of a job where that stands, whether it is on, and why; None where it was not said."""
        if label not in self.jobs or ("kept-end",) not in self.said:
            return None
        number, status = self.jobs[label]
        kept = self.kept.get(label)
        words = {True: "keeps it as enabled", False: "keeps it as disabled", None: "keeps nothing of it"}[kept]
        if status == "0":
            return number, True, f"launchd has loaded {label}, and {words}"
        if kept:
            loaded = f"launchd has {'not' if status == _NOT_LOADED else 'perhaps not'} loaded {label}"
            return number, True, f"{loaded}, but {words}"
        if status != _NOT_LOADED:
            return None
        return number, False, f"launchd has not loaded {label}, and {words}"

    def _managed(self) -> tuple[int, RemoteManagement] | None:
        if self.trigger is None:
            self.missing.append("whether remote management is on was not said")
            return None
        number, is_on = self.trigger
        detail = f"RemoteManagement.launchd is {'there' if is_on else 'not there'}"
        return number, _feature("remote management", detail, _ARD_PORT, self._managers() if is_on else (), is_on=is_on)

    def _managers(self) -> tuple[str, ...]:
        """Return who has rights of Remote Management; nobody by name where every local user has."""
        values = {one.key: one.value.lower() for _, one in self.settings}
        named = list(self.rights)
        for name in _ARD_GROUPS:
            members = self._members(name)
            if name in self.groups and self.groups[name][1] is not None and values.get(_LOGINS) in _TRUE:
                named += [f"{member} (by {name})" for member in members]
        return () if values.get("ARD_AllLocalUsers") in _TRUE else tuple(dict.fromkeys(named))

    def _members(self, group: str) -> tuple[str, ...]:
        """Return who is let in; nobody by name where the group is not there, or is one of all: everybody is."""
        if group not in self.groups:
            self.missing.append(f"who is in {group} was not said")
            return ()
        named = self.groups[group][1]
        if named is None or any(one in _EVERYBODY for one in named):
            return ()
        return tuple(dict.fromkeys(named)) or ("nobody: the group is empty",)

    def groups_told(self) -> list[tuple[int, RemoteAccessSetting]]:
        """Say of each group that is there who is in it."""
        return [
            (number, RemoteAccessSetting(
                product=_ARD if name in _ARD_GROUPS else _SHARING if name.endswith("screensharing") else "macos",
                key=name, value=", ".join(members) or "(nobody)", file="Directory Services",
            ))
            for name, (number, members) in self.groups.items() if members is not None
        ]  # fmt: skip


def _feature(name: str, detail: str, port: int, users: tuple[str, ...], *, is_on: bool) -> RemoteManagement:
    ports = frozenset({port}) if is_on else frozenset()
    return RemoteManagement(feature=name, is_enabled=is_on, detail=detail, users=users, ports=ports)


def _group_named(guid: str) -> str:
    """Name a group by its identifier, in which those of macOS have their number."""
    if guid.startswith(_GROUP_GUID):
        try:
            number = int(guid.removeprefix(_GROUP_GUID), 16)
        except ValueError:
            return f"group {guid}"
        return f"group {_KNOWN_GROUPS.get(number, number)}"
    return f"group {guid}"


def _parse(text: str) -> Parsed:
    """Read one row of launchd, a setting, a group or a right; what is on comes of all of them together."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    facts = (*answer.features(), *answer.settings, *answer.groups_told())
    if ("asked",) not in answer.said:
        answer.missing.append(ENDS_EARLY)
    if answer.is_open:
        answer.missing.append(f"{answer.file} was not read to its end")
    return Parsed(facts=facts, unread=tuple(strange), partial="; ".join(answer.missing) or None)


PLUGIN = Collector(
    id="remote_config.sharing",
    facts=(RemoteManagement, RemoteAccessSetting),
    scripts={OsFamily.MACOS: _MACOS.replace("@NAMED@", "|".join(_NAMED))},
    shared=(PLIST_ROWS,),
    parse=_parse,
    advice="Run the audit with sudo, and give the SSH server Full Disk Access (docs/macos.md).",
)
