"""systemd units of users' sessions: those of the system for every session, and those that accounts made in their homes.

A unit of a session runs with the rights of its user, starts when that user logs in, or with the machine where the user
lingers (loginctl(1)). Folders in the order of precedence of systemd.unit(5), "user unit search path". What runs of them
is told by the control groups of processes (``user@1000.service/app.slice/x.service``), not here.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, lines_of, unread
from auditor.collect.homes import HOMES, READ_AS, Origin, origin_of, with_limits
from auditor.collect.services.programs import PROGRAMS
from auditor.collect.services.systemd import UNIT_AWK
from auditor.collect.services.units import Listing, enabled_of, is_second_name, placed, start_of, template_of
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

# The same walk for the system's folders and, with the rights of the account, for those of a home. Names that systemd
# would not take for a unit's are passed over: they start nothing.
_SCRIPT = r"""
# shellcheck disable=SC2016 # for a shell of the account
user_units_walk='
    reader=$1 finder=$2 number=$3 files="" count=0
    shift 3
    for dir; do
        [ -d "$dir" ] || continue
        for file in "$dir"/*; do
            name=${file##*/}
            case $name in *[!A-Za-z0-9:_.@\\-]*) continue ;; esac
            case $name in
                *.service | *.socket | *.timer | *.path)
                    [ ! -L "$file" ] || printf "link\t%s\n" "$file"
                    if [ -f "$file" ] || [ "$file" -ef /dev/null ]; then files="$files$file|"; count=$((count + 1))
                    elif [ -e "$file" ] || [ -L "$file" ]; then printf "broken\t%s\t\t\t\t\t\n" "$file"; fi ;;
                *.service.d | *.socket.d)
                    for inner in "$file"/*.conf; do
                        if [ -f "$inner" ]; then files="$files$inner|"; count=$((count + 1)); fi
                    done ;;
                *.wants | *.requires)
                    for inner in "$file"/*; do [ ! -L "$inner" ] || printf "wanted\t%s\n" "$inner"; done ;;
            esac
        done
    done
    [ "$count" -le 2000 ] || { printf "many\t%s\n" "$count"; exit 0; }
    IFS="|"
    set -f
    [ -n "$files" ] || exit 0
    awk "$reader" $files || exit
    [ ! -e /etc/fstab ] || [ -r /etc/fstab ] || exit 0
    unset -v IFS
    set +f
    set --
    for dir in /etc/systemd/system /run/systemd/generator /run/systemd/transient /usr/local/lib/systemd/system \
        /usr/lib/systemd/system /lib/systemd/system; do
        for file in "$dir"/*.mount; do [ ! -f "$file" ] || set -- "$@" "$file"; done
    done
    IFS="|"
    set -f
    programs_gone "$number" "$(awk "$finder" user $files "$@")"
    exit 0
'
user_units_awk='function put(line) { print line }
BEGIN { for (at = 1; at < ARGC; at++) user_units_unit(ARGV[at]); exit }
@READER@'
need awk
user_units_system=''
for dir in /etc/systemd/user /run/systemd/user /usr/local/share/systemd/user /usr/share/systemd/user \
    /usr/local/lib/systemd/user /usr/lib/systemd/user /lib/systemd/user; do
    [ -d "$dir" ] || continue
    case $dir in /lib/*) [ ! -L /lib ] || continue ;; esac
    user_units_system=1
    [ -r "$dir" ] && [ -x "$dir" ] || partial "$dir cannot be read"
done
if [ -n "$user_units_system" ]; then
    set -- /etc/systemd/user /run/systemd/user /usr/local/share/systemd/user /usr/share/systemd/user \
        /usr/local/lib/systemd/user /usr/lib/systemd/user
    [ -L /lib ] || set -- "$@" /lib/systemd/user
    sh -c "$program_words$user_units_walk" sh "$user_units_awk" "$program_awk" "$uid" "$@" ||
        partial "the units in /usr/lib/systemd/user could not be read"
fi
for file in /var/lib/systemd/linger/*; do
    if [ -e "$file" ]; then printf 'linger\t%s\n' "${file##*/}"; fi
done
user_units_look() {
    home_has "$4" .config/systemd/user .config/systemd/user.control .local/share/systemd/user || return 0
    read_as "$@" "$program_words$user_units_walk" "$user_units_awk" "$program_awk" "$2" \
        .config/systemd/user.control .config/systemd/user .local/share/systemd/user
}
each_home user_units_look
[ -n "$user_units_system$home_read$left" ] || absent "there is no folder of systemd units for users"
printf 'end\n'
""".replace("@READER@", UNIT_AWK.replace("services_systemd", "user_units").strip())

_MANY = "more units than are looked at"


@dataclass(slots=True, kw_only=True)
class _Scope:
    """The units of the system, or of one home."""

    origin: Origin | None
    listing: Listing = field(default_factory=Listing)
    wanted_at: dict[str, int] = field(default_factory=dict)
    """Names of wanted units, with the line that says so."""


@dataclass(slots=True, kw_only=True)
class _Reader:
    """The section while it is read."""

    scopes: dict[str, _Scope] = field(default_factory=dict)
    """By home; the system's is the one without."""
    lingering: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)
    has_end: bool = False

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        origin, rest = origin_of(line)
        word, _, value = rest.partition("\t")
        if origin is None and line == "end":
            self.has_end = True
            return
        if origin is None and word == "linger":
            self.lingering.add(value)
            return
        if word == "many":
            self.doubts.append(f"{_MANY}: {value[:12]}" + ("" if origin is None else f" of {origin.account}"))
            return
        scope = self.scopes.setdefault("" if origin is None else origin.home, _Scope(origin=origin))
        if origin is not None:
            file, tab, more = value.partition("\t")
            rest = f"{word}\t{origin.path(file)}{tab}{more}"
        if word not in ("unit", "masked", "broken", "wanted", "link", "gone"):
            message = "not a line of a listing of units"
            raise ValueError(message)
        scope.listing.take(number, rest)
        if word == "wanted":
            scope.wanted_at.setdefault(rest.rpartition("/")[2], number)

    def services(self) -> list[tuple[int, Service]]:
        """Return the system's units first, then those of each home."""
        system = self.scopes.pop("", None) or _Scope(origin=None)
        system.listing.settle()
        for scope in self.scopes.values():
            scope.listing.settle()
            system.listing.others |= scope.listing.others
        found = _services(system, None)
        for scope in self.scopes.values():
            account = scope.origin.account if scope.origin is not None else None
            state = "linger" if account in self.lingering else ""
            found += [
                (line, replace(service, user=account, state=state))
                for line, service in _services(scope, system.listing)
            ]
        return [(line, replace(service, manager=ServiceManager.SYSTEMD_USER)) for line, service in found]


def _services(scope: _Scope, below: Listing | None) -> list[tuple[int, Service]]:
    """Return the units of one scope, and those that it starts of the scope below it."""
    listing = scope.listing
    links = ("/etc/", "/run/") if scope.origin is None else (scope.origin.home,)
    enabled = enabled_of(listing, links)
    contents: set[object] = {unit.content for unit in listing.units.values() if unit.file not in listing.links}
    found = [
        placed(listing, unit, name, start_of(unit, enabled))
        for name, unit in listing.units.items()
        if not is_second_name(unit, listing, contents)
    ]
    known = dict(below.units) if below is not None else {}
    known.update(listing.units)
    for name, line in scope.wanted_at.items():
        unit = None if name in listing.units else known.get(name) or known.get(template_of(name))
        # A link to a unit that is not there any more starts nothing.
        if unit is not None:
            owner = listing if unit.name in listing.units or below is None else below
            found.append((line, placed(owner, unit, name, StartMode.AUTOMATIC)[1]))
    return found


def _parse(text: str) -> Parsed:
    """Read one service a unit and account."""
    reader = _Reader()
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            reader.take(number, line)
        except ValueError as error:
            strange.append(unread(number, line, error))
    if not reader.has_end:
        reader.doubts.append(ENDS_EARLY)
    facts = reader.services()
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial="; ".join(reader.doubts) or None)


PLUGIN = Collector(
    id="services.user_units",
    facts=(Service,),
    scripts={OsFamily.LINUX: _SCRIPT},
    shared=(HOMES, READ_AS, PROGRAMS),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: units in the homes of others are closed to an ordinary account.",
    apart=True,
    seconds=15,
)
