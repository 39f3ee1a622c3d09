# A timer on the host that undoes a change unless somebody who can still come in confirms it.
#
# Usage: arm ID SECONDS, with three lines of base64 on standard input: the script that undoes, its arguments (one a line),
# its standard input. confirm ID: the change stays, and nothing is left of the guard. status ID: armed, failed or gone.
# With systemd the timer survives a reboot, and begins anew then; so does a job of `at`; a process in the background does not.
# shellcheck shell=sh

folder() { printf '/var/lib/auditor-guard-%s\n' "$ID"; }

unit() { printf 'auditor-guard-%s\n' "$ID"; }

# Print what the timer runs: it undoes, and leaves nothing when that worked. What failed stays, and systemd tries it again.
undo_text() {
    cat <<EOF
#!/bin/sh
# The auditor's guard: nobody confirmed the change, so it is undone.
set -uf
cd $(folder) || exit 0
IFS='
'
set -- \$(cat arguments)
unset IFS
if sh script "\$@" <state >log 2>&1; then
    $1
    rm -rf $(folder)
else
    : >failed
    exit 1
fi
EOF
}

arm() {
    seconds=$1
    [ ! -e "$(folder)" ] || refuse "a guard of this name is on the host already"
    {
        read -r script
        read -r arguments
        read -r state || :
    }
    step write_guard "$script" "$arguments" "$state"
    if [ -d /run/systemd/system ]; then
        step arm_systemd "$seconds"
    elif has at && at_runs; then
        step arm_at "$seconds"
    else
        step arm_process "$seconds"
    fi
    finish
}

write_guard() {
    (umask 077 && mkdir "$(folder)")
    printf '%s' "$1" | base64 -d >"$(folder)/script"
    printf '%s' "$2" | base64 -d >"$(folder)/arguments"
    printf '%s' "$3" | base64 -d >"$(folder)/state"
}

arm_systemd() {
    undo_text "systemctl disable --quiet --now $(unit).timer
    rm -f /etc/systemd/system/$(unit).service /etc/systemd/system/$(unit).timer
    systemctl daemon-reload" >"$(folder)/undo"
    cat >"/etc/systemd/system/$(unit).service" <<EOF
[Unit]
Description=Undo a change that nobody confirmed

[Service]
Type=oneshot
ExecStart=/bin/sh $(folder)/undo
Restart=on-failure
RestartSec=20
EOF
    cat >"/etc/systemd/system/$(unit).timer" <<EOF
[Unit]
Description=Undo a change unless it is confirmed

[Timer]
OnActiveSec=$1
AccuracySec=1

[Install]
WantedBy=timers.target
EOF
    systemctl daemon-reload
    systemctl enable --quiet --now "$(unit).timer"
}

at_runs() { [ -n "$(find /run /var/run -maxdepth 1 -name 'atd.pid' 2>/dev/null)" ] || pgrep -x atd >/dev/null 2>&1; }

arm_at() {
    undo_text : >"$(folder)/undo"
    # `at` counts in minutes, from the beginning of this one.
    printf 'sh %s/undo\n' "$(folder)" | at "now + $((($1 + 119) / 60)) minutes" 2>&1 |
        sed -n 's/^job \([0-9]*\) at .*/\1/p' >"$(folder)/job"
    [ -s "$(folder)/job" ]
}

arm_process() {
    undo_text : >"$(folder)/undo"
    # shellcheck disable=SC2016 # the shell in the background reads them
    (trap '' HUP && exec setsid sh -c 'echo $$ >"$1/process"; sleep "$2"; exec sh "$1/undo"' guard "$(folder)" "$1" \
        </dev/null >/dev/null 2>&1) &
    # Only what says who it is can be called off.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ ! -s "$(folder)/process" ] || return 0
        sleep 1
    done
    return 1
}

confirm() {
    if [ ! -d "$(folder)" ]; then
        refuse 'there is no such guard: it has undone the change already, or was never there'
    fi
    [ ! -e "$(folder)/failed" ] || refuse "the guard tried to undo the change and failed: see $(folder)/log"
    step disarm
    finish
}

disarm() {
    if [ -e "/etc/systemd/system/$(unit).timer" ]; then
        systemctl disable --quiet --now "$(unit).timer"
        rm -f "/etc/systemd/system/$(unit).timer" "/etc/systemd/system/$(unit).service"
        systemctl daemon-reload
    fi
    if [ -s "$(folder)/job" ]; then
        atrm "$(cat "$(folder)/job")"
    fi
    if [ -s "$(folder)/process" ]; then
        end_guard "$(cat "$(folder)/process")"
    fi
    rm -rf "$(folder)"
}

# End the process in the background and what it waits for, if it is still that one.
end_guard() {
    if tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -Fq "$(folder)"; then
        kill -- "-$1"
    fi
}

status() {
    if [ -e "$(folder)/failed" ]; then
        printf 'failed\n'
    elif [ -d "$(folder)" ]; then
        printf 'armed\n'
    else
        printf 'gone\n'
    fi
}

verb=$1
ID=$2
shift 2
case $verb in
    dry-*)
        DRY=yes
        verb=${verb#dry-}
        ;;
esac
case $verb in
    arm | confirm | status) "$verb" "$@" ;;
    *) refuse "unknown verb: $verb" ;;
esac
