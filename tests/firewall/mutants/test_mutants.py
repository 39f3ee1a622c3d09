"""The tool that breaks the evaluator: what it breaks is told, and what it says nobody can tell is still there."""

import subprocess
import sys

import pytest

from tests.firewall.mutants.places import ROOT, every_mutant
from tests.firewall.mutants.survivors import explained, gone


def test_every_explained_survivor_is_a_mutant_of_today() -> None:
    assert gone(every_mutant()) == [], (
        "the line has changed: think the reason over (tests/firewall/mutants/survivors.yml)"
    )
    assert all(reason.endswith(".") for reason in explained().values())


@pytest.mark.slow
def test_every_mutant_of_the_last_decision_is_told_or_explained() -> None:
    command = [sys.executable, "-m", "tests.firewall.mutants", "--file", "decide.py", "--killers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.rstrip().endswith("mutants tried: 6 killed")
