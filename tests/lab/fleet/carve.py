"""The tree of an embedded host: busybox for every command, dropbear for SSH, nothing of Debian's package manager."""

# Runs as root inside a Debian tree; what it puts below /srv/root becomes the tree. Programs bring the libraries that
# they load, by the paths at which the loader looks for them.
CARVE = r"""
apt-get install -y -qq --no-install-recommends busybox-static dropbear-bin x11vnc
root=/srv/root
mkdir -p $root/usr/bin $root/usr/sbin $root/usr/lib $root/usr/lib64 $root/root $root/home
for name in bin sbin lib lib64; do ln -s usr/$name $root/$name; done
for name in dev etc/dropbear etc/init.d mnt proc run sys tmp usr/local/lib var/lib; do mkdir -p $root/$name; done
ln -s ../run $root/var/run
chmod 700 $root/root
chmod 1777 $root/tmp
cp /bin/busybox $root/usr/bin/busybox
for path in $(/bin/busybox --list-full); do
    case $path in linuxrc) continue ;; esac
    mkdir -p $root/${path%/*}
    [ -e $root/$path ] || ln -s /usr/bin/busybox $root/$path
done
bring() {
    mkdir -p "$root${1%/*}"
    cp "$1" "$root$1"
    ldd "$1" | sed -n -e 's/.*=> \(\/[^ ]*\).*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' |
    while read -r library; do
        [ -e "$root$library" ] || { mkdir -p "$root${library%/*}"; cp -L "$library" "$root$library"; }
    done
}
for program in /usr/sbin/dropbear /usr/bin/dropbearkey /usr/lib/dropbear/dropbearconvert /usr/bin/x11vnc /usr/sbin/nft
do
    bring "$program"
done
cp -L /lib/x86_64-linux-gnu/libnss_files.so.2 $root/lib/x86_64-linux-gnu/ 2>/dev/null || :
printf 'passwd: files\ngroup: files\n' >$root/etc/nsswitch.conf
printf '/bin/sh\n/bin/ash\n' >$root/etc/shells
printf 'root:x:0:0:root:/root:/bin/ash\n' >$root/etc/passwd
printf 'root:*:19800:0:99999:7:::\n' >$root/etc/shadow
printf 'root:x:0:\n' >$root/etc/group
printf 'ID=lab-embedded\nNAME="Embedded"\nVERSION_ID=1\nPRETTY_NAME="Embedded 1"\n' >$root/etc/os-release
printf '::sysinit:/etc/init.d/rcS\n::respawn:/usr/sbin/dropbear -F -E -s -p 22\n' >$root/etc/inittab
cat >$root/etc/init.d/rcS <<'END'
#!/bin/sh
# Start what is to run at boot, in the order of its number.
key=/etc/dropbear/dropbear_ed25519_host_key
[ -e $key ] || /usr/lib/dropbear/dropbearconvert openssh dropbear /etc/ssh/fleet_ed25519 $key
for script in /etc/init.d/S??*; do
    [ -x "$script" ] && "$script" start
done
END
chmod 755 $root/etc/init.d/rcS
"""
