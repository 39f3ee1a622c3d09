"""Whose product a listening socket is: its holder's, that of what a proxy leads to, or what its port speaks for."""

from collections.abc import Sequence

from auditor.catalogue.belonging import Belongings
from auditor.catalogue.match import owners
from auditor.model.facts.network import Listener
from auditor.model.reading import Found, Reading
from auditor.model.sighting import Sighting


class SocketProducts:
    """The sightings of a host by the processes and sockets that are theirs."""

    def __init__(self, reading: Reading, sightings: Sequence[Sighting]) -> None:
        """Take what was read of a host, and what was seen in it."""
        products = owners(sightings)
        # A product with two tenants is two sightings: the process tells which one a socket is.
        self.by_pid = {
            pid: sighting for sighting in sightings for pid in sighting.pids if products.get(pid) == sighting.product
        }
        # Where a port alone speaks, its holder may serve much else: the suspicion is of the socket, not of the process.
        self._by_port = {place: sighting for sighting in sightings for place in sighting.sockets}
        self.belongings = Belongings(reading)

    def of(self, found: Found[Listener]) -> tuple[int | None, Sighting | None]:
        """Return the process that a listening socket is put down to, and the sighting that it is of."""
        pids = [owner.pid for owner in found.fact.owners]
        pid = next((pid for pid in pids if pid in self.by_pid), pids[0] if pids else None)
        # A port that a proxy holds for a container is what listens in there.
        leads_to = sorted(self.belongings.behind(found.fact))
        behind = next((self.by_pid[one] for one in leads_to if one in self.by_pid), None)
        known = None if pid is None else self.by_pid.get(pid)
        return pid, known or behind or self._by_port.get((found.section, found.line))
