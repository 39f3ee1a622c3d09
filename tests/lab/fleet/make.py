"""Writing the files that are a host's own: accounts, keys, programs, packages, filter, and what its role plants."""

import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

from tests.lab.fleet.background import OPS_GROUP, Background
from tests.lab.fleet.filters import FILTERS
from tests.lab.fleet.host import Host, Series
from tests.lab.fleet.inside import INIT, PROGRAMS
from tests.lab.fleet.layers import EMBEDDED, lower_folders, merged_accounts, merged_stanzas
from tests.lab.fleet.pause import pause_program
from tests.lab.fleet.places import USERS
from tests.lab.fleet.plan import Become, Boot, Program, Role
from tests.lab.fleet.shell import sh, write
from tests.lab.fleet.truth import tell

_FIRST_USER = 2000
_OPS_GID = 2900
_SSHD = (
    "HostKey /etc/ssh/fleet_ed25519\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    "MaxStartups 200:30:400\nAuthorizedKeysFile /etc/ssh/fleet_authorized_keys\n"
)


def make(host: Host, role: Role, background: Background, identity: str) -> None:
    """Write all files of a host that has none yet; its state file comes last, so that a half-made one is made anew."""
    shutil.rmtree(host.folder, ignore_errors=True)
    for folder in ("upper", "work", "root"):
        (host.folder / folder).mkdir(parents=True)
    layers = layers_of(host, role)
    _write_names(host, role)
    _write_ssh(host, role)
    _write_accounts(host, role, background, layers)
    _write_filter(host, role, background)
    _write_packages(host, role, background, layers)
    _write_planted(host, role, layers)
    if role.boot is Boot.NAMESPACES and role.base != EMBEDDED:
        _write_boot(host, role, background)
    _write_vendor_programs(host, (*background.programs, *role.programs))
    for tree in (host.lab.site / "all", host.lab.site / host.name):
        if tree.is_dir():
            shutil.copytree(tree, host.upper, symlinks=True, dirs_exist_ok=True)
    state = {
        "identity": identity,
        "role": role.id,
        "groups": list(role.groups),
        "hostname": role.hostname or host.name,
        "lower": [str(folder) for folder in lower_folders(host.lab, layers, role.base)],
        "boot": role.boot.value,
        "proc_options": role.proc_options,
        "truth": tell(host.name, host.address, role, background),
    }
    write(host.state_file, json.dumps(state, indent=1))


def layers_of(host: Host, role: Role) -> tuple[str, ...]:
    """Return the layers of a host, topmost first."""
    return (*role.layers, "systemd") if host.series is Series.SYSTEMD else role.layers


def _inside(host: Host, path: str) -> Path:
    """Return where a path of the host stands on this machine; /bin, /lib and /sbin are links into /usr there."""
    top = path.removeprefix("/").partition("/")[0]
    return host.upper / ("usr" if top in ("bin", "lib", "sbin") else "") / path.removeprefix("/")


def _write_names(host: Host, role: Role) -> None:
    write(_inside(host, "/etc/hostname"), f"{role.hostname or host.name}\n")
    write(_inside(host, "/etc/hosts"), f"127.0.0.1 localhost\n{host.address} {host.name}\n")
    machine = hashlib.sha256(host.name.encode()).hexdigest()[:32]
    write(_inside(host, "/etc/machine-id"), f"{machine}\n")


def _write_ssh(host: Host, role: Role) -> None:
    if role.base != EMBEDDED:
        write(_inside(host, "/etc/ssh/sshd_config.d/50-fleet.conf"), _SSHD)
    keys = (host.lab.keys / "authorized_keys").read_text()
    write(_inside(host, "/etc/ssh/fleet_authorized_keys"), keys)
    for name in ("fleet_ed25519", "fleet_other_ed25519"):  # the second one serves the fault `hostkey`
        key = host.upper / "etc/ssh" / name
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", key)


def _write_accounts(host: Host, role: Role, background: Background, layers: tuple[str, ...]) -> None:
    passwd, shadow, group = (
        merged_accounts(host.lab, layers, role.base, name) for name in ("passwd", "shadow", "group")
    )
    shell = "/bin/ash" if role.base == EMBEDDED else "/bin/bash"
    for number, user in enumerate((*USERS[1:], *background.users), _FIRST_USER):
        passwd.append(f"{user}:x:{number}:{number}:{user}:/home/{user}:{shell}")
        secret = "*" if user != "auditor" or role.sudo_password is None else _hashed(role.sudo_password)
        shadow.append(f"{user}:{secret}:19800:0:99999:7:::")
        group.append(f"{user}:x:{number}:")
        home = _inside(host, f"/home/{user}")
        home.mkdir(parents=True)
        os.chown(home, number, number)
        if role.base == EMBEDDED:
            _write_own_keys(host, home, number)
    passwd += role.accounts
    shadow += [f"{account.partition(':')[0]}:*:19800:0:99999:7:::" for account in role.accounts]
    group.append(f"{OPS_GROUP}:x:{_OPS_GID}:{','.join(background.installers)}")
    group += role.unix_groups
    for name, members in role.members.items():
        group = [f"{row}{','.join(members)}" if row.startswith(f"{name}:") else row for row in group]
    for name, rows, mode in (("passwd", passwd, 0o644), ("shadow", shadow, 0o640), ("group", group, 0o644)):
        write(_inside(host, f"/etc/{name}"), "\n".join(rows) + "\n", mode)
    if role.base == EMBEDDED:
        _write_own_keys(host, _inside(host, "/root"), 0)
    if role.become is Become.DOAS:
        write(_inside(host, "/etc/doas.conf"), f"permit nopass auditor\npermit persist :{OPS_GROUP}\n", 0o400)
    if role.become is not Become.SUDO:
        return
    asks = "" if role.sudo_password is not None else "NOPASSWD: "
    sudoers = f"auditor ALL=(ALL) {asks}ALL\n%{OPS_GROUP} ALL=(ALL) ALL\n"
    write(_inside(host, "/etc/sudoers.d/fleet"), sudoers, 0o440)
    if role.sudoers:
        write(_inside(host, "/etc/sudoers.d/planted"), role.sudoers, 0o440)


def _write_own_keys(host: Host, home: Path, number: int) -> None:
    """Let the lab's keys in where the SSH server looks for them at home only, and only if nobody else could."""
    keys = home / ".ssh" / "authorized_keys"
    write(keys, (host.lab.keys / "authorized_keys").read_text(), 0o600)
    for path in (home, keys.parent, keys):
        os.chown(path, number, number)
    for path in (home, keys.parent):
        path.chmod(0o700)


def _hashed(password: str) -> str:
    return sh("openssl", "passwd", "-6", "-stdin", feed=password).strip()


def _write_filter(host: Host, role: Role, background: Background) -> None:
    if role.filter == "profile":
        if background.nftables:
            write(_inside(host, "/etc/nftables.conf"), background.nftables, 0o755)
        return
    chosen = FILTERS[role.filter]
    # The base ships an empty ruleset, which a host without a filter does not load.
    write(_inside(host, "/etc/nftables.conf"), chosen.nftables, 0o755)
    if chosen.script:
        write(_inside(host, "/etc/fleet/filter"), chosen.script, 0o755)


def _write_packages(host: Host, role: Role, background: Background, layers: tuple[str, ...]) -> None:
    if role.base == EMBEDDED:
        return
    if role.manager != "dpkg":
        _hide(host, "/var/lib/dpkg")
        return
    stanzas = merged_stanzas(host.lab, layers, role.base)
    rows = [text for name, text in stanzas.items() if name not in role.without]
    # A library of a layer and of the profile is one package.
    rows += [row for row in background.rows if row.partition("Package: ")[2].partition("\n")[0] not in stanzas]
    write(_inside(host, "/var/lib/dpkg/status"), "\n".join((*rows, *role.packages)))


def _write_planted(host: Host, role: Role, layers: tuple[str, ...]) -> None:
    for path, text in role.files.items():
        write(_inside(host, path), text, 0o600 if path.startswith("/root/") else 0o755 if text[:2] == "#!" else 0o644)
    for path, target in role.links.items():
        link = _inside(host, path)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    for path, (mode, owner, owning) in role.modes.items():
        place = _inside(host, path)
        if path not in role.files:
            place.mkdir(parents=True, exist_ok=True)
        os.chown(place, owner, owning)
        place.chmod(mode)
    for path, source in role.copies.items():
        write(
            _inside(host, path), _file_of_layer(lower_folders(host.lab, layers, role.base), source).read_bytes(), 0o755
        )
    for path in role.hidden:
        _hide(host, path)


def _hide(host: Host, path: str) -> None:
    whiteout = _inside(host, path)
    whiteout.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(whiteout, stat.S_IFCHR, os.makedev(0, 0))  # how overlayfs says that a file or folder is gone


def _file_of_layer(trees: tuple[Path, ...], path: str) -> Path:
    return next(file for tree in trees if (file := tree / path.removeprefix("/")).exists())


def _write_boot(host: Host, role: Role, background: Background) -> None:
    programs = [program.order() for program in (*background.programs, *role.programs)]
    write(_inside(host, "/etc/fleet/programs.json"), json.dumps(programs))
    write(_inside(host, "/usr/local/lib/fleet/init"), INIT, 0o755)
    write(_inside(host, "/usr/local/lib/fleet/programs.py"), PROGRAMS, 0o755)
    for name, is_wanted in (("first-is-sshd", role.is_first_sshd), ("read-only", role.is_read_only)):
        if is_wanted:
            write(_inside(host, f"/etc/fleet/{name}"), "")


def _write_vendor_programs(host: Host, programs: tuple[Program, ...]) -> None:
    pause = pause_program()
    for path in {program.path for program in programs if not program.is_real}:
        write(_inside(host, path), pause, 0o755)
