"""Strangers on the lab's bridge: a namespace with addresses of many networks that asks hosts for connections."""

import contextlib
import ipaddress
import os
import resource
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.firewall.kernel.frames import Packet, datagram, number_in
from tests.firewall.kernel.spaces import enter, open_space
from tests.firewall.kernel.wire import speaker
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import BRIDGE, NETWORK_BITS
from tests.lab.fleet.shell import attempt, sh

GATEWAY, GATEWAY_6 = "10.77.254.1", "fd77::fffe:1"
SOURCES = (
    GATEWAY, "10.77.200.200", "10.77.255.254", "10.76.255.254", "10.78.0.1", "10.0.0.9", "10.3.0.9", "10.12.255.254",
    "10.39.0.1", "10.40.0.1", "192.168.1.50", "172.16.5.5", "203.0.113.7", "198.51.100.4", "100.64.0.1", "192.0.2.1",
    "192.0.2.254", "192.0.3.1", "1.0.0.1", "9.9.9.9", "128.0.0.1", "191.255.255.254", "223.255.255.254",
    GATEWAY_6, "fd77::dead:beef", "fd78::1", "2001:db8::9", "2600::1", "fe80::77", "fe80::dead:beef",
    "fe80::ffff:ffff:ffff:ffff",
)  # fmt: skip
"""Where strangers ask from: the fleet's network, its edges, those that its rules name, the world, the link itself."""
WORLD = ("198.51.100.4", "203.0.113.7", "9.9.9.9", "2001:db8::9", "2600::1")
"""Those of them that stand for the internet."""
_LINK = "strangers0"
_CARD = "02:77:ff:00:00:01"
_QUIET = 0.3
# TCP sends a SYN again after one second, and after two more.
_BUFFER_FORCED = 33
_PATIENCE = 3.5
_AT_ONCE = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that was tried: a source, a host's address, a port."""

    host: Host
    protocol: str
    source: str
    destination: str
    port: int
    lands: int
    """Port at which it comes out, where it is translated on the way."""
    bound: str
    """Address of the socket that it is meant for."""


class Strangers:
    """The namespace and its sockets."""

    def __init__(self, hosts: tuple[Host, ...]) -> None:
        self._hosts = hosts
        self._home = open_space("/proc/thread-self/ns/net")
        self._space = self._make()
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.refused: set[Asked] = set()
        """What was answered with a reset or an ICMP error."""
        with self._inside(self._space):
            self._speakers = {"ip": speaker("ip"), "ip6": speaker("ip6")}
            self._scope = socket.if_nametoindex("eth0")
            kinds = ((socket.AF_INET, socket.IPPROTO_ICMP), (socket.AF_INET6, socket.IPPROTO_ICMPV6))
            self._icmp_ears = [_ear(*kind) for kind in kinds]
            self._outer_ears = {
                (family, protocol): _ear(family, protocol)
                for family in (socket.AF_INET, socket.AF_INET6)
                for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
            }
        self._udp_ears: dict[int, Host] = {}
        self._ears: list[socket.socket] = []
        for host in hosts:
            for place in (f"/run/netns/{host.namespace}", *_inner_spaces(host)):
                space = open_space(place)
                with self._inside(space):
                    for family in (socket.AF_INET, socket.AF_INET6):
                        self._ears.append(_ear(family, socket.IPPROTO_UDP))
                        self._udp_ears[self._ears[-1].fileno()] = host
                os.close(space)

    def close(self) -> None:
        """Take it all away: with its last socket the namespace goes, and its cable with it."""
        for one in (*self._speakers.values(), *self._ears, *self._icmp_ears, *self._outer_ears.values()):
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
            # Always the same card: hosts remember it from one test to the next.
            peer = ("peer", "name", "eth0", "address", _CARD, "netns", made.pid)
            sh("ip", "link", "add", _LINK, "type", "veth", *peer)
        finally:
            made.kill()
            made.wait()
        sh("ip", "link", "set", _LINK, "master", BRIDGE, "up")
        lines = ["link set lo up", "link set eth0 up", f"addr add {GATEWAY}/{NETWORK_BITS} dev eth0"]
        lines += [f"addr add {one}/32 dev eth0" for one in SOURCES[1:] if ":" not in one]
        lines += [f"addr add {one}/{_bits(one)} dev eth0 nodad" for one in SOURCES if ":" in one]
        for host in self._hosts:
            if _inner_spaces(host):
                lines += [f"route add {BEHIND} via {host.address}", f"route add {BEHIND_6} via {host.address6}"]
        with self._inside(space):
            for name in ("all", "eth0"):
                Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")
            sh("ip", "-batch", "-", feed="\n".join(lines) + "\n")
        far = [one for one in SOURCES if not one.startswith(("10.77.", "fd77:", "fe80:"))]
        back = "".join(f"route replace {one} via {GATEWAY_6 if ':' in one else GATEWAY} dev eth0\n" for one in far)
        for host in self._hosts:
            sh("ip", "-n", host.namespace, "-batch", "-", feed=back)
        return space

    def ask(self, wanted: list[Asked]) -> set[Asked]:
        """Try everything and return what got in.

        TCP: a connection comes about, its handshake completed. UDP: the packet comes out behind the input chains of
        the host, or of its namespace; what was not seen is sent a second time. Where a socket is bound to loopback, it
        has to lie in the queue of the socket itself: there is one on every port, and it is never read.
        """
        reached = self._connect([one for one in wanted if one.protocol == "tcp"])
        for _ in range(2):
            left = [one for one in wanted if one.protocol == "udp" and one not in reached]
            for start in range(0, len(left), 200):
                part = left[start : start + 200]
                for number, one in enumerate(part):
                    self._send(one, number)
                reached |= {part[number] for number in self._heard(part)}
        at_loopback = [one for one in reached if one.protocol == "udp" and ipaddress.ip_address(one.bound).is_loopback]
        waiting = {host: _waiting(host) for host in dict.fromkeys(one.host for one in at_loopback)}
        return reached - {one for one in at_loopback if not waiting[one.host].get((one.bound, one.lands))}

    def _connect(self, wanted: list[Asked]) -> set[Asked]:
        """Connect from every source, many at once; the kernel sends what is not answered again."""
        reached: set[Asked] = set()
        for start in range(0, len(wanted), _AT_ONCE):
            waiting: dict[int, tuple[socket.socket, Asked]] = {}
            poll = select.epoll()
            with self._inside(self._space):
                for one in wanted[start : start + _AT_ONCE]:
                    made = self._caller(one)
                    waiting[made.fileno()] = made, one
                    poll.register(made, select.EPOLLOUT)
            end = time.monotonic() + _PATIENCE
            while waiting and (left := end - time.monotonic()) > 0:
                for number, _ in poll.poll(left):
                    made, one = waiting.pop(number)
                    poll.unregister(number)
                    error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    made.close()
                    (reached if error == 0 else self.refused).add(one)
            for made, _ in waiting.values():
                made.close()
            poll.close()
        return reached

    def _caller(self, one: Asked) -> socket.socket:
        """Return a socket that is connecting; closed, it is gone at once."""
        family = socket.AF_INET6 if ":" in one.destination else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.bind(self._place(one.source, 0))
        made.connect_ex(self._place(one.destination, one.port))
        return made

    def _place(self, address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        if ":" not in address:
            return address, port
        return address, port, 0, self._scope if address.startswith("fe80:") else 0

    def _send(self, one: Asked, number: int) -> None:
        family = "ip6" if ":" in one.destination else "ip"
        packet: Packet = {
            "family": family, "src": one.source, "dst": one.destination, "proto": one.protocol,
            "sport": 40000 + number, "dport": one.port,
        }  # fmt: skip
        self._speakers[family].sendto(datagram(packet, number), self._place(one.destination, 0))

    def _heard(self, part: list[Asked]) -> set[int]:
        """Return which of the datagrams came out where they were meant to; note those that were refused by ICMP."""
        found: set[int] = set()
        while ready := select.select([*self._ears, *self._icmp_ears], [], [], _QUIET)[0]:
            for ear in ready:
                data = ear.recv(65536)
                number = number_in(data)
                if number is None or number >= len(part):
                    continue
                if ear in self._icmp_ears:
                    self.refused.add(part[number])
                elif self._udp_ears[ear.fileno()] is part[number].host and _port_of(data, ear) == part[number].lands:
                    found.add(number)
        return found

    def let_out(self, wanted: list[tuple[Host, str, int]]) -> set[tuple[str, str, int, str]]:
        """Try to send from hosts to ports in the world; return host, protocol, port and destination of what got out."""
        for host in self._hosts:
            space = open_space(f"/run/netns/{host.namespace}")
            with self._inside(space):
                for one, protocol, port in wanted:
                    if one is host:
                        for destination in WORLD:
                            _try_out(protocol, destination, port)
            os.close(space)
        by_address = {address: host.name for host in self._hosts for address in (host.address, host.address6)}
        found: set[tuple[str, str, int, str]] = set()
        names = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
        ears = {ear: names[protocol] for (_, protocol), ear in self._outer_ears.items()}
        while ready := select.select(list(ears), [], [], _QUIET)[0]:
            for ear in ready:
                # Of IPv6 the kernel hands out no header.
                data, ends, _, place = ear.recvmsg(65536, 1024)
                protocol = ears[ear]
                destination = _destination(data, ends)
                name = by_address.get(str(ipaddress.ip_address(place[0].partition("%")[0])))
                if name is not None and destination in WORLD:
                    found.add((name, protocol, _port_of(data, ear), destination))
        return found


BEHIND, BEHIND_6 = "172.31.0.0/24", "fd31::/64"
"""The networks behind the host that has containers."""


def _try_out(protocol: str, destination: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind | socket.SOCK_NONBLOCK) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.connect_ex((destination, port))
        if protocol == "udp":
            with contextlib.suppress(OSError):  # what an output chain drops or rejects
                made.send(b"x")


def _inner_spaces(host: Host) -> list[str]:
    """Return where the network namespaces that a host has made can be opened."""
    folder = Path(f"/proc/{host.pid()}/root/run/netns")
    return sorted(map(str, folder.iterdir())) if folder.is_dir() else []


def _waiting(host: Host) -> dict[tuple[str, int], int]:
    """Return how many bytes lie in the queues of a host's UDP sockets, by address and port."""
    found: dict[tuple[str, int], int] = {}
    for file in ("udp", "udp6"):
        for line in Path(f"/proc/{host.pid()}/net/{file}").read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            raw = bytes.fromhex(address)
            packed = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
            found[str(ipaddress.ip_address(packed)), int(port, 16)] = int(words[4].partition(":")[2], 16)
    return found


def _bits(address: str) -> int:
    return 64 if address.startswith(("fd77:", "fe80:")) else 128


def _port_of(data: bytes, ear: socket.socket) -> int:
    """Return the destination port of a packet that a raw socket was given."""
    head = (data[0] & 15) * 4 if ear.family == socket.AF_INET else 0
    return int(struct.unpack_from("!H", data, head + 2)[0]) if len(data) >= head + 4 else 0


def _destination(data: bytes, ends: list[tuple[int, int, bytes]]) -> str:
    """Return where a packet that a raw socket was given went to."""
    for level, kind, body in ends:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return str(ipaddress.IPv6Address(body[:16]))
    return str(ipaddress.IPv4Address(data[16:20]))


def _ear(family: int, protocol: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_RAW, protocol)
    made.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCED, 16 << 20)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    made.setblocking(False)
    return made


def link_local(host: Host) -> str:
    """Return the IPv6 address that a host has on its link."""
    words = sh("ip", "-n", host.namespace, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link").split()
    return str(ipaddress.ip_interface(words[words.index("inet6") + 1]).ip) if words else ""
