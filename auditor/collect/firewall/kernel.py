"""How a host proves that nothing of a packet filter can be loaded: what the scripts of several collectors begin with.

A command that is not installed proves nothing, and a command that is installed must not be run to find out either:
asking for rules makes the kernel load the module that would hold them, and an audit changes nothing.
"""

_HAS_NF_TABLES = r"""
# Loaded modules have a folder in /sys/module; one that is built in and takes no parameters has none, but
# modules.builtin of the running kernel names it. Where that file is missing (a container, a kernel without
# modules), nothing can be loaded by asking; without nft to ask, the kernel's symbols tell. Status 1 is a proof, and
# another one that is not 0 means that nobody knows: a grep that is missing finds nothing either.
has_nf_tables() {
    [ -e /sys/module/nf_tables ] && return 0
    if [ -d /sys/module ] || [ -r /proc/modules ]; then
        read -r release </proc/sys/kernel/osrelease
        for builtin in /lib/modules/"$release"/modules.builtin /usr/lib/modules/"$release"/modules.builtin; do
            [ -r "$builtin" ] || continue
            have grep || return 2
            grep -q '/nf_tables\.ko' "$builtin"
            found=$?
            if [ "$found" = 1 ] && [ -r /proc/modules ]; then
                grep -q '^nf_tables ' /proc/modules
                found=$?
            fi
            return "$found"
        done
    fi
    { have nft || [ ! -r /proc/kallsyms ]; } && return 0
    have grep || return 2
    grep -q -e ' nft_do_chain$' -e ' nft_do_chain[[:space:]]' /proc/kallsyms
}
"""

NF_TABLES = (
    _HAS_NF_TABLES
    + r"""
has_nf_tables
case $? in 0) nf_tables=yes ;; 1) nf_tables='' ;; *) nf_tables=unknown ;; esac
"""
)
"""Shared by the sections about nf_tables: ``$nf_tables`` is empty where the running kernel is known not to have it,
else ``yes`` or ``unknown``."""

ONLY_ROOT = r"""
[ -n "$nf_tables" ] || { absent "the kernel has no nf_tables"; return; }
[ "$uid" = 0 ] || { denied "only root may list the packet filter"; return; }
[ "$nf_tables" = yes ] || {
    failed "whether the kernel has nf_tables is not known: grep is not installed, or does not work"
    return
}
"""
"""Begins what is quick: *absent* when the running kernel has no nf_tables, *denied* for others than root, *failed*
where it is not known: to ask could load the module."""
