"""Ask who is at the far end: files first, then what was said before, then reverse DNS and RDAP, gently."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from auditor.far_end.data_file import DataFile
from auditor.far_end.fetch import FetchError, fetch_json
from auditor.far_end.kept import Kept
from auditor.far_end.rdap import Bootstrap, registered
from auditor.far_end.said import Address, FarEnd, asked_about
from auditor.model.record import replace

_NAME_LENGTH = 253
_NAME_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_RESOLVING = 8
"""Questions for names that may be going on: one whose answer does not come stays, for the system's resolver has no
time of ours."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """What is asked, of whom, and how gently."""

    trusted: tuple[str, ...] = ()
    """Networks of the policy, about which nobody is asked."""
    files: Sequence[DataFile] = ()
    """Files that the operator brought."""
    bootstrap: Bootstrap | None = None
    """Servers of RDAP; None asks none."""
    asks_names: bool = False
    """Whether reverse DNS is asked."""
    kept: Kept
    """What was said before."""
    most: int = 200
    """Addresses that others are asked about in one run."""
    between: float = 1.0
    """Seconds between two questions to one server of RDAP."""
    patience: float = 5.0
    """Seconds that one question may take."""
    resolve: Callable[[str], str] = lambda address: socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    """Asks the system's resolver for the name of an address; OSError where there is none."""
    clock: Callable[[], float] = time.monotonic
    """Tells the seconds."""
    wait: Callable[[float], None] = time.sleep
    """Waits."""
    asked: int = 0
    """Addresses that others were asked about so far."""
    _ready: dict[str, float] = field(default_factory=dict)
    _given_up: dict[str, str] = field(default_factory=dict)
    _told: dict[str, FarEnd] = field(default_factory=dict)
    _resolving: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_RESOLVING))

    def about(self, text: str) -> FarEnd | None:
        """Return what is said of an address; None for one that nobody is asked about."""
        address = asked_about(text, self.trusted)
        if address is None:
            return None
        known = self._told.get(str(address))
        if known is None:
            known = self._told[str(address)] = self._about(address)
        return known

    def _about(self, address: Address) -> FarEnd:
        told = FarEnd(address=str(address))
        found = next((one for one in (file.find(address) for file in self.files) if one is not None), None)
        found = found or self.kept.network(address)
        name = self.kept.names.get(str(address))
        wants_name, wants_network = self.asks_names and name is None, self.bootstrap is not None and found is None
        told = replace(told, registered=found, name="" if name is None else name[0])
        if not wants_name and not wants_network:
            return told
        if self.asked >= self.most:
            return replace(told, problem=f"not asked: {self.most} addresses were, and no more are in one run")
        self.asked += 1
        if wants_name:
            told = self._with_name(told)
        return self._with_network(told, address) if wants_network else told

    def _with_name(self, told: FarEnd) -> FarEnd:
        """Ask for a name in a thread of its own: what does not answer in time is left alone."""
        if not self._resolving.acquire(blocking=False):
            return replace(told, problem="the resolver does not answer")
        answers: list[str] = []

        def ask() -> None:
            try:
                answers.append(self.resolve(told.address))
            except OSError:
                answers.append("")
            finally:
                self._resolving.release()

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self.patience)
        if not answers:
            return replace(told, problem="the resolver did not answer in time")
        name = answers[0].rstrip(".").lower()
        if len(name) > _NAME_LENGTH or not _NAME_SIGNS.issuperset(name):
            return replace(told, problem="its name by reverse DNS is none of a host's")
        self.kept.names[told.address] = (name, self._now())
        return replace(told, name=name)

    def _with_network(self, told: FarEnd, address: Address) -> FarEnd:
        server = None if self.bootstrap is None else self.bootstrap.server(address)
        if server is None:
            return _problem(told, "no server of RDAP is known for it")
        host = urlsplit(server).netloc
        if host in self._given_up:
            return _problem(told, self._given_up[host])
        self._keep_pace(host)
        try:
            found = registered(fetch_json(f"{server}ip/{address}", self.patience), address, host)
        except FetchError as error:
            said = f"{host} {error}"
            if error.is_servers:
                self._given_up[host] = f"{said}: it is asked no more in this run"
            return _problem(told, said)
        except ValueError as error:
            return _problem(told, f"{host} {_ours(error)}")
        self.kept.networks.append((found, self._now()))
        return replace(told, registered=found)

    def _keep_pace(self, host: str) -> None:
        now = self.clock()
        left = self._ready.get(host, now) - now
        if left > 0:
            self.wait(left)
        self._ready[host] = max(now, self._ready.get(host, now)) + self.between

    def _now(self) -> datetime:
        return self.kept.now


def _ours(error: ValueError) -> str:
    """Say what is wrong with an answer: what our reader says, never what the answer does."""
    said = str(error)
    return said if said.startswith("answers") else "answers no addresses"


def _problem(told: FarEnd, said: str) -> FarEnd:
    return replace(told, problem=f"{told.problem}; {said}" if told.problem else said)
