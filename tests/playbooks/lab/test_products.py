"""Products are taken off and put back, the very version from where it came; copies go into quarantine and out again."""

import pytest

from tests.playbooks.lab.conftest import Run
from tests.playbooks.lab.hosts import Host
from tests.playbooks.lab.rounds import back, there

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_COPY = """
mkdir -p /opt/tools && cp /usr/bin/sleep /opt/tools/anydesk
chown 1000:1000 /opt/tools/anydesk && chmod 751 /opt/tools/anydesk && touch -d 2020-01-02 /opt/tools/anydesk
setfattr -n user.note -v hello /opt/tools/anydesk
systemd-run -q --unit=anydesk /opt/tools/anydesk 100000
"""


def _seen(host: Host) -> tuple[bool, str]:
    return host.reaches(3389), host.run("pgrep -x anydesk || :")


def test_a_product_goes_and_comes_back(host: Host, run: Run) -> None:
    host.run(
        _COPY
        + "apt-mark auto vino; apt-mark hold x11vnc; echo '# ours' >>/etc/xrdp/sesman.ini; systemctl enable --now xrdp"
    )
    host.wait_for("ss -ltn | grep -q ':3389 '")
    digest = host.run("sha256sum </opt/tools/anydesk").split()[0]
    settings = host.run("sha256sum /etc/xrdp/sesman.ini")
    asked: dict[str, object] = {
        "removal_id": "r1",
        "packages": ["dpkg/xrdp", "dpkg/vino", "dpkg/x11vnc", "dpkg/not-there"],
        "copies": [f"{digest}:/opt/tools/anydesk", "-:/opt/tools/gone"],
    }
    capsule = there(run, "remove_product", "product", asked, lambda: _seen(host))
    assert _seen(host) == (False, "")
    left = host.run("dpkg-query -W -f='${db:Status-Abbrev}\\n' xrdp vino x11vnc 2>/dev/null || :")
    assert left == "rc \n"  # of xrdp, whose settings stay; the others had none
    assert host.run("pgrep -x xrdp || :") == ""
    assert (
        host.run("stat -c '%a %u' /var/lib/auditor-quarantine /var/lib/auditor-quarantine/r1").split("\n")[:2]
        == ["700 0"] * 2
    )
    back(run, "restore_product", "product", capsule)
    host.wait_for("ss -ltn | grep -q ':3389 '")
    assert host.reaches(3389)
    assert host.run("sha256sum /etc/xrdp/sesman.ini") == settings
    assert 'user.note="hello"' in host.run("getfattr -d --absolute-names /opt/tools/anydesk")
    assert host.run("ls /var/lib | grep auditor || :") == ""


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param({"packages": ["dpkg/libx11-6"]}, "would also remove", id="others-would-go-too"),
        pytest.param({"copies": ["-:/usr/bin/python3.11"]}, "belongs to a package", id="a-file-of-a-package"),
        pytest.param({"copies": ["-:/opt/link/x"]}, "goes over a link", id="over-a-link"),
        pytest.param({"copies": ["-:/home/u"]}, "folder of the system or of an account", id="a-home"),
        pytest.param({"copies": [f"{'0' * 64}:/opt/copy"]}, "its checksum differs", id="another-file"),
    ],
)
def test_what_is_not_meant_is_refused_and_stays(host: Host, run: Run, asked: dict[str, object], reason: str) -> None:
    host.run("mkdir -p /home/u /opt/real; ln -s real /opt/link; echo x >/opt/real/x; echo x >/opt/copy")
    before = host.run("find /opt /home | sort; dpkg-query -W")
    refused = run("remove_product", {"removal_id": "r1", **asked}, status="failed")
    assert reason in " ".join(refused.said.split())
    assert host.run("find /opt /home | sort; dpkg-query -W") == before


def test_a_vendors_uninstaller_runs_until_its_product_is_gone(host: Host, run: Run) -> None:
    host.run("mkdir /opt/agent; printf '#!/bin/sh\\nrm -r /opt/agent\\n' >/opt/agent/uninstall")
    host.run("chmod 755 /opt/agent/uninstall")
    asked: dict[str, object] = {
        "removal_id": "r1",
        "uninstallers": [{"argv": ["/opt/agent/uninstall", "--silent"], "removes": "/opt/agent"}],
    }
    assert run("remove_product", asked, check=True).changed == 1
    assert host.run("ls /opt") == "agent\n"
    assert run("remove_product", asked).changed == 1
    assert host.run("ls /opt") == ""
    assert run("remove_product", asked).changed == 0


_RPM = """
dnf -y -q install labvnc-1.0 >/dev/null
echo '# ours' >>/etc/labvnc.conf
systemctl daemon-reload; systemctl enable -q --now labvnc
"""
_PACMAN = r"""
mkdir -p /root/p/etc /var/cache/pacman/pkg && cd /root/p && echo x >etc/labpac.conf
printf 'pkgname = labpac\npkgbase = labpac\npkgver = 1.0-1\npkgdesc = x\narch = any\nsize = 2\n' >.PKGINFO
echo 'backup = etc/labpac.conf' >>.PKGINFO
tar --zstd -cf /var/cache/pacman/pkg/labpac-1.0-1-any.pkg.tar.zst .PKGINFO etc
printf '[options]\nSigLevel = Never\nArchitecture = auto\n' >/etc/pacman.conf
pacman --noconfirm -U /var/cache/pacman/pkg/labpac-1.0-1-any.pkg.tar.zst >/dev/null
echo '# ours' >>/etc/labpac.conf
"""


@pytest.mark.parametrize(
    ("prepare", "package", "settings", "gone"),
    [
        pytest.param(_RPM, "rpm/labvnc", "/etc/labvnc.conf", "! rpm -q labvnc", id="dnf"),
        pytest.param(_PACMAN, "pacman/labpac", "/etc/labpac.conf", "! pacman -Q labpac", id="pacman"),
    ],
)
def test_packages_of_others_go_and_come_back(
    host: Host, run: Run, prepare: str, package: str, settings: str, gone: str
) -> None:
    host.run(prepare)
    ours = host.run(f"cat {settings}")
    assert "# ours" in ours
    asked: dict[str, object] = {"removal_id": "r1", "packages": [package]}
    capsule = there(run, "remove_product", "product", asked, lambda: None)
    host.run(gone)
    back(run, "restore_product", "product", capsule)
    assert host.run(f"cat {settings}") == ours
    assert host.run(f"ls {settings}*") == f"{settings}\n"
