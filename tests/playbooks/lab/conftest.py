"""Fixtures: hosts with a real systemd, each new for the test that asks for it."""

from collections.abc import Callable, Iterator

import pytest

from tests.playbooks.lab import hosts
from tests.playbooks.lab.hosts import Host
from tests.playbooks.plays import Played, play

Run = Callable[..., Played]


@pytest.fixture(scope="session")
def tree() -> None:
    """Have the tree of the hosts, or say why there can be none."""
    reason = hosts.why_not()
    if reason:
        pytest.skip(reason)
    hosts.hold_tree()


@pytest.fixture
def host(tree: None) -> Iterator[Host]:  # noqa: ARG001 - it has to be there
    """Bring a new host up, and leave nothing of it."""
    up = Host(hosts.FIRST)
    try:
        yield up
    finally:
        up.stop()


@pytest.fixture
def run(host: Host) -> Run:
    """Give a function that runs a playbook on the host and expects a status: ``run(name, values, check=False)``."""

    def act(name: str, values: dict[str, object], *, check: bool = False, status: str = "successful") -> Played:
        played = play(name, host.inventory(), values, check=check)
        assert played.status == status, played.said
        return played

    return act
