"""Execution control, as policies that ask for it find it on hosts whose truth is known."""

from pathlib import Path

import pytest
import yaml

from tests.lab.auditing import audit, inventory_of
from tests.lab.conftest import Fleet

pytestmark = pytest.mark.lab

_ROLES = (
    "clean", "allowlist", "allowlist-permissive", "allowlist-stopped", "allowlist-passed-by", "noexec", "anydesk",
)  # fmt: skip


@pytest.mark.parametrize("demand", ["allowlist", "user_places"])
@pytest.mark.parametrize("user", ["root", "plain"])
def test_the_verdict_is_what_the_host_was_planned_to_do(fleet: Fleet, tmp_path: Path, demand: str, user: str) -> None:
    policy = yaml.safe_load(fleet.lab.policy.read_text())
    policy["settings"]["execution_control"] = demand
    asking = tmp_path / "policy.yml"
    asking.write_text(yaml.safe_dump(policy))
    hosts = tuple(fleet.host(role) for role in _ROLES)
    inventory = inventory_of(fleet.lab, hosts, tmp_path / "hosts.yml", user=user)
    audited = audit(fleet.lab, inventory, tmp_path, "-p", str(asking))
    told = {host.name: audited.verdicts(host.name)["execution_control"] for host in hosts}
    planned = {host.name: fleet.truth(host)["execution"][demand] for host in hosts}
    if user == "root":
        assert told == planned
    else:
        assert {name: word for name, word in told.items() if word not in ("unknown", planned[name])} == {}
