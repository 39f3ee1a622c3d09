"""How remote-access software on a host is configured."""

from auditor.model.record import Record


class RemoteAccessSetting(Record, kw_only=True):
    """One setting of one product, redacted where it is a secret."""

    product: str
    """Catalogue id of the product whose setting it is."""
    key: str
    """Name of the setting in the product's own notation."""
    value: str
    """Its value as text; ``(set)`` for a secret that is present."""
    file: str
    """File, registry key or preference domain that holds it."""
    line: int | None = None
    """Line of the file, where there is one."""
    user: str | None = None
    """User whose setting it is; None for the system's."""


class SettingsFile(Record, kw_only=True):
    """A file or registry key of a product that was read to its end: what it does not name is not set there."""

    product: str
    """Catalogue id of the product whose file it is."""
    file: str
    """File, or registry key."""
    user: str | None = None
    """User whose file it is; None for the system's."""


class RemoteManagement(Record, kw_only=True):
    """A remote-access feature that is part of the operating system."""

    feature: str
    """``screen sharing``, ``remote management``, ``remote desktop``, ``remote assistance``, ``quick assist``."""
    is_enabled: bool
    """Whether it is switched on."""
    detail: str
    """The line of the host's own answer that says so."""
    users: tuple[str, ...] = ()
    """Who may use it, where the feature says so; empty means everyone it lets in."""
    ports: frozenset[int] = frozenset()
    """Ports it is set to listen on, where the host says so."""


class PrivacyGrant(Record, kw_only=True):
    """A permission to see or control the screen that macOS has granted to a program."""

    service: str
    """``ScreenCapture``, ``Accessibility``, ``PostEvent``."""
    client: str
    """Bundle id or path of the program."""
    is_allowed: bool
    """Whether it is granted."""
    user: str | None = None
    """User whose database it stands in; None for the system's."""


class ManagedProfile(Record, kw_only=True):
    """A configuration profile that restricts a Mac."""

    identifier: str
    """Profile identifier."""
    payload: str
    """Payload type, such as ``com.apple.applicationaccess``."""
    key: str
    """Restriction."""
    value: str
    """Its value as text."""


class BrowserExtension(Record, kw_only=True):
    """A browser extension or native-messaging host."""

    browser: str
    """Browser it belongs to."""
    identifier: str
    """Extension id, or name of the native-messaging host."""
    version: str
    """Version; empty for a native-messaging host."""
    user: str | None = None
    """User whose profile it is in; None for one installed for all."""
    path: str
    """Where it was found."""
