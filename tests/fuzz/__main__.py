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
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.target import Target

FINDINGS = Path(__file__).parent / "findings"


def _corpus(name: str) -> Path:
    """Return where what a search learned about a target is kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "auditor-fuzz", name)


def _instrumented(atheris: Any, names: list[str]) -> None:
    """Import all that is to be seen once, under the eyes of atheris: it takes half a minute."""
    with atheris.instrument_imports(include=["auditor"]):
        for name in names:
            _target(name).takes(_target(name).seeds()[0])  # what is found in folders is imported when first asked for


def _by_coverage(atheris: Any, name: str, seconds: float, seed: int) -> None:
    """Let libFuzzer search; it ends the process itself, with a status other than 0 for a finding."""
    target, corpus = _target(name), _corpus(name)
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for number, data in enumerate(target.seeds()):
            (seeds / f"{number:04}").write_bytes(data)
        options = {
            "max_total_time": int(seconds), "seed": seed, "max_len": target.most, "timeout": 60, "rss_limit_mb": 2048,
            "artifact_prefix": f"fuzz-finding-{name}-", "print_final_stats": 1,
        }  # fmt: skip
        if target.words:
            words = Path(folder, "words")
            entries = (item[:60] for item in target.words)
            words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in item) + '"\n' for item in entries))
            options["dict"] = words
        # What is new is written to the first folder; the others are only read.
        places = [corpus, seeds, *([FINDINGS / name] if (FINDINGS / name).is_dir() else [])]
        arguments = [f"-{key}={value}" for key, value in options.items()]
        atheris.Setup([sys.argv[0], *arguments, *map(str, places)], lambda data: _noted(name, target, data))
        atheris.Fuzz()


def _noted(name: str, target: Target, data: bytes) -> bool:
    """Try one input; what raises what it may not is written down first."""
    try:
        return target.takes(data)
    except BaseException:
        file = Path(f"fuzz-finding-{name}-{zlib.crc32(data):08x}")
        file.write_bytes(data)
        sys.stderr.write(f"written to {file}\n")
        raise


def _by_chance(name: str, seconds: float, seed: str) -> None:
    target = _target(name)
    end, tried, taken = time.monotonic() + seconds, 0, 0
    for data in target.by_chance(seed):
        if time.monotonic() > end:
            break
        taken += _noted(name, target, data)
        tried += 1
    sys.stdout.write(f"{name}: {tried} inputs, {taken} of them read to the end, none that it falls over\n")


def _target(name: str) -> Target:
    """Import the table late: what atheris is to see has to be imported under its eyes."""
    found: Target = importlib.import_module("tests.fuzz.targets").targets()[name]
    return found


def _each(names: list[str], search: Callable[[str], None]) -> int:
    """Search one target after the other, each in a process of its own, and tell which fell over."""
    fell = 0
    for name in names:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            try:
                search(name)
            except BaseException:  # noqa: BLE001 — what a target raises is what is looked for
                traceback.print_exc()
                os._exit(1)
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{name}: {'nothing found' if status == 0 else 'a finding, or it was ended'}\n")
        fell += status != 0
    return 1 if fell else 0


def main() -> int:
    """Search until the time of each target is up; a status other than 0 tells of a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to search (default: all, in turn)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each (default: 60)")
    parser.add_argument("--seed", default="x", help="of the generator of chance")
    parser.add_argument("--by-chance", action="store_true", help="as if atheris were not there")
    options = parser.parse_args()
    atheris: Any = None
    if not options.by_chance and importlib.util.find_spec("atheris"):
        atheris = importlib.import_module("atheris")
        with atheris.instrument_imports(include=["auditor"]):
            known = list(importlib.import_module("tests.fuzz.targets").targets())
    else:
        known = list(importlib.import_module("tests.fuzz.targets").targets())
    unknown = [name for name in options.targets if name not in known]
    if unknown:
        parser.error(f"{', '.join(unknown)}: no target; there are {', '.join(known)}")
    names = options.targets or known
    if atheris is None:
        return _each(names, lambda name: _by_chance(name, options.seconds, options.seed))
    _instrumented(atheris, names)
    number = zlib.crc32(options.seed.encode()) or 1
    return _each(names, lambda name: _by_coverage(atheris, name, options.seconds, number))


if __name__ == "__main__":
    sys.exit(main())
