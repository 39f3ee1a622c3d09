"""What may have happened is kept apart from what has: marks, translations, returns (`make firewall-mutants`)."""

import itertools
from functools import partial
from typing import Any

import pytest

from auditor.firewall import way
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.protocol import Answers, read_host, read_packet
from auditor.firewall.walk import BudgetError, Walk
from auditor.firewall.way import Program, Way
from tests.firewall.conftest import DPORT, HOST, SYN, SYN6, Ask, chain, listing, match, meta, payload, rule, table

LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}
SADDR, DADDR = payload("ip", "saddr"), payload("ip", "daddr")
MARK, CT_MARK, STATE, STATUS = meta("mark"), *({"ct": {"key": key}} for key in ("mark", "state", "status"))
OUT = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "9.9.9.9"}
OUT6 = {**SYN6, "direction": "out", "src": "2001:db8:1::10", "dst": "2a00::1"}
IN = chain("ip", "in", "input")
PRE = chain("ip", "nat", "prerouting", -100, type="nat")
ESTABLISHED = {**SYN, "ct_state": "established", "tcp_flags": ["ack"]}


def marks(value: int) -> Any:
    return {"mangle": {"key": MARK, "value": value}}


def jump(name: str = "c") -> Any:
    return {"jump": {"target": name}}


def one(*statements: Any, name: str = "in") -> Any:
    return rule("ip", name, *statements)


def c(*statements: Any) -> Any:
    return one(*statements, name="c")


C = chain("ip", "c")
MARKED = one(match(MARK, 1), "drop")
LATER = chain("ip", "later", "input", 10)
CLOSED_LATER = chain("ip", "later", "input", 10, policy="drop")


@pytest.mark.parametrize(
    ("objects", "packet", "verdict"),
    [
        pytest.param(
            (IN, LATER, one(LIMIT, "accept"), one(marks(1)), one(match(MARK, 1), "drop", name="later")), {}, "unknown",
            id="who-may-have-been-accepted-is-not-marked-for-certain",
        ),
        pytest.param(
            (IN, LATER, one(LIMIT, "drop"), one(marks(1)), one(match(MARK, 0), "drop", name="later")), {}, "unknown",
            id="who-may-have-been-dropped-may-have-been-dropped",
        ),
        pytest.param(
            (IN, C, one(jump()), MARKED, c(LIMIT, "return"), c(marks(1))), {}, "unknown",
            id="who-may-have-returned-is-not-marked",
        ),
        pytest.param(
            (IN, C, one(jump()), one(marks(1)), MARKED, c(LIMIT, "return")), {}, "drop",
            id="after-the-chain-all-are-one-again",
        ),
        pytest.param((IN, C, one(LIMIT, jump()), MARKED, c(marks(1))), {}, "unknown", id="nor-who-may-not-have-gone"),
        pytest.param(
            (IN, C, chain("ip", "d"), one(jump("d")), one(LIMIT, jump()), MARKED, c(marks(1)),
             one(LIMIT, "return", name="d")),
            {}, "unknown", id="whatever-may-have-returned-before",
        ),
        pytest.param((IN, C, one(LIMIT, jump()), c("drop")), {}, "unknown", id="nor-is-dropped-for-certain"),
        pytest.param((IN, C, one(LIMIT, jump()), one("drop"), c("accept")), {}, "unknown", id="nor-accepted"),
        pytest.param((IN, C, one(jump()), c("drop")), {}, "drop", id="who-has-gone-is"),
        pytest.param((IN, C, one(jump()), MARKED, c(marks(1))), {}, "drop", id="and-marked"),
        pytest.param((IN, one(LIMIT, marks(1)), MARKED), {}, "unknown", id="who-may-be-marked"),
        pytest.param((IN, one(LIMIT, marks(0)), one(match(MARK, 0), "drop")), {}, "drop", id="with-what-it-has-anyway"),
        pytest.param(
            (IN, CLOSED_LATER, C, one(jump()), one(jump(), name="later"), c(LIMIT, "accept")), {}, "unknown",
            id="a-chain-is-walked-again-for-another-base-chain",
        ),
        pytest.param(
            (IN, C, c(match(MARK, 0), marks(1)), one(jump()), one(marks(0)), one(jump()), MARKED), {}, "drop",
            id="and-when-it-changes-what-it-was-called-with",
        ),
        pytest.param(
            (IN, C, c(match(DPORT, 5901), "drop"), one(jump()), one({"mangle": {"key": DPORT, "value": 22}}),
                one(jump())),
            {}, "unknown", id="and-after-a-port-was-rewritten",
        ),
        pytest.param(
            (IN, one(match(SADDR, "9.9.9.9"), {"mangle": {"key": CT_MARK, "value": 1}}),
             one({"vmap": {"key": CT_MARK, "data": {"set": [[1, {"drop": None}]]}}})),
            ESTABLISHED, "unknown", id="a-map-of-a-mark-that-is-not-known",
        ),
        pytest.param(
            (IN, one({"mangle": {"key": CT_MARK, "value": 1}}), one(match(CT_MARK, 1), "drop")), {}, "drop",
            id="a-mark-of-a-connection-is-set",
        ),
        pytest.param(
            (IN, one({"mangle": {"key": CT_MARK, "value": MARK}}), one(match(CT_MARK, 0), "drop")),
            {"ct_state": "invalid"}, "accept", id="where-there-is-one",
        ),
        pytest.param(
            (IN, one(match(CT_MARK, {"set": [1, 2]}, "!="), "drop")), {"ct_state": "invalid"}, "accept",
            id="without-one-no-comparison-holds",
        ),
        pytest.param(
            (IN, one(match(SADDR, "9.9.9.9"), {"mangle": {"key": CT_MARK, "value": 1}}),
             one(match(CT_MARK, {"set": [1, 2]}), "drop")),
            ESTABLISHED, "unknown", id="of-one-that-is-not-known-it-may",
        ),
        pytest.param(
            (IN, one(match(SADDR, "9.9.9.9"), {"mangle": {"key": CT_MARK, "value": 1}}),
             one(match({"concat": [CT_MARK, DPORT]}, {"set": [{"concat": [1, 22]}]}), "drop")),
            ESTABLISHED, "accept", id="unless-the-rest-of-it-does-not",
        ),
        pytest.param(
            (IN, one(match(SADDR, "9.9.9.9"), {"mangle": {"key": CT_MARK, "value": 1}}),
             one(match({"concat": [CT_MARK, DPORT]}, {"set": [{"concat": [1, 5900]}]}), "drop")),
            ESTABLISHED, "unknown", id="or-it-does",
        ),
        pytest.param((IN, one({"new": 1}), one(marks(1)), CLOSED_LATER, one(match(MARK, 1), "accept",
            name="later")), {},
                     "unknown", id="what-is-not-understood-may-go-on"),
        pytest.param((IN, one(match({"&": [DPORT, 1]}, 1), "drop")), {"dport": 5901}, "drop", id="an-odd-port"),
    ],
)  # fmt: skip
def test_certain_and_possible(ask: Ask, objects: Any, packet: Any, verdict: str) -> None:
    asked = {**SYN, **packet}
    answer = ask(listing(table("ip"), *objects), asked)
    assert answer["verdict"] == verdict
    found = ask(listing(table("ip"), *objects), asked, query="sources")
    assert bool(found["unknown"]) is (verdict == "unknown")
    assert bool(found["allowed"]) is (verdict == "accept")


def test_bits_of_a_port_are_no_interval(ask: Ask) -> None:
    ruleset = listing(table("ip"), IN, one(match({"&": [DPORT, 1]}, 1), "drop"), one(match(DPORT, 22), "drop"))
    said = [ask(ruleset, {**SYN, "dport": port}, ruleset_id="same")["verdict"] for port in (5900, 5901, 5902, 22, 21)]
    assert said == ["accept", "drop", "accept", "drop", "drop"]


# ---- tables that may be asleep

ASLEEP = {"table": {"family": "ip", "name": "s", "handle": 1, "flags": "garbled"}}


def test_what_a_table_that_may_be_asleep_writes_is_not_certain(ask: Ask) -> None:
    """Nft 1.0.6 garbles the flag in its JSON, and formats that have no text beside it cannot tell."""
    moves = rule("ip", "nat", {"dnat": {"addr": "10.20.0.5"}}, table_name="s")
    early = chain("ip", "early", "prerouting", -300, table="s")
    for objects in (
        (chain("ip", "nat", "prerouting", -100, type="nat", table="s"), moves,
         table("ip"), IN, one(match(STATE, "new", "in"), match(DADDR, "192.0.2.10"), "drop")),
        (early, rule("ip", "early", marks(1), table_name="s"), table("ip"), IN, MARKED),
        (chain("ip", "in", "input", policy="drop", table="s"),),
    ):  # fmt: skip
        assert ask(listing(ASLEEP, *objects))["verdict"] == "unknown"


# ---- translations

NAT_OUT = chain("ip", "nat", "output", -100, type="nat")
POST = chain("ip", "post", "postrouting", 0)


def nat(*statements: Any) -> Any:
    return one(*statements, name="nat")


def post(*statements: Any) -> Any:
    return one(*statements, name="post")


@pytest.mark.parametrize(
    ("objects", "packet", "verdict"),
    [
        pytest.param((NAT_OUT, nat({"redirect": None}), POST, post(match(DADDR, "127.0.0.1"), "drop")), OUT, "drop",
            id="to-loopback"),
        pytest.param((NAT_OUT, nat({"redirect": None}), POST, post(match(DADDR, "127.0.0.2"), "drop")), OUT,
            "accept", id="to-its-first-address"),
        pytest.param((NAT_OUT, nat({"redirect": None}), POST, post(match(meta("oifname"), "lo"), "drop")), OUT,
            "drop", id="by-loopback"),
        pytest.param((NAT_OUT, nat({"dnat": {"addr": "192.0.2.77"}}), POST, post(match(meta("oifname"), "lo"),
            "drop")), OUT, "accept", id="elsewhere-not"),
        pytest.param((NAT_OUT, nat({"dnat": {"addr": "192.0.2.77"}}), POST, post(match(meta("oifname"), "eth0"),
            "drop")), OUT, "drop", id="elsewhere-by-its-way"),
        pytest.param((NAT_OUT, nat({"dnat": {"addr": "10.20.0.5"}}), POST, post(match(meta("oifname"), "lo"),
            "drop")), OUT, "drop", id="to-an-own-address"),
        pytest.param((NAT_OUT, nat({"dnat": {"port": 22}}), POST, post(match(meta("oifname"), "eth0"), "drop")),
            OUT, "drop", id="to-a-port-only"),
        pytest.param((NAT_OUT, nat(LIMIT, {"redirect": None}), POST, post(match(meta("oifname"), "lo"), "drop")),
            OUT, "unknown", id="or-not"),
        pytest.param((PRE, nat({"dnat": {"addr": "10.20.0.5"}}), IN, one(match(STATUS, "dnat", "in"), "drop")), SYN,
            "drop", id="it-is-known-to-be-translated"),
        pytest.param((PRE, nat({"dnat": {"addr": "10.20.0.5"}}), IN, one(match(meta("oifname"), "lo"), "drop")),
            SYN, "accept", id="it-leaves-by-nothing"),
        pytest.param((PRE, nat({"dnat": {"addr": "10.20.0.5"}}), IN, one(match(meta("oifname"), "", "!="), "drop")),
            SYN, "accept", id="by-nothing-at-all"),
        pytest.param((PRE, nat(LIMIT, {"dnat": {"addr": "10.20.0.5"}}), IN, one(match(meta("oifname"), "eth1"),
            "drop")), SYN, "accept", id="what-comes-in-is-delivered-either-way"),
        pytest.param((PRE, nat({"redirect": None}), IN, one(match(DADDR, "192.0.2.10"), "drop"), one(match(STATE,
            "new", "in"), "accept")),
                     {**SYN, "iface": "eth9"}, "unknown", id="to-an-interface-without-addresses"),
        pytest.param(
            (chain("ip", "nat", "postrouting", 100, type="nat"), nat(LIMIT, {"snat": {"addr": "198.51.100.1"}}),
             chain("ip", "post", "postrouting", 300), post(match(SADDR, "198.51.100.1"), "drop")),
            OUT, "unknown", id="the-source-or-not",
        ),
        pytest.param(
            (chain("ip", "early", "prerouting", -300), one(LIMIT, "notrack", name="early"), PRE,
             nat({"dnat": {"addr": "10.20.0.5"}}), IN, one(match(DADDR, "10.20.0.5"), "drop")),
            SYN, "unknown", id="who-may-not-be-tracked-may-not-be-translated",
        ),
        pytest.param(
            (chain("ip", "early", "prerouting", -300), one(LIMIT, "notrack", name="early"), IN,
             one(match(STATE, "new", "in"), "drop")),
            SYN, "unknown", id="nor-be-new",
        ),
    ],
)  # fmt: skip
def test_translations(ask: Ask, objects: Any, packet: Any, verdict: str) -> None:
    assert ask(listing(table("ip"), *objects), packet)["verdict"] == verdict
    found = ask(listing(table("ip"), *objects), packet, query="sources")
    assert bool(found["allowed"]) is (verdict == "accept")
    assert bool(found["unknown"]) is (verdict == "unknown")


def test_a_redirect_of_ipv6_is_to_its_loopback_address(ask: Ask) -> None:
    for address, verdict in (("::1", "drop"), ("::2", "accept")):
        ruleset = listing(
            table("ip6"),
            chain("ip6", "nat", "output", -100, type="nat"),
            rule("ip6", "nat", {"redirect": None}),
            chain("ip6", "post", "postrouting", 0),
            rule("ip6", "post", match(payload("ip6", "daddr"), address), "drop"),
        )
        assert ask(ruleset, OUT6)["verdict"] == verdict


# ---- what a connection is


@pytest.mark.parametrize(
    ("status", "packet", "verdict"),
    [
        ("expected", SYN, "accept"),
        ("expected", ESTABLISHED, "accept"),
        ("expected", {**SYN, "ct_state": "related"}, "unknown"),
        ("expected", {**ESTABLISHED, "ct_status": ["assured"]}, "accept"),
        ("expected", {**SYN, "proto": "udp", "ct_state": "established"}, "accept"),
        ("expected", {**SYN, "proto": "icmp", "icmp_type": 0, "icmp_code": 0, "ct_state": "established"}, "accept"),
        ("expected", {**SYN, "proto": "icmp", "icmp_type": 3, "icmp_code": 3, "ct_state": "related"}, "accept"),
        (["expected", "assured"], {**SYN, "proto": "udp", "ct_state": "established"}, "unknown"),
        (["confirmed", "assured"], {**SYN, "proto": "udp", "ct_state": "established"}, "drop"),
        ("assured", {**SYN, "proto": "ah", "ct_state": "established"}, "accept"),
        ("assured", {**SYN, "proto": "esp", "ct_state": "established"}, "accept"),
        ("assured", {**SYN, "proto": "gre", "ct_state": "established"}, "unknown"),
        ("assured", {**ESTABLISHED, "tcp_flags": None}, "unknown"),
    ],
)
def test_bits_of_its_status(ask: Ask, status: Any, packet: Any, verdict: str) -> None:
    assert ask(listing(table("ip"), IN, one(match(STATUS, status, "in"), "drop")), packet)["verdict"] == verdict


def test_without_flags_it_is_not_known_whether_a_segment_is_new(ask: Ask) -> None:
    packet = {key: value for key, value in SYN.items() if key != "tcp_flags"}
    assert ask(listing(table("ip"), IN, one(match(STATE, "new", "in"), "drop")), packet)["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        ({"icmp_type": 3}, "unknown"),
        ({"icmp_type": 0, "icmp_code": 0}, "drop"),
        ({"icmp_type": 1, "icmp_code": 0}, "accept"),
    ],
)
def test_a_set_asks_for_the_type_and_code_of_icmp(ask: Ask, packet: Any, verdict: str) -> None:
    saved = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set s src,src -j DROP\nCOMMIT\n"
    sets = "create s hash:ip,port family inet\nadd s 203.0.113.7,icmp:echo-reply\n"
    assert ask(saved, {**SYN, "proto": "icmp", **packet}, form="iptables-save", ipset=sets)["verdict"] == verdict


def test_the_type_of_a_packet_is_that_of_its_destination(ask: Ask) -> None:
    for kind, destination in (("multicast", "224.0.0.251"), ("broadcast", "192.0.2.255"), ("host", "192.0.2.10")):
        for asked in ("multicast", "broadcast", "host", "other"):
            ruleset = listing(table("ip"), IN, one(match(meta("pkttype"), asked), "drop"))
            said = ask(ruleset, {**SYN, "proto": "udp", "dst": destination})["verdict"]
            assert (said == "drop") is (asked == kind), (kind, asked)


def test_a_user_of_tracking_in_a_chain_that_is_called_switches_it_on(ask: Ask) -> None:
    filters = (table("ip"), PRE, nat("drop"), IN, C, chain("ip", "d"), one({"goto": {"target": "c"}}), c(jump("d")))
    asks = one(match(STATE, "new", "in"), "accept", name="d")
    assert [ask(listing(*filters, *more))["verdict"] for more in ((), (asks,))] == ["unknown", "drop"]


def test_whether_a_packet_is_sent_on_may_not_be_known(ask: Ask) -> None:
    host = {"addresses": HOST["addresses"], "sysctl": HOST["sysctl"]}
    packet = {**SYN, "dst": "10.20.0.77"}
    answer = ask(listing(table("ip"), IN), packet, host=host)
    assert (answer["verdict"], answer["rule"]) == ("unknown", "whether IPv4 is forwarded is not known")


# ---- what is said


def test_what_decided_is_named_and_not_what_could_not_be_read(ask: Ask) -> None:
    answer = ask(listing(table("ip"), IN, one(LIMIT, "drop"), one("drop")))
    assert (answer["verdict"], answer["rule"]) == ("drop", "ip t in: drop")


def test_of_what_could_not_be_read_three_rules_are_named(ask: Ask) -> None:
    limits = [one(match(DPORT, 5900), match(meta("length"), number, ">"), LIMIT, "drop") for number in range(1, 6)]
    answer = ask(listing(table("ip"), IN, *limits))
    assert (answer["verdict"], answer["rule"].count(";")) == ("unknown", 2)


def test_a_rule_that_lets_it_in_says_more_than_a_translation(ask: Ask) -> None:
    objects = (table("ip"), PRE, nat({"redirect": {"port": 22}}), IN, one(match(STATE, "new", "in")))
    assert ask(listing(*objects))["rule"] == "ip t nat: redirect to :22"
    assert ask(listing(*objects, one(match(DPORT, 22), "accept")))["rule"] == "ip t in: tcp dport 22 accept"


# ---- bounds


def _way(*objects: Any) -> Way:
    program = Program(read_nft(listing(table("ip"), *objects)), read_host(HOST))
    return Way(program=program, packet=read_packet(SYN, wants_sources=False))


def test_a_packet_may_meet_so_many_rules() -> None:
    objects = (IN, C, one(jump()), *(c(match(SADDR, f"9.9.9.{number}"), "drop") for number in range(3)))
    for budget, is_enough in ((6, True), (5, False)):  # two chains and their rules
        walked = _way(*objects)
        walked.walk.budget = budget
        if is_enough:
            walked.go()
        else:
            with pytest.raises(BudgetError):
                walked.go()


def test_a_packet_that_meets_more_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way, "Walk", partial(Walk, budget=0))
    outcome = _way(IN).program.evaluate(read_packet(SYN, wants_sources=False))
    assert outcome.verdict is None
    assert {ending.verb.value for ending in outcome.endings} == {"drop", "accept"}
    assert "more steps" in outcome.rule


def _nested(depth: int, *before: Any) -> str:
    """Write chains inside of each other, the last of which drops, and what stands before the first call."""
    inner = [chain("ip", f"c{number}") for number in range(1, depth)]
    names = ["in", *(f"c{number}" for number in range(1, depth))]
    calls = [one(jump(after), name=before) for before, after in itertools.pairwise(names)]
    return listing(table("ip"), IN, *before, *inner, *calls, one("drop", name=names[-1]))


def test_chains_may_be_so_deep() -> None:
    for depth, expected in ((128, "drop"), (129, "unknown")):
        falls, ends = (C, one(jump())), (C, c("drop"), one(match(SADDR, "203.0.113.7"), LIMIT, jump()))
        for before in ((), falls, ends):
            program = Program(read_nft(_nested(depth, *before)), read_host(HOST))
            verdict = program.evaluate(read_packet(SYN, wants_sources=False)).verdict
            assert (verdict or "unknown") == expected
        for before in ((), (C, one(jump()))):
            question = {"format": "nft-json", "ruleset": _nested(depth, *before), "host": HOST, "packet": SYN}
            assert Answers().answer(question)["verdict"] == expected
            found = Answers().answer({**question, "query": "sources"})
            assert bool(found["unknown"]) is (expected == "unknown")
            assert found["allowed"] == ()


def test_chains_one_after_the_other_are_not_deep(ask: Ask) -> None:
    calls = [one(match(meta("length"), number, ">"), jump(f"c{number % 2}")) for number in range(300)]
    inner = [chain("ip", "c0"), chain("ip", "c1"), one(match(SADDR, "9.9.9.9"), marks(1), "return", name="c0"),
             one(match(SADDR, "9.9.9.9"), marks(1), name="c0"), one(match(SADDR, "9.9.9.9"), "drop",
                 name="c1")]  # fmt: skip
    many = [chain("ip", f"d{number}") for number in range(300)]
    more = [one(jump(f"d{number}")) for number in range(300)]
    ruleset = listing(table("ip"), IN, *inner, *many, *calls, *more)
    assert ask(ruleset, {**SYN, "length": 1000})["verdict"] == "accept"
    packet = read_packet({**SYN, "length": 1000}, wants_sources=False)
    assert Program(read_nft(ruleset), read_host(HOST)).evaluate(packet).verdict == "accept"
    assert ask(ruleset, {**SYN, "length": 1000}, query="sources")["unknown"] == ()


def test_a_chain_that_ended_a_packet_is_left() -> None:
    calls = [one(match(SADDR, "203.0.113.7"), LIMIT, jump()) for _ in range(200)]
    walked = _way(chain("ip", "in", "input", policy="drop"), C, c("drop"), *calls)
    assert walked.program.evaluate(walked.packet).verdict == "drop"


@pytest.mark.parametrize(
    ("objects", "packet"),
    [
        pytest.param((table("netdev"), chain("netdev", "c", "ingress", policy="drop", dev="eth0")), {}, id="ingress"),
        pytest.param((table("ip"), chain("ip", "c", "prerouting", policy="drop")), {}, id="before-routing"),
        pytest.param((), {"src": "127.0.0.1"}, id="routing"),
        pytest.param((), {"dst": "10.20.0.77"}, id="it-is-not-sent-on"),
        pytest.param((table("ip"), chain("ip", "c", "input", policy="drop")), {}, id="input"),
    ],
)
def test_where_a_packet_ends_nothing_follows(objects: Any, packet: Any) -> None:
    """The walk of one packet tells it by itself: the sources need not be followed apart."""
    program = Program(read_nft(listing(*objects)), read_host(HOST))
    outcome = program.evaluate(read_packet({**SYN, **packet}, wants_sources=False))
    assert (outcome.verdict, len(outcome.endings)) == ("drop", 1)
