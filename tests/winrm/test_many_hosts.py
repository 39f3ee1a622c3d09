"""Two hundred Windows hosts in one run, one in ten of them broken: each has its outcome, and no shell stays open."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import yaml

from tests.winrm import soap
from tests.winrm.fleet import FLEET, POLICY
from tests.winrm.running import auditor, row_of, server_of
from tests.winrm.server import Behaviour, Handler, user_file
from tests.winrm.service import Limits

_HOSTS, _DEADLINE = 200, 20


def _silent(handler: Handler) -> bool:
    time.sleep(_DEADLINE + 10)
    return bool(handler.close_connection)


def _dripping(handler: Handler) -> bool:
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
        for _ in range(_DEADLINE * 20):
            handler.wfile.write(b"x")
            time.sleep(0.1)
    return True


def _cut(_: Handler, data: bytes) -> None:
    if soap.read(data).action == "receive":
        raise ConnectionAbortedError


def _denied(_: Handler, data: bytes) -> tuple[int, bytes] | None:
    return (500, soap.fault(soap.FaultError(5, "Access is denied."))) if soap.read(data).action == "create" else None


def _portal(_: Handler, __: bytes) -> tuple[int, bytes]:
    return 200, b"<html><body>Please log in</body></html>"


def _noisy(_: Handler, data: bytes) -> tuple[int, bytes] | None:
    return (200, b"x" * 8_000_000) if soap.read(data).action == "receive" else None


FAULTS: tuple[tuple[str, Callable[[], Behaviour]], ...] = (
    ("timeout", lambda: Behaviour(before=_silent)),
    ("timeout", lambda: Behaviour(before=_dripping)),
    ("reset", lambda: Behaviour(fault=_cut)),
    ("access_denied", lambda: Behaviour(fault=_denied)),
    ("not_winrm", lambda: Behaviour(fault=_portal)),
    ("not_winrm", lambda: Behaviour(fault=_noisy)),
    ("quota", lambda: Behaviour(limits=Limits(shells_per_user=0))),
    ("quota", lambda: Behaviour(limits=Limits(envelope=20_000))),
    ("malformed", lambda: Behaviour(seals_answers=False)),
    ("auth", lambda: Behaviour(ntlm=False)),
)
"""What a host does, and the reason that the ledger gives for it."""


@pytest.mark.slow
def test_two_hundred_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTLM_USER_FILE", str(user_file(tmp_path)))
    well = [one for one in FLEET if one.reason is None]
    answers = [one.answer() for one in well]
    expected: dict[str, str | None] = {}
    with ExitStack() as stack:
        rows, servers = [], {}
        for number in range(_HOSTS):
            name = f"w{number:03}"
            place, is_broken = number // 10, number % 10 == 9
            reason, behaviour = FAULTS[place % len(FAULTS)] if is_broken else (None, Behaviour)
            server = server_of(stack, tmp_path / name, answers[number % len(well)], behaviour())
            expected[name], servers[name] = reason, server
            rows.append(row_of(name, server.port, deadline=_DEADLINE))
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(rows))
        (tmp_path / "policy.yml").write_text(yaml.safe_dump(POLICY))
        ran = auditor(tmp_path, "audit", "-i", "hosts.yml", "-p", "policy.yml", "-o", "reports")
        assert ran.returncode == 3, ran.stderr
        (file,) = (tmp_path / "reports").rglob("results.json")
        results = json.loads(file.read_text())
        assert {row["host"]: row["reason"] for row in results["ledger"]} == expected
        # What a host says in the clear is not believed, the name of the shell it opened neither: that one times out.
        left = {expected[name] for name, server in servers.items() if server.service.shells}
        assert left <= {"malformed"}
