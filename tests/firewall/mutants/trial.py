"""Trying mutants: each in a process of its own, by the rulesets that a kernel has judged and the tests beside them.

What does not run the broken statement cannot tell it: every ruleset and test is watched once. Of those that do, what
told most mutants of the same file comes first, and then what runs the fewest lines; the first difference ends it. The
laws are left out: with the few examples there would be time for, they told no mutant that the others did not.
"""

import gc
import os
import pickle
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import _lru_cache_wrapper
from types import CodeType, FrameType
from typing import Any, TypeAlias

import pytest
from _pytest.runner import runtestprotocol

from tests.firewall.judged import PACKETS, SOURCES, Row, complaints, rows
from tests.firewall.mutants.broken import exchange, functions, import_anew
from tests.firewall.mutants.places import PACKAGE, ROOT, Mutant

_TESTS = ROOT / "tests" / "firewall"
_COLLECTED = ROOT / "tests" / "collect"
_READ_BY_DIALECTS = ("windows",)
"""Sections whose collector reads them by files of the dialect: its recorded answers hold these, too."""
_LEFT_OUT = frozenset(("test_kernel_vectors.py", "test_vectors.py", "test_laws.py"))
_SECONDS = 20
"""Processor time that the tests may take; a mutant that takes more is told by it."""
_STREAM = 1 << 16

Lines: TypeAlias = frozenset[tuple[str, int]]
"""Lines of the evaluator, by the path of their file."""
Watch: TypeAlias = Callable[[FrameType, str, object], Any]
Trial: TypeAlias = Callable[[], bool]
"""Says whether all is as it should be."""


def arguments() -> list[str]:
    """Return what pytest is called with to collect the tests."""
    files = sorted(str(path) for path in _TESTS.glob("test_*.py") if path.name not in _LEFT_OUT)
    quiet = ["-qq", "-s", "-m", "not slow", "--no-summary", "-p", "no:cacheprovider", "-p", "no:xdist"]
    plain = ["-o", "addopts=--import-mode=importlib", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    golden = f"{_COLLECTED / 'test_golden.py'}::test_answer_becomes_its_facts"
    cases = [
        f"{golden}[firewall.{name}-{path.name}]"
        for name in _READ_BY_DIALECTS
        for path in sorted((_COLLECTED / "firewall" / name).iterdir())
    ]
    return [*quiet, *plain, *files, *cases]


class Trials:
    """Tries mutants, and learns what tells them."""

    def __init__(self, items: list[pytest.Item], judged: Iterable[Row] | None = None) -> None:
        from auditor.firewall.protocol import Answers  # noqa: PLC0415 — what is broken may have to be imported anew

        made = _mixed(rows(PACKETS), rows(SOURCES)) if judged is None else judged
        self._rows = {str(row["name"]): row for row in made}
        self._trials: dict[str, Trial] = {
            name: lambda row=row: next(complaints(row, Answers().answer), None) is None  # type: ignore[misc]
            for name, row in self._rows.items()
        }
        self._trials |= {item.nodeid: lambda item=item: _passes(item) for item in items}  # type: ignore[misc]
        self._functions = functions()
        gc.freeze()
        self._runs: dict[str, Lines | None] = _apart(self._watched, 60 * _SECONDS)
        self.wrong = [name for name, lines in self._runs.items() if lines is None]
        """What is not as it should be on the evaluator as it is."""
        self._told: dict[str, Counter[str]] = defaultdict(Counter)

    def killer(self, mutant: Mutant, *, seconds: float = _SECONDS) -> str:
        """Return what told a mutant from the evaluator as it is; empty when nothing did."""
        told = self._told[mutant.file]
        lines = {(str(mutant.path), line) for line in mutant.statement}
        runs = {name: runs for name, runs in self._runs.items() if runs and not lines.isdisjoint(runs)}
        order = sorted(runs, key=lambda name: (-told[name], len(runs[name])))
        found = str(_apart(lambda: self._first_to_tell(mutant, order), seconds))
        told[found] += 1
        return found

    def _first_to_tell(self, mutant: Mutant, order: list[str]) -> str:
        if not exchange(mutant, self._functions):
            return _told_anew(mutant, list(self._rows.values()), tests=len(self._trials) > len(self._rows))
        for name in order:
            try:
                if not self._trials[name]():
                    return name
            except Exception as error:  # noqa: BLE001 — whatever a broken evaluator raises tells it
                return f"{name}: {type(error).__name__}"
        return ""

    def _watched(self) -> dict[str, Lines | None]:
        """Return the lines of the evaluator that each ruleset and test runs; None for one that fails."""
        remembering = [one for one in gc.get_objects() if isinstance(one, _lru_cache_wrapper)]
        made: dict[str, Lines | None] = {}
        for name, trial in self._trials.items():
            for one in remembering:
                one.cache_clear()  # what is remembered is not run
            watcher = _Watcher()
            sys.settrace(watcher.of_call)
            try:
                is_well = trial()
            finally:
                sys.settrace(None)
            made[name] = frozenset(watcher.seen) if is_well else None
        return made


class _Watcher:
    """Notes which lines of the evaluator run."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self._folder = str(PACKAGE)
        self._left: dict[CodeType, set[int]] = {}

    def of_call(self, frame: FrameType, _: str, __: object) -> "Watch | None":
        """Watch a function of the evaluator until all its lines have run."""
        code = frame.f_code
        if not code.co_filename.startswith(self._folder):
            return None
        left = self._left.get(code)
        if left is None:
            left = self._left[code] = {line for _, _, line in code.co_lines() if line}
        return self._of_line if left else None

    def _of_line(self, frame: FrameType, _: str, __: object) -> "Watch | None":
        code, line = frame.f_code, frame.f_lineno
        left = self._left[code]
        if line in left:
            left.discard(line)
            self.seen.add((code.co_filename, line))
        return self._of_line if left else None


def _passes(item: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _mixed(*lists: list[Row]) -> list[Row]:
    """Put rows of every kind at the beginning."""
    made = [row for each in lists for row in each]
    return sorted(made, key=lambda row: int(row["name"].rpartition(".")[2].partition("/")[0].lstrip("s")))


def _told_anew(mutant: Mutant, judged: list[Row], *, tests: bool) -> str:
    """Try a mutant of what runs when a module is imported: by everything, with modules read anew."""
    import_anew(mutant)
    try:
        from auditor.firewall.protocol import Answers  # noqa: PLC0415 — the broken one

        for row in judged:
            if next(complaints(row, Answers().answer), None):
                return str(row["name"])
    except Exception as error:  # noqa: BLE001 — whatever a broken evaluator raises tells it
        return f"{type(error).__name__} {error}"[:200]
    if not tests:
        return ""
    for name in [one for one in sys.modules if one.startswith(("tests.firewall.", "tests.collect."))]:
        if "mutants" not in name:
            del sys.modules[name]
    first = _FirstFailure()
    status = pytest.main(["-x", *arguments()], plugins=[first])
    return "" if status == pytest.ExitCode.OK else first.name or f"pytest ended with {status}"


class _FirstFailure:
    """Remembers which test failed first."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the name of a test that failed."""
        self.name = self.name or (report.nodeid if report.failed else "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the name of a file that could not be read."""
        self.name = self.name or (f"{report.nodeid} (not collected)" if report.failed else "")


def _apart(work: Callable[[], Any], seconds: float = _SECONDS) -> Any:
    """Do work in a process of its own, and return what it returns; how it ended, when it did not come to that."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _do(work, write, seconds)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        found = b"".join(_blocks(pipe))
    _, status = os.waitpid(child, 0)
    if status or not found:
        return f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"ended with {status}"
    return pickle.loads(found)  # noqa: S301 — our own child's


def _blocks(pipe: Any) -> Iterator[bytes]:
    while block := pipe.read(_STREAM):
        yield block


def _do(work: Callable[[], Any], write: int, seconds: float) -> None:
    """Do work and write down what it returns; never come back."""
    gc.disable()
    silent = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(silent, number)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # ends the process
    try:
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(work(), pipe)
    except BaseException:  # noqa: BLE001 — a process of its own ends here, whatever is raised
        os._exit(1)
    os._exit(0)
