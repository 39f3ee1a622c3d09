"""The script that asks for legacy iptables rules of one address family.

``/proc/net/ip_tables_names`` is the proof: the kernel makes it, in every network namespace, when the module is
there, and lists in it the tables that are loaded. No file: no module, no rules. An empty one: no table, no rules.
Only then is a command run, so that no table is loaded by asking for it.
"""

_QUICK = r"""
[ -r /proc/net/dev ] || { failed "/proc/net cannot be read"; return; }
[ -e /proc/net/KERNEL_names ] || { absent "KERNEL is not in the kernel"; return; }
[ "$uid" = 0 ] || { denied "only root may see which tables of KERNEL are loaded"; return; }
read -r table </proc/net/KERNEL_names || { printf '# no table of KERNEL is loaded\n'; return; }
false
"""
_SCRIPT = r"""
printf '# the first of the loaded tables is %s\n' "$table"
if have TOOL-legacy-save; then
    TOOL-legacy-save || failed "TOOL-legacy-save could not list the rules"
else
    need TOOL-save
    case $(TOOL-save --version) in
        *nf_tables*) failed "TOOL-legacy-save is not installed, and KERNEL has tables loaded" ;;
        *) TOOL-save || failed "TOOL-save could not list the rules" ;;
    esac
fi
"""


def legacy_quick(*, kernel: str) -> str:
    """Return what the probe's own shell can tell of one module of the kernel."""
    return _QUICK.replace("KERNEL", kernel)


def legacy_script(*, kernel: str, tool: str) -> str:
    """Return the script for one module of the kernel that has tables, and the command that lists its rules."""
    return _SCRIPT.replace("KERNEL", kernel).replace("TOOL", tool)
