"""Which programs of units are not there: shared by the listings of systemd's units and of users' units.

That a program is missing is said only where it is proven: every folder above it may be searched (listed, where SELinux
could hide what is in it), none of them is a place of the network or a mount that is not there now, and what systemd
sees is what the probe sees. Of all others nothing is said, and a unit stays what its file says it is. A row is
``gone``, the file that names the program, and the program as it stands there.

Sources: systemd.service(5), "Command lines" (prefixes, the fixed path of names without a folder); systemd-escape(1) for
names of mount units; proc_pid_mountinfo(5): no two mounts have one number, those of two namespaces neither.
"""

from auditor.collect.homes import FAR_TYPES

PROGRAMS = r"""
# Which programs have to be looked for, a row each behind the file that names it: no variable, quote or specifier, not
# below a place that is away, nor where a program may come later: homes, what is mounted by hand, what a boot empties.
# What is of systemd itself is nobody else's, and much.
# The first row is "away" where anything is: a link may lead there.
program_awk='
function go_away(place) {
    sub(/\/+$/, "", place)
    if (place != "" && place !~ /^\/(boot|dev|efi|proc|run|sys|tmp|var\/lib\/machines)(\/|$)/) away[++aways] = place "/"
}
function is_away(file,    at) {
    for (at = 1; at <= aways; at++) if (index(file, away[at]) == 1) return 1
    return 0
}
function mounted_by(unit,    at, hex, sign) {
    sub(/.*\//, "", unit)
    sub(/[.]mount$/, "", unit)
    gsub(/-/, "/", unit)
    hex = "0123456789abcdef"
    while (at = match(unit, /\\x[0-9a-f][0-9a-f]/)) {
        sign = (index(hex, substr(unit, at + 2, 1)) - 1) * 16 + index(hex, substr(unit, at + 3, 1)) - 1
        unit = substr(unit, 1, at - 1) sprintf("%c", sign) substr(unit, at + 4)
    }
    return "/" unit
}
function look_for(file, program) {
    sub(/^[ \t]*[-@:+!]*/, "", program)
    sub(/[ \t].*/, "", program)
    if (program !~ /^[A-Za-z0-9_.\/+@:,=-]+$/ || program ~ /\/[.]?[.]?(\/|$)/ || (file, program) in told) return
    if (program ~ /^\/(boot|dev|efi|home|media|mnt|net|proc|run|sys|tmp|var\/(lib\/machines|lock|run|tmp))\//) return
    if (program ~ /^(\/usr)?\/lib\/systemd\// || is_away(program)) return
    if (program !~ /^\// && (program ~ /\// || ARGV[1] != "system" || is_away("/usr/bin/"))) return
    told[file, program] = 1
    print file "\t" program
}
BEGIN {
    getline here < "/proc/self/mountinfo"
    getline first < "/proc/1/mountinfo"
    if (here == "" || here != first) exit
    while ((getline line < "/proc/mounts") > 0) {
        split(line, word, " ")
        mounted[word[2]] = 1
        if (word[3] ~ /^(@FAR@)$/) go_away(word[2])
    }
    while ((getline line < "/etc/fstab") > 0) {
        if (split(line, word, " ") < 2 || word[2] !~ /^\/./) continue
        sub(/\/+$/, "", word[2])
        if (!(word[2] in mounted)) go_away(word[2])
    }
    for (at = 2; at < ARGC; at++)
        if (ARGV[at] ~ /[.]mount$/ && !(mounted_by(ARGV[at]) in mounted)) go_away(mounted_by(ARGV[at]))
    if (aways) print "away"
    for (at = 2; at < ARGC; at++) {
        if (ARGV[at] !~ /[.](service|conf)$/) continue
        while ((getline line < ARGV[at]) > 0) {
            if (line !~ /^ExecStart[ \t]*=/) continue
            sub(/^ExecStart[ \t]*=/, "", line)
            count = split(line, command, / ; /)
            for (part = 1; part <= count; part++) look_for(ARGV[at], command[part])
        }
        close(ARGV[at])
    }
    exit
}'
# Builtins only, without an apostrophe: a shell of an account is given it too.
# shellcheck disable=SC2016 # for a shell of its own
program_words='
# Tell whether a program is proven not to be there. What a link leads to may be out of sight: then nobody but root is
# told, and he only where nothing is away. SELinux hides files whose names a folder still lists.
program_is_gone() {
    [ ! -e "$1" ] || return 1
    program_at="" program_left=${1#/} program_linked=""
    case $1 in
        /bin/* | /sbin/* | /lib/* | /lib64/*)
            if [ "/${program_left%%/*}" -ef "/usr/${program_left%%/*}" ]; then program_left=usr/$program_left; fi ;;
    esac
    while :; do
        program_name=${program_left%%/*} program_next=$program_at/${program_left%%/*}
        if [ -L "$program_next" ]; then program_linked=1; fi
        if [ -n "$program_linked" ] && [ -n "$program_away" ]; then return 1; fi
        if [ -d "$program_next" ]; then
            case $program_left in */*) ;; *) return 1 ;; esac
            program_at=$program_next program_left=${program_left#*/}
            continue
        fi
        # Below a file nothing can be.
        [ ! -e "$program_next" ] || case $program_left in */*) return 0 ;; *) return 1 ;; esac
        if [ -L "$program_next" ]; then [ "$program_uid" = 0 ]; return; fi
        [ -x "$program_at/" ] || return 1
        [ -n "$program_hidden" ] || return 0
        [ -r "$program_at/" ] || return 1
        for program_seen in "$program_at/$program_name"*; do
            [ "$program_seen" != "$program_next" ] || return 1
        done
        return 0
    done
}
# programs_gone UID ROWS: a row for each that is gone, of what awk found.
programs_gone() {
    program_uid=$1 program_away="" program_hidden=""
    if [ -d /sys/fs/selinux ] || [ -d /sys/fs/smackfs ]; then program_hidden=1; fi
    set -f
    IFS="
"
    set -- $2
    unset -v IFS
    set +f
    for program_row; do
        case $program_row in
            away) program_away=1; continue ;;
            *"@TAB@"*) program=${program_row##*"@TAB@"} ;;
            *) continue ;;
        esac
        case $program in
            /*) program_is_gone "$program" || continue ;;
            *)
                for program_dir in /usr/bin /usr/sbin /usr/local/sbin /usr/local/bin /sbin /bin; do
                    [ ! -e "$program_dir/$program" ] || continue 2
                done
                for program_dir in /usr/bin /usr/sbin /usr/local/sbin /usr/local/bin /sbin /bin; do
                    program_is_gone "$program_dir/$program" || continue 2
                done ;;
        esac
        printf "gone\t%s\n" "$program_row"
    done
}
'
""".replace("@FAR@", "|".join(FAR_TYPES).replace(".*", "[.].*")).replace("@TAB@", "\t")
"""Shared: ``$program_awk`` takes ``system`` or ``user``, then files of units and of mount units, and prints what has to
be looked for; ``$program_words`` defines ``programs_gone UID ROWS``, which prints what is gone of it."""
