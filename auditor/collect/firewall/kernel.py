"""How a host proves that nothing of a packet filter can be loaded: what the scripts of several collectors begin with.

A command that is not installed proves nothing, and a command that is installed must not be run to find out either:
asking for rules makes the kernel load the module that would hold them, and an audit changes nothing.
"""

HAS_NF_TABLES = r"""
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
"""Defines ``has_nf_tables``: whether the running kernel has it, loaded or built in."""

NF_TABLES = (
    HAS_NF_TABLES
    + r"""
has_nf_tables || absent "the kernel has no nf_tables"
"""
)
"""Ends the section as *absent* when the running kernel has no nf_tables."""

IPTABLES_IN_NFT = r"""
# iptables-nft keeps its rules in tables of its own names, in the families ip and ip6.
find_iptables_tables() {
    has_ip='' has_ip6=''
    have nft || failed "nft is not installed, and the kernel has nf_tables"
    tables=$(nft list tables) || failed "nft could not list the tables"
    # shellcheck disable=SC2086 # three words a table: table, family, name
    set -- $tables
    while [ $# -ge 3 ]; do
        case $2.$3 in
            ip.filter | ip.nat | ip.mangle | ip.raw | ip.security) has_ip=1 ;;
            ip6.filter | ip6.nat | ip6.mangle | ip6.raw | ip6.security) has_ip6=1 ;;
        esac
        shift 3
    done
}
"""
"""Defines ``find_iptables_tables``, which sets ``has_ip`` and ``has_ip6``."""
