"""Real and fake servers on this machine's loopback, and a watch over what a call leaves behind."""

import gc
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.model.host import ConnectionKind, Credentials, Host, SshSettings, WinRmSettings
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from tests.winrm.server import PASSWORD, USER

SSHD = Path("/usr/sbin/sshd")
TOKEN = "00112233445566778899aabbccddeeff"
MakeCall = Callable[..., ProbeCall]


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _keygen(file: Path, kind: str, *more: str, passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(file), *more]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return file


@pytest.fixture(scope="session")
def keygen() -> Callable[..., Path]:
    """Make a key pair with ssh-keygen."""
    return _keygen


@dataclass(frozen=True, kw_only=True)
class Server:
    """A real sshd: where it listens, its key, and a key that lets root in."""

    port: int
    public: str
    key: Path
    folder: Path
    known_hosts: Path

    def host(self, **changes: object) -> Host:
        """Describe it as an inventory would."""
        host = Host(
            name="lab-1",
            address="127.0.0.1",
            port=self.port,
            credentials=Credentials(user="root", private_key=self.key),
            ssh=SshSettings(known_hosts=(self.known_hosts,), identities_only=True),
        )
        return replace(host, **changes)


StartServer = Callable[..., Server]


@pytest.fixture(scope="session")
def start_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start sshd processes that end with the tests."""
    if os.geteuid() != 0 or not SSHD.exists():
        pytest.skip("needs root and /usr/sbin/sshd")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    started: list[subprocess.Popen[bytes]] = []

    def start(*settings: str, host_keys: tuple[str, ...] = ("ed25519",), listen: str = "127.0.0.1") -> Server:
        folder = tmp_path_factory.mktemp("sshd")
        port = _free_port()
        key = _keygen(folder / "client", "ed25519")
        shutil.copy(folder / "client.pub", folder / "authorized_keys")
        made = [_keygen(folder / f"host_{kind}", kind) for kind in host_keys]
        lines = [
            f"Port {port}",
            f"ListenAddress {listen}",
            f"PidFile {folder}/pid",
            f"AuthorizedKeysFile {folder}/authorized_keys",
            "StrictModes no",
            "PermitRootLogin yes",
            "UsePAM no",
            "PasswordAuthentication no",
            "MaxStartups 100",
            # Bash reads ~/.bashrc for sshd's commands, unless another shell seems to stand above it: what this
            # machine's root has in there may take its time, or its turn.
            "SetEnv SHLVL=2",
            *(f"HostKey {file}" for file in made),
            *settings,
        ]
        (folder / "config").write_text("\n".join(lines) + "\n")
        command = [str(SSHD), "-D", "-e", "-f", str(folder / "config")]
        with (folder / "log").open("wb") as log:
            started.append(subprocess.Popen(command, stderr=log))
        _await_listener(listen, port)
        public = " ".join((folder / f"host_{host_keys[0]}.pub").read_text().split()[:2])
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {public}\n")
        return Server(port=port, public=public, key=key, folder=folder, known_hosts=known)

    yield start
    for process in started:
        process.terminate()
        process.wait()


def _await_listener(address: str, port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "sshd does not listen"
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def sshd(start_sshd: StartServer) -> Server:
    """One ordinary sshd."""
    return start_sshd()


@pytest.fixture(scope="session")
def make_call() -> MakeCall:
    """Make a call whose script is ours to choose: it is what the shell reads on standard input."""

    def make(
        script: str, *, deadline: float = 10.0, output_limit: int = 1_000_000, stderr_limit: int = 4096
    ) -> ProbeCall:
        return ProbeCall(
            token=TOKEN,
            launcher="exec /bin/sh -c 'a=$(cat); eval \"$a\" </dev/null'",
            script=script,
            script_sha256="0" * 64,
            stdin=script.encode(),
            deadline=deadline,
            output_limit=output_limit,
            stderr_limit=stderr_limit,
        )

    return make


@pytest.fixture
def fake_server() -> Iterator[Callable[[Callable[[socket.socket], None]], Host]]:
    """Serve one connection on loopback with a function, and describe the server as a host."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []

    def serve(answer: Callable[[socket.socket], None]) -> Host:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with connection:
                    connection.settimeout(20)
                    answer(connection)
            except OSError:
                return
            except BaseException as error:  # noqa: BLE001 — shown by the test that owns the thread
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)
        return Host(name="fake", address="127.0.0.1", port=listener.getsockname()[1])

    yield serve
    for listener in listeners:
        # A thread that still waits in accept() is woken by a connection, not by closing the listener.
        with closing(socket.socket()) as knock:
            knock.settimeout(1)
            knock.connect_ex(listener.getsockname())
        listener.close()
    for thread in threads:
        thread.join(25)
    assert not failures, failures


@contextmanager
def _nothing_left() -> Iterator[None]:
    def state() -> tuple[set[int], set[str], set[str]]:
        threads = {thread.ident or 0 for thread in threading.enumerate()}
        files = set()
        for one in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the folder that is read here is one of them
                files.add(f"{one.name} {one.readlink()}")
        children = set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
        return threads, files, children

    before = state()
    yield
    after = state()
    # The other end may be this process too (the WS-Man host): what is its goes when it notices that we have gone.
    patience = time.monotonic() + 10
    while (after[0] - before[0] or after[1] - before[1] or after[2] - before[2]) and time.monotonic() < patience:
        time.sleep(0.05)
        gc.collect()
        after = state()
    assert after[0] - before[0] == set(), "a thread is left"
    assert after[1] - before[1] == set(), "a file or socket is left"
    assert after[2] - before[2] == set(), "a child process is left"


@pytest.fixture
def nothing_left() -> Callable[[], object]:
    """Give a block that must leave no thread, file, socket or child process behind."""
    return _nothing_left


@pytest.fixture(scope="session")
def windows_host() -> Iterator[Host]:
    """Describe a WS-Man host that runs in a process of its own."""
    command = [sys.executable, "-m", "tests.winrm"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as peer:
        assert peer.stdout is not None
        port = int(peer.stdout.readline())
        yield Host(
            name="win-1",
            address="127.0.0.1",
            port=port,
            connection=ConnectionKind.WINRM,
            credentials=Credentials(user=USER, password=PASSWORD),
            winrm=WinRmSettings(is_https=False),
        )


@pytest.fixture
def local_host() -> Host:
    """Describe this machine as a host."""
    return Host(name="here", address="localhost", connection=ConnectionKind.LOCAL)
