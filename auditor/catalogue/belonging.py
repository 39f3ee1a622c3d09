"""Whose a listening socket is: the host's, a container's, or a proxy's that leads into one.

A process belongs to a container where its control group has the container's identifier, or where it descends from the
container's first process. Which control groups there are is for root to say, and within `user.slice` for the account:
what stands there is believed of that account's own containers only.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache

from auditor.model.facts.accounts import Account
from auditor.model.facts.containers import Container, PublishedPort
from auditor.model.facts.network import Listener, Owner
from auditor.model.facts.processes import Process
from auditor.model.reading import Reading
from auditor.model.record import Record
from auditor.model.sighting import Belonging

_PROXIES = frozenset({"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "pasta.avx2"})
_ENGINES = frozenset({"dockerd"})
"""Who holds published ports itself where there is no proxy (``userland-proxy``), beside ports of its own."""
_WATCHES = ("libpod-conmon-", "crio-conmon-")
_IDENTIFIER = 64
_SHORT = 12
_HEX = frozenset("0123456789abcdef")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 — read, not bound
_GENERATIONS = 64


class Owned(Record, kw_only=True):
    """Whose one socket is."""

    belongs: Belonging
    """Whose."""
    container: str | None = None
    """The container's name."""
    image: str | None = None
    """Its image."""
    published: tuple[str, ...] = ()
    """Places of the host that lead to it."""


class _Group(Record, kw_only=True):
    """What a control group says of a container."""

    identifier: str
    is_watch: bool = False
    """Whether it is that of the process which watches over the container, conmon(8)."""


class Belongings:
    """The containers of one host, ready to be asked whose a socket is."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._processes = {process.pid: process for process in reading.of(Process)}
        self._accounts = {account.name: account.uid for account in reading.of(Account)}
        self._running = [one for one in reading.of(Container) if one.is_running]
        # An account can give a container of its own any identifier, another's too.
        self._by_id: dict[str, list[Container]] = {}
        for one in self._running:
            self._by_id.setdefault(one.identifier, []).append(one)
        self._by_pid: dict[int, Container] = {}
        self._watches: dict[int, Container] = {}
        self._spaces: dict[str, list[Container]] = {}
        for one in self._running:
            first = None if one.pid is None else self._processes.get(one.pid)
            if first is None or not self._is_by_whom(first, one):
                continue
            self._by_pid[first.pid] = one
            if first.namespace and not one.is_on_host_network:
                self._spaces.setdefault(first.namespace, []).append(one)
            parent = self._processes.get(first.parent)
            if parent is not None and parent.name == "conmon":
                self._watches[parent.pid] = one

    def of(self, socket: Listener, pid: int | None) -> Owned:
        """Say whose a socket is that a process holds, or that nobody is known to hold."""
        process = None if pid is None else self._processes.get(pid)
        owned = None if process is None else self._by_process(socket, process)
        if owned is not None:
            return owned
        if socket.namespace is not None:
            there = self._spaces.get(socket.namespace, [])
            # Containers of one pod share a network: whose a socket is only its owner could tell.
            belongs = Belonging.CONTAINER if there else Belonging.NAMESPACE
            return self._in(there[0], socket) if len(there) == 1 else Owned(belongs=belongs)
        is_seen = bool(socket.owners) or socket.by_kernel
        return Owned(belongs=Belonging.HOST if is_seen else Belonging.UNKNOWN)

    def _by_process(self, socket: Listener, process: Process) -> Owned | None:
        """Say whose a socket is by the process that holds it; None where that is of no container."""
        into = self._watched(process) or self._proxied(socket, process)
        if into is not None or _is_one_of(process, _PROXIES):
            return _owned(Belonging.PUBLISHED, into)
        known = self._container(process)
        if known is not None:
            return self._in(known, socket)
        group = _group(process.cgroup)
        if group is None or group.identifier in self._by_id:
            return None
        belongs = Belonging.PUBLISHED if group.is_watch else Belonging.CONTAINER
        return Owned(belongs=belongs, container=_short(group.identifier))

    def is_contained(self, process: Process) -> bool:
        """Tell whether a process is a container's, so that its files are those of an image.

        Accounts name control groups in their own slice: one of no known container's name makes none there.
        """
        if self._container(process) is not None:
            return True
        group = _group(process.cgroup)
        return group is not None and not group.is_watch and not (process.cgroup or "").startswith("/user.slice/")

    def behind(self, socket: Listener) -> frozenset[int]:
        """Return the processes that a proxy's socket leads to: those that listen in its container, where it goes."""
        if not self._running:
            return frozenset()
        holders = (self._processes.get(owner.pid) for owner in socket.owners)
        into = next(
            (one for proxy in holders if proxy and (one := self._watched(proxy) or self._proxied(socket, proxy))), None
        )
        if into is None:
            return frozenset()
        ports = {place.container_port for place in into.published if _is_at(place, socket)}
        return frozenset(
            owner.pid
            for inner, owner in self._inside.get(into, ())
            if inner.protocol is socket.protocol and (not into.published or inner.port in ports)
        )

    @cached_property
    def _inside(self) -> dict[Container, list[tuple[Listener, Owner]]]:
        """The sockets that listen in each container, with who holds them."""
        found: dict[Container, list[tuple[Listener, Owner]]] = {}
        for inner in self._reading.of(Listener):
            for owner in inner.owners:
                process = self._processes.get(owner.pid)
                known = None if process is None else self._container(process)
                if known is not None:
                    found.setdefault(known, []).append((inner, owner))
        return found

    @cached_property
    def _places(self) -> dict[tuple[str, int], list[tuple[Container, PublishedPort]]]:
        """Where containers are published, by protocol and port of the host."""
        found: dict[tuple[str, int], list[tuple[Container, PublishedPort]]] = {}
        for one in self._running:
            for place in one.published:
                found.setdefault((place.protocol, place.host_port), []).append((one, place))
        return found

    def _proxied(self, socket: Listener, process: Process) -> Container | None:
        if not _is_one_of(process, _PROXIES | _ENGINES):
            return None
        return self._published(socket, process) or self._entered(process)

    def _in(self, container: Container, socket: Listener) -> Owned:
        places = tuple(
            f"[{one.address}]:{one.host_port}" if ":" in one.address else f"{one.address}:{one.host_port}"
            for one in container.published
            if one.protocol == socket.protocol.value and one.container_port == socket.port
        )
        return _owned(Belonging.CONTAINER, container, places)

    def _is_by_whom(self, process: Process, container: Container) -> bool:
        """Tell whether a process can be of a container: an account's own says nothing of other accounts' processes."""
        group = process.cgroup or ""
        if container.user is None:
            return not group.startswith("/user.slice/") or process.uid == 0
        uid = self._accounts.get(container.user)
        return process.user == container.user or (
            uid is not None and group.startswith(f"/user.slice/user-{uid}.slice/") and container.identifier in group
        )

    def _watched(self, process: Process) -> Container | None:
        """Return the container that a process watches over, holding its published ports."""
        known = self._watches.get(process.pid)
        if known is not None and _is_of(process, known):
            return known
        group = _group(process.cgroup)
        return self._named(process, group) if group is not None and group.is_watch else None

    def _named(self, process: Process, group: _Group) -> Container | None:
        """Return the container that a process's control group names, where it is one that can have the process."""
        return next((one for one in self._by_id.get(group.identifier, ()) if self._is_by_whom(process, one)), None)

    def _container(self, process: Process) -> Container | None:
        """Return the container a process belongs to."""
        group = _group(process.cgroup)
        known = None if group is None or group.is_watch else self._named(process, group)
        if known is not None:
            return known
        if not self._by_pid:
            return None
        return next((self._by_pid[pid] for pid in self._line(process) if pid in self._by_pid), None)

    def _line(self, process: Process) -> Iterator[int]:
        """Give a process and those it descends from, as far as they are known."""
        pid = process.pid
        for _ in range(_GENERATIONS):
            yield pid
            above = self._processes.get(pid)
            if above is None or above.parent in (0, pid):
                return
            pid = above.parent

    def _published(self, socket: Listener, proxy: Process) -> Container | None:
        """Return the container whose port a proxy holds."""
        fits = {
            one: None
            for one, place in self._places.get((socket.protocol.value, socket.port), ())
            if _is_of(proxy, one) and _is_at(place, socket)
        }
        return next(iter(fits)) if len(fits) == 1 else None

    def _entered(self, proxy: Process) -> Container | None:
        """Return the container whose network a proxy stands in: rootlessport opens its sockets before it goes there."""
        there = self._spaces.get(proxy.namespace or "", [])
        return there[0] if len(there) == 1 and _is_of(proxy, there[0]) else None


def _is_one_of(process: Process, programs: frozenset[str]) -> bool:
    return process.name in programs or (process.executable or "").rpartition("/")[2] in programs


def _is_at(place: PublishedPort, socket: Listener) -> bool:
    return (
        place.host_port == socket.port
        and place.protocol == socket.protocol.value
        and (place.address == socket.address or place.address in _ANYWHERE or socket.address in _ANYWHERE)
    )


def _is_of(proxy: Process, container: Container) -> bool:
    """Tell whether a proxy runs with the rights of a container's engine."""
    return proxy.uid == 0 if container.user is None else proxy.user == container.user


def _owned(belongs: Belonging, container: Container | None, published: tuple[str, ...] = ()) -> Owned:
    if container is None:
        return Owned(belongs=belongs)
    return Owned(
        belongs=belongs,
        container=container.name or _short(container.identifier),
        image=container.image or None,
        published=published,
    )


def _short(identifier: str) -> str:
    return identifier[:_SHORT] if len(identifier) == _IDENTIFIER else identifier


@lru_cache(maxsize=512)
def _group(path: str | None) -> _Group | None:
    """Read the innermost container that a control group is of, as the engines name them.

    ``docker-ID.scope``, ``docker/ID``, ``libpod-ID.scope``, ``kubepods/…/ID``, ``cri-containerd-ID.scope``; for LXC
    ``lxc.payload.NAME`` and ``lxc/NAME``; for machines ``machine-NAME.scope`` and ``systemd-nspawn@NAME.service``.
    """
    parts = (path or "").split("/")
    for at in range(len(parts) - 1, 0, -1):
        name = parts[at].removesuffix(".scope").removesuffix(".service")
        if name.startswith(_WATCHES):
            return _Group(identifier=name.removeprefix(_WATCHES[0]).removeprefix(_WATCHES[1]), is_watch=True)
        last = name[-_IDENTIFIER:]
        if len(last) == _IDENTIFIER and _HEX.issuperset(last):
            return _Group(identifier=last)
        for lead in ("lxc.payload.", "systemd-nspawn@"):
            if name.startswith(lead):
                return _Group(identifier=_unescaped(name.removeprefix(lead)))
        if name.startswith("machine-") and not name.startswith("machine-qemu") and parts[at].endswith(".scope"):
            return _Group(identifier=_unescaped(name.removeprefix("machine-")))
        if parts[at - 1] == "lxc" and name:
            return _Group(identifier=name)
    return None


def _unescaped(name: str) -> str:
    r"""Undo what systemd does to a name in a unit's: ``\x2d`` is a hyphen (systemd.unit(5))."""
    return name.replace("\\x2d", "-")
