"""Who may run what as whom through sudo: ``/etc/sudoers`` and every file that it includes."""

from auditor.collect.accounts.sources import NSSWITCH
from auditor.collect.accounts.sudoers_listing import parse_sudoers
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import SudoRule
from auditor.model.host import OsFamily

# One grep a level of includes reads all its files, each line after its file's name and its number, so that nothing
# inside of a file can pass for another file; comments stay behind, unless they are an include or begin with a user
# number. The shell follows the includes in what grep found, sudo's own way: no name with a dot or a tilde at its end
# in a folder, %h is the host's name, 128 files at most. `file` and `folder` lines say what was followed.
_LINUX = r"""
tell_sources "$sudoers_sources"
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
newline='
'
# One include: the file that names it, then the words of its line.
follow() {
    path=${3#\"} path=${path%\"}
    case $path in *%h*) path=${path%%%h*}${hostname%%.*}${path#*%h} ;; esac
    case $path in /*) ;; *) path=${1%/*}/$path ;; esac
    case $2 in
        *dir)
            printf 'folder %s\n' "$path"
            set +f
            for file in "$path"/*; do
                case ${file##*/} in *.* | *'~') continue ;; esac
                [ -f "$file" ] && next=$next$file$newline
            done
            set -f ;;
        *) next=$next$path$newline ;;
    esac
}
set -f
next=$main seen=0 followed=$newline lines=''
while [ -n "$next" ]; do
    IFS=$newline
    # shellcheck disable=SC2086 # a name a line
    set -- $next
    files='' next=''
    for file; do
        [ -f "$file" ] || continue
        case $followed in *"$newline$file$newline"*) continue ;; esac
        [ "$seen" -lt 128 ] || { partial "more than 128 files are included"; break; }
        followed=$followed$file$newline
        [ -r "$file" ] || { partial "$file cannot be read"; continue; }
        seen=$((seen + 1))
        printf 'file %s\n' "$file"
        files=$files$file$newline
    done
    [ -n "$files" ] || break
    # shellcheck disable=SC2086 # as above
    found=$(grep -Hn -e '^[[:space:]]*[^#[:space:]]' -e '^[[:space:]]*#[0-9i]' $files)
    [ -n "$found" ] || continue
    lines=$lines$found$newline
    for line in $found; do
        case $line in *:[[:space:]]*[@#]include* | *:[@#]include*) ;; *) continue ;; esac
        IFS=' 	'
        # shellcheck disable=SC2086 # the words of the line
        set -- ${line#*:*:}
        case ${1-} in @include | '#include' | @includedir | '#includedir') follow "${line%%:*}" "$@" ;; esac
    done
done
printf 'lines\n%s' "$lines"
"""

PLUGIN = Collector(
    id="accounts.sudoers",
    facts=(SudoRule,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=NSSWITCH,
    parse=parse_sudoers,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: only root may read the sudoers files.",
    holds_secrets=False,
)
