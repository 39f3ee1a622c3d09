"""Search for input that a reader falls over: `python -m tests.fuzz [TARGET …] --seconds 600 --seed x`.

Each target is searched in a process of its own, all of them in turn unless some are named. Where atheris is there
(`make fuzz` installs it where it has a wheel), libFuzzer leads the search by the code that an input reaches, and what
reached something new is kept in the user's cache folder for the next time. Elsewhere inputs are made by a seeded
generator of chance, which needs nothing and sees nothing. What is found is written to `fuzz-finding-TARGET-…` in the
working folder, and goes into `findings/TARGET/` once it is mended: the tests read it for ever.
"""

import argparse
import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from tests.fuzz.target import Target

FINDINGS = Path(__file__).parent / "findings"


def _corpus(name: str) -> Path:
    """Return where what a search learned about a target is kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "auditor-fuzz", name)


def _by_coverage(atheris: Any, name: str, seconds: float, seed: int) -> None:
    """Let libFuzzer search; it ends the process itself, with a status other than 0 for a finding."""
    with atheris.instrument_imports(include=["auditor"]):
        target = _target(name)
        target.takes(target.seeds()[0])  # what is found in folders is imported when it is first asked for
    corpus = _corpus(name)
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for number, data in enumerate(target.seeds()):
            (seeds / f"{number:04}").write_bytes(data)
        options = {
            "max_total_time": int(seconds), "seed": seed, "max_len": target.most, "timeout": 30, "rss_limit_mb": 2048,
            "artifact_prefix": f"fuzz-finding-{name}-", "print_final_stats": 1, "verbosity": 1,
        }  # fmt: skip
        if target.words:
            words = Path(folder, "words")
            entries = (item[:60] for item in target.words)
            words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in item) + '"\n' for item in entries))
            options["dict"] = words
        # What is new is written to the first folder; the others are only read.
        places = [corpus, seeds, *([FINDINGS / name] if (FINDINGS / name).is_dir() else [])]
        atheris.Setup(
            [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), *map(str, places)], target.takes
        )
        atheris.Fuzz()


def _by_chance(name: str, seconds: float, seed: str) -> None:
    target = _target(name)
    end, tried, taken = time.monotonic() + seconds, 0, 0
    for data in target.by_chance(seed):
        if time.monotonic() > end:
            break
        try:
            taken += target.takes(data)
        except BaseException:
            file = Path(f"fuzz-finding-{name}-{zlib.crc32(data):08x}")
            file.write_bytes(data)
            sys.stderr.write(f"after {tried} inputs: written to {file}\n")
            raise
        tried += 1
    sys.stdout.write(f"{name}: {tried} inputs, {taken} of them read to the end, none that it falls over\n")


def _target(name: str) -> Target:
    """Import the table late: what atheris is to see has to be imported under its eyes."""
    found: Target = importlib.import_module("tests.fuzz.targets").targets()[name]
    return found


def _each(options: argparse.Namespace, names: list[str]) -> int:
    """Search one target after the other, each in a process of its own, and tell which fell over."""
    fell = []
    for name in names:
        words = ["--alone", name, "--seconds", str(options.seconds), "--seed", options.seed]
        words += ["--by-chance"] if options.by_chance else []
        done = subprocess.run([sys.executable, "-m", "tests.fuzz", *words], check=False)
        sys.stdout.write(f"{name}: {'nothing found' if done.returncode == 0 else 'a finding, or it was ended'}\n")
        sys.stdout.flush()
        fell += [name] if done.returncode else []
    return 1 if fell else 0


def main() -> int:
    """Search until the time of each target is up; a status other than 0 tells of a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to search (default: all, in turn)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each (default: 60)")
    parser.add_argument("--seed", default="x", help="of the generator of chance")
    parser.add_argument("--by-chance", action="store_true", help="as if atheris were not there")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is None:
        known = list(importlib.import_module("tests.fuzz.targets").targets())
        unknown = [name for name in options.targets if name not in known]
        if unknown:
            parser.error(f"{', '.join(unknown)}: no target; there are {', '.join(known)}")
        return _each(options, options.targets or known)
    if options.by_chance or not importlib.util.find_spec("atheris"):
        _by_chance(options.alone, options.seconds, options.seed)
        return 0
    atheris = importlib.import_module("atheris")
    _by_coverage(atheris, options.alone, options.seconds, zlib.crc32(options.seed.encode()) or 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
