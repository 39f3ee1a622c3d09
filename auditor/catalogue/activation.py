"""Sockets that a manager of services holds for somebody else: systemd, launchd and inetd listen and start it later.

The process that holds such a socket says nothing of whose it is; the unit or the entry that names its port does.
"""

from collections.abc import Iterable, Sequence

from auditor.model.facts.network import Listener
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.reading import Found

_FIRST_PROCESS = 1
# Names that the kernel keeps of processes; the first process is systemd's or launchd's, whatever it is called.
_HOLDERS = {
    ServiceManager.SYSTEMD: ("systemd", "init"),
    ServiceManager.SYSTEMD_USER: ("systemd",),
    ServiceManager.LAUNCHD: ("launchd",),
    ServiceManager.XINETD: ("xinetd", "inetd", "openbsd-inetd", "inetutils-inetd", "rlinetd", "busybox"),
}
_IDLE = (StartMode.DISABLED, StartMode.MASKED)


def activated_sockets(
    services: Sequence[Service], listeners: Iterable[Found[Listener]]
) -> dict[int, list[Found[Listener]]]:
    """Map services (by ``id``) to the sockets that are held for them.

    That is the service which names a port, and the unit that it starts: by ``Service=``, else by its name, a template
    where each connection has an instance of its own (systemd.socket(5), ``Accept=``).
    """
    holding = [one for one in services if one.ports and (one.start not in _IDLE or one.is_running)]
    if not holding:
        return {}
    by_port: dict[str, list[Found[Listener]]] = {}
    for found in listeners:
        by_port.setdefault(f"{found.fact.port}/{found.fact.protocol}", []).append(found)
    by_name: dict[tuple[ServiceManager, str], list[Service]] = {}
    for one in services:
        by_name.setdefault((one.manager, one.name), []).append(one)
    held: dict[int, list[Found[Listener]]] = {}
    for one in holding:
        sockets = [found for port in one.ports for found in by_port.get(port, ()) if _is_held(found.fact, one)]
        if not sockets:
            continue
        for name in dict.fromkeys([one.name, *started_units(one)]):
            for service in by_name.get((one.manager, name), ()):
                held.setdefault(id(service), []).extend(sockets)
    return held


def _is_held(socket: Listener, service: Service) -> bool:
    """Tell whether the manager of a service is who holds a socket, alone or with what it started."""
    if not socket.owners:
        # Whose it is was not told; a socket unit that systemd says it listens with is as good.
        return bool(service.is_running)
    names = _HOLDERS.get(service.manager, ())
    is_first = service.manager in (ServiceManager.SYSTEMD, ServiceManager.LAUNCHD)
    return any((is_first and owner.pid == _FIRST_PROCESS) or owner.name in names for owner in socket.owners)


def started_units(service: Service) -> tuple[str, ...]:
    """Return the names of units that a socket unit may start."""
    if service.starts is not None:
        return (service.starts,)
    stem = service.name.removesuffix(".socket")
    if stem == service.name:
        return ()
    template, at, _ = stem.partition("@")
    return (f"{stem}.service", f"{template}@.service") if at else (f"{stem}.service", f"{stem}@.service")
