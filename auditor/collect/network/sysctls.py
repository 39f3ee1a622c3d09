"""Kernel settings that packet filtering and the reach of a listener depend on."""

from auditor.collect.collector import Collector, parse_lines
from auditor.model.evidence import Proof
from auditor.model.facts.system import KernelSetting
from auditor.model.host import OsFamily

# Not read by the shell itself: dash reads byte by byte, and such a file gives no second one.
# A setting whose module is not loaded has no file.
_LINUX = r"""
cd /proc/sys/net 2>/dev/null || failed "/proc/sys/net is not there"
need grep
grep -Hs '' ipv4/ip_forward ipv4/conf/*/rp_filter ipv4/conf/*/route_localnet ipv4/conf/*/forwarding \
    ipv6/bindv6only ipv6/conf/*/forwarding ipv6/conf/all/disable_ipv6 netfilter/nf_conntrack_tcp_loose \
    bridge/bridge-nf-call-iptables bridge/bridge-nf-call-ip6tables bridge/bridge-nf-call-arptables || :
"""


def _read(line: str) -> KernelSetting:
    """Read ``ipv4/ip_forward:0``; an interface whose name has a dot gets a slash for it, as sysctl(8) writes it."""
    path, colon, value = line.rpartition(":")
    if not colon or not path.startswith(("ipv4/", "ipv6/", "netfilter/", "bridge/")) or not _is_number(value):
        message = "not <setting>:<number>"
        raise ValueError(message)
    key = path.replace(".", "\0").replace("/", ".").replace("\0", "/")
    return KernelSetting(key=f"net.{key}", value=value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


PLUGIN = Collector(
    id="network.sysctls",
    facts=(KernelSetting,),
    scripts={OsFamily.LINUX: _LINUX},
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Mount /proc in the place where the audit logs in.",
    holds_secrets=False,
)
