"""Folders that programs are started from and that others than root may write to: PATH, and where services live.

PATH is what logins get: ``PATH`` of environment(5), ``ENV_PATH`` and ``ENV_SUPATH`` of login.defs(5), and the folders
that every Linux has. Shell profiles are programs and are not evaluated.
"""

from auditor.collect.appcontrol.folder_modes import parse_folders
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.appcontrol import WritableProgramPath
from auditor.model.host import OsFamily

# Looked at are the folders and each one above: whoever may write there may put another in its place. One ls says the
# modes, of what links lead to. A folder whose name holds a line end could write rows of its own.
# login.defs is long: the probe's awk reads it, and asks ls itself about a folder that is in no other list.
_QUICK = r"""
folders=
note_folder() {
    case $1 in *"$newline"*) partial "a folder with a line end in its name was left out"; return ;; esac
    [ -d "$1" ] || return 0
    case "$newline$folders$newline" in *"$newline$1$newline"*) return ;; esac
    folders=$folders$newline$1
}
for folder in / /usr /usr/local /opt /usr/local/lib /usr/local/libexec /usr/libexec /opt/* /opt/*/bin /opt/*/sbin; do
    note_folder "$folder"
done
for folder in /usr/local/games /usr/games; do note_folder "$folder"; done
for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
    printf 'path\t%s\n' "$folder"
    note_folder "$folder"
done
if [ -f /etc/environment ] && [ -r /etc/environment ]; then
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in PATH=* | 'export PATH='*) ;; *) continue ;; esac
        line=${line#*=}:
        while [ -n "$line" ]; do
            folder=${line%%:*}
            line=${line#*:}
            folder=${folder#[\"\']}
            folder=${folder%[\"\']}
            case $folder in /*) ;; *) continue ;; esac
            printf 'path\t%s\n' "$folder"
            while [ -n "$folder" ]; do
                note_folder "$folder"
                folder=${folder%/*}
            done
        done
    done </etc/environment
fi
if [ -f /etc/login.defs ]; then
    if [ -r /etc/login.defs ]; then scan /etc/login.defs
    else partial "/etc/login.defs cannot be read"; fi
fi
return 1
"""
_LINUX = r"""
need ls
IFS=$newline
set -f
# shellcheck disable=SC2086 # a folder after each line end
set -- ${folders#"$newline"}
unset -v IFS TIME_STYLE QUOTING_STYLE
exec ls -ldnL "$@"
"""
_AWK = r"""
function appcontrol_program_paths(    line, count, at, folder, list) {
    while ((getline line < path[2]) > 0) {
        if (line !~ /^[ \t]*ENV_(SU)?PATH[ \t]/) continue
        sub(/^[ \t]*ENV_(SU)?PATH[ \t]+/, "", line)
        sub(/^PATH=/, "", line)
        gsub(/["\047 \t]/, "", line)
        count = split(line, appcontrol_part, ":")
        for (at = 1; at <= count; at++) {
            folder = appcontrol_part[at]
            if (folder !~ /^\//) continue
            put("path\t" folder)
            if (folder ~ /^(\/usr(\/local)?)?\/(s?bin|games)\/?$/) continue
            while (folder != "") {
                if (!(folder in appcontrol_listed)) list = list " \047" folder "\047"
                appcontrol_listed[folder] = 1
                sub(/\/[^\/]*$/, "", folder)
            }
        }
    }
    close(path[2])
    if (list == "") return
    list = "unset TIME_STYLE QUOTING_STYLE; ls -ldnL" list " 2>/dev/null"
    while ((list | getline line) > 0) put(line)
    close(list)
}
"""

PLUGIN = Collector(
    id="appcontrol.program_paths",
    facts=(WritableProgramPath,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    awk=_AWK,
    parse=parse_folders,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Make /etc/login.defs and the folders of PATH readable for everyone, as distributions ship them.",
    holds_secrets=False,
)
