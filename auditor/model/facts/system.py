"""What machine this is, and what its network filtering depends on."""

from dataclasses import dataclass

from auditor.model.host import OsFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingSystem:
    """The operating system as it describes itself."""

    family: OsFamily
    """Which of the three kinds."""
    id: str
    """Short identifier: ``debian``, ``rhel``, ``macos``, ``windows-server``."""
    name: str
    """Name for people: ``Debian GNU/Linux 12 (bookworm)``."""
    version: str
    """Version or build number."""
    like: tuple[str, ...] = ()
    """Identifiers it declares to be like (``ID_LIKE``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSetting:
    """One kernel parameter that packet filtering depends on."""

    key: str
    """Name in sysctl's dotted form, such as ``net.ipv4.ip_forward``."""
    value: str
    """Value as text."""
