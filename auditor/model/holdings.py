"""What of a host is a product's: its packages, services and lone programs."""

from auditor.model.facts.services import ServiceManager, StartMode
from auditor.model.record import Record


class HeldPackage(Record, kw_only=True):
    """A package or application that is the product's."""

    source: str
    """Collector that saw it, such as ``software.dpkg``."""
    name: str
    """Its name there: hostile text."""
    version: str
    """Its version in the source's notation; empty where it gives none."""
    user: str | None
    """Whose installation it is; None for the system's."""


class HeldService(Record, kw_only=True):
    """What starts the product: a unit, an init script, a job, a task."""

    manager: ServiceManager
    """Who starts it."""
    name: str
    """Its name there: hostile text."""
    start: StartMode
    """Whether it starts by itself."""
    is_running: bool | None
    """Whether it runs; None where that is not known."""


class Holdings(Record, kw_only=True):
    """What of a host is one product's, each sorted and once."""

    packages: tuple[HeldPackage, ...] = ()
    """Packages and applications that are installed."""
    services: tuple[HeldService, ...] = ()
    """What starts it."""
    files: tuple[str, ...] = ()
    """Paths of programs that no package manager knows of: hostile text."""
    is_cut: bool = False
    """Whether there is more of one of them than is kept."""
