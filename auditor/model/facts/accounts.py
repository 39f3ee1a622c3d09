"""Who may use a host, and who may change what is installed on it."""

from auditor.model.record import Record


class Account(Record, kw_only=True):
    """One account that the host knows."""

    name: str
    """Login name."""
    uid: int | None = None
    """User number (Linux, macOS)."""
    sid: str | None = None
    """Security identifier (Windows)."""
    gid: int | None = None
    """Number of the primary group (Linux, macOS)."""
    home: str = ""
    """Home folder."""
    shell: str = ""
    """Login shell (Linux, macOS)."""
    is_disabled: bool | None = None
    """Whether log-in is switched off; None when the source does not say."""


class UserProfile(Record, kw_only=True):
    """The profile of a user of Windows, and whether his part of the registry could be looked at."""

    sid: str
    """Security identifier of the user."""
    home: str
    """Folder of the profile."""
    is_loaded: bool
    """Whether his registry is loaded, as it is while he is logged on."""


class Group(Record, kw_only=True):
    """One group and its direct members."""

    name: str
    """Group name."""
    gid: int | None = None
    """Group number (Linux, macOS)."""
    sid: str | None = None
    """Security identifier (Windows)."""
    members: tuple[str, ...] = ()
    """Direct members by name, in the order listed."""
    member_sids: tuple[str, ...] = ()
    """Their security identifiers, in the same order (Windows)."""


class SudoRule(Record, kw_only=True):
    """One user specification of sudoers: who may run what, as whom."""

    principal: str
    """Who: a user, ``%group``, ``#uid``, ``%#gid``, ``+netgroup`` or ``ALL``, aliases resolved."""
    hosts: tuple[str, ...]
    """On which hosts, as written, aliases resolved."""
    run_as: tuple[str, ...]
    """As which users, as written; empty means root."""
    commands: tuple[str, ...]
    """Commands, ``!`` before the excluded ones, aliases resolved."""
    needs_password: bool = True
    """Whether a password is asked for."""
    file: str
    """File that holds it."""
    line: int
    """Line of that file."""


class InstallerPolicy(Record, kw_only=True):
    """A setting of the host that decides whether ordinary users may install software."""

    setting: str
    """Key as the platform names it: a registry path and value, a polkit action, a preference."""
    value: str
    """Its value as text."""
    allows_users: bool | None
    """Whether it lets users without rights install; None when the value alone does not say."""


class DoasRule(Record, kw_only=True):
    """One rule of doas.conf: of those that match, the last decides."""

    permits: bool
    """Whether it permits or denies."""
    principal: str
    """Who: a user, or ``%group``."""
    target: str
    """As whom; empty means anybody, root among them."""
    command: str = ""
    """The one command it is about; empty means any."""
    arguments: tuple[str, ...] | None = None
    """The arguments that the command must have; None means any."""
    needs_password: bool = True
    """Whether a password is asked for."""
    file: str
    """File that holds it."""
    line: int
    """Line of that file."""


class PolkitGrant(Record, kw_only=True):
    """What polkit lets somebody do whom its rules name."""

    principal: str
    """Who: a user, ``%group``, or ``ALL``."""
    action: str
    """Action id; ``*`` where the entry says who counts as administrator, whose password opens every action."""
    answer: str
    """``yes``, ``auth_self`` (with the own password) or ``auth_admin`` (with an administrator's, who this one is)."""
    where: str
    """From where: ``anywhere``, or ``at the console`` for who sits in front of the host."""
    file: str
    """File that says so."""
