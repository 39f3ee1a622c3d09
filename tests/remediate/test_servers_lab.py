"""Real servers of VNC and RDP, as services, through the whole chain: hardened, disabled, removed, put aside, undone."""

import json

import pytest

from auditor.cli.main import main
from tests.playbooks.lab.hosts import Host
from tests.remediate.desks import Desk

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_PORTS = {"xrdp": 3389, "x11vnc": 5900, "tigervnc": 5901, "tightvnc": 5902}
# TigerVNC and xrdp by the units of their packages, TightVNC and x11vnc by units as guides have them, vino for sessions.
_SERVERS = r"""
useradd -m -s /bin/bash u
mkdir -p ~u/.vnc
printf 'secret12\nsecret12\nn\n' | tigervncpasswd ~u/.vnc/passwd >/dev/null 2>&1
printf '#!/bin/sh\nexec sleep 100000\n' >~u/.vnc/xstartup
printf '$localhost = "no";\n$SecurityTypes = "VncAuth";\n1;\n' >~u/.vnc/tigervnc.conf
chmod 755 ~u/.vnc/xstartup; chown -R u: ~u/.vnc; chmod 600 ~u/.vnc/passwd
install -m 600 ~u/.vnc/passwd /etc/x11vnc.pass
echo ':1=u' >>/etc/tigervnc/vncserver.users
sed -i 's/^security_layer=.*/security_layer=rdp/' /etc/xrdp/xrdp.ini
{
    printf '[Service]\nType=forking\nUser=u\nExecStart=/usr/bin/tightvncserver :2 -geometry 640x480\n'
    printf 'ExecStop=-/usr/bin/tightvncserver -kill :2\n[Install]\nWantedBy=multi-user.target\n'
} >/etc/systemd/system/tightvncserver.service
mkdir -p /etc/systemd/user/graphical-session.target.wants
ln -s /usr/lib/systemd/user/vino-server.service /etc/systemd/user/graphical-session.target.wants/
systemctl daemon-reload
systemctl enable -q --now xrdp tigervncserver@:1 tightvncserver
"""
_TALK = r"""
import json, socket
def vnc(server):
    banner = server.recv(12)
    server.sendall(banner)
    return sorted(server.recv(server.recv(1)[0]))
def connect(port):
    return socket.create_connection(("127.0.0.1", port), 60)
def rdp(protocols):
    server = connect(3389)
    server.sendall(bytes.fromhex("030000130ee0000000000001000800") + protocols.to_bytes(4, "little"))
    answer = server.recv(19)
    return [answer[11], answer[15]]
ports = {"x11vnc": 5900, "tigervnc": 5901, "tightvnc": 5902}
print(json.dumps({name: vnc(connect(port)) for name, port in ports.items()} | {"xrdp": rdp(1)}))
"""
# RFC 6143, 7.1.2: 1 is no password, 2 a password; 16 is TightVNC's own, 18 and 19 are VNC over TLS.
# MS-RDPBCGR 2.2.1.2, to a client that can do TLS: 2 is a yes, to protocol 0 (RDP's own encryption) or 1 (TLS).
_WEAK = {"x11vnc": [1], "tigervnc": [2], "tightvnc": [2, 16], "xrdp": [2, 0]}
_HARD = {"x11vnc": [18, 19], "tigervnc": [19], "tightvnc": [2, 16], "xrdp": [2, 1]}


def _office(desk: Desk) -> Host:
    host = desk.more("desk")
    desk.serve()
    host.run(_SERVERS)
    _up(host)
    return host


def _up(host: Host) -> None:
    for port in _PORTS.values():
        host.wait_for(f"ss -ltn | grep -q ':{port} '")


def _open(host: Host) -> dict[str, bool]:
    doors = host.doors(*_PORTS.values(), families=(4,))
    return {name: doors[f"{port} ip4"] for name, port in _PORTS.items()}


def _talk(host: Host) -> dict[str, object]:
    said: dict[str, object] = json.loads(host.run(f"python3 - <<'END'\n{_TALK}\nEND"))
    return said


_ALL = dict.fromkeys(_PORTS, True)
_NONE = dict.fromkeys(_PORTS, False)


def _applied(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(desk.words("apply"))
    row = desk.status(capsys)
    assert (code, row["stands"], row["findings_closed"]) == (0, "closed", row["findings"]), row


def _rolled_back(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(desk.words("rollback"))
    row = desk.status(capsys)
    assert (code, row["stands"], row["findings_closed"]) == (0, "rolled back", 0), row


def test_servers_are_hardened_by_a_plan(empty_desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk = empty_desk
    host = _office(desk)
    assert _open(host) == _ALL
    assert _talk(host) == _WEAK
    desk.audit()
    plays = desk.plan("--control", "server_security", "--x11vnc-password-file", "/etc/x11vnc.pass")
    assert set(plays) == {"harden_vnc"}
    assert {step["servers"]: step["units"] for step in plays["harden_vnc"]} == {
        ("tigervnc",): ("tigervncserver@:1.service",),
        ("tightvnc",): ("tightvncserver.service",),
        ("x11vnc",): ("x11vnc.service",),
        ("xrdp",): ("xrdp-sesman.service", "xrdp.service"),
    }
    _applied(desk, capsys)
    _up(host)
    # Nobody has approved them: they listen on loopback alone, besides.
    assert _open(host) == _NONE
    assert _talk(host) == _HARD
    _rolled_back(desk, capsys)
    _up(host)
    assert _open(host) == _ALL
    assert _talk(host) == _WEAK
    assert desk.evidence()["differs"] == []


def test_what_starts_by_itself_is_disabled_by_a_plan(empty_desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk = empty_desk
    host = _office(desk)
    looks = (
        "systemctl is-enabled xrdp xrdp-sesman x11vnc tigervncserver@:1 tightvncserver; "
        "find /etc/systemd -type l -printf '%p %l\\n' | sort"
    )
    before = host.run(looks)
    desk.audit()
    plays = desk.plan("--control", "remote_access_at_boot")
    assert set(plays) == {"stop_service"}
    stopped = {(one["name"], one["init"]) for step in plays["stop_service"] for one in step["services"]}
    assert stopped >= {
        ("tigervncserver@:1.service", "systemd"),
        ("tightvncserver.service", "systemd"),
        ("vino-server.service", "systemd_user"),
        ("x11vnc.service", "systemd"),
        ("xrdp.service", "systemd"),
    }
    _applied(desk, capsys)
    assert _open(host) == _NONE
    assert host.run("readlink /etc/systemd/user/vino-server.service") == "/dev/null\n"
    host.reboot()
    assert _open(host) == _NONE
    _rolled_back(desk, capsys)
    _up(host)
    assert _open(host) == _ALL
    assert host.run(looks) == before
    assert desk.evidence()["differs"] == []


@pytest.mark.parametrize(
    "packages",
    [
        pytest.param({"tigervnc": "tigervnc-standalone-server", "tightvnc": "tightvncserver"}, id="virtual-desktops"),
        pytest.param({"vino": "vino", "x11vnc": "x11vnc", "xrdp": "xrdp"}, id="others"),
    ],
)
def test_products_are_removed_by_a_plan(
    empty_desk: Desk, capsys: pytest.CaptureFixture[str], packages: dict[str, str]
) -> None:
    desk = empty_desk
    host = _office(desk)
    looks = (
        "dpkg-query -W; systemctl is-enabled xrdp xrdp-sesman x11vnc tigervncserver@:1 tightvncserver; "
        "find /etc/xrdp /etc/tigervnc /etc/systemd -type f -exec sha256sum {} + | sort"
    )
    before = host.run(looks)
    desk.audit()
    plays = desk.plan("--control", "unapproved_product", *(f"--product={one}" for one in packages))
    assert set(plays) == {"stop_service", "remove_product"}
    assert {one["name"] for step in plays["remove_product"] for one in step["packages"]} == set(packages.values())
    _applied(desk, capsys)
    assert _open(host) == {name: name not in packages for name in _PORTS}
    gone = "dpkg-query -W -f='${db:Status-Abbrev} ${Package}\\n' | awk '$1 == \"ii\" { print $2 }' | grep -E"
    assert host.run(f"{gone} '^({'|'.join(packages.values())})$' || :") == ""
    _rolled_back(desk, capsys)
    _up(host)
    assert _open(host) == _ALL
    assert host.run(looks) == before


_COPY = """
mkdir -p ~u/bin && cp /usr/bin/x11vnc ~u/bin/x11vnc && chown -R u: ~u/bin && touch -d 2020-01-02 ~u/bin/x11vnc
head -c 4096 /dev/zero >~u/screen
systemd-run -q --unit=screen --uid=u /home/u/bin/x11vnc -display none -rawfb map:/home/u/screen@64x64x8 \
    -nopw -forever -rfbport 5950
"""


def test_a_users_own_copy_goes_into_quarantine_and_comes_back(
    empty_desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = empty_desk
    host = desk.more("desk")
    looks = "stat -c '%n %a %u %g %Y %s' /home/u/bin/x11vnc; sha256sum /home/u/bin/x11vnc"
    host.run(f"useradd -m -s /bin/bash u; {_COPY}")
    host.wait_for("ss -ltn | grep -q ':5950 '")
    assert host.reaches(5950)
    before = host.run(looks)
    desk.audit()
    plays = desk.plan("--control", "per_user_copy")
    assert plays == {"quarantine_program": [{"files": ("/home/u/bin/x11vnc",)}]}
    _applied(desk, capsys)
    assert not host.reaches(5950)
    assert host.run("find /home/u/bin -type f; stat -c %a /var/lib/auditor-quarantine") == "700\n"
    _rolled_back(desk, capsys)
    assert host.run(looks) == before
    assert host.run("ls /var/lib | grep auditor || :") == ""


# vino is nothing without a desktop: one of X, and a session that is there from the boot on.
_VINO = r"""
useradd -m -s /bin/bash u
printf '[Service]\nExecStart=/usr/bin/Xvfb :9 -nolisten tcp -ac\n[Install]\nWantedBy=multi-user.target\n' \
    >/etc/systemd/system/desktop.service
units=/etc/systemd/user
mkdir -p $units/default.target.wants $units/vino-server.service.d
ln -s /usr/lib/systemd/user/vino-server.service $units/default.target.wants/
printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nEnvironment=DISPLAY=:9\nRestart=on-failure\nRestartSec=1\n' \
    >$units/vino-server.service.d/desktop.conf
systemctl daemon-reload; systemctl enable -q --now desktop; loginctl enable-linger u
"""


def test_a_vino_that_runs_is_stopped_for_all_accounts_and_removed(
    empty_desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = empty_desk
    host = desk.more("desk")
    host.run(_VINO)
    listening = "ss -ltnp | grep -q ':5900 .*vino-server'"
    host.wait_for(listening)
    looks = "dpkg-query -W vino; find /etc/systemd/user -printf '%p %l\\n' | sort"
    before = host.run(looks)
    open_doors = {"5900 ip4": True, "5900 ip6": True}
    assert host.doors(5900) == open_doors
    desk.audit()
    plays = desk.plan("--product", "vino", "--control", "remote_access_at_boot", "--control", "unapproved_product")
    assert set(plays) == {"stop_service", "remove_product"}
    assert [one["packages"][0]["name"] for one in plays["remove_product"]] == ["vino"]
    assert ("vino-server.service", "systemd_user") in {
        (one["name"], one["init"]) for step in plays["stop_service"] for one in step["services"]
    }
    _applied(desk, capsys)
    assert host.doors(5900) == dict.fromkeys(open_doors, False)
    assert host.run("readlink /etc/systemd/user/vino-server.service; pgrep -x vino-server || :") == "/dev/null\n"
    host.reboot()
    assert host.doors(5900) == dict.fromkeys(open_doors, False)
    _rolled_back(desk, capsys)
    host.reboot()
    host.wait_for(listening)
    assert host.doors(5900) == open_doors
    assert host.run(looks) == before
    # What ran in a session comes back with the next one: so the evidence of the rollback says, which is older.
    assert desk.evidence()["differs"] == ["sockets.ss"]
