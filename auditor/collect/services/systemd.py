"""systemd units of the system: what is installed, what starts by itself, what runs.

Unit files and links are read from the disk, so a container or a chroot whose first process is not systemd still
shows what is installed; where systemd runs, one call adds what it has loaded. That costs the host a fraction of
``systemctl list-unit-files``, for which systemd itself reads every file again.
"""

from auditor.collect.collector import Collector
from auditor.collect.services.units import parse_units
from auditor.model.evidence import Proof
from auditor.model.facts.services import Service
from auditor.model.host import OsFamily

# Folders in systemd's order of precedence (systemd.unit(5)). Links in *.wants and *.requires, and links that give a
# unit another name, are names alone: the shell finds them without a process. One awk makes a line of each unit and
# drop-in; it reads by getline, since a file that is not there any more would end the other way of reading.
# An empty unit file, or one that is /dev/null, masks the unit.
_LINUX = r"""
set --
for dir in /etc/systemd/system.control /run/systemd/system.control /run/systemd/transient \
    /run/systemd/generator.early /etc/systemd/system /run/systemd/system /run/systemd/generator \
    /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system /run/systemd/generator.late; do
    [ -d "$dir" ] || continue
    case $dir in /lib/*) [ ! -L /lib ] || continue ;; esac
    set -- "$@" "$dir"
done
[ $# -gt 0 ] || absent "there is no folder of systemd units"
need awk
for dir; do
    [ -r "$dir" ] && [ -x "$dir" ] || partial "$dir cannot be read"
    for link in "$dir"/*.wants/* "$dir"/*.requires/*; do
        [ -L "$link" ] && printf 'wanted\t%s\n' "$link"
    done
    for link in "$dir"/*.service "$dir"/*.socket "$dir"/*.timer "$dir"/*.path; do
        [ -L "$link" ] && printf 'link\t%s\n' "$link"
    done
done
for dir; do
    shift
    set -- "$@" "$dir"/*.service "$dir"/*.socket "$dir"/*.timer "$dir"/*.path \
        "$dir"/*.service.d/*.conf "$dir"/*.socket.d/*.conf
done
awk '
    function take(line) {
        at = index(line, "=")
        key = substr(line, 1, at - 1)
        value = substr(line, at + 1)
        sub(/[ \t]+$/, "", key)
        gsub(/\t/, " ", value)
        sub(/^ +/, "", value)
        sub(/ +$/, "", value)
        if (key == "ExecStart") {
            if (value == "") { resets = "r"; command = "" }
            else command = command (command == "" ? "" : " ; ") value
        }
        else if (key == "User") user = value
        else if (key == "Description") description = value
        else {
            installs = "i"
            if (key == "Alias") aliases = aliases (aliases == "" ? "" : " ") value
        }
    }
    BEGIN {
        for (i = 1; i < ARGC; i++) {
            file = ARGV[i]
            if (file ~ /\/\*\./ || file ~ /\.d\/\*/) continue
            resets = installs = user = aliases = command = description = held = ""
            lines = 0
            while ((got = (getline line < file)) > 0) {
                lines++
                if (held != "") {
                    if (line ~ /^[ \t]*[#;]/) continue
                    sub(/^[ \t]+/, "", line)
                }
                else if (line !~ /^(ExecStart|User|Description|WantedBy|RequiredBy|UpheldBy|Alias)[ \t]*=/) continue
                line = held line
                held = ""
                if (line ~ /\\$/) held = substr(line, 1, length(line) - 1)
                else take(line)
            }
            if (held != "") take(held)
            close(file)
            kind = got < 0 ? "broken" : (lines ? "unit" : "masked")
            print kind "\t" file "\t" resets installs "\t" user "\t" aliases "\t" command "\t" description
        }
    }
' "$@"
printf 'running\n'
[ -d /run/systemd/system ] || exit 0
have systemctl || { partial "systemctl is not installed: what runs is not known"; exit 0; }
systemctl list-units --all --full --plain --no-legend --no-pager --type=service,socket,timer,path ||
    partial "systemctl did not answer: what runs is not known"
"""

PLUGIN = Collector(
    id="services.systemd",
    facts=(Service,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=parse_units,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, on a host whose systemd answers `systemctl list-units`.",
)
