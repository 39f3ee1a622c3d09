"""Rulesets in the shape that well-known tools give them, with ports and networks of chance.

The shapes were written down from what ufw, firewalld, Docker and kube-proxy load on Debian, shortened.
"""

from tests.firewall.kernel.dice import Dice
from tests.firewall.kernel.script import Part, Script


def _ufw_family(dice: Dice, word: str, family: str) -> tuple[str, ...]:
    user = f"{word}-user-input"
    icmp, echo = ("icmp", "-m icmp --icmp-type 8") if family == "ip" else ("ipv6-icmp", "-m icmp6 --icmpv6-type 128")
    chains = [f"{word}-{when}-{way}" for when in ("before", "user", "after") for way in ("input", "output", "forward")]
    rules: list[str] = []
    for way in ("INPUT", "OUTPUT", "FORWARD"):
        rules += [f"-A {way} -j {word}-{when}-{way.lower()}" for when in ("before", "after")]
    before = f"-A {word}-before-input"
    rules += [
        f"{before} -i lo -j ACCEPT", f"{before} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        f"{before} -m conntrack --ctstate INVALID -j DROP", f"{before} -p {icmp} {echo} -j ACCEPT",
        f"{before} -m addrtype --dst-type LOCAL -j RETURN" if family == "ip" else f"{before} -d fe80::/10 -p udp --dport 546 -j ACCEPT",
        f"{before} -j {user}", f"-A {word}-before-output -o lo -j ACCEPT", f"-A {word}-before-output -j {word}-user-output",
        f"-A {word}-before-forward -j {word}-user-forward",
    ]  # fmt: skip
    if dice.chance(0.7):  # as ufw has it: what is for us goes on to the rules of the user
        rules = [rule.replace("-j RETURN", f"-j {user}") for rule in rules]
    for _ in range(dice.number(1, 6)):
        verb = dice.pick(("ACCEPT", "ACCEPT", "DROP", "REJECT"))
        where = dice.pick(("", f"-s {dice.network(family)} ", f"-i {dice.pick(('eth0', 'eth1'))} "))
        what = dice.pick((f"-p tcp -m tcp --dport {dice.ports(dash=':')}", f"-p udp -m udp --dport {dice.port()}", "-p tcp -m multiport --dports 5900:5906,3389"))  # fmt: skip
        rules.append(f"-A {user} {where}{what} -j {verb}")
    if dice.chance(0.3):
        rules.append(f"-A {word}-user-output -p tcp -m tcp --dport {dice.port()} -j {dice.pick(('DROP', 'REJECT'))}")
    policy = dice.pick(("DROP", "DROP", "ACCEPT"))
    heads = [
        f":INPUT {policy} [0:0]",
        ":FORWARD DROP [0:0]",
        f":OUTPUT {dice.pick(('ACCEPT', 'ACCEPT', 'DROP'))} [0:0]",
    ]
    return ("*filter", *heads, *(f":{chain} - [0:0]" for chain in chains), *rules, "COMMIT")


def ufw(dice: Dice) -> Script:
    """Write what ufw loads."""
    parts: dict[Part, tuple[str, ...]] = {"ip": _ufw_family(dice, "ufw", "ip")}
    if dice.chance(0.7):  # IPV6=yes
        parts["ip6"] = _ufw_family(dice, "ufw6", "ip6")
    return Script(form="iptables-save", parts=parts, backend=dice.pick(("legacy", "nft")))


def firewalld(dice: Dice) -> Script:
    """Write what firewalld loads: zones by source before zones by interface, one table."""
    zones = ("public", "trusted", "work")
    table = "inet firewalld"
    chains = ["filter_INPUT_ZONES", *(f"filter_IN_{zone}{part}" for zone in zones for part in ("", "_deny", "_allow"))]
    bases = (
        ("mangle_PREROUTING", "hook prerouting priority -140"), ("nat_PREROUTING", "nat"),
        ("filter_PREROUTING", "hook prerouting priority 10"), ("filter_INPUT", "hook input priority 10"), ("filter_OUTPUT", "hook output priority 10"),
    )  # fmt: skip
    lines = [f"add table {table}", *(f"add chain {table} {chain}" for chain in chains)]
    lines += [
        f"add chain {table} {name} {{ type nat hook prerouting priority -90; }}" if place == "nat" else f"add chain {table} {name} {{ type filter {place}; }}"
        for name, place in bases
    ]  # fmt: skip
    rule = f"add rule {table}"
    lines += [
        f"{rule} filter_INPUT ct state {{ established, related }} accept", f"{rule} filter_INPUT ct status dnat accept",
        f'{rule} filter_INPUT iifname "lo" accept', f"{rule} filter_INPUT ct state invalid drop",
        f"{rule} filter_INPUT jump filter_INPUT_ZONES", f"{rule} filter_INPUT reject with icmpx type admin-prohibited",
        f"{rule} filter_OUTPUT ct state {{ established, related }} accept", f'{rule} filter_OUTPUT oifname "lo" accept',
    ]  # fmt: skip
    if dice.chance(0.5):
        lines.append(f"{rule} filter_PREROUTING icmpv6 type {{ nd-router-advert, nd-neighbor-solicit }} accept")
        lines.append(f"{rule} filter_PREROUTING meta nfproto ipv6 fib saddr . mark . iif oif missing drop")
    for zone in dice.some(zones, 2):
        lines.append(f"{rule} filter_INPUT_ZONES ip saddr {dice.network('ip')} goto filter_IN_{zone}")
    lines += [
        f'{rule} filter_INPUT_ZONES iifname "eth1" goto filter_IN_work',
        f"{rule} filter_INPUT_ZONES goto filter_IN_public",
    ]
    for zone in zones:
        chain = f"filter_IN_{zone}"
        lines += [f"{rule} {chain} jump {chain}_deny", f"{rule} {chain} jump {chain}_allow"]
        lines += [
            f"{rule} {chain}_allow {dice.pick(('tcp', 'udp'))} dport {dice.ports()} ct state {{ new, untracked }} accept"
            for _ in range(dice.number(0, 4))
        ]
        lines += (
            [f"{rule} {chain}_deny ip saddr {dice.network('ip')} {dice.pick(('drop', 'reject'))}"]
            if dice.chance(0.3)
            else []
        )
        lines += [f"{rule} {chain} meta l4proto {{ icmp, ipv6-icmp }} accept"]
        lines += [f"{rule} {chain} accept"] if zone == "trusted" else []
    if dice.chance(0.3):
        lines.append(f"{rule} nat_PREROUTING tcp dport {dice.port()} redirect to :{dice.port()}")
    return Script(form="nft-json", parts={"nft": tuple(lines)})


def docker(dice: Dice) -> Script:
    """Write what Docker loads beside a closed INPUT."""
    ports = [dice.port() for _ in range(dice.number(1, 3))]
    filters = [
        "*filter", f":INPUT {dice.pick(('DROP', 'ACCEPT'))} [0:0]", f":FORWARD {dice.pick(('DROP', 'ACCEPT'))} [0:0]", ":OUTPUT ACCEPT [0:0]",
        ":DOCKER - [0:0]", ":DOCKER-USER - [0:0]", ":DOCKER-ISOLATION-STAGE-1 - [0:0]", ":DOCKER-ISOLATION-STAGE-2 - [0:0]",
        "-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
        "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-A FORWARD -o docker0 -j DOCKER",
        "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT", "-A FORWARD -i docker0 -o docker0 -j ACCEPT",
        "-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2", "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
        "-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP", "-A DOCKER-ISOLATION-STAGE-2 -j RETURN",
    ]  # fmt: skip
    nat = [
        "*nat", ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", ":DOCKER - [0:0]",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER", "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", "-A DOCKER -i docker0 -j RETURN",
    ]  # fmt: skip
    for number, port in enumerate(ports):
        inner, container = dice.port(), f"172.17.0.{2 + number % 2}"
        bound = "-d 127.0.0.1/32 " if dice.chance(0.15) else ""
        filters.append(f"-A DOCKER -d {container}/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport {inner} -j ACCEPT")
        nat.append(
            f"-A DOCKER {bound}! -i docker0 -p tcp -m tcp --dport {port} -j DNAT --to-destination {container}:{inner}"
        )
    user = dice.pick((f"-A DOCKER-USER -s {dice.network('ip')} -i eth0 -j DROP", f"-A DOCKER-USER ! -s {dice.network('ip')} -i eth0 -j REJECT", f"-A DOCKER-USER -m conntrack --ctorigdstport {ports[0]} --ctproto 6 -j DROP", ""))  # fmt: skip
    lines = [*filters, *([user] if user else []), "-A DOCKER-USER -j RETURN", "COMMIT", *nat, "COMMIT"]
    return Script(
        form="iptables-save", parts={"ip": tuple(lines)}, backend=dice.pick(("legacy", "nft")), ip_forward=True
    )


def kube(dice: Dice) -> Script:
    """Write what kube-proxy loads: marks, node ports, endpoints."""
    node, inner = dice.port(), dice.port()
    lines = (
        "*filter", ":INPUT ACCEPT [0:0]", f":FORWARD {dice.pick(('DROP', 'ACCEPT'))} [0:0]", ":OUTPUT ACCEPT [0:0]", ":KUBE-FIREWALL - [0:0]", ":KUBE-FORWARD - [0:0]",
        "-A INPUT -j KUBE-FIREWALL", "-A FORWARD -j KUBE-FORWARD", "-A OUTPUT -j KUBE-FIREWALL",
        "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
        "-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP", "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
        "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT", "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "COMMIT",
        "*nat", ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", ":KUBE-SERVICES - [0:0]",
        ":KUBE-NODEPORTS - [0:0]", ":KUBE-MARK-MASQ - [0:0]", ":KUBE-MARK-DROP - [0:0]", ":KUBE-SVC-A - [0:0]", ":KUBE-SEP-A - [0:0]", ":KUBE-POSTROUTING - [0:0]",
        "-A PREROUTING -j KUBE-SERVICES", "-A OUTPUT -j KUBE-SERVICES", "-A POSTROUTING -j KUBE-POSTROUTING",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000", "-A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000",
        f"-A KUBE-SERVICES ! -s {dice.network('ip')} -p udp -m udp --dport {dice.port()} -j KUBE-MARK-DROP",
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
        f"-A KUBE-NODEPORTS -p tcp -m tcp --dport {node} -j {dice.pick(('KUBE-MARK-MASQ', 'KUBE-MARK-DROP'))}", f"-A KUBE-NODEPORTS -p tcp -m tcp --dport {node} -j KUBE-SVC-A",
        "-A KUBE-SVC-A -j KUBE-SEP-A", "-A KUBE-SEP-A -s 172.17.0.2/32 -j KUBE-MARK-MASQ", f"-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 172.17.0.2:{inner}",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN", "-A KUBE-POSTROUTING -j MASQUERADE", "COMMIT",
    )  # fmt: skip
    return Script(form="iptables-save", parts={"ip": lines}, backend=dice.pick(("legacy", "nft")), ip_forward=True)


SHAPES = (ufw, ufw, firewalld, firewalld, docker, docker, kube)
