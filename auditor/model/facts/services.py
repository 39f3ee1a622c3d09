"""What a host starts by itself."""

from datetime import datetime
from enum import StrEnum

from auditor.model.record import Record


class ServiceManager(StrEnum):
    """Who starts it."""

    SYSTEMD = "systemd"
    SYSTEMD_USER = "systemd_user"
    SYSV = "sysv"
    OPENRC = "openrc"
    XINETD = "xinetd"
    """xinetd, or another superserver that reads ``inetd.conf``."""
    INITTAB = "inittab"
    RC_LOCAL = "rc_local"
    """A script that the boot runs as a whole: ``rc.local`` and its kind."""
    RUNIT = "runit"
    """runit, daemontools or s6: a folder with a script ``run``."""
    UPSTART = "upstart"
    CRON = "cron"
    AUTOSTART = "autostart"
    """A desktop session: an autostart entry, or a script that the session runs."""
    LAUNCHD = "launchd"
    LOGIN_ITEM = "login_item"
    WINDOWS_SERVICE = "windows_service"
    SCHEDULED_TASK = "scheduled_task"
    RUN_KEY = "run_key"


class StartMode(StrEnum):
    """Whether it starts without being asked."""

    AUTOMATIC = "automatic"
    """Starts with the machine or the session."""
    MANUAL = "manual"
    """Starts on demand, by a socket, a trigger or by hand."""
    DISABLED = "disabled"
    """Does not start by itself, and on Windows not at all."""
    MASKED = "masked"
    """Cannot be started (systemd)."""
    UNKNOWN = "unknown"
    """The manager does not say."""


class Service(Record, kw_only=True):
    """One unit, init script, job, task or service."""

    name: str
    """Name in its manager, with its suffix: ``xrdp.service``, ``com.teamviewer.service``, ``tvnserver``."""
    manager: ServiceManager
    """Who starts it."""
    start: StartMode
    """Whether it starts by itself."""
    is_running: bool | None = None
    """Whether it runs now; None when the manager was not asked or does not know."""
    state: str = ""
    """State in the manager's own words, such as ``loaded active running``."""
    description: str = ""
    """What it says of itself."""
    command: str | None = None
    """Command it runs, redacted; None when not read."""
    file: str | None = None
    """File that defines it."""
    user: str | None = None
    """Account it runs as, where the definition names one."""
    pid: int | None = None
    """Process it runs in (Windows), which others may share; None where it does not run or was not asked."""
    ports: tuple[str, ...] = ()
    """Ports that its manager listens on for it, as ``5900/tcp``."""
    starts: str | None = None
    """Unit that a connection to these ports starts, where it is another one."""
    is_defined: bool = True
    """Whether a file defines it: of a unit that is only masked (systemd) none does, and nothing need be there."""
    is_program_gone: bool = False
    """Whether the host has shown that no program it starts is there any more; of a host that has not it is False."""

    @property
    def is_left_over(self) -> bool:
        """Tell whether it is what is left of something: it does not run, and its program or its definition is gone."""
        is_lost = self.is_program_gone or not self.is_defined or "not-found" in self.state.split()
        return is_lost and not self.is_running


class ServiceInstallation(Record, kw_only=True):
    """A record of the host that a service was installed (Windows), whether or not it is still there."""

    when: datetime
    """When it was installed, UTC."""
    name: str
    """Its name."""
    command: str
    """Command it was to run, redacted."""
    account: str
    """Account it was to run as."""
    record: str
    """Log that holds the record."""
