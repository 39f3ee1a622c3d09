"""A short run of the search for bytes that the reader of answers falls over; `make fuzz` goes on where this ends."""

import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.collect.fuzz_envelope import FINDINGS, mutants, seeds, target


def test_the_seeds_are_read() -> None:
    known = seeds()
    assert len(known) > 50
    assert all(target(data) for data in known[:20])


def test_nothing_is_raised_that_an_audit_does_not_expect() -> None:
    chance = random.Random("test")  # noqa: S311 — to be repeated, not to be secret
    tried = [target(data) for data in islice(mutants(chance, seeds()), 400)]
    # Most are read to the end: what is refused at the door says nothing of the parsers.
    assert 250 < sum(tried) < len(tried)


@pytest.mark.parametrize("file", sorted(FINDINGS.glob("*.answer")), ids=lambda file: file.stem)
def test_what_was_found_once_is_mended(file: Path) -> None:
    target(file.read_bytes())


@pytest.mark.slow
def test_the_search_is_led_by_the_code_that_is_reached(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed: `make fuzz` does that")
    root = Path(__file__).parents[2]
    words = [sys.executable, "-m", "tests.collect.fuzz_envelope", "--minutes", "0.1", "--seed", "test"]
    done = subprocess.run(
        words, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "NEW    cov:" in done.stderr
    assert list(tmp_path.iterdir()) == []
