"""Home folders of a host's accounts: what sections that look into them share, and what they leave out."""

from collections.abc import Callable
from typing import Any

from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

HOMES = r"""
# Looking at a folder of the network can hang, and at one of autofs(5) mounts it: mount points tell before. A shell
# reads a byte at a time, and a host of containers has a long list: find_homes then asks awk.
far=$tab mounts=0
far_of() {
    while read -r _ place type _; do
        mounts=$((mounts + 1))
        [ "$mounts" -le "$1" ] || return 0
        case $type in
            9p | afs | autofs | beegfs | ceph | cifs | coda | fuse | fuse.* | gfs2 | glusterfs | gpfs | lustre | \
                ncpfs | nfs | nfs4 | ocfs2 | orangefs | panfs | pvfs2 | smb3 | smbfs | virtiofs) far=$far$place$tab ;;
        esac
    done
}
[ ! -r /proc/mounts ] || far_of 200 </proc/mounts
is_far() {
    [ "$far" != "$tab" ] || return 1
    folder=$1
    while [ -n "$folder" ]; do
        case $far in *"$tab$folder$tab"*) return 0 ;; esac
        folder=${folder%/*}
    done
    return 1
}
homes='' homes_known=0
if [ -r /etc/passwd ]; then
    while IFS=: read -r name _ number _ _ home _; do
        case $home in /*[!/]*) home=${home%/} ;; *) continue ;; esac
        # Accounts of the system have such for want of a home; what lies there belongs to packages.
        case $home/ in
            *"$tab"* | /bin/* | /sbin/* | /dev/* | /etc/* | /nonexistent/* | /proc/* | /run/* | /sys/* | /usr/* | \
                /var/run/*) continue ;;
        esac
        homes_known=$((homes_known + 1))
        [ "$homes_known" -le 1000 ] || break
        type=system
        case $number in 65534 | *[!0-9]*) ;; 0 | ????*) type=person ;; esac
        homes=$homes$type:$name:$home$newline
    done </etc/passwd
fi

# Prints what is left out ($left is set then), and leaves the others in $home_folders: lines "type:name:folder".
find_homes() {
    home_folders='' shut=0 left='' homes_far=0 first_far=''
    if [ "$mounts" -gt 200 ]; then
        need awk
        far=$(awk '$3 !~ /^(overlay|proc|tmpfs|sysfs|mqueue|cgroup2?|devpts|nsfs)$/' /proc/mounts |
            { mounts=0; far_of 100000; printf '%s' "$far"; })
    fi
    set -f
    IFS=$newline
    # shellcheck disable=SC2086 # an entry a line
    set -- $homes
    unset -v IFS
    set +f
    # Accounts of a directory service have theirs here too, and stand in no file.
    is_far /home || for home in /home/*; do
        case $home in *"$tab"* | *"$newline"*) continue ;; esac
        case :$homes in *:"$home$newline"*) continue ;; esac
        if [ $# -lt 2000 ]; then set -- "$@" "person:${home##*/}:$home"; else homes_known=1001; fi
    done
    for entry; do
        home=${entry#*:*:}
        if is_far "$home"; then
            homes_far=$((homes_far + 1)) first_far=${first_far:-$home}
            continue
        fi
        [ -d "$home" ] || continue
        if [ -r "$home" ] && [ -x "$home" ]; then home_folders=$home_folders$entry$newline
        else shut=$((shut + 1)); fi
    done
    if [ "$uid" != 0 ]; then left=1; partial 'only root can look into the home folders of others'
    elif [ "$shut" != 0 ]; then left=1; partial "$shut home folders cannot be entered"; fi
    if [ "$homes_far" != 0 ]; then
        left=1
        printf 'limit\tremote-homes\t%s home folders on network file systems were left out, %s among them\n' \
            "$homes_far" "$first_far"
    fi
    if [ "$homes_known" -gt 1000 ]; then
        left=1
        printf 'limit\tmany-homes\tof more than 1000 home folders the first were looked into\n'
    fi
}
# Runs a function for each of them, or for those of one type, with $home and $owner set.
in_homes() {
    doing=$1 only=${2-}
    set -f
    IFS=$newline
    # shellcheck disable=SC2086 # an entry a line
    set -- $home_folders
    unset -v IFS
    set +f
    for entry; do
        case $entry in "$only"*) ;; *) continue ;; esac
        home=${entry#*:*:} owner=${entry#*:}
        owner=${owner%%:*}
        "$doing"
    done
}
"""
"""Shared by sections that look into home folders: ``find_homes``, and the mount points behind ``is_far``.

Of a home folder nothing is opened: its owner can put a device or a link there between the look and the reading.
"""

_LIMIT = "limit\t"


def parse_rows(text: str, read: Callable[[int, str], Any | None]) -> Parsed:
    """Read one fact a line, as ``parse_lines`` does, and the rows that say what a bound left out."""
    facts: list[tuple[int, Any]] = []
    strange: list[Unread] = []
    limits: dict[Limit, None] = {}
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            if line.startswith(_LIMIT):
                limits[_limit(line)] = None
                continue
            fact = read(number, line)
        except ValueError as error:
            strange.append(unread(number, line, error))
        else:
            if fact is not None:
                facts.append((number, fact))
    return Parsed(facts=tuple(facts), unread=tuple(strange), limits=tuple(limits))


def _limit(line: str) -> Limit:
    name, separator, text = line.removeprefix(_LIMIT).partition("\t")
    if not separator or not name or not text:
        message = "a limit without a name or a text"
        raise ValueError(message)
    return Limit(id=name, text=text)
