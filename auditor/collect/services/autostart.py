"""What sessions with a screen start by themselves: autostart entries, and the scripts that such a session runs.

Entries are those of the XDG Desktop Application Autostart Specification: ``Hidden=true`` switches one off, and so does
``X-GNOME-Autostart-enabled=false``. One in a home takes the place of the system's of the same name, for that account
only: both are listed. Scripts are what X sessions (Xsession(5), startx(1)), VNC servers (``xstartup``) and window
managers run. An entry for one desktop (``OnlyShowIn``) is listed whichever desktop is in use.
"""

from auditor.collect.collector import ENDS_EARLY, Collector, fields, lines_of, unread
from auditor.collect.homes import HOMES, READ_AS, Origin, origin_of, with_limits
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A script becomes one row: its lines that are no comments, joined as a shell would have them on one line.
_SCRIPT = r"""
autostart_awk='
function session(file,    line, text, lines) {
    while ((getline line < file) > 0 && lines++ < 400 && length(text) < 6000) {
        gsub(/\t/, " ", line)
        sub(/^ +/, "", line)
        if (line != "" && line !~ /^#/) text = text (text == "" ? "" : " ; ") substr(line, 1, 1000)
    }
    close(file)
    print "script\t" file "\t" text
}
function entry(file,    line, lines, inside, at, key, value, has) {
    split("", has)
    while ((getline line < file) > 0 && lines++ < 400) {
        if (line ~ /^\[/) { inside = (line ~ /^\[Desktop Entry\]/); continue }
        at = index(line, "=")
        if (!inside || !at) continue
        key = substr(line, 1, at - 1)
        value = substr(line, at + 1, 1000)
        sub(/[ \t]+$/, "", key)
        gsub(/\t/, " ", value)
        sub(/^ +/, "", value)
        if (!(key in has)) has[key] = value
    }
    close(file)
    print "entry\t" file "\t" has["Hidden"] "\t" has["X-GNOME-Autostart-enabled"] "\t" has["Name"] "\t" has["Exec"]
}
BEGIN {
    for (at = 1; at < ARGC; at++)
        if (ARGV[at] ~ /[.]desktop$/) entry(ARGV[at])
        else session(ARGV[at])
    exit
}'
# shellcheck disable=SC2016 # for a shell of the account
autostart_walk='
    reader=$1 files="" count=0 part=$(printf "\t") end="
"
    shift
    for path; do
        for file in "$path" "$path"/*; do
            case $path:$file in
                *autostart:*.desktop | *autostart:*/openbox/autostart | *autostart:*/labwc/autostart) ;;
                *autostart:*) continue ;;
            esac
            [ -f "$file" ] || continue
            # What would part names, or end one in the middle of a row.
            case $file in *"|"* | *"$part"* | *"$end"*) printf "odd\n"; continue ;; esac
            files="$files$file|"
            count=$((count + 1))
        done
    done
    [ "$count" -le 500 ] || { printf "many\t%s\n" "$count"; exit 0; }
    IFS="|"
    set -f
    [ -z "$files" ] || exec awk "$reader" $files
    exit 0
'
need awk
autostart_system=''
for file in /etc/xdg/autostart /etc/X11/Xsession.d /etc/X11/xinit/xinitrc.d /etc/xdg/openbox/autostart \
    /etc/sway/config /etc/sway/config.d /etc/xdg/labwc/autostart; do
    [ -e "$file" ] || continue
    autostart_system=1
    [ -r "$file" ] || partial "$file cannot be read"
done
[ -z "$autostart_system" ] || sh -c "$autostart_walk" sh "$autostart_awk" /etc/xdg/autostart /etc/X11/Xsession.d \
    /etc/X11/xinit/xinitrc.d /etc/xdg/openbox/autostart /etc/sway/config /etc/sway/config.d /etc/xdg/labwc/autostart ||
    partial "the entries in /etc could not be read"
autostart_look() {
    home_has "$4" .config .xprofile .xsession .xsessionrc .xinitrc .Xclients .vnc .i3 || return 0
    read_as "$@" "$autostart_walk" "$autostart_awk" .config/autostart .config/autostart-scripts \
        .config/plasma-workspace/env .xprofile .xsession .xsessionrc .xinitrc .Xclients .vnc/xstartup \
        .config/tigervnc/xstartup .config/openbox/autostart .config/labwc/autostart .config/sway/config \
        .config/sway/config.d .config/i3/config .i3/config .config/hypr/hyprland.conf
}
each_home autostart_look
[ -n "$autostart_system$home_read$left" ] || absent "there is no autostart entry and no script of a session"
printf 'end\n'
"""

_OFF = ("false", "0", "no")


def _entry(rest: str, origin: Origin | None) -> Service:
    """Read file, Hidden, X-GNOME-Autostart-enabled, name and command of an entry."""
    file, hidden, enabled, title, command = fields(rest, 5)
    name = file.rpartition("/")[2]
    is_off = hidden.strip().lower() == "true" or enabled.strip().lower() in _OFF
    return Service(
        name=name,
        manager=ServiceManager.AUTOSTART,
        start=StartMode.DISABLED if is_off else StartMode.AUTOMATIC,
        description=title,
        command=command or None,
        file=file if origin is None else origin.path(file),
        user=None if origin is None else origin.account,
    )


def _script(rest: str, origin: Origin | None) -> Service:
    file, text = fields(rest, 2)
    return Service(
        name=file.rpartition("/")[2],
        manager=ServiceManager.AUTOSTART,
        start=StartMode.AUTOMATIC,
        command=text or None,
        file=file if origin is None else origin.path(file),
        user=None if origin is None else origin.account,
    )


def _parse(text: str) -> Parsed:
    """Read one service an entry or script; the system's entry of a name stands beside that of a home."""
    facts: list[tuple[int, Service]] = []
    strange: list[Unread] = []
    doubts: list[str] = []
    has_end = False
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            origin, said = origin_of(line)
            word, _, rest = said.partition("\t")
            if origin is None and said == "end":
                has_end = True
            elif word == "entry":
                facts.append((number, _entry(rest, origin)))
            elif word == "script":
                facts.append((number, _script(rest, origin)))
            elif word == "many":
                doubts.append(
                    f"more entries than are looked at: {rest[:12]}"
                    + ("" if origin is None else f" of {origin.account}")
                )
            elif word == "odd" and not rest:
                whose = "" if origin is None else f" of {origin.account}"
                doubts.append(f"an entry{whose} has a name that holds a tab, a bar or a line end")
            else:
                message = "neither an entry nor a script"
                raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
        except ValueError as error:
            strange.append(unread(number, line, error))
    if not has_end:
        doubts.append(ENDS_EARLY)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial="; ".join(doubts) or None)


PLUGIN = Collector(
    id="services.autostart",
    facts=(Service,),
    scripts={OsFamily.LINUX: _SCRIPT},
    shared=(HOMES, READ_AS),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: what is in the homes of others is closed to an ordinary account.",
    apart=True,
    seconds=15,
)
