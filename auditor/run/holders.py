"""Who holds a listening socket, as rules of the firewalls of Windows and macOS ask: program, services, account."""

from functools import cached_property

from auditor.catalogue.programs import launchd_program
from auditor.firewall.settled import Holder
from auditor.model.evidence import Outcome
from auditor.model.facts.firewall import ConnectedNetwork
from auditor.model.facts.network import InterfaceAddress, Link, Listener
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Reading

_SERVICES = "services.windows"
_LAUNCHD = 1
_GENERATIONS = 64
_MANAGER = "\\windows\\system32\\services.exe"


class Holders:
    """The processes of a host by what rules ask of them."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @cached_property
    def _processes(self) -> dict[int, Process]:
        return {process.pid: process for process in self._reading.of(Process)}

    @cached_property
    def _services(self) -> dict[int, frozenset[str]] | None:
        """Services by their process; None where not all of them were seen."""
        section = self._reading.sections.get(_SERVICES)
        if section is None or section.outcome is not Outcome.COLLECTED or section.unread:
            return None
        found: dict[int, set[str]] = {}
        for service in self._reading.of(Service):
            if service.pid is not None:
                found.setdefault(service.pid, set()).add(service.name.lower())
        return {pid: frozenset(names) for pid, names in found.items()}

    def of(self, socket: Listener) -> Holder:
        """Return who holds a socket; one that nobody, or more than one process, is seen to hold is not known."""
        if socket.by_kernel:
            return Holder(is_kernel=True)
        if self._reading.os is OsFamily.MACOS:
            return self._on_macos(socket)
        if len(socket.owners) != 1:
            return Holder()
        pid = socket.owners[0].pid
        process = self._processes.get(pid)
        # A process that is gone may have had any services above it.
        if process is None or self._services is None:
            return Holder(program=None if process is None else process.executable)
        services = self._services.get(pid, frozenset())
        kin = frozenset() if services else self._kin(process, self._services)
        return Holder(program=process.executable, services=services, kin=kin)

    def _on_macos(self, socket: Listener) -> Holder:
        """Return who holds a socket of a macOS host: of one that launchd keeps for a job, the job's program."""
        found = [self._processes.get(owner.pid) for owner in socket.owners]
        held = {
            (process.executable, process.signer or self._team_of(process.executable), process.uid)
            for process in found
            if process is not None and process.pid != _LAUNCHD
        }
        if not socket.owners or None in found or len(held) > 1:
            return Holder()
        if held:
            program, signer, uid = held.pop()
            return Holder(program=program, signer=signer, user=None if uid is None else str(uid))
        place = f"{socket.port}/{socket.protocol}"
        programs = {
            launchd_program(one.command or "")
            for one in self._reading.of(Service)
            if one.manager is ServiceManager.LAUNCHD and place in one.ports and one.start is not StartMode.DISABLED
        }
        program = programs.pop() if len(programs) == 1 else ""
        return Holder(program=program if program.startswith("/") else None)

    def _team_of(self, program: str | None) -> str | None:
        """Return who signed the bundle that a program lies in: its parts are signed with it, and let in with it."""
        path = program or ""
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in self._teams:
                return self._teams[path]
        return None

    @cached_property
    def _teams(self) -> dict[str, str]:
        return {one.location: one.signer for one in self._reading.of(Software) if one.location and one.signer}

    def _kin(self, process: Process, services: dict[int, frozenset[str]]) -> frozenset[str] | None:
        """Return the services above a process, whose tokens it may have got; None where one above it is gone."""
        found: set[str] = set()
        for _ in range(_GENERATIONS):
            above = self._processes.get(process.parent)
            if above is None:
                return None
            if (above.executable or "").lower().endswith(_MANAGER):
                return frozenset(found)
            found |= services.get(above.pid, frozenset())
            process = above
        return None

    @cached_property
    def _names(self) -> dict[str, str]:
        networks = {str(network.index): network.interface for network in self._reading.of(ConnectedNetwork)}
        return networks | {str(link.index): link.name for link in self._reading.of(Link)}

    def device(self, socket: Listener) -> str | None:
        """Return the interface that a socket is bound to by the name that addresses have; None for any.

        Windows tells it by its number alone. Where that is of no interface that is known, packets are asked about by
        every interface: more may be let in than can come.
        """
        if self._reading.os is not OsFamily.WINDOWS or socket.device is None:
            return socket.device
        known = {address.interface for address in self._reading.of(InterfaceAddress)}
        return next((name for name in (socket.device, self._names.get(socket.device)) if name in known), None)
