# Blocks in firewalld: a policy of our own, asked before every zone; it drops and never lets anything in.
# shellcheck shell=sh disable=SC2154

# No more than 18 characters, which is all that firewalld takes: the direction by its first letter.
fwd_policy() { printf 'auditor-%.1s-%s\n' "$DIRECTION" "$ID"; }

fwd_set() { printf 'auditor-%s-%s\n' "$ID" "$1"; }

fwd_works() { has firewall-cmd && firewall-cmd --state >/dev/null 2>&1; }

fwd_family() {
    case $1 in
        *:*) printf '6\n' ;;
        *) printf '4\n' ;;
    esac
}

fwd_networks() {
    for network in $NETWORKS; do
        [ "$(fwd_family "$network")" != "$1" ] || printf '%s\n' "$network"
    done
}

# Print one rich rule a line. A set of sources is negated: a rule that accepts would open the port where a zone closes it.
fwd_rules() {
    if [ "$DIRECTION" = in ]; then
        for port in $PORTS; do
            match="port port=\"${port#*/}\" protocol=\"${port%/*}\" drop"
            for family in 4 6; do
                if [ -n "$(fwd_networks "$family")" ]; then
                    printf 'rule family="ipv%s" source NOT ipset="%s" %s\n' "$family" "$(fwd_set "$family")" "$match"
                else
                    printf 'rule family="ipv%s" %s\n' "$family" "$match"
                fi
            done
        done
        return 0
    fi
    for network in ${NETWORKS:-any}; do
        for port in ${PORTS:-any}; do
            match=
            [ "$network" = any ] || match="family=\"ipv$(fwd_family "$network")\" destination address=\"$network\" "
            [ "$port" = any ] || match="${match}port port=\"${port#*/}\" protocol=\"${port%/*}\" "
            printf 'rule %sdrop\n' "$match"
        done
    done
}

# Print what firewalld would lose by loading its permanent settings anew: nothing when both agree.
fwd_unsaved() {
    fwd_listed >/dev/null || refuse 'firewalld does not say what it has'
    [ "$(fwd_listed)" = "$(fwd_listed --permanent)" ] || printf 'differs\n'
}

# Interfaces are bound at run time by whatever brings them up, and stay bound.
fwd_listed() {
    firewall-cmd "$@" --list-all-zones | sed -e 's/ (.*active.*)$//' -e '/^ *interfaces:/d'
    firewall-cmd "$@" --list-all-policies | sed -e 's/ (.*active.*)$//'
    firewall-cmd "$@" --direct --get-all-rules
}

fwd_is_live() {
    wanted=$(fwd_rules | sort)
    for where in --permanent ''; do
        # shellcheck disable=SC2086 # an option or nothing
        found=$(firewall-cmd $where --policy="$(fwd_policy)" --list-rich-rules 2>/dev/null | sort || :)
        [ "$found" = "$wanted" ] || return 1
        if [ "$DIRECTION" = in ]; then
            for family in 4 6; do
                # shellcheck disable=SC2086
                found=$(firewall-cmd $where --ipset="$(fwd_set "$family")" --get-entries 2>/dev/null | sort || :)
                [ "$found" = "$(fwd_networks "$family" | sort)" ] || return 1
            done
        fi
    done
}

firewalld_block() {
    fwd_works || refuse 'firewalld does not run on this host'
    ! fwd_is_live || return 0
    firewall-cmd --permanent --list-all-policies >/dev/null 2>&1 ||
        refuse 'this firewalld knows no policies (before 0.9): name another backend'
    if [ -n "$(fwd_unsaved)" ]; then
        refuse 'rules of firewalld that are not permanent would be lost: save them (firewall-cmd --runtime-to-permanent) or name another backend'
    fi
    step fwd_load
}

fwd_load() {
    fwd_delete
    policy=$(fwd_policy)
    firewall-cmd --permanent --new-policy="$policy"
    firewall-cmd --permanent --policy="$policy" --set-priority=-30000
    firewall-cmd --permanent --policy="$policy" --set-description="$NOTE"
    if [ "$DIRECTION" = in ]; then
        firewall-cmd --permanent --policy="$policy" --add-ingress-zone=ANY
        firewall-cmd --permanent --policy="$policy" --add-egress-zone=HOST
        for family in 4 6; do
            [ -n "$(fwd_networks "$family")" ] || continue
            fwd_new_set "$family"
        done
    else
        firewall-cmd --permanent --policy="$policy" --add-ingress-zone=HOST
        firewall-cmd --permanent --policy="$policy" --add-egress-zone=ANY
    fi
    fwd_rules | while read -r rule; do
        firewall-cmd --permanent --policy="$policy" --add-rich-rule="$rule"
    done
    firewall-cmd --reload
}

fwd_new_set() {
    kind=inet
    [ "$1" = 4 ] || kind=inet6
    firewall-cmd --permanent --new-ipset="$(fwd_set "$1")" --type=hash:net --option="family=$kind"
    for network in $(fwd_networks "$1"); do
        firewall-cmd --permanent --ipset="$(fwd_set "$1")" --add-entry="$network"
    done
}

fwd_delete() {
    if fwd_is_there; then
        firewall-cmd --permanent --delete-policy="$(fwd_policy)"
    fi
    [ "$DIRECTION" = in ] || return 0
    for family in 4 6; do
        if [ -e "/etc/firewalld/ipsets/$(fwd_set "$family").xml" ]; then
            firewall-cmd --permanent --delete-ipset="$(fwd_set "$family")"
        fi
    done
}

fwd_is_there() { [ -e "/etc/firewalld/policies/$(fwd_policy).xml" ]; }

firewalld_unblock() {
    if fwd_is_there; then
        step fwd_take_out
    fi
}

fwd_take_out() {
    if ! fwd_works; then
        rm -f "/etc/firewalld/policies/$(fwd_policy).xml"
        [ "$DIRECTION" = out ] || rm -f "/etc/firewalld/ipsets/$(fwd_set 4).xml" "/etc/firewalld/ipsets/$(fwd_set 6).xml"
    elif [ -z "$(fwd_unsaved)" ]; then
        fwd_delete
        firewall-cmd --reload
    else
        # Loading anew would lose what somebody added since: our rules go, an empty policy stays until the next reload.
        firewall-cmd --policy="$(fwd_policy)" --list-rich-rules | while read -r rule; do
            firewall-cmd --policy="$(fwd_policy)" --remove-rich-rule="$rule"
        done
        fwd_delete
    fi
    # firewall-cmd keeps a copy of what it deletes.
    rm -f "/etc/firewalld/policies/$(fwd_policy).xml.old"
    [ "$DIRECTION" = out ] || rm -f "/etc/firewalld/ipsets/$(fwd_set 4).xml.old" "/etc/firewalld/ipsets/$(fwd_set 6).xml.old"
    rmdir_if_ours /etc/firewalld/policies
    rmdir_if_ours /etc/firewalld/ipsets
}

firewalld_files() {
    printf '/etc/firewalld/policies/%s.xml\n' "$(fwd_policy)"
    [ "$DIRECTION" = out ] || printf '/etc/firewalld/ipsets/%s.xml\n' "$(fwd_set 4)" "$(fwd_set 6)"
}
