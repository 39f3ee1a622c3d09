"""The rules of legacy iptables for IPv6, as the kernel's ip6_tables holds them."""

from auditor.collect.collector import Collector
from auditor.collect.firewall.legacy import legacy_quick, legacy_script
from auditor.collect.firewall.save import save_parser
from auditor.model.evidence import Proof
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.host import OsFamily

PLUGIN = Collector(
    id="firewall.ip6tables_legacy",
    facts=(FirewallListing,),
    quick={OsFamily.LINUX: legacy_quick(kernel="ip6_tables")},
    scripts={OsFamily.LINUX: legacy_script(kernel="ip6_tables", tool="ip6tables")},
    parse=save_parser(Engine.IPTABLES_LEGACY, "firewall.ip6tables_legacy", "ip6"),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install ip6tables-legacy-save: only it can list these rules.",
    holds_secrets=False,
)
