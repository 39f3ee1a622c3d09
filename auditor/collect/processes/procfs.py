"""Processes of a Linux host: what runs, as whom, from which file, in which control group and network namespace.

A process chooses its own name, arguments, file name and, within limits, its control group. So every field
that it cannot choose stands before those that it can, in columns of fixed width; ``ps`` and ``ls -b`` escape
line ends; and what stands in /proc under one pid is read from lines that begin with that pid's path. Whatever
still comes twice, or for a pid that ``ps`` does not list in place of one it does, is kept as unread.

The probe's own processes are left out: they are the shell whose pid the first line names, and its descendants.
"""

from auditor.collect.collector import Collector
from auditor.collect.processes.listing import parse_listing
from auditor.model.evidence import Proof
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily

# ps first: what ends before the links are read is no gap, what starts after ps is not this picture's.
# Without procps (busybox, slim images) the same comes from /proc itself; awk joins the arguments of a process,
# which grep -z prints one a line, so that a password stays on the line of the option that names it.
_LINUX = r"""
[ -r /proc/self/stat ] || failed "/proc is not mounted"
printf 'self %s\n' "$$"
if [ "$uid" != 0 ]; then
    partial "not root: the programs of other users' processes cannot be read"
fi
[ -r /proc/1/stat ] || partial "/proc is mounted with hidepid: other users' processes cannot be seen"
ps -ww -e -o pid:10= -o ppid:10= -o uid:10= -o s= -o lstart= -o user:32= -o comm:15= -o args= 2>/dev/null || {
    need awk grep tr
    printf 'no ps\n'
    grep -Hs -e '^Name:' -e '^State:' -e '^PPid:' -e '^Uid:' /proc/[0-9]*/status
    grep -Hsz '' /proc/[0-9]*/cmdline | tr '\n\0' '?\n' | awk '
        {
            colon = index($0, ":")
            if (substr($0, 1, colon) == file) { line = line " " substr($0, colon + 1); next }
            if (file != "") print line
            file = substr($0, 1, colon)
            line = $0
        }
        END { if (file != "") print line }
    '
}
printf 'links\n'
# Status 2 says that ls knows -b and that an argument is not there: /proc/- is none. busybox knows no -b.
ls -lnb /proc/- /proc/[0-9]*/exe /proc/[0-9]*/ns/net 2>/dev/null
[ $? = 2 ] || ls -lnb /proc/self/exe >/dev/null 2>&1 || {
    printf 'links as they are\n'
    ls -ln /proc/[0-9]*/exe /proc/[0-9]*/ns/net 2>/dev/null
}
printf 'groups\n'
grep -Hs -e ':name=systemd:' -e '^0::' /proc/[0-9]*/cgroup || :
"""

PLUGIN = Collector(
    id="processes.procfs",
    facts=(Process,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=parse_listing,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo; what even root may not read, a sandbox on the host hides.",
)
