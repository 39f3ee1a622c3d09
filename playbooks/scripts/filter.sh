# Close ports to all but some networks, or the way out to a product, and take exactly that out again.
#
# Usage: capture|block|unblock|dry-block|dry-unblock in|out ID BACKEND [port=tcp/5900 ...] [network=10.0.0.0/8 ...]
# In: the networks are let through to the ports as before, nobody else. Out: the networks are what is blocked, all without
# one. BACKEND is auto, firewalld, ufw, nftables or iptables. unblock takes the captured state on standard input, or
# nothing. Rules that are there already stay as they are, in their order.
# shellcheck shell=sh disable=SC2046,SC2086

# ---- boot

init_system() {
    if [ -d /run/systemd/system ]; then
        printf 'systemd\n'
    elif has rc-update && [ -d /run/openrc ]; then
        printf 'openrc\n'
    else
        printf 'sysv\n'
    fi
}

starts_at_boot() {
    case $(init_system) in
        systemd) systemctl is-enabled --quiet "$1.service" 2>/dev/null ;;
        openrc) [ -n "$(find /etc/runlevels -name "$1" 2>/dev/null)" ] ;;
        sysv) [ -n "$(find /etc /etc/rc.d -maxdepth 2 -path "*/rc[2-5S].d/S[0-9][0-9]$1" 2>/dev/null)" ] ;;
    esac
}

boot_name() { printf 'auditor-%s-%s\n' "$DIRECTION" "$ID"; }

boot_file() {
    if [ "$(init_system)" = systemd ]; then
        printf '/etc/systemd/system/%s.service\n' "$(boot_name)"
    else
        printf '/etc/init.d/%s\n' "$(boot_name)"
    fi
}

# Print the unit or the init script that runs commands, one a line, at boot.
boot_text() {
    case $(init_system) in
        systemd)
            printf '[Unit]\nDescription=%s\nDefaultDependencies=no\nConflicts=shutdown.target\n' "$NOTE"
            printf 'Wants=network-pre.target\nBefore=network-pre.target shutdown.target\n'
            # Whatever empties the filters first.
            printf 'After=local-fs.target nftables.service netfilter-persistent.service iptables.service ip6tables.service\n'
            printf '\n[Service]\nType=oneshot\nRemainAfterExit=yes\n'
            printf '%s\n' "$1" | sed -e '/^$/d' -e 's/^/ExecStart=/'
            printf '\n[Install]\nWantedBy=multi-user.target\n'
            ;;
        openrc)
            printf '#!/sbin/openrc-run\ndescription="%s"\ndepend() {\n    before net\n    after nftables iptables ip6tables\n}\n' "$NOTE"
            printf 'start() {\n%s\n}\n' "$1"
            ;;
        sysv)
            printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: %s\n# Required-Start: $local_fs\n# Required-Stop:\n' "$(boot_name)"
            printf '# X-Start-Before: $network\n# Default-Start: 2 3 4 5\n# Default-Stop:\n'
            printf '# Short-Description: %s\n### END INIT INFO\nset -e\n[ "$1" = start ] || exit 0\n%s\n' "$NOTE" "$1"
            ;;
    esac
}

keep_at_boot() {
    if [ "$(boot_text "$1")" != "$(cat "$(boot_file)" 2>/dev/null || :)" ] || ! starts_at_boot "$(boot_name)"; then
        step start_at_boot "$1"
    fi
}

start_at_boot() {
    write_new "$(boot_file)" "$(boot_text "$1")"
    case $(init_system) in
        systemd)
            systemctl daemon-reload
            systemctl enable --quiet "$(boot_name).service"
            ;;
        openrc)
            chmod 755 "$(boot_file)"
            rc-update add "$(boot_name)" boot
            ;;
        sysv)
            chmod 755 "$(boot_file)"
            if has update-rc.d; then
                update-rc.d "$(boot_name)" defaults
            else
                chkconfig --add "$(boot_name)"
            fi
            ;;
    esac
}

forget_at_boot() {
    if [ -e "$(boot_file)" ]; then
        step do_not_start_at_boot
    fi
}

do_not_start_at_boot() {
    case $(init_system) in
        systemd)
            systemctl disable --quiet "$(boot_name).service"
            rm -f "$(boot_file)"
            systemctl daemon-reload
            systemctl reset-failed "$(boot_name).service" 2>/dev/null || :
            ;;
        openrc)
            rc-update delete "$(boot_name)" boot
            rm -f "$(boot_file)"
            ;;
        sysv)
            if has update-rc.d; then
                rm -f "$(boot_file)"
                update-rc.d "$(boot_name)" remove
            else
                chkconfig --del "$(boot_name)"
                rm -f "$(boot_file)"
            fi
            ;;
    esac
}

# ---- files

UNENDED=', after a line without an end'

write_new() {
    mkdir -p "${1%/*}"
    printf '%s\n' "$2" >"$1"
    relabel "$1"
}

# Append a line. Where the file did not end in a newline, the line says so, and it can be taken out exactly.
append_line() {
    if [ -z "$(tail -c 1 "$1")" ]; then
        printf '%s\n' "$2" >>"$1"
    else
        printf '\n%s\n' "$2$UNENDED" >>"$1"
    fi
}

has_line() { grep -Fqx -e "$2" -e "$2$UNENDED" "$1"; }

drop_line() {
    rest=$(grep -Fvx -e "$2" -e "$2$UNENDED" "$1" && printf x) || rest=x
    rest=${rest%x}
    if grep -Fqx "$2$UNENDED" "$1"; then
        rest=$(printf '%s' "$rest")
    fi
    printf '%s' "$rest" >"$1"
}

# Run a filter over a file and write what comes out into it, each byte of it.
rewrite() {
    file=$1
    shift
    text=$("$@" "$file" && printf x) || refuse "$file cannot be edited"
    printf '%s' "${text%x}" >"$file"
}

rmdir_if_ours() {
    if printf '%s\n' "$STATE" | grep -Fqx "folder$TAB$1${TAB}absent" && [ -z "$(ls -A "$1" 2>/dev/null)" ]; then
        rmdir "$1" 2>/dev/null || :
    fi
}

# ---- which program keeps the rules of this host

chosen_backend() {
    if [ "$1" != auto ]; then
        printf '%s\n' "$1"
    elif fwd_works; then
        printf 'firewalld\n'
    elif has ufw && ufw status 2>/dev/null | grep -q '^Status: active'; then
        printf 'ufw\n'
    elif has iptables-restore && { [ -n "$(BACKEND=iptables ipt_rules_file 4)" ] || [ -n "$(BACKEND=iptables ipt_rules_file 6)" ]; }; then
        printf 'iptables\n'
    elif nft_works; then
        printf 'nftables\n'
    elif has iptables-restore; then
        printf 'iptables\n'
    else
        refuse 'no packet filter that is known works here: neither nft nor iptables'
    fi
}

functions_of() {
    case $1 in
        ufw) printf 'iptables\n' ;;
        *) printf '%s\n' "$1" ;;
    esac
}

is_there() {
    case $BACKEND in
        firewalld) fwd_is_there ;;
        nftables) nft_is_there ;;
        *) ipt_is_there 4 || ipt_is_there 6 ;;
    esac
}

# ---- the verbs

# Leave out tables, and chains of a hook, that hold nothing: whoever looks at iptables or adds a rule brings them about.
without_empty_tables() {
    awk '
        /^#/ || /^[ \t]*$/ { next }
        /^table / { text = $0 "\n"; filled = 0; next }
        /^\tchain / { chain = $0 "\n"; hook = 0; rules = 0; inside = 1; next }
        inside && /^\t\}/ {
            inside = 0
            if (!hook || rules) { text = text chain $0 "\n"; filled = 1 }
            next
        }
        inside {
            chain = chain $0 "\n"
            if ($0 ~ /^\t\ttype .*policy accept;/) hook = 1
            else rules = 1
            next
        }
        /^\}/ { if (filled) printf "%s%s\n", text, $0; next }
        { text = text $0 "\n"; filled = 1 }'
}

without_counters() {
    awk '
        /^#/ { next }
        { sub(/ \[[0-9]+:[0-9]+\]$/, "") }
        /^\*/ { text = ""; filled = 0 }
        { text = text $0 "\n" }
        /^-A/ || /^:.* -$/ || /^:.* DROP$/ { filled = 1 }
        /^COMMIT/ { if (filled) printf "%s", text }'
}

capture() {
    printf 'backend\t%s\n' "$BACKEND"
    if is_there; then
        printf 'rule\t%s\t%s\tpresent\n' "$DIRECTION" "$ID"
    else
        printf 'rule\t%s\t%s\tabsent\n' "$DIRECTION" "$ID"
    fi
    for folder in /etc/nftables.d /etc/iptables /etc/firewalld/policies /etc/firewalld/ipsets; do
        if [ -d "$folder" ]; then
            printf 'folder\t%s\tpresent\n' "$folder"
        else
            printf 'folder\t%s\tabsent\n' "$folder"
        fi
    done
    for file in $("$(functions_of "$BACKEND")_files") $(boot_file); do
        file_state "$file"
    done
    if nft_works; then
        printf 'ruleset\tnft\t%s\n' "$(nft -s list ruleset | without_empty_tables | encoded)"
    fi
    for program in iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft iptables ip6tables; do
        has "$program-save" || continue
        printf 'ruleset\t%s\t%s\n' "$program" "$("$program-save" 2>/dev/null | without_counters | encoded)"
    done
}

block() {
    [ -n "$PORTS$NETWORKS" ] || refuse 'neither ports nor networks: that would block everything'
    if [ "$DIRECTION" = in ] && [ -z "$PORTS" ]; then
        refuse 'no ports to close'
    fi
    case $BACKEND in
        ufw | firewalld)
            starts_at_boot "$BACKEND" || refuse "$BACKEND does not start at boot, and the block with it: name another backend"
            ;;
    esac
    "$(functions_of "$BACKEND")_block"
    finish
    if [ "$DRY" = no ] && [ "$CHANGED" = yes ]; then
        (CHANGED=no && DRY=yes && "$(functions_of "$BACKEND")_block" && [ "$CHANGED" = no ]) ||
            refuse 'the rules are not there after they were loaded'
    fi
}

unblock() {
    STATE=$(cat)
    if printf '%s\n' "$STATE" | grep -Fqx "rule$TAB$DIRECTION$TAB$ID${TAB}present"; then
        # They were there before: taking them out would not bring the host back.
        finish
        return 0
    fi
    firewalld_unblock
    nftables_unblock
    for BACKEND in ufw iptables; do
        if [ "$BACKEND" = iptables ] || [ -f /etc/ufw/before.rules ]; then
            iptables_unblock
        fi
    done
    finish
}

verb=$1
DIRECTION=$2
ID=$3
STATE=
case $verb in
    dry-*)
        DRY=yes
        verb=${verb#dry-}
        ;;
esac
BACKEND=$(chosen_backend "$4")
shift 4
PORTS=
NETWORKS=
for argument; do
    case $argument in
        port=*) PORTS="$PORTS ${argument#port=}" ;;
        network=*) NETWORKS="$NETWORKS ${argument#network=}" ;;
        *) refuse "unknown argument: $argument" ;;
    esac
done
PORTS=${PORTS# }
NETWORKS=${NETWORKS# }
MARK="auditor $DIRECTION $ID"
# What was asked for stands in the note of every rule, so that another request under the same id is seen to be another.
NOTE="$MARK $(printf '%s' "$PORTS|$NETWORKS" | cksum | cut -d' ' -f1)"
case $verb in
    capture | block | unblock) "$verb" ;;
    *) refuse "unknown verb: $verb" ;;
esac
