"""Kernel settings that packet filtering and the reach of a listener depend on."""

from auditor.collect.collector import Collector, parse_lines
from auditor.model.evidence import Proof
from auditor.model.facts.system import KernelSetting
from auditor.model.host import OsFamily

# Not read by the shell itself: dash reads byte by byte, and such a file gives no second one.
# A setting whose module is not loaded has no file.
_QUICK = r"""
net=/proc/sys/net
[ -d "$net" ] || { failed "$net is not there"; return; }
show_named "$net"/ipv4/ip_forward "$net"/ipv4/conf/*/rp_filter "$net"/ipv4/conf/*/route_localnet \
    "$net"/ipv4/conf/*/forwarding "$net"/ipv6/bindv6only "$net"/ipv6/conf/*/forwarding \
    "$net"/ipv6/conf/all/disable_ipv6 "$net"/netfilter/nf_conntrack_tcp_loose \
    "$net"/bridge/bridge-nf-call-iptables "$net"/bridge/bridge-nf-call-ip6tables \
    "$net"/bridge/bridge-nf-call-arptables
"""

_ROOT = "/proc/sys/net/"
_LENGTH = len("-9223372036854775808")
_FOLDERS = tuple(f"{_ROOT}{name}/" for name in ("ipv4", "ipv6", "netfilter", "bridge"))


def read_setting(line: str) -> KernelSetting:
    """Read ``/proc/sys/net/ipv4/ip_forward:0``; for a dot in an interface's name stands a slash, as in sysctl(8)."""
    path, colon, value = line.rpartition(":")
    if not colon or not path.startswith(_FOLDERS) or not _is_number(value):
        message = "not <setting>:<number>"
        raise ValueError(message)
    key = path.removeprefix(_ROOT).replace(".", "\0").replace("/", ".").replace("\0", "/")
    return KernelSetting(key=f"net.{key}", value=value)


def _is_number(text: str) -> bool:
    return text.isascii() and len(text) <= _LENGTH and text.removeprefix("-").isdigit()


PLUGIN = Collector(
    id="network.sysctls",
    facts=(KernelSetting,),
    quick={OsFamily.LINUX: _QUICK},
    parse=lambda text: parse_lines(text, read_setting),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Mount /proc in the place where the audit logs in.",
    holds_secrets=False,
)
