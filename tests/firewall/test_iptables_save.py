"""Rules of iptables, of both backends, mean what the kernel makes of them."""

from typing import Any

import pytest

from tests.firewall.conftest import HOST, SYN, SYN6, Ask, chain, listing, rule, table

ACK = {**SYN, "tcp_flags": ["ack"], "ct_state": "established", "ct_direction": "original"}
PING = {**SYN, "proto": "icmp", "icmp_type": 8, "icmp_code": 0}
OUT = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "203.0.113.7"}


def save(*rules: str, policy: str = "ACCEPT", name: str = "filter", chains: str = "") -> str:
    declared = {
        "filter": f":INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n",
        "nat": ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n",
    }.get(name, ":PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
    own = "".join(f":{one} - [0:0]\n" for one in chains.split())
    return f"*{name}\n{declared}{own}" + "".join(f"{one}\n" for one in rules) + "COMMIT\n"


RULES = [
    pytest.param(save(policy="DROP"), SYN, "drop", id="a-policy-drops"),
    pytest.param(save("-A INPUT -p tcp -m tcp --dport 5900 -j DROP"), SYN, "drop", id="a-port"),
    pytest.param(save("-A INPUT -p tcp -m tcp ! --dport 5900 -j DROP"), SYN, "accept", id="any-other-port"),
    pytest.param(save("[3:180] -A INPUT -p tcp -m tcp --dport 5900 -j DROP"), SYN, "drop", id="counters-stand-before"),
    pytest.param(
        save('-A INPUT -m comment --comment "-j DROP --dport 5900"'), SYN, "accept", id="a-comment-is-no-rule"
    ),
    pytest.param(save("-A INPUT -i eth+ -j DROP"), SYN, "drop", id="a-name-may-end-in-anything"),
    pytest.param(save("-A INPUT -o + -j DROP"), SYN, "drop", id="any-name-is-no-name-too"),
    pytest.param(save("-A INPUT ! -o eth0 -j DROP"), SYN, "drop", id="no-name-is-not-eth0"),
    pytest.param(save("-A INPUT -s 203.0.113.0/255.255.255.0 -j DROP"), SYN, "drop", id="a-mask"),
    pytest.param(save("-A INPUT -s 0.0.0.7/0.0.0.255 -j DROP"), SYN, "drop", id="a-mask-that-does-not-lead"),
    pytest.param(
        save("-A INPUT -p tcp -m multiport --ports 40000,80 -j DROP"), SYN, "drop", id="either-port-of-several"
    ),
    pytest.param(
        save("-A INPUT -p tcp -m multiport ! --dports 80,5800:5906 -j DROP"), SYN, "accept", id="none-of-several"
    ),
    pytest.param(save("-A INPUT -m conntrack --ctstate NEW -j DROP"), SYN, "drop", id="a-first-packet-is-new"),
    pytest.param(save("-A INPUT -m conntrack --ctstate NEW -j DROP"), ACK, "accept", id="a-later-one-is-not"),
    pytest.param(save("-A INPUT -m conntrack --ctstatus NONE -j DROP"), SYN, "accept", id="no-status-never-matches"),
    pytest.param(save("-A INPUT -m conntrack ! --ctstatus NONE -j DROP"), SYN, "drop", id="but-negated-always"),
    pytest.param(
        save("-A PREROUTING -j CT --notrack", name="raw") + save("-A INPUT -m state --state NEW -j DROP"), SYN,
        "accept", id="what-is-not-tracked-is-not-new",
    ),
    pytest.param(
        save("-A PREROUTING -j CT --notrack", name="raw") + save("-A INPUT -m state --state UNTRACKED -j DROP"), SYN,
        "drop", id="but-untracked",
    ),
    pytest.param(
        save("-A PREROUTING -j MARK --set-xmark 0x5/0xf", name="mangle")
        + save("-A INPUT -m mark --mark 0x4/0x4 -j DROP"), SYN, "drop", id="marks-are-carried-on",
    ),
    pytest.param(save("-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP"), PING, "drop", id="a-type-of-icmp"),
    pytest.param(save("-A INPUT -p icmp -m icmp --icmp-type 3/1 -j DROP"), PING, "accept", id="another-type"),
    pytest.param(
        save("-A INPUT -g c", "-A INPUT -j DROP", "-A c -p udp -j DROP", chains="c"), SYN, "accept",
        id="the-end-of-a-goto-is-the-end-of-the-caller",
    ),
    pytest.param(save("-A INPUT -m limit --limit 5/min -j DROP"), SYN, "unknown", id="a-limit-may-hold-or-not"),
    pytest.param(save("-A INPUT -m limit --limit 5/min -j RETURN", "-A INPUT -j DROP"), SYN, "unknown",
                 id="a-return-that-may-happen"),
    pytest.param(save("-A INPUT -m nosuchmatch --odd 1 -j DROP"), SYN, "unknown", id="a-match-that-is-not-known"),
    pytest.param(save("-A INPUT -j NOSUCHTARGET"), SYN, "unknown", id="a-target-that-is-not-known"),
    pytest.param(save("-A INPUT -m recent --set --name x --rsource"), SYN, "accept", id="to-remember-decides-nothing"),
    pytest.param(save("-A INPUT -m addrtype --dst-type LOCAL -j DROP"), SYN, "drop", id="our-own-address"),
    pytest.param(save("-A INPUT -m iprange --src-range 203.0.113.5-203.0.113.9 -j DROP"), SYN, "drop", id="a-range"),
    pytest.param(
        save("-A PREROUTING -p tcp -m tcp --dport 5900 -j REDIRECT --to-ports 80", name="nat")
        + save("-A INPUT -p tcp -m tcp --dport 80 -j DROP"), SYN, "drop", id="a-redirected-port-is-the-new-one",
    ),
    pytest.param(save("-A INPUT -j REJECT --reject-with tcp-reset"), {**SYN, "tcp_flags": ["rst"]}, "drop",
                 id="a-reset-is-not-answered-with-one"),
    pytest.param(save("-A OUTPUT -d 203.0.113.0/24 -j DROP"), OUT, "drop", id="outward"),
]  # fmt: skip


@pytest.mark.parametrize("backend", ["legacy", "nft"])
@pytest.mark.parametrize(("text", "packet", "verdict"), RULES)
def test_a_packet_meets_the_verdict_of_the_kernel(
    ask: Ask, text: str, packet: dict[str, Any], verdict: str, backend: str
) -> None:
    assert ask(text, packet, "iptables-save", backend=backend)["verdict"] == verdict


def test_rules_of_ipv4_say_nothing_of_ipv6(ask: Ask) -> None:
    text = save(policy="DROP")
    assert ask(text, SYN6, "iptables-save")["verdict"] == "accept"
    assert ask("", SYN6, "iptables-save", ip6tables=text)["verdict"] == "drop"


DNAT = save(
    "-A PREROUTING ! -i docker0 -p tcp -m tcp --dport 5900 -j DNAT --to-destination 172.17.0.2:5900", name="nat"
)


def test_a_published_port_passes_input_by(ask: Ask) -> None:
    host = {**HOST, "ip_forward": True, "addresses": {**HOST["addresses"], "docker0": ["172.17.0.1/16"]}}  # type: ignore[dict-item]
    text = DNAT + save(policy="DROP")
    assert ask(text, SYN, "iptables-save", host=host)["verdict"] == "accept"
    assert ask(text, {**SYN, "dport": 5901}, "iptables-save", host=host)["verdict"] == "drop"
    closed = DNAT + save("-A FORWARD -o docker0 -j DROP", policy="ACCEPT")
    assert ask(closed, SYN, "iptables-save", host=host)["verdict"] == "drop"


def test_a_published_port_needs_forwarding(ask: Ask) -> None:
    assert ask(DNAT, SYN, "iptables-save")["verdict"] == "drop"


SETS = [
    pytest.param("create s hash:net family inet\nadd s 203.0.113.0/24\n", "src", "drop", id="a-network"),
    pytest.param(
        "create s hash:net family inet\nadd s 203.0.113.0/24\nadd s 203.0.113.7 nomatch\n", "src", "accept",
        id="an-exemption",
    ),
    pytest.param("create s hash:ip,port family inet\nadd s 203.0.113.7,tcp:5900\n", "src,dst", "drop",
                 id="an-address-with-a-port"),
    pytest.param("create s hash:ip,port family inet\nadd s 203.0.113.7,udp:5900\n", "src,dst", "accept",
                 id="of-another-protocol"),
    pytest.param("create s bitmap:port range 0-65535\nadd s 5900\n", "dst", "drop", id="a-port"),
    pytest.param("create s hash:net,iface family inet\nadd s 203.0.113.0/24,eth0\n", "src,src", "drop",
                 id="a-network-behind-an-interface"),
    pytest.param("create a hash:ip family inet\nadd a 203.0.113.7\ncreate s list:set size 8\nadd s a\n", "src", "drop",
                 id="a-list-of-sets"),
    pytest.param("create s hash:ip family inet6\nadd s 2001:db8::1\n", "src", "accept", id="of-another-family"),
    pytest.param("create s hash:mac\nadd s 00:00:00:00:00:01\n", "src", "unknown", id="of-a-kind-not-known"),
    pytest.param("", "src", "unknown", id="that-is-not-listed"),
]  # fmt: skip


@pytest.mark.parametrize(("sets", "directions", "verdict"), SETS)
def test_a_set_is_looked_up(ask: Ask, sets: str, directions: str, verdict: str) -> None:
    text = save(f"-A INPUT -m set --match-set s {directions} -j DROP")
    assert ask(text, SYN, "iptables-save", ipset=sets)["verdict"] == verdict


def test_a_set_that_rules_add_to_may_hold_more(ask: Ask) -> None:
    text = save("-A INPUT -m set --match-set s src -j DROP", "-A INPUT -j SET --add-set s src")
    assert ask(text, SYN, "iptables-save", ipset="create s hash:ip family inet\n")["verdict"] == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("*filter\n:INPUT DROP [0:0]\n", id="cut"),
        pytest.param("-A INPUT -j DROP\n", id="outside-of-a-table"),
        pytest.param("*filter\nnonsense\nCOMMIT\n", id="nonsense"),
    ],
)
def test_a_text_that_is_not_whole_is_an_error_not_an_empty_ruleset(ask: Ask, text: str) -> None:
    assert "error" in ask(text, SYN, "iptables-save")


def test_all_that_is_loaded_must_accept(ask: Ask) -> None:
    nft = listing(table("inet"), chain("inet", "in", "input"), rule("inet", "in", "drop"))
    assert ask(save(), SYN, "mixed", nft=nft)["verdict"] == "drop"
    assert ask(save(policy="DROP"), SYN, "mixed", nft=listing())["verdict"] == "drop"
    assert ask(save(), SYN, "mixed", nft=listing())["verdict"] == "accept"


def test_tables_that_iptables_keeps_in_nftables_are_read_once(ask: Ask) -> None:
    xt = {"xt": {"type": "match", "name": "conntrack"}}
    nft = listing(table("ip", "filter"), chain("ip", "INPUT", "input", table="filter"),
                  rule("ip", "INPUT", xt, "drop", table_name="filter"))  # fmt: skip
    text = save("-A INPUT -m conntrack --ctstate ESTABLISHED -j DROP")
    assert ask(text, SYN, "mixed", backend="nft", nft=nft)["verdict"] == "accept"
    assert ask(text, SYN, "mixed", backend="legacy", nft=nft)["verdict"] == "unknown"


COMMENTED = (
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:UNUSED - [0:0]\n"
    '-A UNUSED -m comment --comment "{}-A INPUT -j DROP\n#" -j RETURN\nCOMMIT\n'
)


def test_lines_of_a_comment_are_no_rules(ask: Ask) -> None:
    """Iptables 1.8.9 takes comments of several lines, and both backends save them as they are."""
    saved = COMMENTED.format("a\n")
    answer = ask(saved, form="iptables-save")
    assert answer["verdict"] == "unknown"
    assert "No closing quotation" in answer["rule"]
    whole = saved.replace("a\n", "a ").replace("\n#", " ")
    assert ask(whole, form="iptables-save")["verdict"] == "accept"
