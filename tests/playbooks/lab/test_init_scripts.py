"""Services of System V init and OpenRC are stopped for good and come back, by real init scripts under no systemd."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.playbooks.lab import hosts
from tests.playbooks.plays import PLAYBOOKS

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_ENTER = r"""
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/urandom c 1 9
ip link set lo up
cat >script
exec chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 sh -ec "$3" </dev/null
"""
_PREPARE = {
    "sysv": "update-rc.d xrdp enable",
    "openrc": """
cd /srv/archive && dpkg -i --force-depends openrc_*.deb librc1_*.deb libeinfo1_*.deb >/dev/null 2>&1 || :; cd /
mkdir -p /run/openrc && touch /run/openrc/softlevel
rc-update -q add xrdp default
""",
}
_ROUND = """
/etc/init.d/xrdp start >/dev/null 2>&1; sleep 2
sh script capture system=xrdp >before
for verb in dry-stop stop stop; do echo $verb $(sh script $verb system=xrdp | tail -1); done
echo runs $(/etc/init.d/xrdp status >/dev/null 2>&1 && echo yes || echo no)
for verb in dry-restore restore restore; do echo $verb $(sh script $verb <before | tail -1); done
sh script capture system=xrdp >after
cmp before after && echo equal
cat before
"""


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("manager", ["sysv", "openrc"])
def test_an_init_script_stops_and_comes_back(manager: str, tmp_path: Path) -> None:
    names = ("opening", "service_units", "service")
    script = "\n".join((PLAYBOOKS / "scripts" / f"{name}.sh").read_text() for name in names)
    space = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    inside = _PREPARE[manager] + "\n" + _ROUND
    done = subprocess.run(
        [*space, "sh", "-c", _ENTER, "sh", str(tmp_path), str(hosts.TREE), inside],
        input=script,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[:8] == [
        "dry-stop changed",
        "stop changed",
        "stop same",
        "runs no",
        "dry-restore changed",
        "restore changed",
        "restore same",
        "equal",
    ], done.stdout + done.stderr
    assert lines[8:10] == [f"manager\t{manager}", "script\txrdp\tactive"]
    assert any(line.startswith("link\t") for line in lines)
