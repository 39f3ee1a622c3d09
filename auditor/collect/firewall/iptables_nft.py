"""The rules that iptables keeps in nf_tables: nft's own listing of them leaves out what their matches say."""

from auditor.collect.collector import Collector
from auditor.collect.firewall.kernel import NF_TABLES, RULES_ONCE
from auditor.collect.firewall.save import save_parser
from auditor.model.evidence import Proof
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.host import OsFamily

# A save command without "legacy" or "nft" in its name may be either; it says which.
_LINUX = (
    NF_TABLES
    + r"""
[ "$uid" = 0 ] || denied "only root may list the packet filter"
need_rules
has_iptables ip || has_iptables ip6 || absent "no table of iptables is loaded in nf_tables"
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
if has_iptables ip; then save ip iptables; fi
if has_iptables ip6; then save ip6 ip6tables; fi
"""
)

PLUGIN = Collector(
    id="firewall.iptables_nft",
    facts=(FirewallListing,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=RULES_ONCE,
    parse=save_parser(Engine.IPTABLES_NFT, "firewall.iptables_nft", None),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install iptables: only iptables-nft-save lists all of it.",
    holds_secrets=False,
)
