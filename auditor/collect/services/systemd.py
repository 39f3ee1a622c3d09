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

# Folders in systemd's order of precedence (systemd.unit(5)). One grep takes from every unit and drop-in the keys
# that matter; an indented line may continue one of them. Links in *.wants and *.requires, and links that stand for
# an alias, are names alone: the shell finds them without a process. A unit that is a device is masked: /dev/null.
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
need grep
files=
for dir; do
    [ -r "$dir" ] && [ -x "$dir" ] || { partial "$dir cannot be read"; continue; }
    printf 'folder %s\n' "$dir"
    for link in "$dir"/*.wants/* "$dir"/*.requires/*; do
        [ -L "$link" ] && printf 'wanted %s\n' "$link"
    done
    for unit in "$dir"/*.service "$dir"/*.socket "$dir"/*.timer "$dir"/*.path; do
        [ -e "$unit" ] || [ -L "$unit" ] || continue
        files=1
        if [ -L "$unit" ]; then
            if [ -c "$unit" ]; then printf 'masked %s\n' "$unit"
            elif [ -e "$unit" ]; then printf 'link %s\n' "$unit"
            else printf 'broken %s\n' "$unit"; fi
        elif [ ! -s "$unit" ]; then printf 'masked %s\n' "$unit"
        else printf 'unit %s\n' "$unit"; fi
    done
done
[ -n "$files" ] || absent "there is no systemd unit in any folder"
printf 'files\n'
for dir; do
    shift
    set -- "$@" "$dir"/*.service "$dir"/*.socket "$dir"/*.timer "$dir"/*.path \
        "$dir"/*.service.d/*.conf "$dir"/*.socket.d/*.conf
done
grep -Hs -e '^ExecStart=' -e '^Description=' -e '^User=' -e '^WantedBy=' \
    -e '^RequiredBy=' -e '^UpheldBy=' -e '^Alias=' -e '^Also=' -e '^[[:space:]]' "$@"
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
