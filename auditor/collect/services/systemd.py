"""systemd units of the system: what is installed, what starts by itself, what runs.

Unit files and links are read from the disk, so a container or a chroot whose first process is not systemd still
shows what is installed; where systemd runs, one call adds what it has loaded. That costs the host a fraction of
``systemctl list-unit-files``, for which systemd itself reads every file again.
"""

from auditor.collect.collector import Collector
from auditor.collect.services.programs import PROGRAMS
from auditor.collect.services.units import parse_units
from auditor.model.evidence import Proof
from auditor.model.facts.services import Service
from auditor.model.host import OsFamily

# Folders in systemd's order of precedence (systemd.unit(5)). Links in *.wants and *.requires, and links that give a
# unit another name, are names alone: the shell finds them without a process. The probe's awk makes a line of each unit
# and drop-in. What is no file (/dev/null apart) is not opened: a unit may be a link to what an ordinary user made.
# An empty unit file, or one that is /dev/null, masks the unit. Then their programs are looked for, in a process that
# can be ended. Where systemd runs, it is asked what it has loaded.
_QUICK = r"""
set --
for dir in /etc/systemd/system.control /run/systemd/system.control /run/systemd/transient \
    /run/systemd/generator.early /etc/systemd/system /run/systemd/system /run/systemd/generator \
    /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system /run/systemd/generator.late; do
    [ -d "$dir" ] || continue
    case $dir in /lib/*) [ ! -L /lib ] || continue ;; esac
    set -- "$@" "$dir"
done
[ $# -gt 0 ] || { absent "there is no folder of systemd units"; return; }
files='' mount_units=''
unit() {
    if [ -f "$1" ] || [ "$1" -ef /dev/null ]; then files=$files$tab$1
    elif [ -e "$1" ] || [ -L "$1" ]; then printf 'broken\t%s\t\t\t\t\t\n' "$1"; fi
}
for dir; do
    [ -r "$dir" ] && [ -x "$dir" ] || partial "$dir cannot be read"
    for file in "$dir"/*; do
        case $file in
            *.service | *.socket | *.timer | *.path)
                [ -L "$file" ] && printf 'link\t%s\n' "$file"
                unit "$file" ;;
            *.mount) mount_units=$mount_units$tab$file ;;
            *.service.d | *.socket.d)
                for inner in "$file"/*.conf; do unit "$inner"; done ;;
            *.wants | *.requires)
                for inner in "$file"/*; do [ -L "$inner" ] && printf 'wanted\t%s\n' "$inner"; done ;;
        esac
    done
done
[ -z "$files" ] || scan_listed "$files"
return 1
"""
_LINUX = r"""
# Whoever cannot read which mounts there should be does not know what is missing.
if [ ! -e /etc/fstab ] || [ -r /etc/fstab ]; then
    set -f
    IFS=$tab
    # shellcheck disable=SC2086 # a path after each tab
    set -- $files$mount_units
    unset -v IFS
    set +f
    [ $# -eq 0 ] || ! have awk || {
        eval "$program_words"
        programs_gone "$uid" "$(awk "$program_awk" system "$@")"
    }
fi
printf 'running\n'
[ -d /run/systemd/system ] || exit 0
have systemctl || { partial "systemctl is not installed: what runs is not known"; exit 0; }
printf 'systemctl\n'
systemctl list-units --all --full --plain --no-legend --no-pager --type=service,socket,timer,path ||
    partial "systemctl did not answer: what runs is not known"
"""
_AWK = r"""
function services_systemd(    at) {
    for (at = 2; at <= paths; at++) services_systemd_unit(path[at])
}
"""
UNIT_AWK = r"""
function services_systemd_unit(file,    line, lines, got, held) {
    unit_resets = unit_installs = unit_user = unit_aliases = unit_command = unit_description = held = ""
    unit_listens = unit_starts = unit_others = ""
    unit_keys = "^(ExecStart|User|Description|(Wanted|Required|Upheld)By|Alias|Listen(Stream|Datagram)|Service" \
        "|Exec(StartPre|StartPost|StopPost|Condition|SearchPath)|Root[A-Z][A-Za-z]*|Bind(ReadOnly)?Paths|MountImages" \
        "|Extension(Images|Directories)|Unit)[ \t]*="
    lines = 0
    while ((got = (getline line < file)) > 0) {
        lines++
        if (held != "") {
            if (line ~ /^[ \t]*[#;]/) continue
            sub(/^[ \t]+/, "", line)
        }
        else if (line !~ unit_keys) continue
        line = held line
        held = ""
        if (line ~ /\\$/) held = substr(line, 1, length(line) - 1)
        else services_systemd_take(line)
    }
    if (held != "") services_systemd_take(held)
    close(file)
    put((got < 0 ? "broken" : (lines ? "unit" : "masked")) "\t" file "\t" unit_resets unit_installs unit_others \
        "\t" unit_user "\t" unit_aliases "\t" unit_command "\t" unit_description \
        (unit_listens unit_starts == "" ? "" : "\t" unit_listens "\t" unit_starts))
}
function services_systemd_take(line,    at, key, value) {
    at = index(line, "=")
    key = substr(line, 1, at - 1)
    value = substr(line, at + 1)
    sub(/[ \t]+$/, "", key)
    gsub(/\t/, " ", value)
    sub(/^ +/, "", value)
    sub(/ +$/, "", value)
    if (key == "ExecStart") {
        if (value == "") { unit_resets = "r"; unit_command = "" }
        else unit_command = unit_command (unit_command == "" ? "" : " ; ") value
    }
    else if (key ~ /^(Exec|Root|Bind|Mount|Extension|Unit$)/) {
        if (value != "" && (key !~ /^Exec[SC]/ || key == "ExecSearchPath" || value !~ \
            /^[-@:+!]*(\/usr)?\/s?bin\/(chgrp|chmod|chown|mkdir|modprobe|rm|sleep|test|true)( |$)/)) unit_others = "x"
    }
    else if (key == "User") unit_user = value
    else if (key == "Service") unit_starts = value
    else if (key ~ /^Listen/)
        unit_listens = value == "" ? "-" : unit_listens (unit_listens == "" ? "" : " ") key "=" value
    else if (key == "Description") unit_description = value
    else {
        unit_installs = "i"
        if (key == "Alias") unit_aliases = unit_aliases (unit_aliases == "" ? "" : " ") value
    }
}
"""
"""Functions of awk that make a row of a unit's file: the listing of users' units has a copy under names of its own."""

PLUGIN = Collector(
    id="services.systemd",
    facts=(Service,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    awk=_AWK + UNIT_AWK.lstrip(),
    shared=(PROGRAMS,),
    parse=parse_units,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, on a host whose systemd answers `systemctl list-units`.",
)
