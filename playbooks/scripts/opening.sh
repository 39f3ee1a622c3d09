# What every script of this folder begins with: plain POSIX sh, and what coreutils or busybox bring.
#
# A script prints one line of state a fact (fields parted by tabs) when it captures, and as its last line `changed` or
# `same` when it acts. Exit status 3 means: refused, and standard error says why.
# shellcheck shell=sh
set -euf
umask 022
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV

TAB=$(printf '\t')
# `yes`: only say whether something would change.
DRY=no
CHANGED=no

# What is being done, for the message when it fails.
DOING=
trap '[ -z "$DOING" ] || printf "failed: %s\n" "$DOING" >&2' EXIT

refuse() {
    DOING=
    printf '%s\n' "$1" >&2
    exit 3
}

has() { command -v "$1" >/dev/null 2>&1; }

need() { has "$1" || refuse "$1 is not on this host"; }

# Do something that changes the host, or only note that it would be done. It has to be the last of a list of commands:
# elsewhere the shell would go on after a failure inside it.
step() {
    CHANGED=yes
    if [ "$DRY" = yes ]; then
        return 0
    fi
    # No more of it: what comes after may be the content of a file.
    DOING="$1 ${2:-}"
    "$@" >/dev/null
    DOING=
}

finish() {
    if [ "$CHANGED" = yes ]; then
        printf 'changed\n'
    else
        printf 'same\n'
    fi
}

# Print standard input in base64, `-` when there is none: no field of a line of state is empty.
encoded() {
    coded=$(base64 | tr -d '\n')
    printf '%s' "${coded:--}"
}

decoded() { printf '%s' "${1#-}" | base64 -d; }

# ---- files: a line of state each, content in base64

file_state() {
    if [ -L "$1" ]; then
        printf 'link\t%s\t%s\n' "$1" "$(readlink "$1")"
    elif [ -f "$1" ]; then
        printf 'file\t%s\t%s\t%s\n' "$1" "$(stat -c '%a %u:%g' "$1")" "$(encoded <"$1")"
    elif [ -e "$1" ]; then
        refuse "$1 is neither a file nor a link"
    else
        printf 'absent\t%s\n' "$1"
    fi
}

# Write standard input into a file. What is there keeps its mode, owner, label and attributes.
write_file() {
    cat >"$1"
}

# Bring files and links back to the lines of state on standard input.
restore_files() {
    while IFS=$TAB read -r kind path first second; do
        case $kind in
            file | link | absent) ;;
            *) continue ;;
        esac
        if [ "$(file_state "$path")" = "$(restored_line "$kind" "$path" "$first" "$second")" ]; then
            continue
        fi
        step restore_file "$path" "$kind" "$first" "$second"
    done
}

restored_line() {
    case $1 in
        file) printf 'file\t%s\t%s\t%s\n' "$2" "$3" "$4" ;;
        link) printf 'link\t%s\t%s\n' "$2" "$3" ;;
        absent) printf 'absent\t%s\n' "$2" ;;
    esac
}

restore_file() {
    case $2 in
        file)
            [ ! -L "$1" ] || rm -f "$1"
            mkdir -p "${1%/*}"
            [ -e "$1" ] || (umask 077 && : >"$1")
            chown "${3#* }" "$1"
            chmod "${3%% *}" "$1"
            decoded "$4" | write_file "$1"
            ;;
        link)
            mkdir -p "${1%/*}"
            ln -sfn "$3" "$1"
            ;;
        absent)
            rm -f "$1"
            ;;
    esac
    relabel "$1"
}

# Give a new file the label that SELinux has for its place.
relabel() {
    if [ -e "$1" ] && has restorecon; then
        restorecon "$1"
    fi
}
