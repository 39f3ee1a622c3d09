"""Services of real servers are stopped for good and come back as they were."""

import pytest

from tests.playbooks.lab.conftest import Run
from tests.playbooks.lab.hosts import Host
from tests.playbooks.lab.rounds import back, capture, there

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_UNITS = r"""
printf '[Service]\nExecStart=/usr/bin/x11vnc -display none -rawfb map:/etc/passwd@8x8x8 -forever -rfbport 5905\n' \
    >/etc/systemd/system/x11vnc.service
printf '[Install]\nWantedBy=multi-user.target\nAlias=screen.service\n' >>/etc/systemd/system/x11vnc.service
printf '[Socket]\nListenStream=5906\nAccept=yes\n[Install]\nWantedBy=sockets.target\n' >/etc/systemd/system/door.socket
printf '[Service]\nExecStart=/bin/cat\nStandardInput=socket\n' >/etc/systemd/system/door@.service
printf '[Service]\nExecStart=/bin/sleep 1000\n' >/usr/lib/systemd/system/static-vnc.service
printf '[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n' >/etc/systemd/system/x11vnc.timer
systemctl daemon-reload
systemctl enable --now xrdp x11vnc door.socket x11vnc.timer
systemctl start static-vnc
"""
_PORTS = (3389, 5905, 5906)


def _doors(host: Host) -> dict[int, bool]:
    doors = host.doors(*_PORTS, families=(4,))
    return {port: doors[f"{port} ip4"] for port in _PORTS}


def _up(host: Host) -> None:
    for port in _PORTS:
        host.wait_for(f"ss -ltn | grep -q ':{port} '")


def test_services_sockets_and_timers_stop_and_come_back(host: Host, run: Run) -> None:
    host.run(_UNITS)
    _up(host)
    # xrdp has an init script besides; stopping x11vnc by name has to stop the timer that would start it again.
    asked: dict[str, object] = {"units": ["xrdp", "xrdp-sesman", "x11vnc", "door.socket", "static-*"]}
    capsule = there(run, "stop_service", "service", asked, lambda: _doors(host))
    assert _doors(host) == dict.fromkeys(_PORTS, False)
    shown = host.run("systemctl is-active xrdp x11vnc door.socket x11vnc.timer static-vnc || :")
    assert shown.split() == ["inactive"] * 5
    shown = host.run("systemctl is-enabled xrdp x11vnc door.socket x11vnc.timer static-vnc || :")
    assert shown.split() == ["disabled"] * 4 + ["masked"]
    assert host.run("systemctl --failed --no-legend") == ""
    host.reboot()
    assert _doors(host) == dict.fromkeys(_PORTS, False)
    back(run, "start_service", "service", capsule)
    _up(host)
    assert _doors(host) == dict.fromkeys(_PORTS, True)
    host.reboot()
    _up(host)


def test_a_unit_that_was_off_or_masked_is_so_again(host: Host, run: Run) -> None:
    host.run("systemctl mask xrdp-sesman; systemctl start xrdp || :; systemctl disable xrdp")
    asked: dict[str, object] = {"units": ["xrdp", "xrdp-sesman", "not-there"]}
    capsule = capture(run, "service", asked)
    run("stop_service", asked)
    run("start_service", {"capsule": capsule})
    assert capture(run, "service", asked) == capsule


def test_units_of_sessions_are_masked_for_every_account(host: Host, run: Run) -> None:
    asked: dict[str, object] = {"user_units": ["vino-server"]}
    capsule = there(run, "stop_service", "service", asked, lambda: None)
    assert host.run("readlink /etc/systemd/user/vino-server.service") == "/dev/null\n"
    back(run, "start_service", "service", capsule)
    assert host.run("find /etc/systemd/user -name 'vino*'") == ""
