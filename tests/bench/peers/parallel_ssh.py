"""parallel-ssh: libssh2 under gevent. Host keys are not checked, for it cannot."""

from pathlib import Path

from tests.bench.peers.environments import python_of, version_in
from tests.bench.peers.peer import AT_ONCE, Order, Peer, seen_in_files
from tests.bench.spent import Command

_CLIENT = Path(__file__).parent / "clients" / "run_parallel_ssh.py"


def _command(order: Order) -> Command:
    words = [str(python_of("parallel-ssh")), "-I", str(_CLIENT), str(order.plain())]
    return Command(words=words, environment={"HOME": str(order.folder)}, folder=order.folder)


PEERS = (
    Peer(
        id="parallel-ssh",
        title=f"parallel-ssh, {AT_ONCE} at once",
        command=_command,
        seen=seen_in_files,
        version=lambda: version_in("parallel-ssh", "parallel-ssh"),
    ),
)
