#!/bin/sh
# Make the Debian tree that the hosts of these tests boot from: real VNC and RDP servers, real packet filters.
#
# Usage: tree.sh FOLDER. Needs root, debootstrap and, this once, the network. Whether it is there tells FOLDER/etc/made.
set -eu
root=$1

debootstrap --variant=minbase \
    --include=systemd-sysv,dbus,iproute2,procps,openssh-server,python3,netcat-openbsd,attr bookworm "$root"
rm -f "$root/etc/hostname"
# Empty, not missing: a first boot would enable every service again.
: >"$root/etc/machine-id"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" </dev/null; }

# What the tests remove and put back comes from an archive of its own inside the tree: hosts have no way out.
# iptables-persistent and ufw do not go together: a test that wants the former installs it.
inside sh -ec '
mkdir -p /srv/archive && cd /srv/archive && chmod 777 . && apt-get download -qq xrdp x11vnc tigervnc-standalone-server tightvncserver vino \
    iptables-persistent netfilter-persistent openrc libeinfo1 librc1
for deb in *.deb; do
    dpkg-deb -f "$deb"
    printf "Filename: ./%s\nSize: %s\nSHA256: %s\n\n" "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d" " -f1)"
done >Packages
apt-get install -y -qq --no-install-recommends xrdp x11vnc tigervnc-standalone-server tigervnc-tools tightvncserver xfonts-base vino xvfb \
    sudo nftables iptables ufw firewalld at ssl-cert rpm dnf createrepo-c pacman-package-manager zstd
# One package of rpm, in two versions so that the one that was there has to be found again, in an archive of its own.
mkdir -p /srv/rpm /root/build
for version in 1.0 2.0; do
    printf "Name: labvnc\nVersion: $version\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%%description\nx\n" >/root/labvnc.spec
    printf "%%install\nmkdir -p %%{buildroot}/etc %%{buildroot}/usr/lib/systemd/system\n" >>/root/labvnc.spec
    printf "echo port=5900 >%%{buildroot}/etc/labvnc.conf\n" >>/root/labvnc.spec
    printf "printf \"[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n\" >%%{buildroot}/usr/lib/systemd/system/labvnc.service\n" >>/root/labvnc.spec
    printf "%%files\n%%config /etc/labvnc.conf\n/usr/lib/systemd/system/labvnc.service\n" >>/root/labvnc.spec
    rpmbuild -bb --quiet --define "_rpmdir /srv/rpm" /root/labvnc.spec
done
createrepo_c -q /srv/rpm
mkdir -p /etc/yum.repos.d
printf "[lab]\nname=lab\nbaseurl=file:///srv/rpm\ngpgcheck=0\nenabled=1\n" >/etc/yum.repos.d/lab.repo
printf "deb [trusted=yes] file:/srv/archive ./\n" >/etc/apt/sources.list
apt-get clean
rm -rf /var/lib/apt/lists/*
apt-get update -qq
systemctl set-default multi-user.target
for unit in nftables ufw firewalld xrdp xrdp-sesman atd; do systemctl disable -q $unit; done
rm -f /etc/rc?.d/[SK]??ufw'
rm -f "$root/usr/sbin/policy-rc.d"
: >"$root/etc/made"
