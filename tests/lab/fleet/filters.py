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
		meta l4proto { 1, 58 } accept
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


# What lies behind a host with containers: a bridge, and namespaces on it; one without a cable; one that is tied to the
# host's own card, past its filter. The rules are those that Docker writes, iptables over nftables.
_CONTAINERS = """#!/bin/sh
set -e
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link add ctr0 type bridge
ip addr add 172.31.0.1/24 dev ctr0
ip addr add fd31::1/64 dev ctr0 nodad
ip link set ctr0 up
space() {
    ip netns add "$1"
    ip -n "$1" link set lo up
}
on_bridge() {
    space "$1"
    ip link add "v-$1" type veth peer name eth0 netns "$1"
    ip link set "v-$1" master ctr0 up
    ip -n "$1" addr add "172.31.0.$2/24" dev eth0
    ip -n "$1" addr add "fd31::$2/64" dev eth0 nodad
    ip -n "$1" link set eth0 up
    ip -n "$1" route add default via 172.31.0.1
    ip -n "$1" route add default via fd31::1
}
on_bridge blue 2
on_bridge green 3
space quiet
space odd
ip link add m-odd link eth0 type macvlan mode bridge
ip link set m-odd netns odd
ip -n odd link set m-odd name eth0 up
ip netns exec green nft -f - <<'END'
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ip saddr 192.0.2.0/24 tcp dport 9443 accept
	}
}
END
iptables-nft-restore <<'END'
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.31.0.0/24 ! -o ctr0 -j MASQUERADE
-A DOCKER ! -i ctr0 -p tcp -m tcp --dport 7071 -j DNAT --to-destination 172.31.0.2:7070
-A DOCKER ! -i ctr0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.31.0.2:80
-A DOCKER ! -i ctr0 -p udp -m udp --dport 5354 -j DNAT --to-destination 172.31.0.2:53
-A DOCKER ! -i ctr0 -p tcp -m tcp --dport 9443 -j DNAT --to-destination 172.31.0.3:9443
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
-A FORWARD -o ctr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o ctr0 -j DOCKER
-A FORWARD -i ctr0 ! -o ctr0 -j ACCEPT
-A DOCKER -d 172.31.0.2/32 ! -i ctr0 -o ctr0 -p tcp -m tcp --dport 7070 -j ACCEPT
-A DOCKER -s 192.0.2.0/24 -d 172.31.0.2/32 ! -i ctr0 -o ctr0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER -d 172.31.0.2/32 ! -i ctr0 -o ctr0 -p udp -m udp --dport 53 -j ACCEPT
-A DOCKER -d 172.31.0.3/32 ! -i ctr0 -o ctr0 -p tcp -m tcp --dport 9443 -j ACCEPT
COMMIT
END
"""

# Ports of remote access are closed on the way out, one of them but to one network; one of UDP was forgotten.
_EGRESS = """	chain output {
		type filter hook output priority filter; policy accept;
		ip daddr 203.0.113.0/24 tcp dport 6568 accept
		tcp dport { 5500, 5650, 5938, 6568, 7070, 7071, 8041, 21115-21119 } reject
		udp dport 21116 drop
	}
"""

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
    "containers": Filter(script=_CONTAINERS, open_ip=_SERVER, open_ip6=None),
    "nft-egress": Filter(
        nftables=f"{_NFT_HEAD}\t\ttcp dport {{ 22, 80 }} accept\n\t}}\n{_EGRESS}}}\n",
        open_ip=_SERVER,
        open_ip6=_SERVER,
    ),
    # The common mistake: nobody thought of IPv6.
    "iptables-ipv4-only": Filter(
        script=f"#!/bin/sh\n{_iptables('iptables-legacy', 'icmp', _SERVER)}", open_ip=_SERVER, open_ip6=None
    ),
}
