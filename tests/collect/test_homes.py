"""What lies in homes is read with the rights of its account: nothing there hangs the probe or borrows root's eyes."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.model.facts.services import Service, StartMode

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed"),
]
_SHELLS = ("dash", "busybox", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "mksh", "zsh")))
_PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n"
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "alice:x:4001:4001:Alice:/home/alice:/bin/sh\n"
    "mallory:x:4002:4002:Mallory:/home/mallory:/bin/sh\n"
    "gone:x:4004:4004::/home/gone:/bin/sh\n"
)
# A mount namespace of its own: homes on a file system of its own, accounts of its own.
_SETUP = r"""
set -e
mount --make-rprivate /
mount --bind "$0" /etc/passwd
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=700 tmpfs /root
mkdir -p /root/secret
printf '[Desktop Entry]\nExec=/root/secret/x11vnc\n' >/root/secret/top.desktop
unit() {
    printf '[Unit]\nDescription=%s\n[Service]\nExecStart=%s\n[Install]\nWantedBy=default.target\n' "$2" "$3" >"$1"
}

u=/home/alice/.config/systemd/user
mkdir -p $u/default.target.wants /home/alice/.config/autostart /home/alice/.vnc
unit $u/screen.service "Screen of alice" "/usr/bin/x11vnc -forever"
ln -s ../screen.service $u/default.target.wants/screen.service
ln -s /usr/lib/systemd/user/gone.service $u/default.target.wants/gone.service
ln -s /dev/null $u/tracker.service
a=/home/alice/.config/autostart
printf '[Desktop Entry]\nName=Share\nExec=krfb --nodialog\n[Desktop Action x]\nExec=other\n' >$a/krfb.desktop
printf '[Desktop Entry]\nExec=vino-server\nHidden=true\n' >$a/vino.desktop
printf '[Desktop Entry]\nExec=wayvnc\n' >"$a/für alle (1).desktop"
printf '#!/bin/sh\n# comment\nexport A=1\nx11vnc -nopw &\nexec startxfce4\n' >/home/alice/.xsession

m=/home/mallory/.config
mkdir -p $m/systemd/user $m/systemd/user/x.service.d /home/mallory/.vnc
mkfifo $m/systemd/user/pipe.service $m/systemd/user/x.service.d/a.conf /home/mallory/.xprofile
ln -s /etc/shadow $m/systemd/user/shadow.service
ln -s /root/secret $m/autostart
ln -s /dev/zero /home/mallory/.vnc/xstartup
unit "$m/systemd/user/two
lines.service" faked /usr/bin/x11vnc
unit "$m/systemd/user/tab	home	root	.service" faked /usr/bin/x11vnc
printf '[Service]\nExecStart=/bin/true\thome\troot\t/root\tunit\n' >$m/systemd/user/y.service

mkdir -p /home/dave/.config/systemd/user
unit /home/dave/.config/systemd/user/wayvnc.service "Known to a directory only" /usr/bin/wayvnc

chown -R 4001:4001 /home/alice
chown -hR 4002:4002 /home/mallory
chown -R 4003:4003 /home/dave
chmod 700 /home/*
exec "$@"
"""


@pytest.fixture
def inside(tmp_path: Path) -> tuple[str, ...]:
    """Give the command that goes before another to run it among homes of our own."""
    passwd = tmp_path / "passwd"
    passwd.write_text(_PASSWD)
    return ("unshare", "--mount", "sh", "-c", _SETUP, str(passwd))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that every account can look into; pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _of(answer: Any, user: str | None) -> dict[str, Service]:
    return {fact.name: fact for _, fact in answer.parsed.facts if isinstance(fact, Service) and fact.user == user}


@pytest.mark.parametrize("shell", _SHELLS)
def test_units_in_homes_are_read_as_their_owner(shell: str, inside: tuple[str, ...], run_fragment: Run) -> None:
    started = time.monotonic()
    answer = run_fragment("services.user_units", interpreter=shell, inside=inside)
    assert time.monotonic() - started < 5
    assert answer.words == set()
    assert answer.parsed.unread == ()
    alice = _of(answer, "alice")
    assert {name: one.start for name, one in alice.items()} == {
        "screen.service": StartMode.AUTOMATIC,
        "tracker.service": StartMode.MASKED,
    }
    assert alice["screen.service"].command == "/usr/bin/x11vnc -forever"
    assert alice["screen.service"].file == "/home/alice/.config/systemd/user/screen.service"
    assert _of(answer, "dave")["wayvnc.service"].command == "/usr/bin/wayvnc"


def test_nothing_in_a_home_borrows_the_eyes_of_root(inside: tuple[str, ...], run_fragment: Run) -> None:
    units = run_fragment("services.user_units", inside=inside)
    entries = run_fragment("services.autostart", inside=inside)
    for answer in (units, entries):
        assert answer.parsed.unread == ()
        assert "root:" not in answer.text
        assert "secret" not in answer.text
    assert set(_of(units, "mallory")) == {"pipe.service", "shadow.service", "y.service"}
    # What cannot be opened says so by its kind, and a faked line stays the owner's own.
    assert _of(units, "root") == {}
    assert _of(entries, "mallory") == {}


@pytest.mark.parametrize("shell", _SHELLS)
def test_entries_and_scripts_of_a_session(shell: str, inside: tuple[str, ...], run_fragment: Run) -> None:
    answer = run_fragment("services.autostart", interpreter=shell, inside=inside)
    assert answer.words == set()
    alice = _of(answer, "alice")
    assert {name: (one.start, one.command) for name, one in alice.items()} == {
        "krfb.desktop": (StartMode.AUTOMATIC, "krfb --nodialog"),
        "vino.desktop": (StartMode.DISABLED, "vino-server"),
        "für alle (1).desktop": (StartMode.AUTOMATIC, "wayvnc"),
        ".xsession": (StartMode.AUTOMATIC, "export A=1 ; x11vnc -nopw & ; exec startxfce4"),
    }


def test_a_stranger_is_told_that_homes_are_closed(inside: tuple[str, ...], run_fragment: Run) -> None:
    setpriv = ("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups")
    answer = run_fragment("services.user_units", inside=(*inside, *setpriv))
    assert ("partial", "only root can look into the home folders of others") in answer.outcomes
    assert "screen.service" in _of(answer, "alice")


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        pytest.param(("setpriv",), set(), id="setpriv-alone"),
        pytest.param(("chroot",), set(), id="chroot-alone"),
        pytest.param(("setpriv", "chroot", "timeout"), set(), id="all"),
        pytest.param((), {"partial"}, id="none-of-them"),
    ],
)
def test_who_can_become_the_owner(
    tools: tuple[str, ...], words: set[str], inside: tuple[str, ...], run_fragment: Run, open_folder: Path
) -> None:
    folder = open_folder
    for name in ("cat", "date", "id", "sleep", "awk", "sh", "true", "ls", "ps", *tools):
        (folder / name).symlink_to(shutil.which(name) or "/nowhere")
    answer = run_fragment("services.user_units", inside=inside, path=str(folder))
    assert answer.words == words
    assert ("screen.service" in _of(answer, "alice")) is (not words)
