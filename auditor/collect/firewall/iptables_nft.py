"""The rules that iptables keeps in nf_tables: nft's own listing of them leaves out what their matches say."""

from auditor.collect.collector import Collector
from auditor.collect.firewall.kernel import NF_TABLES, ONLY_ROOT
from auditor.collect.firewall.save import save_parser
from auditor.model.evidence import Proof
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.host import OsFamily

# A save command without "legacy" or "nft" in its name may be either; it says which.
_QUICK = (
    ONLY_ROOT
    + r"""
case ${told_firewall_nft-} in 0 | 4) absent "no table of iptables is loaded in nf_tables" ;; *) false ;; esac
"""
)
_LINUX = r"""
case ${told_firewall_nft-} in
    '') failed "nft did not list the ruleset, so whether iptables has tables in it is not known" ;;
    *[1357]*) ip=yes ;;
    *) ip= ;;
esac
case $told_firewall_nft in *[2367]*) ip6=yes ;; *) ip6= ;; esac
save() {
    printf '# family %s\n' "$1"
    if have "$2-nft-save"; then
        "$2-nft-save" || failed "$2-nft-save could not list the rules"
        return
    fi
    need "$2-save"
    case $("$2-save" --version) in
        *nf_tables*) "$2-save" || failed "$2-save could not list the rules" ;;
        *) failed "$2-nft-save is not installed, and nf_tables has tables of iptables loaded" ;;
    esac
}
if [ -n "$ip" ]; then save ip iptables; fi
if [ -n "$ip6" ]; then save ip6 ip6tables; fi
"""

PLUGIN = Collector(
    id="firewall.iptables_nft",
    facts=(FirewallListing,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    shared=(NF_TABLES,),
    after=("firewall.nft",),
    parse=save_parser(Engine.IPTABLES_NFT, "firewall.iptables_nft", None),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install iptables: only iptables-nft-save lists all of it.",
    holds_secrets=False,
)
