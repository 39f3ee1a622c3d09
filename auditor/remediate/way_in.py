"""How Ansible gets to a host: our own words for it, turned into an inventory and a configuration of ssh, pure.

The host is called ``target`` there: what the operator calls it may hold what Ansible takes for a pattern. No argument
holds a secret; what is secret stands in the inventory, as data.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.model.host import BecomeMethod, ConnectionKind, Host
from auditor.model.record import Record
from auditor.remediate.playing import PlayRefusedError
from auditor.remediate.unsafe import unsafe_json

TARGET = "target"
_ROOT = "root"
_SSH = 22


class Trusted(Record, kw_only=True):
    """Which host keys are trusted, and under which name a host's stands there."""

    files: tuple[Path, ...] = ()
    """Files of known hosts; empty means ssh's usual ones."""
    alias: str | None = None
    """The name under which its key is known, where it is not the address; None leaves it to ssh."""


def inventory_text(host: Host, operator: str, ssh_config: Path) -> str:
    """Return an inventory of one host; PlayRefusedError where no play can be run on it."""
    variables: dict[str, Any] = {"ansible_python_interpreter": "auto_silent"}
    if host.connection is ConnectionKind.LOCAL:
        # Our own Python is there for certain, as Ansible has it for this machine.
        variables |= {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        variables |= _rights(host, operator)
    elif host.connection is ConnectionKind.SSH:
        user = host.credentials.user or operator
        variables |= {"ansible_connection": "ssh", "ansible_user": user} | _rights(host, user)
        variables["ansible_ssh_common_args"] = f"-F {ssh_config}"
        if host.credentials.password is not None:
            variables["ansible_password"] = host.credentials.password
        if host.credentials.passphrase is not None:
            variables["ansible_ssh_private_key_passphrase"] = host.credentials.passphrase
    else:
        raise PlayRefusedError(f"no play of this version goes over {host.connection}")
    return unsafe_json({"all": {"hosts": {TARGET: variables}}})


def ssh_config_text(host: Host, operator: str, trusted: Trusted, jumps: tuple[Trusted, ...]) -> str:
    """Return the configuration that ssh is given in place of everybody's own."""
    lines = []
    last = None
    for number, (jump, keys) in enumerate(zip(host.ssh.jumps, jumps, strict=True), start=1):
        if jump.credentials.password is not None or jump.credentials.passphrase is not None:
            raise PlayRefusedError(
                f"jump host {jump.name} wants a password, which plays cannot give it: use a key or an agent"
            )
        lines += [f"Host jump{number}", *_way(jump, operator, keys, last)]
        last = f"jump{number}"
    lines += [f"Host {TARGET}", *_way(host, operator, trusted, last)]
    return "\n".join(lines) + "\n"


def _way(host: Host, operator: str, trusted: Trusted, through: str | None) -> Iterator[str]:
    """Yield what ssh is told of one machine."""
    yield f"  HostName {_word(host.address.strip('[]'))}"
    yield f"  Port {host.port or _SSH}"
    yield f"  User {_word(host.credentials.user or operator)}"
    yield "  StrictHostKeyChecking yes"
    yield "  UpdateHostKeys no"
    yield "  ForwardAgent no"
    if trusted.files:
        yield f"  UserKnownHostsFile {' '.join(_word(str(file)) for file in trusted.files)}"
        yield "  GlobalKnownHostsFile /dev/null"
    if trusted.alias is not None:
        yield f"  HostKeyAlias {_word(trusted.alias)}"
    if host.credentials.private_key is not None:
        yield f"  IdentityFile {_word(str(host.credentials.private_key))}"
        yield "  IdentitiesOnly yes"
    elif host.ssh.identities_only:
        yield "  IdentitiesOnly yes"
    if host.credentials.certificate is not None:
        yield f"  CertificateFile {_word(str(host.credentials.certificate))}"
    if through is not None:
        yield f"  ProxyJump {through}"


def _word(text: str) -> str:
    """Write a value of ssh_config(5); what cannot be written there is refused."""
    if not text or not text.isprintable() or '"' in text or "\\" in text or text[:1] == "-":
        raise PlayRefusedError(f"the inventory says {text!a}, which ssh cannot be told")
    return '"' + text.replace("%", "%%") + '"'


def _rights(host: Host, user: str) -> dict[str, Any]:
    """Return how root is gained; what a play changes is root's."""
    login = host.credentials
    if user == _ROOT:
        return {"ansible_become": False}
    if not login.become:
        raise PlayRefusedError(f"changing it takes root, and {user} gains no rights: set ansible_become")
    if login.become_method is not BecomeMethod.SUDO:
        raise PlayRefusedError(f"plays gain root by sudo alone, and the inventory says {login.become_method}")
    rights: dict[str, Any] = {"ansible_become": True, "ansible_become_method": "sudo"}
    return rights if login.become_password is None else rights | {"ansible_become_password": login.become_password}
