"""Real VNC and RDP servers listen on loopback, with a password and TLS, and are then as they were."""

import pytest

from tests.playbooks.lab.conftest import Run
from tests.playbooks.lab.hosts import Host
from tests.playbooks.lab.rounds import back, there

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_SERVERS = r"""
useradd -m -s /bin/sh u
mkdir -p ~u/.vnc
printf 'secret12\nsecret12\nn\n' | tigervncpasswd ~u/.vnc/passwd >/dev/null 2>&1
printf '#!/bin/sh\nexec sleep 100000\n' >~u/.vnc/xstartup
printf '$localhost = "no";\n$SecurityTypes = "VncAuth";\n1;\n' >~u/.vnc/tigervnc.conf
chmod 755 ~u/.vnc/xstartup; chown -R u: ~u/.vnc; chmod 600 ~u/.vnc/passwd
cp ~u/.vnc/passwd /etc/x11vnc.pass
echo ':1=u' >>/etc/tigervnc/vncserver.users
printf '[Service]\nExecStart=/usr/bin/x11vnc -display none -rawfb map:/etc/passwd@8x8x8 -forever \\\n -nopw' \
    >/etc/systemd/system/x11vnc.service
printf ' -rfbport 5900\n' >>/etc/systemd/system/x11vnc.service
printf '[Install]\nWantedBy=multi-user.target\n' >>/etc/systemd/system/x11vnc.service
systemctl daemon-reload
systemctl enable --now xrdp x11vnc tigervncserver@:1
"""
_PORTS = (3389, 5900, 5901)
_ASKED: dict[str, object] = {
    "servers": ["tigervnc", "x11vnc", "xrdp"],
    "units": ["xrdp", "x11vnc", "tigervncserver@:1"],
    "x11vnc_password_file": "/etc/x11vnc.pass",
}
_TALK = r"""
import socket, ssl
def vnc(server):
    banner = server.recv(12)
    server.sendall(banner)
    return list(server.recv(server.recv(1)[0]))
def connect(port):
    return socket.create_connection(("127.0.0.1", port), 60)
def rdp(protocols):
    server = connect(3389)
    server.sendall(bytes.fromhex("030000130ee0000000000001000800") + protocols.to_bytes(4, "little"))
    return server, server.recv(19)[11]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
print("tigervnc", vnc(connect(5901)))
print("x11vnc", vnc(context.wrap_socket(connect(5900))))
print("rdp", rdp(0)[1])
server, answer = rdp(1)
print("tls", answer, context.wrap_socket(server).version())
"""


def _doors(host: Host) -> dict[str, bool]:
    return host.doors(*_PORTS)


def _up(host: Host) -> None:
    for port in _PORTS:
        host.wait_for(f"ss -ltn | grep -q ':{port} '")


def test_servers_are_hardened_and_come_back_as_they_were(host: Host, run: Run) -> None:
    host.run(_SERVERS)
    _up(host)
    before = _doors(host)
    assert before == dict.fromkeys(before, True)
    capsule = there(run, "harden_vnc", "vnc", _ASKED, lambda: _doors(host))
    _up(host)
    assert _doors(host) == dict.fromkeys(before, False)
    talked = dict(line.split(" ", 1) for line in host.run(f"python3 - <<'END'\n{_TALK}\nEND").splitlines())
    # 19 is VeNCrypt, VNC over TLS; 2 a password (x11vnc was asked over TLS). Of RDP, 3 is a refusal and 2 a yes.
    assert talked == {"tigervnc": "[19]", "x11vnc": "[2]", "rdp": "3", "tls": "2 TLSv1.3"}
    back(run, "restore_vnc", "vnc", capsule)
    _up(host)
    assert _doors(host) == before
    assert host.run("ls -d /etc/systemd/system/*.d 2>/dev/null || :") == ""


def test_a_server_that_nobody_could_log_in_to_is_refused(host: Host, run: Run) -> None:
    host.run(_SERVERS)
    refused = run("harden_vnc", {**_ASKED, "x11vnc_password_file": ""}, status="failed")
    assert "x11vnc_password_file" in refused.said
