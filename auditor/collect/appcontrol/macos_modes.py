r"""Folders of macOS that programs are started from and that others than root may write to, access lists included.

PATH is what path_helper(8) makes of /etc/paths and /etc/paths.d, and what Homebrew and MacPorts put before it. Looked
at are these, the folders that launchd(8) starts jobs from, those of programs, and each one above. ``/Applications`` is
written to by the group admin by design: whether that counts, controls say.
"""

from dataclasses import dataclass, field

from auditor.collect.accounts.sources import is_id
from auditor.collect.appcontrol.folder_modes import folder_row, trimmed
from auditor.collect.collector import ENDS_EARLY, Collector, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.appcontrol import WritableProgramPath
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# One ls says modes and access lists of all, of what links lead to (ls(1): -e, -n). Names of who an access list names
# become numbers where there are such entries, which is seldom.
_MACOS = r"""
folders=''
note_folder() {
    case $2 in
        *"$newline"* | *"$tab"*) partial "a folder with a line end or tab in its name was left out"; return ;;
    esac
    folder=$2
    printf '%s\t%s\n' "$1" "$folder"
    while :; do
        case $newline$folders in *"$newline$folder$newline"*) return ;; esac
        # Above what is not there, somebody may make it.
        if [ -d "$folder" ]; then folders=$folders$folder$newline; fi
        [ "$folder" != / ] || return
        folder=${folder%/*}
        folder=${folder:-/}
    done
}
for file in /etc/paths /etc/paths.d/*; do
    [ -f "$file" ] || continue
    if [ ! -r "$file" ]; then partial "$file cannot be read"; continue; fi
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in /*[!/]*) note_folder path "${line%/}" ;; esac
    done <"$file"
done
for folder in /opt/homebrew/bin /opt/homebrew/sbin /opt/local/bin /opt/local/sbin /usr/local/bin /usr/local/sbin; do
    if [ -d "$folder" ]; then note_folder path "$folder"; fi
done
for folder in /Library/LaunchDaemons /Library/LaunchAgents /Library/StartupItems /etc/periodic/daily; do
    if [ -d "$folder" ]; then note_folder start "$folder"; fi
done
for folder in /Applications /Applications/Utilities /Library/PrivilegedHelperTools /Library/SystemExtensions \
    /Library/Extensions '/Library/Application Support' /usr/local/lib /usr/local/libexec /usr/local/opt \
    /opt/homebrew/opt /opt/*; do
    if [ -d "$folder" ]; then note_folder programs "$folder"; fi
done
need ls awk
IFS=$newline
set -f
# shellcheck disable=SC2086 # a folder before each line end
set -- $folders
unset -v IFS
set +f
rows=$(ls -ldenL "$@" 2>/dev/null)
printf '%s\n' "$rows"
printf '%s\n' "$rows" | awk '/^ *[0-9]+: (user|group):/ && / allow / {
        sub(/^ *[0-9]+: /, "")
        sub(/ (inherited )?allow .*/, "")
        if (!seen[$0]++) print
    }' | while IFS= read -r who; do
    name=${who#*:}
    case $who in
        group:everyone) continue ;;
        user:*) number=$(id -u "$name" 2>/dev/null) ;;
        *)
            number=$(dscl . -read "/Groups/$name" PrimaryGroupID 2>/dev/null)
            number=${number#*: } ;;
    esac
    case $number in '' | *[!0-9]*) ;; *) printf 'number\t%s\t%s\n' "$number" "$who" ;; esac
done
printf 'asked\n'
"""

_REASONS = {"path": "in PATH", "start": "start-up folder", "programs": "folder of programs"}
_ABOVE = {"path": "above a folder in PATH", "start": "above a start-up folder"}
_WRITES = frozenset({"write", "add_file", "add_subdirectory", "delete_child", "writesecurity", "chown"})
"""Rights of chmod(1) with which somebody puts a program into a folder, or gives himself that right."""


@dataclass(slots=True)
class _Answer:
    """The answer while it is read: entries of an access list follow the folder that they are of."""

    kinds: dict[str, str] = field(default_factory=dict)
    rows: dict[str, tuple[int, str, str, str]] = field(default_factory=dict)
    entries: list[tuple[int, str, str]] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    is_whole: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one line; ValueError for what is none."""
        kind, tab, rest = line.partition("\t")
        if line == "asked":
            self.is_whole = True
        elif tab and kind in _REASONS and rest.startswith("/"):
            self.kinds.setdefault(trimmed(rest), kind)
        elif tab and kind == "number":
            value, tab, who = rest.partition("\t")
            if not tab or not is_id(value):
                raise ValueError("not a number of whom an access list names")
            self.numbers[who] = value
        elif line.startswith(" "):
            self._take_entry(number, line)
        else:
            self.folder = ""
            mode, owner, group, self.folder = folder_row(line)
            self.rows[self.folder] = (number, mode, owner, group)

    def _take_entry(self, number: int, line: str) -> None:
        """Read `` 0: group:everyone deny delete``; a name may hold blanks, so the last word is what it is about."""
        place, colon, rest = line.strip().partition(": ")
        who, _, rights = rest.rpartition(" ")
        who, _, word = who.rpartition(" ")
        who = who.removesuffix(" inherited")
        if not colon or not is_id(place) or word not in ("allow", "deny") or not who or not self.folder:
            raise ValueError("not an entry of an access list")
        if word == "allow" and _WRITES.intersection(rights.split(",")):
            self.entries.append((number, self.folder, who))

    def facts(self) -> list[tuple[int, WritableProgramPath]]:
        """Return each folder that root is not alone to write to."""
        above = {
            parent: _ABOVE[kind]
            for kind in ("start", "path")
            for path, said in self.kinds.items()
            if said == kind
            for parent in _parents(path)
        }
        found = [
            (number, self._fact(path, above, owner=owner, group=group, mode=mode))
            for path, (number, mode, owner, group) in self.rows.items()
            if owner != "0" or mode[5] == "w" or mode[8] == "w"
        ]
        return found + [(number, self._granted(path, above, who)) for number, path, who in self.entries]

    def _granted(self, path: str, above: dict[str, str], who: str) -> WritableProgramPath:
        """Say in the letters of a mode what an entry of an access list amounts to."""
        named = self.numbers.get(who, who.partition(":")[2] or who)
        if who == "group:everyone":
            return self._fact(path, above, owner="0", group="0", mode="d------rwx+")
        if who.startswith("group:"):
            return self._fact(path, above, owner="0", group=named, mode="d---rwx---+")
        return self._fact(path, above, owner=named, group="0", mode="drwx------+")

    def _fact(self, path: str, above: dict[str, str], **rights: str) -> WritableProgramPath:
        reason = _REASONS[self.kinds[path]] if path in self.kinds else above.get(path, _REASONS["programs"])
        if reason == _REASONS["programs"]:
            reason = above.get(path, reason)
        return WritableProgramPath(path=path, reason=reason, **rights)


def _parents(path: str) -> list[str]:
    return [path[:at] or "/" for at, character in enumerate(path) if character == "/"]


def _parse(text: str) -> Parsed:
    """Return each folder that others may write to; the rows of the others are the proof that they may not."""
    answer = _Answer()
    strange: list[Unread] = []
    take_lines(text, answer.take, strange)
    missing = None if answer.is_whole else ENDS_EARLY
    if "/" not in answer.rows:
        missing = "the folders are not listed"
    return Parsed(facts=tuple(answer.facts()), unread=tuple(strange), partial=missing)


PLUGIN = Collector(
    id="appcontrol.macos_modes",
    facts=(WritableProgramPath,),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Make /etc/paths and the folders of PATH readable for everyone, as macOS ships them.",
    holds_secrets=False,
)
