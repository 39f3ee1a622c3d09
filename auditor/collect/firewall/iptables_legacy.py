"""The rules of legacy iptables for IPv4, as the kernel's ip_tables holds them."""

from auditor.collect.collector import Collector
from auditor.collect.firewall.legacy import legacy_quick, legacy_script
from auditor.collect.firewall.save import save_parser
from auditor.model.evidence import Proof
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.host import OsFamily

PLUGIN = Collector(
    id="firewall.iptables_legacy",
    facts=(FirewallListing,),
    quick={OsFamily.LINUX: legacy_quick(kernel="ip_tables")},
    scripts={OsFamily.LINUX: legacy_script(kernel="ip_tables", tool="iptables")},
    parse=save_parser(Engine.IPTABLES_LEGACY, "firewall.iptables_legacy", "ip"),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install iptables-legacy-save: only it can list these rules.",
    holds_secrets=False,
)
