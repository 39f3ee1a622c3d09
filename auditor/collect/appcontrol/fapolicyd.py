"""fapolicyd, which lets a Linux host run only the programs it knows: whether it runs, and what it refuses.

Sources: fapolicyd.conf(5), fapolicyd.rules(5), fagenrules(8).
"""

from auditor.collect.appcontrol.fapolicyd_rules import parse_fapolicyd
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.appcontrol import BlockedProgram, ExecutionControl
from auditor.model.host import OsFamily

# The daemon is a process that runs that very file and holds rights of the host's own: an ordinary user can start the
# program, stop it, and be root in a user namespace of his own, but not hold rights here. Only root may look that up.
# What it loaded is compiled.rules, which fagenrules makes of rules.d when the daemon starts.
_QUICK = r"""
program=
for file in /usr/sbin/fapolicyd /sbin/fapolicyd /usr/bin/fapolicyd /usr/local/sbin/fapolicyd; do
    if [ -f "$file" ]; then program=$file; break; fi
done
if [ -z "$program" ]; then
    [ -e /etc/fapolicyd ] || { absent "there is no fapolicyd"; return; }
    printf 'program\tnone\n'
else
    state=stopped
    for link in /proc/[0-9]*/exe; do
        [ "$link" -ef "$program" ] || continue
        process=${link%/exe}
        [ "$process/ns/user" -ef /proc/self/ns/user ] || continue
        rights=
        while read -r key value rest; do
            if [ "$key" = CapEff: ]; then rights=$value; break; fi
        done <"$process/status"
        case $rights in *[!0]*) ;; *) continue ;; esac
        state=running
        IFS= read -r words <"$process/cmdline" || :
        case $words in *permissive*) state=permissive ;; esac
    done
    if [ "$state" = stopped ] && [ "$uid" != 0 ]; then
        partial "only root can tell whether fapolicyd runs"
        state=unseen
    fi
    printf 'program\t%s\n' "$state"
fi
if [ -e /etc/fapolicyd ] && { [ ! -r /etc/fapolicyd ] || [ ! -x /etc/fapolicyd ]; }; then
    partial "only root may look into /etc/fapolicyd"
    return
fi
set --
for file in /etc/fapolicyd/compiled.rules /etc/fapolicyd/fapolicyd.rules; do
    if [ -f "$file" ]; then set -- "$file"; break; fi
done
if [ $# = 0 ]; then
    for file in /etc/fapolicyd/rules.d/*.rules; do
        if [ -f "$file" ]; then set -- "$@" "$file"; fi
    done
fi
[ ! -f /etc/fapolicyd/fapolicyd.conf ] || set -- /etc/fapolicyd/fapolicyd.conf "$@"
for file; do [ -r "$file" ] || partial "$file cannot be read"; done
[ $# = 0 ] || show_named "$@"
"""

PLUGIN = Collector(
    id="appcontrol.fapolicyd",
    facts=(ExecutionControl, BlockedProgram),
    quick={OsFamily.LINUX: _QUICK},
    parse=parse_fapolicyd,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo.",
    holds_secrets=False,
)
