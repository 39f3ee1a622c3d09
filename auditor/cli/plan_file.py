"""A plan's file, read and written as a whole."""

from pathlib import Path

from auditor.cli.files import write_whole
from auditor.policy.faults import read_text
from auditor.remediate.plan_text import PlanFile, plan_text, read_plan


def load_plan(file: Path) -> PlanFile:
    """Read a plan's file; PlanError names everything that is wrong with it."""
    return read_plan(read_text(file), file)


def write_plan(file: Path, plan: PlanFile) -> None:
    """Write a file whole or not at all, readable by its owner alone: it names hosts and what is wrong with them."""
    write_whole(file, plan_text(plan), mode=0o600)
