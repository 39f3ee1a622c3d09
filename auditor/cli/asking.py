"""Every host of a run asked, with progress on a terminal and an end by Ctrl-C that loses nothing."""

import time
from argparse import Namespace
from contextlib import closing

from auditor.cli.engine import elsewhere
from auditor.cli.interrupt import on_interrupt
from auditor.cli.pacing import chosen_pacing, window_left
from auditor.cli.progress import Progress, duration
from auditor.cli.terminal import say
from auditor.model.host import Scope
from auditor.model.pacing import Pacing
from auditor.report.visible import visible
from auditor.run.audit import Limits, run_audit
from auditor.run.fanout import Course, Stop
from auditor.run.readers import Readers
from auditor.run.retries import Window
from auditor.store.record import RunRecord
from auditor.store.store import Store
from auditor.transport.choose import Transports


def ask_all(
    options: Namespace, store: Store, run: RunRecord, scope: Scope, policy_pacing: Pacing, readers: Readers
) -> bool:
    """Ask every host that has no outcome yet; False, and it is said how to go on, when Ctrl-C came before the end."""
    pacing, window, stop = chosen_pacing(options, policy_pacing), _window(run), Stop()
    closes = None if window is None else window.closes
    progress = Progress(len(scope.hosts) - len(store.done(run.id)), options, window_closes=closes)
    if options.resume:
        say(options, _going_on(run, len(scope.hosts) - len(store.done(run.id))))
    said = f"hosts under way may end, by their deadline ({options.deadline:g} s); Ctrl-C again ends at once"
    with (
        closing(Transports(pacing=pacing)) as transports,
        elsewhere(options, run) as far,
        on_interrupt(stop.ask, None if options.quiet else said),
    ):
        for record in run_audit(
            store=store,
            run=run,
            scope=scope,
            limits=Limits(deadline=options.deadline),
            ask=transports.collect,
            readers=readers,
            course=Course(pacing=pacing, window=window, stop=stop, watch=progress.watch if progress.is_shown else None),
            elsewhere=far,
        ):
            progress.step(record)
            if options.verbose:
                progress.clear()
                reason = f" ({record.reason})" if record.reason else ""
                sealed = "no evidence" if record.evidence_sha256 is None else "evidence"
                say(options, f"{visible(record.host)}: {record.outcome if readers.judges else sealed}{reason}")
    progress.clear()
    kept = len(store.done(run.id))
    if not stop.is_asked or kept == run.scope_count:
        return True
    left = window_left(run.options, run.started)
    still = f", whose window closes in {duration(left)}" if left else ""
    further = f"; go on with --resume {run.id}{still}" if options.can_resume else ""
    say(options, f"interrupted: {kept} of {run.scope_count} hosts are kept{further}")
    return False


def _going_on(run: RunRecord, hosts: int) -> str:
    """Say what is left of a run that goes on."""
    left = window_left(run.options, run.started)
    said = f"going on with run {run.id}: {hosts} of {run.scope_count} hosts have no outcome yet"
    if left is None:
        return said
    return f"{said}; its window {f'closes in {duration(left)}' if left else 'is closed'}"


def _window(run: RunRecord) -> Window | None:
    """Return what is left of the window that the run was begun with."""
    left, length = window_left(run.options, run.started), run.options.get("window")
    if left is None or not isinstance(length, int):
        return None
    return Window(length=float(length), closes=time.monotonic() + left)
