"""Every listening socket of a host with whose it is and who can reach it."""

from collections.abc import Callable, Sequence

from auditor.catalogue.belonging import Owned
from auditor.firewall.reach import Decision, Door, Filters, is_loopback
from auditor.model.facts.network import Listener
from auditor.model.facts.processes import Process
from auditor.model.reading import Found, Reading
from auditor.model.sighting import Confidence, Exposure, Sighting
from auditor.policy.approvals import Cover
from auditor.run.holders import Holders
from auditor.run.socket_products import SocketProducts

Approve = Callable[[Sighting, int, bool], Cover]
"""Given a product, a port and whether it is bound to loopback: what the policy says of the socket."""


def exposures(
    reading: Reading, sightings: Sequence[Sighting], filters: Filters, approve: Approve
) -> tuple[Exposure, ...]:
    """Return the listening sockets, sorted by port, protocol, family, address, namespace and process id."""
    processes = {process.pid: process for process in reading.of(Process)}
    whose = SocketProducts(reading, sightings)
    held = Holders(reading)
    made = []
    for found in reading.found(Listener):
        pid, sighting = whose.of(found)
        process = None if pid is None else processes.get(pid)
        owned = whose.belongings.of(found.fact, pid)
        made.append(
            _exposure(reading, found, _decide(filters, held, found.fact), pid, process, sighting, owned, approve)
        )
    return tuple(sorted(made, key=_order))


def _decide(filters: Filters, holders: Holders, socket: Listener) -> Decision:
    mine = filters.held_by(holders.of(socket)) if filters.narrow is not None else filters
    return mine.reach(
        Door(
            protocol=socket.protocol,
            family=socket.family,
            address=socket.address,
            port=socket.port,
            device=holders.device(socket),
            namespace=socket.namespace,
            is_v6only=socket.is_v6only,
        )
    )


def _exposure(
    reading: Reading,
    found: Found[Listener],
    decision: Decision,
    pid: int | None,
    process: Process | None,
    sighting: Sighting | None,
    owned: Owned,
    approve: Approve,
) -> Exposure:
    socket = found.fact
    cover = Cover() if sighting is None else approve(sighting, socket.port, is_loopback(socket.address))
    return Exposure(
        protocol=socket.protocol,
        family=socket.family,
        address=socket.address,
        port=socket.port,
        namespace=socket.namespace,
        pid=pid,
        process=_process_name(socket, process),
        executable=None if process is None else process.executable,
        user=None if process is None else process.user,
        product=None if sighting is None else sighting.product,
        product_name=None if sighting is None else sighting.name,
        reachability=decision.reachability,
        sources=decision.sources,
        rule=decision.rule,
        approval=None if cover.approval is None else cover.approval.id,
        breach=next(iter(cover.breaches), None),
        objection=cover.objection,
        is_suspected=sighting is not None and sighting.confidence is Confidence.SUSPECTED,
        belongs=owned.belongs,
        container=owned.container,
        image=owned.image,
        published=owned.published,
        proof=reading.quote(found),
    )


def _process_name(socket: Listener, process: Process | None) -> str | None:
    if process is not None:
        return process.name
    if socket.owners:
        return socket.owners[0].name
    return "(kernel)" if socket.by_kernel else None


def _order(exposure: Exposure) -> tuple[int, str, str, str, str, int]:
    return (
        exposure.port,
        exposure.protocol,
        exposure.family,
        exposure.address,
        exposure.namespace or "",
        exposure.pid or 0,
    )
