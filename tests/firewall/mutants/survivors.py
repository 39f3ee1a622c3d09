"""Mutants that no test can tell, each with its reason: survivors.yml beside this file."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from tests.firewall.mutants.places import Mutant

FILE = Path(__file__).parent / "survivors.yml"
_SURVIVED = re.compile(r"^survived: (\S+):\d+: (.*)$", re.MULTILINE)
Key = tuple[str, str, str]


def explained() -> dict[Key, str]:
    """Return the reason of every survivor by what it is known by; ValueError for an entry that is not whole."""
    made: dict[Key, str] = {}
    for file, lines in yaml.safe_load(FILE.read_text(encoding="utf-8")).items():
        for entry in lines:
            if set(entry) != {"line", "mutants", "why"} or not str(entry["why"]).strip():
                raise ValueError(f"{FILE.name}: {file}: an entry has a line, mutants and a why: {entry}")
            made |= {(file, str(entry["line"]), str(mutant)): str(entry["why"]) for mutant in entry["mutants"]}
    return made


def gone(mutants: Iterable[Mutant]) -> list[str]:
    """Return entries whose mutant is no more: their line was changed, so their reason has to be thought over."""
    here = {mutant.key for mutant in mutants}
    return [" | ".join(key) for key in explained() if key not in here]


def survived(output: str) -> set[tuple[str, str]]:
    """Return the mutants that an output says have survived, by file and what was broken, wherever their line is now."""
    return {(file, what) for file, what in _SURVIVED.findall(output)}
