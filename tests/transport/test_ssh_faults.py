"""Everything that can be wrong with a host has its one reason, and leaves nothing behind."""

import errno
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Credentials, Host, SshSettings
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport import connect
from auditor.transport.ssh import Patience, SshTransport

MakeCall = Callable[..., ProbeCall]
Fake = Callable[[Callable[[socket.socket], None]], Host]
Watch = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def transport(tmp_path: Path) -> SshTransport:
    return SshTransport(home=tmp_path, agent_socket="", patience=Patience(connect=1, banner=1, handshake=2))


def failure(transport: SshTransport, host: Host, call: ProbeCall) -> HostError:
    with pytest.raises(HostError) as raised:
        transport.collect(host, call)
    assert "\n" not in raised.value.detail
    return raised.value


def test_nobody_listens(transport: SshTransport, make_call: MakeCall, nothing_left: Watch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    with nothing_left():
        error = failure(transport, Host(name="a", address="127.0.0.1", port=port), make_call(":"))
    assert error.reason is Reason.REFUSED
    assert f"127.0.0.1 port {port}" in error.detail


@pytest.mark.parametrize("address", ["no such host", "a..b", "x" * 300], ids=["space", "empty-label", "too-long"])
def test_a_name_that_does_not_resolve(transport: SshTransport, make_call: MakeCall, address: str) -> None:
    assert failure(transport, Host(name="a", address=address), make_call(":", deadline=5)).reason is Reason.DNS


def test_a_resolver_that_hangs(transport: SshTransport, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_: object, flags: int = 0, **__: object) -> list[Any]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begun = time.monotonic()
    error = failure(transport, Host(name="a", address="slow.example"), make_call(":", deadline=0.5))
    released.set()
    assert error.reason is Reason.DNS
    assert "in time" in error.detail
    assert time.monotonic() - begun < 3


def test_a_connection_that_is_never_taken(transport: SshTransport, make_call: MakeCall, nothing_left: Watch) -> None:
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        where = deaf.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(where)
        time.sleep(0.1)
        with nothing_left():
            error = failure(transport, Host(name="a", address="127.0.0.1", port=where[1]), make_call(":"))
        for filler in fillers:
            filler.close()
    assert error.reason is Reason.TIMEOUT
    assert "no answer within 1.0 s" in error.detail


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH], ids=["host", "network"])
def test_no_route(transport: SshTransport, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def unreachable(_family: object, _where: object, _seconds: float) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(connect, "_connect", unreachable)
    assert failure(transport, Host(name="a", address="127.0.0.1"), make_call(":")).reason is Reason.NO_ROUTE


def test_a_reset_that_connecting_already_shows(
    transport: SshTransport, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reset(_family: object, _where: object, _seconds: float) -> socket.socket:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    monkeypatch.setattr(connect, "_connect", reset)
    error = failure(transport, Host(name="a", address="127.0.0.1"), make_call(":"))
    assert error.reason is Reason.NO_BANNER
    assert "reset by peer" in error.detail


def test_of_several_addresses_the_most_telling_failure_stands(
    transport: SshTransport, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([errno.ENETUNREACH, errno.ECONNREFUSED])

    def fail(_family: object, _where: object, _seconds: float) -> socket.socket:
        number = next(numbers)
        raise OSError(number, os.strerror(number))

    two = [(socket.AF_INET6, ("::1", 22, 0, 0)), (socket.AF_INET, ("127.0.0.1", 22))]
    monkeypatch.setattr(connect, "_resolve", lambda *_: two)
    monkeypatch.setattr(connect, "_connect", fail)
    error = failure(transport, Host(name="a", address="two.example"), make_call(":"))
    assert error.reason is Reason.REFUSED
    assert "unreachable" in error.detail
    assert "refused" in error.detail


def test_the_second_address_is_tried(sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    # "localhost" is ::1 first where there is IPv6; this sshd listens on 127.0.0.1 only.
    known = tmp_path / "known_hosts"
    known.write_text(f"[localhost]:{sshd.port} {sshd.public}\n")
    host = sshd.host(address="localhost", ssh=SshSettings(known_hosts=(known,), identities_only=True))
    assert SshTransport(home=tmp_path, agent_socket="").collect(host, make_call("echo yes")).stdout == b"yes\n"


def _silent(connection: socket.socket) -> None:
    connection.recv(1)


def _close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _web(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\x1b[31m\r\n\r\n")


def _vnc(connection: socket.socket) -> None:
    connection.sendall(b"RFB 003.008\n")
    connection.recv(1)


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"SS")
    time.sleep(0.2)
    connection.sendall(b"L-nonsense")
    connection.recv(1)


def _babble(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"welcome to the machine\r\n" * 100)


def _endless_version(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"SSH-2.0-" + b"x" * 4000)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        pytest.param(_silent, Reason.NO_BANNER, "silent", id="silence"),
        pytest.param(_close, Reason.NO_BANNER, "closed", id="closed-without-a-byte"),
        pytest.param(_reset, Reason.NO_BANNER, "", id="reset-without-a-byte"),
        pytest.param(_web, Reason.NOT_SSH, "HTTP/1.1 400", id="a-web-server"),
        pytest.param(_vnc, Reason.NOT_SSH, "RFB 003.008", id="a-vnc-server"),
        pytest.param(_drip, Reason.NOT_SSH, "begins with", id="almost-ssh"),
        pytest.param(_babble, Reason.NOT_SSH, "welcome", id="text-without-end"),
        pytest.param(_endless_version, Reason.NOT_SSH, "SSH-2.0-xxx", id="a-version-without-end"),
    ],
)
def test_no_ssh_answers(
    transport: SshTransport,
    fake_server: Fake,
    make_call: MakeCall,
    answer: Callable[[socket.socket], None],
    reason: Reason,
    words: str,
) -> None:
    threads = threading.active_count()
    host = fake_server(answer)
    error = failure(transport, host, make_call(":"))
    assert error.reason is reason
    assert words in error.detail
    assert "\x1b" not in error.detail
    assert threading.active_count() <= threads + 1, "only the fake server's own thread may be left"


def _hang_in_kex(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-Slow_1.0\r\n")
    while connection.recv(4096):
        pass


def _close_in_kex(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-Short_1.0\r\n")
    connection.recv(10)


def _old_protocol(connection: socket.socket) -> None:
    connection.sendall(b"SSH-1.5-Old_1.0\r\n")
    connection.recv(4096)


def _garbage_in_kex(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-Odd_1.0\r\n" + b"\x00\x00\x00\x0c\x04\xfe" + b"\xff" * 20)
    connection.recv(4096)


def _huge_packet(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-Huge_1.0\r\n" + b"\x7f\xff\xff\xf4" + b"\xff" * 4096)
    while True:
        connection.sendall(b"\xff" * 65536)


def _parting(connection: socket.socket) -> None:
    words = b"\x00\x00\x00\x02" + b"\x00\x00\x00\x09go away\x1b\n" + b"\x00\x00\x00\x00"
    payload = b"\x01" + words
    padding = 8 - (len(payload) + 5) % 8 + 8
    packet = bytes([padding]) + payload + b"\0" * padding
    connection.sendall(b"SSH-2.0-Rude_1.0\r\n" + struct.pack(">I", len(packet)) + packet)
    connection.recv(4096)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        pytest.param(_hang_in_kex, Reason.TIMEOUT, "key exchange", id="hangs"),
        pytest.param(_close_in_kex, Reason.HANDSHAKE, "key exchange", id="closes"),
        pytest.param(_old_protocol, Reason.HANDSHAKE, "1.5", id="speaks-version-1"),
        pytest.param(_garbage_in_kex, Reason.HANDSHAKE, "key exchange", id="sends-garbage"),
        pytest.param(_huge_packet, Reason.OUTPUT_LIMIT, "bytes", id="announces-a-packet-of-2-gigabytes"),
        pytest.param(_parting, Reason.HANDSHAKE, "go away", id="says-good-bye"),
    ],
)
def test_the_key_exchange_fails(
    transport: SshTransport,
    fake_server: Fake,
    make_call: MakeCall,
    answer: Callable[[socket.socket], None],
    reason: Reason,
    words: str,
) -> None:
    threads = threading.active_count()
    host = fake_server(answer)
    error = failure(transport, host, make_call(":"))
    assert error.reason is reason
    assert words in error.detail
    assert "\x1b" not in error.detail
    assert threading.active_count() <= threads + 1, "only the fake server's own thread may be left"


def test_a_preface_before_the_version_is_passed_over(
    sshd: Any, transport: SshTransport, make_call: MakeCall, fake_server: Fake
) -> None:
    def relay(connection: socket.socket) -> None:
        connection.sendall(b"This system is monitored.\r\n\r\n")
        with socket.create_connection(("127.0.0.1", sshd.port)) as behind:
            _pump(connection, behind)

    fake = fake_server(relay)
    known = sshd.folder / "known_hosts_preface"
    known.write_text(f"[127.0.0.1]:{fake.port} {sshd.public}\n")
    host = sshd.host(port=fake.port, ssh=SshSettings(known_hosts=(known,), identities_only=True))
    assert transport.collect(host, make_call("echo through")).stdout == b"through\n"


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_the_connection_breaks_in_mid_output(
    sshd: Any, transport: SshTransport, make_call: MakeCall, fake_server: Fake, nothing_left: Watch, how: str
) -> None:
    def relay(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", sshd.port)) as behind:
            _pump(connection, behind, most=60_000)
        if how == "resets":
            _reset(connection)

    fake = fake_server(relay)
    known = sshd.folder / f"known_hosts_{how}"
    known.write_text(f"[127.0.0.1]:{fake.port} {sshd.public}\n")
    host = sshd.host(port=fake.port, ssh=SshSettings(known_hosts=(known,), identities_only=True))
    error = failure(transport, host, make_call("head -c 900000 /dev/zero; sleep 5"))
    assert error.reason is Reason.RESET
    assert "bytes of the answer" in error.detail
    with nothing_left():
        transport.collect(sshd.host(), make_call(":"))


def test_a_host_that_stands_still_is_told_from_a_command_that_hangs(
    sshd: Any, transport: SshTransport, make_call: MakeCall, fake_server: Fake, nothing_left: Watch
) -> None:
    def relay(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", sshd.port)) as behind:
            _pump(connection, behind, most=60_000)
        while connection.recv(4096):
            pass

    fake = fake_server(relay)
    known = sshd.folder / "known_hosts_frozen"
    known.write_text(f"[127.0.0.1]:{fake.port} {sshd.public}\n")
    host = sshd.host(port=fake.port, ssh=SshSettings(known_hosts=(known,), identities_only=True))
    with nothing_left():
        hangs = failure(transport, sshd.host(), make_call("echo a; sleep 9", deadline=1.5))
    stands = failure(transport, host, make_call("head -c 900000 /dev/zero; sleep 9", deadline=1.5))
    assert (hangs.reason, stands.reason) == (Reason.STALLED, Reason.FROZEN)
    assert "still answers" in hangs.detail
    assert "its kernel takes what we send" in stands.detail


def _pump(left: socket.socket, right: socket.socket, *, most: int | None = None) -> None:
    """Carry bytes both ways until one end closes, or the right one has said so much."""
    import select  # noqa: PLC0415 — the name is taken in this file's fixtures

    said = 0
    while most is None or said < most:
        for ready in select.select([left, right], [], [], 20)[0]:
            data = ready.recv(4096)
            if not data:
                return
            (left if ready is right else right).sendall(data)
            said += len(data) if ready is right else 0


def test_garbage_at_log_in_does_not_drown_the_answer(start_sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    noisy = start_sshd('ForceCommand head -c 50000000 /dev/zero >&2; eval "$SSH_ORIGINAL_COMMAND"')
    transport = SshTransport(home=tmp_path, agent_socket="")
    answer = transport.collect(noisy.host(), make_call("echo true", deadline=60))
    assert (answer.stdout, answer.stderr_dropped) == (b"true\n", 50_000_000 - 4096)


def test_no_session_for_a_user_who_may_not_have_one(start_sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    server = start_sshd("MaxSessions 0")
    error = failure(SshTransport(home=tmp_path, agent_socket=""), server.host(), make_call(":"))
    assert error.reason is Reason.NO_SESSION


def test_nothing_in_common(start_sshd: Any, tmp_path: Path, make_call: MakeCall, nothing_left: Watch) -> None:
    server = start_sshd("Ciphers chacha20-poly1305@openssh.com")
    transport = SshTransport(home=tmp_path, agent_socket="")
    with nothing_left():
        error = failure(transport, server.host(), make_call(":"))
    assert error.reason is Reason.HANDSHAKE
    assert "ciphers" in error.detail


@pytest.mark.parametrize(
    ("settings", "agreed"),
    [
        pytest.param((), "ecdh-sha2-nistp256", id="as-it-comes"),
        pytest.param(("KexAlgorithms -ecdh-sha2-nistp*",), "curve25519-sha256", id="no-curve-of-NIST"),
        pytest.param(("KexAlgorithms diffie-hellman-group16-sha512",), "diffie-hellman-group16-sha512", id="no-curve"),
    ],
)
def test_the_wire_is_encrypted_as_meant(
    settings: tuple[str, ...], agreed: str, start_sshd: Any, tmp_path: Path, make_call: MakeCall
) -> None:
    server = start_sshd("LogLevel DEBUG1", *settings)
    SshTransport(home=tmp_path, agent_socket="").collect(server.host(), make_call(":"))
    log = (server.folder / "log").read_text()
    assert "cipher: aes128-gcm@openssh.com MAC: <implicit> compression: none" in log
    assert f"kex: algorithm: {agreed}" in log


def test_at_the_deadline_the_host_is_asked_to_stop(start_sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    # sshd heeds it for ordinary users and not for root, so its log is what can be looked at here.
    server = start_sshd("LogLevel DEBUG1")
    transport = SshTransport(home=tmp_path, agent_socket="")
    assert failure(transport, server.host(), make_call("sleep 3", deadline=1.5)).reason is Reason.STALLED
    end = time.monotonic() + 5
    while " req signal" not in (server.folder / "log").read_text():
        assert time.monotonic() < end, "no signal was asked for"
        time.sleep(0.05)


def test_many_threads_share_one_transport(
    start_sshd: Any, tmp_path: Path, make_call: MakeCall, nothing_left: Watch
) -> None:
    server = start_sshd()
    transport = SshTransport(home=tmp_path, agent_socket="", patience=Patience(connect=30, banner=30, handshake=30))
    hosts = [server.host(name=f"lab-{number}") for number in range(24)]
    wrong = Credentials(user="root", private_key=tmp_path / "missing")
    hosts[5] = replace(hosts[5], credentials=wrong)

    def one(host: Host) -> str:
        try:
            return transport.collect(host, make_call(f"echo {host.name}", deadline=60)).stdout.decode().strip()
        except HostError as error:
            return error.reason.value

    with nothing_left(), ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, hosts))
        assert answers == ["auth" if number == 5 else f"lab-{number}" for number in range(24)]


def test_nothing_is_printed_or_logged(sshd: Any, tmp_path: Path) -> None:
    """A broken host leaves its line in the ledger and not a traceback on the operator's screen."""
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from auditor.errors import HostError\n"
        "from auditor.model.host import *\n"
        "from auditor.model.probe import ProbeCall\n"
        "from auditor.transport.ssh import SshTransport\n"
        "call = ProbeCall(token='0', launcher=':', script='', script_sha256='', stdin=b'',\n"
        "    deadline=5, output_limit=9)\n"
        f"host = Host(name='a', address='127.0.0.1', port={sshd.port},\n"
        "    credentials=Credentials(user='root', password='no'))\n"
        f"try: SshTransport(home=Path({str(tmp_path)!r}), agent_socket='').collect(host, call)\n"
        "except HostError as error: print(error.reason)\n"
    )
    import sys  # noqa: PLC0415 — the interpreter of this very run

    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("host_key_unknown\n", "")
