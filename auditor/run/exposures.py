"""Every listening socket of a host with whose it is and who can reach it."""

from collections.abc import Callable, Sequence

from auditor.catalogue.match import owners
from auditor.firewall.reach import Loaded, is_loopback, reach
from auditor.model.facts.firewall import FirewallListing
from auditor.model.facts.network import Listener
from auditor.model.facts.processes import Process
from auditor.model.reading import Found, Reading
from auditor.model.sighting import Confidence, Exposure, Sighting

# The engines that can stop an inbound packet on Linux; iptables-nft rules are part of the nft listing.
_FILTER_SECTIONS = ("firewall.nft", "firewall.iptables_legacy", "firewall.ip6tables_legacy")

Approve = Callable[[Sighting, int, bool], tuple[str | None, str | None]]
"""Given a product, a port and whether it is bound to loopback: the approval's id, or why there is none."""


def loaded_filters(reading: Reading) -> Loaded:
    """Say whether the host filters packets: *nothing* only when every engine was seen or proven absent."""
    if any(listing.filters for listing in reading.of(FirewallListing)):
        return Loaded.SOMETHING
    seen = [reading.sections.get(name) for name in _FILTER_SECTIONS]
    if any(section is None or section.outcome.is_gap for section in seen):
        return Loaded.UNSEEN
    return Loaded.NOTHING


def exposures(reading: Reading, sightings: Sequence[Sighting], approve: Approve) -> tuple[Exposure, ...]:
    """Return the listening sockets, sorted by port, protocol, family, address, namespace and process id."""
    loaded = loaded_filters(reading)
    processes = {process.pid: process for process in reading.of(Process)}
    products = owners(sightings)
    # A product with two tenants is two sightings: the process tells which one a socket is.
    holders = {
        pid: sighting for sighting in sightings for pid in sighting.pids if products.get(pid) == sighting.product
    }
    # Where a port alone speaks, its holder may serve much else: the suspicion is of the socket, not of the process.
    by_port = {place: sighting for sighting in sightings for place in sighting.sockets}
    made = []
    for found in reading.found(Listener):
        pids = [owner.pid for owner in found.fact.owners]
        pid = next((pid for pid in pids if pid in holders), pids[0] if pids else None)
        sighting = (None if pid is None else holders.get(pid)) or by_port.get((found.section, found.line))
        process = None if pid is None else processes.get(pid)
        made.append(_exposure(reading, found, loaded, pid, process, sighting, approve))
    return tuple(sorted(made, key=_order))


def _exposure(
    reading: Reading,
    found: Found[Listener],
    loaded: Loaded,
    pid: int | None,
    process: Process | None,
    sighting: Sighting | None,
    approve: Approve,
) -> Exposure:
    socket = found.fact
    decision = reach(address=socket.address, device=socket.device, namespace=socket.namespace, loaded=loaded)
    approval, objection = (None, None)
    if sighting is not None:
        approval, objection = approve(sighting, socket.port, is_loopback(socket.address))
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
        rule=decision.rule,
        approval=approval,
        objection=objection,
        is_suspected=sighting is not None and sighting.confidence is Confidence.SUSPECTED,
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
