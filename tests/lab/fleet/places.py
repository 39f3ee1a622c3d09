"""Where the lab keeps its things, and how what it makes on this machine is called."""

import os
from dataclasses import dataclass
from pathlib import Path

BRIDGE = "flbr0"
"""The bridge every host hangs on; the controller is on it too."""
BRIDGE_ADDRESS = "10.77.0.1"
NETWORK_BITS = 16
BRIDGE_ADDRESS_6 = "fd77::1"
NETWORK_BITS_6 = 64
NAMESPACE_PREFIX = "fl-"
LINK_PREFIX = "flv"
CHAIN = "AUDITORLAB"
"""Chain of the controller's mangle table that delays packets."""
USERS = ("root", "auditor", "plain")
"""Who the lab's key logs in as: root; one with sudo; one without any right."""
OWNER_FILE = Path("/run/auditor-lab.owner")
"""Says which home the machine's lab belongs to: bridge and addresses exist once on a machine."""
LOCK_FILE = Path("/run/auditor-lab.lock")
HOME_VARIABLE = "AUDITOR_LAB_HOME"
DEFAULT_HOME = Path("/var/tmp/auditor-lab")  # noqa: S108 — root's own folder, kept between runs


class LabError(Exception):
    """The lab cannot do what it was asked; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """The folders of one lab."""

    home: Path

    @property
    def base(self) -> Path:
        """The shared read-only root of most hosts."""
        return self.home / "base"

    @property
    def bases(self) -> Path:
        """The same for hosts of other kinds, one folder each."""
        return self.home / "bases"

    @property
    def layers(self) -> Path:
        """Read-only overlays over the base, one for each real product."""
        return self.home / "layers"

    @property
    def hosts(self) -> Path:
        """One folder a host: its own files, its plan, its process id."""
        return self.home / "hosts"

    @property
    def keys(self) -> Path:
        """Client keys that every host accepts."""
        return self.home / "keys"

    @property
    def site(self) -> Path:
        """Trees copied over a host's root before it boots: ``all/`` and ``<host>/``."""
        return self.home / "site"

    @property
    def key(self) -> Path:
        """The private key to log in with."""
        return self.keys / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Host keys of the fleet."""
        return self.home / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """Configuration for OpenSSH."""
        return self.home / "ssh_config"

    def inventory(self, kind: str = "yml") -> Path:
        """Return the inventory as ``yml``, ``ini`` or ``csv``."""
        return self.home / f"inventory.{kind}"

    @property
    def policy(self) -> Path:
        """The policy that fits what was planted."""
        return self.home / "policy.yml"

    @property
    def exceptions(self) -> Path:
        """The exceptions that fit what was planted."""
        return self.home / "exceptions.yml"

    @property
    def lists(self) -> tuple[Path, ...]:
        """Every file that describes the fleet as a whole."""
        inventories = tuple(self.inventory(kind) for kind in ("yml", "ini", "csv"))
        return (self.known_hosts, self.ssh_config, self.policy, self.exceptions, *inventories)


def lab_here() -> Lab:
    """Return the lab that the environment names, else the default one."""
    return Lab(home=Path(os.environ.get(HOME_VARIABLE, str(DEFAULT_HOME))).absolute())
