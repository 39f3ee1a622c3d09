"""``auditor schedule run``: the service that begins audits when they are due."""

import os
import signal
import socket
import sys
import threading
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from auditor.cli.audit import operator_name
from auditor.cli.main import INTERRUPTED, OPERATOR_FAULT, OUR_FAULT
from auditor.cli.notify import say_told, webhooks_of
from auditor.cli.schedule_add import audit_options
from auditor.cli.stored import open_store
from auditor.cli.terminal import say
from auditor.errors import OperatorError, UsageError
from auditor.model.schedule import Fire, Schedule
from auditor.notify.tell import tell_of_audits
from auditor.report.visible import visible
from auditor.run.audit_process import AuditProcesses
from auditor.run.calendar_loop import Loop, is_of_the_operator
from auditor.run.scheduled import Attendant, Ended, Surroundings, mark_of
from auditor.store.store import Store, default_url

_PAUSE = 30.0
"""Seconds until it is tried again whether another audit of the same hosts has ended."""
_GRAVITY = (0, 1, 3, 2, 130, 70)
_MISSED = 3
_NOT_RESUMED = ("patterns", "inventory", "limit", "policy", "exceptions", "people", "population", "window", "sightings")
_LISTED = ("vault_password_file", "vault_id")


class _Service:
    """A store's schedules, attended to until somebody asks it to stop."""

    def __init__(self, options: Namespace, store: Store) -> None:
        self._options = options
        self._store = store
        self._processes = AuditProcesses()
        self._stopping = threading.Event()
        self._faults: list[BaseException] = []
        self._signal = 0
        self.attendant = Attendant(
            store,
            Surroundings(
                launch=self._launch,
                clock=lambda: datetime.now(UTC),
                pause=lambda: self._stopping.wait(_PAUSE),
                told=self._told,
                who=f"auditor schedule run by {operator_name()} on {socket.gethostname()}, process {os.getpid()}",
            ),
        )

    def serve(self) -> int:
        """Attend until it is asked to stop; a fault of ours ends it, with its traceback."""
        attendant = self.attendant
        loop = Loop(
            schedules=self._store.schedules.all,
            attend=self._unless_stopping(resume=False),
            resume=self._unless_stopping(resume=True),
            is_wanted=attendant.is_wanted,
            failed=self._failed,
        )
        with self._signals():
            loop.start()
            say(self._options, f"attends to {len(self._store.schedules.all())} schedules of {self._store.url}")
            self._stopping.wait()
            loop.stop()
        if self._faults:
            traceback.print_exception(self._faults[0])
            return OUR_FAULT
        return INTERRUPTED if self._signal == signal.SIGINT else 0

    def once(self) -> int:
        """Attend once to every schedule, one after another."""
        with self._signals():
            named = [one.name for one in self._store.schedules.all() if self._options.name in (None, one.name)]
            fires = [fire for name in named for fire in self._unless_stopping(resume=True)(name)]
        codes = [_MISSED if fire.exit_code is None else abs(fire.exit_code) for fire in fires]
        if self._signal:
            return INTERRUPTED
        return max(codes, key=lambda code: _GRAVITY.index(code) if code in _GRAVITY else len(_GRAVITY), default=0)

    def _unless_stopping(self, *, resume: bool) -> Callable[[str], list[Fire]]:
        def attend(name: str) -> list[Fire]:
            return [] if self._stopping.is_set() else self.attendant.attend(name, resume=resume)

        return attend

    def _launch(self, schedule: Schedule, fire: Fire, run: str | None) -> Ended:
        try:
            words = [*schedule.words] if run is None else ["--resume", run, *resumed_words(schedule)]
        except OperatorError as error:
            return Ended(exit_code=OPERATOR_FAULT, said=str(error))
        mark = "/".join(mark_of(fire))
        late = ", late" if fire.late else ""
        say(self._options, f"{schedule.name}: due {mark_of(fire)[1]}{late}: {'begins' if run is None else 'goes on'}")
        ours = ["--store", self._store.url, "--scheduled", mark, "--no-color"]
        return self._processes.run([*words, *ours], schedule.folder)

    def _told(self, schedule: Schedule, fire: Fire) -> None:
        """Say what became of a time that an audit was due: whoever is to hear of it elsewhere is told from here."""
        why = f": {visible(fire.reason)}" if fire.reason else ""
        code = "" if fire.exit_code is None else f", exit code {fire.exit_code}"
        run = "" if fire.run is None else f", run {fire.run}"
        say(self._options, f"{schedule.name}: due {mark_of(fire)[1]}: {fire.state}{code}{run}{why}")
        try:
            file = audit_options(schedule.words).notify
            if file is not None:
                webhooks = webhooks_of(Path(schedule.folder) / file)
                say_told(self._options, tell_of_audits(self._store, schedule, webhooks, sleep=self._stopping.wait))
        except OperatorError as error:
            print(f"{schedule.name}: no webhook is told of this: {visible(str(error))}", file=sys.stderr)

    def _failed(self, error: BaseException) -> None:
        if is_of_the_operator(error):
            print(f"auditor schedule: {visible(str(error))}", file=sys.stderr)
            return
        self._faults.append(error)
        self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._processes.interrupt()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Have INT and TERM let audits under way end: their hosts that are asked may answer, no other is begun."""

        def heard(number: int, _frame: object) -> None:
            self._signal = number
            # Not here: a handler runs between any two steps of this thread, which may hold what it needs.
            threading.Thread(target=self._stop, name="stopping").start()

        before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(options: Namespace) -> int:
    """Attend to the schedules of a store."""
    if options.name is not None and not options.once:
        raise UsageError("`auditor schedule run` attends to every schedule; --once NAME to one of them, once")
    url = options.store or default_url()
    # Audits have working folders of their own: a file's name has to mean the same in each.
    options.store = url if "://" in url else str(Path(url).expanduser().absolute())
    with open_store(options, durable=True) as store:
        if options.name is not None:
            store.schedules.named(options.name)
        service = _Service(options, store)
        return service.once() if options.once else service.serve()


def resumed_words(schedule: Schedule) -> list[str]:
    """Return what an audit that goes on is told of what its schedule says: the rest is sealed in its run."""
    given, usual = vars(audit_options(schedule.words)), vars(audit_options(["local"]))
    words = []
    for name, value in given.items():
        if name in (*_NOT_RESUMED, *_LISTED, "scheduled", "store", "resume") or value == usual[name]:
            continue
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    return words
