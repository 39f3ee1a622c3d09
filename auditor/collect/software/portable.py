"""Program files that no package manager need know: portable programs and AppImages, found by a walk with bounds.

The walk goes through people's home folders, ``/opt``, ``/usr/local``, ``/srv`` and the folders for temporary files. It
follows no link, opens no file, and stays on the file systems of this machine.
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.homes import HOMES, with_limits
from auditor.model.evidence import Proof
from auditor.model.facts.software import ProgramFile
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

# What is told: files that somebody may execute, and AppImages whether they are executable or not. Left out are
# libraries, which many systems mark executable, and the insides of node_modules and .git.
#
# Users choose names, line ends included. Each root is written as /./ROOT/. (which also enters a root that is a link),
# and no name can make find print /./ at the beginning of a line: every other line is the rest of a name.
#
# GNU find tells owner, size and time itself. Others say each file's name twice, and three times when it is larger than
# 64 KiB; folders are said once, so that the walk can be counted, and is given up beyond a number of folders, files or
# seconds. For each awk: srand() tells the seed before, which is the time.
_LINUX = r"""
need find awk
# A find that does not find the root finds nothing else, and nobody would see it.
[ "$(find / -prune 2>/dev/null)" = / ] || failed "find does not work: it does not find the root folder"
find_homes
is_gnu=''
find / -maxdepth 0 -printf '' >/dev/null 2>&1 && is_gnu=1

walk() {
    [ $# != 0 ] || return 0
    for root; do
        printf 'root\t%s\n' "$root"
        set -- "$@" "/.$root/."
        shift
    done
    set -- "$@" -xdev -maxdepth 8 \
        -type d \( \( -name node_modules -o -name .git \) -prune -o -print \) -o \
        -type f ! -name '*.so' ! -name '*.so.*' \
        \( -perm -100 -o -perm -010 -o -perm -001 -o -name '*.[Aa][Pp][Pp][Ii][Mm][Aa][Gg][Ee]' \)
    if [ -n "$is_gnu" ]; then set -- "$@" -printf '/./\t%m\t%U\t%s\t%Ts\t%p\n'
    else set -- "$@" \( -size +127 -print -print -print -o -print -print \); fi
    {
        { find "$@" 2>&1 >&6; printf 'status %s\n' "$?"; } | complaints
    } 6>&1 | rows
}

# What find says on standard error, a line each: how many folders it could not read, and how it ended.
complaints() {
    shut=0 status=''
    while read -r line; do
        case $line in
            'status '*) status=${line#status } ;;
            *': Permission denied')
                line=${line%: Permission denied} line=${line#*/.}
                line=${line%\'}
                # Other people's network file systems are closed to root, and are not walked anyway.
                case $far in *"$tab${line%%/./*}/${line#*/./}$tab"*) ;; *) shut=$((shut + 1)) ;; esac ;;
            # What is removed during the walk is not there.
            *': No such file or directory') ;;
            *) shut=$((shut + 1)) ;;
        esac
    done
    printf '/./ end %s %s\n' "$shut" "$status" >&6
} 2>/dev/null

rows() {
    awk -v walk="$walk" -v most_folders=30000 -v most_files=5000 -v most_seconds=5 '
        function now() { srand(); return srand() }
        function give_up(why) {
            is_over = 1
            print "limit\twalk-budget\tthe walk of " walk " was given up after " why \
                " in " root ": what comes after was not looked at"
            exit
        }
        function plain(path,    at) {
            path = substr(path, 3)
            at = index(path, "/./")
            if (at) path = substr(path, 1, at) substr(path, at + 3)
            else if (substr(path, length(path) - 1) == "/.") path = substr(path, 1, length(path) - 2)
            gsub(/%/, "%25", path)
            gsub(/\n/, "%0A", path)
            gsub(/\t/, "%09", path)
            return path
        }
        function file(about, path) {
            if (++files > most_files) give_up(most_files " program files")
            print "file\t" about "\t" plain(path)
        }
        function folder() {
            if (++folders > most_folders) give_up(most_folders " folders")
            if (folders % 64) return
            if (now() - begun > most_seconds && begun > 1000000000) give_up(most_seconds " seconds")
        }
        function said_often() {
            if (times == 1) folder()
            else if (times == 2) file("\t\t\t", path_before)
            else if (times > 2) file("\t\t65536+\t", path_before)
            times = 0
        }
        function take(    at, about, column) {
            if (substr(row, 4, 1) == "\t") {
                row = substr(row, 5)
                for (column = 1; column <= 4; column++) {
                    at = index(row, "\t")
                    about = about (column > 1 ? "\t" : "") substr(row, 1, at - 1)
                    row = substr(row, at + 1)
                }
                file(about, row)
            }
            else if (substr(row, 4, 5) == " end ") {
                said_often()
                split(substr(row, 9), ended, " ")
                is_over = 1
                if (ended[1] > 0) print "unread\t" walk "\t" ended[1]
                if (ended[2] > 128) print "killed\t" walk
            }
            else if (row == path_before) times++
            else {
                said_often()
                path_before = row
                times = 1
                if (match(row, /\/\.$/)) root = plain(row)
            }
        }
        BEGIN { begun = now() }
        substr($0, 1, 3) == "/./" { if (held) take(); row = $0; held = 1; next }
        { row = row "\n" $0 }
        END {
            if (held && !is_over) take()
            if (!is_over) print "killed\t" walk
        }
    '
}

# Sets $roots: of the folders named, those that are there and on this machine.
choose() {
    roots=''
    for root; do
        [ -d "$root" ] || continue
        if is_far "$root"; then
            printf 'limit\tremote-folders\t%s is on a network file system and was left out\n' "$root"
        else roots=$roots$root$newline; fi
    done
}
walk_through() {
    walk=$1
    set -f
    IFS=$newline
    # shellcheck disable=SC2086 # a folder a line
    set -- $roots
    unset -v IFS
    set +f
    walk "$@"
}
add_home() { case $newline$roots in *"$newline$home$newline"*) ;; *) roots=$roots$home$newline ;; esac; }

choose /opt /usr/local /srv
walk_through 'what is installed by hand'
choose /tmp /var/tmp /dev/shm
walk_through 'temporary files'
roots=''
in_homes add_home person
walk_through 'home folders'
"""

_FIELDS = 6
_MISSED = "the walk of"


def _read(line: str) -> ProgramFile | None:
    kind, _tab, rest = line.partition("\t")
    if kind == "root":
        if not rest.startswith("/"):
            message = "a walk that begins nowhere"
            raise ValueError(message)
        return None  # says in the evidence where the walk went
    if kind in ("unread", "killed"):
        raise ValueError(_complaint(kind, rest))
    kind, mode, uid, size, modified, path = fields(line, _FIELDS)
    if kind != "file" or not path.startswith("/"):
        message = f"no program file: {kind[:20]!r}"
        raise ValueError(message)
    return ProgramFile(
        path=_unescaped(path),
        mode=int(mode, 8) if mode else None,
        uid=int(uid) if uid else None,
        size=int(size.removesuffix("+")) if size else None,
        modified=int(modified) if modified else None,
    )


def _unescaped(path: str) -> str:
    return path.replace("%0A", "\n").replace("%09", "\t").replace("%25", "%")


def _complaint(kind: str, rest: str) -> str:
    if kind == "killed":
        return f"{_MISSED} {rest} was ended by something else"
    walk, many = fields(rest, 2)
    return f"{_MISSED} {walk} could not read {many} folders"


def _parse(text: str) -> Parsed:
    """Read the rows; what a walk says it did not see is understood, and makes the answer partial."""
    parsed = parse_lines(text, _read)
    missed = [one for one in parsed.unread if one.reason.startswith(_MISSED)]
    if not missed:
        return parsed
    strange = tuple(one for one in parsed.unread if not one.reason.startswith(_MISSED))
    return replace(parsed, unread=strange, partial="; ".join(one.reason for one in missed))


PLUGIN = Collector(
    id="software.portable",
    facts=(ProgramFile,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES,),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root, with find and awk installed; what a budget or a network file system leaves out can "
    "be accepted in the policy (accepted_limits).",
    holds_secrets=False,
    seconds=22,
    apart=True,
)
