"""What Ansible itself says of the playbooks: their syntax, and values that look like templates."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.playbooks.plays import play
from tests.playbooks.table import playbooks

pytestmark = pytest.mark.slow

_BIN = Path(sys.executable).parent
_NO_ANSIBLE = not (_BIN / "ansible-playbook").exists()
_HERE = {"here": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}}
needs_ansible = pytest.mark.skipif(_NO_ANSIBLE, reason="ansible-core is not installed (extra ansible)")


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "none"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "NO_COLOR": "1",
    }


@needs_ansible
def test_the_syntax_is_right(tmp_path: Path) -> None:
    """Those of Linux; those of Windows, and the linter, are in ``test_windows_plays.py``."""
    chosen = [path for path in playbooks() if not path.stem.startswith("windows_")]
    command = [str(_BIN / "ansible-playbook"), "--syntax-check", "-i", "here,", *map(str, chosen)]
    done = subprocess.run(command, env=_environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("playbook: ") == len(chosen)
    assert len(chosen) >= 10


@needs_ansible
@pytest.mark.parametrize(
    ("subject", "values"),
    [
        pytest.param("service", {"units": ["there-is-none"]}, id="service"),
        pytest.param("inbound", {"rule_id": "a", "ports": ["1/tcp"], "networks": ["10.0.0.0/8"]}, id="inbound"),
        pytest.param("product", {"removal_id": "a", "copies": ["-:/there/is/none"]}, id="product"),
    ],
)
def test_a_script_arrives_whole(subject: str, values: dict[str, object]) -> None:
    """Capture this machine, which changes nothing: a seam between two files that is no line would show."""
    played = play("capture", _HERE, {"capture_subject": subject, **values})
    if played.status == "failed":
        assert "no service manager" in played.said or "no packet filter" in played.said
    else:
        assert played.capsule is not None
        assert all(isinstance(field, str) and field for row in played.capsule["state"] for field in row)
        assert played.capsule["variables"].items() >= values.items()


_TRAP = "{{{{ lookup('ansible.builtin.pipe', 'touch {}') }}}}"


@needs_ansible
@pytest.mark.parametrize(
    ("name", "values", "refusal"),
    [
        pytest.param("stop_service", {"units": ["TRAP"]}, "Name at least one unit", id="service"),
        pytest.param("stop_service", {"units": ["x; touch y"]}, "Name at least one unit", id="shell"),
        pytest.param("stop_service", {"units": ["xrdp\n"]}, "Name at least one unit", id="newline"),
        pytest.param("stop_service", {}, "Name at least one unit", id="nothing"),
        pytest.param("block_inbound", {"rule_id": "a", "ports": ["TRAP"]}, "rule_id takes", id="port"),
        pytest.param("block_inbound", {"rule_id": "TRAP", "ports": ["1/tcp"]}, "rule_id takes", id="rule"),
        pytest.param(
            "block_inbound", {"rule_id": "a", "ports": ["1/tcp"], "networks": ["TRAP"]}, "rule_id takes", id="network"
        ),
        pytest.param("block_inbound", {"rule_id": "a", "ports": []}, "rule_id takes", id="no-port"),
        pytest.param("block_outbound", {"rule_id": "a"}, "rule_id takes", id="everything"),
        pytest.param("remove_product", {"removal_id": "a", "packages": ["TRAP"]}, "removal_id takes", id="package"),
        pytest.param("remove_product", {"removal_id": "a", "packages": ["dpkg/-x"]}, "removal_id takes", id="option"),
        pytest.param("remove_product", {"removal_id": "a", "copies": ["-:/a/../b"]}, "removal_id takes", id="dots"),
        pytest.param("harden_vnc", {"servers": ["TRAP"]}, "Name servers out of", id="server"),
        pytest.param("confirm", {"guard_id": "TRAP"}, "guard_id takes", id="guard"),
        pytest.param("capture", {"capture_subject": "TRAP"}, "value of capture_subject", id="subject"),
        pytest.param(
            "start_service",
            {"capsule": {"schema": 1, "subject": "inbound", "variables": {}, "state": [["TRAP"]]}},
            "capsule is of another play",
            id="capsule-of-another",
        ),
        pytest.param(
            "start_service",
            {"capsule": {"schema": 1, "subject": "service", "variables": {"units": ["TRAP"]}, "state": [["TRAP"]]}},
            "Name at least one unit",
            id="capsule",
        ),
    ],
)
def test_values_are_checked_and_never_evaluated(
    name: str, values: dict[str, object], refusal: str, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"

    def armed(value: object) -> object:
        if isinstance(value, str):
            return value.replace("TRAP", _TRAP.format(sprung))
        if isinstance(value, dict):
            return {key: armed(each) for key, each in value.items()}
        return [armed(each) for each in value] if isinstance(value, list) else value

    played = play(name, _HERE, {key: armed(value) for key, value in values.items()})
    assert played.status == "failed"
    assert refusal in " ".join(played.said.split())
    assert not sprung.exists()
