"""YAML lists of hosts."""

from collections.abc import Callable

import pytest

from auditor.inventory.yaml_list import is_list
from auditor.model.host import Host

Read = Callable[[str, str], dict[str, Host]]
Faults = Callable[[str, str], list[str]]

_TWO = """\
# Our hosts
---
- host: web1
  address: 10.0.0.1
  port: 2222
  groups: [web, prod]
  become: yes
- web2
"""


def test_hosts_are_mappings_or_names(read: Read) -> None:
    hosts = read("hosts.yml", _TWO)
    assert list(hosts) == ["web1", "web2"]
    assert (hosts["web1"].address, hosts["web1"].port, hosts["web1"].groups) == ("10.0.0.1", 2222, ("prod", "web"))
    assert hosts["web1"].credentials.become
    assert hosts["web2"].address == "web2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("- a", True, id="dashes"),
        pytest.param("---\n# x\n[a, b]", True, id="brackets"),
        pytest.param("--- [a]", True, id="on-the-line-of-the-marker"),
        pytest.param("all:\n  hosts:\n", False, id="mapping"),
        pytest.param("", False, id="empty"),
        pytest.param("%YAML 1.1\n---\n- a", True, id="directive"),
    ],
)
def test_a_list_is_told_from_an_ansible_inventory(text: str, expected: bool) -> None:
    assert is_list(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "- host: a\n  prot: 22\n  port: 0\n- 7\n- host: [b]\n- host: a\n  groups: {x: y}\n  user: [z]\n",
            [
                "hosts.yml:2:3: unknown column 'prot' (did you mean 'port'?)",
                "hosts.yml:3: port: '0' is not a number from 1 to 65535",
                "hosts.yml:4:3: a host is a mapping such as `{host: web1, user: audit}`, or a name",
                "hosts.yml:5: host: a name is wanted",
                "hosts.yml:6: host: 'a' stands already on line 1",
                "hosts.yml:7: groups: a list of names is wanted",
                "hosts.yml:8: user: is a structure, and a text or number is wanted",
            ],
            id="every-fault",
        ),
        pytest.param(
            "- host: a\n  host: b\n", ["hosts.yml:2:3: key 'host' stands twice in the same mapping"], id="twice"
        ),
        pytest.param("- host: 'a\n", ["hosts.yml:2:1: not YAML: found unexpected end of stream"], id="not-yaml"),
        pytest.param("", ["hosts.yml: holds no hosts"], id="empty"),
        pytest.param("[]", ["hosts.yml: holds no hosts"], id="empty-list"),
    ],
)
def test_faults_are_named_all_at_once(faults: Faults, text: str, expected: list[str]) -> None:
    assert faults("hosts.yml", text) == expected


def test_secrets_are_refused(faults: Faults) -> None:
    (said,) = faults("hosts.yml", "- host: a\n  ansible_become_password: canary\n")
    assert said.startswith("hosts.yml:2:3: ansible_become_password: secrets do not belong into this file")
