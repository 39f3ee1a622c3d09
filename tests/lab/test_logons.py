"""Who came in from outside is told as it was: by servers that run, with clients that connect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.auditing import audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host

pytestmark = pytest.mark.lab

# A viewer: it says its version, takes no authentication, asks for encodings and a picture, and goes.
_VIEWER = r"""
import socket, struct, sys, time
for _ in range(50):
    try:
        viewer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        break
    except OSError:
        time.sleep(0.1)
viewer.sendall(viewer.recv(12))
viewer.recv(viewer.recv(1)[0])
viewer.sendall(b"\x01")
assert viewer.recv(4) == b"\0\0\0\0"
viewer.sendall(b"\x01")
viewer.recv(64)
viewer.sendall(struct.pack(">BxHi", 2, 1, 0) + struct.pack(">BBHHHH", 3, 0, 0, 0, 8, 8))
viewer.recv(64)
# x11vnc notes who it is that looks when it next has the time: while a viewer is there, and not before.
time.sleep(float(sys.argv[2]))
"""
# One that goes away before it was let in: no logon.
_SCANNER = "import socket, sys; print(socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(12))"


@pytest.fixture
def server(fleet: Fleet) -> Iterator[tuple[Host, dict[str, int]]]:
    """Run TigerVNC and x11vnc on a host, as units that log into the journal, and end them."""
    if not fleet.with_systemd:
        pytest.skip("systemd-nspawn is not installed")
    host = fleet.host("systemd-sockets")
    ports = {"tigervnc": 5911, "x11vnc": 5912}
    start = "systemd-run -q --unit={0} -p SyslogIdentifier={1} "
    tiger = f"/usr/bin/Xtigervnc :11 -rfbport {ports['tigervnc']} -SecurityTypes None -localhost=1"
    x11vnc = (
        f"/usr/bin/x11vnc -display none -rawfb map:/var/lib/lab/framebuffer@8x8x8 -nopw -forever -localhost "
        f"-rfbport {ports['x11vnc']}"
    )
    host.run(start.format("lab-tiger", "Xtigervnc") + tiger)
    host.run(start.format("lab-x11vnc", "x11vnc") + x11vnc)
    try:
        yield host, ports
    finally:
        host.run("systemctl stop lab-tiger lab-x11vnc || :")


def _logons(fleet: Fleet, host: Host, folder: Path) -> list[dict[str, Any]]:
    done = audit(fleet.lab, inventory_of(fleet.lab, [host], folder / "inventory.yml"), folder)
    (row,) = done.results["hosts"]
    assert {one["id"]: one["outcome"] for one in row["sections"] if one["id"].startswith("logons.")}.keys() >= {
        "logons.journal", "logons.server_logs", "logons.wtmp",
    }  # fmt: skip
    assert done.verdicts(host.name)["complete_inventory"] == "pass"
    assert (folder / "reports").is_dir()
    logons: list[dict[str, Any]] = row["logons"]
    assert row["logon_count"] == len(logons)
    return logons


def test_viewers_are_told_and_scanners_are_not(
    server: tuple[Host, dict[str, int]], fleet: Fleet, tmp_path: Path
) -> None:
    host, ports = server
    for port in ports.values():
        host.run(f"python3 -c '{_VIEWER}' {port} 3")
        host.run(f'python3 -c "{_SCANNER}" {port}')
    host.run("sleep 1; journalctl --sync || :")
    seen = {(one["product"], one["source"], one["succeeded"]) for one in _logons(fleet, host, tmp_path)}
    assert {("tigervnc", "127.0.0.1", True), ("x11vnc", "127.0.0.1", True)} <= seen
    assert sum(1 for product, _, _ in seen if product in ports) == len(ports)


def test_a_host_without_wtmp_tells_of_ssh_by_its_journal(fleet: Fleet, tmp_path: Path) -> None:
    if not fleet.with_systemd:
        pytest.skip("systemd-nspawn is not installed")
    host = fleet.host("trixie-clean")
    assert host.run("[ -s /var/log/wtmp ] && echo there || :").strip() == ""
    logons = _logons(fleet, host, tmp_path)
    assert ("ssh", "root") in {(one["product"], one["user"]) for one in logons if one["succeeded"]}
