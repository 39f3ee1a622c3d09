# ruff: noqa: T201 — a command prints
"""Two years of monthly audits on one store in one process: what grows with the months.

    make load                                  2,000 recorded hosts, 24 simulated months
    make load ARGS='--hosts 300 --months 24'

What lives long in production is the service of `auditor schedule run`: the store, its locks and the attendant. Each
audit is a process of its own there. Here all of it, audits included, is this one process, so that whatever an audit
left behind would add up. The attendant finds out from the store and a simulated clock that a month's audit is due;
the hosts are one machine that `auditor demo` recorded, each under its own name, with packages of its own of which one
gets a new version each month, and with a product that comes and goes.

Told of each month: processor time of this process and its readers, resident memory, open descriptors and threads of
this process when the month is over, size of the store, and of the month's bundle, which is then removed.
"""

import argparse
import gc
import os
import shutil
import sqlite3
import sys
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from statistics import median

from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.bundling import write_bundle
from auditor.inventory.scope import fix_scope
from auditor.model.host import ConnectionKind, Host, Scope
from auditor.model.pacing import Pacing
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.schedule import Fire, FireState, Schedule
from auditor.policy.locate import bundled
from auditor.run.audit import Limits, Sealed, exit_code, new_run, run_audit
from auditor.run.ending import close_run
from auditor.run.fanout import Course
from auditor.run.manifest import manifest_problems, read_manifest
from auditor.run.readers import Readers
from auditor.run.report_rows import report_rows
from auditor.run.retention import problems
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.run.scheduled import Attendant, Ended, Surroundings, mark_of
from auditor.store.store import Store
from tests.bench.machine import machine

_FIRST = datetime(2026, 1, 1, 6, tzinfo=UTC)
_MIB = 1024 * 1024
_COMES_AND_GOES = 12
"""Months after which a host's product comes again; it stays for three."""


@dataclass(frozen=True, kw_only=True)
class Month:
    """What one month's audit took, and what it left."""

    number: int
    """From 1."""
    cpu: float
    """Processor seconds of this process and its readers."""
    memory: int
    """Resident bytes of this process at its end."""
    descriptors: int
    """Its open descriptors at its end."""
    threads: int
    """Its threads at its end."""
    store: int
    """Bytes that the store's pages take, those that are still in its log included."""
    bundle: int
    """Bytes of the month's bundle."""
    findings: int
    """Findings of the month, closed ones included."""


class _Fleet:
    """Hosts that are copies of one that was recorded."""

    def __init__(self, count: int) -> None:
        head, _, body = (files("auditor") / "demo" / "web-2.probe").read_bytes().partition(b"\n")
        self._head = head.removesuffix(b"gzip") + b"plain\n"
        self._body = zlib.decompress(body, wbits=31)
        self._clock = next(line for line in self._body.split(b"\n") if line.startswith(b"@head clock "))
        self.token = head.split(b" ", 3)[2].decode()
        self.scope: Scope = fix_scope(
            tuple(
                Host(
                    name=f"host-{number:05}", address="192.0.2.1", connection=ConnectionKind.REPLAY, owner="Operations"
                )
                for number in range(count)
            ),
            [],
            None,
            "simulated",
        )

    def answer(self, host: Host, when: datetime, month: int) -> bytes:
        """Return what a host says in a month."""
        name, number = host.name.encode(), int(host.name[-5:])
        rows = b"|installed\t%s\t1.0\tall\n|installed\t%s-agent\t1.%d\tall\n" % (name, name, month)
        if (number + month) % _COMES_AND_GOES < 3:
            rows += b"|installed\tanydesk\t6.3.2\tamd64\n"
        body = self._body.replace(self._clock, b"@head clock %d" % when.timestamp(), 1)
        body = body.replace(b"@head hostname ", b"@head hostname %s-" % name, 1)
        body = body.replace(b"@begin software.dpkg\n", b"@begin software.dpkg\n" + rows, 1)
        return self._head + body


class _Load:
    """A service with one schedule, its store, and the clock that it lives by."""

    def __init__(self, store: Store, place: Path, hosts: int) -> None:
        self._store, self._place, self._fleet = store, place, _Fleet(hosts)
        self.now = _FIRST - timedelta(days=1)
        self.months: list[Month] = []
        self.attendant = Attendant(
            store,
            Surroundings(
                launch=self._audit,
                clock=lambda: self.now,
                pause=lambda: True,
                told=lambda _schedule, _fire: None,
                who="a load",
            ),
        )
        store.schedules.add(
            Schedule(
                name="monthly",
                cron="0 6 1 * *",
                zone="UTC",
                jitter=timedelta(0),
                window=timedelta(days=7),
                catch_up=True,
                words=("-i", "hosts.csv"),
                folder=str(place),
                added=self.now,
                added_by="a load",
            )
        )

    def month(self, number: int) -> Month:
        """Let the next month's audit become due, and attend to it."""
        self.now = _FIRST.replace(year=_FIRST.year + (number - 1) // 12, month=(number - 1) % 12 + 1)
        begun = _cpu()
        ended = self.attendant.attend("monthly")
        taken = _cpu() - begun
        if [fire.state for fire in ended] != [FireState.DONE]:
            sys.exit(f"month {number}: one audit was due and this became of it: {ended}")
        run = self._store.run(None)
        bundle = self._place / run.id
        size = sum(file.lstat().st_size for file in bundle.rglob("*") if file.is_file())
        if wrong := manifest_problems(bundle, read_manifest(bundle)):
            sys.exit(f"month {number}: {wrong[0]}")
        shutil.rmtree(bundle)
        gc.collect()
        return Month(
            number=number,
            cpu=taken,
            memory=_status("VmRSS") * 1024,
            descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 — without an iterator that is itself one
            threads=_status("Threads"),
            store=_pages(self._place / "store.sqlite"),
            bundle=size,
            findings=self._store.count_findings(run.id),
        )

    def _audit(self, _schedule: Schedule, fire: Fire, _run: str | None) -> Ended:
        """Do what the process of an audit does, here."""
        when, month = self.now, len(self._store.runs()) + 1
        texts = {name: (bundled(f"{name}.yml")) for name in ("policy", "exceptions", "people")}
        given = {name: RuleFile(text=file.read_text(encoding="utf-8"), file=file) for name, file in texts.items()}
        catalogue = load_catalogue()
        rules = rules_of(RuleFiles(**given), catalogue, when)
        sealed = Sealed(
            policy=given["policy"].text,
            exceptions=given["exceptions"].text,
            people=given["people"].text,
            catalogue=catalogue_text(catalogue),
        )

        def ask(host: Host, _call: ProbeCall) -> RawOutput:
            return RawOutput(
                stdout=self._fleet.answer(host, when, month),
                stderr=b"",
                exit_status=0,
                started=when,
                finished=when,
                token=self._fleet.token,
                user="root",
            )

        options: dict[str, object] = {"schedule": mark_of(fire)}
        store, scope = self._store, self._fleet.scope
        run = new_run(store, scope, rules, sealed, operator="load", options=options, name=f"{when:%Y-%m}")
        course = Course(pacing=Pacing(workers=8, retries=0))
        with closing(Readers(os.cpu_count() or 1, rules)) as readers:
            for _ in run_audit(
                store=store, run=run, scope=scope, limits=Limits(), ask=ask, readers=readers, course=course
            ):
                pass
        closed = close_run(store, run, rules, finished=when)
        write_bundle(store, closed, report_rows(store, closed), self._place / closed.id, ["json"])
        return Ended(exit_code=exit_code(closed))


def loaded(hosts: int, months: int, place: Path) -> list[Month]:
    """Audit so many hosts for so many months; return what each took, after the store was found whole."""
    found = []
    with closing(Store(str(place / "store.sqlite"))) as store:
        load = _Load(store, place, hosts)
        print("month  CPU s  ms/host  RSS MiB  descriptors  threads  store MiB  bundle MiB  findings", flush=True)
        for number in range(1, months + 1):
            month = load.month(number)
            found.append(month)
            print(
                f"{number:5}{month.cpu:7.1f}{1000 * month.cpu / hosts:9.1f}{month.memory / _MIB:9.1f}"
                f"{month.descriptors:13}{month.threads:9}{month.store / _MIB:11.1f}{month.bundle / _MIB:12.1f}"
                f"{month.findings:10,}",
                flush=True,
            )
        if wrong := problems(store):
            sys.exit(f"the chain of the store does not hold: {wrong[0]}")
        if [run.scope_count for run in store.runs()] != [hosts] * months:
            sys.exit("not every month has its run of the whole scope")
    return found


@dataclass(frozen=True, kw_only=True)
class Flatness:
    """How the last months compare with the first ones; the very first, which fills caches, is left out."""

    cpu: float
    """Processor time of a month, as a ratio of medians."""
    memory: int
    """Bytes that the resident memory grew by."""
    descriptors: int
    """Descriptors that were open more."""
    threads: int
    """Threads more."""
    growth: float
    """What the store grew by in a month, as a ratio."""


def flatness(months: Sequence[Month]) -> Flatness:
    """Compare the last quarter of the months with the first."""
    some = max(1, (len(months) - 1) // 4)
    first, last = months[1 : 1 + some], months[-some:]

    def grown(part: Sequence[Month]) -> float:
        return median(month.store - months[month.number - 2].store for month in part)

    return Flatness(
        cpu=median(month.cpu for month in last) / median(month.cpu for month in first),
        memory=round(median(month.memory for month in last) - median(month.memory for month in first)),
        descriptors=max(month.descriptors for month in last) - max(month.descriptors for month in first),
        threads=max(month.threads for month in last) - max(month.threads for month in first),
        growth=grown(last) / grown(first),
    )


def _pages(store: Path) -> int:
    with closing(sqlite3.connect(store)) as connection:
        (count,), (size,) = (connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size"))
    return int(count * size)


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _status(name: str) -> int:
    rows = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return int(next(row for row in rows if row.startswith(f"{name}:")).split()[1])


def main() -> None:
    """Do it, and say how flat it was."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--months", type=int, default=24)
    options = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine().items() if name != "OpenSSH"))
    with tempfile.TemporaryDirectory(prefix="auditor-load-") as place:
        flat = flatness(loaded(options.hosts, options.months, Path(place)))
    print(
        f"last quarter against the first: CPU of a month times {flat.cpu:.2f}, memory {flat.memory / _MIB:+.1f} MiB, "
        f"descriptors {flat.descriptors:+}, threads {flat.threads:+}, growth of the store times {flat.growth:.2f}"
    )


if __name__ == "__main__":
    main()
