"""A machine in scope, and the scope of a run."""

from enum import StrEnum
from pathlib import Path

from auditor.errors import Reason
from auditor.model.record import Record, Unshown, field


class OsFamily(StrEnum):
    """The three kinds of operating system that are audited."""

    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


class ConnectionKind(StrEnum):
    """How a host is reached; the words are Ansible's, ``replay`` is ours."""

    SSH = "ssh"
    WINRM = "winrm"
    LOCAL = "local"
    REPLAY = "replay"


class BecomeMethod(StrEnum):
    """How root is gained once logged in."""

    SUDO = "sudo"
    """Through sudo; through doas on a host that has doas and no sudo."""
    DOAS = "doas"
    """Through doas."""


class Credentials(Record, kw_only=True):
    """How to log in and how to gain rights. Secrets stay out of ``repr`` and are never stored."""

    user: str | None = None
    """Account to log in as; None lets the transport take the operator's own name."""
    password: Unshown[str | None] = None
    """Login password; None when keys or an agent are used."""
    private_key: Path | None = None
    """Private key file; None lets the transport try the agent and the usual files."""
    passphrase: Unshown[str | None] = None
    """Passphrase of the private key file."""
    certificate: Path | None = None
    """Certificate of the private key; None takes ``<key>-cert.pub`` where it lies beside the key."""
    become: bool = False
    """Whether to gain root once logged in."""
    become_method: BecomeMethod = BecomeMethod.SUDO
    """How it is gained."""
    become_password: Unshown[str | None] = None
    """Password that sudo asks for; None means ``sudo -n``."""
    references: tuple[tuple[str, str], ...] = ()
    """Secrets that are looked up when the host's turn comes: field, and where it stands (``env:NAME``)."""


class SshSettings(Record, kw_only=True):
    """What Ansible's ``ansible_ssh_common_args`` says that concerns us."""

    known_hosts: tuple[Path, ...] = ()
    """Files of trusted host keys; empty means the user's and the system's own."""
    identities_only: bool = False
    """Whether agent keys are left alone and only ``private_key`` is offered."""
    jumps: tuple["Host", ...] = ()
    """Jump hosts on the way, the first one first: each as the inventory describes it, or as ``ProxyJump`` does."""
    ignored: tuple[str, ...] = ()
    """Arguments of ssh that change nothing here and might in ssh."""


class WinRmLogin(StrEnum):
    """How to log in over WinRM; the words are Ansible's (``ansible_winrm_transport``)."""

    NTLM = "ntlm"
    KERBEROS = "kerberos"
    CERTIFICATE = "certificate"
    BASIC = "basic"


class WinRmSettings(Record, kw_only=True):
    """What Ansible's ``ansible_winrm_*`` variables say that concerns us."""

    login: WinRmLogin = WinRmLogin.NTLM
    """How to log in."""
    is_https: bool = True
    """Whether TLS lies below; without it NTLM and Kerberos seal each message themselves."""
    path: str = "/wsman"
    """Path of the service."""
    authorities: Path | None = None
    """File of certificate authorities to trust; None means the system's."""
    fingerprint: str | None = None
    """SHA-256 of the only certificate to trust, lower-case hexadecimal, in place of any authority."""
    is_validated: bool = True
    """Whether the host's certificate is checked at all: only where the inventory says so it is not."""
    certificate: Path | None = None
    """Certificate to log in with (PEM)."""
    certificate_key: Path | None = None
    """Its private key (PEM)."""
    service: str = "HTTP"
    """First part of the host's Kerberos service name."""
    kerberos_host: str | None = None
    """Host name to ask a Kerberos ticket for; None means the address."""


class Host(Record, kw_only=True):
    """A machine in scope, as the inventory describes it."""

    name: str
    """Inventory name: unique in the scope, the operator's word for the machine."""
    address: str
    """Name or address that is connected to."""
    port: int | None = None
    """TCP port; None means the connection's default (22 for SSH, 5986 for WinRM, 5985 without TLS)."""
    connection: ConnectionKind = ConnectionKind.SSH
    """How it is reached."""
    credentials: Credentials = field(default_factory=Credentials)
    """How to log in."""
    ssh: SshSettings = field(default_factory=SshSettings)
    """Settings of the SSH connection."""
    winrm: WinRmSettings = field(default_factory=WinRmSettings)
    """Settings of the WinRM connection."""
    groups: tuple[str, ...] = ()
    """Inventory groups, sorted, ``all`` and ``ungrouped`` left out."""
    site: str | None = None
    """Network place whose hosts are reached from the same worker."""
    owner: str | None = None
    """Who must act on this host."""
    host_id: str | None = None
    """Stable identity that outlives a renaming (``auditor_host_id``)."""
    deadline: float | None = None
    """Seconds of wall clock this host may take in all; None means the run's default."""
    replay: Path | None = None
    """Recorded probe output, for the ``replay`` connection."""
    unusable: str | None = None
    """Why it cannot even be tried with what the inventory says of it (ledger: ``variables``); None when it can."""
    unusable_reason: Reason = Reason.VARIABLES
    """The ledger's word for that."""

    @property
    def key(self) -> str:
        """Return what findings are filed under: the stable identity, else the inventory name."""
        return self.host_id or self.name


class HostFacts(Record, kw_only=True):
    """What of a host is sealed into the bundle: no address, no credentials."""

    name: str
    """Inventory name."""
    key: str
    """What findings are filed under."""
    groups: tuple[str, ...] = ()
    """Inventory groups, sorted."""
    site: str | None = None
    """Network place."""
    owner: str | None = None
    """Who must act."""
    connection: ConnectionKind = ConnectionKind.SSH
    """How it was to be reached."""


def host_facts(host: Host) -> HostFacts:
    """Keep of a host what verdicts may depend on."""
    return HostFacts(
        name=host.name,
        key=host.key,
        groups=host.groups,
        site=host.site,
        owner=host.owner,
        connection=host.connection,
    )


class Scope(Record, kw_only=True):
    """Every host of a run, fixed, counted and hashed at its start."""

    hosts: tuple[Host, ...]
    """The hosts, sorted by name, no name twice."""
    source: str
    """Where they come from, as the operator named it."""
    sha256: str
    """SHA-256 of the sorted host names, one a line, in UTF-8."""
