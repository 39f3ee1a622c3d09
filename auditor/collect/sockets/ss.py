"""Sockets of a Linux host: what listens, what is connected, who holds it, in every network namespace.

``ss`` answers for the probe's own namespace, with owners; where it is missing, ``/proc/net`` joined with the
descriptors of every process answers as well. Other namespaces (containers) are read through ``/proc/PID/net``
of one process in each, which is seen to be there before and after. A namespace without any process in it can hold no
listener of a program, and is not looked for. Those in which something listens are asked for what a packet to it meets.
"""

from auditor.collect.collector import Collector
from auditor.collect.firewall.kernel import NF_TABLES
from auditor.collect.processes.namespaces import NAMESPACES
from auditor.collect.sockets.listing import parse_listing
from auditor.collect.sockets.spaces import LOOK_INTO
from auditor.model.evidence import Proof
from auditor.model.facts.network import Connection, Listener, NetworkSpace
from auditor.model.host import OsFamily

# `sees` tells whether a socket without an owner can only be the kernel's: root, the machine's first pid
# namespace (pid 2 is kthreadd there), and every process let us look. What of the kernel opens sockets of its own is
# named too, by the modules that are loaded: a socket can also be on its way between two processes (SCM_RIGHTS), held by
# io_uring, or by a thread with descriptors of its own, and then nobody is seen to hold it either.
_LINUX = (
    r"""
sees=all
links=$elsewhere listed=''
if [ "$uid" = 0 ]; then
    for pid in $veiled; do
        sees=some
        printf 'hidden %s\n' "$pid"
    done
    name=
    if [ -r /proc/2/stat ]; then read -r _ name _ parent _ </proc/2/stat; fi
    [ "$name ${parent-}" = "(kthreadd) 0" ] || sees=some
else
    sees=own links=''
    partial "not root: who holds the sockets of other users is not shown, nor are other network namespaces"
fi
printf 'sees %s\n' "$sees"
if [ "$sees" = all ] && [ -d /sys/module ]; then
    printf 'kernel\n'
    # NFS, its lock manager and call-backs, SMB, block devices over the network, clusters, SMC, iWARP.
    for module in nfsd lockd nfsv4 ksmbd iscsi_target_mod nvmet_tcp drbd dlm ocfs2_nodemanager rds_tcp smc siw; do
        [ ! -d "/sys/module/$module" ] || printf 'kernel tcp %s\n' "$module"
    done
    # NFS, tunnels, AFS, RoCE, IPVS, SCTP over UDP.
    for module in nfsd lockd wireguard vxlan geneve bareudp fou gtp pfcp amt l2tp_core tipc rxrpc rdma_rxe ip_vs \
        sctp; do
        [ ! -d "/sys/module/$module" ] || printf 'kernel udp %s\n' "$module"
    done
fi

descriptors() {
    # Status 2 says that ls knows -b and that an argument is not there: /proc/- is none. busybox knows no -b, and names
    # a folder before what is in it only where it is one of several.
    { ls -lnb /proc/- "$@" 2>/dev/null
      [ $? = 2 ] || ls -lnb /proc/self/exe >/dev/null 2>&1 || ls -ln /proc/- "$@" 2>/dev/null
    } | grep -e '^/proc/[0-9]*/fd:$' -e ' -> socket:'
}

if have ss; then
    printf 'ss\n'
    # With its heading, which tells an ss that found no socket from one that said nothing.
    ss -Oantupe 2>/dev/null || ss -antupe || failed "ss could not list the sockets"
else
    [ -r /proc/net/tcp ] || failed "ss is not installed, and /proc/net/tcp cannot be read"
    need grep ls
    printf 'files\n'
    grep -Hs '' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6
    printf 'descriptors\n'
    descriptors /proc/[0-9]*/fd
    listed=1
fi
[ -n "$links" ] || exit 0
need grep ls
# A process can enter another namespace, or ours, while it is asked: its link is read before and after its sockets, and
# a namespace of which nothing certain was read is asked through another process.
newline='
'
# The state of what listens, in TCP and in UDP.
state=' *[0-9]*: [0-9A-F]*:[0-9A-F]* [0-9A-F]*:[0-9A-F]* 0[A7] '
round=0 known='' here='' restless='' read_folders='' listening=''
while [ "$round" -lt 3 ]; do
    round=$((round + 1)) files='' asked='' pairs='' folders=''
    # shellcheck disable=SC2012,SC2086 # paths in /proc, made here
    names=$(ls -ln /proc/self/ns/net $links 2>/dev/null)
    # Not printf, which is no builtin of mksh: an argument of a command has its length.
    printf 'namespaces\n'
    echo "$names"
    # It is the last one: ls sorts what it is asked for.
    here=${names##*" /proc/self/ns/net -> "}
    here=${here%%"$newline"*} known="$known $here"
    IFS=$newline
    set -f
    # shellcheck disable=SC2086 # one line a word
    set -- $names
    set +f
    unset -v IFS
    for line; do
        case $line in *' /proc/'*'/ns/net -> net:'*) ;; *) continue ;; esac
        dir=${line%/ns/net -> *}
        dir=/proc/${dir##*/proc/}
        target=${line##*-> }
        [ "$target" != "$here" ] || continue
        folders="$folders $dir/fd"
        case $known$restless in *"$target"* | *" $dir/ns/net "*) continue ;; esac
        known="$known $target" asked="$asked $dir/ns/net" pairs="$pairs $dir/ns/net>$target"
        files="$files $dir/net/tcp $dir/net/tcp6 $dir/net/udp $dir/net/udp6" read_folders="$read_folders $dir"
    done
    [ -n "$files" ] || break
    printf 'files\n'
    # The kernel goes through its whole table of sockets for each file, so what listens is picked as the lines pass:
    # those that are captured here. Some shells capture by what cannot be opened once more.
    # shellcheck disable=SC2086 # as above
    { listening="$listening$newline$(
        {
            if have sed && [ -p /proc/self/fd/4 ]; then
                grep -Hs '' $files | sed "/^[^:]*:$state/w /proc/self/fd/4" >&5
            else
                grep -Hs '' $files >&5
                grep -Hs "^$state" $files || :
            fi
        } 4>&1
    )"; } 5>&1 || failed "sed did not pass on the sockets of other network namespaces"
    # shellcheck disable=SC2012,SC2086 # as above
    after=$(ls -ln $asked 2>/dev/null)
    printf 'again\n'
    echo "$after"
    moved=
    for pair in $pairs; do
        link=${pair%%>*} target=${pair#*>}
        case $after in *" $link -> $target"*) continue ;; esac
        moved=1 restless="$restless $link " before=${known%%" $target"*}
        known="$before${known#"$before $target"}"
    done
    [ -n "$moved" ] || break
done
if [ -z "$listed" ] && [ -n "$folders" ]; then
    printf 'descriptors\n'
    # shellcheck disable=SC2086 # as above
    descriptors $folders
fi
"""
    + LOOK_INTO
    + "exit 0\n"
)

PLUGIN = Collector(
    id="sockets.ss",
    facts=(Listener, Connection, NetworkSpace),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(NAMESPACES, NF_TABLES),
    parse=parse_listing,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo; what even root may not see, a sandbox or container hides.",
    holds_secrets=False,
    seconds=30,
)
