"""The sets of addresses and ports that rules of iptables refer to."""

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.firewall.kernel import NF_TABLES
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The module takes a parameter, so it has a folder in /sys/module whether it is loaded or built in.
# A set does nothing by itself: where no table of iptables is loaded, no rule can refer to one.
_QUICK = r"""
[ -d /sys/module/kernel ] || [ -d /sys/module/ip_set ] || { failed "/sys/module cannot be read"; return; }
[ -d /sys/module/ip_set ] || { absent "ip_set is not in the kernel"; return; }
[ "$uid" = 0 ] || { denied "only root may list the sets"; return; }
! have ipset || return
for family in ip ip6; do
    [ -e "/proc/net/${family}_tables_names" ] || continue
    if read -r table <"/proc/net/${family}_tables_names"; then return 1; fi
done
if [ -n "$nf_tables" ]; then
    case ${told_firewall_nft-} in 0 | 4) ;; *) return 1 ;; esac
fi
absent "no table of iptables is loaded that could refer to a set"
"""
_LINUX = r"""
if have ipset; then
    ipset save || failed "ipset could not list the sets"
    exit 0
fi
# Without the tool, sets matter only if a rule refers to one: the rules themselves say so.
refers() {
    for save; do
        have "$save" || continue
        rules=$("$save") || return 0
        case $rules in *-set\ * | *"-j SET"*) return 0 ;; *COMMIT*) return 1 ;; *) return 0 ;; esac
    done
    return 0
}
for family in ip ip6; do
    [ -e "/proc/net/${family}_tables_names" ] || continue
    if read -r table <"/proc/net/${family}_tables_names" && refers "${family}tables-legacy-save" "${family}tables-save"
    then failed "ipset is not installed, and rules in table $table of legacy ${family}tables may refer to sets"; fi
done
if [ -n "$nf_tables" ]; then
    [ -n "${told_firewall_nft-}" ] || failed "ipset is not installed, and nft did not list the rules that may use sets"
    for family in ip ip6; do
        case $family$told_firewall_nft in ip[1357] | ip6[2367]) ;; *) continue ;; esac
        if refers "${family}tables-nft-save" "${family}tables-save"
        then failed "ipset is not installed, and rules of ${family}tables may refer to sets"; fi
    done
fi
absent "no rule of iptables refers to a set"
"""


def _parse(text: str) -> Parsed:
    """Count the members of all sets as rules; sets are no hooks."""
    sets: set[str] = set()
    members = 0
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        words = line.split()
        if not words:
            continue
        if words[0] == "create" and len(words) >= len(("create", "name", "type")):
            sets.add(words[1])
        elif words[0] == "add" and len(words) >= len(("add", "name", "member")) and words[1] in sets:
            members += 1
        else:
            strange.append(unread(number, line, "not a line of ipset save, or a member of an unknown set"))
    listing = FirewallListing(
        engine=Engine.IPSET, family="any", section="firewall.ipset", hooks=0, rules=members, drops_by_default=False
    )
    return Parsed(facts=((1, listing),), unread=tuple(strange))


PLUGIN = Collector(
    id="firewall.ipset",
    facts=(FirewallListing,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    shared=(NF_TABLES,),
    after=("firewall.nft",),
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install ipset: only it can list the members of sets.",
    holds_secrets=False,
)
