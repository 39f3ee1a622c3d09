"""What the harness sees is what the kernel did: rulesets so small that nobody can be wrong about them."""

from collections.abc import Iterator

import pytest

from tests.firewall.kernel.frames import Packet
from tests.firewall.kernel.kernel import Kernel
from tests.firewall.kernel.script import Part, Script
from tests.firewall.kernel.spaces import NotHereError

SYN: Packet = {
    "direction": "in", "iface": "eth0", "family": "ip", "src": "9.9.9.9", "dst": "192.0.2.10",
    "proto": "tcp", "sport": 4000, "dport": 5900, "tcp_flags": ["syn"],
}  # fmt: skip
SYN6 = {**SYN, "family": "ip6", "src": "2a00::1", "dst": "2001:db8:1::10"}
OUT = {**SYN, "direction": "out", "src": "192.0.2.10", "dst": "8.8.8.8"}
INSIDE = {**SYN, "iface": "lo", "src": "127.0.0.1", "dst": "127.0.0.1"}
UDP = {name: value for name, value in SYN.items() if name != "tcp_flags"} | {"proto": "udp"}
ESTABLISHED = {**SYN, "tcp_flags": ["ack"], "ct_state": "established", "ct_direction": "reply"}
RELATED = {
    "direction": "in", "iface": "eth0", "family": "ip", "src": "9.9.9.9", "dst": "192.0.2.10",
    "proto": "icmp", "icmp_type": 3, "icmp_code": 1,
    "related_to": {"src": "192.0.2.10", "dst": "9.9.9.9", "proto": "udp", "sport": 5000, "dport": 53},
}  # fmt: skip
INPUT = ("add table inet t", "add chain inet t i { type filter hook input priority 0; policy drop; }")


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    try:
        made = Kernel()
    except NotHereError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def _nft(*rules: str, ip_forward: bool = False) -> Script:
    return Script(form="nft-json", parts={"nft": rules}, ip_forward=ip_forward)


@pytest.mark.parametrize(
    ("script", "packet", "verdict"),
    [
        pytest.param(_nft(), SYN, "accept", id="no-ruleset"),
        pytest.param(_nft(*INPUT), SYN, "drop", id="policy-drop"),
        pytest.param(_nft(*INPUT), SYN6, "drop", id="policy-drop-ipv6"),
        pytest.param(_nft(*INPUT), OUT, "accept", id="input-says-nothing-of-output"),
        pytest.param(_nft(*INPUT, 'add rule inet t i iifname "lo" accept'), INSIDE, "accept", id="loopback"),
        pytest.param(_nft(*INPUT, "add rule inet t i tcp dport 5900 reject with tcp reset"), SYN, "reject", id="reset"),
        pytest.param(_nft(*INPUT, "add rule inet t i reject"), UDP, "reject", id="port-unreachable"),
        pytest.param(_nft(*INPUT, "add rule inet t i reject"), SYN6, "reject", id="port-unreachable-ipv6"),
        pytest.param(
            _nft(*INPUT, "add rule inet t i ct state established accept"), ESTABLISHED, "accept", id="known-connection"
        ),
        pytest.param(_nft(*INPUT, "add rule inet t i ct state established accept"), SYN, "drop", id="new-connection"),
        pytest.param(_nft(*INPUT, "add rule inet t i ct state related accept"), RELATED, "accept", id="related-error"),
        pytest.param(_nft(*INPUT), {**SYN, "dst": "172.17.0.2"}, "drop", id="does-not-forward"),
        pytest.param(_nft(*INPUT, ip_forward=True), {**SYN, "dst": "172.17.0.2"}, "accept", id="forwards"),
        pytest.param(
            _nft(
                "add table inet t",
                "add chain inet t o { type filter hook output priority 0; }",
                "add rule inet t o tcp dport 5900 reject",
            ),
            OUT,
            "reject",
            id="refused-on-the-way-out",
        ),
    ],
)
def test_what_became_of_a_packet_is_seen(kernel: Kernel, script: Script, packet: Packet, verdict: str) -> None:
    kernel.load(script)
    assert kernel.label([packet])[0]["verdict"] == verdict


@pytest.mark.parametrize("backend", ["legacy", "nft"])
@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_both_iptables_backends_are_loaded_and_cleared(kernel: Kernel, backend: str, family: Part) -> None:
    lines = ("*filter", ":INPUT DROP [0:0]", "-A INPUT -p tcp --dport 22 -j ACCEPT", "COMMIT")
    script = Script(form="iptables-save", parts={family: lines}, backend="nft" if backend == "nft" else "legacy")
    loaded = kernel.load(script)
    packets = [SYN, {**SYN, "dport": 22}] if family == "ip" else [SYN6, {**SYN6, "dport": 22}]
    assert [label["verdict"] for label in kernel.label(packets)] == ["drop", "accept"]
    assert "--dport 22 -j ACCEPT" in loaded.fields["ruleset" if family == "ip" else "ip6tables"]
    kernel.load(_nft())
    assert [label["verdict"] for label in kernel.label(packets)] == ["accept", "accept"]


def test_lines_that_this_kernel_refuses_are_left_out_and_counted(kernel: Kernel) -> None:
    before = sum(kernel.left_out.values())
    loaded = kernel.load(_nft(*INPUT, "add rule inet t i no such words", "add rule inet t i tcp dport 5900 accept"))
    assert kernel.label([SYN])[0]["verdict"] == "accept"
    assert sum(kernel.left_out.values()) == before + 1
    assert "no such words" not in loaded.script.text()


def test_a_rule_that_iptables_legacy_refuses_is_found_though_it_names_the_commit_only(kernel: Kernel) -> None:
    rules = ("-A INPUT -j X", "-A X -m owner --uid-owner 0 -j DROP", "-A INPUT -p tcp -j ACCEPT")
    loaded = kernel.load(
        Script(form="iptables-save", parts={"ip": ("*filter", ":INPUT DROP [0:0]", ":X - [0:0]", *rules, "COMMIT")})
    )
    assert loaded.script.parts["ip"] == ("*filter", ":INPUT DROP [0:0]", ":X - [0:0]", rules[0], rules[2], "COMMIT")
    assert kernel.label([SYN])[0]["verdict"] == "accept"
