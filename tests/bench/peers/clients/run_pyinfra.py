"""Put questions to hosts with pyinfra's facts: `run_pyinfra.py ORDER`, by its API."""

import gevent.monkey

gevent.monkey.patch_all()

import json  # noqa: E402 — behind the patch, as pyinfra wants it
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from pyinfra.api import Config, Inventory, State  # noqa: E402
from pyinfra.api.connect import connect_all  # noqa: E402
from pyinfra.api.facts import get_facts  # noqa: E402
from pyinfra.api.state import StateStage  # noqa: E402
from pyinfra.facts.deb import DebPackages  # noqa: E402
from pyinfra.facts.server import Command  # noqa: E402

_LISTENERS, _RULESET = "ss -Htulpn", "nft -j list ruleset"


def _all(order: dict[str, Any]) -> None:
    hosts = [(name, {"ssh_hostname": address}) for name, address in order["hosts"].items()]
    login = {
        "ssh_user": order["user"],
        "ssh_key": order["key"],
        "ssh_known_hosts_file": order["known_hosts"],
        "ssh_strict_host_key_checking": "yes",
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
    }
    state = State(Inventory((hosts, login)), Config(PARALLEL=order["at_once"]))
    state.current_stage = StateStage.Prepare
    connect_all(state)
    packages = get_facts(state, DebPackages, ())
    listeners = get_facts(state, Command, (_LISTENERS,))
    rulesets = get_facts(state, Command, (_RULESET,))
    for host in state.inventory:
        answer = {"packages": packages[host], "listeners": listeners[host], "ruleset": rulesets[host]}
        Path(order["answers"], host.name).write_text(json.dumps(answer, default=sorted))


if __name__ == "__main__":
    _all(json.loads(Path(sys.argv[1]).read_text()))
