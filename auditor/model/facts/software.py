"""Software on the disk of a host."""

from enum import StrEnum

from auditor.model.record import Record


class InstallState(StrEnum):
    """How much of a package is there."""

    INSTALLED = "installed"
    """Its files are on the disk."""
    CONFIG_FILES = "config_files"
    """Removed, its configuration left behind: a residual remain."""


class Scope(StrEnum):
    """For whom software is installed."""

    SYSTEM = "system"
    """For every user of the machine."""
    USER = "user"
    """For one user, who may have installed it without an administrator."""


class Software(Record, kw_only=True):
    """One installed package, application or bundle, as one source of the host lists it."""

    name: str
    """Name in its source: package name, display name, bundle name."""
    version: str
    """Version in the source's own notation; empty when the source gives none."""
    architecture: str = ""
    """Machine architecture as the source writes it; empty when it says nothing."""
    source: str
    """Collector that saw it, such as ``software.dpkg``."""
    state: InstallState = InstallState.INSTALLED
    """How much of it is there."""
    scope: Scope = Scope.SYSTEM
    """For whom it is installed."""
    user: str | None = None
    """User or SID whose installation it is; None for the system's."""
    publisher: str | None = None
    """Publisher, vendor or maintainer as the source names it."""
    identifier: str | None = None
    """Identifier beside the name: bundle id (macOS), product code or package family (Windows)."""
    signer: str | None = None
    """Who signed it: team id (macOS), certificate subject (Windows), id of the key (rpm); None when not told."""
    location: str | None = None
    """Folder or bundle path it is installed in."""
    installed_on: str | None = None
    """Day of installation: ``YYYY-MM-DD`` in UTC where the source counts seconds, else as it writes it."""
    origin: str | None = None
    """Repository, store or deployment mechanism it came from."""
    removal: str | None = None
    """Command that the host gives for removing it (Windows): hostile text, quoted to people and never run."""


PROGRAM_SIZE = 65_536
"""Bytes from which a file of a program's name is taken for the program, not for a script that only bears the name."""


class ProgramFile(Record, kw_only=True):
    """A file that can be executed, or an AppImage, where no package manager need know of it."""

    path: str
    """Where it is."""
    mode: int | None
    """Permissions, the lowest twelve bits; None where the host's tools do not tell."""
    uid: int | None
    """Number of its owner; None where the host's tools do not tell."""
    size: int | None
    """Bytes; 65536 for at least so many, and None for fewer, where the host's tools do not tell."""
    modified: int | None
    """When it was last written, seconds since 1970; None where the host's tools do not tell."""

    @property
    def name(self) -> str:
        """Return its name without folders."""
        return self.path.rpartition("/")[2]

    @property
    def is_large(self) -> bool:
        """Tell whether it is as large as programs are."""
        return self.size is not None and self.size >= PROGRAM_SIZE
