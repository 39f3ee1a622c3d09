"""ansible-core, as it comes and tuned: package_facts, listen_ports_facts, and the ruleset by `command`."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.bench.peers.environments import cache, community_general, python_of, version_in
from tests.bench.peers.peer import AT_ONCE, Order, Peer, Seen, rules_in
from tests.bench.spent import Command

_PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - package_facts:
    - community.general.listen_ports_facts:
    - command: nft -j list ruleset
"""
# Not tuned but needed: where its collection is, and a callback that prints what came, from which it is checked.
_SETTINGS = {
    "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
    "ANSIBLE_STDOUT_CALLBACK": "minimal",
    "ANSIBLE_NOCOLOR": "true",
}
_TUNED = {"ANSIBLE_FORKS": str(AT_ONCE), "ANSIBLE_PIPELINING": "true"}
_SEPARATORS = (" | SUCCESS => ", " | CHANGED => ", " | CHANGED | rc=0 >>")


def _command(order: Order, tuning: Mapping[str, str]) -> Command:
    playbook = python_of("ansible").with_name("ansible-playbook")
    (order.folder / "play.yml").write_text(_PLAY)
    settings = {
        "HOME": str(order.folder),  # control sockets lie in it: each run connects anew
        "ANSIBLE_COLLECTIONS_PATH": str(community_general(cache() / "collections")),
        **_SETTINGS,
        **tuning,
    }
    words = [str(playbook), "-i", str(order.ansible()), str(order.folder / "play.yml")]
    return Command(words=words, environment=settings, folder=order.folder)


def _seen(order: Order) -> dict[str, Seen]:
    """Read what the callback printed: facts as JSON, the ruleset as text, each behind a line that names its host."""
    text = (order.folder / "stdout").read_text(errors="replace")
    facts: dict[str, dict[str, Any]] = defaultdict(dict)
    rules: dict[str, int] = defaultdict(int)
    lines = iter(text.splitlines())
    for line in lines:
        separator = next((one for one in _SEPARATORS if one in line), None)
        if separator is None:
            continue
        name, _, rest = line.partition(separator)
        if separator.endswith(">>"):
            rules[name] = rules_in(next(lines, ""))
        elif rest == "{":
            body = ["{"]
            while body[-1] != "}":
                body.append(next(lines))
            facts[name] |= json.loads("\n".join(body)).get("ansible_facts", {})
    return {
        name: Seen(
            packages=len(known.get("packages", {})),
            listeners=sum(bool(one.get("pid")) for one in [*known.get("tcp_listen", []), *known.get("udp_listen", [])]),
            rules=rules[name],
        )
        for name, known in facts.items()
    }


def _version() -> str:
    return version_in("ansible", "ansible-core")


PEERS = (
    Peer(
        id="ansible-tuned",
        title=f"ansible-core, {AT_ONCE} forks and pipelining",
        command=lambda order: _command(order, _TUNED),
        seen=_seen,
        version=_version,
    ),
    Peer(
        id="ansible-default",
        title="ansible-core as it comes",
        command=lambda order: _command(order, {}),
        seen=_seen,
        version=_version,
    ),
)
