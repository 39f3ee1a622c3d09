"""What every transport promises, put to each of them."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import ConnectionKind, Host
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.record import replace
from auditor.transport.deadline import Deadline
from auditor.transport.local import LocalTransport
from auditor.transport.replay import ReplayTransport
from auditor.transport.ssh import SshTransport
from auditor.transport.transport import Transport
from auditor.transport.winrm import WinRmTransport

MakeCall = Callable[..., ProbeCall]
Watch = Callable[[], AbstractContextManager[None]]


class Way:
    """A transport together with a host it reaches; a recording is made of what the local shell says."""

    def __init__(self, transport: Transport, host: Host, folder: Path) -> None:
        self.transport, self.host, self.folder = transport, host, folder

    def ask(self, call: ProbeCall) -> RawOutput:
        return self.transport.collect(self.host, call)

    def prepare(self, call: ProbeCall) -> None:
        """Record the answer, where answers are recorded."""
        if self.host.connection is ConnectionKind.REPLAY:
            generous = replace(call, output_limit=10**8, stderr_limit=10**8)
            here = Host(name="here", address="localhost", connection=ConnectionKind.LOCAL)
            answer = LocalTransport().collect(here, generous)
            file = self.folder / "recording"
            file.write_bytes(answer.stdout)
            (self.folder / "recording.stderr").write_bytes(answer.stderr)
            self.host = replace(self.host, replay=file)


@pytest.fixture(params=["ssh", "jump", "winrm", "local", "replay"])
def way(request: pytest.FixtureRequest, tmp_path: Path, local_host: Host) -> Iterator[Way]:
    made = _way(request, tmp_path, local_host)
    yield made
    made.transport.close()


def _way(request: pytest.FixtureRequest, tmp_path: Path, local_host: Host) -> Way:
    if request.param in ("ssh", "jump"):
        server: Any = request.getfixturevalue("sshd")
        host = server.host()
        transport = SshTransport(home=tmp_path, agent_socket="")
        if request.param == "jump":
            host = replace(host, ssh=replace(host.ssh, jumps=(server.host(name="gate"),)))
            # What all hosts behind it share is there before the first of them, and stays till the end of the run.
            transport._jumps._connection(host.ssh.jumps, Deadline.after(20))
        return Way(transport, host, tmp_path)
    if request.param == "winrm":
        host = request.getfixturevalue("windows_host")
        # What the libraries below open once, they open here.
        WinRmTransport().collect(host, request.getfixturevalue("make_call")(":"))
        return Way(WinRmTransport(), host, tmp_path)
    if request.param == "local":
        return Way(LocalTransport(), local_host, tmp_path)
    host = Host(name="recorded", address="", connection=ConnectionKind.REPLAY)
    return Way(ReplayTransport(), host, tmp_path)


@pytest.fixture
def live(way: Way) -> Way:
    if way.host.connection is ConnectionKind.REPLAY:
        pytest.skip("a recording has no process behind it")
    return way


SPEAK = "printf 'one\\ntwo'; printf 'aside' >&2; "


def test_both_streams_come_whole_and_apart(way: Way, make_call: MakeCall, nothing_left: Watch) -> None:
    call = make_call(SPEAK)
    way.prepare(call)
    way.ask(call)
    with nothing_left():
        answer = way.ask(call)
    assert (answer.stdout, answer.stderr, answer.stderr_dropped) == (b"one\ntwo", b"aside", 0)
    assert answer.started <= answer.finished
    assert answer.started.tzinfo is not None


def test_bytes_are_not_touched(way: Way, make_call: MakeCall) -> None:
    call = make_call("printf '\\000\\377\\r\\n\\033[31m@@p:'")
    way.prepare(call)
    assert way.ask(call).stdout == b"\x00\xff\r\n\x1b[31m@@p:"


def test_a_large_answer_is_complete(way: Way, make_call: MakeCall) -> None:
    call = make_call("head -c 9000000 /dev/zero", output_limit=9_000_000, deadline=40)
    way.prepare(call)
    assert len(way.ask(call).stdout) == 9_000_000


def test_one_byte_too_many_is_an_output_limit(way: Way, make_call: MakeCall, nothing_left: Watch) -> None:
    call = make_call("head -c 50001 /dev/zero | tr '\\000' x", output_limit=50_000)
    way.prepare(call)
    with nothing_left():
        reason, detail = refusal(way, call)
    assert reason is Reason.OUTPUT_LIMIT
    assert "50000 bytes" in detail


def test_stderr_beyond_its_limit_is_counted(way: Way, make_call: MakeCall) -> None:
    call = make_call("head -c 3000000 /dev/zero >&2; echo done", stderr_limit=1000, deadline=40)
    way.prepare(call)
    answer = way.ask(call)
    assert (answer.stdout, len(answer.stderr), answer.stderr_dropped) == (b"done\n", 1000, 2_999_000)


def test_the_exit_status_is_told(live: Way, make_call: MakeCall) -> None:
    assert live.ask(make_call("exit 7")).exit_status == 7


def test_a_killed_probe_has_no_exit_status(live: Way, make_call: MakeCall) -> None:
    answer = live.ask(make_call("echo before; kill -KILL $$"))
    assert (answer.stdout, answer.exit_status) == (b"before\n", None)


def test_the_user_is_told(live: Way, make_call: MakeCall) -> None:
    if live.host.connection is ConnectionKind.WINRM:
        pytest.skip("the commands of the test's WS-Man host are this process's own")
    answer = live.ask(make_call("id -un"))
    assert answer.user == answer.stdout.decode().strip()


def test_a_hang_ends_at_the_deadline(live: Way, make_call: MakeCall, nothing_left: Watch) -> None:
    live.ask(make_call(":"))
    mark = f"98.{secrets.randbelow(10**9)}"
    begun = time.monotonic()
    with nothing_left():
        reason, detail = refusal(live, make_call(f"echo started; sleep {mark}", deadline=1.5))
    assert reason is Reason.STALLED
    assert "after 8 bytes" in detail
    assert time.monotonic() - begun < 5
    if live.host.connection is ConnectionKind.LOCAL:
        assert _running(mark, within=5) == 0, "the command goes on without us"


def test_a_child_that_keeps_the_output_open_ends_at_the_deadline(live: Way, make_call: MakeCall) -> None:
    with pytest.raises(HostError) as raised:
        live.ask(make_call("sleep 97.65 & exit 0", deadline=1.5))
    assert raised.value.reason is Reason.STALLED


def test_a_drip_ends_at_the_deadline(live: Way, make_call: MakeCall, nothing_left: Watch) -> None:
    with nothing_left():
        reason, detail = refusal(live, make_call("while echo drop; do sleep .1; done", deadline=1.5))
    assert reason is Reason.DEADLINE
    assert "the last 0." in detail


def refusal(way: Way, call: ProbeCall) -> tuple[Reason, str]:
    """Ask, and return what the error says without it: while it is held, so is all that it went through."""
    try:
        way.ask(call)
    except HostError as error:
        return error.reason, error.detail
    pytest.fail("it answered")


def test_what_is_too_much_and_neither_ours_nor_text_is_malformed(way: Way, make_call: MakeCall) -> None:
    call = make_call("head -c 50001 /dev/zero", output_limit=50_000)
    way.prepare(call)
    with pytest.raises(HostError) as raised:
        way.ask(call)
    assert raised.value.reason is Reason.MALFORMED
    assert "nothing of the probe's" in raised.value.detail


def test_input_larger_than_any_buffer_is_read_while_output_flows(live: Way, make_call: MakeCall) -> None:
    call = make_call("")
    script = b"x" * 5_000_000
    call = replace(call, launcher="head -c 3000000 /dev/zero; wc -c", stdin=script, output_limit=4_000_000, deadline=40)
    assert live.ask(call).stdout[3_000_000:].strip() == b"5000000"


def test_input_nobody_reads_does_no_harm(live: Way, make_call: MakeCall) -> None:
    call = replace(make_call(""), launcher="echo deaf", stdin=b"x" * 5_000_000)
    answer = live.ask(call)
    assert (answer.stdout, answer.exit_status) == (b"deaf\n", 0)


def _running(mark: str, *, within: float) -> int:
    """Count the processes that have a word among their arguments, once none is left or time is up."""
    end = time.monotonic() + within
    while True:
        count = 0
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                count += mark.encode() in file.read_bytes().split(b"\0")
            except OSError:
                continue
        if count == 0 or time.monotonic() > end:
            return count
        time.sleep(0.1)
