"""asyncssh: one process, coroutines."""

from pathlib import Path

from tests.bench.peers.environments import python_of, version_in
from tests.bench.peers.peer import AT_ONCE, Order, Peer, seen_in_files
from tests.bench.spent import Command

_CLIENT = Path(__file__).parent / "clients" / "run_asyncssh.py"


def _command(order: Order) -> Command:
    words = [str(python_of("asyncssh")), "-I", str(_CLIENT), str(order.plain())]
    return Command(words=words, environment={"HOME": str(order.folder)}, folder=order.folder)


PEERS = (
    Peer(
        id="asyncssh",
        title=f"asyncssh, {AT_ONCE} at once",
        command=_command,
        seen=seen_in_files,
        version=lambda: version_in("asyncssh", "asyncssh"),
    ),
)
