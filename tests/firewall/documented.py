"""What vectors that were written from documents have in common: the packet they ask about, and what is asserted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.firewall.dialects.dialect import Dialect
from auditor.model.evidence import Proof

ELSEWHERE = {"ip": "203.0.113.9", "ip6": "2001:db8:9::1"}
"""Who asks from outside, where a case does not say."""


def packet_of(case: Mapping[str, Any], *, interface: str, here: Mapping[str, str]) -> dict[str, Any]:
    """Return the packet of a case, with what it leaves out: TCP to or from the host's own address by its family."""
    asked = case.get("packet") or case.get("sources") or {}
    packet = {"direction": "in", "iface": interface, "proto": "tcp", **asked}
    packet.setdefault("family", "ip6" if ":" in str(packet.get("src", packet.get("dst", ""))) else "ip")
    ends = (ELSEWHERE, here) if packet["direction"] == "in" else (here, ELSEWHERE)
    packet.setdefault("src", ends[0][packet["family"]])
    packet.setdefault("dst", ends[1][packet["family"]])
    if packet["proto"] in ("tcp", "udp"):
        packet.setdefault("sport", 50_000)
    if packet["proto"] == "tcp":
        packet.setdefault("tcp_flags", "syn")
    return packet


def assert_answered(case: Mapping[str, Any], answer: Mapping[str, Any], verdict: str | None = None) -> None:
    """Assert that an answer is what a case expects; ``verdict`` where its own word says less."""
    assert "error" not in answer, answer
    if "sources" in case:
        assert [list(answer[name]) for name in ("allowed", "unknown")] == [case["allowed"], case["unknown"]]
    else:
        assert (verdict or answer["verdict"]) == case["expect"], answer["rule"]
        assert case.get("rule", "") in answer["rule"]


def assert_sourced(cases: Sequence[Mapping[str, Any]], dialect: Dialect, *, least: int, because: int = 20) -> None:
    """Assert that there are so many cases, that each says where it comes from, and that none stands there twice."""
    assert len(cases) >= least
    assert {case["proof"] for case in cases} == {"documented"}
    assert [case["id"] for case in cases if len(case["because"]) < because] == []
    assert max(Counter(case["id"] for case in cases).values()) == 1
    assert dialect.proof is Proof.DOCUMENTED
