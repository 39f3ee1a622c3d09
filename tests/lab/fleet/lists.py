"""The files that describe a fleet: inventories of three kinds, host keys, and a configuration for OpenSSH."""

import csv
import io
from typing import Any

import yaml

from tests.lab.fleet.host import Host, Series
from tests.lab.fleet.places import Lab
from tests.lab.fleet.shell import write

SERIES = {"fleet": Series.PLANTED, "systemd": Series.SYSTEMD, "kinds": Series.KINDS}
"""Groups that every host is in one of."""
_SITE_SIZE = 20
"""Hosts that share a site."""


def write_lists(lab: Lab, hosts: list[Host]) -> None:
    """Write every list of the hosts; the three inventories say the same."""
    write(lab.known_hosts, "".join(_known_host(host) for host in hosts))
    write(lab.ssh_config, _ssh_config(lab, hosts))
    write(lab.inventory("yml"), _yaml(lab, hosts))
    write(lab.inventory("ini"), _ini(lab, hosts))
    write(lab.inventory("csv"), _csv(lab, hosts))


def variables(lab: Lab) -> dict[str, str]:
    """Return the variables that every host has."""
    return {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.known_hosts} -o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def site_and_owner(host: Host) -> tuple[str, str]:
    """Return the site a host stands at and who must act on it."""
    return f"site{(host.number - 1) // _SITE_SIZE + 1}", "servers" if host.number % 2 else "desktops"


def _own_variables(host: Host) -> dict[str, str]:
    site, owner = site_and_owner(host)
    return {"ansible_host": host.address, "auditor_site": site, "auditor_owner": owner}


def _groups(hosts: list[Host]) -> dict[str, list[Host]]:
    groups = {name: [host for host in hosts if host.series is series] for name, series in SERIES.items()}
    for host in hosts:
        for name in host.state()["groups"]:
            groups.setdefault(name, []).append(host)
    return {name: members for name, members in groups.items() if members}


def _public_key(host: Host) -> str:
    return " ".join((host.upper / "etc/ssh/fleet_ed25519.pub").read_text().split()[:2])


def _known_host(host: Host) -> str:
    return f"{host.name},{host.address},{host.address6} {_public_key(host)}\n"


def _ssh_config(lab: Lab, hosts: list[Host]) -> str:
    named = "".join(f"Host {host.name}\n  HostName {host.address}\n" for host in hosts)
    return (
        f"{named}Host *\n  User root\n  IdentityFile {lab.key}\n  IdentitiesOnly yes\n  BatchMode yes\n"
        f"  UserKnownHostsFile {lab.known_hosts}\n  StrictHostKeyChecking yes\n"
    )


def _yaml(lab: Lab, hosts: list[Host]) -> str:
    children: dict[str, Any] = {}
    for name, members in _groups(hosts).items():
        first = name in SERIES
        children[name] = {"hosts": {host.name: _own_variables(host) if first else {} for host in members}}
    return yaml.safe_dump({"all": {"vars": variables(lab), "children": children}}, sort_keys=False)


def _ini(lab: Lab, hosts: list[Host]) -> str:
    lines: list[str] = []
    for name, members in _groups(hosts).items():
        lines.append(f"[{name}]")
        for host in members:
            words = [f"{key}={value}" for key, value in _own_variables(host).items()]
            lines.append(" ".join([host.name, *(words if name in SERIES else [])]))
        lines.append("")
    lines.append("[all:vars]")
    lines += [f"{key}={value}" for key, value in variables(lab).items()]
    return "\n".join(lines) + "\n"


def _csv(lab: Lab, hosts: list[Host]) -> str:
    common = variables(lab)
    extra = ("ansible_ssh_private_key_file", "ansible_ssh_common_args")
    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\n")
    writer.writerow(("host", "address", "port", "connection", "user", "site", "owner", "groups", *extra))
    groups = _groups(hosts)
    for host in hosts:
        site, owner = site_and_owner(host)
        names = " ".join(name for name, members in groups.items() if host in members)
        row = (host.name, host.address, 22, "ssh", common["ansible_user"], site, owner, names)
        writer.writerow((*row, *(common[key] for key in extra)))
    return into.getvalue()
