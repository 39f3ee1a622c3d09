"""What machine this is, and what its network filtering depends on."""

from auditor.model.host import OsFamily
from auditor.model.record import Record


class OperatingSystem(Record, kw_only=True):
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


class KernelSetting(Record, kw_only=True):
    """One kernel parameter that packet filtering depends on."""

    key: str
    """Name in sysctl's dotted form, such as ``net.ipv4.ip_forward``."""
    value: str
    """Value as text."""
