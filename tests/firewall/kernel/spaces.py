"""Two network namespaces joined by cables: the host under test, and the world around it.

They have no names: they live as long as the process that made them, so that nothing is left after a crash and
nothing can clash.
"""

import ctypes
import ipaddress
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NEW_NETWORK = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)

ADDRESSES: dict[str, list[str]] = {
    "eth0": ["192.0.2.10/24", "2001:db8:1::10/64"],
    "eth1": ["10.20.0.5/16", "2001:db8:2::5/64"],
    "wg0": ["10.99.0.2/24", "fd00:99::2/64"],
    "docker0": ["172.17.0.1/16", "fd00:17::1/64"],
    "lo": ["127.0.0.1/8", "::1/128"],
}
"""Interfaces of the host under test and their addresses."""
ROUTES: dict[str, tuple[str, ...]] = {
    "eth1": ("198.51.100.0/24", "192.168.0.0/16", "2001:db8:f::/48"),
    "wg0": ("203.0.113.0/25", "9.0.0.0/8", "2600::/16"),
    "docker0": ("100.64.0.0/10",),
}
"""What is sent by another interface than eth0, beside the networks of the addresses."""
CABLES = tuple(name for name in ADDRESSES if name != "lo")

# Forwarding is switched by each case. Sources of any kind may come in; what the kernel says must not be rationed;
# a packet of a connection that we made up is in its window. Loopback frames are put on `lo` from outside.
_SYSCTLS = {
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/lo/accept_local": 1,
    "ipv4/conf/lo/route_localnet": 1,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/all/route_localnet": 1,
    "ipv4/icmp_ratelimit": 0,
    "ipv4/icmp_ratemask": 0,
    "ipv4/icmp_echo_ignore_all": 1,
    "ipv4/tcp_challenge_ack_limit": 1000000,
    "ipv6/icmp/ratelimit": 0,
    "ipv6/icmp/echo_ignore_all": 1,
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/all/accept_ra": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/router_solicitations": 0,
    "ipv6/conf/default/addr_gen_mode": 1,
    "netfilter/nf_conntrack_tcp_loose": 1,
    "netfilter/nf_conntrack_tcp_be_liberal": 1,
}


class NotHereError(Exception):
    """This machine cannot make what is needed; says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spaces:
    """The host under test and the world around it, as open namespaces."""

    home: int
    """The namespace we came from."""
    host: int
    """The host under test; programs started through `in_host` run there."""
    world: int
    """The far end of every cable: sends from any address, answers nothing."""

    @contextmanager
    def inside(self, space: int) -> Iterator[None]:
        """Do something in a namespace; sockets opened there stay there."""
        enter(space)
        try:
            yield
        finally:
            enter(self.home)

    def run(self, command: list[str], feed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program on the host under test; its status is the caller's business."""
        with self.inside(self.host):
            return subprocess.run(command, input=feed, capture_output=True, text=True, check=False)

    def close(self) -> None:
        """Let go of both: the kernel takes them down when nothing is left inside."""
        for space in (self.host, self.world, self.home):
            os.close(space)

    def set_sysctls(self, values: dict[str, int]) -> None:
        """Write settings of the host under test, as paths below /proc/sys/net; one that is not there is left out."""
        with self.inside(self.host):
            for name, value in values.items():
                path = Path("/proc/sys/net") / name
                if path.exists():
                    path.write_text(str(value))


def _call(name: str, *arguments: int) -> None:
    if getattr(_LIBC, name)(*arguments):
        error = ctypes.get_errno()
        raise NotHereError(f"{name}: {os.strerror(error)}")


def enter(space: int) -> None:
    """Go into a network namespace with this thread; sockets opened from now on are of it."""
    _call("setns", space, _NEW_NETWORK)


def open_space(path: str = "/proc/thread-self/ns/net") -> int:
    """Open a network namespace, by default the one this thread is in."""
    return os.open(path, os.O_RDONLY)


def make_spaces() -> Spaces:
    """Make both namespaces and the cables; NotHereError says what this machine lacks."""
    if os.geteuid():
        raise NotHereError("network namespaces need root")
    # What is sent is handled on the processor that sends it: one processor, one order, nothing to wait for.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0), key=lambda one: (one + os.getpid()) % 2)})
    home = open_space()
    made: list[int] = []
    try:
        for _ in range(2):
            _call("unshare", _NEW_NETWORK)
            made.append(open_space())
    finally:
        enter(home)
    spaces = Spaces(home=home, host=made[0], world=made[1])
    spaces.set_sysctls(_SYSCTLS)
    with spaces.inside(spaces.world):
        for name in ("all", "default"):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    _plug(spaces)
    return spaces


def _plug(spaces: Spaces) -> None:
    lines = ["link set lo up"]
    for name in CABLES:
        lines.append(f"link add {name} type veth peer name {name} netns /proc/{os.getpid()}/fd/{spaces.world}")
        lines += [f"addr add {address} dev {name} nodad" for address in ADDRESSES[name] if ":" in address]
        lines += [f"addr add {address} dev {name}" for address in ADDRESSES[name] if ":" not in address]
        lines.append(f"link set {name} arp off up")  # nobody is asked for a hardware address
    routes = [f"route add {network} dev {name}" for name, networks in ROUTES.items() for network in networks]
    lines += ["route add default dev eth0", *(route for route in routes if ":" not in route)]
    six = ["route add default dev eth0 metric 2000", *(route for route in routes if ":" in route)]
    for command, feed in ((["ip", "-batch", "-"], lines), (["ip", "-6", "-batch", "-"], six)):
        done = spaces.run(command, "\n".join(feed) + "\n")
        if done.returncode:
            raise NotHereError(f"{' '.join(command)}: {done.stderr.strip()}")
    with spaces.inside(spaces.world):
        for name in CABLES:
            subprocess.run(["ip", "link", "set", name, "arp", "off", "up"], check=True, capture_output=True)
    spaces.set_sysctls(_SYSCTLS)  # those of interfaces and of connection tracking, now that these are there


def leaves_by(address: str) -> str:
    """Return the interface by which the host under test sends to an address of someone else."""
    wanted = ipaddress.ip_address(address)
    for name in CABLES:
        for text in (*ADDRESSES[name], *ROUTES.get(name, ())):
            network = ipaddress.ip_interface(text).network
            if network.version == wanted.version and wanted in network:
                return name
    return "eth0"


def hardware_address(name: str) -> bytes:
    """Return the hardware address of an interface of the namespace we are in."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as probe:
        probe.bind((name, 0))
        address: bytes = probe.getsockname()[4]
    return struct.pack("6s", address)
