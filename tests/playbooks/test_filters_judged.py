"""What block_inbound.yml loads closes the port by the auditor's own judgement, so new evidence closes the finding."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.playbooks.table import PLAYBOOKS

_SPACE = "auditor-judged"
_TOOLS = ("ip", "nft", "iptables-restore", "ip6tables-restore")
_MISSING = [tool for tool in _TOOLS if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(os.geteuid() or _MISSING), reason="needs root, nft and iptables")

_CASES = [
    pytest.param("10.9.9.9", 5900, "drop", id="a-stranger"),
    pytest.param("10.1.2.3", 5900, "accept", id="from-the-network"),
    pytest.param("fd00::9", 5900, "drop", id="over-ip6"),
    pytest.param("10.9.9.9", 22, "accept", id="another-port"),
]
Inside = Callable[..., str]


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    """Give a function that runs a program in a network namespace of its own."""
    subprocess.run(["ip", "netns", "add", _SPACE], check=True)

    def run(*command: str, feed: str = "") -> str:
        words = ["ip", "netns", "exec", _SPACE, *command]
        return subprocess.run(words, input=feed, capture_output=True, text=True, check=True).stdout

    yield run
    subprocess.run(["ip", "netns", "del", _SPACE], check=True)


def _words(function: str) -> str:
    """Return what a function of the scripts prints for a block of port 5900 to all but 10.1.0.0/16."""
    names = ("opening", "filter_nftables", "filter_iptables")
    text = "\n".join((PLAYBOOKS / "scripts" / f"{name}.sh").read_text() for name in names)
    asked = "DIRECTION=in; ID=abc; PORTS=tcp/5900; NETWORKS=10.1.0.0/16; NOTE='auditor in abc 1'; BACKEND=iptables"
    lines = [text, asked, function]
    return subprocess.run(["sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module", params=["nftables", "iptables"])
def ruleset(request: pytest.FixtureRequest, inside: Inside) -> dict[str, str]:
    """Load the rules into the kernel, and return the listing as evidence has it."""
    inside("nft", "flush", "ruleset")
    if request.param == "nftables":
        inside("nft", "-f", "-", feed=_words("nft_text"))
        listed = inside("nft", "-j", "list", "ruleset")
        return {"format": "nft-json", "ruleset": listed, "ruleset_text": inside("nft", "list", "ruleset")}
    for family, program in (("4", "iptables"), ("6", "ip6tables")):
        lines = _words(f"ipt_lines {family} -I")
        inside(f"{program}-restore", feed=f"*filter\n{lines}COMMIT\n")
    saved = {"ruleset": inside("iptables-save"), "ip6tables": inside("ip6tables-save")}
    return {"format": "iptables-save", "backend": "nft", **saved}


@pytest.mark.parametrize(("source", "port", "verdict"), _CASES)
def test_the_block_is_seen_as_one(
    ruleset: dict[str, str],
    source: str,
    port: int,
    verdict: str,
) -> None:
    family = "ip6" if ":" in source else "ip"
    packet = {
        "direction": "in",
        "iface": "eth0",
        "family": family,
        "src": source,
        "dst": "fd00::5" if family == "ip6" else "10.0.0.5",
        "proto": "tcp",
        "sport": 40000,
        "dport": port,
        "tcp_flags": ["syn"],
    }
    host = {"addresses": {"lo": ["127.0.0.1/8"], "eth0": ["10.0.0.5/24", "fd00::5/64"]}}
    question = json.dumps({"id": 1, **ruleset, "host": host, "packet": packet})
    command = [sys.executable, "-m", "auditor.cli.main", "firewall", "eval"]
    environment = {**os.environ, "PYTHONPATH": str(PLAYBOOKS.parent)}
    done = subprocess.run(command, input=question, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["verdict"] == verdict
