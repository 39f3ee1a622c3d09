"""What the organisation allows: approvals, exceptions, settings."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum

from auditor.model.pacing import Pacing
from auditor.model.record import Record, field
from auditor.model.retention import Retention
from auditor.model.verdict import Severity


class ListenScope(Record, kw_only=True):
    """Where an approved product may listen."""

    ports: tuple[tuple[int, int], ...] = ()
    """Inclusive port ranges; empty means any port."""
    loopback_only: bool = True
    """Whether it may be bound to loopback addresses only."""

    def allows(self, *, port: int, is_loopback: bool) -> bool:
        """Tell whether a listener is inside the scope."""
        in_ports = not self.ports or any(low <= port <= high for low, high in self.ports)
        return in_ports and (is_loopback or not self.loopback_only)


class Approval(Record, kw_only=True):
    """An allowlist entry: this product, there, for this reason."""

    id: str
    """Name of the entry, unique in the policy."""
    product: str
    """Catalogue id."""
    versions: str | None = None
    """Version range such as ``>=15.50, <16``; None means any."""
    hosts: tuple[str, ...] = ()
    """Host patterns (``*`` and ``?``); empty together with ``groups`` means every host."""
    groups: tuple[str, ...] = ()
    """Inventory groups."""
    tenant: str | None = None
    """Tenant it must report to; None means any."""
    signer: str | None = None
    """Who must have signed its programs, as the host names the certificate's subject; None means anybody."""
    users: tuple[str, ...] = ()
    """Accounts as which it may run and in whose folders it may lie (``*`` for any characters); empty means any."""
    listen: ListenScope = field(default_factory=ListenScope)
    """Where it may listen."""
    may_start: bool = True
    """Whether it may start with the machine or a session; else a person starts it when it is needed."""
    may_be_portable: bool = False
    """Whether users may have copies of their own, outside of what manages software."""
    reason: str
    """Business reason."""
    owner: str
    """Who answers for it."""
    review_by: date
    """Last day on which it holds without a review."""


class ExceptionRecord(Record, kw_only=True):
    """An accepted violation, with a mandatory end."""

    id: str
    """Name of the entry, unique in the file."""
    control: str
    """Control id."""
    hosts: tuple[str, ...] = ()
    """Host patterns."""
    groups: tuple[str, ...] = ()
    """Inventory groups."""
    product: str | None = None
    """Catalogue id that the violation is about; None covers every product, and what is about none."""
    subject: str | None = None
    """Subject of the violation, such as ``product:anydesk``; None covers every violation of the control."""
    reason: str
    """Why it is accepted."""
    compensating: str = ""
    """What is done instead."""
    requested_by: str
    """Who asked."""
    approved_by: str
    """Who granted: another person."""
    ticket: str = ""
    """Reference in the organisation's tracker."""
    start: date
    """First day (UTC) on which it holds."""
    end: date
    """Last day (UTC) on which it holds."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Armoured signatures by role: ``requested_by``, ``approved_by``."""


class AcceptedLimit(Record, kw_only=True):
    """A limit of the method that the organisation accepts for a while."""

    limit: str
    """Id of the limit."""
    reason: str
    """Why it is accepted."""
    owner: str
    """Who answers for it, and asks for it."""
    approved_by: str
    """Who granted it: another person."""
    ticket: str = ""
    """Reference in the organisation's tracker."""
    start: date
    """First day (UTC) on which it is accepted."""
    end: date
    """Last day (UTC) on which it is accepted."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """Armoured signatures by role: ``owner``, ``approved_by``."""


class Installers(Record, kw_only=True):
    """Who may install software on a host (M1033)."""

    users: tuple[str, ...] = ("root",)
    """Account names."""
    groups: tuple[str, ...] = ()
    """Group names of the host, not of the inventory."""


class ExecutionDemand(StrEnum):
    """What must keep unapproved programs from running (M1038)."""

    NONE = "none"
    """Nothing: the control does not apply."""
    USER_PLACES = "user_places"
    """Nothing can be started from where ordinary users write."""
    ALLOWLIST = "allowlist"
    """Nothing runs that nobody listed."""


class Unsigned(StrEnum):
    """What becomes of an exception, or an accepted limit, that its people have not signed."""

    REFUSE = "refuse"
    """It does not hold."""
    ADMIT = "admit"
    """It holds, and every report says that it is asserted and not verified."""


class Settings(Record, kw_only=True):
    """How strict the audit is."""

    coverage: float = 1.0
    """Share of the scope that must be fully assessed, 0 to 1."""
    max_age: timedelta = timedelta(days=35)
    """How long a host may go without complete evidence."""
    audit_interval: timedelta = timedelta(days=35)
    """How long may lie between two runs with complete evidence of a host."""
    idle_runs: int = 3
    """Complete runs in a row after which an approved product that never ran is one too many; 0 asks nothing."""
    due: Mapping[Severity, timedelta] = field(default_factory=dict)
    """How long a violation of each severity may last; one that is not named has no term."""
    residual_is_violation: bool = False
    """Whether remains of a removed product break the product control."""
    clients_are_violations: bool = False
    """Whether pure viewers break the product control."""
    exception_max_days: int = 365
    """Longest span of an exception, in days."""
    unsigned_exceptions: Unsigned = Unsigned.REFUSE
    """What becomes of an exception, or an accepted limit, that its people have not signed."""
    installers: Installers = field(default_factory=Installers)
    """Who may install software."""
    service_accounts: tuple[str, ...] = ()
    """Accounts of management tools that may hold root rights, such as the auditor's own."""
    execution_control: ExecutionDemand = ExecutionDemand.NONE
    """What must keep unapproved programs from running."""
    user_installs: bool = True
    """Whether users of Windows may install for themselves, by Windows Installer and the Store."""


class Networks(Record, kw_only=True):
    """From where remote access may come, and what packet filters must do (M1037)."""

    trusted: tuple[str, ...] = ()
    """Networks in CIDR form from which remote-access ports may be reached; none means none."""
    require_filter: bool = True
    """Whether every host must close to the outside what no rule opens."""
    filter_outbound: bool = False
    """Whether a host must not reach the ports of remote-access products outside the trusted networks."""


class Policy(Record, kw_only=True):
    """What the organisation allows, as one sealed document."""

    name: str
    """Title for reports."""
    approvals: tuple[Approval, ...] = ()
    """The allowlist."""
    accepted_limits: tuple[AcceptedLimit, ...] = ()
    """Limits of the method that are accepted."""
    settings: Settings = field(default_factory=Settings)
    """How strict the audit is."""
    networks: Networks = field(default_factory=Networks)
    """From where remote access may come."""
    pacing: Pacing = field(default_factory=Pacing)
    """How gently it goes about the network, where the command line does not say."""
    retention: Retention = field(default_factory=Retention)
    """How long runs are kept."""
    sha256: str
    """SHA-256 of the policy file's bytes."""
