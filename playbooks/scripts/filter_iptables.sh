# Blocks in iptables and ufw: a chain of our own for each family, called first, and kept where the host keeps its rules.
# shellcheck shell=sh disable=SC2154

ipt_chain() { printf 'auditor-%s-%s\n' "$DIRECTION" "$ID"; }

# What is sent on to a container goes through the chain of forwarding.
ipt_forward_chain() { printf 'auditor-fw-%s\n' "$ID"; }

ipt_program() {
    case $1 in
        4) printf 'iptables\n' ;;
        6) printf 'ip6tables\n' ;;
    esac
}

# Families to block: IPv6 is left out only where the kernel has none.
ipt_families() {
    printf '4\n'
    if [ -e /proc/net/if_inet6 ]; then
        printf '6\n'
    fi
}

# Print the chain that calls ours: FAMILY, then input, output or forward.
ipt_parent() {
    if [ "$BACKEND" = ufw ]; then
        case $1 in
            4) printf 'ufw-before-%s\n' "$2" ;;
            6) printf 'ufw6-before-%s\n' "$2" ;;
        esac
    else
        printf '%s\n' "$2" | tr '[:lower:]' '[:upper:]'
    fi
}

ipt_of_family() {
    case $1/$2 in
        4/*:* | 6/*.*) return 1 ;;
    esac
}

ipt_port() { printf -- '-p %s -m %s --dport %s' "${1%/*}" "${1%/*}" "$(printf '%s' "${1#*/}" | tr - :)"; }

# Print the lines of a chain as iptables-save writes them, for one family.
ipt_rules() {
    chain=$(ipt_chain)
    note="-m comment --comment \"$NOTE\""
    if [ "$DIRECTION" = in ]; then
        near=-i
    else
        near=-o
    fi
    printf -- '-A %s %s lo %s -j RETURN\n' "$chain" "$near" "$note"
    printf -- '-A %s -m conntrack --ctdir REPLY %s -j RETURN\n' "$chain" "$note"
    if [ "$DIRECTION" = in ]; then
        for network in $NETWORKS; do
            ipt_of_family "$1" "$network" || continue
            printf -- '-A %s -s %s %s -j RETURN\n' "$chain" "$network" "$note"
        done
        for port in $PORTS; do
            printf -- '-A %s %s %s -j DROP\n' "$chain" "$(ipt_port "$port")" "$note"
        done
        return 0
    fi
    for network in ${NETWORKS:-any}; do
        match=
        if [ "$network" != any ]; then
            ipt_of_family "$1" "$network" || continue
            match="-d $network "
        fi
        for port in ${PORTS:-any}; do
            if [ "$port" = any ]; then
                printf -- '-A %s %s%s -j DROP\n' "$chain" "$match" "$note"
            else
                printf -- '-A %s %s%s %s -j DROP\n' "$chain" "$match" "$(ipt_port "$port")" "$note"
            fi
        done
    done
}

ipt_forward_rules() {
    chain=$(ipt_forward_chain)
    note="-m comment --comment \"$NOTE\""
    for network in $NETWORKS; do
        ipt_of_family "$1" "$network" || continue
        printf -- '-A %s -s %s %s -j RETURN\n' "$chain" "$network" "$note"
    done
    for port in $PORTS; do
        printf -- '-A %s -p %s -m conntrack --ctstate DNAT --ctorigdstport %s --ctdir ORIGINAL %s -j DROP\n' \
            "$chain" "${port%/*}" "$(printf '%s' "${port#*/}" | tr - :)" "$note"
    done
}

# Print all lines of a family: chains, calls (with the verb given), rules.
ipt_lines() {
    note="-m comment --comment \"$NOTE\""
    if [ "$DIRECTION" = in ]; then
        printf ':%s - [0:0]\n:%s - [0:0]\n' "$(ipt_chain)" "$(ipt_forward_chain)"
        [ -z "$2" ] || printf -- '%s %s %s -j %s\n' "$2" "$(ipt_parent "$1" input)" "$note" "$(ipt_chain)"
        [ -z "$2" ] || printf -- '%s %s %s -j %s\n' "$2" "$(ipt_parent "$1" forward)" "$note" "$(ipt_forward_chain)"
        ipt_rules "$1"
        ipt_forward_rules "$1"
    else
        printf ':%s - [0:0]\n' "$(ipt_chain)"
        [ -z "$2" ] || printf -- '%s %s %s -j %s\n' "$2" "$(ipt_parent "$1" output)" "$note" "$(ipt_chain)"
        ipt_rules "$1"
    fi
}

# Lines of a table or a file that are ours: what they begin with or jump to.
ipt_not_ours() {
    awk -v a="$(ipt_chain)" -v b="$([ "$DIRECTION" = out ] || ipt_forward_chain)" '
        function names(chain) {
            return chain != "" && (index($0, ":" chain " ") == 1 || index($0, "-A " chain " ") == 1 ||
                $0 ~ ("-j " chain "$"))
        }
        !names(a) && !names(b)' "$@"
}

# All tables that there are: to name one would have the legacy tools bring it about.
ipt_saved() { "$(ipt_program "$1")-save" 2>/dev/null; }

ipt_is_live() {
    wanted=$(ipt_lines "$1" -A | grep -Fc "$NOTE")
    found=$(ipt_saved "$1" | grep -Fc "\"$NOTE\"" || :)
    [ "$wanted" = "$found" ]
}

ipt_load() {
    ipt_take_out "$1"
    {
        printf '*filter\n'
        ipt_lines "$1" ''
        printf 'COMMIT\n'
    } | "$(ipt_program "$1")-restore" -w --noflush
    if [ "$DIRECTION" = in ]; then
        "$(ipt_program "$1")" -w -I "$(ipt_parent "$1" input)" 1 -m comment --comment "$NOTE" -j "$(ipt_chain)"
        "$(ipt_program "$1")" -w -I "$(ipt_parent "$1" forward)" 1 -m comment --comment "$NOTE" -j "$(ipt_forward_chain)"
    else
        "$(ipt_program "$1")" -w -I "$(ipt_parent "$1" output)" 1 -m comment --comment "$NOTE" -j "$(ipt_chain)"
    fi
}

# Take out the calls, then the chains, of one family.
ipt_take_out() {
    for chain in $(ipt_chain) $([ "$DIRECTION" = out ] || ipt_forward_chain); do
        ipt_saved "$1" | sed -n "s/^-A \(.* -j $chain\)\$/\1/p" | while read -r rule; do
            # The comment stands in quotes; xargs reads them as iptables-save writes them.
            printf -- '-w -D %s\n' "$rule" | xargs "$(ipt_program "$1")"
        done
        if ipt_saved "$1" | grep -q "^:$chain "; then
            "$(ipt_program "$1")" -w -F "$chain"
            "$(ipt_program "$1")" -w -X "$chain"
        fi
    done
}

ipt_is_there() { ipt_saved "$1" | grep -q "^:$(ipt_chain) "; }

# ---- where the host keeps its rules

# Print the file of rules of a family that the host loads at boot; nothing where there is none.
ipt_rules_file() {
    if [ "$BACKEND" = ufw ]; then
        case $1 in
            4) printf '/etc/ufw/before.rules\n' ;;
            6) printf '/etc/ufw/before6.rules\n' ;;
        esac
        return 0
    fi
    case $1 in
        4) pairs='netfilter-persistent=/etc/iptables/rules.v4 iptables=/etc/sysconfig/iptables
                iptables=/etc/iptables/iptables.rules iptables=/etc/iptables/rules-save iptables=/var/lib/iptables/rules-save' ;;
        6) pairs='netfilter-persistent=/etc/iptables/rules.v6 ip6tables=/etc/sysconfig/ip6tables
                ip6tables=/etc/iptables/ip6tables.rules ip6tables=/etc/iptables/rules6-save
                ip6tables=/var/lib/ip6tables/rules-save' ;;
    esac
    for pair in $pairs; do
        if [ -f "${pair#*=}" ] && starts_at_boot "${pair%%=*}"; then
            printf '%s\n' "${pair#*=}"
            return 0
        fi
    done
}

ipt_own_file() { printf '/etc/iptables/auditor-%s-%s.v%s\n' "$DIRECTION" "$ID" "$1"; }

# Print a file of rules with ours in it: before the first rule of its table filter.
ipt_with_ours() {
    ipt_not_ours "$2" | LINES_OF_OURS=$(ipt_lines "$1" -A) awk '
        /^\*/ { inside = ($0 == "*filter") }
        inside && !done && (/^-/ || /^COMMIT/) { print ENVIRON["LINES_OF_OURS"]; done = 1 }
        { print }
        END { exit !done }'
}

ipt_own_text() { printf '*filter\n%s\nCOMMIT\n' "$(ipt_lines "$1" -I)"; }

iptables_block() {
    commands=
    for family in $(ipt_families); do
        need "$(ipt_program "$family")-restore"
        if [ "$BACKEND" = ufw ] && [ "$family" = 6 ] && ! grep -Eq '^IPV6="?yes"?' /etc/default/ufw; then
            refuse 'ufw does not filter IPv6 on this host (IPV6 in /etc/default/ufw): name another backend'
        fi
        ipt_saved "$family" >/dev/null || refuse "$(ipt_program "$family") does not work on this host"
    done
    for family in $(ipt_families); do
        ipt_is_live "$family" || step ipt_load "$family"
        file=$(ipt_rules_file "$family")
        if [ -n "$file" ]; then
            text=$(ipt_with_ours "$family" "$file") || refuse "$file has no table filter"
            # A file that cannot be loaded would leave the host without any of its rules after a reboot.
            printf '%s\n' "$text" | "$(ipt_program "$family")-restore" --noflush --test >/dev/null ||
                refuse "$file cannot be loaded with what would be added: nothing was added to it"
            [ "$text" = "$(cat "$file")" ] || step rewrite "$file" ipt_with_ours "$family"
        else
            if [ "$(ipt_own_text "$family")" != "$(cat "$(ipt_own_file "$family")" 2>/dev/null || :)" ]; then
                step write_new "$(ipt_own_file "$family")" "$(ipt_own_text "$family")"
            fi
            commands="$commands$(command -v "$(ipt_program "$family")-restore") -w --noflush $(ipt_own_file "$family")
"
        fi
    done
    [ -z "$commands" ] || keep_at_boot "$commands"
}

iptables_unblock() {
    forget_at_boot
    for family in 4 6; do
        file=$(ipt_rules_file "$family")
        if [ -n "$file" ] && [ -f "$file" ] && [ "$(ipt_not_ours "$file")" != "$(cat "$file")" ]; then
            step rewrite "$file" ipt_not_ours
        fi
        if [ -f "$(ipt_own_file "$family")" ]; then
            step rm -f "$(ipt_own_file "$family")"
            rmdir_if_ours /etc/iptables
        fi
        if has "$(ipt_program "$family")-save" && ipt_is_there "$family"; then
            step ipt_take_out "$family"
        fi
    done
}

iptables_files() {
    for family in 4 6; do
        ipt_rules_file "$family"
        ipt_own_file "$family"
    done
}
