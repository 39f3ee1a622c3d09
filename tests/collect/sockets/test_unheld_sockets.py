"""A socket that nobody is seen to hold is the kernel's where it can be; else the section is partial, never a blank."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.model.facts.network import Listener, NetworkSpace, Protocol

Run = Callable[..., Any]
_HEAD = "import array, ctypes, os, socket, sys, threading\n"
# Its port is the kernel's to choose; it says it, and waits.
_OPEN = "server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1]\n"
_TELL = "print(port, flush=True)\nsys.stdin.read()\n"
_IN_FLIGHT = (
    "one, other = socket.socketpair()\n"
    "one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [server.fileno()]))])\n"
    "server.close()\n"
)
_OF_A_THREAD = (
    "started = threading.Event()\n"
    "def alone():\n"
    "    assert ctypes.CDLL(None).unshare(0x400) == 0\n"  # CLONE_FILES: descriptors of its own from here on.
    "    started.set(); threading.Event().wait()\n"
    "threading.Thread(target=alone, daemon=True).start(); started.wait()\n"
    "server.close()\n"
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _is_first_pid_namespace() -> bool:
    stat = Path("/proc/2/stat")
    return stat.exists() and stat.read_text().split()[1] == "(kthreadd)"


needs_whole_machine = pytest.mark.skipif(
    not _is_first_pid_namespace(), reason="only where every process is seen can a socket be said to be the kernel's"
)


@contextmanager
def running(code: str, *before: str) -> Iterator[int]:
    """Run code that opens a socket and says its port."""
    words = [*before, sys.executable, "-c", f"{_HEAD}{_OPEN}{code}{_TELL}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as child:
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline())
        finally:
            child.kill()


def listeners(answer: Any, port: int) -> list[Listener]:
    return [fact for _, fact in answer.parsed.facts if isinstance(fact, Listener) and fact.port == port]


@needs_root
@pytest.mark.parametrize(
    "code",
    [pytest.param(_IN_FLIGHT, id="on its way to another process"), pytest.param(_OF_A_THREAD, id="a thread's own")],
)
def test_a_socket_that_nobody_is_seen_to_hold_makes_the_answer_partial(code: str, run_fragment: Run) -> None:
    """No part of the kernel that is loaded here listens on TCP, so that it can only be somebody's."""
    with running(code) as port:
        answer = run_fragment("sockets.ss")
    if "kernel tcp" in answer.text:
        pytest.skip("a part of this machine's kernel listens on TCP")
    (found,) = listeners(answer, port)
    assert (found.owners, found.by_kernel) == ((), False)
    assert "whose holder is not known" in answer.parsed.partial


@needs_root
@pytest.mark.parametrize(
    "before",
    [
        pytest.param((), id="here"),
        pytest.param(("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"), id="in a process namespace"),
        pytest.param(("unshare", "--user", "--map-root-user"), id="in a user namespace"),
        pytest.param(
            ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"),
            id="without any right",
        ),
    ],
)
def test_who_holds_a_socket_is_seen_wherever_it_is(before: tuple[str, ...], run_fragment: Run) -> None:
    if before and subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"{before[0]} may not do that here")
    with running("", *before) as port:
        answer = run_fragment("sockets.ss")
    (found,) = listeners(answer, port)
    assert len(found.owners) == 1


@needs_root
@pytest.mark.parametrize("more", [(), ("--user", "--map-root-user")], ids=["a network", "a network and users"])
def test_who_holds_a_socket_in_a_network_of_its_own_is_seen(more: tuple[str, ...], run_fragment: Run) -> None:
    before = (
        "unshare",
        *more,
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        'ip link set lo up; exec "$@"',
        "sh",
    )
    if shutil.which("ip") is None or subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no such namespaces can be made here")
    with running("", *before) as port:
        answer = run_fragment("sockets.ss")
    found = [one for one in listeners(answer, port) if one.namespace]
    assert [len(one.owners) for one in found] == [1]


_TOOLS = ("awk", "cat", "grep", "ip", "ls", "nft", "nsenter", "printf", "sleep", "ss")


@needs_root
@pytest.mark.parametrize("interpreter", ["dash", "bash", "busybox", "mksh", "zsh"])
@pytest.mark.parametrize("has_sed", [True, False], ids=["sed", "no sed"])
def test_a_network_in_which_something_listens_is_looked_into(
    interpreter: str, has_sed: bool, run_fragment: Run, tmp_path: Path
) -> None:
    with_cable = 'ip link set lo up && ip link add cable type veth peer name end && ip link set cable up && exec "$@"'
    before = ("unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", with_cable, "sh")
    if shutil.which("ip") is None or subprocess.run([*before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no such namespaces can be made here")
    for tool in (*_TOOLS, "sed") if has_sed else _TOOLS:
        if (place := shutil.which(tool)) is not None:
            (tmp_path / tool).symlink_to(place)
    with running("", *before) as port:
        answer = run_fragment("sockets.ss", interpreter=interpreter, path=str(tmp_path))
    (found,) = {one.namespace for one in listeners(answer, port) if one.namespace}
    spaces = [one for _, one in answer.parsed.facts if isinstance(one, NetworkSpace)]
    (space,) = [one for one in spaces if one.id == found]
    assert ("cable" in {link.name for link in space.links}, space.is_alone, space.missing) == (True, False, ())
    assert len(spaces) == len({one.id for one in spaces})


@needs_root
@needs_whole_machine
def test_a_socket_of_the_kernel_is_no_gap(run_fragment: Run) -> None:
    """A tunnel opens a UDP socket that no process holds (the port is made up)."""
    name, port = f"aud{os.getpid()}", 54789
    make = ["ip", "link", "add", name, "type", "vxlan", "id", "7", "dstport", str(port), "local", "127.0.0.1"]
    if shutil.which("ip") is None or subprocess.run(make, capture_output=True, check=False).returncode:
        pytest.skip("no VXLAN tunnel can be made here")
    try:
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        answer = run_fragment("sockets.ss")
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)
    if "sees all" not in answer.text:
        pytest.skip("there are processes here that even root may not look into")
    found = [one for one in listeners(answer, port) if one.protocol is Protocol.UDP]
    assert found
    assert all(one.by_kernel for one in found)
    assert str(port) not in (answer.parsed.partial or "")
