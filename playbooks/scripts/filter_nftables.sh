# Blocks in nftables: a table of our own, which no other program touches, and a file that brings it back at boot.
# shellcheck shell=sh disable=SC2154

nft_table() { printf 'auditor_%s_%s\n' "$DIRECTION" "$ID"; }

nft_file() { printf '/etc/nftables.d/auditor-%s-%s.nft\n' "$DIRECTION" "$ID"; }

# Print the rules of one chain, each with the comment that tells whose it is.
nft_rules() {
    if [ "$DIRECTION" = in ]; then
        near=iifname address=saddr
    else
        near=oifname address=daddr
    fi
    note="comment \"$NOTE\""
    printf '\t\t%s "lo" accept %s\n' "$near" "$note"
    # Answers to what this host or its clients began, whose ports are drawn by lot.
    printf '\t\tct direction reply accept %s\n' "$note"
    if [ "$DIRECTION" = in ]; then
        for network in $NETWORKS; do
            printf '\t\t%s saddr %s accept %s\n' "$(nft_family "$network")" "$network" "$note"
        done
        for port in $PORTS; do
            printf '\t\t%s dport %s drop %s\n' "${port%/*}" "${port#*/}" "$note"
        done
        return 0
    fi
    for network in ${NETWORKS:-any}; do
        match=
        [ "$network" = any ] || match="$(nft_family "$network") $address $network "
        for port in ${PORTS:-any}; do
            if [ "$port" = any ]; then
                printf '\t\t%sdrop %s\n' "$match" "$note"
            else
                printf '\t\t%s%s dport %s drop %s\n' "$match" "${port%/*}" "${port#*/}" "$note"
            fi
        done
    done
}

# Print the rules for what is sent on to a container: its port at the outside is the one that the connection began with.
nft_forward_rules() {
    note="comment \"$NOTE\""
    for network in $NETWORKS; do
        printf '\t\tct status dnat ct direction original %s saddr %s accept %s\n' "$(nft_family "$network")" "$network" "$note"
    done
    for port in $PORTS; do
        printf '\t\tct status dnat ct direction original meta l4proto %s ct original proto-dst %s drop %s\n' \
            "${port%/*}" "${port#*/}" "$note"
    done
}

nft_family() {
    case $1 in
        *:*) printf 'ip6\n' ;;
        *) printf 'ip\n' ;;
    esac
}

nft_text() {
    table=$(nft_table)
    # Made and deleted first, so that loading it twice is the same as loading it once.
    printf 'table inet %s\ndelete table inet %s\n' "$table" "$table"
    printf 'table inet %s {\n' "$table"
    if [ "$DIRECTION" = in ]; then
        printf '\tchain input {\n\t\ttype filter hook input priority -10; policy accept;\n'
        nft_rules
        printf '\t}\n\tchain forward {\n\t\ttype filter hook forward priority -10; policy accept;\n'
        nft_forward_rules
    else
        printf '\tchain output {\n\t\ttype filter hook output priority -10; policy accept;\n'
        nft_rules
    fi
    printf '\t}\n}\n'
}

# Print the file that the host's own nftables service loads at boot; nothing where that service is off.
nft_main_file() {
    case $(init_system) in
        systemd)
            systemctl is-enabled --quiet nftables.service 2>/dev/null || return 0
            unit=$(systemctl cat nftables.service 2>/dev/null || :)
            ;;
        *)
            starts_at_boot nftables || return 0
            unit=$(cat /etc/init.d/nftables /etc/conf.d/nftables 2>/dev/null || :)
            ;;
    esac
    for file in /etc/sysconfig/nftables.conf /etc/nftables.nft /etc/nftables.conf /var/lib/nftables/rules-save; do
        case $unit in
            *"$file"*)
                [ ! -f "$file" ] || printf '%s\n' "$file"
                return 0
                ;;
        esac
    done
}

nft_includes_all() { grep -Eq '^[[:space:]]*include[[:space:]]+"/etc/nftables\.d/\*\.nft"' "$1"; }

nft_include_line() { printf 'include "%s" # %s\n' "$(nft_file)" "$MARK"; }

nft_works() { has nft && nft list tables >/dev/null 2>&1; }

nft_is_there() { nft_works && nft list table inet "$(nft_table)" >/dev/null 2>&1; }

nft_is_live() {
    wanted=$(nft_text | grep -Fc "comment \"$NOTE\"")
    found=$(nft -s list table inet "$(nft_table)" 2>/dev/null | grep -Fc "comment \"$NOTE\"" || :)
    [ "$wanted" = "$found" ]
}

nftables_block() {
    nft_works || refuse 'nftables does not work on this host'
    main=$(nft_main_file)
    # The kernel is asked first: what it refuses is not written into a file that a boot depends on.
    nft_is_live || step nft_load
    if [ "$(nft_text)" != "$(cat "$(nft_file)" 2>/dev/null || :)" ]; then
        step write_new "$(nft_file)" "$(nft_text)"
    fi
    if [ -z "$main" ]; then
        keep_at_boot "$(command -v nft) -f $(nft_file)"
    elif ! nft_includes_all "$main" && ! has_line "$main" "$(nft_include_line)"; then
        step nft_include "$main"
    fi
}

# A file that cannot be loaded would leave the host without any of its rules after a reboot.
nft_include() {
    nft -c -f "$1" || refuse "$1 cannot be loaded as it is: nothing was added to it"
    append_line "$1" "$(nft_include_line)"
    if ! nft -c -f "$1"; then
        drop_line "$1" "$(nft_include_line)"
        refuse "$1 cannot be loaded with what would be added: it is as it was"
    fi
}

nft_load() { nft_text | nft -f -; }

nftables_unblock() {
    forget_at_boot
    for main in /etc/sysconfig/nftables.conf /etc/nftables.nft /etc/nftables.conf /var/lib/nftables/rules-save; do
        if [ -f "$main" ] && has_line "$main" "$(nft_include_line)"; then
            step drop_line "$main" "$(nft_include_line)"
        fi
    done
    if [ -f "$(nft_file)" ]; then
        step rm -f "$(nft_file)"
        # The folder goes when we made it: nothing else is in it.
        rmdir_if_ours /etc/nftables.d
    fi
    if nft_is_there; then
        step nft delete table inet "$(nft_table)"
    fi
}

nftables_files() {
    nft_main_file
    nft_file
}
