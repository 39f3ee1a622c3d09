"""Settings of VNC and RDP servers are told by name; a password never is, and nothing in a home borrows root's eyes."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed"),
]
_SHELLS = ("dash", "busybox", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "mksh", "zsh")))
_PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n"
    "alice:x:4001:4001:Alice:/home/alice:/bin/sh\n"
    "mallory:x:4002:4002:Mallory:/home/mallory:/bin/sh\n"
)
_SETUP = r"""
set -e
mount --make-rprivate /
mount --bind "$0" /etc/passwd
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=700 tmpfs /root
for folder in xrdp tigervnc vnc; do
    [ -d /etc/$folder ] || continue
    mount -t tmpfs -o mode=755 tmpfs /etc/$folder
done
echo secret-of-root >/root/secret
if [ -d /etc/xrdp ]; then
    printf '; a comment\n[Globals]\nport=3389\nsecurity_layer = rdp\n' >/etc/xrdp/xrdp.ini
    printf 'crypt_level=low\n[Xorg]\nport=-1\n' >>/etc/xrdp/xrdp.ini
    printf 'username=ask\npassword=hunter2\n' >>/etc/xrdp/xrdp.ini
fi
a=/home/alice
mkdir -p $a/.vnc $a/.config/wayvnc $a/.config/tigervnc
printf '# mine\n$SecurityTypes = "TLSVnc,VncAuth"; # why\n$PasswordFile = "x";\n' >$a/.vnc/tigervnc.conf
printf 'securitytypes=None\nlocalhost\n' >$a/.config/tigervnc/config
printf 'nopw\n-rfbauth /home/alice/p\npasswd hunter2\n-rfbport 5901\n' >$a/.x11vncrc
printf 'enable_auth=true\nusername=a\npassword=hunter2\nrelax_encryption=true\n' >$a/.config/wayvnc/config
printf '[Security]\nallowUnattendedAccess=true\nunattendedAccessPassword=hunter2\n' >$a/.config/krfbrc
printf 12345678 >$a/.vnc/passwd
chmod 644 $a/.vnc/passwd
m=/home/mallory
mkdir -p $m/.vnc $m/.config
ln -s /root/secret $m/.vnc/config
mkfifo $m/.x11vncrc
ln -s /dev/zero $m/.vnc/passwd
printf 'securitytypes=a\thome\troot\t/root\tset\n' >$m/.vnc/tigervnc.conf
chown -R 4001:4001 $a
chown -hR 4002:4002 $m
chmod 700 $m
chmod 755 $a
exec "$@"
"""


@pytest.fixture
def inside(tmp_path: Path) -> tuple[str, ...]:
    passwd = tmp_path / "passwd"
    passwd.write_text(_PASSWD)
    return ("unshare", "--mount", "sh", "-c", _SETUP, str(passwd))


def _told(answer: Any, user: str | None) -> set[tuple[str, str, str]]:
    return {(one.file, one.key, one.value) for _, one in answer.parsed.facts if one.user == user}


@pytest.mark.parametrize("shell", _SHELLS)
def test_settings_are_told_by_name(shell: str, inside: tuple[str, ...], run_fragment: Run) -> None:
    answer = run_fragment("remote_config.servers", interpreter=shell, inside=inside)
    assert answer.words == set()
    assert answer.parsed.unread == ()
    assert answer.parsed.partial is None
    home = "/home/alice"
    assert _told(answer, "alice") == {
        (f"{home}/.vnc/tigervnc.conf", "SecurityTypes", "TLSVnc,VncAuth"),
        (f"{home}/.config/tigervnc/config", "securitytypes", "None"),
        (f"{home}/.x11vncrc", "nopw", ""),
        (f"{home}/.x11vncrc", "rfbauth", ""),
        (f"{home}/.x11vncrc", "passwd", ""),
        (f"{home}/.config/wayvnc/config", "enable_auth", "true"),
        (f"{home}/.config/wayvnc/config", "relax_encryption", "true"),
        (f"{home}/.config/krfbrc", "allowUnattendedAccess", "true"),
        (f"{home}/.vnc/passwd", "password file", "-rw-r--r---drwxr-xr-x-drwxr-xr-x 4001"),
    }
    if Path("/etc/xrdp").is_dir():
        assert {(key, value) for _, key, value in _told(answer, None)} == {
            ("port", "3389"), ("security_layer", "rdp"), ("crypt_level", "low"),
        }  # fmt: skip


@pytest.mark.parametrize("shell", _SHELLS)
def test_no_secret_is_told_and_nothing_borrows_the_eyes_of_root(
    shell: str, inside: tuple[str, ...], run_fragment: Run
) -> None:
    answer = run_fragment("remote_config.servers", interpreter=shell, inside=inside)
    assert "hunter2" not in answer.text
    assert "secret-of-root" not in answer.text
    assert "12345678" not in answer.text
    assert _told(answer, "root") == set()
    assert _told(answer, "mallory") == {
        ("/home/mallory/.vnc/tigervnc.conf", "securitytypes", "a home root /root set"),
    }


def test_an_account_is_told_that_homes_are_closed(inside: tuple[str, ...], run_fragment: Run) -> None:
    setpriv = ("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups")
    answer = run_fragment("remote_config.servers", inside=(*inside, *setpriv))
    assert ("partial", "only root can look into the home folders of others") in answer.outcomes
    assert ("/home/alice/.x11vncrc", "nopw", "") in _told(answer, "alice")
