"""A short search, the same one each time, for input that a reader falls over; `make fuzz` goes on where this ends."""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.__main__ import FINDINGS
from tests.fuzz.targets import targets

_ROOT = Path(__file__).parents[2]
# What is refused at the door says nothing of what lies behind it: so much of what chance makes is read to its end.
_READ = {
    "packing": 0.1, "sightings": 0, "messages": 0.05, "bundle": 0.02, "ws-man": 0.005, "macos-filter": 0,
    "windows-filter": 0.02, "certificate": 0.03,
}  # fmt: skip
_FOUND = sorted(file for file in FINDINGS.glob("*/*") if file.is_file())


@pytest.mark.parametrize("name", targets())
def test_nothing_is_raised_that_its_caller_does_not_expect(name: str) -> None:
    target = targets()[name]
    assert target.takes(target.seeds()[0])
    taken = [target.takes(data) for data in islice(target.by_chance("test"), target.tries)]
    assert sum(taken) >= len(taken) * _READ.get(name, 0.1)


@pytest.mark.parametrize("name", targets())
def test_the_same_seed_tries_the_same(name: str) -> None:
    one, other = (list(islice(targets()[name].by_chance("x"), 5)) for _ in range(2))
    assert one == other


def test_what_falls_over_is_seen() -> None:
    """A reader that raises something else than it may is not taken for one that refuses."""
    target = targets()["nft"]
    with pytest.raises(ZeroDivisionError):
        type(target)(reads="", read=lambda _data: 1 // 0, refuses=target.refuses, seeds=target.seeds).takes(b"")


@pytest.mark.parametrize("file", _FOUND, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_was_found_once_is_mended(file: Path) -> None:
    targets()[file.parent.name].takes(file.read_bytes())


@pytest.mark.slow
def test_the_search_is_led_by_the_code_that_is_reached(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed: `make fuzz` does that")
    words = [sys.executable, "-m", "tests.fuzz", "sightings", "--seconds", "5", "--seed", "test"]
    environment = {"PYTHONPATH": str(_ROOT), "PATH": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "NEW    cov:" in done.stderr
    assert [place.name for place in tmp_path.iterdir()] == ["cache"]
    assert len(list((tmp_path / "cache" / "auditor-fuzz" / "sightings").iterdir())) > 1


def test_the_page_about_security_lists_every_target() -> None:
    page = (_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| [0-9,]+ \| ", page, re.MULTILINE)
    assert dict(rows) == {name: target.reads for name, target in targets().items()}
