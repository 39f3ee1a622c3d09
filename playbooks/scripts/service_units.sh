# Units of systemd, and what enables, masks and starts them: their state as lines, stopping them, bringing them back.
# shellcheck shell=sh disable=SC2046,SC2086

manager() {
    if [ -d /run/systemd/system ]; then
        printf 'systemd\n'
    elif has rc-service && [ -d /run/openrc ]; then
        printf 'openrc\n'
    elif [ -d /etc/init.d ]; then
        printf 'sysv\n'
    else
        refuse 'no service manager that is known: neither systemd, OpenRC nor System V init'
    fi
}

# ---- systemd; SCOPE is `system` or `user`

unit_folder() { printf '/etc/systemd/%s\n' "$1"; }

# Ask the system's manager, or print what the file system says of the units of accounts.
property() {
    if [ "$1" = system ]; then
        systemctl show -p "$3" --value -- "$2"
    else
        systemctl --global show -p "$3" --value -- "$2" 2>/dev/null || :
    fi
}

full_name() {
    case $1 in
        *.service | *.socket | *.timer | *.path | *.target) printf '%s\n' "$1" ;;
        *) printf '%s.service\n' "$1" ;;
    esac
}

matching_units() {
    case $2 in
        *\**) ;;
        *)
            printf '%s\n' "$2"
            return 0
            ;;
    esac
    if [ "$1" = system ]; then
        systemctl list-units --all --plain --no-legend --no-pager -- "$2" | awk '{ sub(/^[^A-Za-z0-9_]+ /, ""); print $1 }'
    fi
    # Instances that are enabled and do not run stand in the file system alone.
    find "$(unit_folder "$1")" "/run/systemd/$1" "/usr/lib/systemd/$1" "/lib/systemd/$1" -name "$2" 2>/dev/null |
        sed -e 's|.*/||' -e '/@\.[a-z]*$/d' -e '/\.\(wants\|requires\|upholds\|d\)$/d'
}

# Print what has to be stopped for a name: itself, what would start it again, and what it started.
units() {
    scope=$1
    shift
    for name; do
        matching_units "$scope" "$(full_name "$name")"
    done | sort -u | while read -r unit; do
        printf '%s\n' "$unit"
        [ "$scope" = system ] || continue
        for other in $(property system "$unit" TriggeredBy) $(property system "$unit" Triggers); do
            printf '%s\n' "$other"
        done
        case $unit in
            *.socket)
                # Connections that a socket took, each an instance of its own.
                systemctl list-units --plain --no-legend --no-pager -- "${unit%.socket}@*.service" |
                    awk '{ sub(/^[^A-Za-z0-9_]+ /, ""); print $1 }'
                ;;
        esac
    done | sed '/@\.service$/d' | sort -u
}

# Print the links that enable, mask or rename a unit, and those of its init script.
unit_links() {
    find "$(unit_folder "$1")" "/run/systemd/$1" -type l 2>/dev/null | sort | while read -r link; do
        target=$(readlink "$link")
        if [ "${link##*/}" = "$2" ] || [ "${target##*/}" = "$2" ]; then
            printf 'link\t%s\t%s\n' "$link" "$target"
        fi
    done
    if [ "$1" = system ]; then
        script_links "${2%.service}"
    fi
}

script_links() {
    [ -e "/etc/init.d/$1" ] || return 0
    find /etc /etc/rc.d -maxdepth 2 -path "*/rc[0-6S].d/[SK][0-9][0-9]$1" 2>/dev/null | sort | while read -r link; do
        printf 'link\t%s\t%s\n' "$link" "$(readlink "$link")"
    done
}

# Print user ids of the accounts whose own manager runs. A folder lists them as they came, which is another order each time.
user_managers() {
    find /run/user -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort | while read -r folder; do
        [ ! -S "$folder/systemd/private" ] || printf '%s\n' "${folder##*/}"
    done
}

as_user() {
    uid=$1
    shift
    runuser -u "$(id -nu "$uid")" -- env "XDG_RUNTIME_DIR=/run/user/$uid" systemctl --user "$@"
}

running() {
    case $1 in
        active | activating | reloading | refreshing) printf 'active\n' ;;
        *) printf 'inactive\n' ;;
    esac
}

unit_state() {
    if [ "$1" = system ]; then
        enabled=$(property system "$2" UnitFileState)
        printf 'unit\tsystem\t%s\t%s\t%s\t%s\n' "$2" "$(property system "$2" LoadState)" \
            "${enabled:--}" "$(running "$(property system "$2" ActiveState)")"
    else
        printf 'unit\tuser\t%s\n' "$2"
        for uid in $(user_managers); do
            printf 'session\t%s\t%s\t%s\n' "$2" "$uid" \
                "$(running "$(as_user "$uid" show -p ActiveState --value -- "$2" 2>/dev/null || :)")"
        done
    fi
    unit_links "$1" "$2"
}

stop_system_unit() {
    if [ "$(property system "$1" LoadState)" = not-found ] && [ -z "$(unit_links system "$1")" ]; then
        return 0
    fi
    if [ "$(running "$(property system "$1" ActiveState)")" = active ]; then
        step systemctl stop -- "$1"
    fi
    case $(property system "$1" UnitFileState) in
        enabled | enabled-runtime | linked | linked-runtime | alias | generated)
            if [ -n "$(unit_links system "$1" | sed -n '/rc[S0-6]\.d\/K/d; p')" ]; then
                step disable_unit "$1"
            elif [ "$(property system "$1" UnitFileState)" = generated ] && [ ! -e "/etc/init.d/${1%.service}" ]; then
                step mask_unit system "$1"
            fi
            ;;
        static)
            # Nothing can be disabled, and whatever pulled it in would do so again.
            [ -e "/etc/systemd/system/$1" ] || step mask_unit system "$1"
            ;;
    esac
    if [ "$DRY" = no ]; then
        if [ "$(running "$(property system "$1" ActiveState)")" = active ]; then
            refuse "$1 is active again after it was stopped"
        fi
        # A server that ends with a complaint when it is told to end has not failed.
        systemctl reset-failed -- "$1" 2>/dev/null || :
    fi
}

disable_unit() {
    systemctl disable --quiet -- "$1"
    systemctl disable --quiet --runtime -- "$1" 2>/dev/null || :
}

mask_unit() {
    ln -s /dev/null "$(unit_folder "$1")/$2"
    reload_managers "$1"
}

reload_managers() {
    if [ "$1" = system ]; then
        systemctl daemon-reload
    else
        for uid in $(user_managers); do
            as_user "$uid" daemon-reload
        done
    fi
}

stop_user_unit() {
    mask="/etc/systemd/user/$1"
    for uid in $(user_managers); do
        if [ "$(running "$(as_user "$uid" show -p ActiveState --value -- "$1")")" = active ]; then
            step as_user "$uid" stop -- "$1"
        fi
    done
    for link in $(unit_links user "$1" | cut -f2); do
        [ "$link" = "$mask" ] || step rm -f "$link"
    done
    # An account can enable for itself what is only disabled for all.
    [ -e "$mask" ] || [ -L "$mask" ] || step mask_unit user "$1"
}

# Bring the links of all units to the state, and tell their managers.
restore_links() {
    wanted=$(printf '%s\n' "$1" | grep "^link$TAB" | sort -u || :)
    found=$(printf '%s\n' "$1" | grep "^unit$TAB" | while IFS=$TAB read -r _ scope unit _; do
        unit_links "$scope" "$unit"
    done | sort -u)
    [ "$wanted" != "$found" ] || return 0
    step bring_links "$wanted" "$found"
}

bring_links() {
    printf '%s\n' "$2" | while IFS=$TAB read -r _ path _; do
        [ -z "$path" ] || rm -f "$path"
    done
    printf '%s\n' "$1" | while IFS=$TAB read -r _ path target; do
        [ -n "$path" ] || continue
        mkdir -p "${path%/*}"
        ln -sfn "$target" "$path"
    done
    reload_managers system
    reload_managers user
}

# Bring units to the captured state: their links, then whether they run.
restore_units() {
    restore_links "$1"
    # The services last: a socket that is up keeps what comes in meanwhile.
    for row in $(printf '%s\n' "$1" | grep "^unit${TAB}system$TAB" | cut -f3,6 | tr "$TAB" '=' | sort -t. -k2r || :); do
        unit=${row%=*}
        now=$(running "$(property system "$unit" ActiveState)")
        case ${row##*=}/$now in
            active/inactive) step systemctl start -- "$unit" ;;
            inactive/active) step systemctl stop -- "$unit" ;;
        esac
    done
    for row in $(printf '%s\n' "$1" | grep "^session$TAB" | cut -f2-4 | tr "$TAB" '=' || :); do
        restore_session "$row"
    done
}

restore_session() {
    unit=${1%%=*}
    rest=${1#*=}
    uid=${rest%%=*}
    # Whoever has logged off since needs nothing started.
    [ -S "/run/user/$uid/systemd/private" ] || return 0
    now=$(running "$(as_user "$uid" show -p ActiveState --value -- "$unit")")
    if [ "${rest##*=}/$now" = active/inactive ]; then
        step as_user "$uid" start -- "$unit"
    fi
}
