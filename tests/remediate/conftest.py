"""Fixtures: hosts with a real systemd to mend by plans."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.playbooks.lab import hosts
from tests.remediate.desks import Desk


@pytest.fixture(scope="session")
def tree() -> None:
    """Have the tree of the hosts, or say why there can be none."""
    reason = hosts.why_not()
    if reason:
        pytest.skip(reason)
    hosts.hold_tree()


@pytest.fixture
def empty_desk(tree: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:  # noqa: ARG001 — it has to be there
    """Give an operator's folder without hosts, and leave nothing of those that are brought up for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    # Whoever signs is another account than the one that plans.
    monkeypatch.setattr("auditor.cli.remediate_approve.operator_name", lambda: "grace")
    desk = Desk(tmp_path)
    try:
        yield desk
    finally:
        desk.stop()


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """Give a folder and one host, whose x11vnc asks nobody for anything, with a rule of nftables of its own."""
    host = empty_desk.more("desk")
    empty_desk.serve()
    host.run("nft add table inet site; nft add chain inet site in '{ type filter hook input priority 0; }'")
    host.run("nft add rule inet site in tcp dport 9 drop comment '\"of the site\"'")
    return empty_desk
