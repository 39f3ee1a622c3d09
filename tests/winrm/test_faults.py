"""Whatever a host does, it has one reason, ends in time, and keeps no shell of ours."""

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.winrm import WinRmTransport
from tests.winrm import soap
from tests.winrm.server import Handler
from tests.winrm.service import Limits

CALL = ProbeCall(
    token="00", launcher="cat; echo done", script="", script_sha256="", stdin=b"in ", deadline=5, output_limit=10_000
)
Describe = Callable[..., Host]


def refused(host: Host, call: ProbeCall = CALL) -> HostError:
    begun = time.monotonic()
    with pytest.raises(HostError) as raised:
        WinRmTransport().collect(host, call)
    assert time.monotonic() - begun < call.deadline + 30
    return raised.value


def at(action: str, status: int, body: bytes) -> Callable[[Handler, bytes], tuple[int, bytes] | None]:
    """Answer one kind of request so, and leave the others alone."""

    def fault(_: Handler, data: bytes) -> tuple[int, bytes] | None:
        return (status, body) if soap.read(data).action == action else None

    return fault


def fault_of(action: str, code: int, words: str = "No.") -> Callable[[Handler, bytes], tuple[int, bytes] | None]:
    return at(action, 500, soap.fault(soap.FaultError(code, words)))


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        pytest.param(fault_of("create", 5, "Access is denied."), Reason.ACCESS_DENIED, "LocalAccountTokenFilterPolicy",
                     id="a-filtered-token"),
        pytest.param(fault_of("create", 2150859180), Reason.ACCESS_DENIED, "switched off", id="no-remote-shells"),
        pytest.param(fault_of("create", 2150859173), Reason.QUOTA, "MaxShellsPerUser", id="too-many-shells"),
        pytest.param(fault_of("command", 2150859174), Reason.QUOTA, "ConcurrentOperations", id="too-many-operations"),
        pytest.param(fault_of("create", 2150858752), Reason.QUOTA, "resources", id="no-resources"),
        pytest.param(fault_of("create", 99, "Strange."), Reason.PROBE_FAILED, "Strange.", id="an-unknown-fault"),
        pytest.param(fault_of("create", soap.TIMED_OUT), Reason.TIMEOUT, "own limit", id="no-shell-in-its-own-time"),
        pytest.param(fault_of("receive", 2150858843), Reason.PROBE_FAILED, "2150858843", id="the-shell-is-gone"),
        pytest.param(at("create", 500, b""), Reason.UNENCRYPTED, "AllowUnencrypted", id="refuses-what-is-not-sealed"),
        pytest.param(at("create", 503, b"busy"), Reason.NOT_WINRM, "503", id="another-status"),
        pytest.param(at("create", 200, b"<html><body>Please log in<br></html>"), Reason.NOT_WINRM, "no WinRM",
                     id="a-captive-portal"),
        pytest.param(at("create", 200, b"<html/>"), Reason.NOT_WINRM, "no WinRM", id="well-formed-and-something-else"),
        pytest.param(at("receive", 200, b"<html/>"), Reason.NOT_WINRM, "says nothing", id="says-nothing-for-ever"),
        pytest.param(at("receive", 200, b"<a" * 30), Reason.NOT_WINRM, "ParseError", id="cut-in-the-middle"),
        pytest.param(at("receive", 200, b"\xff\xfe\0"), Reason.NOT_WINRM, "no WinRM", id="noise"),
        pytest.param(at("command", 200, b""), Reason.NOT_WINRM, "no WinRM", id="an-empty-answer"),
    ],
)  # fmt: skip
def test_each_fault_has_its_reason(serve: Any, describe: Describe, fault: Any, reason: Reason, words: str) -> None:
    server = serve(fault=fault)
    error = refused(describe(server))
    assert error.reason is reason, error
    assert words in error.detail
    assert server.service.shells == {}, "a shell is left"


def test_a_bomb_of_entities_is_no_answer(serve: Any, describe: Describe) -> None:
    names = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
    bomb = '<!DOCTYPE l [<!ENTITY l0 "lol">' + "".join(names) + "]><l>&l9;</l>"
    assert refused(describe(serve(fault=at("receive", 200, bomb.encode())))).reason is Reason.NOT_WINRM


def test_more_than_an_answer_can_need_is_not_taken(serve: Any, describe: Describe) -> None:
    server = serve(fault=at("receive", 200, b"x" * 8_000_000))
    assert refused(describe(server)).reason is Reason.OUTPUT_LIMIT
    assert server.service.shells == {}


def test_an_answer_that_is_too_long_is_an_output_limit(serve: Any, describe: Describe) -> None:
    server = serve()
    error = refused(describe(server), replace(CALL, launcher="while echo more; do :; done", stdin=b""))
    assert error.reason is Reason.OUTPUT_LIMIT
    assert server.service.shells == {}


def test_a_hang_ends_at_the_deadline_and_its_command_with_it(serve: Any, describe: Describe) -> None:
    server = serve()
    mark = f"97.{secrets.randbelow(10**9)}"
    error = refused(describe(server), replace(CALL, launcher=f"echo begun; sleep {mark}", stdin=b"", deadline=2))
    assert error.reason is Reason.STALLED
    assert "after 6 bytes" in error.detail
    assert server.service.shells == {}
    assert server.service.seen[-2:] == ["signal", "delete"]


@pytest.mark.parametrize("action", ["create", "command", "send", "receive"])
def test_a_connection_that_is_lost_leaves_no_shell(serve: Any, describe: Describe, action: str) -> None:
    """The first connection is cut; sealing begins anew on another, over which the shell is closed."""
    lost = threading.Event()

    def cut(handler: Handler, data: bytes) -> None:
        if soap.read(data).action == action and not lost.is_set():
            lost.set()
            handler.connection.close()
            raise ConnectionAbortedError

    server = serve(fault=cut)
    assert refused(describe(server)).reason is Reason.RESET
    assert server.service.shells == {}


def test_a_host_that_stays_silent_ends_at_the_deadline(serve: Any, describe: Describe) -> None:
    def silent(_: Handler) -> bool:
        time.sleep(4)
        return False

    assert refused(describe(serve(before=silent)), replace(CALL, deadline=1)).reason is Reason.TIMEOUT


@pytest.mark.parametrize("place", ["headers", "body"])
def test_a_host_that_drips_ends_at_the_deadline(serve: Any, describe: Describe, place: str) -> None:
    def drip(handler: Handler) -> bool:
        head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 9999\r\n\r\n" if place == "body" else b"")
        with suppress(OSError):
            handler.wfile.write(head)
            for _ in range(200):
                handler.wfile.write(b"x")
                time.sleep(0.05)
        return True

    error = refused(describe(serve(before=drip)), replace(CALL, deadline=1.5))
    assert error.reason is Reason.TIMEOUT


def test_nobody_is_sent_on_to_another_host(serve: Any, describe: Describe) -> None:
    other = serve()

    def send_on(handler: Handler) -> bool:
        handler.reply(307, b"", {"Location": f"http://127.0.0.1:{other.port}/wsman"})
        return True

    error = refused(describe(serve(before=send_on)))
    assert error.reason is Reason.NOT_WINRM
    assert "sends us on" in error.detail
    assert other.service.opened == other.logins == 0


def test_a_long_probe_that_the_host_does_not_take_is_a_quota(serve: Any, describe: Describe) -> None:
    server = serve(limits=Limits(envelope=50_000))
    error = refused(describe(server), replace(CALL, stdin=b"x" * 200_000))
    assert error.reason is Reason.QUOTA
    assert "MaxEnvelopeSizekb" in error.detail
    assert server.service.shells == {}


def test_shells_of_others_are_left_alone_and_ours_are_counted(serve: Any, describe: Describe) -> None:
    server = serve(limits=Limits(shells_per_user=2))
    host, transport = describe(server), WinRmTransport()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: _outcome(transport, host), range(8)))
    assert set(outcomes) <= {"done", Reason.QUOTA}
    assert outcomes.count("done") >= 2
    assert server.service.shells == {}


def _outcome(transport: WinRmTransport, host: Host) -> str:
    try:
        return "done" if transport.collect(host, CALL).stdout == b"in done\n" else "wrong"
    except HostError as error:
        return error.reason
