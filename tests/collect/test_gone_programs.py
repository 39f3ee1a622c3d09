"""Programs of units that are not there: what a probe proves on real file systems, and what it leaves open."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.services.programs import PROGRAMS
from auditor.collect.services.units import parse_units
from auditor.model.facts.services import Service

Run = Callable[..., Any]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
_SHELLS = ("dash", "busybox", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "mksh", "zsh")))
_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

# Units of our own on this machine's programs, below a first process that sees the same: systemd is played by it.
_SETUP = r"""
set -e
mount --make-rprivate /
for dir in /etc/systemd/system /opt /srv /home; do mkdir -p "$dir"; mount -t tmpfs -o mode=755 units "$dir"; done
mount -t proc proc /proc
: >/srv/fstab
mount --bind /srv/fstab /etc/fstab 2>/dev/null || { [ ! -e /etc/fstab ]; }
cd /etc/systemd/system
made() { printf '[Service]\n%b\n' "$2" >"$1.service"; }
made here 'ExecStart=/bin/sleep 1'
made gone 'ExecStart=/usr/bin/not-there -forever -rfbport 5900'
made old-folder 'ExecStart=/sbin/not-there'
made prefixes 'ExecStart=-@+!!/opt/suite/bin/server name'
made name 'ExecStart=not-there --now'
made known-name 'ExecStart=sleep 1'
made two 'ExecStart=/opt/a\nExecStart=/opt/b ; /opt/c'
made half 'ExecStart=/opt/a\nExecStart=/bin/sleep 1'
made below-a-file 'ExecStart=/etc/passwd/bin/server'
made closed 'ExecStart=/opt/closed/bin/server'
made links 'ExecStart=/opt/link'
made linked-folder 'ExecStart=/opt/folder/server'
made shell "ExecStart=/bin/sh -c '/opt/not-there'"
made quoted 'ExecStart="/opt/not there" x'
made specifier 'ExecStart=/opt/%%i/server'
made variable 'ExecStart=${WHERE}/server'
made escaped 'ExecStart=/opt/not\\\\x20there'
made to-a-shell 'ExecStart=|/opt/not-there'
made other-root 'RootDirectory=/srv/jail\nExecStart=/opt/server'
made bound 'BindReadOnlyPaths=/srv/suite:/opt\nExecStart=/opt/server'
made search 'ExecSearchPath=/srv/bin\nExecStart=not-there'
made brings-it 'ExecStartPre=/bin/sh -c "curl x >/opt/server"\nExecStart=/opt/server'
made makes-a-folder 'ExecStartPre=-/bin/mkdir -p /run/server\nExecStart=/opt/server'
made home 'ExecStart=/home/alice/bin/server'
made later 'ExecStart=/run/server/bin/server'
made table 'ExecStart=/opt/table/bin/server'
made mounted 'ExecStart=/opt/late-disk/bin/server'
made no-command 'ExecStart='
made many@ 'ExecStart=/opt/server %%i'
made moved 'ExecStart=/opt/server'
made lost 'ExecStart=/bin/sleep 1'
made suite-agent 'ExecStart=/opt/server'
mkdir moved.service.d lost.service.d suite-.service.d multi-user.target.wants many@changed.service.d
printf '[Service]\nExecStart=\nExecStart=/bin/sleep 2\n' >moved.service.d/here.conf
printf '[Service]\nExecStart=\nExecStart=/opt/server\n' >lost.service.d/there.conf
printf '[Service]\nExecStart=\nExecStart=/bin/sleep 2\n' >suite-.service.d/here.conf
cp suite-.service.d/here.conf many@changed.service.d
ln -s /etc/systemd/system/many@.service multi-user.target.wants/many@one.service
ln -s /etc/systemd/system/many@.service multi-user.target.wants/many@changed.service
printf '[Socket]\nListenStream=5900\n' >gone.socket
printf '[Socket]\nListenStream=5901\nService=here.service\n' >other.socket
printf '[Timer]\nOnBootSec=1\n' >name.timer
printf '[Timer]\nOnBootSec=1\nUnit=here.service\n' >two.timer
mkdir -p /opt/suite /opt/closed/bin /opt/real /opt/table
chmod 700 /opt/closed
ln -s /opt/real /opt/folder
ln -s /opt/real/server /opt/link
eval "$MORE"
cd /
"$@"
"""
_NAMES = (
    "here", "gone", "old-folder", "prefixes", "name", "known-name", "two", "half", "below-a-file", "closed", "links",
    "linked-folder", "shell", "quoted", "specifier", "variable", "escaped", "to-a-shell", "other-root", "bound",
    "search", "brings-it", "makes-a-folder", "home", "later", "table", "mounted", "no-command", "many@", "many@one",
    "many@changed", "moved", "lost", "suite-agent",
)  # fmt: skip
_GONE = {
    "gone", "old-folder", "prefixes", "name", "two", "below-a-file", "closed", "links", "linked-folder",
    "makes-a-folder", "table", "mounted", "many@", "many@one", "lost",
}  # fmt: skip


def _inside(more: str = ":", *, own_first: bool = True) -> tuple[str, ...]:
    space = ("--pid", "--fork", "--kill-child") if own_first else ()
    return ("env", f"MORE={more}", "unshare", "--mount", *space, "sh", "-c", _SETUP, "sh")


def _gone(answer: Any) -> set[str]:
    services = {fact.name: fact for _, fact in answer.parsed.facts if isinstance(fact, Service)}
    assert answer.parsed.unread == ()
    assert {f"{name}.service" for name in _NAMES} <= services.keys()
    found = {name for name, one in services.items() if one.is_program_gone}
    return {name for name in _NAMES if f"{name}.service" in found} | {
        name for name in found if not name.endswith(".service")
    }


@needs_root
@pytest.mark.parametrize("shell", _SHELLS)
def test_programs_that_are_proven_not_to_be_there(shell: str, run_fragment: Run) -> None:
    answer = run_fragment("services.systemd", interpreter=shell, inside=_inside())
    assert answer.stderr.strip().splitlines()[1:] == []
    assert _gone(answer) == {*_GONE, "gone.socket", "name.timer"}


@needs_root
@pytest.mark.parametrize("shell", _SHELLS)
def test_whoever_may_not_look_does_not_know(shell: str, run_fragment: Run) -> None:
    answer = run_fragment("services.systemd", interpreter=shell, inside=(*_inside(), *_NOBODY))
    assert _gone(answer) == {*_GONE, "gone.socket", "name.timer"} - {"closed", "links"}


@needs_root
@pytest.mark.parametrize(
    ("more", "open_ones"),
    [
        pytest.param("echo '/dev/sdx1 /opt/table/ ext4 noauto 0 0' >/srv/fstab", {"table"}, id="a-table-of-mounts"),
        pytest.param("printf '[Mount]\n' >'opt-late\\x2ddisk.mount'", {"mounted"}, id="a-mount-unit"),
    ],
)
def test_what_is_not_mounted_may_hold_the_program(more: str, open_ones: set[str], run_fragment: Run) -> None:
    answer = run_fragment("services.systemd", inside=_inside(more))
    # A link may lead there, too.
    assert _gone(answer) == {*_GONE, "gone.socket", "name.timer"} - open_ones - {"links", "linked-folder"}


@needs_root
def test_a_mount_that_is_there_hides_nothing(run_fragment: Run) -> None:
    more = "echo 'none /opt/table tmpfs defaults 0 0' >/srv/fstab; mount -t tmpfs none /opt/table"
    assert _gone(run_fragment("services.systemd", inside=_inside(more))) == {*_GONE, "gone.socket", "name.timer"}


@needs_root
def test_a_table_of_mounts_that_is_closed_says_nothing(run_fragment: Run) -> None:
    if not Path("/etc/fstab").exists():
        pytest.skip("this machine has no /etc/fstab to put another over")
    inside = (*_inside("chmod 600 /srv/fstab"), *_NOBODY)
    assert _gone(run_fragment("services.systemd", inside=inside)) == set()


@needs_root
def test_a_probe_that_sees_other_mounts_than_the_first_process_says_nothing(run_fragment: Run) -> None:
    assert _gone(run_fragment("services.systemd", inside=_inside(own_first=False))) == set()


def test_places_of_the_network_are_not_looked_at(tmp_path: Path) -> None:
    mounts, unit = tmp_path / "mounts", tmp_path / "x.service"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nfiler:/x /opt/nfs nfs4 rw 0 0\nx /opt/sshfs fuse.sshfs rw 0 0\n"
        "systemd-1 /opt/auto autofs rw 0 0\ntmpfs /opt/here tmpfs rw 0 0\nsystemd-1 /proc/sys/x autofs rw 0 0\n"
    )
    unit.write_text("".join(f"ExecStart=/opt/{name}/x\n" for name in ("nfs", "nfs2", "sshfs", "auto", "here")))
    awk = PROGRAMS.replace("/proc/mounts", str(mounts)) + 'awk "$program_awk" system "$1"'
    said = subprocess.run(["sh", "-c", awk, "sh", str(unit)], capture_output=True, text=True, check=True).stdout
    assert said == f"away\n{unit}\t/opt/nfs2/x\n{unit}\t/opt/here/x\n"


_USERS = r"""
mount -t tmpfs -o mode=755 units /etc/systemd/user
mkdir -p /home/alice/.config/systemd/user/other.service.d
chown -R 4001:4001 /home/alice
printf 'root:x:0:0::/root:/bin/sh\nalice:x:4001:4001::/home/alice:/bin/sh\n' >/srv/passwd
mount --bind /srv/passwd /etc/passwd
for name in vino other; do printf '[Service]\nExecStart=/opt/%s\n' $name >/etc/systemd/user/$name.service; done
cd /home/alice/.config/systemd/user
printf '[Service]\nExecStart=/opt/closed/bin/server\n' >closed.service
printf '[Service]\nExecStart=/opt/screen -forever\n' >screen.service
printf '[Service]\nExecStart=screen -forever\n' >name.service
printf '[Service]\nExecStart=\nExecStart=/bin/sleep 1\n' >other.service.d/here.conf
"""


@needs_root
@pytest.mark.parametrize("shell", _SHELLS)
def test_programs_of_users_units_are_looked_for_with_their_rights(shell: str, run_fragment: Run) -> None:
    answer = run_fragment("services.user_units", interpreter=shell, inside=_inside(_USERS))
    assert (answer.words, answer.parsed.unread) == (set(), ())
    said = {
        (fact.user, fact.name): fact.is_program_gone
        for _, fact in answer.parsed.facts
        if isinstance(fact, Service) and (fact.command or "").startswith(("/opt/", "screen"))
    }
    assert said == {
        (None, "vino.service"): True,
        # A drop-in of an account starts something else with it.
        (None, "other.service"): False,
        ("alice", "screen.service"): True,
        ("alice", "closed.service"): False,
        # Where the manager of a session looks for names is not known.
        ("alice", "name.service"): False,
    }


_UNIT = "unit\t/etc/systemd/system/{}\t{}\t\t\t{}\td"
_LOST = "gone\t/etc/systemd/system/x.service\t/opt/x"


def _read(*lines: str) -> dict[str, tuple[int, Service]]:
    parsed = parse_units("".join(f"{line}\n" for line in lines))
    assert (parsed.unread, parsed.partial) == ((), None)
    return {fact.name: (line, fact) for line, fact in parsed.facts if isinstance(fact, Service)}


def test_the_line_that_says_so_stands_for_the_unit() -> None:
    rows = (_UNIT.format("x.service", "i", "/opt/x -a"), _LOST, "running", "systemctl", "x.service loaded {} X")
    line, fact = _read(*rows[:4], rows[4].format("failed failed"))["x.service"]
    assert (line, fact.is_program_gone, fact.is_left_over, fact.is_running) == (2, True, True, False)
    assert fact.state == "loaded failed failed"
    # What is tried again and again does not run.
    _, fact = _read(*rows[:4], rows[4].format("activating auto-restart"))["x.service"]
    assert (fact.is_left_over, fact.is_running) == (True, False)
    # What was started before its file was deleted does.
    line, fact = _read(*rows[:4], rows[4].format("active running"))["x.service"]
    assert (line, fact.is_program_gone, fact.is_left_over, fact.is_running) == (5, True, False, True)


@pytest.mark.parametrize(
    ("name", "flags", "command"),
    [
        pytest.param("x.service", "x", "/opt/x", id="it-starts-more-or-elsewhere"),
        pytest.param("x.service", "", "/opt/x ; /opt/y", id="one-of-two-is-there"),
        pytest.param("x.service", "", "|/opt/x", id="a-shell-is-given-it"),
        pytest.param("x.service", "", '"/opt/x" a', id="quoted"),
        pytest.param("x.service", "", "", id="no-command"),
        pytest.param("x.socket", "", "", id="a-socket-without-its-service"),
    ],
)
def test_what_is_not_said_is_not_known(name: str, flags: str, command: str) -> None:
    _, fact = _read(_UNIT.format(name, flags, command), _LOST, "running")[name]
    assert not fact.is_program_gone


def test_a_socket_that_names_itself_comes_to_an_end() -> None:
    lines = ["x.socket\t\t\t\t\td\tListenStream=1\tx.socket", "y.socket\t\t\t\t\td\tListenStream=2\tx.socket"]
    read = _read(*(f"unit\t/etc/systemd/system/{line}" for line in lines), "running")
    assert {name: one.is_program_gone for name, (_, one) in read.items()} == {"x.socket": False, "y.socket": False}
