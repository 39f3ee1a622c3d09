"""Fixtures: a planted fleet of real hosts for the session, three of them with a real systemd."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.fleet import faults
from tests.lab.fleet.fleet import down, up
from tests.lab.fleet.host import Host, Series, all_hosts
from tests.lab.fleet.kind_roles import KIND_ROLES
from tests.lab.fleet.layers import can_overlay
from tests.lab.fleet.lock import holding
from tests.lab.fleet.places import Lab, lab_here
from tests.lab.fleet.roles import ROLES
from tests.lab.fleet.systemd_roles import SYSTEMD_ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Hosts that are up, and where their inventory, policy and keys are (``lab``)."""

    lab: Lab
    planted: tuple[Host, ...]
    """One host for each role, in the order of ``ROLES``; group ``fleet`` of the inventory."""
    with_systemd: tuple[Host, ...]
    """Hosts whose first process is systemd; group ``systemd`` of the inventory."""
    kinds: tuple[Host, ...]
    """Hosts of other kinds, in the order of ``KIND_ROLES``; group ``kinds`` of the inventory."""

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Every host of the inventory."""
        return (*self.planted, *self.with_systemd, *self.kinds)

    def host(self, role: str) -> Host:
        """Return the host with this role."""
        return next(host for host in self.hosts if host.state()["role"] == role)

    def truth(self, host: Host) -> dict[str, Any]:
        """Return what is true of a host; docs/lab.md explains each key."""
        truth: dict[str, Any] = host.state()["truth"]
        return truth


def _why_not() -> str:
    if os.geteuid():
        return "the lab needs root"
    missing = [tool for tool in ("ip", "unshare", "nsenter", "ssh-keygen", "openssl") if shutil.which(tool) is None]
    if missing:
        return f"the lab needs {', '.join(missing)} (tests/lab/debian-packages.txt)"
    if shutil.which("debootstrap") is None and not (lab_here().base / "usr/sbin/sshd").exists():
        return "the lab needs debootstrap (tests/lab/debian-packages.txt)"
    if not can_overlay():
        return "the lab needs a kernel with overlayfs"
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    return "the lab needs the right to make namespaces" if tried.returncode else ""


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Bring the planted fleet up for the session, and take it down so that nothing is left."""
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    lab = lab_here()
    can_boot = shutil.which("systemd-nspawn") is not None
    with holding(lab):
        if all_hosts(lab):
            down(lab)  # of a session that was killed, with its faults
        try:
            hosts = up(
                lab,
                len(ROLES),
                systemd=len(SYSTEMD_ROLES) if can_boot else 0,
                kinds=len(KIND_ROLES) if can_boot else 0,
            )
            planted, with_systemd, kinds = (tuple(host for host in hosts if host.series is series) for series in Series)
            yield Fleet(lab=lab, planted=planted, with_systemd=with_systemd, kinds=kinds)
        finally:
            down(lab)


@pytest.fixture(scope="session")
def systemd_hosts(fleet: Fleet) -> tuple[Host, ...]:
    """Return the hosts with a real systemd."""
    if not fleet.with_systemd:
        pytest.skip("hosts with systemd need systemd-nspawn (tests/lab/debian-packages.txt)")
    return fleet.with_systemd


@pytest.fixture(scope="session")
def other_kinds(fleet: Fleet) -> tuple[Host, ...]:
    """Return the hosts of other kinds."""
    if not fleet.kinds:
        pytest.skip("hosts of other kinds need systemd-nspawn (tests/lab/debian-packages.txt)")
    return fleet.kinds


Break = Callable[..., None]


@pytest.fixture
def break_host() -> Iterator[Break]:
    """Give a function that breaks a host, ``break_host(host, kind, argument="")``; all is healed afterwards."""
    broken: list[Host] = []

    def act(host: Host, kind: str, argument: str = "") -> None:
        broken.append(host)
        faults.break_host(host, kind, argument)

    yield act
    for host in broken:
        faults.heal(host)
