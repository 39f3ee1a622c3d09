"""How trees of other package managers are made: databases by the real rpm, dnf and pacman, of packages without content.

Each entry is the layers below and the script. What is planted is a name, a version and a maker in a database, as dnf
or pacman would have it after an installation from a repository; what runs is another role's business.
"""

# rpmbuild makes every package of one description; dnf installs from a repository with its own id.
_SPECS = r"""
mkdir -p /srv/lab/base /srv/lab/third /etc/rpm /etc/yum.repos.d /tmp/lab
cd /tmp/lab
printf '%%_dbpath /var/lib/rpm\n' >/etc/rpm/macros
package() {
    printf 'Name: %s\nVersion: %s\nRelease: %s\nSummary: %s\nVendor: %s\nLicense: Apache-2.0\nBuildArch: noarch\n' \
        "$2" "$3" "$4" "$2" "$5" >"$2.spec"
    printf '%%description\nA package of the laboratory.\n%%files\n' >>"$2.spec"
    rpmbuild --quiet -bb --define "_rpmdir /srv/lab/$1" --define "_topdir /tmp/lab/top" "$2.spec"
}
for name in bash coreutils glibc openssl-libs kernel-core systemd dnf rpm chrony firewalld NetworkManager vim-minimal \
    libvncserver tigervnc tigervnc-license xorg-x11-server-common postgresql-server nginx python3-libs zlib; do
    package base "$name" 1.2.3 4.el9 "Lab Enterprise Linux"
done
package base tigervnc-server 1.14.1 1.el9 "Lab Enterprise Linux"
package third anydesk 6.4.0 1 "AnyDesk Software GmbH"
package third x11vnc 0.9.16 7.el9 "Lab Enterprise Linux"
for repository in base third; do
    createrepo_c -q "/srv/lab/$repository"
    printf '[%s]\nname=%s\nbaseurl=file:///srv/lab/%s\ngpgcheck=0\n' "$repository" "$repository" "$repository"
done >/etc/yum.repos.d/lab.repo
dnf -q -y --releasever=9 install bash coreutils glibc openssl-libs kernel-core systemd dnf rpm chrony firewalld \
    NetworkManager vim-minimal libvncserver tigervnc tigervnc-license xorg-x11-server-common python3-libs zlib
dnf -q -y --releasever=9 install postgresql-server nginx x11vnc
# What was removed is in dnf's history, and on no disk.
dnf -q -y --releasever=9 remove x11vnc
rm -rf /tmp/lab /var/cache/dnf /var/log/dnf* /var/log/hawkey*
"""
_PLANT_RPM = r"""
dnf -q -y --releasever=9 install tigervnc-server anydesk
rm -rf /var/cache/dnf /var/log/dnf* /var/log/hawkey*
"""
_PACMAN = r"""
mkdir -p /srv/lab/core /tmp/lab
package() {
    rm -rf /tmp/lab/tree
    mkdir -p /tmp/lab/tree/usr
    printf '%s = %s\n' pkgname "$1" pkgbase "$1" pkgver "$2" pkgdesc "$1" url https://example.org/ \
        builddate 1700000000 packager 'Lab Packager <packager@example.org>' size 1 arch x86_64 >/tmp/lab/tree/.PKGINFO
    tar --zstd -C /tmp/lab/tree -cf "/srv/lab/core/$1-$2-x86_64.pkg.tar.zst" .PKGINFO usr
}
for name in bash coreutils glibc linux systemd pacman openssl zlib libvncserver nginx; do package "$name" 1.2.3-4; done
package tigervnc 1.14.1-2
printf '[options]\nArchitecture = x86_64\nSigLevel = Never\nLocalFileSigLevel = Never\n' >/etc/pacman.conf
cd /srv/lab/core
for file in *.zst; do case $file in tigervnc-*) ;; *) set -- "$@" "$file" ;; esac; done
pacman --noconfirm -U "$@" >/dev/null
rm -rf /tmp/lab /var/cache/pacman /var/log/pacman.log
"""
_PLANT_PACMAN = r"""
pacman --noconfirm -U /srv/lab/core/tigervnc-*.zst >/dev/null
rm -rf /var/cache/pacman /var/log/pacman.log
"""
_INSTALL = "apt-get install -y -qq --no-install-recommends"

PACKAGE_LAYERS = {
    "rpm-tools": ((), f"{_INSTALL} rpm dnf createrepo-c"),
    "rpm-database": (("rpm-tools",), _SPECS),
    "rpm-planted": (("rpm-database", "rpm-tools"), _PLANT_RPM),
    "pacman-tools": ((), f"{_INSTALL} pacman-package-manager zstd"),
    "pacman-database": (("pacman-tools",), _PACMAN),
    "pacman-planted": (("pacman-database", "pacman-tools"), _PLANT_PACMAN),
}

_APK = """C:Q1pSfk5NKRTHe9CzVBDRE2SZpDvXE=
P:{0}
V:{1}
A:x86_64
S:407278
I:667648
T:a package of the laboratory
U:https://example.org/
L:MIT
o:{0}
m:Lab Maintainer <maintainer@example.org>
t:1734520562
c:84c1d12ac0f9ecb3d2b5a4a4d3c4dbba6f9a2c11
p:cmd:{0}={1}
F:usr
F:usr/bin
R:{0}
a:0:0:755
Z:Q1YmXtHPgUu3JcJ2fEsqBmC4sVvGc=

"""


def apk_database(**more: str) -> str:
    """Write an apk database in the exact format of apk-tools, which Debian does not have: some packages, and more."""
    ordinary = dict.fromkeys(("musl", "busybox", "openrc", "alpine-baselayout", "apk-tools", "zlib"), "1.2.3-r4")
    return "".join(_APK.format(name, version) for name, version in (ordinary | more).items())
