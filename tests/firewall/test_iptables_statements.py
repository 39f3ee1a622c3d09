"""Matches, targets and sets of iptables-save mean what the kernel makes of them (`make firewall-mutants`)."""

from typing import Any

import pytest

from auditor.firewall.dialects import iptables_save, nft_json
from auditor.model.ruleset import Hook
from tests.firewall.conftest import DPORT, SYN, SYN6, Ask, chain, listing, match, meta, rule, table

ESTABLISHED = {"tcp_flags": ["ack"], "ct_state": "established"}
UDP, PING = {"proto": "udp"}, {"proto": "icmp", "icmp_type": 8, "icmp_code": 0}
CHAINS = {
    "raw": "PREROUTING OUTPUT", "mangle": "PREROUTING INPUT FORWARD OUTPUT POSTROUTING",
    "nat": "PREROUTING INPUT OUTPUT POSTROUTING", "filter": "INPUT FORWARD OUTPUT", "security": "INPUT FORWARD OUTPUT",
}  # fmt: skip


def saved(*rules: str, name: str = "filter") -> str:
    heads = "".join(f":{one} ACCEPT [0:0]\n" for one in CHAINS[name].split())
    return f"*{name}\n{heads}" + "".join(f"{one}\n" for one in rules) + "COMMIT\n"


def verdict(ask: Ask, *rules: str, packet: Any = SYN, **more: Any) -> str:
    """Ask about a filter table, or about listings that are given whole."""
    text = "".join(rules) if rules and rules[0].startswith("*") else saved(*rules)
    four, six = ("", text) if packet["family"] == "ip6" else (text, "")
    answer = ask(four, packet, form="iptables-save", ip6tables=six, **more)
    return str(answer.get("verdict", answer.get("error")))


@pytest.mark.parametrize(
    ("line", "packet", "expected"),
    [
        ("-p all", {}, "drop"),
        ("-p tcp -m tcp --dport :5900", {"dport": 0}, "drop"),
        ("-p tcp -m tcp --dport 5900:", {"dport": 65535}, "drop"),
        ("-p tcp -m tcp --sport 40000", {}, "drop"),
        ("-p tcp -m tcp --source-port 40000 --destination-port 5900", {}, "drop"),
        ("-p tcp -m tcp --tcp-flags ALL NONE", {"tcp_flags": []}, "drop"),
        ("-p tcp -m tcp --tcp-flags ALL NONE", {"tcp_flags": ["fin"]}, "accept"),
        ("-p tcp -m tcp --tcp-flags ALL SYN", {}, "drop"),
        ("-p tcp -m tcp --tcp-flags ALL SYN", {"tcp_flags": ["syn", "psh"]}, "accept"),
        ("-p tcp -m tcp --tcp-flags ALL SYN", {"tcp_flags": ["syn", "ece"]}, "drop"),
        ("-p tcp -m tcp --tcp-flags SYN SYN ACK", {}, "unknown"),
        ("-p icmp -m icmp --icmp-type 255", PING, "drop"),
        ("-p icmp -m icmp ! --icmp-type any", PING, "accept"),
        ("-p icmp -m icmp --icmp-type 8", {**PING, "icmp_code": 255}, "drop"),
        ("-m conntrack --ctdir ORIGINAL", ESTABLISHED, "drop"),
        ("-m conntrack --ctdir REPLY", ESTABLISHED, "accept"),
        ("-m conntrack --ctdir REPLY", {**ESTABLISHED, "ct_direction": "reply"}, "drop"),
        ("-m conntrack ! --ctdir REPLY", {**ESTABLISHED, "ct_direction": "reply"}, "accept"),
        ("-m conntrack ! --ctdir REPLY", ESTABLISHED, "drop"),
        ("-m conntrack --ctstatus SEEN_REPLY", {**ESTABLISHED, "ct_status": ["expected"]}, "accept"),
        ("-m conntrack --ctstatus NONE", {**ESTABLISHED, "ct_status": ["expected"]}, "accept"),
        ("-m conntrack --ctstatus EXPECTED,ASSURED", {**ESTABLISHED, "ct_status": ["expected"]}, "drop"),
        ("-m recent --set --name x", {}, "drop"),
        ("-m recent ! --set --name x", {}, "accept"),
        ("-m recent --rcheck --name x", {}, "unknown"),
        ("-m recent --update --name x", {}, "unknown"),
        ("-m helper --helper ftp", {}, "accept"),
        ("-m helper --helper ftp", ESTABLISHED, "unknown"),
        ("-m helper ! --helper ftp", {}, "unknown"),
        ("--new x", {}, "unknown"),
        ('-m comment --comment "-"', {}, "drop"),
        ("-i et+", {}, "drop"),
        ("-i eth+", {"iface": "et5"}, "accept"),
        ("-i eth+", {"iface": "etg"}, "accept"),
        ("-s 203.0.113.7/255.0.255.255", {"src": "203.9.113.7"}, "drop"),
        ("-s 203.0.113.7/255.0.255.255", {"src": "203.9.113.8"}, "accept"),
        ("! -s 203.0.113.0/255.255.255.0", {}, "accept"),
        ("-m set --match-set s src extra", {}, "unknown"),
    ],
)
def test_a_match(ask: Ask, line: str, packet: Any, expected: str) -> None:
    assert verdict(ask, f"-A INPUT {line} -j DROP", packet={**SYN, **packet}) == expected


@pytest.mark.parametrize(
    ("line", "packet", "expected"),
    [
        ("--dst-type UNICAST", "::1", "drop"),
        ("--dst-type UNICAST", "::fffe:ffff:ffff", "drop"),
        ("--dst-type UNICAST", "::ffff:0:0", "accept"),
        ("--dst-type UNICAST", "::ffff:ffff:ffff", "accept"),
        ("--dst-type UNICAST", "::1:0:0:0", "drop"),
        ("--dst-type UNICAST", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "drop"),
        ("--dst-type UNICAST", "ff00::", "accept"),
        ("--dst-type UNICAST", "ff00::1", "accept"),
        ("--dst-type UNICAST", "::", "accept"),
        ("--dst-type UNSPEC", "::", "drop"),
        ("--dst-type UNSPEC", "::1", "accept"),
        ("--dst-type MULTICAST", "ff00::", "drop"),
        ("--dst-type MULTICAST", "2001:db8::1", "accept"),
        ("--dst-type LOCAL", "2001:db8:1::10", "drop"),
        ("--dst-type LOCAL", "2001:db8:1::11", "accept"),
        ("! --dst-type LOCAL", "2001:db8:1::10", "accept"),
        ("--dst-type LOCAL,UNICAST", "2001:db8:1::11", "accept"),
        ("! --dst-type LOCAL,UNICAST", "2001:db8:1::11", "drop"),
        ("--dst-type BLACKHOLE", "2001:db8::1", "drop"),
        ("! --dst-type BLACKHOLE", "2001:db8::1", "accept"),
        ("--src-type LOCAL", "2001:db8::1", "drop"),
        ("--src-type MULTICAST", "ff02::1", "accept"),
        ("--dst-type LOCAL --limit-iface-out", "2001:db8::1", "unknown"),
    ],
)
def test_types_of_ipv6_addresses(ask: Ask, line: str, packet: str, expected: str) -> None:
    """By their form, all that are named must hold; local ones are looked up (xt_addrtype's match_type6)."""
    out = {**SYN6, "direction": "out", "src": "2001:db8:1::10", "dst": packet}
    assert verdict(ask, f"-A OUTPUT -m addrtype {line} -j DROP", packet=out) == expected


def _made(ask: Ask, target: str, made: int, packet: Any) -> tuple[str, str]:
    """Say what is dropped: a packet with the mark that should have been made, and one with its lowest bit turned."""
    texts = (
        saved(f"-A PREROUTING -j {target}", name="mangle") + saved(f"-A INPUT -m mark --mark {one:#x} -j DROP")
        for one in (made, made ^ 1)
    )
    first, second = (verdict(ask, text, packet=packet) for text in texts)
    return first, second


@pytest.mark.parametrize(
    ("target", "made"),
    [
        ("MARK --set-xmark 0x5/0xf", 0x80000055),
        ("MARK --set-xmark 0x5", 0x5),
        ("MARK --set-xmark 0x5/0x0", 0x8000005F),
        ("MARK --set-xmark 0x5/0xffffffff", 0x5),
        ("MARK --set-mark 0x5/0xf", 0x80000055),
        ("MARK --set-mark 0x45/0xf", 0x80000055),
        ("MARK --set-mark 0x5", 0x5),
        ("LOG", 0x8000005A),
        ("SET --add-set s src", 0x8000005A),
    ],
)
def test_a_mark_is_set(ask: Ask, target: str, made: int) -> None:
    assert _made(ask, target, made, {**SYN, "mark": 0x8000005A}) == ("drop", "accept")


@pytest.mark.parametrize("target", ["MARK --new 1", "CONNMARK --new 1", "SET --map-set s src --map-mark", "NEW"])
def test_a_mark_that_is_not_understood_may_be_any(ask: Ask, target: str) -> None:
    assert _made(ask, target, 0, SYN) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("rules", "match_", "packet", "expected"),
    [
        (["MARK --set-xmark 0x1/0xff", "CONNMARK --save-mark"], "connmark --mark 0x1", SYN, "drop"),
        (["MARK --set-xmark 0x1/0xff", "CONNMARK --restore-mark"], "mark --mark 0x0", SYN, "drop"),
        (["CONNMARK --set-xmark 0x3/0xff", "CONNMARK --restore-mark"], "mark --mark 0x3", SYN, "drop"),
        (["CONNMARK --set-xmark 0x3/0xff", "CONNMARK --save-mark"], "connmark --mark 0x0", SYN, "drop"),
        (
            ["MARK --set-xmark 0x1/0xff", "CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff"],
            "connmark --mark 0x1", SYN, "drop",
        ),
        (
            ["MARK --set-xmark 0x1/0xff", "CONNMARK --save-mark --nfmask 0xff --ctmask 0xff"], "connmark --mark 0x1",
            SYN, "unknown",
        ),
        (["CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff"], "mark --mark 0x0", SYN, "unknown"),
        (["CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff"], "connmark --mark 0x0", SYN, "drop"),
        (["CT --helper ftp --ctevents new --expevents new --timeout x"], "mark --mark 0x0", SYN, "drop"),
        (["CT --helper ftp"], "conntrack --ctstate NEW", SYN, "drop"),
        (["CT --zone 1"], "mark --mark 0x0", SYN, "unknown"),
        (["DSCP --set-dscp 0x08"], "dscp --dscp 0x00", SYN, "unknown"),
        (["DSCP --set-dscp 0x08"], "mark --mark 0x0", SYN, "drop"),
    ],
)  # fmt: skip
def test_targets_that_go_on(ask: Ask, rules: list[str], match_: str, packet: Any, expected: str) -> None:
    early = saved(*(f"-A PREROUTING -j {one}" for one in rules), name="mangle")
    assert verdict(ask, early + saved(f"-A INPUT -m {match_} -j DROP"), packet=packet) == expected


def test_what_a_rule_of_the_same_chain_has_rewritten_is_not_known(ask: Ask) -> None:
    """Rules are sorted out beforehand by what stays the same: that is not this, then."""
    drops = "-A PREROUTING -m dscp --dscp 0x00 -j DROP"
    assert verdict(ask, saved(drops, name="mangle")) == "drop"
    assert verdict(ask, saved("-A PREROUTING -j DSCP --set-dscp 0x08", drops, name="mangle")) == "unknown"


def test_a_network_that_is_translated_to_another_leads_where_it_is_not_told(ask: Ask) -> None:
    drops = saved("-A INPUT -d 192.0.2.10/32 -j DROP")
    for target, expected in (("NETMAP --to 10.20.0.0/24", "unknown"), ("DNAT --to-destination 10.20.0.5", "accept")):
        assert verdict(ask, saved(f"-A PREROUTING -j {target}", name="nat") + drops) == expected
    ranged = saved("-A PREROUTING -j DNAT --to-destination 192.0.2.10-192.0.2.11", name="nat")
    assert verdict(ask, ranged + drops) == "unknown"


def test_an_address_of_ipv6_stands_in_brackets_before_a_port(ask: Ask) -> None:
    nat = saved("-A PREROUTING -p tcp -j DNAT --to-destination [2001:db8:1::10]:5901", name="nat")
    packet = {**SYN6, "dst": "2001:db8:1::99"}
    for line, expected in (("-d 2001:db8:1::10/128", "drop"), ("-p tcp -m tcp --dport 5901", "drop")):
        assert verdict(ask, nat + saved(f"-A INPUT {line} -j DROP"), packet=packet) == expected
    assert verdict(ask, nat, packet=packet) == "accept"  # it is one of the host's own


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*filter\n:INPUT DROP\nCOMMIT\n", "drop"),
        ("*filter\n:INPUT\nCOMMIT\n", "error"),
        ("*filter\n-D INPUT -j DROP\nCOMMIT\n", "error"),
        ("*filter\n-A\nCOMMIT\n", "error"),
        ("*filter\n:INPUT ACCEPT [0:0]\n", "error"),
        ("*broute\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "unknown"),
        ("*raw\n:PREROUTING ACCEPT [0:0]\n:INPUT - [0:0]\n-A INPUT -j DROP\nCOMMIT\n", "accept"),
        (
            "*filter\n:INPUT ACCEPT [0:0]\n:X - [0:0]\n-A X -j RETURN\n-A INPUT -g X\n-A INPUT -j DROP\nCOMMIT\n",
            "accept",
        ),
        ("*filter\n:INPUT ACCEPT [0:0]\n:X - [0:0]\n-A X -j RETURN\n-A INPUT -j X\n-A INPUT -j DROP\nCOMMIT\n", "drop"),
    ],
)
def test_a_listing(ask: Ask, text: str, expected: str) -> None:
    answer = ask(text, form="iptables-save")
    assert answer.get("verdict", "error") == expected


def test_rules_are_called_by_the_tool_that_lists_them(ask: Ask) -> None:
    drops = saved("-A INPUT -j DROP")
    assert ask(drops, form="iptables-save")["rule"] == "iptables filter: -A INPUT -j DROP"
    six = ask("", SYN6, form="iptables-save", ip6tables=drops)
    assert six["rule"] == "ip6tables filter: -A INPUT -j DROP"


BEFORE = pytest.mark.parametrize("before", [(), (table("ip", "before"),)], ids=["first", "second"])


@BEFORE
@pytest.mark.parametrize("name", ["raw", "mangle", "filter", "security"])
def test_tables_stand_at_their_priorities(ask: Ask, name: str, before: Any) -> None:
    """A chain of nft one step before or after sets the mark that the table drops (linux/netfilter_ipv4.h)."""
    priority = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}[name]
    hook = CHAINS[name].split()[0]
    text = saved(f"-A {hook} -m mark --mark 0x1 -j DROP", name=name)
    for step, expected in ((-1, "drop"), (1, "accept")):
        ruleset = listing(
            *before,
            table("ip"),
            chain("ip", "c", hook.lower(), priority + step),
            rule("ip", "c", {"mangle": {"key": meta("mark"), "value": 1}}),
        )
        assert ask(text, form="mixed", backend="nft", nft=ruleset)["verdict"] == expected, step


@BEFORE
def test_the_table_of_translations_stands_at_its_priority(ask: Ask, before: Any) -> None:
    text = saved("-A PREROUTING -p tcp -j REDIRECT --to-ports 23", name="nat")
    for step, port in ((-1, 22), (1, 23)):
        ruleset = listing(
            *before,
            table("ip"),
            chain("ip", "n", "prerouting", -100 + step, type="nat"),
            rule("ip", "n", match(DPORT, 5900), {"redirect": {"port": 22}}),
            chain("ip", "in", "input"),
            rule("ip", "in", match(DPORT, port), "drop"),
        )
        assert ask(text, form="mixed", backend="nft", nft=ruleset)["verdict"] == "drop", step


@BEFORE
def test_sources_are_translated_after_the_filter(ask: Ask, before: Any) -> None:
    """A chain of nft one step before is asked, one after is not any more: the packet is bound (NF_IP_PRI_NAT_SRC)."""
    text = saved("-A POSTROUTING -j MASQUERADE", name="nat")
    out = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "9.9.9.9"}
    for step, expected in ((-1, "drop"), (1, "accept")):
        ruleset = listing(
            *before,
            table("ip"),
            chain("ip", "n", "postrouting", 100 + step, type="nat"),
            rule("ip", "n", match(DPORT, 5900), "drop"),
        )
        for backend in ("nft", "legacy"):
            assert ask(text, out, form="mixed", backend=backend, nft=ruleset)["verdict"] == expected, step


# ---- sets

NAMED = "create s {kind} hashsize 1024 maxelem 65536\n\nadd s {element}\n"


def _matched(ask: Ask, made: str, packet: Any = SYN, *before: str, directions: str = "src") -> str:
    rules = (*before, f"-A INPUT -m set --match-set s {directions} -j DROP")
    return verdict(ask, *rules, packet={**SYN, **packet}, ipset=made)


@pytest.mark.parametrize(
    ("kind", "element", "directions", "packet", "expected"),
    [
        ("hash:ip family inet", "203.0.113.7", "src", {}, "drop"),
        ("hash:ip,mark family inet", "203.0.113.7,0x00000010", "src,src", {"mark": 0x10}, "drop"),
        ("hash:ip,mark family inet", "203.0.113.7,0x00000010", "src,src", {"mark": 0x11}, "accept"),
        ("hash:net,iface family inet", "203.0.113.0/24,eth0", "src,src", {}, "drop"),
        ("hash:net,iface family inet", "203.0.113.0/24,eth1", "src,src", {}, "accept"),
        ("hash:net,iface family inet", "203.0.113.0/24,eth", "src,src", {}, "accept"),
        ("hash:net,iface family inet", "203.0.113.0/24,eth wildcard", "src,src", {}, "drop"),
        ("hash:net,iface family inet", "203.0.113.0/24,eth wildcard", "src,src", {"iface": "wg0"}, "accept"),
        ("hash:net,iface family inet", "203.0.113.0/24,eth+", "src,src", {}, "accept"),
        ("hash:net,iface family inet", "203.0.113.0/24,physdev:eth0", "src,src", {}, "unknown"),
        ("hash:ip,port family inet", "203.0.113.7,tcp:5900", "src,dst", {}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,5900", "src,dst", {}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,sctp:5900", "src,dst", {"proto": "sctp"}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,icmp:echo-request", "src,dst", PING, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,icmp:port-unreachable", "src,dst", {**PING, "icmp_type": 3,
            "icmp_code": 3}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,hopopt:0", "src,dst", {"proto": "hopopt"}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,hopopt:0", "src,dst", {"proto": "gre"}, "accept"),
        ("hash:ip,port family inet", "203.0.113.7,132:5900", "src,dst", {"proto": "sctp"}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,gre:0", "src,dst", {"proto": "gre"}, "drop"),
        ("hash:ip,port family inet", "203.0.113.7,tcp:80/90", "src,dst", {}, "unknown"),
        ("hash:ip,port family inet", "203.0.113.7", "src,dst", {}, "unknown"),
        ("hash:ip,mac family inet", "203.0.113.7,02:00:00:00:00:01", "src,src", {}, "unknown"),
        ("hash:ip family inet bitmask 255.0.255.0", "203.0.113.7", "src", {}, "unknown"),
        ("hash:ip family inet6", "2001:db8::1", "src", {}, "accept"),
    ],
)  # fmt: skip
def test_a_set(ask: Ask, kind: str, element: str, directions: str, packet: Any, expected: str) -> None:
    made = NAMED.format(kind=kind, element=element)
    assert _matched(ask, made, packet, directions=directions) == expected


def test_a_set_of_ports_is_of_tcp_and_udp(ask: Ask) -> None:
    made = "create s bitmap:port range 0-65535\nadd s 5900\n"
    packets = (SYN, UDP, {"proto": "sctp"}, {"dport": 5901})
    assert [_matched(ask, made, one, directions="dst") for one in packets] == ["drop", "drop", "accept", "accept"]


@pytest.mark.parametrize(
    "options", ["counters", "comment", "skbinfo", "forceadd", "counters comment timeout 9", "timeout 9 counters"]
)
def test_options_of_a_set_change_nothing(ask: Ask, options: str) -> None:
    made = f"create s hash:ip {options} family inet\nadd s 203.0.113.7\ncreate r hash:ip family inet {options}\n"
    assert _matched(ask, made) == "drop"
    six = made.replace("inet\n", "inet6\n", 1)
    assert _matched(ask, six.replace("203.0.113.7", "::1")) == "accept"


@pytest.mark.parametrize("line", ["add s", "add t 203.0.113.7", "del s 203.0.113.7", "create s"])
def test_a_line_that_is_not_of_ipset_save_is_refused(ask: Ask, line: str) -> None:
    answer = ask(saved(), form="iptables-save", ipset=f"create s hash:ip family inet\n{line}\n")
    assert "error" in answer


LISTED = (
    "create six hash:ip family inet6\ncreate four hash:ip family inet\nadd four 203.0.113.7\n"
    "create s list:set size 8\nadd s six\nadd s four\n"
)
ADDS, TAKES = (f"-A FORWARD -j SET --{how}-set s src" for how in ("add", "del"))


@pytest.mark.parametrize(
    ("made", "before", "packet", "expected"),
    [
        pytest.param(LISTED, (), {}, "drop", id="a-list-holds-what-its-sets-hold"),
        pytest.param(LISTED, (), {"src": "203.0.113.8"}, "accept", id="and-nothing-else"),
        pytest.param(LISTED, (ADDS,), {"src": "203.0.113.8"}, "unknown", id="rules-add-to-the-list"),
        pytest.param(LISTED, (TAKES,), {}, "unknown", id="or-take-from-it"),
        pytest.param(LISTED + "add s gone\n", (), {}, "unknown", id="one-of-it-is-not-listed"),
        pytest.param(NAMED.format(kind="hash:ip", element="203.0.113.7"), (ADDS,), {}, "drop", id="a-member-stays-one"),
        pytest.param(
            NAMED.format(kind="hash:ip", element="203.0.113.8"), (ADDS,), {}, "unknown", id="who-is-none-may-be-one"
        ),
        pytest.param(
            NAMED.format(kind="hash:ip", element="203.0.113.7"), (TAKES,), {}, "unknown", id="who-is-one-may-be-none"
        ),
        pytest.param(
            NAMED.format(kind="hash:ip", element="203.0.113.8"), (TAKES,), {}, "accept", id="who-was-none-is-none"
        ),
        pytest.param(
            "create s hash:net family inet\nadd s 203.0.113.0/24\nadd s 203.0.113.7 nomatch\n", (TAKES,), {}, "accept",
            id="an-exception-does-not-match",
        ),
        pytest.param(
            NAMED.format(kind="hash:ip", element="203.0.113.8"), (ADDS.replace(" s ", " other "),), {}, "accept",
            id="rules-add-to-another",
        ),
        pytest.param(
            NAMED.format(kind="hash:ip", element="203.0.113.8"), ("-A FORWARD -m set --match-set s src -j LOG",), {},
            "accept", id="who-looks-up-adds-nothing",
        ),
    ],
)  # fmt: skip
def test_sets_that_rules_change(ask: Ask, made: str, before: Any, packet: Any, expected: str) -> None:
    assert _matched(ask, made, packet, *before) == expected


# ---- sections of evidence


def test_sections_of_both_backends_are_read() -> None:
    drops = saved("-A INPUT -m set --match-set s src -j DROP")
    texts = {
        "firewall.iptables_legacy": drops,
        "firewall.ip6tables_legacy": saved(),
        "firewall.iptables_nft": f"# family ip\n{saved()}# family ip6\n{drops}",
        "firewall.ipset": NAMED.format(kind="hash:ip", element="203.0.113.7"),
    }
    ruleset = iptables_save.DIALECT.read(texts)
    families = sorted(base.families for base in ruleset.bases if base.hook is Hook.INPUT)
    assert families == [(4,), (4,), (6,), (6,)]
    assert iptables_save.DIALECT.read({}).bases == ()
    only_nft = iptables_save.DIALECT.read({"firewall.iptables_nft": f"# family ip6\n{drops}"})
    assert [rule.text for rule in only_nft.chains["ip6tables filter INPUT"]] == [
        "ip6tables filter: -A INPUT -m set --match-set s src -j DROP"
    ]


def test_the_section_of_nft_leaves_tables_of_iptables_to_its_own_dialect() -> None:
    text = listing(table("ip", "filter"), chain("ip", "INPUT", "input", table="filter"))
    assert len(nft_json.DIALECT.read({"firewall.nft": text}).bases) == 1
    assert nft_json.DIALECT.read({"firewall.nft": text, "firewall.iptables_nft": ""}).bases == ()
    assert nft_json.DIALECT.read({}).bases == ()
