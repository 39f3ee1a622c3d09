"""pyinfra: paramiko under gevent, each question a fact."""

import json
from pathlib import Path

from tests.bench.peers.environments import python_of, version_in
from tests.bench.peers.peer import AT_ONCE, Order, Peer, Seen, rules_in
from tests.bench.spent import Command

_CLIENT = Path(__file__).parent / "clients" / "run_pyinfra.py"


def _command(order: Order) -> Command:
    words = [str(python_of("pyinfra")), "-I", str(_CLIENT), str(order.plain())]
    return Command(words=words, environment={"HOME": str(order.folder)}, folder=order.folder)


def _seen(order: Order) -> dict[str, Seen]:
    answers = {file.name: json.loads(file.read_text()) for file in order.answers.iterdir()}
    return {
        name: Seen(
            packages=len(answer["packages"]),
            listeners=sum("users:(" in line for line in answer["listeners"].splitlines()),
            rules=rules_in(answer["ruleset"]),
        )
        for name, answer in answers.items()
    }


PEERS = (
    Peer(
        id="pyinfra",
        title=f"pyinfra, {AT_ONCE} at once",
        command=_command,
        seen=_seen,
        version=lambda: version_in("pyinfra", "pyinfra"),
    ),
)
