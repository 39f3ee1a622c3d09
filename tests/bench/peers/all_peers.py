"""Every peer, in the order of the page."""

from tests.bench.peers import ansible, asyncssh, auditor, parallel_ssh, pyinfra, xargs
from tests.bench.peers.peer import Peer

PEERS: tuple[Peer, ...] = tuple(
    peer for module in (auditor, asyncssh, parallel_ssh, pyinfra, xargs, ansible) for peer in module.PEERS
)
"""Ours first."""
