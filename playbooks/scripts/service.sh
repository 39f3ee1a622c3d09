# Stop and disable services, sockets and timers, and bring back the state that was captured.
#
# Usage: capture|stop|dry-stop [system=NAME ...] [user=NAME ...]; restore|dry-restore with the state on standard input.
# A NAME may hold `*`. systemd with system units and units of every account; OpenRC; System V init.
# shellcheck shell=sh disable=SC2046,SC2086

# ---- OpenRC and System V init

openrc_levels() { find /etc/runlevels -type l -name "$1" 2>/dev/null | sort; }

script_runs() {
    if [ "$1" = openrc ]; then
        rc-service "$2" status >/dev/null 2>&1
    else
        "/etc/init.d/$2" status >/dev/null 2>&1
    fi
}

script_state() {
    if [ ! -e "/etc/init.d/$2" ]; then
        printf 'script\t%s\tabsent\n' "$2"
        return 0
    fi
    if script_runs "$1" "$2"; then
        printf 'script\t%s\tactive\n' "$2"
    else
        printf 'script\t%s\tinactive\n' "$2"
    fi
    script_start_links "$1" "$2"
}

script_start_links() {
    if [ "$1" = openrc ]; then
        openrc_levels "$2" | while read -r link; do
            printf 'link\t%s\t%s\n' "$link" "$(readlink "$link")"
        done
    else
        script_links "$2"
    fi
}

# Start or stop, and wait until it is so: an init script comes back before its server is up.
set_script() {
    if [ "$1" = openrc ]; then
        rc-service "$2" "$3"
    else
        "/etc/init.d/$2" "$3" </dev/null
    fi
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        case $3 in
            start) ! script_runs "$1" "$2" || return 0 ;;
            stop) script_runs "$1" "$2" || return 0 ;;
        esac
        sleep 1
    done
    refuse "$2 does not $3"
}

stop_script() {
    [ -e "/etc/init.d/$2" ] || return 0
    if script_runs "$1" "$2"; then
        step set_script "$1" "$2" stop
    fi
    if [ "$1" = openrc ]; then
        for link in $(openrc_levels "$2"); do
            level=${link%/*}
            step rc-update delete "$2" "${level##*/}"
        done
    elif [ -n "$(script_links "$2" | sed '/\/K[0-9][0-9]/d')" ]; then
        if has update-rc.d; then
            step update-rc.d "$2" disable
        else
            need chkconfig
            step chkconfig "$2" off
        fi
    fi
}

restore_script() {
    wanted=$(printf '%s\n' "$4" | grep "^link$TAB.*/[SK]*[0-9]*$2$TAB" | sort -u || :)
    found=$(script_start_links "$1" "$2" | sort -u)
    [ "$wanted" = "$found" ] || step bring_script_links "$wanted" "$found"
    if [ "$3" = active ]; then
        script_runs "$1" "$2" || step set_script "$1" "$2" start
    elif script_runs "$1" "$2"; then
        step set_script "$1" "$2" stop
    fi
}

bring_script_links() {
    printf '%s\n' "$2" | while IFS=$TAB read -r _ path _; do
        [ -z "$path" ] || rm -f "$path"
    done
    printf '%s\n' "$1" | while IFS=$TAB read -r _ path target; do
        [ -z "$path" ] || ln -sfn "$target" "$path"
    done
}

# ---- the verbs

names_of() {
    scope=$1
    shift
    for argument; do
        case $argument in
            "$scope"=*) printf '%s\n' "${argument#*=}" ;;
        esac
    done
}

capture() {
    with=$(manager)
    printf 'manager\t%s\n' "$with"
    if [ "$with" = systemd ]; then
        for scope in system user; do
            for unit in $(units "$scope" $(names_of "$scope" "$@")); do
                unit_state "$scope" "$unit"
            done
        done
    else
        for name in $(names_of system "$@"); do
            script_state "$with" "${name%.service}"
        done
    fi
}

stop() {
    with=$(manager)
    if [ "$with" = systemd ]; then
        found=$(units system $(names_of system "$@"))
        # What would start a service again goes first.
        for unit in $(printf '%s\n' "$found" | grep -v '\.service$' || :) $(printf '%s\n' "$found" | grep '\.service$' || :); do
            stop_system_unit "$unit"
        done
        for unit in $(units user $(names_of user "$@")); do
            stop_user_unit "$unit"
        done
    else
        for name in $(names_of system "$@"); do
            stop_script "$with" "${name%.service}"
        done
    fi
    finish
}

restore() {
    state=$(cat)
    with=$(manager)
    printf '%s\n' "$state" | grep -Fqx "manager$TAB$with" || refuse "the state was not captured under $with"
    if [ "$with" = systemd ]; then
        restore_units "$state"
    else
        for row in $(printf '%s\n' "$state" | grep "^script$TAB" | cut -f2,3 | tr "$TAB" '=' || :); do
            [ "${row##*=}" = absent ] || restore_script "$with" "${row%=*}" "${row##*=}" "$state"
        done
    fi
    finish
}

verb=$1
shift
case $verb in
    dry-*)
        DRY=yes
        verb=${verb#dry-}
        ;;
esac
case $verb in
    capture | stop | restore) "$verb" "$@" ;;
    *) refuse "unknown verb: $verb" ;;
esac
