"""What this machine needs to audit others from, and what of it is missing."""

import os
import re
import resource
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import auditor
from auditor.catalogue.load import load_catalogue
from auditor.errors import OperatorError
from auditor.inventory.ansible_run import find_program
from auditor.model.record import Record
from auditor.model.standing import Standing
from auditor.policy.locate import locate
from auditor.run.checkup import Check, State
from auditor.run.pipeline import Rules
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.store.database import shown
from auditor.store.store import Store
from auditor.store.tables import VERSION
from auditor.transport.deadline import Deadline
from auditor.transport.known_hosts import read_known_hosts

PYTHON = (3, 11)
"""The oldest Python that runs the auditor (``requires-python``)."""
_MEGABYTE = 1024 * 1024
_SCARCE, _TIGHT = 200 * _MEGABYTE, 1024 * _MEGABYTE
"""Free room below which a run may not end, and below which many would not."""
_FILES_A_WORKER, _FILES_BESIDE = 3, 64
"""Open files that a host under way may take (connection, agent, a key that is read), and those of the rest."""
_AGENT_SECONDS = 5.0


class Here(Record, kw_only=True):
    """What is to be looked at."""

    store: str
    """Path or URL of the store."""
    output: Path
    """Folder that reports go to."""
    policy: Path | None
    """Policy file that is named; None looks in the working folder, then among the bundled ones."""
    workers: int | None
    """Hosts that are to be asked at once; None means as many as the policy says."""
    home: Path
    """The folder that holds ``.ssh``."""
    agent_socket: str
    """Socket of the SSH agent, or an empty string."""


def checks_here(here: Here) -> Iterator[Check]:
    """Look at everything an audit needs on this machine, one thing after the other; nothing is changed."""
    yield _python()
    yield _libraries()
    yield _ansible()
    yield from _catalogue_and_policy(here)
    yield from _store(here)
    yield _output(here.output)
    yield _room(here)
    yield _known_hosts(here.home)
    yield _agent(here)


def _check(what: str, detail: str, advice: str = "", *, state: State | None = None) -> Check:
    state = state or (State.MISSING if advice else State.OK)
    return Check(host="here", check=what, state=state, detail=detail, advice=advice)


def _python() -> Check:
    version = sys.version.split()[0]
    wanted = ".".join(map(str, PYTHON))
    return _check("python", version, "" if sys.version_info >= PYTHON else f"Install Python {wanted} or newer.")


# A name and the least version, whatever else is said of versions; what comes with an extra has a condition.
_WANTED = re.compile(r"([A-Za-z0-9._-]+)[^;]*>=([0-9.]+)[^;]*")


def _libraries() -> Check:
    """Compare what is installed with what the package says it needs."""
    try:
        needed = metadata.requires("auditor") or []
    except metadata.PackageNotFoundError:
        return _check("libraries", "not compared: this auditor runs without being installed", state=State.NOTE)
    wrong, there = [], []
    for wanted in needed:
        told = _WANTED.fullmatch(wanted)
        if told is None:
            continue  # an extra, which is looked at where it is used
        name, least = told.groups()
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        there.append(f"{name} {found}")
        if _numbers(found) < _numbers(least):
            wrong.append(f"{name} is {found}, at least {least} is needed")
    if wrong:
        return _check("libraries", "; ".join(wrong), "Install the auditor again, with what it depends on: pip install.")
    return _check("libraries", ", ".join(there))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _ansible() -> Check:
    found = find_program("ansible-inventory")
    if found is not None:
        return _check("ansible", found)
    advice = "Only for Ansible inventories: pip install 'auditor[ansible]'; CSV and YAML lists need none."
    return _check("ansible", "ansible-inventory is not installed", advice, state=State.NOTE)


def _catalogue_and_policy(here: Here) -> Iterator[Check]:
    try:
        catalogue = load_catalogue()
    except OperatorError as error:
        yield _check("catalogue", _first(error), "Install the auditor again: its catalogue is damaged.")
        return
    yield _check("catalogue", f"{len(catalogue.products)} products, version {catalogue.version}")
    workers = here.workers
    try:
        policy, exceptions, people = (
            _file(name, named) for name, named in (("policy", here.policy), ("exceptions", None), ("people", None))
        )
        files = RuleFiles(policy=policy, exceptions=exceptions, people=people)
        rules = rules_of(files, catalogue, datetime.now(UTC))
        workers = workers or rules.policy.pacing.workers
        yield _check("policy", f"{policy.file}: {len(rules.policy.approvals)} approvals")
        yield _exceptions(exceptions.file, rules)
    except OperatorError as error:
        yield _check("policy", _first(error), "`auditor policy check FILE` names every problem with its line.")
    if workers is not None:
        yield _files(workers)


def _exceptions(file: Path, rules: Rules) -> Check:
    void = sum(1 for one in rules.exceptions if one.standing is Standing.VOID)
    if not void:
        return _check("exceptions", f"{file}: {len(rules.exceptions)} exceptions")
    detail = f"{file}: {void} of {len(rules.exceptions)} exceptions do not hold: a signature lacks or is wrong"
    advice = "`auditor policy check` with the policy, the people and the exceptions says why."
    return _check("exceptions", detail, advice, state=State.NOTE)


def _file(name: str, named: Path | None) -> RuleFile:
    file = locate(f"{name}.yml", named)
    return RuleFile(text=_text(file), file=file)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{file}: cannot be read: {error}") from error


def _first(error: OperatorError) -> str:
    more = len(error.problems) - 1
    return f"{error.problems[0]}{f' (and {more} more)' if more else ''}"


def _files(workers: int) -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _FILES_A_WORKER * workers + _FILES_BESIDE
    detail = f"{soft} may be open, {workers} hosts at once take up to {needed}"
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return _check("open files", detail)
    fits = max(1, (soft - _FILES_BESIDE) // _FILES_A_WORKER)
    can_raise = hard == resource.RLIM_INFINITY or hard >= needed
    raised = f"ulimit -n {needed}, or " if can_raise else ""
    return _check("open files", detail, f"{raised}ask fewer hosts at once: --workers {fits}")


def _store(here: Here) -> Iterator[Check]:
    place = shown(here.store)
    advice = "Name another with --store or AUDITOR_STORE, or make this one writable."
    newest = None
    if "://" not in here.store and not Path(here.store).expanduser().exists():
        above = _nearest(Path(here.store).expanduser().absolute())
        if os.access(above, os.W_OK | os.X_OK):
            yield _check("store", f"{place}: not there yet, the first audit makes it")
        else:
            yield _check("store", f"{place}: not there, and nothing can be made in {above}", advice)
    else:
        try:
            store = Store(here.store)
            runs = store.runs()
            store.close()
            newest = runs[0].started if runs else None
            yield _check("store", f"{place}: layout {VERSION}, {len(runs)} runs")
        except OperatorError as error:
            yield _check("store", _first(error), advice)
    yield _clock(newest)


def _clock(newest_run: str | None) -> Check:
    """Tell whether the clock can be right: nothing that we know of can be younger than now."""
    now = datetime.now(UTC)
    made = datetime.fromtimestamp(Path(auditor.__file__).stat().st_mtime, UTC)
    known = [(made, "this auditor was installed")]
    if newest_run is not None:
        known.append((datetime.fromisoformat(newest_run), "the newest run in the store began"))
    when, what = max(known)
    if now < when:
        detail = f"{now:%Y-%m-%d %H:%M} UTC, but {what} on {when:%Y-%m-%d %H:%M}"
        return _check("clock", detail, "Set the clock: evidence, exceptions and certificates are dated by it.")
    return _check("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def _output(folder: Path) -> Check:
    place = _nearest(folder.absolute())
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return _check("reports", f"{folder}{'' if folder.exists() else ': not there yet, an audit makes it'}")
    return _check("reports", f"{folder}: nothing can be written in {place}", "Name another folder with -o.")


def _room(here: Here) -> Check:
    places = [here.output.absolute()]
    if "://" not in here.store:
        places.append(Path(here.store).expanduser().absolute())
    file_systems: dict[int, Path] = {}
    for place in map(_nearest, places):
        file_systems.setdefault(place.stat().st_dev, place)
    free, where = min((shutil.disk_usage(place).free, place) for place in file_systems.values())
    detail = f"{free // _MEGABYTE} MB free in {where}"
    if free >= _TIGHT:
        return _check("disk", detail)
    advice = "Make room, or name other places with --store and -o: a run keeps the evidence of every host."
    return _check("disk", detail, advice, state=State.MISSING if free < _SCARCE else State.NOTE)


def _nearest(place: Path) -> Path:
    """Return the place, or the nearest folder above it that is there."""
    return next(one for one in (place, *place.parents) if one.exists())


def _known_hosts(home: Path) -> Check:
    files = (home / ".ssh" / "known_hosts", Path("/etc/ssh/ssh_known_hosts"))
    there = [str(file) for file in files if file.exists()]
    advice = "`auditor enroll -i INVENTORY` records the keys of new hosts; an inventory may name files of its own."
    if not there:
        return _check("known_hosts", "no file of trusted host keys", advice, state=State.NOTE)
    strange = read_known_hosts(files, expected=False).unread
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        return _check("known_hosts", f"not used: {strange[0]}{more}", "Correct the lines.", state=State.NOTE)
    return _check("known_hosts", ", ".join(there))


def _agent(here: Here) -> Check:
    from auditor.transport.ssh_login import Keyring  # noqa: PLC0415 — brings paramiko, which the rest needs not

    keyring = Keyring(home=here.home, agent_socket=here.agent_socket)
    own = [str(file) for file in keyring.usual_files()]
    beside = f"; key files: {', '.join(own)}" if own else "; no key file in ~/.ssh either"
    advice = "Only where the inventory names no key and no password: start ssh-agent, and ssh-add."
    if not here.agent_socket:
        return _check("ssh agent", f"none is running{beside}", "" if own else advice, state=State.NOTE)
    with keyring.agent(Deadline.after(_AGENT_SECONDS)) as keys:
        dumb = [key for key in keys if isinstance(key, str)]
        count = len(keys) - len(dumb)
    if dumb and not count:
        return _check("ssh agent", dumb[0], advice, state=State.NOTE)
    return _check("ssh agent", f"{here.agent_socket}: {count} key{'' if count == 1 else 's'}")
