"""Applications of a Mac: bundles in the system's folders and in people's, with identifier, version and team.

A bundle says itself what it is (``Info.plist``, Apple's *Information Property List*); who signed it is told only
where the signature of its program holds and Apple vouches for it (codesign(1), ``anchor apple generic``): what a bundle
merely claims is no team. Apple's own in ``/System/Applications`` lie on the sealed volume and are left out. A bundle
inside of a bundle is a part of it.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, fields, take_lines
from auditor.collect.homes import HOMES, READ_AS, Origin, origin_of, with_limits
from auditor.collect.property_lists import END, MARK, PLIST_ROWS, plist_row
from auditor.model.evidence import Unread
from auditor.model.facts.software import Scope, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_NAMED = "^/CFBundle(Identifier|Name|DisplayName|ShortVersionString|Version)$"
# find hands over the paths as words, so that no name can pass for another's row. Folders that only Full Disk Access
# opens are told from empty ones.
_MACOS = r"""
need find plutil awk codesign
# shellcheck disable=SC2016 # for a shell that find starts
apps_read='
    reader=$1
    shift
    part=$(printf "\t") end="
"
    for app; do
        case $app in *"$part"* | *"$end"*) printf "odd\n"; continue ;; esac
        printf "app\t%s\n" "$app"
        if [ -f "$app/Contents/Info.plist" ]; then
            plutil -convert xml1 -o - -- "$app/Contents/Info.plist" 2>/dev/null | head -c 400000 |
                awk -v named="@NAMED@" "$reader"
        else
            printf "none\n"
        fi
        # Of what it can look at, codesign tells the team, or why it has none, behind the path.
        team=$(codesign -dv -- "$app" 2>&1)
        case $end$team in
            *"${end}TeamIdentifier="* | "$end$app: "*) ;;
            *) printf "unsaid\n" ;;
        esac
        case $team in
            *"${end}TeamIdentifier="*) team=${team##*"${end}TeamIdentifier="} team=${team%%"$end"*} ;;
            *) team= ;;
        esac
        case $team in
            "" | "not set" | *[!0-9A-Z]*) ;;
            *)
                if why=$(codesign --verify --ignore-resources -R "=anchor apple generic" -- "$app" 2>&1); then
                    printf "team\t%s\n" "$team"
                else
                    case $why in "$app: "*) ;; *) printf "unsaid\n" ;; esac
                    printf "unproven\t%s\n" "$team"
                fi ;;
        esac
    done
'
for folder in /Applications /Library /opt /usr/local; do
    [ -d "$folder" ] || continue
    depth=5
    [ "$folder" != /Library ] || depth=4
    printf 'folder\t%s\n' "$folder"
    find "$folder" -xdev -maxdepth "$depth" -path "$folder" -exec printf 'searched\t%s\n' "$folder" \; \
        -o -name '*.app' -type d -prune -exec sh -c "$apps_read" sh "$plist_awk" {} + \
        2>/dev/null || [ "$uid" = 0 ] || partial "$folder could not be searched in full"
done
# shellcheck disable=SC2016 # for a shell of the account
apps_walk='
    # Who looks into the home of another is kept out by modes.
    [ ! -O . ] || for folder in . Applications Desktop Documents Downloads; do
        [ ! -d "$folder" ] || ls "$folder" >/dev/null 2>&1 || printf "closed\t%s\n" "$folder"
    done
    printf "folder\t.\n"
    find . -xdev -maxdepth 4 -path . -exec printf "searched\t%s\n" . \; -o -path ./Library -prune \
        -o -name "*.app" -type d -prune -exec sh -c "$1" sh "$2" {} + 2>/dev/null
    exit 0
'
look() { read_as "$@" "$apps_walk" "$apps_read" "$plist_awk"; }
each_home look
[ ! -d /Users/Shared ] || look - 65534 65534 /Users/Shared
printf 'asked\n'
"""
_SHOWN = 200
_CLOSED = "was not opened to the audit: macOS asks for Full Disk Access there"


@dataclass(slots=True)
class _App:
    """A bundle as far as it was read."""

    line: int
    path: str
    origin: Origin | None
    keys: dict[str, str] = field(default_factory=dict)
    is_told: bool = False
    """Whether what it says of itself was read to its end, or there is nothing."""
    team: str | None = None


@dataclass(slots=True)
class _Listing:
    """The answer while it is read."""

    apps: list[_App] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    is_whole: bool = False
    unsearched: dict[str, None] = field(default_factory=dict)
    """Folders whose search has not shown that it began, in their order."""


def _parse(text: str) -> Parsed:
    """Read each bundle's rows: where it lies, what it says of itself, and its team where that is proven."""
    listing = _Listing()
    strange: list[Unread] = []
    take_lines(text, lambda number, line: _take(number, *origin_of(line), listing), strange)
    lacks = [f"{folder} was not searched" for folder in listing.unsearched]
    lacks += [f"what {app.path[:_SHOWN]} says of itself was not read" for app in listing.apps if not app.is_told]
    if not listing.is_whole:
        lacks.append(ENDS_EARLY)
    return Parsed(
        facts=tuple((app.line, _software(app)) for app in listing.apps),
        unread=tuple(strange),
        partial="; ".join(dict.fromkeys((*listing.lacks, *lacks))) or None,
    )


def _take(number: int, origin: Origin | None, row: str, listing: _Listing) -> None:
    """Read one row; ValueError for one that is not understood."""
    kind = row.partition("\t")[0]
    if row == "asked" and origin is None:
        listing.is_whole = True
    elif kind == "app":
        path = fields(row, 2)[1].removeprefix("./")
        listing.apps.append(_App(line=number, path=path if origin is None else origin.path(path), origin=origin))
    elif kind in ("folder", "searched", "odd", "closed"):
        _take_search(origin, kind, row, listing)
    else:
        app = listing.apps[-1] if listing.apps else None
        if app is None or app.origin != origin:
            message = f"a row {kind[:20]!r} of no application"
            raise ValueError(message)
        _take_of(app, kind, row, listing)


def _take_of(app: _App, kind: str, row: str, listing: _Listing) -> None:
    """Read what a row says of an application."""
    if row in ("none", END):
        app.is_told = True
    elif row.startswith(MARK):
        value, path = plist_row(row)
        if len(path) != 1 or path[0] in app.keys or app.is_told:
            message = "a key that was not asked for, or comes twice"
            raise ValueError(message)
        app.keys[path[0]] = value
    elif kind == "team":
        app.team = fields(row, 2)[1]
    elif row == "unsaid":
        listing.lacks.append(f"who signed {app.path[:_SHOWN]} was not told")
    elif kind != "unproven":
        message = f"unknown row {kind[:20]!r}"
        raise ValueError(message)


def _take_search(origin: Origin | None, kind: str, row: str, listing: _Listing) -> None:
    """Read what a row says of the search itself: that of a folder is begun where find has shown the folder."""
    if kind == "odd":
        listing.lacks.append("an application was left out, whose path holds a line end or a tab")
        return
    name = fields(row, 2)[1]
    folder = name if origin is None else origin.path(name).removesuffix("/.")
    if kind == "folder":
        listing.unsearched[folder] = None
    elif kind == "searched":
        listing.unsearched.pop(folder, None)
    else:
        listing.lacks.append(f"{folder} {_CLOSED}")


def _software(app: _App) -> Software:
    file = app.path.rpartition("/")[2].removesuffix(".app")
    is_users = app.origin is not None
    return Software(
        name=app.keys.get("CFBundleDisplayName") or app.keys.get("CFBundleName") or file,
        version=app.keys.get("CFBundleShortVersionString") or app.keys.get("CFBundleVersion", ""),
        source="software.apps",
        scope=Scope.USER if is_users else Scope.SYSTEM,
        user=app.origin.account if app.origin is not None else None,
        identifier=app.keys.get("CFBundleIdentifier") or None,
        signer=app.team,
        location=app.path,
    )


PLUGIN = Collector(
    id="software.apps",
    facts=(Software,),
    scripts={OsFamily.MACOS: _MACOS.replace("@NAMED@", _NAMED)},
    shared=(HOMES, READ_AS, PLIST_ROWS),
    parse=with_limits(_parse),
    advice="Run the audit as root or with sudo, and give the SSH server Full Disk Access (System Settings, General, "
    "Sharing, Remote Login: Allow full disk access for remote users).",
    holds_secrets=False,
    seconds=90,
    apart=True,
)
