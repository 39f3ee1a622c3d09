"""As whom a product runs and in whose folders it lies: the accounts that a policy may approve it for.

What is installed for all and does not run is of nobody. Of what runs, each process has to tell its account; of what
lies in a person's folders, the source says whose, or the folder does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from auditor.catalogue.claim import Basis, Claim
from auditor.model.facts.accounts import Account
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import BrowserExtension
from auditor.model.facts.services import Service, ServiceManager
from auditor.model.facts.software import ProgramFile, Scope, Software
from auditor.model.reading import Reading
from auditor.model.sighting import SightingState

_OF_A_PERSON = (
    ServiceManager.SYSTEMD_USER,
    ServiceManager.AUTOSTART,
    ServiceManager.LOGIN_ITEM,
    ServiceManager.RUN_KEY,
)
"""Managers that start something for the person in whose folders or registry that stands."""
_FIRST_PERSON = 500
"""Number from which on accounts are people's (macOS 501, Linux 1000, once 500): others' homes are programs' folders."""
_WELL_KNOWN = {
    "S-1-5-18": "NT AUTHORITY\\SYSTEM",
    "S-1-5-19": "NT AUTHORITY\\LOCAL SERVICE",
    "S-1-5-20": "NT AUTHORITY\\NETWORK SERVICE",
}
"""Accounts of Windows itself (learn.microsoft.com, "Well-known SIDs"); another one is known to it by its SID alone."""


def users_of(reading: Reading, claims: Sequence[Claim], pids: Iterable[int]) -> tuple[str, ...] | None:
    """Return the accounts that have to do with a product, sorted; None where that could not be told of all of it."""
    found: set[str] = set()
    for user in (*_running(reading, claims, pids), *_lying(reading, claims)):
        if not user:
            return None
        found.add(_named(user))
    return tuple(sorted(found))


def _running(reading: Reading, claims: Sequence[Claim], pids: Iterable[int]) -> Iterator[str | None]:
    """Yield the account of each process; None for one that is not told, and where something runs that shows none."""
    processes: Mapping[int, Process] = {
        claim.found.fact.pid: claim.found.fact for claim in claims if isinstance(claim.found.fact, Process)
    }
    wanted = set(pids)
    if not wanted <= processes.keys():
        processes = {process.pid: process for process in reading.of(Process)}
    for pid in sorted(wanted):
        process = processes.get(pid)
        yield None if process is None else process.user
    if not wanted and any(claim.state is SightingState.RUNNING for claim in claims):
        yield None


def _lying(reading: Reading, claims: Sequence[Claim]) -> Iterator[str | None]:
    """Yield whose each installation, program and entry is that is not for all."""
    for claim in claims:
        fact = claim.found.fact
        if claim.basis is Basis.TRACE:
            continue  # that it ran once says nothing of whether it is there
        if isinstance(fact, Software):
            if fact.scope is Scope.USER:
                yield fact.user
        elif isinstance(fact, ProgramFile):
            yield from _holding(fact, reading)
        elif isinstance(fact, Service):
            if fact.manager in _OF_A_PERSON and fact.user:
                yield fact.user
        elif isinstance(fact, BrowserExtension) and fact.user:
            yield fact.user


def _named(user: str) -> str:
    """Return the name of an account; of Windows' own also where a fact calls it by its security identifier."""
    return _WELL_KNOWN.get(user, user)


def _holding(file: ProgramFile, reading: Reading) -> Iterator[str | None]:
    """Yield in whose home a program lies, else who owns it unless that is root; None where nobody tells."""
    accounts = reading.of(Account)
    homes = {one.home.rstrip("/"): one.name for one in accounts if one.uid == 0 or (one.uid or 0) >= _FIRST_PERSON}
    folder = file.path.rpartition("/")[0]
    while folder:
        if folder in homes:
            yield homes[folder]
            return
        folder = folder.rpartition("/")[0]
    if file.uid is None:
        yield None
    elif file.uid:
        yield next((one.name for one in accounts if one.uid == file.uid), str(file.uid))
