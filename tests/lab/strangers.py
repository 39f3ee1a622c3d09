"""Strangers on the lab's bridge: a namespace with addresses of many networks that asks hosts for connections."""

import ipaddress
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.firewall.kernel.frames import FLAGS, Packet, datagram, number_in
from tests.firewall.kernel.spaces import enter, open_space
from tests.firewall.kernel.wire import speaker
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import BRIDGE, NETWORK_BITS
from tests.lab.fleet.shell import attempt, sh

GATEWAY = "10.77.254.1"
SOURCES = (
    GATEWAY, "10.77.200.200", "10.77.255.254", "10.76.255.254", "10.78.0.1", "10.0.0.9", "192.168.1.50", "172.16.5.5",
    "203.0.113.7", "198.51.100.4", "100.64.0.1", "192.0.2.200", "1.0.0.1", "9.9.9.9", "128.0.0.1", "191.255.255.254",
    "223.255.255.254", "fe80::77", "fe80::dead:beef", "fe80::ffff:ffff:ffff:ffff",
)  # fmt: skip
"""Where strangers ask from: the fleet's network, its edges, the world, and the link itself."""
_LINK = "strangers0"
_QUIET = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that was tried: a source, a host's address, a port."""

    host: Host
    protocol: str
    source: str
    destination: str
    port: int


class Strangers:
    """The namespace and its sockets."""

    def __init__(self, hosts: tuple[Host, ...]) -> None:
        self._hosts = hosts
        self._home = open_space("/proc/thread-self/ns/net")
        self._space = self._make()
        with self._inside(self._space):
            self._speakers = {"ip": speaker("ip"), "ip6": speaker("ip6")}
            self._ears = [_ear(socket.AF_INET, socket.IPPROTO_TCP), _ear(socket.AF_INET6, socket.IPPROTO_TCP)]
            self._scope = socket.if_nametoindex("eth0")
        self._udp_ears = []
        for host in hosts:
            space = open_space(f"/run/netns/{host.namespace}")
            with self._inside(space):
                self._udp_ears += [_ear(family, socket.IPPROTO_UDP) for family in (socket.AF_INET, socket.AF_INET6)]
            os.close(space)

    def close(self) -> None:
        """Take it all away: with its last socket the namespace goes, and its cable with it."""
        for one in (*self._speakers.values(), *self._ears, *self._udp_ears):
            one.close()
        attempt("ip", "link", "del", _LINK)
        os.close(self._space)
        os.close(self._home)

    @contextmanager
    def _inside(self, space: int) -> Iterator[None]:
        enter(space)
        try:
            yield
        finally:
            enter(self._home)

    def _make(self) -> int:
        attempt("ip", "link", "del", _LINK)
        sh("unshare", "--net", "true")
        made = subprocess.Popen(["unshare", "--net", "sleep", "60"])
        try:
            while Path(f"/proc/{made.pid}/ns/net").stat().st_ino == Path("/proc/self/ns/net").stat().st_ino:
                time.sleep(0.01)
            space = open_space(f"/proc/{made.pid}/ns/net")
            sh("ip", "link", "add", _LINK, "type", "veth", "peer", "name", "eth0", "netns", made.pid)
        finally:
            made.kill()
            made.wait()
        sh("ip", "link", "set", _LINK, "master", BRIDGE, "up")
        lines = ["link set lo up", "link set eth0 up", f"addr add {GATEWAY}/{NETWORK_BITS} dev eth0"]
        lines += [f"addr add {one}/32 dev eth0" for one in SOURCES[1:] if ":" not in one]
        lines += [f"addr add {one}/64 dev eth0 nodad" for one in SOURCES if ":" in one]
        with self._inside(space):
            for name in ("all", "eth0"):
                Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
            sh("ip", "-batch", "-", feed="\n".join(lines) + "\n")
        far = [one for one in SOURCES if ":" not in one and not one.startswith("10.77.")]
        back = "".join(f"route replace {one}/32 via {GATEWAY} dev eth0\n" for one in far)
        for host in self._hosts:
            sh("ip", "-n", host.namespace, "-batch", "-", feed=back)
        return space

    def ask(self, wanted: list[Asked]) -> set[Asked]:
        """Try everything, what was not answered a second time; return what was let in.

        TCP: the host answers SYN with SYN and ACK. UDP: the packet comes out behind the host's input chains.
        """
        reached: set[Asked] = set()
        for _ in range(2):
            left = [one for one in wanted if one not in reached]
            for start in range(0, len(left), 200):
                part = left[start : start + 200]
                for number, one in enumerate(part):
                    self._send(one, number)
                reached |= {part[number] for number in self._heard(len(part))}
        return reached

    def _send(self, one: Asked, number: int) -> None:
        family = "ip6" if ":" in one.destination else "ip"
        packet: Packet = {
            "family": family, "src": one.source, "dst": one.destination, "proto": one.protocol,
            "sport": 40000 + number, "dport": one.port, "tcp_flags": ["syn"],
        }  # fmt: skip
        address = (one.destination, 0, 0, self._scope) if family == "ip6" else (one.destination, 0)
        self._speakers[family].sendto(datagram(packet, number), address)

    def _heard(self, count: int) -> set[int]:
        ears = [*self._ears, *self._udp_ears]
        found: set[int] = set()
        while ready := select.select(ears, [], [], _QUIET)[0]:
            for ear in ready:
                data = ear.recv(65536)
                number = number_in(data) if ear.proto == socket.IPPROTO_UDP else _answered(data, ear.family)
                if number is not None and 0 <= number < count:
                    found.add(number)
        return found


def _ear(family: int, protocol: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_RAW, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.setblocking(False)
    return made


def _answered(data: bytes, family: int) -> int | None:
    """Return which try a segment agrees to: SYN and ACK, to the port it came from."""
    head = (data[0] & 15) * 4 if family == socket.AF_INET else 0
    if len(data) < head + 20:
        return None
    port = struct.unpack_from("!H", data, head + 2)[0]
    agrees = data[head + 13] & (FLAGS["syn"] | FLAGS["ack"] | FLAGS["rst"]) == FLAGS["syn"] | FLAGS["ack"]
    return int(port) - 40000 if agrees else None


def link_local(host: Host) -> str:
    """Return the IPv6 address that a host has on its link."""
    words = sh("ip", "-n", host.namespace, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link").split()
    return str(ipaddress.ip_interface(words[words.index("inet6") + 1]).ip) if words else ""
