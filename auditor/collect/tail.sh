
# ---- what runs them

# Prints this shell's own process id: $$ stays the parent's in a subshell.
own_pid() {
    if [ -r /proc/self/stat ]; then read -r own rest </proc/self/stat
    else own=$(exec /bin/sh -c 'echo "$PPID"'); fi
}

# A kernel that does not list children tells each process's parent, behind a name that may hold anything.
children_of() {
    if [ ! -r /proc/self/stat ]; then
        ps -A -o ppid= -o pid= | while read -r parent pid; do [ "$parent" != "$1" ] || printf '%s\n' "$pid"; done
        return
    fi
    for file in "/proc/$1/task/"*/children; do
        [ -r "$file" ] || break
        pid=
        read -r pid <"$file"
        printf '%s\n' "$pid"
    done
    [ ! -r "$file" ] && [ -e "/proc/$1" ] || return
    for file in /proc/[0-9]*/stat; do
        line=
        read -r line 2>/dev/null <"$file"
        case ${line##*) } in [A-Za-z]" $1 "*) printf '%s\n' "${line%% *}" ;; esac
    done
}

kill_tree() {
    for child in $(children_of "$1"); do kill_tree "$child"; done
    kill -KILL "$1" 2>/dev/null
}

# A section is first put to this shell itself, where a fragment of builtins can answer it. What is left runs
# beside this shell, which waits for it; once a second the clock's signal interrupts the wait, so that a section
# that hangs is killed and said so.
section() {
    section=$1
    printf '\n%s begin %s\n' "$token" "$section"
    if [ "$clock" -ge "$total_seconds" ]; then
        printf '\n%s outcome failed the probe used up its %s seconds before this section\n' "$token" "$total_seconds"
        return
    fi
    status=1
    if [ "$2" != - ]; then "$2"; status=$?; fi
    if [ "$status" != 0 ] && [ "$3" != - ]; then
        printf '\n%s begin %s\n' "$call" "$section" >&2
        beside "$3" "$4"
        if [ "$status" != lost ] && [ "$status" -ge 32 ] && [ "$status" -lt 64 ]; then
            eval "told_${3#section_}=$((status - 32))"
            status=0
        fi
    fi
    printf '\n%s end %s %s\n' "$token" "$section" "$status"
}

# Run a function in a process of its own for so many seconds at most; its exit status is left in $status.
# A bash whom the clock's signal meets just as it takes note of an end forgets how it was: there a section's last word
# is its own status, and that is what counts where bash has lost it.
beside() {
    started=$clock
    (
        forked=yes
        # shellcheck disable=SC2154 # set where everything begins
        [ -z "${BASH_VERSION-}" ] || trap 'printf "\n%s left %s\n" "$token" "$?"' 0
        "$1"
    ) </dev/null &
    running=$!
    while :; do
        ticks=$clock
        wait "$running"
        status=$?
        [ "$status" -gt 128 ] || break
        if ! kill -0 "$running" 2>/dev/null; then
            # Where the clock struck as it ended, that was the clock's status; some shells have put its own aside.
            if [ "$clock" != "$ticks" ] && [ -n "${BASH_VERSION-}" ]; then status=lost
            elif [ "$clock" != "$ticks" ]; then
                wait "$running"
                last=$?
                [ "$last" = 127 ] || status=$last
            fi
            break
        fi
        if [ $((clock - started)) -gt "$2" ]; then
            kill_tree "$running"
            wait "$running"
            printf '\n%s outcome failed it did not end within %s seconds\n' "$token" "$2"
            break
        fi
    done
}

everything() {
    exec 3>&1
    clock=0 forked=
    own_pid
    trap 'clock=$((clock + 1))' USR1
    # A sleep that does not sleep is no clock. Without one no section is cut: the caller's deadline ends what hangs.
    watch=
    if have sleep; then
        (
            trap - USR1
            trap 'kill "$!"; exit' TERM
            while :; do
                sleep 1 & wait "$!" || exit
                kill -USR1 "$own" || exit
            done
        ) >/dev/null 2>&1 </dev/null &
        watch=$!
    fi
    printf '%s %s\n' "$token" "$section_bytes"
    printf '\n%s head kernel %s\n' "$token" "$kernel $release"
    printf '\n%s head hostname %s\n' "$token" "$hostname"
    printf '\n%s head uid %s\n' "$token" "$uid"
    printf '\n%s head become %s\n' "$token" "$become"
    sections
    [ -z "$watch" ] || kill "$watch" 2>/dev/null
    printf '\n%s finish\n' "$token"
}

# The one judge of what is a marker: a line that begins with the token of this very run.
# Markers leave as "@...", every other line as "|...", so content can never be one.
# A marker is printed after a newline of its own, which is taken away again here.
# A marker "read" names files whose lines are content, as they are or after the file's name; or whose lines a
# collector's own function makes content of. A file that is gone by now is none.
# The clock is what srand() took as its seed, as the next srand() tells: awk runs anyway, date would be one more.
# An awk that seeds itself with anything else (mawk since 2023 with nanoseconds) is not believed, and date is asked.
prefix() {
    if have awk; then
        exec awk '
            function put(text) {
                size += length(text) + 1
                if (size <= limit) print "|" text
                else if (!cut) { cut = 1; print "@cut" }
            }
            function put_lines(file, lead,    line, got) {
                while ((got = (getline line < file)) > 0) put(lead line)
                close(file)
                return got
            }
            function take(how,    at) {
                if (how == "plain") {
                    if (put_lines(path[2], "") < 0) print "@outcome failed " path[2] " cannot be read"
                }
                else if (how == "named") for (at = 2; at <= paths; at++) put_lines(path[at], path[at] ":")
                # ---- the readers of collectors
            }
            # ---- the functions of collectors
            NR == 1 {
                token = $1 " "; limit = $2 + 0; width = length(token)
                srand()
                now = srand()
                if ((now < 1000000000 || now > 99999999999) && ("date +%s" | getline now) < 1) print "@head clock unknown"
                else printf "@head clock %d\n", now
                next
            }
            substr($0, 1, width) == token {
                if (held && line != "") put(line)
                held = 0
                word = substr($0, width + 1)
                if (substr(word, 1, 5) == "read ") {
                    paths = split(substr(word, 6), path, "\t")
                    take(path[1])
                    next
                }
                if (substr(word, 1, 6) == "begin ") { size = 0; cut = 0 }
                print "@" word
                next
            }
            { if (held) put(line); line = $0; held = 1 }
            END { if (held && line != "") put(line) }
        '
    else
        IFS= read -r line
        printf '@head clock %s\n' "$(date +%s)"
        held=
        size=0
        while IFS= read -r line; do
            case $line in
                "$token "*)
                    [ -n "$held" ] && [ "$held" != '|' ] && put "$held"
                    held=
                    case $line in
                        "$token read "*) take "${line#"$token read "}"; continue ;;
                        "$token begin "*) size=0 ;;
                    esac
                    printf '@%s\n' "${line#"$token "}"
                    continue ;;
            esac
            [ -z "$held" ] || put "$held"
            held="|$line"
        done
        [ -n "$held" ] && [ "$held" != '|' ] && put "$held"
    fi
}

# The same without awk.
put() {
    size=$((size + ${#1}))
    if [ "$size" -le "$section_bytes" ]; then printf '%s\n' "$1"; else printf '@cut\n'; fi
}
take() {
    IFS=$tab
    set -f
    # shellcheck disable=SC2086 # a path after each tab
    set -- $1
    set +f
    unset -v IFS
    how=$1
    shift
    case $how in plain | named) ;; *) printf '@outcome failed awk is not installed\n'; return ;; esac
    for path; do
        lead='|'
        if [ "$how" = named ]; then lead="|$path:"; fi
        [ -r "$path" ] || continue
        while IFS= read -r text || [ -n "$text" ]; do put "$lead$text"; done <"$path"
    done
}

# What sections say on standard error leaves at the end and at once: every small write costs both ends a packet.
hold() {
    noise=
    while IFS= read -r line; do
        noise="$noise$line$newline"
        if [ ${#noise} -gt 60000 ]; then
            printf '%s' "$noise" >&2
            # What is too much is read and forgotten, so that nobody is ended for saying it.
            if have cat; then exec cat >/dev/null; fi
            while read -r line; do :; done
            return
        fi
    done
    printf '%s' "$noise$line" >&2
}

answer() { if have gzip; then everything 2>&4 | prefix | exec gzip -1 -c; else everything 2>&4 | prefix; fi; }

# Parameters: set by the launcher, or read where the probe is an installed file.
[ -n "${auditor_p-}" ] || IFS= read -r auditor_p
set -f
# shellcheck disable=SC2086 # five words are meant
set -- $auditor_p
set +f
call=${1-} section_seconds=${2-} section_bytes=${3-} total_seconds=${4-} become=${5-}
case $call in *[!0-9a-f]* | '') printf 'auditor-probe: no parameters\n' >&2; exit 64 ;; esac
# Where the probe is installed, whoever may run it by sudo says these; some shells would evaluate more than digits.
case $section_seconds$section_bytes$total_seconds in *[!0-9]* | '') exit 64 ;; esac
case $become in sudo | doas | none | refused | outdated) ;; *) exit 64 ;; esac
exec </dev/null
# They may also write the token of their call into names that sections print. Markers carry one that nobody knows.
if [ -r /proc/sys/kernel/random/uuid ]; then read -r token </proc/sys/kernel/random/uuid
else token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n'); fi
[ -n "$token" ] || { printf 'auditor-probe: no random number\n' >&2; exit 64; }
newline='
'
tab='	'

if [ -r /proc/sys/kernel/ostype ]; then
    read -r kernel </proc/sys/kernel/ostype
    read -r release </proc/sys/kernel/osrelease
    read -r hostname </proc/sys/kernel/hostname
else
    kernel=$(uname -s) release=$(uname -r) hostname=$(uname -n)
fi
uid=
if [ -r /proc/self/status ]; then
    while read -r key _ rest; do
        [ "$key" = Uid: ] && { uid=${rest%%[!0-9]*}; break; }
    done </proc/self/status
fi
[ -n "$uid" ] || uid=$(id -u)

if have gzip; then packing=gzip; else packing=plain; fi
# Who waits for sudo's word on a password hears it at once: the head comes packed, and packed is late.
granted=
case $become in sudo | doas) granted="$call head become $become$newline" ;; esac
printf '%sauditor-probe 1 %s %s\n' "$granted" "$call" "$packing"
{ answer 4>&1 1>&5 | hold; } 5>&1
exit 0
