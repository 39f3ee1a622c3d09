"""What a peer is: a client that can put the same three questions to a fleet."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.spent import Command
from tests.lab.fleet.host import Host
from tests.lab.fleet.places import Lab

AT_ONCE = 50
"""Hosts that each peer asks at once, where it is not run as it comes."""
CUT = "---8<---"
QUESTIONS = (
    r"dpkg-query -W -f='${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n'"
    f"; echo '{CUT}'; ss -Htulpn; echo '{CUT}'; nft -j list ruleset"
)
"""Installed packages, listening sockets with their processes, the ruleset: as a command of sh."""
_PACKAGES, _LISTENERS, _RULES = 400, 3, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of whom, and where the answers go."""

    lab: Lab
    """Where keys, known hosts and OpenSSH's configuration are."""
    hosts: tuple[Host, ...]
    """Who is asked."""
    folder: Path
    """A folder of this run's own."""

    def csv(self) -> Path:
        """Write the auditor's inventory of these hosts and return it."""
        head, *rows = self.lab.inventory("csv").read_text().splitlines()
        names = {host.name for host in self.hosts}
        kept = [row for row in rows if row.partition(",")[0] in names]
        return self._written("hosts.csv", "".join(f"{row}\n" for row in (head, *kept)))

    def ansible(self) -> Path:
        """Write Ansible's inventory of these hosts and return it."""
        hosts = {host.name: {"ansible_host": host.address} for host in self.hosts}
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.lab.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.lab.known_hosts} -o IdentitiesOnly=yes",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        return self._written("hosts.json", json.dumps({"all": {"hosts": hosts, "vars": variables}}))

    def plain(self) -> Path:
        """Write what clients of a library need to know, as JSON, and return the file."""
        known = {
            "hosts": {host.name: host.address for host in self.hosts},
            "key": str(self.lab.key),
            "known_hosts": str(self.lab.known_hosts),
            "user": "root",
            "questions": QUESTIONS,
            "at_once": AT_ONCE,
            "answers": str(self.answers),
        }
        return self._written("order.json", json.dumps(known))

    @property
    def answers(self) -> Path:
        """A folder for a file from each host."""
        place = self.folder / "answers"
        place.mkdir(exist_ok=True)
        return place

    def _written(self, name: str, text: str) -> Path:
        place = self.folder / name
        place.write_text(text)
        return place


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How much of an answer came."""

    packages: int
    """Installed packages."""
    listeners: int
    """Listening sockets whose process is known."""
    rules: int
    """Rules of the firewall."""

    def is_whole(self, host: Host) -> bool:
        """Tell whether this is what a host of profile ``server`` has; a few of them have no packet filter."""
        filters: bool = host.state()["truth"]["filter"]["filters"]
        has_rules = self.rules >= _RULES if filters else self.rules == 0
        return self.packages >= _PACKAGES and self.listeners >= _LISTENERS and has_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One client, and how it is run."""

    id: str
    """What options call it."""
    title: str
    """What readers call it."""
    command: Callable[[Order], Command]
    """Make everything ready and return what is run."""
    seen: Callable[[Order], Mapping[str, Seen]]
    """Read what came of each host."""
    version: Callable[[], str]
    """Return its version."""
    is_ours: bool = False
    """Tell whether it is the auditor."""


def rules_in(ruleset: str) -> int:
    """Count the rules of ``nft -j list ruleset``; 0 where it is none."""
    try:
        objects = json.loads(ruleset)["nftables"]
    except (ValueError, KeyError):
        return 0
    return sum("rule" in one for one in objects)


def seen_in_files(order: Order) -> dict[str, Seen]:
    """Read a file for each host that holds what the questions printed."""
    return {file.name: _seen(file.read_text(errors="replace")) for file in order.answers.iterdir()}


def _seen(text: str) -> Seen:
    packages, _, rest = text.partition(f"{CUT}\n")
    listeners, _, ruleset = rest.partition(f"{CUT}\n")
    return Seen(
        packages=sum(line.startswith("ii") for line in packages.splitlines()),
        listeners=sum("users:(" in line for line in listeners.splitlines()),
        rules=rules_in(ruleset),
    )
