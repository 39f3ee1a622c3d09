"""How a host proves that nothing of a packet filter can be loaded: what the scripts of several collectors begin with.

A command that is not installed proves nothing, and a command that is installed must not be run to find out either:
asking for rules makes the kernel load the module that would hold them, and an audit changes nothing.
"""

_HAS_NF_TABLES = r"""
# Loaded modules have a folder in /sys/module; one that is built in and takes no parameters has none, but
# modules.builtin of the running kernel names it. Where that file is missing (a container, a kernel without
# modules), nothing can be loaded by asking; without nft to ask, the kernel's symbols tell.
has_nf_tables() {
    [ -e /sys/module/nf_tables ] && return 0
    if [ -d /sys/module ] || [ -r /proc/modules ]; then
        read -r release </proc/sys/kernel/osrelease
        for builtin in /lib/modules/"$release"/modules.builtin /usr/lib/modules/"$release"/modules.builtin; do
            [ -r "$builtin" ] || continue
            grep -q '/nf_tables\.ko' "$builtin" || grep -qs '^nf_tables ' /proc/modules
            return
        done
    fi
    { have nft || [ ! -r /proc/kallsyms ]; } && return 0
    grep -q -e ' nft_do_chain$' -e ' nft_do_chain[[:space:]]' /proc/kallsyms
}
"""

RULES_ONCE = (
    _HAS_NF_TABLES
    + r"""
# The ruleset is asked for once, for every section that depends on it: nft costs a host more than all around it.
nft_json='' nft_listed=''
list_rules() {
    if have timeout; then exec timeout "$section_seconds" nft -j list ruleset; else exec nft -j list ruleset; fi
}
if [ "$uid" = 0 ] && has_nf_tables && have nft; then
    nft_json=$(list_rules 2>/dev/null) && nft_listed=1
fi
need_nft() { have nft || failed "nft is not installed, and the kernel has nf_tables"; }
need_rules() {
    need_nft
    [ -n "$nft_listed" ] || nft -j list ruleset >/dev/null || failed "nft could not list the ruleset"
    [ -n "$nft_listed" ] || failed "nft could not list the ruleset in time"
}
# iptables-nft keeps its rules in tables of its own names, in the families ip and ip6. Asked once: a shell is slow
# at searching so long a text.
holds_iptables() {
    table='"table": {"family": "'$1'", "name": "'
    case $nft_json in
        *"$table"filter\"* | *"$table"nat\"* | *"$table"mangle\"* | *"$table"raw\"* | *"$table"security\"*) ;;
        *) return 1 ;;
    esac
}
nft_ip='' nft_ip6=''
if [ -n "$nft_json" ]; then
    if holds_iptables ip; then nft_ip=1; fi
    if holds_iptables ip6; then nft_ip6=1; fi
fi
has_iptables() { case $1 in ip) [ -n "$nft_ip" ] ;; *) [ -n "$nft_ip6" ] ;; esac; }
"""
)
"""Shared by the sections about nf_tables: functions, and the ruleset as JSON in ``$nft_json``."""

NF_TABLES = r"""
has_nf_tables || absent "the kernel has no nf_tables"
"""
"""Ends the section as *absent* when the running kernel has no nf_tables."""
