"""The scope of a run: which hosts it is about, fixed, counted and hashed at its start."""

import hashlib
import socket
from collections.abc import Sequence

from auditor.errors import UsageError
from auditor.inventory.patterns import select
from auditor.model.host import ConnectionKind, Host, Scope


def fix_scope(hosts: Sequence[Host], patterns: Sequence[str], limit: str | None, source: str) -> Scope:
    """Return the hosts that the patterns mean, narrowed down by the limit; UsageError when none is left.

    A host that the patterns leave out is not brought back by the limit. Its digest is taken
    over the names sorted by code point, each followed by a line feed.
    """
    chosen = select(hosts, patterns)
    if limit is not None:
        wanted = {host.name for host in select(hosts, [limit])}
        chosen = tuple(host for host in chosen if host.name in wanted)
    if not chosen:
        said = " ".join([*patterns, *([] if limit is None else [f"--limit {limit}"])])
        raise UsageError(f"no host of {source} is left by {said!r}: nothing would be audited")
    ordered = tuple(sorted({host.name: host for host in chosen}.values(), key=lambda host: host.name))
    return Scope(hosts=ordered, source=source, sha256=scope_digest([host.name for host in ordered]))


def scope_digest(names: Sequence[str]) -> str:
    """Return the digest of sorted host names."""
    return hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest()


def local_host() -> Host:
    """Return this machine, under its own name, reached without a network."""
    return Host(name=socket.gethostname(), address="localhost", connection=ConnectionKind.LOCAL)
