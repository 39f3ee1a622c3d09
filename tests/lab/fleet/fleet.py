"""Bringing a fleet up and taking it down, so that nothing is left on this machine."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from tests.lab.fleet import delays, faults
from tests.lab.fleet.allowed import exceptions_text, policy_text
from tests.lab.fleet.background import PROFILES, Archive, make_background
from tests.lab.fleet.host import Host, Series, all_hosts
from tests.lab.fleet.kind_roles import KIND_ROLES
from tests.lab.fleet.layers import SUITE, digest, need_base, need_bases, need_layers
from tests.lab.fleet.lists import write_lists
from tests.lab.fleet.lock import claim, release
from tests.lab.fleet.make import layers_of, make
from tests.lab.fleet.places import (
    BRIDGE,
    BRIDGE_ADDRESS,
    BRIDGE_ADDRESS_6,
    LINK_PREFIX,
    NETWORK_BITS,
    NETWORK_BITS_6,
    Lab,
    LabError,
)
from tests.lab.fleet.plan import Boot, Role
from tests.lab.fleet.roles import ROLES
from tests.lab.fleet.shell import attempt, sh, write
from tests.lab.fleet.systemd_roles import SYSTEMD_ROLES

_T = TypeVar("_T")
_ORDINARY = Role(id="ordinary", says="Nothing planted; the profile's own packet filter.", filter="profile")
_INITS_AT_ONCE = 3
_BOOT_SECONDS = 20
# Neighbours the kernel keeps by default are fewer than a big fleet has.
_NEIGHBOURS = (("gc_thresh1", 4096), ("gc_thresh2", 8192), ("gc_thresh3", 16384))


def each(hosts: list[Host], act: Callable[[Host], _T], workers: int = 8) -> list[_T]:
    """Do something with every host, several at a time; the first error is raised when all were tried."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(act, hosts))


def role_of(host: Host, *, is_planted: bool) -> Role:
    """Return what a host with this number is planted with."""
    if host.series is Series.SYSTEMD:
        return SYSTEMD_ROLES[host.number - 1]
    if host.series is Series.KINDS:
        return KIND_ROLES[host.number - 1]
    return ROLES[host.number - 1] if is_planted and host.number <= len(ROLES) else _ORDINARY


def up(
    lab: Lab,
    count: int,
    *,
    profile: str = "server",
    seed: str = "1",
    is_planted: bool = True,
    systemd: int = 0,
    kinds: int = 0,
) -> list[Host]:
    """Make and boot exactly these hosts, removing others; return them when every one answers.

    Raises LabError when a host does not boot or does not answer.
    """
    if not 0 <= systemd <= len(SYSTEMD_ROLES):
        raise LabError(f"there are {len(SYSTEMD_ROLES)} hosts with systemd at the most, not {systemd}")
    if not 0 <= kinds <= len(KIND_ROLES):
        raise LabError(f"there are {len(KIND_ROLES)} hosts of other kinds at the most, not {kinds}")
    need_base(lab)
    need_keys(lab)
    claim(lab)
    _need_bridge()
    hosts = [Host(lab=lab, number=number) for number in range(1, count + 1)]
    hosts += [Host(lab=lab, number=number, series=Series.SYSTEMD) for number in range(1, systemd + 1)]
    hosts += [Host(lab=lab, number=number, series=Series.KINDS) for number in range(1, kinds + 1)]
    roles = {host: role_of(host, is_planted=is_planted) for host in hosts}
    for host in all_hosts(lab):
        if host not in roles:
            host.remove()
    _make_missing(lab, roles, profile, seed)
    write_lists(lab, hosts)
    _write_rules(lab, roles)
    each([host for host in hosts if host.state()["boot"] == Boot.NAMESPACES], Host.start)
    # An init system starts much at once: with many of them, what it starts does not come up in the time it has.
    each([host for host in hosts if host.state()["boot"] == Boot.NSPAWN], _boot, _INITS_AT_ONCE)
    late = [
        host.name for host, came in zip(hosts, each(hosts, Host.wait_until_it_answers, 16), strict=True) if not came
    ]
    if late:
        raise LabError(f"no SSH banner from {' '.join(late)}: faults in force? else see {lab.hosts}/*/boot.log")
    each([host for host in hosts if _has_systemd(host)], _start_what_failed)
    return hosts


def _boot(host: Host) -> None:
    """Start a host with an init system of its own, and again where it does not come up."""
    host.start()
    if not host.wait_until_it_answers(_BOOT_SECONDS):
        host.stop()
        host.start()


def _has_systemd(host: Host) -> bool:
    return host.state()["boot"] == Boot.NSPAWN and host.run("cat /proc/1/comm").strip() == "systemd"


def _start_what_failed(host: Host) -> None:
    """Start again what failed at boot: a unit of Debian's own does now and then while many hosts boot at once."""
    failed = "systemctl --failed --plain --no-legend | cut -d ' ' -f 1"
    host.run(f"systemctl is-system-running --wait >/dev/null || {failed} | xargs -r systemctl restart || :")


def _make_missing(lab: Lab, roles: dict[Host, Role], profile: str, seed: str) -> None:
    ordinary = [host for host in roles if host.series is Series.PLANTED]
    identities = {
        host: hashlib.sha256(
            f"{profile} {seed} {len(ordinary)} {role!r} {digest(layers_of(host, role))}".encode()
        ).hexdigest()
        for host, role in roles.items()
    }
    wrong = [host for host in roles if not host.is_made or host.state()["identity"] != identities[host]]
    each(wrong, Host.remove)
    need_bases(lab, {roles[host].base for host in wrong} - {SUITE})
    layers = {name for host in wrong for name in layers_of(host, roles[host])}
    need_layers(lab, tuple(sorted(layers)))
    archive = Archive(lab) if wrong and PROFILES[profile].packages else None

    def make_one(host: Host) -> None:
        has_life = roles[host].has_background and host.series is Series.PLANTED
        background = make_background(
            profile=PROFILES[profile if has_life else "minimal"],
            number=host.number,
            address=host.address,
            peer=Host(lab=lab, number=host.number % max(1, len(ordinary)) + 1).address,
            seed=seed,
            archive=archive,
        )
        make(host, roles[host], background, identities[host])

    each(wrong, make_one)


def _write_rules(lab: Lab, roles: dict[Host, Role]) -> None:
    hosts_of: dict[str, tuple[str, ...]] = {}
    for host, role in roles.items():
        hosts_of[role.id] = (*hosts_of.get(role.id, ()), host.name)
    write(lab.policy, policy_text(hosts_of))
    write(lab.exceptions, exceptions_text(hosts_of, datetime.now(tz=UTC).date()))


def need_keys(lab: Lab) -> None:
    """Make the client keys unless they are there: Ed25519, RSA, ECDSA."""
    lab.keys.mkdir(parents=True, exist_ok=True)
    lab.keys.chmod(0o700)
    for kind, bits in (("ed25519", ()), ("rsa", ("-b", "3072")), ("ecdsa", ("-b", "256"))):
        key = lab.keys / f"id_{kind}"
        if not key.exists():
            sh("ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-C", "auditor lab", "-f", key)
    write(lab.keys / "authorized_keys", "".join(path.read_text() for path in sorted(lab.keys.glob("id_*.pub"))))


def _need_bridge() -> None:
    if not Path(f"/sys/class/net/{BRIDGE}").exists():
        sh("ip", "link", "add", BRIDGE, "type", "bridge")
    sh("ip", "addr", "replace", f"{BRIDGE_ADDRESS}/{NETWORK_BITS}", "dev", BRIDGE)
    sh("ip", "addr", "replace", f"{BRIDGE_ADDRESS_6}/{NETWORK_BITS_6}", "dev", BRIDGE, "nodad")
    sh("ip", "link", "set", BRIDGE, "up")
    for name, want in _NEIGHBOURS:
        limit = Path("/proc/sys/net/ipv4/neigh/default") / name
        if int(limit.read_text()) < want:
            limit.write_text(str(want))


def down(lab: Lab, *, purge: bool = False) -> int:
    """Remove every host; base, layers, keys and site stay unless purged. Return how many there were.

    Raises LabError when something is left on this machine.
    """
    hosts = all_hosts(lab)
    delays.stop(lab)
    each(hosts, faults.forget)
    each(hosts, Host.remove)
    attempt("ip", "link", "del", BRIDGE)
    for path in lab.lists:
        path.unlink(missing_ok=True)
    shutil.rmtree(lab.hosts, ignore_errors=True)
    if purge:
        shutil.rmtree(lab.home, ignore_errors=True)
    end = time.monotonic() + 10
    while left := remains(lab):
        if time.monotonic() < end:
            time.sleep(0.05)  # what was killed is still being taken apart
            continue
        raise LabError("left behind: " + "; ".join(left))
    release()
    return len(hosts)


def remains(lab: Lab) -> list[str]:
    """Return what a lab has on this machine beside its folder: hosts, interfaces, mounts, processes."""
    left = [f"host {host.name}" for host in all_hosts(lab)]
    ours = (BRIDGE, *(f"{LINK_PREFIX}{series}" for series in Series))
    left += [f"interface {path.name}" for path in Path("/sys/class/net").iterdir() if path.name.startswith(ours)]
    left += [f"mount {row.split()[1]}" for row in _lines(Path("/proc/mounts")) if str(lab.home) in row]
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid() and _is_of(process, lab):
            left.append(f"process {process.name}")
    return left


def _is_of(process: Path, lab: Lab) -> bool:
    """Tell whether a process has one of our trees among its mounts."""
    return any(f"{lab.hosts}/" in row for row in _lines(process / "mounts"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:  # it ended while we looked
        return []
