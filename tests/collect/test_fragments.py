"""Every Linux fragment runs in every shell, says the truth as root and as nobody, and leaves nothing behind."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.model.facts.accounts import Account, SudoRule
from auditor.model.facts.firewall import FirewallListing
from auditor.model.facts.network import Connection, InterfaceAddress, Listener, Protocol
from auditor.model.facts.processes import Process
from auditor.model.facts.software import Software

Run = Callable[..., Any]
# The gate runs the two shells that differ most; the whole test run all of them.
_SHELLS = ("dash", "busybox", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "mksh", "zsh")))
_NOBODY = 65534
_PR_SET_NAME = 15
_NAME_BYTES = 16
_NAMESPACE = f"aud{os.getpid()}"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _facts(answer: Any, kind: type) -> list[Any]:
    return [fact for _, fact in answer.parsed.facts if isinstance(fact, kind)]


def _tools(folder: Path, *names: str) -> None:
    """Make a folder of commands that holds these, and what no host is without."""
    for name in ("cat", "date", "id", "sleep", *names):
        (folder / name).symlink_to(shutil.which(name) or "/nowhere")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Open a listening socket of this very process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@contextlib.contextmanager
def _child(code: str, *before: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python code that prints one line when it is ready, and end it."""
    child = subprocess.Popen(
        [*before, sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd="/"
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdout, child.stdin):
            if stream is not None:
                stream.close()


@pytest.fixture
def namespace() -> Iterator[str]:
    """Make an empty network namespace."""
    if shutil.which("ip") is None:
        pytest.skip("ip is not installed")
    made = subprocess.run(["ip", "netns", "add", _NAMESPACE], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "-n", _NAMESPACE, "link", "set", "lo", "up"], check=True)
        yield _NAMESPACE
    finally:
        subprocess.run(["ip", "netns", "del", _NAMESPACE], check=True)


@pytest.mark.parametrize("shell", _SHELLS)
def test_fragment_runs_in_every_shell(collector_id: str, shell: str, run_fragment: Run) -> None:
    answer = run_fragment(collector_id, interpreter=shell)
    assert answer.status == 0, answer.stderr
    assert "failed" not in answer.words, answer.outcomes
    # What another process does at the same moment may be seen half; what is not understood is a fault of ours.
    assert answer.parsed.unread == ()
    # That no folder of programs is open to others is no fact, but a row for each that was looked at; that nobody came
    # from outside is an answer too.
    may_be_none = collector_id == "appcontrol.program_paths" or collector_id.startswith("logons.")
    is_seen = answer.parsed.facts or (may_be_none and not answer.parsed.partial)
    assert is_seen or answer.words & {"absent", "denied"}


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "busybox"])
def test_shells_agree(shell: str, run_fragment: Run) -> None:
    for name in (
        "software.dpkg",
        "services.systemd",
        "services.sysv",
        "accounts.sudoers",
        "accounts.users",
        "system.os",
    ):
        assert run_fragment(name, interpreter=shell).text == run_fragment(name).text


@needs_root
def test_nobody_never_gets_a_clean_answer_where_root_sees_more(collector_id: str, run_fragment: Run) -> None:
    nobody = run_fragment(collector_id, uid=_NOBODY)
    assert nobody.parsed.unread == ()
    if nobody.words or nobody.parsed.partial:
        return
    root = run_fragment(collector_id)
    assert not collector_id.startswith(("processes.", "sockets."))
    # Interfaces of other tests come and go.
    assert nobody.text == root.text or collector_id.startswith("network.")


@needs_root
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("firewall.nft", "denied"),
        ("firewall.nft_text", "denied"),
        ("firewall.iptables_nft", "denied"),
        ("processes.procfs", "partial"),
        ("sockets.ss", "partial"),
    ],
)
def test_nobody_is_told_so(name: str, word: str, run_fragment: Run) -> None:
    if run_fragment(name).words & {"absent"} and name == "firewall.nft":
        pytest.skip("this kernel has no nf_tables")
    assert run_fragment(name, uid=_NOBODY).words == {word}


@needs_root
@pytest.mark.skipif(not Path("/etc/sudoers").exists(), reason="sudo is not installed")
def test_sudoers_are_closed_to_nobody(run_fragment: Run) -> None:
    assert run_fragment("accounts.sudoers", uid=_NOBODY).words == {"denied"}
    assert "root" in {rule.principal for rule in _facts(run_fragment("accounts.sudoers"), SudoRule)}


def test_listener_is_seen_with_its_pid(listener: socket.socket, run_fragment: Run) -> None:
    port = listener.getsockname()[1]
    found = [one for one in _facts(run_fragment("sockets.ss"), Listener) if one.port == port]
    assert [(one.protocol, one.address, [owner.pid for owner in one.owners]) for one in found] == [
        (Protocol.TCP, "127.0.0.1", [os.getpid()])
    ]


def test_listener_is_seen_without_ss(listener: socket.socket, run_fragment: Run, tmp_path: Path) -> None:
    _tools(tmp_path, "grep", "ls")
    answer = run_fragment("sockets.ss", path=str(tmp_path))
    port = listener.getsockname()[1]
    found = [one for one in _facts(answer, Listener) if one.port == port]
    assert [(one.address, os.getpid() in [owner.pid for owner in one.owners]) for one in found] == [("127.0.0.1", True)]
    assert "failed" not in answer.words


def test_connection_has_both_ends(listener: socket.socket, run_fragment: Run) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        answer = run_fragment("sockets.ss")
        ours = client.getsockname()[1]
    ends = (ours, listener.getsockname()[1])
    found = [one for one in _facts(answer, Connection) if (one.local_port, one.remote_port) == ends]
    assert [(one.state, [owner.pid for owner in one.owners]) for one in found] == [("established", [os.getpid()])]


_HOSTILE_NAMES = (
    b'",pid=1,fd=3)) ',
    b'a",pid=1,fd=3)',
    b'x\ny",pid=1,fd',
    b"\ntcp LISTEN 0 5",
    b"a uid:0 ino:1",
    b"\xff\xfe(x) S 1",
)


@pytest.mark.parametrize("name", _HOSTILE_NAMES, ids=range(len(_HOSTILE_NAMES)))
def test_name_of_a_process_cannot_forge_an_owner(name: bytes, run_fragment: Run) -> None:
    assert len(name) < _NAME_BYTES
    code = (
        "import ctypes, socket, time\n"
        f"ctypes.CDLL(None).prctl({_PR_SET_NAME}, {name!r}, 0, 0, 0)\n"
        "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            sockets = run_fragment("sockets.ss")
            processes = run_fragment("processes.procfs")
        finally:
            child.kill()
    found = [one for one in _facts(sockets, Listener) if one.port == port]
    assert [[owner.pid for owner in one.owners] for one in found] == [[child.pid]]
    assert [one.pid for one in _facts(processes, Process) if one.pid == child.pid] == [child.pid]
    assert sockets.parsed.unread == ()
    assert processes.parsed.unread == ()


def test_arguments_of_a_process_cannot_forge_a_row(run_fragment: Run) -> None:
    forged = "x\n1\t0\tS\t1\t0\troot\t/init.scope\tsystemd\tevil"
    with subprocess.Popen([forged, "60"], executable=shutil.which("sleep")) as sleeper:
        try:
            answer = run_fragment("processes.procfs")
        finally:
            sleeper.kill()
    assert answer.parsed.unread == ()
    assert [one.user for one in _facts(answer, Process) if one.pid == sleeper.pid] != []
    assert "evil" not in next(one.arguments for one in _facts(answer, Process) if one.pid == 1)


def test_program_that_was_deleted_is_named(run_fragment: Run, tmp_path: Path) -> None:
    program = tmp_path / "x y\nz"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([str(program), "60"]) as child:
        try:
            program.unlink()
            answer = run_fragment("processes.procfs")
        finally:
            child.kill()
    found = [one for one in _facts(answer, Process) if one.pid == child.pid]
    assert [(one.executable, one.deleted, one.arguments.endswith(" 60")) for one in found] == [
        (str(program), True, True)
    ]


def test_probe_leaves_itself_out_and_nobody_else(run_fragment: Run) -> None:
    answer = run_fragment("processes.procfs")
    pids = {one.pid for one in _facts(answer, Process)}
    assert os.getpid() in pids
    listed = {one.name for one in _facts(answer, Process) if one.parent == os.getpid()}
    assert not listed & {"awk", "dash", "gzip", "ls", "mawk", "sleep"}


def test_start_of_a_process_is_told(run_fragment: Run) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    with _child("print('ready', flush=True); input()") as child:
        answer = run_fragment("processes.procfs")
    (started,) = [datetime.fromisoformat(one.started) for one in _facts(answer, Process) if one.pid == child.pid]
    # The kernel's clock of boot and the wall clock may be a second apart.
    assert abs(started - before) <= timedelta(seconds=3)


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_processes_are_seen_with_every_awk(awk: str, run_fragment: Run, tmp_path: Path) -> None:
    program = shutil.which(awk)
    if program is None:
        pytest.skip(f"{awk} is not installed")
    _tools(tmp_path, "grep", "tr", "ls")
    (tmp_path / "awk").symlink_to(program)
    answer = run_fragment("processes.procfs", path=str(tmp_path))
    ours = [one for one in _facts(answer, Process) if one.pid == os.getpid()]
    arguments = Path("/proc/self/cmdline").read_bytes().rstrip(b"\0")
    arguments = arguments.replace(b"\0", b" ").replace(b"\n", b"?").replace(b"\t", b"?")
    assert [(one.uid, one.executable, one.arguments) for one in ours] == [
        (os.geteuid(), str(Path("/proc/self/exe").readlink()), arguments.decode())
    ]
    assert answer.parsed.unread == ()


@needs_root
def test_other_network_namespace_is_looked_into(namespace: str, run_fragment: Run) -> None:
    code = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 5900)); print('ready', flush=True); time.sleep(60)"
    )
    with _child(code, "ip", "netns", "exec", namespace) as child:
        answer = run_fragment("sockets.ss")
        net = str(Path(f"/proc/{child.pid}/ns/net").readlink())
        found = [
            one
            for one in _facts(answer, Listener)
            if one.port == 5900 and child.pid in [owner.pid for owner in one.owners]
        ]
        inside = _facts(run_fragment("sockets.ss", inside=("ip", "netns", "exec", namespace)), Listener)
    assert [(one.address, one.namespace) for one in found] == [("127.0.0.1", net)]
    # Asked from within, it is the host's own.
    assert [one.namespace for one in inside if child.pid in [owner.pid for owner in one.owners]] == [None]


@needs_root
def test_a_process_that_goes_from_one_network_namespace_to_another_is_no_puzzle(
    namespace: str, run_fragment: Run, listener: socket.socket
) -> None:
    wanders = (
        "import ctypes, itertools, time; libc = ctypes.CDLL(None)\n"
        f"places = [open('/proc/self/ns/net'), open('/run/netns/{namespace}')]; print('ready', flush=True)\n"
        "for place in itertools.cycle(places): libc.setns(place.fileno(), 0); time.sleep(0.02)"
    )
    stays = "import socket, time; s = socket.create_server(('127.0.0.1', 5900)); print('', flush=True); time.sleep(60)"
    net = f"net:[{Path(f'/run/netns/{namespace}').stat().st_ino}]"
    here = (Protocol.TCP, "127.0.0.1", listener.getsockname()[1], None)
    there = (Protocol.TCP, "127.0.0.1", 5900, net)
    with _child(wanders), _child(wanders), _child(stays, "ip", "netns", "exec", namespace):
        for _ in range(6):
            answer = run_fragment("sockets.ss")
            found = Counter(
                (one.protocol, one.address, one.port, one.namespace) for one in _facts(answer, Listener) if one.inode
            )
            assert answer.parsed.unread == ()
            assert found[here] == 1
            # Whoever is back when it is looked for again leaves the namespace unread, and that is said.
            assert found[there] == 1 or "network namespaces that could not be read" in (answer.parsed.partial or "")


@needs_root
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_ruleset_is_counted(namespace: str, run_fragment: Run) -> None:
    inside = ("ip", "netns", "exec", namespace)
    empty = run_fragment("firewall.nft", inside=inside)
    if "absent" in empty.words:
        pytest.skip("this kernel has no nf_tables")
    assert [(one.hooks, one.rules, one.filters) for one in _facts(empty, FirewallListing)] == [(0, 0, False)]
    rules = (
        "table inet guard {\nchain input {\ntype filter hook input priority 0; policy drop;\n"
        'tcp dport 22 accept\niif lo accept comment "} {"\n}\n}\n'
        "table ip6 only {\nchain in {\ntype filter hook input priority 1\ntcp dport 5900 reject\n}\n}\n"
    )
    subprocess.run([*inside, "nft", "-f", "-"], input=rules, text=True, check=True)
    for name in ("firewall.nft", "firewall.nft_text"):
        listings = _facts(run_fragment(name, inside=inside), FirewallListing)
        assert {(one.family, one.hooks, one.rules, one.drops_by_default) for one in listings} == {
            ("any", 1, 2, True),
            ("ip6", 1, 1, False),
        }
    # JSON leaves the family of a reject out; without one it loses nothing, and the text is not asked for.
    assert run_fragment("firewall.nft_text", inside=inside).words == set()
    subprocess.run([*inside, "nft", "flush", "table", "ip6", "only"], check=True)
    assert run_fragment("firewall.nft_text", inside=inside).words == {"absent"}
    assert run_fragment("firewall.iptables_nft", inside=inside).words == {"absent"}


@needs_root
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.parametrize(
    ("rules", "words"),
    [
        pytest.param(
            "table netdev edge {\nchain in {\ntype filter hook ingress device lo priority 0; policy drop;\n}\n}\n",
            set(),
            id="nft-1.0.6-leaves-out-the-devices-of-a-chain",
        ),
        pytest.param("table ip guard {\nflags dormant\n}\n", set(), id="nft-1.0.6-garbles-the-flags-of-a-table"),
        pytest.param(
            "table ip guard {\nset some {\ntype ipv4_addr; flags interval;\n}\n}\n",
            {"absent"},
            id="flags-of-a-set-are-whole",
        ),
    ],
)
def test_text_is_asked_for_where_the_json_loses_something(
    rules: str, words: set[str], namespace: str, run_fragment: Run
) -> None:
    inside = ("ip", "netns", "exec", namespace)
    if "absent" in run_fragment("firewall.nft", inside=inside).words:
        pytest.skip("this kernel has no nf_tables")
    subprocess.run([*inside, "nft", "-f", "-"], input=rules, text=True, check=True)
    assert run_fragment("firewall.nft_text", inside=inside).words == words


@needs_root
@pytest.mark.parametrize(
    ("tool", "name", "family"),
    [
        ("iptables-legacy", "firewall.iptables_legacy", "ip"),
        ("ip6tables-legacy", "firewall.ip6tables_legacy", "ip6"),
        ("iptables-nft", "firewall.iptables_nft", "ip"),
    ],
)
def test_iptables_are_counted(tool: str, name: str, family: str, namespace: str, run_fragment: Run) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    inside = ("ip", "netns", "exec", namespace)
    before = run_fragment(name, inside=inside)
    assert before.words == {"absent"} or not any(one.filters for one in _facts(before, FirewallListing))
    done = subprocess.run(
        [*inside, tool, "-A", "INPUT", "-p", "tcp", "--dport", "5900", "-j", "DROP"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"{tool} does not work here: {done.stderr.strip()}")
    after = _facts(run_fragment(name, inside=inside), FirewallListing)
    assert [(one.family, one.rules, one.filters) for one in after] == [(family, 1, True)]


@needs_root
def test_addresses_come_with_the_state_of_their_interface(namespace: str, run_fragment: Run) -> None:
    answer = run_fragment("network.interfaces", inside=("ip", "netns", "exec", namespace))
    assert {(one.interface, one.address, one.prefix, one.is_up) for one in _facts(answer, InterfaceAddress)} == {
        ("lo", "127.0.0.1", 8, True),
        ("lo", "::1", 128, True),
    }


def test_packages_are_those_that_dpkg_knows(run_fragment: Run) -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("dpkg is not installed")
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f=${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = {tuple(line.split("\t")[1:]) for line in listed.splitlines() if not line.startswith("not-installed")}
    found = _facts(run_fragment("software.dpkg"), Software)
    assert {(one.name, one.version, one.architecture) for one in found} == expected


def test_accounts_are_those_of_the_host(run_fragment: Run) -> None:
    names = [one.name for one in _facts(run_fragment("accounts.users"), Account)]
    assert names[:1] == ["root"]


@pytest.mark.parametrize(
    ("name", "missing"),
    [("software.dpkg", "awk"), ("services.systemd", "awk"), ("processes.procfs", "awk"), ("processes.procfs", "ls")],
)
def test_missing_tool_is_a_failure(name: str, missing: str, run_fragment: Run, tmp_path: Path) -> None:
    _tools(tmp_path, *({"awk", "ls"} - {missing}))
    answer = run_fragment(name, path=str(tmp_path))
    if "absent" in answer.words:
        pytest.skip("this host has nothing to ask about")
    assert answer.outcomes == (("failed", f"{missing} is not installed"),)


def test_fragment_leaves_no_file(collector_id: str, run_fragment: Run) -> None:
    places = [Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")]  # noqa: S108 — looked at, not used
    before = {str(path) for place in places if place.is_dir() for path in place.iterdir()}
    run_fragment(collector_id)
    after = {str(path) for place in places if place.is_dir() for path in place.iterdir()}
    # Other tests work at the same time; only what a fragment could have made counts.
    assert [path for path in after - before if "auditor-probe" in path or "sh-thd" in path] == []
