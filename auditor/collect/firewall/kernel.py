"""How a host proves that its kernel has no nf_tables: the beginning of every script that asks for its rules.

A command that is not installed proves nothing. What does, in this order, none of it loading a module:

* ``/sys/module/nf_tables`` or a line of ``/proc/modules``: it is there.
* It is in neither, and ``modules.builtin`` of the running kernel does not name it: it is not loaded, so no rule is.
* Without that file (a container, a kernel without modules): the kernel's own table of symbols has no
  ``nft_do_chain``, the function that every rule runs through.

Where not even symbols can be read, nothing is proven and the script goes on: nft will say.
"""

NF_TABLES = r"""
has_nf_tables() {
    [ -e /sys/module/nf_tables ] && return 0
    if [ -r /proc/modules ]; then
        while read -r name _; do [ "$name" = nf_tables ] && return 0; done </proc/modules
        read -r release </proc/sys/kernel/osrelease
        for builtin in /lib/modules/"$release"/modules.builtin /usr/lib/modules/"$release"/modules.builtin; do
            [ -r "$builtin" ] || continue
            grep -q '/nf_tables\.ko' "$builtin"
            return
        done
    fi
    [ -r /proc/kallsyms ] || return 0
    grep -q ' nft_do_chain$' /proc/kallsyms && return 0
    grep -q ' nft_do_chain[[:space:]]' /proc/kallsyms
}
# Whoever has the tool is asked without further ado: proof is needed only where it is missing.
have nft || have_tables=unproven
[ -z "${have_tables-}" ] || has_nf_tables || absent "the kernel has no nf_tables"
"""
