"""A fake Mac: a root folder of its own, in which the real probe runs and finds what a host's files plant.

It has no /proc and no /sys, and of this machine's tools only those that macOS has too, one by one: what GNU's can and
BSD's cannot is refused and noted. The one true awk is its awk. What only macOS has is replayed (``says.py``); property
lists are converted for real, by plistlib. A user namespace stands around it, so that what Full Disk Access protects can
be closed to its root, who reads everything else.
"""

import contextlib
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.collect.probe import sh_call
from auditor.model.probe import ProbeLimits, RawOutput
from tests.macos.says import HERE, Call, calls_of, place_of, write_stubs

HOSTS = tuple(f"macos{version}-{state}" for state in ("clean", "dirty") for version in (13, 14, 15, 26))
SHELLS: Mapping[str, str] = {"dash": "dash", "bash": "bash", "mksh": "mksh", "zsh": "zsh"}
"""What stands as /bin/sh; each behaves as a POSIX shell when it is called by that name, as macOS's bash does."""
ACCOUNTS: Mapping[str, tuple[int, int, tuple[int, ...]]] = {
    "root": (0, 0, (0,)),
    "alice": (501, 20, (20, 12, 80)),
    "bob": (502, 20, (20, 12)),
}
"""Uid, gid and groups of who logs in; alice is an administrator."""
_KERNELS = {"13": "22.6.0", "14": "23.6.0", "15": "24.6.0", "26": "25.1.0"}
_SAME = {
    "/bin": "cat dd expr kill sleep test [",
    "/usr/bin": (
        "basename cmp comm cut dirname env false gzip head od paste printf readlink sort tail tee tr true tty uniq yes"
    ),
}
"""Tools that answer alike, as far as POSIX goes."""
_HIDDEN = "cat chroot cut date find grep id ls readlink sed setpriv stat tr wc xargs"
"""This machine's own, which the stubs use out of the probe's sight."""
_USERS = (
    "root:*:0:0:System Administrator:/var/root:/bin/sh\n"
    "daemon:*:1:1:System Services:/var/root:/usr/bin/false\n"
    "_www:*:70:70:World Wide Web Server:/Library/WebServer:/usr/bin/false\n"
    "_sshd:*:75:75:sshd Privilege separation:/var/empty:/usr/bin/false\n"
)
_PEOPLE = "alice:*:501:20:Alice:/Users/alice:/bin/zsh\nbob:*:502:20:Bob:/Users/bob:/bin/zsh\n"
_GROUPS = (
    "wheel:*:0:root\ndaemon:*:1:root\neveryone:*:12:\nstaff:*:20:root\n_www:*:70:\n_sshd:*:75:\nadmin:*:80:root,alice\n"
)
_PROTECTED = (
    "Library/Application Support/com.apple.TCC",
    "Users/*/Library/Application Support/com.apple.TCC",
    "Users/*/Library/Application Support/com.apple.sharedfilelist",
    "Users/*/Library/Safari",
    "Users/*/Library/Mail",
    "Users/*/Library/Messages",
    *(f"Users/*/{folder}" for folder in ("Desktop", "Documents", "Downloads")),
    "Users/*/.Trash",
    "private/var/at/tabs",
)
"""Places that macOS opens to whoever has Full Disk Access only (Apple Platform Security, Controlling app access)."""
_STRANGER = 70_000
"""Who owns them while they are closed: nobody of the namespace, so that its root has no right over them."""
_MAPPED = 65_536
_LIMITS = ProbeLimits(section_seconds=90, section_bytes=4_000_000, total_seconds=400)

_ENTER = r"""
read -r _
mount -t proc proc "$ROOT/.mac/proc"
chroot --userspec="$WHO" --groups="$GROUPS_OF" "$ROOT" /bin/sh -c "$LAUNCHER"
status=$?
# What the probe left behind is whoever is still here but for this shell; its clock may take a moment to end.
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    left=
    for file in "$ROOT"/.mac/proc/[0-9]*/comm; do
        case ${file%/comm} in */1) continue ;; esac
        read -r name 2>/dev/null <"$file" && left="$left$name
"
    done
    [ -n "$left" ] || break
    sleep 0.1
done
printf %s "$left" >"$ROOT/.mac/left"
exit "$status"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of one call of the probe."""

    raw: RawOutput
    """The answer, as a transport hands it on."""
    token: str
    """The call's token."""
    undocumented: tuple[str, ...]
    """Calls that no file of the host lists, and that therefore nobody knows the answer to."""
    left: tuple[str, ...]
    """Names of processes that outlived the probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMac:
    """A host that is there as long as its root folder is."""

    root: Path
    """Its root folder."""
    about: Mapping[str, Any]
    """What its case.toml says."""
    calls: tuple[Call, ...]
    """Calls that its files document, as they are numbered from 1 on."""

    def ask(
        self,
        shell: str = "dash",
        *,
        user: str = "alice",
        become: bool = True,
        full_disk: bool = True,
        script: str | None = None,
        limits: ProbeLimits = _LIMITS,
    ) -> Asked:
        """Put the real probe to it, through the real launcher, as a transport would."""
        with self._closed(not full_disk):
            self._take_shell(shell)
            call = sh_call(
                limits=limits, deadline=600, output_limit=10**8, become=become, become_password=None, script=script
            )
            uid, gid, groups = ACCOUNTS[user]
            for name in ("undocumented", "left"):
                (self.root / ".mac" / name).write_text("")
                (self.root / ".mac" / name).chmod(0o666)
            started = datetime.now(UTC)
            done = _inside(
                {
                    "ROOT": str(self.root),
                    "WHO": f"{uid}:{gid}",
                    "GROUPS_OF": ",".join(map(str, groups)),
                    "LAUNCHER": call.launcher,
                },
                call.input,
            )
            raw = RawOutput(
                stdout=done.stdout,
                stderr=done.stderr,
                stderr_dropped=0,
                exit_status=done.returncode,
                started=started,
                finished=datetime.now(UTC),
                user=user,
            )
            return Asked(
                raw=raw,
                token=call.token,
                undocumented=tuple((self.root / ".mac/undocumented").read_text(errors="replace").splitlines()),
                left=tuple((self.root / ".mac/left").read_text(errors="replace").splitlines()),
            )

    def unused(self) -> list[str]:
        """Return the documented calls that no probe has made so far."""
        used = set((self.root / ".mac/used").read_text(encoding="ascii").split())
        return [shlex.join(call.argv) for number, call in enumerate(self.calls, 1) if str(number) not in used]

    @contextlib.contextmanager
    def without(self, tool: str, instead: str | None = None) -> Iterator[None]:
        """Take a tool away, or let another program, the text of one, stand in its place."""
        place = self.root / (place_of(tool) if "/" in tool else self._where(tool)).lstrip("/")
        aside = self.root / ".mac/aside"
        place.rename(aside)
        try:
            if instead is not None:
                place.write_text(f"#!/.mac/bin/dash\n{instead}\n")
                place.chmod(0o755)
            yield
        finally:
            place.unlink(missing_ok=True)
            aside.rename(place)

    def tools(self) -> tuple[str, ...]:
        """Return the names of what its PATH holds."""
        folders = ("usr/sbin", "usr/bin", "sbin", "bin")
        return tuple(sorted({file.name for folder in folders for file in (self.root / folder).iterdir()} - {"sh"}))

    def _where(self, tool: str) -> str:
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            if (self.root / folder / tool).exists():
                return f"/{folder}/{tool}"
        raise FileNotFoundError(tool)

    def _take_shell(self, shell: str) -> None:
        shell_file = self.root / "bin/sh"
        shell_file.unlink(missing_ok=True)
        shell_file.symlink_to(f"/.mac/shells/{shell}/sh")
        os.utime(shell_file.parent, (1_790_000_000, 1_790_000_000))

    @contextlib.contextmanager
    def _closed(self, closed: bool) -> Iterator[None]:
        """Close what Full Disk Access protects, and open it again."""
        places = [place for pattern in _PROTECTED for place in self.root.glob(pattern)] if closed else []
        before = {}
        for place in places:
            for one in [place, *place.rglob("*")]:
                seen = one.lstat()
                before[one] = (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777)
        for one in before:
            os.lchown(one, _STRANGER, _STRANGER)
            if not one.is_symlink():
                one.chmod(0o711 if one.is_dir() else 0o600)
        mark = self.root / ".mac/is-closed"
        if closed:
            mark.write_text("")
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)
            for one, (uid, gid, mode) in before.items():
                os.lchown(one, uid, gid)
                if not one.is_symlink():
                    one.chmod(mode)


def why_no_mac() -> str:
    """Say what is missing here for a fake Mac; nothing where all is there."""
    if os.geteuid():
        return "needs root"
    tools = ("original-awk", "unshare", "mount", "setpriv", "ldd", "dash", *_HIDDEN.split())
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    try:
        done = _inside({"ROOT": "/nowhere"}, b"", "read -r _; id -u")
    except OSError as error:
        return f"needs the right to make namespaces: {error}"
    return "" if done.stdout == b"0\n" else "needs the right to make namespaces"


def _inside(environment: Mapping[str, str], stdin: bytes, script: str = _ENTER) -> subprocess.CompletedProcess[bytes]:
    """Run a script as root of namespaces of its own; it waits for a line until its accounts are mapped."""
    words = ["unshare", "--user", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
    ) as process:  # fmt: skip
        ours = Path("/proc/self/ns/user").readlink()
        try:
            while Path(f"/proc/{process.pid}/ns/user").readlink() == ours:
                if process.poll() is not None:
                    break
            for what in ("uid_map", "gid_map"):
                Path(f"/proc/{process.pid}/{what}").write_text(f"0 0 {_MAPPED}\n")
            stdout, stderr = process.communicate(b"go\n" + stdin, timeout=600)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


def make_base(place: Path) -> Path:
    """Make what all fake Macs share: folders, this machine's tools and the shells; return the folder."""
    for folder in ("bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec", "usr/lib", "usr/local", "dev", "private/etc",
                   "private/var/root", "private/var/db", "private/tmp", "Library/Preferences", "System/Library",
                   "Applications", "Users/Shared", "Volumes", ".mac/bin", ".mac/proc", ".mac/shells"):  # fmt: skip
        (place / folder).mkdir(parents=True)
    for link in ("etc", "var", "tmp"):
        (place / link).symlink_to(f"private/{link}")
    (place / "private/tmp").chmod(0o1777)
    for name, numbers in (("null", (1, 3)), ("zero", (1, 5)), ("random", (1, 8)), ("urandom", (1, 9)), ("tty", (5, 0))):
        os.mknod(place / "dev" / name, 0o020666, os.makedev(*numbers))
        (place / "dev" / name).chmod(0o666)
    for folder, names in _SAME.items():
        for name in names.split():
            _take(place, name, f"{folder}/{name}")
    for name in (*_HIDDEN.split(), "dash"):
        _take(place, name, f"/.mac/bin/{name}")
    _take(place, "original-awk", "/usr/bin/awk")
    _take(place, "original-awk", "/.mac/bin/awk")
    _take(place, "dash", "/.mac/bin/sudo-dash")
    (place / ".mac/bin/sudo-dash").chmod(0o4755)
    for shell, program in SHELLS.items():
        if shutil.which(program):
            (place / ".mac/shells" / shell).mkdir()
            _take(place, program, f"/.mac/shells/{shell}/sh")
    _rename_accounts(place)
    (place / ".mac/passw").write_text(_USERS + _PEOPLE)
    (place / ".mac/grou").write_text(_GROUPS)
    (place / "private/etc/passwd").write_text(_USERS)
    (place / "private/etc/group").write_text(_GROUPS)
    (place / "private/etc/shells").write_text("/bin/bash\n/bin/sh\n/bin/zsh\n")
    return place


def _take(place: Path, name: str, to: str) -> None:
    """Copy a program of this machine, and the libraries it needs."""
    program = Path(shutil.which(name) or name).resolve()
    target = place / to.lstrip("/")
    shutil.copyfile(program, target)
    target.chmod(0o755)
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        copy = place / library.lstrip("/")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(library, copy)
            copy.chmod(0o755)


def _rename_accounts(place: Path) -> None:
    """Let names of accounts come from a file of the harness: on a Mac, people are not in /etc/passwd."""
    for library in place.rglob("libc.so.6"):
        library.write_bytes(
            library.read_bytes().replace(b"/etc/passwd\0", b"/.mac/passw\0").replace(b"/etc/group\0", b"/.mac/grou\0")
        )


def make_mac(base: Path, place: Path, host: Path, sudoers: Mapping[str, str] | None = None, name: str = "") -> FakeMac:
    """Make the Mac that a host's folder describes; ``sudoers`` names who becomes root, and by what password."""
    subprocess.run(["cp", "-al", "--", str(base), str(place)], check=True)
    about = tomllib.loads((host / "case.toml").read_text(encoding="utf-8"))
    trees = [*(HERE / tree for tree in about.get("trees", [])), host / "files"]
    for tree in trees:
        if tree.is_dir():
            _plant(tree, place)
    _own(place)
    for tree in trees:
        lists = [tree.with_name(f"{tree.name}.modes.toml")]
        if tree == host / "files":
            lists += [host / "modes.toml", *sorted((host / "modes").glob("*.toml"))]
        for file in lists:
            if file.is_file():
                _set_modes(place, tomllib.loads(file.read_text(encoding="utf-8")))
    _convert(place, about.get("binary", []))
    calls = calls_of(host)
    write_stubs(place, calls)
    version = str(about["version"]).partition(".")[0]
    name = name or f"mac-{host.name.partition('-')[2]}-{version}"
    (place / ".mac/uname").write_text(f"-s Darwin\n-r {_KERNELS[version]}\n-n {name}\n-m arm64\n-p arm\n")
    (place / ".mac/is-root").write_text("")
    (place / ".mac/is-root").chmod(0o600)
    allowed = {"alice": ""} if sudoers is None else sudoers
    (place / ".mac/sudoers").write_text("".join(f"{ACCOUNTS[who][0]} {word}\n" for who, word in allowed.items()))
    (place / ".mac/sudoers").chmod(0o600)
    (place / ".mac/used").write_text("")
    (place / ".mac/used").chmod(0o666)
    return FakeMac(root=place, about=about, calls=calls)


def _plant(tree: Path, place: Path) -> None:
    """Copy a tree; a file that was there is replaced, never written into: others share it."""
    for file in sorted(tree.rglob("*")):
        target = place / file.relative_to(tree)
        if file.is_dir() and not file.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if file.is_symlink():
            target.symlink_to(file.readlink())
        else:
            shutil.copyfile(file, target)
            # git keeps one bit of a mode.
            target.chmod(0o755 if os.access(file, os.X_OK) and file.stat().st_mode & 0o100 else 0o644)
            os.utime(target, (1_790_000_000, 1_790_000_000))


def _own(place: Path) -> None:
    """Give people what is in their folders, as macOS does: the folder is for them and their group, Library theirs."""
    for name, (uid, gid, _) in ACCOUNTS.items():
        home = place / "Users" / name
        if not uid:
            continue
        for folder in (
            "Library/LaunchAgents",
            "Library/Preferences",
            "Applications",
            "Desktop",
            "Documents",
            "Downloads",
        ):
            (home / folder).mkdir(parents=True, exist_ok=True)
        for one in [home, *home.rglob("*")]:
            os.lchown(one, uid, gid)
        home.chmod(0o750)
        (home / "Library").chmod(0o700)
        for folder in ("Desktop", "Documents", "Downloads"):
            (home / folder).chmod(0o700)
    (place / "private/var/root").chmod(0o750)
    for file in (
        "private/etc/sudoers",
        *(str(one.relative_to(place)) for one in place.glob("private/etc/sudoers.d/*")),
    ):
        if (place / file).exists():
            (place / file).chmod(0o440)
    secret = place / "Library/Application Support/com.apple.TCC"
    if secret.is_dir():
        os.lchown(secret, 0, 80)


def _set_modes(place: Path, told: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Set owners, modes and access lists of paths; a path may be one pattern of several."""
    for row in told.get("path", []):
        if strange := set(row) - {"path", "mode", "uid", "gid", "acl", "make"}:
            raise ValueError(f"modes: unknown {', '.join(sorted(strange))}")
        path = row["path"].lstrip("/")
        if row.get("make") == "folder":
            (place / path).mkdir(parents=True, exist_ok=True)
        found = list(place.glob(path)) if "*" in path else [place / path]
        if not found:
            raise ValueError(f"modes: {path} is not there")
        for one in found:
            os.lchown(one, row.get("uid", -1), row.get("gid", -1))
            if "mode" in row:
                mode = row["mode"]
                one.chmod(mode if isinstance(mode, int) else int(mode, 8))
            with (place / ".mac/acls").open("a", encoding="utf-8") as acls:
                acls.writelines(f"/{path}\t{line}\n" for line in row.get("acl", []))


def _convert(place: Path, binary: Iterable[str]) -> None:
    """Make binary lists of those that are to be, and work out what plutil says of each list."""
    for pattern in binary:
        for file in place.glob(pattern.lstrip("/")):
            _replace(file, plistlib.dumps(plistlib.loads(file.read_bytes()), fmt=plistlib.FMT_BINARY))
    for folder in ("Applications", "Library", "Users", "System", "private", "opt", "usr/local"):
        for file in (place / folder).rglob("*"):
            if file.is_symlink() or not file.is_file():
                continue
            data = file.read_bytes()
            if not (data.startswith(b"bplist00") or b"<plist" in data[:2000]):
                continue
            with contextlib.suppress(Exception):  # what is damaged is no list
                xml = plistlib.dumps(plistlib.loads(data), sort_keys=True)
                copy = place / ".mac/xml" / file.relative_to(place)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(xml)


def _replace(file: Path, data: bytes) -> None:
    """Write a file anew with the owner and mode that it had."""
    seen = file.stat()
    file.unlink()
    file.write_bytes(data)
    os.chown(file, seen.st_uid, seen.st_gid)
    file.chmod(seen.st_mode & 0o7777)
