"""Every way in leads to the same truth: through a jump host, by certificate, by password with a sudo password."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from auditor.collect.probe import sh_call
from auditor.model.host import Credentials, SshSettings
from auditor.model.host import Host as AuditedHost
from auditor.model.probe import SUDO_ASKS, ProbeLimits
from auditor.transport.ssh import SshTransport
from tests.lab.auditing import audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host
from tests.lab.test_audit import assert_truth

pytestmark = pytest.mark.lab

_CONFIG = "/etc/ssh/sshd_config.d/10-ways.conf"
_RELOAD = "kill -HUP $(cat /run/sshd.pid); for i in $(seq 50); do sleep .1; [ -s /run/sshd.pid ] && break; done"


def configure(host: Host, *lines: str) -> None:
    text = "\\n".join(lines)
    host.run(f"printf '{text}\\n' >{_CONFIG}; {_RELOAD}")


@pytest.fixture
def configured() -> Iterator[list[Host]]:
    """Take note of the hosts whose server a test configures, and undo it."""
    hosts: list[Host] = []
    yield hosts
    for host in hosts:
        host.run(f"rm -f {_CONFIG}; {_RELOAD}")


def test_through_a_jump_host(fleet: Fleet, tmp_path: Path, configured: list[Host]) -> None:
    gate = fleet.host("clean")
    behind = tuple(fleet.host(role) for role in ("x11vnc-open", "xrdp-approved", "anydesk-deleted", "sudo-all"))
    for host in behind:
        # Reached from the jump host and from nowhere else.
        configured.append(host)
        configure(host, f"AllowUsers root@{gate.address}")
    inventory = inventory_of(fleet.lab, (gate, *behind), tmp_path / "hosts.yml")
    rows = yaml.safe_load(inventory.read_text())
    for row in rows[1:]:
        row["ansible_ssh_common_args"] += f" -o ProxyJump={gate.name}"
    inventory.write_text(yaml.safe_dump(rows, sort_keys=False))
    # Who may be reached from this machine is not asked: the host behind sees the jump host only.
    before = gate.run("ss -Htn state established '( sport = :22 )' | wc -l")
    assert_truth(fleet, audit(fleet.lab, inventory, tmp_path), (gate, *behind))
    assert gate.run("ss -Htn state established '( sport = :22 )' | wc -l") == before


def test_by_certificate(fleet: Fleet, tmp_path: Path, configured: list[Host]) -> None:
    host = fleet.host("tigervnc-approved")
    configured.append(host)
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    signing = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "audit", "-n", "root", "-V", "-1h:+1h"]
    subprocess.run([*signing, str(tmp_path / "key.pub")], check=True)
    authority = (tmp_path / "ca.pub").read_text().strip()
    host.run(f"echo '{authority}' >/etc/ssh/ways_ca.pub")
    configure(host, "TrustedUserCAKeys /etc/ssh/ways_ca.pub", "AuthorizedKeysFile none")
    inventory = inventory_of(
        fleet.lab, (host,), tmp_path / "hosts.yml", ansible_ssh_private_key_file=str(tmp_path / "key")
    )
    assert_truth(fleet, audit(fleet.lab, inventory, tmp_path), (host,))


def test_a_host_that_its_certificate_proves(fleet: Fleet, tmp_path: Path, configured: list[Host]) -> None:
    """No key of it is known, only the authority."""
    host = fleet.host("clean")
    configured.append(host)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ca")], check=True)
    (tmp_path / "host.pub").write_text(host.run("ssh-keygen -yf /etc/ssh/fleet_ed25519"))
    signing = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "lab", "-h", "-n", host.name, "-V", "-1h:+1h"]
    subprocess.run([*signing, str(tmp_path / "host.pub")], check=True)
    certificate = (tmp_path / "host-cert.pub").read_text().strip()
    host.run(f"echo '{certificate}' >/etc/ssh/ways-cert.pub")
    configure(host, "HostCertificate /etc/ssh/ways-cert.pub")
    (tmp_path / "known").write_text(f"@cert-authority * {(tmp_path / 'ca.pub').read_text()}")
    inventory = inventory_of(
        fleet.lab,
        (host,),
        tmp_path / "hosts.yml",
        ansible_ssh_common_args=f"-o UserKnownHostsFile={tmp_path}/known -o IdentitiesOnly=yes",
    )
    assert_truth(fleet, audit(fleet.lab, inventory, tmp_path), (host,))


def test_sudo_says_what_becomes_of_a_password(fleet: Fleet, tmp_path: Path) -> None:
    """What the gate for sudo passwords rests on, from the real sudo; one that asks for none is silent."""
    transport = SshTransport(home=tmp_path, agent_socket="")
    secret = fleet.truth(fleet.host("sudo-password"))["sudo_password"]
    said = {}
    for role, password in (("sudo-password", secret), ("sudo-password", "wrong"), ("sudo-all", "wrong")):
        host = fleet.host(role)
        lab = AuditedHost(
            name=host.name,
            address=host.address,
            credentials=Credentials(user="auditor", private_key=fleet.lab.key),
            ssh=SshSettings(known_hosts=(fleet.lab.known_hosts,), identities_only=True),
        )
        call = sh_call(
            become=True, become_password=password, limits=ProbeLimits(), deadline=60, output_limit=50_000_000
        )
        answer = transport.collect(lab, call)
        said[role, password == "wrong"] = (SUDO_ASKS in (text := answer.stderr.decode()), "incorrect password" in text)
    assert said == {
        ("sudo-password", False): (True, False),
        ("sudo-password", True): (True, True),
        ("sudo-all", True): (False, False),
    }


def test_a_right_sudo_password_serves_more_hosts_than_it_may_be_refused_on(fleet: Fleet, tmp_path: Path) -> None:
    """One host by six names."""
    host = fleet.host("sudo-password")
    secret = tmp_path / "secret"
    secret.write_text(fleet.truth(host)["sudo_password"])
    secret.chmod(0o600)
    inventory = inventory_of(
        fleet.lab, (host,), tmp_path / "hosts.yml", user="auditor", become=True, become_password=f"file:{secret}"
    )
    (row,) = yaml.safe_load(inventory.read_text())
    names = [f"{host.name}-{number}" for number in range(6)]
    inventory.write_text(yaml.safe_dump([{**row, "host": name} for name in names]))
    audited = audit(fleet.lab, inventory, tmp_path)
    rights = {name: (row["rights"], row["privilege_note"]) for name, row in audited.hosts.items()}
    assert rights == dict.fromkeys(names, ("sudo", None))


def _by_password(fleet: Fleet, hosts: list[Host], password: str, file: Path) -> Path:
    file.write_text(
        "".join(
            f"{host.name} ansible_host={host.address} ansible_user=auditor ansible_password='{password}' "
            f"ansible_become=true ansible_become_password='{password}' "
            f"ansible_ssh_common_args='-o UserKnownHostsFile={fleet.lab.known_hosts} -o IdentitiesOnly=yes'\n"
            for host in hosts
        )
    )
    return file


@pytest.mark.parametrize("how", ["PasswordAuthentication", "KbdInteractiveAuthentication"])
def test_by_password_with_a_sudo_password(fleet: Fleet, tmp_path: Path, configured: list[Host], how: str) -> None:
    host = fleet.host("sudo-password")
    configured.append(host)
    configure(host, f"{how} yes")
    password = fleet.truth(host)["sudo_password"]
    inventory = _by_password(fleet, [host], password, tmp_path / "hosts.ini")
    audited = audit(fleet.lab, inventory, tmp_path)
    assert audited.hosts[host.name]["rights"] == "sudo"
    assert_truth(fleet, audited, (host,))
    for file in tmp_path.rglob("*"):
        if file.is_file() and file != inventory:
            assert password.encode() not in file.read_bytes(), file


def test_a_wrong_password_stops_before_it_locks_an_account(
    fleet: Fleet, tmp_path: Path, configured: list[Host]
) -> None:
    hosts = [
        fleet.host(role) for role in ("clean", "sudo-all", "port-5900", "x11vnc-open", "xrdp-approved", "clean-nft")
    ]
    for host in hosts:
        configured.append(host)
        configure(host, "PasswordAuthentication yes")
    audited = audit(fleet.lab, _by_password(fleet, hosts, "not the password", tmp_path / "hosts.ini"), tmp_path)
    reasons = sorted(row["reason"] for row in audited.results["ledger"])
    assert reasons == ["auth"] * 3 + ["credential_stopped"] * 3
    assert audited.status == 3
