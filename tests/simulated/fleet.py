"""SSH servers in one process, each on an address of its own, that answer the probe with what real hosts once said.

`python -m tests.simulated.fleet FOLDER` makes the servers, writes keys and `hosts.csv` into the folder, says `ready`
and serves until its standard input ends. A line `wake NAME` on standard input lets a host that refused connections
listen from then on. Who was asked stands in `asked`, one name a line.

The servers speak SSH (paramiko's server side): key exchange, host key, log-in by key, session, command. Behind
that is no shell: the command's standard input is read to its end, the caller's token taken from it as the probe
would, and a recorded answer of the demo's fleet sent under this token. Each host's answer differs from every
other's in its host name, a package and a process.
"""

import argparse
import gzip
import selectors
import socket
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from auditor.collect.probe import LAUNCHER

_RECORDINGS = Path(__file__).parents[2] / "auditor" / "demo"
_FILLERS = 2
_ANSWERING = 16
_SITES = 4


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One simulated host."""

    name: str
    """Its inventory name."""
    address: str
    """Where it is: in 127.0.0.0/8, which is all this machine."""
    kind: str
    """``alive``, ``refused`` (nothing listens) or ``silent`` (its queue is full: what comes is dropped)."""


def plan(hosts: int, refused: int, silent: int) -> list[Simulated]:
    """Lay a fleet out: the dead ones, of both kinds, spread evenly among those that are alive."""
    dead = refused + silent
    kinds = ["alive"] * hosts
    for number in range(dead):
        refuses = number * refused // dead < (number + 1) * refused // dead
        kinds[number * hosts // dead] = "refused" if refuses else "silent"
    return [
        Simulated(name=f"sim-{n:05}", address=f"127.{64 + n // 50000}.{n // 250 % 200}.{n % 250 + 1}", kind=kind)
        for n, kind in enumerate(kinds)
    ]


class _Server(paramiko.ServerInterface):
    """What one connection may do: log in by the fleet's key, and run one command."""

    def __init__(self, fleet: "Fleet", host: Simulated) -> None:
        self._fleet, self._host = fleet, host

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_right = username == "audit" and key.asbytes() == self._fleet.client_key.asbytes()
        return AUTH_SUCCESSFUL if is_right else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 — paramiko's interface
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 — paramiko's interface
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if command.decode().partition(" run=")[0] != LAUNCHER:
            return False
        self._fleet.answers.submit(self._fleet.answer, self._host, channel)
        return True


class Fleet:
    """The servers, their sockets, and what they answer."""

    def __init__(self, folder: Path, hosts: Sequence[Simulated], pause: float) -> None:
        self._folder, self._hosts, self._pause = folder, {host.name: host for host in hosts}, pause
        self._host_key = paramiko.Ed25519Key.from_private_key_file(str(folder / "host"))
        self.client_key = paramiko.Ed25519Key.from_private_key_file(str(folder / "client"))
        self.answers = ThreadPoolExecutor(_ANSWERING)
        self._recordings = list(_recordings())
        self._selector = selectors.DefaultSelector()
        self._kept: list[socket.socket] = []
        self._asked = (folder / "asked").open("a", buffering=1)
        self.port = self._open_all()

    def _open_all(self) -> int:
        """Listen on one port of every address that is not to refuse; another port where one of them is taken."""
        for _ in range(20):
            with socket.create_server(("0.0.0.0", 0)) as any_address:
                port = int(any_address.getsockname()[1])
            try:
                for host in self._hosts.values():
                    self._open(host, port)
            except OSError:
                for one in self._kept:
                    one.close()
                self._kept.clear()
                self._selector.close()
                self._selector = selectors.DefaultSelector()
            else:
                return port
        raise SystemExit("no port is free on all addresses")

    def _open(self, host: Simulated, port: int) -> None:
        if host.kind == "refused":
            return
        listener = socket.create_server((host.address, port), backlog=0 if host.kind == "silent" else 64)
        self._kept.append(listener)
        if host.kind == "alive":
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, host)
            return
        # A queue that nobody empties and that is full: the kernel drops what comes (tcp_abort_on_overflow is off).
        for _ in range(_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((host.address, port))
            self._kept.append(filler)

    def wake(self, name: str) -> None:
        """Let a host that refused listen."""
        host = self._hosts[name]
        self._open(Simulated(name=name, address=host.address, kind="alive"), self.port)

    def serve(self) -> None:
        """Take connections for ever."""
        while True:
            for key, _ in self._selector.select(0.2):
                assert isinstance(key.fileobj, socket.socket)
                try:
                    connection, _ = key.fileobj.accept()
                except BlockingIOError:
                    continue
                connection.setblocking(True)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                transport = paramiko.Transport(connection)
                transport.add_server_key(self._host_key)
                transport.start_server(event=threading.Event(), server=_Server(self, key.data))

    def answer(self, host: Simulated, channel: paramiko.Channel) -> None:
        """Read the question to its end and answer with a recording, under the caller's token."""
        try:
            question = channel.makefile("rb").read()
            token = question.split(b"\n")[1].split(b" ")[0]
            self._asked.write(f"{host.name}\n")
            time.sleep(self._pause)
            body = self._recordings[zlib.crc32(host.name.encode()) % len(self._recordings)]
            body = body.replace(b"@head hostname ", b"@head hostname %s-" % host.name.encode(), 1)
            body = body.replace(b"|installed\t", b"|installed\t%s\t1.0\tall\n|installed\t" % host.name.encode(), 1)
            body = body.replace(b" init  ", b" %s  " % host.name.encode(), 1)
            channel.sendall(b"auditor-probe 1 %s gzip\n" % token + gzip.compress(body, 1))
            channel.send_exit_status(0)
            channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            return  # the caller is gone


def _recordings() -> Iterator[bytes]:
    """Yield what each host of the demo's fleet said, unpacked."""
    for file in sorted(_RECORDINGS.glob("*.probe")):
        head, _, body = file.read_bytes().partition(b"\n")
        yield zlib.decompress(body, wbits=31) if head.endswith(b" gzip") else body


def _write_inventory(folder: Path, hosts: Sequence[Simulated], port: int) -> None:
    public = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text("".join(f"[{host.address}]:{port} {public}\n" for host in hosts))
    ssh = f"-o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes"
    rows = [
        f"{host.name},{host.address},{port},audit,client,{ssh},site-{number % _SITES}\n"
        for number, host in enumerate(hosts)
    ]
    (folder / "hosts.csv").write_text("host,address,port,user,private_key,ssh_args,site\n" + "".join(rows))


def main() -> None:
    """Serve a fleet until standard input ends."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="holds `host` and `client`, Ed25519 keys of ssh-keygen")
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--refused", type=int, default=0)
    parser.add_argument("--silent", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    hosts = plan(options.hosts, options.refused, options.silent)
    fleet = Fleet(options.folder, hosts, options.pause)
    _write_inventory(options.folder, hosts, fleet.port)
    threading.Thread(target=fleet.serve, daemon=True).start()
    print("ready", flush=True)  # noqa: T201 — said to whoever started us
    for line in sys.stdin:
        fleet.wake(line.split()[1])
        print("done", flush=True)  # noqa: T201 — as above


if __name__ == "__main__":
    main()
