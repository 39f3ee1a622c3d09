"""Hosts are asked by a process of its own: what it knew goes with it, it is begun anew, and its end is said."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from auditor.errors import HostError, Reason, UsageError
from auditor.inventory.read import read_inventory
from auditor.inventory.vault import VaultSources
from auditor.model.host import Host
from auditor.run.asking import Asking
from auditor.run.audit import Limits
from auditor.transport.choose import Transports

_DEMO = Path(__file__).parents[2] / "auditor" / "demo"


def _read(file: str) -> tuple[Host, ...]:
    return read_inventory(file, VaultSources(password_files=(), ids=()), None)


def _read_with_a_fault(file: str) -> tuple[Host, ...]:
    """Read hosts in the process that asks, and have it fail at each as no transport does."""

    def collect(*_: object) -> None:
        message = "nobody thought of it"
        raise LookupError(message)

    Transports.collect = collect  # type: ignore[method-assign,assignment]
    return _read(file)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """Write two hosts, one with a pipe that says nothing."""
    file = tmp_path / "hosts.csv"
    rows = f"web-1,replay,{_DEMO / 'web-1.probe'}\nwest-1,replay,{tmp_path / 'none'}\n"
    file.write_text(f"host,connection,replay\n{rows}")
    return file


@contextmanager
def asking(inventory: Path, *, idle: float = 600, said: list[str] | None = None) -> Iterator[Asking]:
    log: Callable[[str], None] = (lambda _: None) if said is None else said.append
    made = Asking(partial(_read, str(inventory)), limits=Limits(deadline=20), at_once=2, idle=idle, log=log)
    try:
        yield made
    finally:
        made.close()


def _pid(asking: Asking) -> int:
    assert asking._asker is not None
    pid: int = asking._asker._process.pid
    return pid


def test_what_a_host_says_and_why_it_does_not_come_through(inventory: Path) -> None:
    with asking(inventory) as made:
        good, silent = made.hosts
        assert b"auditor-probe " in made.ask(good, "a-run").stdout
        with pytest.raises(HostError, match="cannot be read") as caught:
            made.ask(silent, "a-run")
        assert caught.value.reason is Reason.PROBE_FAILED


def test_after_a_while_it_is_gone_and_the_next_reads_anew(inventory: Path) -> None:
    said: list[str] = []
    with asking(inventory, idle=0.2, said=said) as made:
        good, silent = made.hosts
        end = time.monotonic() + 60
        while not said:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert made._asker is None
        inventory.write_text(inventory.read_text().replace("west-1,", "west-2,"))
        assert made.ask(good, "a-run").stdout
        with pytest.raises(HostError, match="has this host no longer"):
            made.ask(silent, "a-run")


def test_one_that_is_killed_is_told_and_replaced(inventory: Path) -> None:
    with asking(inventory) as made:
        first = _pid(made)
        os.kill(first, signal.SIGSTOP)
        assert made._asker is not None
        waiting = made._asker.put("web-1", "a-run")
        os.kill(first, signal.SIGKILL)
        with pytest.raises(HostError, match="process that asks hosts ended"):
            waiting.result(60)
        while not made._asker.has_ended:
            time.sleep(0.01)
        assert made.ask(made.hosts[0], "a-run").stdout
        assert _pid(made) != first


def test_whoever_waits_is_told_of_a_fault_of_ours(inventory: Path) -> None:
    made = Asking(partial(_read_with_a_fault, str(inventory)), limits=Limits(deadline=20), at_once=2, idle=600)
    try:
        with pytest.raises(HostError, match="a fault of the auditor's own: LookupError: nobody thought of it"):
            made.ask(made.hosts[0], "a-run")
    finally:
        made.close()


def test_an_inventory_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hosts\.csv"), asking(tmp_path / "hosts.csv"):
        pass


def test_no_log_in_comes_out_of_it(inventory: Path) -> None:
    row = f"web-2,replay,{_DEMO / 'web-2.probe'},env:NO_SUCH_SECRET\n"
    inventory.write_text(f"host,connection,replay,password\n{row}")
    with asking(inventory) as made:
        (host,) = made.hosts
        assert (host.credentials.references, host.credentials.password) == ((), None)
        with pytest.raises(HostError, match="NO_SUCH_SECRET"):
            made.ask(host, "a-run")
