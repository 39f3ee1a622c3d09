"""Ansible gets to a host as the audit does: same address, same keys, same login, and no secret in an argument."""

import json
from pathlib import Path

import pytest

from auditor.model.host import BecomeMethod, ConnectionKind, Credentials, Host, SshSettings
from auditor.remediate.playing import PlayRefusedError
from auditor.remediate.way_in import Trusted, inventory_text, ssh_config_text

CONFIG = Path("/run/place/ssh_config")
TOM = Credentials(user="tom", password="p{{ 1 }}w", become=True, become_password="s'u\"do", passphrase="ph")


def a_host(credentials: Credentials, **more: object) -> Host:
    return Host(name="web[1:9]", address="10.0.0.7", credentials=credentials, **more)  # type: ignore[arg-type]


def test_secrets_stand_in_the_inventory_as_data_and_nowhere_else() -> None:
    host = a_host(TOM, port=2222)
    text = inventory_text(host, "op", CONFIG)
    assert "web[1:9]" not in text
    told = json.loads(text)["all"]["hosts"]["target"]
    assert told["ansible_password"] == {"__ansible_unsafe": "p{{ 1 }}w"}
    assert told["ansible_become_password"] == {"__ansible_unsafe": "s'u\"do"}
    assert told["ansible_ssh_private_key_passphrase"] == {"__ansible_unsafe": "ph"}
    config = ssh_config_text(host, "op", Trusted(), ())
    assert not [secret for secret in ("p{{", "s'u", "ph") if secret in config]
    assert config.splitlines() == [
        "Host target",
        '  HostName "10.0.0.7"',
        "  Port 2222",
        '  User "tom"',
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        "  ForwardAgent no",
    ]


def test_keys_and_jump_hosts_are_those_of_the_inventory() -> None:
    jump = Host(name="gate", address="gate.example", credentials=Credentials(user="j"))
    settings = SshSettings(known_hosts=(Path("/etc/my hosts"),), jumps=(jump,))
    host = a_host(Credentials(user="root", private_key=Path("/k/100%")), ssh=settings)
    trusted = Trusted(files=(Path("/etc/my hosts"),), alias="web1")
    lines = ssh_config_text(host, "op", trusted, (Trusted(),)).splitlines()
    assert lines[0] == "Host jump1"
    assert "  ProxyJump jump1" in lines
    assert '  UserKnownHostsFile "/etc/my hosts"' in lines
    assert '  HostKeyAlias "web1"' in lines
    assert '  IdentityFile "/k/100%%"' in lines


@pytest.mark.parametrize(
    ("host", "said"),
    [
        pytest.param(a_host(Credentials(user="tom")), "set ansible_become", id="no-root"),
        pytest.param(
            a_host(Credentials(user="tom", become=True, become_method=BecomeMethod.DOAS)), "sudo alone", id="doas"
        ),
        pytest.param(a_host(Credentials(user="a"), connection=ConnectionKind.WINRM), "winrm", id="windows"),
    ],
)
def test_a_host_that_no_play_can_change_is_refused(host: Host, said: str) -> None:
    with pytest.raises(PlayRefusedError, match=said):
        inventory_text(host, "op", CONFIG)


@pytest.mark.parametrize("address", ['a"b', "a\nProxyCommand id", "-oProxyCommand=id", "a\\b", ""])
def test_what_ssh_cannot_be_told_is_refused(address: str) -> None:
    with pytest.raises(PlayRefusedError, match="ssh cannot be told"):
        ssh_config_text(Host(name="a", address=address), "op", Trusted(), ())


def test_a_jump_host_with_a_password_is_refused() -> None:
    jump = Host(name="gate", address="gate", credentials=Credentials(password="x"))
    host = Host(name="a", address="a", ssh=SshSettings(jumps=(jump,)))
    with pytest.raises(PlayRefusedError, match="jump host gate wants a password"):
        ssh_config_text(host, "op", Trusted(), (Trusted(),))
