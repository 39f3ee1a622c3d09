"""Who may run what as whom through sudo: ``/etc/sudoers`` and every file that it includes."""

from auditor.collect.accounts.sources import NSSWITCH
from auditor.collect.accounts.sudoers_listing import parse_sudoers
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import SudoRule
from auditor.model.host import OsFamily

# The shell follows the includes, sudo's own way: no name with a dot or a tilde at its end in a folder, %h is the
# host's name, 128 files at most. Then one grep prints them all, each line after its file's name and its number,
# so that nothing inside of a file can pass for another file; comments stay behind, unless they are an include or
# begin with a user number. `file` and `folder` lines say what was followed.
_LINUX = (
    NSSWITCH.replace("DATABASE", "sudoers")
    + r"""
main=
for file in /etc/sudoers /usr/etc/sudoers /usr/local/etc/sudoers; do
    if [ -e "$file" ]; then main=$file; break; fi
done
if [ -z "$main" ]; then
    have sudo && failed "sudo is installed, but no sudoers file was found"
    absent "neither sudo nor a sudoers file is installed"
fi
[ -r "$main" ] || denied "only root may read $main"
need grep
read -r hostname </proc/sys/kernel/hostname
seen=0
follow() {
    while read -r word path rest; do
        case $word in @include | '#include' | @includedir | '#includedir') ;; *) continue ;; esac
        path=${path#\"} path=${path%\"}
        case $path in *%h*) path=${path%%%h*}${hostname%%.*}${path#*%h} ;; esac
        case $path in /*) ;; *) path=${1%/*}/$path ;; esac
        case $word in
            *dir)
                printf 'folder %s\n' "$path"
                for file in "$path"/*; do
                    case ${file##*/} in *.* | *'~') continue ;; esac
                    [ -f "$file" ] && queue="$queue$file
"
                done ;;
            *) queue="$queue$path
" ;;
        esac
    done <"$1"
}
todo="$main
"
followed="
"
set --
while [ -n "$todo" ] && [ "$seen" -lt 128 ]; do
    file=${todo%%"
"*}
    todo=${todo#*"
"}
    [ -f "$file" ] || continue
    case $followed in *"
$file
"*) continue ;; esac
    followed="$followed$file
"
    [ -r "$file" ] || { partial "$file cannot be read"; continue; }
    seen=$((seen + 1))
    printf 'file %s\n' "$file"
    set -- "$@" "$file"
    queue=
    follow "$file"
    todo=$queue$todo
done
[ -z "$todo" ] || partial "more than 128 files are included"
printf 'lines\n'
grep -Hn -e '^[[:space:]]*[^#[:space:]]' -e '^[[:space:]]*#[0-9i]' "$@" || :
"""
)

PLUGIN = Collector(
    id="accounts.sudoers",
    facts=(SudoRule,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=parse_sudoers,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: only root may read the sudoers files.",
    holds_secrets=False,
)
