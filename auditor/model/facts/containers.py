"""Containers, as the engine that runs them tells."""

from auditor.model.record import Record


class PublishedPort(Record, kw_only=True):
    """A port of the host that an engine forwards into a container."""

    protocol: str
    """``tcp``, ``udp`` or ``sctp``."""
    address: str
    """Address of the host it is published on; ``0.0.0.0`` and ``::`` are all of a family."""
    host_port: int
    """Port of the host."""
    container_port: int
    """Port in the container."""


class Container(Record, kw_only=True):
    """One container that an engine knows, running or not."""

    engine: str
    """``docker``, ``podman`` or ``cri-o``."""
    identifier: str
    """The engine's own identifier of it."""
    name: str
    """Name the engine gave it or was told."""
    image: str
    """Image it was made from, as the engine writes it: registry, name, tag; empty where there is none."""
    is_running: bool
    """Whether it runs now."""
    is_on_host_network: bool = False
    """Whether it shares the host's network namespace, so that its sockets are the host's."""
    published: tuple[PublishedPort, ...] = ()
    """Ports of the host that lead into it."""
    pid: int | None = None
    """Process number of its first process on the host; None when it does not run or the engine does not say."""
    user: str | None = None
    """Account whose container it is; None for the system's engine."""
