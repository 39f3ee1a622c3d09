"""Login items of a Mac's users, and what apps register to run in the background.

macOS 13 and later keep both in one database, which ``sfltool dumpbtm`` tells root (Apple Platform Deployment, *Manage
login items and background tasks*); its output is for people and is held to what macOS 13 to 26 print. A record
outlives what it stands for: the path is looked for, so that what was removed counts as remains. Jobs of launchd whose
property lists lie in the folders of launchd are ``services.launchd``'s and are left out.
"""

from auditor.collect.collector import Collector, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# An item has a key a line; a path is a URL, an absolute path, or stands below that of the app which is its parent.
# Whatever is no key of an item, such as the second line of a name, is handed on as strange; so is a key that comes
# twice, for a name may hold lines that look like keys. URLs are decoded by printf, since awks part over bytes.
_MACOS = r"""
[ "$uid" = 0 ] || denied "login items are told to root only: macOS asks others for a password on the screen"
need sfltool awk id ls
# shellcheck disable=SC2016 # for awk
items_awk='
function coded(text, is_url,    out, at, code) {
    if (index(text, "file://") == 1) { text = substr(text, 8); is_url = 1 }
    sub(/\/+$/, "", text)
    out = ""
    while (match(text, is_url ? "[\\\\%]" : "[\\\\]")) {
        out = out substr(text, 1, RSTART - 1)
        if (substr(text, RSTART, 1) == "\\") { out = out "\\\\"; text = substr(text, RSTART + 1); continue }
        code = toupper(substr(text, RSTART + 1, 2))
        at = 16 * (index(HEX, substr(code, 1, 1)) - 1) + index(HEX, substr(code, 2, 1)) - 1
        if (code !~ /^[0-9A-F][0-9A-F]$/ || at < 32 || at == 127) {
            out = out "%"
            text = substr(text, RSTART + 1)
        } else {
            out = out "\\0" sprintf("%03o", at)
            text = substr(text, RSTART + 3)
        }
    }
    return out text
}
function path_of(item, key,    text, above) {
    text = told[item, key]
    if (text == "" || text == "(null)") return ""
    if (text ~ /^(\/|file:\/\/)/) return coded(text, 0)
    above = app[owner[item], told[item, "Parent Identifier"]]
    if (above == "") above = app["", told[item, "Parent Identifier"]]
    return above == "" ? "" : above "/" coded(text, 1)
}
BEGIN {
    HEX = "0123456789ABCDEF"
    split("Name,Type,Disposition,Identifier,URL,Executable Path,Bundle Identifier,Parent Identifier", keys, ",")
    for (at in keys) is_key[keys[at]] = 1
}
{ gsub(/[\t\r]/, " ") }
/^ *$/ || /^=+$/ || /^ +#[0-9]+: [^ ]/ { next }
/^ *Records for UID -?[0-9]+ : / { user = $4; seen = 1; inside = 0; next }
/^ *#[0-9]+: *$/ && seen {
    inside = ++items
    owner[items] = user
    if (items > 2000) { print "many"; exit }
    next
}
{
    line = $0
    sub(/^ +/, "", line)
    at = index(line, ":")
    key = substr(line, 1, at - 1)
    text = substr(line, at + 1)
    sub(/^ +/, "", text)
    if (!at || key !~ /^[A-Z][A-Za-z. ]*$/ || !seen) { print "strange\t" substr($0, 1, 300); next }
    if (!inside || !(key in is_key)) next
    if ((inside, key) in told) { print "strange\t" substr($0, 1, 300); next }
    told[inside, key] = substr(text, 1, 4000)
}
END {
    if (!seen) print "silent"
    for (item = 1; item <= items; item++)
        if (told[item, "URL"] ~ /^(\/|file:\/\/)/)
            app["", told[item, "Identifier"]] = app[owner[item], told[item, "Identifier"]] = coded(told[item, "URL"], 0)
    for (item = 1; item <= items && item <= 2000; item++)
        print "item\t" owner[item] "\t" told[item, "Type"] "\t" told[item, "Disposition"] "\t" \
            told[item, "Identifier"] "\t" told[item, "Bundle Identifier"] "\t" told[item, "Name"] "\t" \
            path_of(item, "Executable Path") "\t" path_of(item, "URL")
    print "asked"
}'
plain() { case $1 in *\\*) printf '%b' "$1" ;; *) printf '%s' "$1" ;; esac }
# What is not there counts as gone only where the nearest folder above it can be listed. Volumes may be away, and a
# path with a line end in it is no path here.
where() {
    case $1 in '' | *%[01]* | *%7[Ff]* | /Volumes/* | /Network/* | /net/*) printf 'unknown'; return ;; esac
    if [ -e "$1" ] || [ -L "$1" ]; then printf 'there'; return; fi
    above=${1%/*}
    while [ -n "$above" ] && [ ! -d "$above" ]; do above=${above%/*}; done
    case $above:$1 in
        # Some versions write the number of an account for the name of its home.
        /Users:/Users/[0-9]*) printf 'unknown' ;;
        *) if ls "${above:-/}" >/dev/null 2>&1; then printf 'gone'; else printf 'unknown'; fi ;;
    esac
}
{ sfltool dumpbtm 2>/dev/null || printf '\nno answer\n'; } | awk "$items_awk" | {
    last='' account=''
    while IFS= read -r line; do
        case $line in
            item"$tab"*) ;;
            silent) failed "sfltool did not list login items"; continue ;;
            *) printf '%s\n' "$line"; continue ;;
        esac
        path=$(plain "${line##*"$tab"}")
        line=${line%"$tab"*}
        program=$(plain "${line##*"$tab"}")
        line=${line%"$tab"*}
        number=${line#*"$tab"}
        number=${number%%"$tab"*}
        if [ "$number" != "$last" ]; then
            last=$number account=-
            case $number in -*) ;; *) account=$(id -un "$number" 2>/dev/null) || account=$number ;; esac
        fi
        printf 'item\t%s\t%s\t%s\t%s\t%s\n' "$account" "${line#item"$tab$number$tab"}" "$program" "$path" \
            "$(where "${path:-$program}")"
    done
}
"""
_ROWS = {"item": 9, "strange": 1, "many": 0, "asked": 0}
_MANY = "of more than 2000 login items the first were read"
_STARTS_NOTHING = ("developer", "background tasks", "spotlight", "quicklook", "dock tile")
"""Types of records that group others, or are loaded by an app of Apple's when it wants them."""
_FOLDERS = ("/LaunchDaemons", "/LaunchAgents")
_NONE = "(null)"


def _parse(text: str) -> Parsed:
    """Read one service an item."""
    facts: list[tuple[int, Service]] = []
    strange: list[Unread] = []
    lacks: list[str] = []

    def take(number: int, kind: str, rest: list[str]) -> None:
        if kind == "many":
            lacks.append(_MANY)
        elif kind == "strange":
            strange.append(Unread(line=number, text=rest[0], reason="not a line of an item, or its key comes twice"))
        elif (service := _service(rest)) is not None:
            facts.append((number, service))

    early = take_rows(text, _ROWS, take, strange)
    lacks += [early] if early else []
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial="; ".join(lacks) or None)


def _service(row: list[str]) -> Service | None:
    """Return what an item starts; None for one that starts nothing, or that is a property list of launchd's folders."""
    account, kind, disposition, identifier, bundle, title, program, path, where = row
    if where not in ("there", "gone", "unknown"):
        message = f"{where[:20]!r} does not say whether it is there"
        raise ValueError(message)
    words, bracket, _ = disposition.removeprefix("[").partition("]")
    kind = kind.rpartition(" (")[0] or kind
    if not kind or not bracket:
        message = "an item without a type or a disposition"
        raise ValueError(message)
    if kind in _STARTS_NOTHING:
        return None
    is_job = kind.endswith(("agent", "daemon"))
    if is_job and where == "there" and ".app/" not in path and path.rpartition("/")[0].endswith(_FOLDERS):
        return None
    number, dot, label = identifier.partition(".")
    label = label if dot and number.isascii() and number.isdigit() else identifier
    name = next((one for one in ("" if is_job else bundle, label, title) if one and one != _NONE), "")
    if not name:
        message = "an item without a name"
        raise ValueError(message)
    started = program or path
    return Service(
        name=name,
        manager=ServiceManager.LAUNCHD if is_job else ServiceManager.LOGIN_ITEM,
        start=_start([word.strip() for word in words.split(",")], is_job=is_job),
        state=f"{words.strip()}, not-found" if where == "gone" else words.strip(),
        description="" if title == _NONE else title,
        command=(f'"{started}"' if " " in started else started) or None,
        file=path or None,
        user=None if account == "-" else account,
    )


def _start(words: list[str], *, is_job: bool) -> StartMode:
    """Say whether it starts by itself: of a job inside of an app its property list says, which is not read."""
    if "disabled" in words or "disallowed" in words:
        return StartMode.DISABLED
    return StartMode.AUTOMATIC if "enabled" in words and not is_job else StartMode.UNKNOWN


PLUGIN = Collector(
    id="services.login_items",
    facts=(Service,),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Run the audit as root or with sudo.",
    apart=True,
    seconds=30,
)
