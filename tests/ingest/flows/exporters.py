"""Two machines that talk, and real exporters that write it down: namespaces, pmacctd's nfprobe, nfcapd and nfpcapd."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CLIENT, SERVER, CLIENT6, SERVER6 = "198.51.100.10", "198.51.100.20", "2001:db8::10", "2001:db8::20"
PLANTED = (
    (SERVER, 5938, 2000), (SERVER, 7070, 3000), (SERVER, 5900, 5000), (SERVER, 8080, 500), (SERVER6, 5900, 700),
    (SERVER, 5938, 100),
)  # fmt: skip
"""Where the client connects to, and bytes that it sends: TeamViewer's, AnyDesk's, VNC's ports, and one of nobody."""
TOOLS = ("ip", "tcpdump", "pmacctd", "nfcapd", "nfpcapd", "nfdump")
_READY = 20.0
_SERVER = """
import socket, threading
def serve(family, address, port):
    one = socket.socket(family); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); one.bind((address, port))
    one.listen()
    threading.Thread(target=answer, args=(one,), daemon=True).start()
def answer(one):
    while True:
        peer, _ = one.accept()
        while peer.recv(65536): pass
        peer.sendall(b"y" * 1000); peer.close()
for port in (5938, 7070, 5900, 8080): serve(socket.AF_INET, "198.51.100.20", port)
serve(socket.AF_INET6, "2001:db8::20", 5900)
print("ready", flush=True)
threading.Event().wait()
"""


def missing() -> str | None:
    """Say why nothing can be exported here; None where it can."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    return f"needs {', '.join(lacking)}" if lacking else None


def _run(*words: object) -> None:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def _until(what: str, is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _READY
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def _wired(one: str, other: str) -> None:
    """Make two machines with a cable between them."""
    for space in (one, other):
        _run("ip", "netns", "add", space)
    _run("ip", "link", "add", "eth0", "netns", one, "type", "veth", "peer", "name", "eth0", "netns", other)
    for space, addresses in ((one, (CLIENT, CLIENT6)), (other, (SERVER, SERVER6))):
        _run("ip", "-n", space, "addr", "add", f"{addresses[0]}/24", "dev", "eth0")
        _run("ip", "-n", space, "-6", "addr", "add", f"{addresses[1]}/64", "dev", "eth0", "nodad")
        for link in ("eth0", "lo"):
            _run("ip", "-n", space, "link", "set", link, "up")


def _configure(place: Path, version: int, sampling: int) -> None:
    (place / "pmacctd.conf").write_text(
        "daemonize: false\npcap_interface: eth0\nplugins: nfprobe[x]\n"
        "aggregate[x]: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags\n"
        f"nfprobe_receiver[x]: 127.0.0.1:9995\nnfprobe_version[x]: {version}\n"
        f"{f'sampling_rate: {sampling}' if sampling > 1 else ''}\n"
        "nfprobe_timeouts[x]: general=1:maxlife=2:expint=1:tcp.fin=1:tcp.rst=1:tcp=1\n"
    )


def recorded(place: Path, version: int, sampling: int = 1) -> None:
    """Have them exported: ``export.pcap`` holds the messages, ``live`` nfcapd's files, ``traffic.pcap`` all.

    ``sampling`` is how many packets each that the exporter looks at stands for.
    """
    one, other = f"fla{os.getpid()}", f"flb{os.getpid()}"
    running: list[subprocess.Popen[bytes]] = []

    def start(space: str, *words: object, log: str) -> subprocess.Popen[bytes]:
        with (place / log).open("wb") as stream:
            made = subprocess.Popen(
                ["ip", "netns", "exec", space, *map(str, words)], stdout=stream, stderr=subprocess.STDOUT, cwd=place
            )
        running.append(made)
        return made

    def says(log: str, words: str) -> Callable[[], bool]:
        return lambda: words in (place / log).read_text(errors="replace")

    try:
        _wired(one, other)
        (place / "live").mkdir()
        _configure(place, version, sampling)
        start(other, sys.executable, "-c", _SERVER, log="server.log")
        collector = start(one, "nfcapd", "-w", "live", "-p", 9995, "-b", "127.0.0.1", "-t", 3600, log="nfcapd.log")
        messages = start(one, "tcpdump", "-i", "lo", "-U", "-w", "export.pcap", "udp", "port", 9995, log="messages.log")
        traffic = start(one, "tcpdump", "-i", "eth0", "-U", "-w", "traffic.pcap", "tcp", log="traffic.log")
        _until("the server listens", says("server.log", "ready"))
        for log in ("messages.log", "traffic.log"):
            _until("tcpdump listens", says(log, "listening on"))
        _until("nfcapd runs", lambda: any((place / "live").iterdir()))
        exporter = start(one, "pmacctd", "-f", "pmacctd.conf", log="pmacctd.log")
        _until("pmacctd listens", says("pmacctd.log", "link type is"))
        client = "import socket\n" + "".join(
            f"s=socket.create_connection(({address!r},{port}));s.sendall(b'x'*{size});s.shutdown(1)\n"
            "while s.recv(65536): pass\ns.close()\n"
            for address, port, size in PLANTED
        )
        _run("ip", "netns", "exec", one, sys.executable, "-c", client)
        # All that was said is in the capture once its last packet is; then the exporter is asked for what it holds.
        _until(
            "the traffic is recorded",
            lambda: sum(counted(place / "traffic.pcap").values()) >= sum(size + 1000 for _, _, size in PLANTED),
        )
        # Of a sample it is not known which conversations are in it; what is left is sent when the exporter ends.
        wanted = 1 if sampling > 1 else 10 if version == 5 else 12
        _until("the flows are exported", lambda: _exported(place / "export.pcap") >= wanted)
        for process in (exporter, traffic, messages, collector):
            process.send_signal(signal.SIGINT if process is exporter else signal.SIGTERM)
            process.wait(_READY)
    finally:
        for process in running:
            process.kill()
            process.wait()
        for space in (one, other):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)


def _exported(capture: Path) -> int:
    """Count the records of planted conversations that were sent: those of the last one when its end expired."""
    data = capture.read_bytes()
    records, at = 0, 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + length]
        at += 16 + length
        payload = packet[14 + 28 :]
        if payload[:2] == b"\0\5":
            records += int.from_bytes(payload[2:4], "big")
        elif payload[:2] in (b"\0\x09", b"\0\x0a"):
            records += _ports(payload)
    return records


def _ports(payload: bytes) -> int:
    """Count the planted ports in a message, as bytes: a rough look, which only says when to stop waiting."""
    return sum(payload.count(port.to_bytes(2, "big")) for port in (5938, 7070, 5900, 8080))


def counted(capture: Path) -> dict[tuple[str, int], int]:
    """Count bytes of IP by server address and port in a capture of traffic: the truth."""
    data, at = capture.read_bytes(), 24
    found: dict[tuple[str, int], int] = {}
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 + 14 : at + 16 + length]
        at += 16 + length
        if not packet:
            continue
        if packet[0] >> 4 == 4:
            size, ends, head = int.from_bytes(packet[2:4], "big"), (packet[12:16], packet[16:20]), packet[20:24]
            family = socket.AF_INET
        else:
            size, ends = 40 + int.from_bytes(packet[4:6], "big"), (packet[8:24], packet[24:40])
            head, family = packet[40:44], socket.AF_INET6
        ports = struct.unpack(">HH", head)
        for end, port in zip(ends, ports, strict=True):
            if port in (5938, 7070, 5900, 8080):
                place = (socket.inet_ntop(family, end), port)
                found[place] = found.get(place, 0) + size
    return found
