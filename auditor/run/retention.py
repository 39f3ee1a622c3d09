"""What a policy lets go: chosen from what the store knows, so that nothing goes that somebody still needs.

An auditor who comes years later asks: was every month audited, who was in scope, what came out, who accepted what? That
stays for ever: heads of runs, ledgers, seals, rules, registers of exceptions. Of the rest, nothing goes of

* a run that is not finished, or whose reports were never written;
* the newest runs of each scope, as many as the policy says;
* a run that a remediation plan rests on, or that proved one;
* a host in its last run, which the next one goes on from;
* a host in the run that began a finding of it which is not closed.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from auditor.errors import OutputError, UsageError
from auditor.model.finding import FindingState
from auditor.model.record import Record
from auditor.model.retention import Kept, Retention
from auditor.run.manifest import MANIFEST, manifest_problems, read_manifest
from auditor.run.on_disk import settle_names
from auditor.store.record import RunRecord
from auditor.store.retention import Removing
from auditor.store.store import Store

_GOING = ".removing-"


class Choice(Record, kw_only=True):
    """What becomes of one kind of what is kept of one run."""

    run: RunRecord
    """The run."""
    kind: Kept
    """The kind."""
    goes: frozenset[str] = frozenset()
    """Keys of the hosts of which it goes."""
    stays: frozenset[str] = frozenset()
    """Keys of the hosts of which it stays though its term is over."""
    folder: Path | None = None
    """The folder that goes."""
    why: str | None = None
    """Why something stays though its term is over."""

    @property
    def removes(self) -> bool:
        """Tell whether anything goes."""
        return bool(self.goes) or (self.folder is not None and self.why is None)


def choose(store: Store, retention: Retention, now: datetime, folders: Iterable[Path] = ()) -> list[Choice]:
    """Say of everything whose term is over whether it goes or stays, and why it stays; the oldest run first."""
    runs = store.runs()[::-1]
    held = _held(store, runs, retention)
    needed = _needed(store, runs)
    bundles = dict(_bundles(folders, {run.id: run for run in runs}))
    found = []
    for run in runs:
        age = None if run.finished is None else now - datetime.fromisoformat(run.finished)
        for kind in Kept:
            term = retention.term(kind)
            if age is None or term is None or age <= term:
                continue
            if kind is Kept.BUNDLE:
                if run.id in bundles:
                    folder, fault = bundles[run.id]
                    found.append(Choice(run=run, kind=kind, folder=folder, why=held.get(run.id) or fault))
                continue
            holding = store.retained.holding(run.id, kind)
            stays = holding if run.id in held else holding & needed.get(run.id, set())
            why = held.get(run.id) or ("their last run, or the one that began an unclosed finding" if stays else None)
            if holding:
                found.append(
                    Choice(run=run, kind=kind, goes=frozenset(holding - stays), stays=frozenset(stays), why=why)
                )
    return found


def remove(store: Store, choices: Iterable[Choice], *, now: datetime, by: str, policy: str) -> list[Choice]:
    """Do what was chosen, each removal written down with it, that of a folder before it; return what was removed."""
    going = [choice for choice in choices if choice.removes]

    def removing(choice: Choice) -> Removing:
        return Removing(run=choice.run.id, kind=choice.kind, keep=choice.stays, at=now, by=by, policy=policy)

    store.retained.remove(removing(choice) for choice in going if choice.folder is None)
    for choice in going:
        if choice.folder is not None:
            manifest = (choice.folder / MANIFEST).read_bytes()
            store.retained.note_folder(removing(choice), hashlib.sha256(manifest).hexdigest())
            _remove_folder(choice.folder)
    return going


def clear_left(store: Store, folders: Iterable[Path]) -> None:
    """Remove the rest of folders whose removal is written down, and whose remover was killed before its end."""
    told = {entry.run for entry in store.retained.removals() if entry.kind is Kept.BUNDLE}
    for place in folders:
        for run in told:
            rest = place / f"{_GOING}{run}"
            if rest.is_dir() and not rest.is_symlink():
                _clear(rest, rest)


def problems(store: Store) -> list[str]:
    """Say what does not hold: the chain of runs, that of removals, and evidence that went without a word."""
    runs = {run.id: run for run in store.runs()}
    store.retained.removals()
    found = []
    numbers = {run.sequence for run in runs.values()}
    found += [
        f"run number {number} is missing" for number in range(1, max(numbers, default=0) + 1) if number not in numbers
    ]
    for run in sorted(runs.values(), key=lambda one: one.sequence):
        previous = run.summary.get("previous")
        if not isinstance(previous, Mapping):
            continue
        before = runs.get(previous["run"])
        if before is None:
            found.append(f"run {run.id} follows run {previous['run']}, which is not in the store")
        elif before.summary.get("seal") != previous["seal"]:
            found.append(f"run {run.id} was sealed upon another seal of run {before.id} than the store has")
    return found + [
        f"run {run} lacks evidence, and nothing says that it was removed" for run in store.retained.missing()
    ]


def _held(store: Store, runs: list[RunRecord], retention: Retention) -> dict[str, str]:
    """Return the runs of which nothing goes, and why."""
    journal = store.journal
    said = "\n".join(
        f"{text}\n{[dict(event.data) for event in journal.events(plan)]}" for plan, text in journal.plans()
    )
    held = {run.id: "a remediation plan rests on it" for run in runs if said and run.id in said}
    newest: dict[tuple[object, ...], int] = {}
    for run in reversed(runs):
        if run.finished is None:
            continue
        scope = (run.scope_source, str(run.options.get("patterns")), run.options.get("limit"))
        newest[scope] = newest.get(scope, 0) + 1
        if newest[scope] <= retention.runs:
            held[run.id] = f"it is one of the newest {retention.runs} of its scope"
        if "seal" not in run.summary:
            held[run.id] = f"its reports were never written: `auditor report {run.id}`"
    return held


def _needed(store: Store, runs: list[RunRecord]) -> dict[str, set[str]]:
    """Return the keys of the hosts that a run is needed of: the last of a host, or the one that began a finding."""
    last = store.retained.last_runs()
    needed: dict[str, set[str]] = {}
    for key, run in last.items():
        needed.setdefault(run, set()).add(key)
    at: dict[str, list[str]] = {}
    for one in runs:
        at.setdefault(one.as_of, []).append(one.id)
    for key, finding in store.retained.findings(last):
        if finding["state"] == FindingState.CLOSED:
            continue
        began = {run for name in ("first_seen", "failing_since") for run in at.get(finding.get(name) or "", ())}
        for run in began | {run for run in [finding.get("opened_by")] if run}:
            needed.setdefault(run, set()).add(key)
    return needed


def _bundles(folders: Iterable[Path], runs: Mapping[str, RunRecord]) -> Iterator[tuple[str, tuple[Path, str | None]]]:
    """Yield the folders of runs of this store, each with what speaks against removing it."""
    for place in folders:
        if not place.is_dir():
            raise UsageError(f"{place}: there is no such folder")
        for folder in sorted(place.iterdir()):
            run = runs.get(folder.name)
            if run is None or folder.is_symlink() or not (folder / MANIFEST).is_file():
                continue
            try:
                manifest = read_manifest(folder)
            except UsageError as error:
                yield run.id, (folder, f"it is damaged: {error}")
                continue
            fault = None
            if (manifest["run"], manifest["seal"]) != (run.id, run.summary.get("seal")):
                fault = "its manifest is not of this run of the store: look at it first"
            elif manifest_problems(folder, manifest):
                fault = f"it is not what its manifest says: `auditor verify {folder}`"
            yield run.id, (folder, fault)


def _remove_folder(folder: Path) -> None:
    going = folder.with_name(f"{_GOING}{folder.name}")
    try:
        folder.rename(going)
    except OSError as error:
        raise _stays(folder, error) from error
    _clear(folder, going)


def _clear(folder: Path, going: Path) -> None:
    """Remove a folder that has its last name, and return when a power cut does not bring it back."""
    try:
        shutil.rmtree(going)
        settle_names(going.parent)
    except OSError as error:
        raise _stays(folder, error) from error


def _stays(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{folder}: cannot be removed: {error.strerror}; its removal is written down, and the next "
        "`auditor retention apply` tries again"
    )
