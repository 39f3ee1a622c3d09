"""The packet filters hosts are given, and what each does to a socket."""

from dataclasses import dataclass

from tests.lab.fleet.plan import Socket

FLEET_NETWORK = "10.77.0.0/16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a host loads at boot, and which TCP ports it leaves open."""

    nftables: str = ""
    """Content of ``/etc/nftables.conf``."""
    script: str = ""
    """Shell script that loads rules otherwise."""
    filters: bool = True
    """Whether it could stop a packet at all."""
    open_ip: tuple[int, ...] | None = None
    """TCP ports anyone reaches over IPv4; None means every port of every protocol."""
    open_ip6: tuple[int, ...] | None = None
    """The same for IPv6."""
    limited: tuple[int, ...] = ()
    """TCP ports that only the fleet's network reaches, over IPv4."""
    trusts_network: bool = False
    """Whether the fleet's network reaches every port of every protocol, over IPv4."""

    @property
    def closes_both(self) -> bool:
        """Tell whether what it does not open is closed to strangers, in IPv4 and in IPv6."""
        return self.filters and self.open_ip is not None and self.open_ip6 is not None

    def reachability(self, socket: Socket) -> str:
        """Say who reaches a socket, in the auditor's words."""
        if socket.is_loopback:
            return "loopback_only"
        opens = {"ip": self.open_ip, "ip6": self.open_ip6}
        families = ("ip", "ip6") if socket.dual else (socket.family,)
        for family in families:
            ports = opens[family]
            if ports is None or (socket.protocol == "tcp" and socket.port in ports):
                return "from_anywhere"
        is_limited = "ip" in families and (
            self.trusts_network or (socket.protocol == "tcp" and socket.port in self.limited)
        )
        return "from_networks" if is_limited else "blocked"


_NFT_HEAD = """#!/usr/sbin/nft -f
flush ruleset
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif lo accept
		meta l4proto { icmp, ipv6-icmp } accept
"""
_NFT_TAIL = "\t}\n}\n"

# What the Debian package nftables ships: chains without a rule, accepting.
_NFT_EMPTY = """#!/usr/sbin/nft -f
flush ruleset
table inet filter {
	chain input {
		type filter hook input priority filter;
	}
	chain forward {
		type filter hook forward priority filter;
	}
	chain output {
		type filter hook output priority filter;
	}
}
"""


def _iptables(program: str, icmp: str, ports: tuple[int, ...]) -> str:
    rules = "".join(f"-A INPUT -p tcp -m tcp --dport {port} -j ACCEPT\n" for port in ports)
    return (
        f"{program}-restore <<'END'\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        "-A INPUT -i lo -j ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        f"-A INPUT -p {icmp} -j ACCEPT\n{rules}COMMIT\nEND\n"
    )


def _both(backend: str, ports: tuple[int, ...]) -> str:
    four, six = _iptables(f"iptables-{backend}", "icmp", ports), _iptables(f"ip6tables-{backend}", "ipv6-icmp", ports)
    return f"#!/bin/sh\n{four}{six}"


# Every host talks to the web server of the next: 80 is open everywhere.
_REMOTE = (22, 80, 3389, 5900, 5911)
_SERVER = (22, 80)

# What an ordinary host loads (background.py): trusted networks of IPv4, three ports for all, and rules for networks
# that no host is in.
PROFILE = Filter(open_ip=(22, 80, 443), open_ip6=(22, 80, 443), trusts_network=True)

FILTERS = {
    "none": Filter(filters=False),
    "nft-empty": Filter(nftables=_NFT_EMPTY, filters=False),
    "nft-open": Filter(
        nftables=f"{_NFT_HEAD}\t\ttcp dport {{ {', '.join(map(str, _REMOTE))} }} accept\n{_NFT_TAIL}",
        open_ip=_REMOTE,
        open_ip6=_REMOTE,
    ),
    "nft-closed": Filter(
        nftables=f"{_NFT_HEAD}\t\ttcp dport {{ 22, 80 }} accept\n{_NFT_TAIL}", open_ip=_SERVER, open_ip6=_SERVER
    ),
    "nft-limited": Filter(
        nftables=f"{_NFT_HEAD}\t\ttcp dport {{ 22, 80 }} accept\n"
        f"\t\tip saddr {FLEET_NETWORK} tcp dport 5900 accept\n{_NFT_TAIL}",
        open_ip=_SERVER,
        open_ip6=_SERVER,
        limited=(5900,),
    ),
    "iptables-nft": Filter(script=_both("nft", _REMOTE), open_ip=_REMOTE, open_ip6=_REMOTE),
    "iptables-legacy": Filter(script=_both("legacy", _SERVER), open_ip=_SERVER, open_ip6=_SERVER),
    # The common mistake: nobody thought of IPv6.
    "iptables-ipv4-only": Filter(
        script=f"#!/bin/sh\n{_iptables('iptables-legacy', 'icmp', _SERVER)}", open_ip=_SERVER, open_ip6=None
    ),
}
