"""Real VNC and RDP servers, started safe and unsafe: what the auditor says of each is what it offers on the wire."""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(
        not all(
            map(shutil.which, ("Xtigervnc", "X0tigervnc", "Xtightvnc", "x11vnc", "wayvnc", "sway", "xrdp", "Xvfb"))
        ),
        reason="VNC and RDP servers are not installed",
    ),
]
_NONE, _VNC_AUTH, _TIGHT, _VENCRYPT = 1, 2, 16, 19
_NO_PROOF, _IN_CLEAR = {1, 257, 260}, {1, 2, 256}
"""RFC 6143, 7.1.2, and rfbproto, "VeNCrypt": None, TLSNone, X509None; None, VncAuth, Plain."""
_SCREEN = ("-display", ":77", "-forever", "-quiet")
_SERVERS: dict[int, tuple[str, ...]] = {
    5971: ("Xtigervnc", ":71", "-rfbport", "5971", "-SecurityTypes", "None"),
    7102: ("Xtigervnc", ":72", "-rfbport", "7102"),
    7103: ("Xtigervnc", ":73", "-rfbport=7103", "securitytypes=TLSVnc", "-rfbauth", "PASSWORD"),
    7104: ("Xtigervnc", ":74", "-rfbport", "7104", "--SecurityTypes=X509None,TLSNone"),
    7105: ("Xtightvnc", ":75", "-rfbport", "7105"),
    7106: ("Xtightvnc", ":76", "-rfbport", "7106", "-rfbauth", "PASSWORD"),
    7107: ("x11vnc", *_SCREEN, "-rfbport", "7107"),
    7108: ("x11vnc", *_SCREEN, "-rfbport", "7108", "-passwd", "a"),
    7109: ("x11vnc", *_SCREEN, "-rfbport", "7109", "-nopw", "-rfbauth", "PASSWORD"),
    7110: ("x11vnc", *_SCREEN, "-rfbport", "7110", "-ssl", "TMP"),
    7111: ("x11vnc", *_SCREEN, "-rfbport", "7111", "-ssl", "TMP", "-rfbauth", "PASSWORD"),
    7112: ("x11vnc", *_SCREEN, "-rfbport", "7112", "-localhost", "-nopw"),
    7113: ("x11vnc", *_SCREEN, "-rfbport", "7113", "-localhost", "-rfbauth", "PASSWORD"),
    7114: ("X0tigervnc", "-display", ":77", "-rfbport", "7114", "-rfbauth", "PASSWORD"),
    7115: ("X0tigervnc", "-display", ":77", "-rfbport", "7115", "SecurityTypes=None"),
    7116: ("RENAMED:x11vnc", *_SCREEN, "-rfbport", "7116", "-nopw"),
    7117: ("RENAMED:Xtigervnc", ":78", "-rfbport", "7117", "-SecurityTypes", "None"),
    7118: ("wayvnc", "0.0.0.0", "7118"),
    7119: ("wayvnc", "127.0.0.1", "7119"),
}
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
_PRIVATE = "mount --make-rprivate /"
_LOOPBACK = {7112, 7113, 7119}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What a server offers to who has proven nothing."""

    lets_anyone_in: bool
    """Whether a type without proof is among it."""
    in_clear: bool
    """Whether a type without encryption is among it."""


def _exactly(stream: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = stream.recv(count - len(got))
        if not more:
            raise ConnectionError("closed")
        got += more
    return got


def offered(port: int) -> Offered:
    """Ask a server for its security types, those of VeNCrypt included."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        _exactly(stream, 12)
        stream.sendall(b"RFB 003.008\n")
        types = set(_exactly(stream, _exactly(stream, 1)[0])) - {_TIGHT, 18}
        assert types, f"port {port} offers nothing"
        if _VENCRYPT in types:
            types.discard(_VENCRYPT)
            stream.sendall(bytes([_VENCRYPT]))
            _exactly(stream, 2)
            stream.sendall(b"\0\2")
            assert _exactly(stream, 1) == b"\0"
            count = _exactly(stream, 1)[0]
            types |= set(struct.unpack(f">{count}I", _exactly(stream, 4 * count)))
    return Offered(lets_anyone_in=bool(types & _NO_PROOF), in_clear=bool(types & _IN_CLEAR))


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, f"{process.args!r} ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{process.args!r} does not listen on {port}")


def _wait_for_file(path: Path) -> None:
    until = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not come"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Give a folder that every account can enter: sway does not run as root.

    Screens and ports are of the machine: of several processes that test, one after the other has them.
    """
    lock = Path(tempfile.gettempdir()) / "auditor-real-servers.lock"
    with lock.open("w") as held, tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        fcntl.flock(held, fcntl.LOCK_EX)
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def servers(place: Path) -> Iterator[dict[int, subprocess.Popen[bytes]]]:
    password = place / "password"
    password.write_bytes(subprocess.run(["tigervncpasswd", "-f"], input=b"secret12\n", stdout=-1, check=True).stdout)
    password.chmod(0o600)
    (place / "sway.conf").write_text("exec true\n")
    runtime = place / "run"
    runtime.mkdir(mode=0o700)
    os.chown(runtime, 65534, 65534)
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "XDG_RUNTIME_DIR": str(runtime), "LC_ALL": "C"}
    headless = environment | {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
    begun: list[subprocess.Popen[bytes]] = []

    def begin(argv: tuple[str, ...], **more: str) -> subprocess.Popen[bytes]:
        program, words = argv[0], tuple(str(password) if word == "PASSWORD" else word for word in argv[1:])
        if program.startswith("RENAMED:"):
            copy = place / f"helper{len(begun)}"
            shutil.copy(str(shutil.which(program.partition(":")[2])), copy)
            program = str(copy)
        with (place / f"{len(begun)}.log").open("wb") as log:
            begun.append(
                subprocess.Popen([program, *words], stdin=-3, stdout=log, stderr=log, env=environment | more, cwd="/")
            )
        return begun[-1]

    try:
        begin(("Xvfb", ":77"))
        _wait_for_file(Path("/tmp/.X11-unix/X77"))  # noqa: S108
        begin((*_NOBODY, "sway", "-c", str(place / "sway.conf")), **headless)
        _wait_for_file(runtime / "wayland-1")
        running = {
            port: begin(argv, **({"WAYLAND_DISPLAY": "wayland-1"} if argv[0] == "wayvnc" else {}))
            for port, argv in _SERVERS.items()
        }
        for port, process in running.items():
            _wait_for(port, process)
        yield running
    finally:
        for process in reversed(begun):
            process.terminate()
        for process in begun:
            process.wait(20)


@pytest.fixture(scope="module")
def judged(servers: dict[int, subprocess.Popen[bytes]], place: Path) -> dict[str, Any]:
    assert servers
    return _audit(place, place / "out")


def _audit(home: Path, folder: Path, setup: str = "true") -> dict[str, Any]:
    """Audit this machine as if this were root's home, and the only one; return what was said of the servers."""
    passwd = home / "passwd"
    passwd.write_text(f"root:x:0:0::{home}:/bin/sh\n")
    script = f'{_PRIVATE} && mount --bind {passwd} /etc/passwd && mount -t tmpfs tmpfs /home && {setup} && exec "$@"'
    audit = [
        sys.executable,
        "-m",
        "auditor.cli.main",
        "audit",
        "local",
        "-o",
        str(folder),
        "--store",
        str(folder / "s.sqlite"),
    ]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *audit], cwd=Path(__file__).parents[2], capture_output=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 2, 3), done.stderr.decode()
    file = next(folder.rglob("results.json")).parent / "hosts.jsonl"
    (line,) = file.read_text().splitlines()
    (said,) = (one for one in json.loads(line)["verdicts"] if one["control"] == "server_security")
    found: dict[str, Any] = said
    return found


@pytest.mark.parametrize("port", _SERVERS)
def test_what_is_said_of_a_server_is_what_it_offers(
    servers: dict[int, subprocess.Popen[bytes]], judged: dict[str, Any], port: int
) -> None:
    assert servers[port].poll() is None
    wire = offered(port)
    said = {one["subject"]: one for one in judged["violations"]}.get(f"listener:tcp/{port}")
    assert not [gap for gap in judged["gaps"] if f"port {port} " in gap["reason"]]
    if wire.lets_anyone_in:
        assert said is not None
        assert "lets in whoever reaches it" in said["reason"]
        assert (said["severity"] == "medium") is (port in _LOOPBACK)
    elif wire.in_clear and port not in _LOOPBACK:
        assert said is not None
        assert "clear text" in said["reason"]
    else:
        assert said is None


_FILES = {
    7131: (("x11vnc", *_SCREEN[:2], "-rfbport", "7131"), {".x11vncrc": "rfbauth PASSWORD\n-ssl TMP\nforever\n"}),
    7132: (("x11vnc", *_SCREEN, "-norc", "-rfbport", "7132"), {".x11vncrc": "rfbauth PASSWORD\n"}),
    7133: (
        ("wayvnc", "0.0.0.0", "7133"),
        {".config/wayvnc/config": "enable_auth=true\nusername=a\npassword=hunter2\nprivate_key_file=HOME/key.pem\n"
         "certificate_file=HOME/cert.pem\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("port", _FILES)
def test_what_files_say_is_what_the_server_offers(servers: dict[int, Any], place: Path, port: int) -> None:
    assert servers
    argv, files = _FILES[port]
    home = place / str(port)
    home.mkdir()
    if port == 7133:
        made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=lab", "-days", "2")
        subprocess.run(
            [*made, "-keyout", str(home / "key.pem"), "-out", str(home / "cert.pem")], check=True, capture_output=True
        )
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text.replace("PASSWORD", str(place / "password")).replace("HOME", str(home)))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(place / "run")}
    environment |= {"WAYLAND_DISPLAY": "wayland-1"} if argv[0] == "wayvnc" else {}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(place / "password") if word == "PASSWORD" else word for word in argv],
            stdin=-3,
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        _wait_for(port, process)
        wire = offered(port)
        said = {one["subject"]: one for one in _audit(home, home / "out")["violations"]}.get(f"listener:tcp/{port}")
        if wire.in_clear:
            assert said is not None
            assert said["severity"] == ("critical" if wire.lets_anyone_in else "medium")
        else:
            assert said is None
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(
    ("layer", "level", "is_clear"), [("tls", "high", False), ("rdp", "high", True), ("negotiate", "low", True)]
)
def test_xrdp_is_judged_by_its_file_and_by_what_it_agrees_to(
    place: Path, layer: str, level: str, is_clear: bool
) -> None:  # fmt: skip
    home = place / f"xrdp-{layer}"
    home.mkdir()
    text = Path("/etc/xrdp/xrdp.ini").read_text(encoding="utf-8")
    changed = {"port": "7141", "security_layer": layer, "crypt_level": level, "fork": "true"}
    lines, is_global = [], False
    for line in text.splitlines():
        is_global = line.strip().lower() == "[globals]" if line.startswith("[") else is_global
        key = line.partition("=")[0].strip()
        lines.append(f"{key}={changed[key]}" if is_global and key in changed else line)
    (home / "xrdp.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
    bound = f"mount --make-rprivate / && mount --bind {home}/xrdp.ini /etc/xrdp/xrdp.ini && exec "
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", bound + "xrdp --nodaemon"], stdin=-3, stdout=-3, stderr=-3
    )
    try:
        _wait_for(7141, process)
        takes_old = _takes_rdps_own_encryption(7141)
        said = _audit(home, home / "out", f"mount --bind {home}/xrdp.ini /etc/xrdp/xrdp.ini")["violations"]
        found = [one for one in said if one["subject"] == "listener:tcp/7141"]
        assert takes_old is (layer != "tls")
        assert bool(found) is is_clear
    finally:
        process.terminate()
        process.wait(20)


def _takes_rdps_own_encryption(port: int) -> bool:
    """Ask for no more than standard RDP security (MS-RDPBCGR 2.2.1.1): a server of TLS alone refuses it."""
    request = bytes.fromhex("030000130ee000000000000100080000000000")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.sendall(request)
        answer = stream.recv(64)
    # A connection confirmed (X.224, 13.4) and not with a failure in it (MS-RDPBCGR 2.2.1.2.2); xrdp hangs up by MCS.
    is_confirmed = len(answer) > 5 and answer[5] == 0xD0
    return is_confirmed and not (len(answer) >= 19 and answer[11] == 3)
