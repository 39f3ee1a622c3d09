"""What a host's own addresses, routes and settings make of a packet, to the last address (`make firewall-mutants`)."""

from ipaddress import ip_address
from typing import Any

import pytest

from auditor.firewall.addresses import Surroundings
from auditor.firewall.decide import decide
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.loaded import Loaded
from auditor.firewall.protocol import Answers, read_host, read_packet
from auditor.firewall.sources import Fan
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Route
from auditor.model.packet import Direction, HostNetwork, Packet
from auditor.model.ruleset import ADDRESS_TYPES
from tests.firewall.conftest import DPORT, HOST, SYN, SYN6, Ask, chain, listing, match, meta, payload, rule, table

OPEN, OPEN6 = (listing(table(family), chain(family, "in", "input")) for family in ("ip", "ip6"))
SADDR, DADDR = payload("ip", "saddr"), payload("ip", "daddr")


def number(text: str) -> int:
    return int(ip_address(text))


def allowed(ruleset: str, packet: Any = SYN, host: Any = HOST, **more: Any) -> Any:
    question = {"id": 1, "format": "nft-json", "ruleset": ruleset, "host": host, "packet": packet, "query": "sources"}
    return Answers().answer({**question, **more})["allowed"]


# ---- addresses


@pytest.mark.parametrize(
    ("address", "length", "broadcasts", "others"),
    [
        ("192.0.2.10", 24, ["192.0.2.255"], ["192.0.2.254", "192.0.2.127", "192.0.3.0"]),
        ("192.0.2.10", 30, ["192.0.2.11"], ["192.0.2.9", "192.0.2.12"]),
        ("192.0.2.10", 31, [], ["192.0.2.11"]),
        ("192.0.2.10", 32, [], ["192.0.2.11"]),
        ("128.0.0.1", 1, [], []),
        ("127.0.0.1", 8, [], []),
    ],
)
def test_the_last_address_of_a_network_is_its_broadcast_address(
    address: str, length: int, broadcasts: list[str], others: list[str]
) -> None:
    """The kernel adds one to its table for networks of more than two addresses (fib_add_ifaddr)."""
    host = HostNetwork(
        addresses={"lo": ((Family.IP, number("127.0.0.1"), 8),), "eth0": ((Family.IP, number(address), length),)}
    )
    around = Surroundings(host=host)
    kinds = {name: around.type_of(Family.IP, number(name)) for name in (*broadcasts, *others)}
    assert {name for name, kind in kinds.items() if kind == ADDRESS_TYPES["broadcast"]} == set(broadcasts)
    assert all(kinds[name] == ADDRESS_TYPES["unicast"] for name in others)
    assert around.type_of(Family.IP, number(address)) == ADDRESS_TYPES["local"]
    assert around.type_of(Family.IP, number("127.255.255.255")) == ADDRESS_TYPES["local"]


def test_of_the_largest_networks_too() -> None:
    host = HostNetwork(addresses={"eth0": ((Family.IP, number("10.0.0.1"), None),)})
    assert Surroundings(host=host).type_of(Family.IP, number("63.255.255.255")) is None


def test_of_an_address_without_its_prefix_any_broadcast_address_may_be_one() -> None:
    host = HostNetwork(
        addresses={"lo": ((Family.IP, number("127.0.0.1"), None),), "eth0": ((Family.IP, number("192.0.2.8"), None),)}
    )
    around = Surroundings(host=host)
    for text in ("192.0.2.11", "192.0.2.255", "192.0.255.255", "255.255.255.254"):
        expected = None if text != "255.255.255.254" else ADDRESS_TYPES["unicast"]
        assert around.type_of(Family.IP, number(text)) is expected, text
    for text in ("192.0.2.9", "192.0.2.10", "192.0.2.12", "223.255.255.255"):
        expected = None if text == "223.255.255.255" else ADDRESS_TYPES["unicast"]
        assert around.type_of(Family.IP, number(text)) == expected, text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0.0.0.0", "broadcast"), ("0.255.255.255", "broadcast"), ("1.0.0.0", "unicast"), ("224.0.0.0", "multicast"),
        ("239.255.255.255", "multicast"), ("240.0.0.0", "unicast"), ("255.255.255.255", "broadcast"),
        ("::", "unspec"), ("::1", "local"), ("::2", "unicast"), ("ff00::", "multicast"), ("2001:db8:1::10", "local"),
    ],
)  # fmt: skip
def test_types(text: str, kind: str) -> None:
    host = HostNetwork(addresses={"eth0": ((Family.IP6, number("2001:db8:1::10"), 64),)})
    family = Family.IP6 if ":" in text else Family.IP
    assert Surroundings(host=host).type_of(family, number(text)) == ADDRESS_TYPES[kind]


def test_a_packet_to_a_broadcast_address_of_the_host_is_for_the_host(ask: Ask) -> None:
    drops = listing(
        table("ip"), chain("ip", "in", "input"), rule("ip", "in", match(meta("pkttype"), "broadcast"), "drop")
    )
    packet = {**SYN, "proto": "udp", "dst": "192.0.2.255"}
    assert ask(drops, packet)["verdict"] == "drop"
    assert ask(drops, {**packet, "src": "0.0.0.0"})["verdict"] == "drop"
    assert ask(OPEN, {**packet, "src": "0.0.0.0"})["verdict"] == "accept"
    assert ask(OPEN, {**packet, "src": "0.0.0.0", "dst": "192.0.2.10"})["verdict"] == "drop"


# ---- what routing takes

ROUTES = (
    Route(family=Family.IP, destination="192.0.2.0/24", interface="eth0"),
    Route(family=Family.IP, destination="198.51.100.0/24", interface="eth1"),
    Route(family=Family.IP, destination="203.0.113.0/24", interface="eth0", table="vpn"),
    Route(family=Family.IP6, destination="2001:db8:1::/64", interface="eth0"),
)


@pytest.mark.parametrize(
    ("mode", "routes", "source", "verdict"),
    [
        (0, ROUTES, "9.9.9.9", "accept"),
        (1, ROUTES, "192.0.2.255", "accept"),
        (1, ROUTES, "192.0.2.1", "accept"),
        (1, ROUTES, "198.51.100.1", "drop"),
        (1, ROUTES, "9.9.9.9", "drop"),
        (2, ROUTES, "198.51.100.1", "accept"),
        (2, ROUTES, "198.51.101.0", "drop"),
        (2, ROUTES, "9.9.9.9", "drop"),
        (1, None, "192.0.2.1", "accept"),
        (1, None, "9.9.9.9", None),
        (2, None, "9.9.9.9", None),
        (2, None, "10.20.0.9", "accept"),
        (1, None, "10.20.0.9", "drop"),
        (None, ROUTES, "198.51.100.1", None),
        (None, ROUTES, "192.0.2.1", "accept"),
    ],
)
def test_the_way_back_to_a_source(mode: int | None, routes: Any, source: str, verdict: str | None) -> None:
    """rp_filter: 1 takes who is answered by the same interface, 2 whoever is answered at all (ip-sysctl)."""
    host = HostNetwork(
        addresses={
            "eth0": ((Family.IP, number("192.0.2.10"), 24),),
            "eth1": ((Family.IP, number("10.20.0.5"), 16),),
        },
        routes=routes,
        rp_filter={"": mode},
        route_localnet={"": False},
    )
    program = Program(read_nft(OPEN), host)
    packet = Packet(
        direction=Direction.IN, interface="eth0", family=Family.IP, source=number(source),
            destination=number("192.0.2.10"),
        protocol=6, source_port=40000, destination_port=5900, tcp_flags=2,
    )  # fmt: skip
    assert decide(program, packet).verdict == verdict
    found = Fan(program, packet).ask()
    assert [number(source) in region for region in (found.allowed, found.blocked, found.unknown)] == [
        verdict == "accept", verdict == "drop", verdict is None
    ]  # fmt: skip
    assert number(source) not in found.refused or verdict == "drop"
    assert (number(source) in found.refused) is (verdict == "drop")


@pytest.mark.parametrize(
    ("setting", "destination", "verdict"),
    [
        (False, "127.0.0.1", "drop"),
        (True, "127.0.0.1", "accept"),
        (None, "127.0.0.1", None),
        (None, "192.0.2.10", "accept"),
    ],
)
def test_loopback_addresses_from_the_wire(setting: bool | None, destination: str, verdict: str | None) -> None:
    host = HostNetwork(
        addresses={"eth0": ((Family.IP, number("192.0.2.10"), 24),)}, rp_filter={"": 0}, route_localnet={"": setting}
    )
    packet = Packet(
        direction=Direction.IN, interface="eth0", family=Family.IP, source=number("203.0.113.7"),
        destination=number(destination), protocol=6, source_port=40000, destination_port=5900, tcp_flags=2,
    )  # fmt: skip
    assert decide(Program(read_nft(OPEN), host), packet).verdict == verdict


def test_the_sources_that_come_from_the_wire_to_the_last_address() -> None:
    assert allowed(OPEN) == (
        "1.0.0.0-10.20.0.4", "10.20.0.6-126.255.255.255", "128.0.0.0-192.0.2.9", "192.0.2.11-223.255.255.255",
        "240.0.0.0-255.255.255.254",
    )  # fmt: skip
    localnet = {**HOST, "sysctl": {"rp_filter": 0, "route_localnet": 1}}
    assert allowed(OPEN, host=localnet)[1:3] == ("10.20.0.6-192.0.2.9", "192.0.2.11-223.255.255.255")
    assert allowed(OPEN, {**SYN, "iface": "lo"}) == ("0.0.0.0/0",)
    for text, packet in ((OPEN, SYN), (OPEN6, SYN6)):
        found = Fan(Program(read_nft(text), read_host(HOST)), read_packet(packet, wants_sources=True)).ask()
        assert not found.unknown
        assert found.refused == found.allowed.rest
    assert allowed(OPEN6, SYN6) == ("::/128", "::2-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")


def test_link_local_sources_to_the_last_address() -> None:
    host = {**HOST, "ip_forward": True, "addresses": {**HOST["addresses"], "docker0": ["fd00:17::1/64"]}}  # type: ignore[dict-item]
    through = {**SYN6, "dst": "fd00:17::2"}
    ruleset = listing(table("ip6"), chain("ip6", "f", "forward"))
    assert allowed(ruleset, through, host) == (
        "::/128", "::2-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::/10",
    )  # fmt: skip


def test_what_may_be_sent_on_is_not_taken_for_what_was_sent_to_loopback(ask: Ask) -> None:
    objects = (
        table("ip6"),
        chain("ip6", "nat", "prerouting", -100, type="nat"),
        rule("ip6", "nat", match(DPORT, 5900), {"dnat": {"addr": "::1"}}),
        chain("ip6", "in", "input"),
    )
    host = {**HOST, "ip_forward": True}
    packets = ({**SYN6, "dst": "::1", "dport": 22}, SYN6, {**SYN6, "dst": "::1", "dport": 22})
    said = [ask(listing(*objects), packet, host=host, ruleset_id="same")["verdict"] for packet in packets]
    assert said == ["drop", "unknown", "drop"]


@pytest.mark.parametrize(
    ("address", "interface"),
    [
        ("192.0.2.0", "eth0"),
        ("192.0.2.255", "eth0"),
        ("192.0.3.0", ""),
        ("198.51.100.255", "eth1"),
        ("203.0.113.1", ""),
    ],
)
def test_the_way_to_an_address(address: str, interface: str) -> None:
    around = Surroundings(host=HostNetwork(routes=ROUTES))
    assert around.way_to(Family.IP, number(address)) == interface
    assert Surroundings(host=HostNetwork()).way_to(Family.IP, number(address)) is None
    assert (number(address) in around.reached(Family.IP)) is bool(interface)
    assert number(address) in Surroundings(host=HostNetwork()).reached(Family.IP)


def test_link_local_addresses_are_behind_every_interface() -> None:
    routes = (
        Route(family=Family.IP6, destination="fe80::/64", interface="eth1"),
        Route(family=Family.IP6, destination="::/0", interface="eth0"),
    )
    around = Surroundings(host=HostNetwork(routes=routes))
    for name in ("eth0", "eth1"):
        here, unsure = around.behind(Family.IP6, name)
        assert number("fe80::5") in here
        assert (number("2001:db8::1") in here) is (name == "eth0")
        assert not unsure


# ---- what a question says


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"tcp_flags": ""}, "invalid"),
        ({"tcp_flags": "none"}, "invalid"),
        ({"tcp_flags": "syn"}, "new"),
        ({"tcp_flags": "SYN|URG"}, "new"),
        ({"tcp_flags": ["syn", "ack"]}, "invalid"),
        ({"tcp_flags": ["fin", "ack"]}, "invalid"),
        ({"tcp_flags": ["rst"]}, "invalid"),
        ({"tcp_flags": ["ack"]}, "new"),
        ({"tcp_flags": ["ack", "urg"]}, "new"),
        ({"tcp_flags": ["syn", "psh"]}, "new"),
        ({"tcp_flags": ["urg"]}, "invalid"),
        *(({"proto": "icmp", "icmp_type": kind, "icmp_code": 0}, "new") for kind in (8, 13, 15, 17)),
        *(({"proto": "icmp", "icmp_type": kind, "icmp_code": 0}, "invalid") for kind in (0, 14, 16, 18)),
        ({"proto": "esp"}, "new"),
    ],
)
def test_the_state_of_a_first_packet(ask: Ask, changes: Any, verdict: str) -> None:
    """As nf_conntrack's trackers have it: tcp_valid_flags and get_conntrack_index, icmp_packet's valid_new."""
    for state in ("new", "invalid", "untracked"):
        asked = match({"ct": {"key": "state"}}, state, "in")
        ruleset = listing(table("ip"), chain("ip", "in", "input"), rule("ip", "in", asked, "drop"))
        assert (ask(ruleset, {**SYN, **changes})["verdict"] == "drop") is (state == verdict), state


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(128, "new"), (139, "new"), (129, "invalid"), (138, "invalid"), (140, "invalid"), (142, "invalid"), (144,
        "invalid"),
     *((kind, "untracked") for kind in (130, 131, 132, 133, 134, 135, 136, 143)), (137, "invalid")],
)  # fmt: skip
def test_the_state_of_a_first_packet_of_icmpv6(ask: Ask, kind: int, expected: str) -> None:
    """nf_conntrack_icmpv6_new's valid_new, and noct_valid_new for what is never tracked."""
    for state in ("new", "invalid", "untracked"):
        asked = match({"ct": {"key": "state"}}, state, "in")
        ruleset = listing(table("ip6"), chain("ip6", "in", "input"), rule("ip6", "in", asked, "drop"))
        packet = {**SYN6, "proto": "icmpv6", "icmp_type": kind, "icmp_code": 0}
        assert (ask(ruleset, packet)["verdict"] == "drop") is (state == expected), state


def test_another_listing_is_read_where_the_format_has_one_only(ask: Ask) -> None:
    drops = listing(table("ip"), chain("ip", "in", "input", policy="drop"))
    assert ask("", form="iptables-save", nft=drops)["verdict"] == "accept"
    assert ask("", form="mixed", nft=drops)["verdict"] == "drop"
    assert ask("", form="mixed")["verdict"] == "accept"
    text = "table ip t {\n\tflags dormant\n}\n"
    for name in ("nft_text", "ruleset_text"):
        assert ask("", form="mixed", nft=drops, **{name: text})["verdict"] == "accept"


def test_an_error_says_what_is_wrong(ask: Ask) -> None:
    assert "is none of nft-json" in ask("", form="other")["error"]


def test_a_setting_of_another_name_is_passed_over(ask: Ask) -> None:
    host = {**HOST, "sysctl": {"net.ipv4.conf.eth0.tag": "none", "net.ipv4.conf.all.other": "x"}}
    assert ask(OPEN, host=host)["verdict"] == "accept"


# ---- what an answer depends on


@pytest.mark.parametrize(
    ("statements", "depends"),
    [
        ((match(DPORT, 5900), "drop"), False),
        ((match(SADDR, "9.9.9.9"), "drop"), False),
        ((match({"fib": {"result": "type", "flags": ["saddr"]}}, "local"), "drop"), True),
        ((match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), "drop"), True),
        ((match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, False), "drop"), True),
        ((match({"&": [DPORT, 1]}, 1), "drop"), True),
        ((match({"&": [payload("tcp", "sport"), 1]}, 1), "drop"), True),
        ((match({"&": [DADDR, 1]}, 1), "drop"), True),
        ((match({"&": [SADDR, 1]}, 1), "drop"), False),
        ((match({"&": [meta("mark"), 1]}, 1), "drop"), False),
        (({"dnat": {"addr": "10.20.0.5"}},), True),
        (({"redirect": {"port": 1}},), True),
        (({"masquerade": None},), False),
        (({"snat": {"addr": "10.20.0.5"}},), False),
        (({"vmap": {"key": DPORT, "data": {"set": [[22, {"drop": None}]]}}},), False),
        (({"vmap": {"key": {"fib": {"result": "type", "flags": ["daddr"]}}, "data": {"set": [["local",
            {"drop": None}]]}}},), True),
        (({"mangle": {"key": meta("mark"), "value": 1}},), False),
        ((), False),
    ],
)  # fmt: skip
def test_answers_are_shared_between_hosts_only_where_no_rule_asks_for_the_host(statements: Any, depends: bool) -> None:
    plain = rule("ip", "in", match(DPORT, 22), "drop")
    ruleset = listing(table("ip"), chain("ip", "in", "input"), plain, rule("ip", "in", *statements), plain)
    assert Loaded(read_nft(ruleset)).is_of_host is depends


def test_a_packet_filter_right_before_the_place_of_translation_sees_the_old_destination(ask: Ask) -> None:
    for priority, verdict in ((-101, "drop"), (-99, "accept")):
        ruleset = listing(
            table("ip"),
            chain("ip", "nat", "prerouting", -100, type="nat"),
            rule("ip", "nat", {"dnat": {"addr": "10.20.0.5"}}),
            chain("ip", "early", "prerouting", priority),
            rule("ip", "early", match(DADDR, "192.0.2.10"), "drop"),
        )
        assert ask(ruleset)["verdict"] == verdict


def test_a_packet_filter_right_after_the_place_of_translation_sees_the_new_source(ask: Ask) -> None:
    out = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "9.9.9.9"}
    for priority, verdict in ((99, "accept"), (101, "drop")):
        ruleset = listing(
            table("ip"),
            chain("ip", "nat", "postrouting", 100, type="nat"),
            rule("ip", "nat", {"snat": {"addr": "198.51.100.1"}}),
            chain("ip", "late", "postrouting", priority),
            rule("ip", "late", match(SADDR, "198.51.100.1"), "drop"),
        )
        assert ask(ruleset, out)["verdict"] == verdict


def test_behind_an_interface_are_only_those_that_routes_lead_to_by_it() -> None:
    addresses = {
        name: ((Family.IP, int(ip_address(own)), 24),)
        for name, own in (("eth0", "192.0.2.10"), ("eth1", "198.51.100.10"))
    }
    routes = tuple(Route(family=Family.IP, destination=to, interface="eth0") for to in ("192.0.2.0/24", "0.0.0.0/0"))
    host = HostNetwork(addresses=addresses, routes=routes, forwards={}, rp_filter={"": 0}, route_localnet={"": False})
    around = Surroundings(host=host)
    assert around.behind(Family.IP, "eth0")[0].is_all
    assert not around.behind(Family.IP, "eth1")[0]
