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

NF_TABLES = (
    _HAS_NF_TABLES
    + r"""
nf_tables=''
if has_nf_tables; then nf_tables=yes; fi
"""
)
"""Shared by the sections about nf_tables: ``$nf_tables`` says whether the running kernel has it."""

ONLY_ROOT = r"""
[ -n "$nf_tables" ] || { absent "the kernel has no nf_tables"; return; }
[ "$uid" = 0 ] || { denied "only root may list the packet filter"; return; }
"""
"""Begins what is quick: *absent* when the running kernel has no nf_tables, *denied* for others than root."""
