"""What the tests of collectors share: recorded answers, and the fragments run for real."""

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.collect.envelope import open_envelope
from auditor.collect.probe import assemble
from auditor.collect.registry import collectors
from auditor.model.evidence import Outcome
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import Record

HERE = Path(__file__).parent
NOBODY = 65534
_KEYS = {"os": str, "version": str, "tool": str, "how": str, "synthetic": bool}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-goldens",
        action="store_true",
        help="write what the parsers say today into every expected.json; review the difference",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded answer of a host and what is to be read from it."""

    id: str
    collector: str
    folder: Path
    about: dict[str, Any]

    @property
    def text(self) -> str:
        """Return the answer as the envelope hands it on."""
        return (self.folder / "input.txt").read_bytes().decode("utf-8", "backslashreplace")

    @property
    def expected(self) -> Path:
        """Return where the expected facts stand."""
        return self.folder / "expected.json"


def _cases() -> list[Case]:
    found = []
    for name in collectors():
        for path in sorted((HERE / Path(*name.split("."))).glob("*/input.txt")):
            about = tomllib.loads((path.parent / "case.toml").read_text(encoding="utf-8"))
            found.append(Case(id=f"{name}-{path.parent.name}", collector=name, folder=path.parent, about=about))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = _cases()
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])
    if "collector_id" in metafunc.fixturenames:
        metafunc.parametrize(
            "collector_id", [name for name, one in collectors().items() if OsFamily.LINUX in one.systems]
        )


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, frozenset):
        return sorted(_plain(one) for one in value)  # type: ignore[type-var]
    if isinstance(value, Record):
        return _record(value)
    return value


def _record(fact: Any) -> dict[str, object]:
    """Return a fact's fields, those left out that hold what they hold by default."""
    return {
        one.name: _plain(getattr(fact, one.name))
        for one in msgspec.structs.fields(fact)
        if one.default is msgspec.NODEFAULT or getattr(fact, one.name) != one.default
    }


@pytest.fixture(scope="session")
def as_record() -> Callable[[Parsed], dict[str, object]]:
    """Return what turns a parser's answer into the plain data of an expected.json."""

    def convert(parsed: Parsed) -> dict[str, object]:
        return {
            "facts": [{"line": line, "fact": type(fact).__name__, **_record(fact)} for line, fact in parsed.facts],
            "unread": [{"line": one.line, "reason": one.reason} for one in parsed.unread],
            "partial": parsed.partial,
            **({"limits": [[limit.id, limit.text] for limit in parsed.limits]} if parsed.limits else {}),
        }

    return convert


@pytest.fixture(scope="session")
def rewrite_goldens(request: pytest.FixtureRequest) -> bool:
    """Tell whether expectations are to be written anew; CI refuses."""
    wanted = bool(request.config.getoption("--rewrite-goldens", default=False))
    if wanted and os.environ.get("CI") == "true":
        pytest.fail("--rewrite-goldens is for a person who reviews the difference, not for CI", pytrace=False)
    return wanted


@pytest.fixture(scope="session")
def case_keys() -> dict[str, type]:
    """Return the keys of a case.toml and their types."""
    return _KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one fragment said when it was run for real."""

    outcomes: tuple[tuple[str, str], ...]
    text: str
    stderr: str
    status: int
    parsed: Parsed

    @property
    def words(self) -> set[str]:
        """Return the outcomes it stated."""
        return {word for word, _ in self.outcomes}


_TOKEN = "f00dcafe"
_SHELLS = {
    "dash": ("dash",),
    "bash": ("bash",),
    "busybox": ("busybox", "ash"),
    "mksh": ("mksh",),
    "zsh": ("zsh", "--emulate", "sh"),
}


_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


def _script(collector_id: str, path: str | None) -> str:
    """Return the probe with one collector, and with those that it waits for."""
    known = collectors()
    script = assemble([known[name] for name in (*known[collector_id].after, collector_id)])
    return script if path is None else script.replace(_PATH, f"PATH={path}", 1)


def _answer(collector_id: str, done: subprocess.CompletedProcess[bytes]) -> Answer:
    envelope = open_envelope(stdout=done.stdout, stderr=done.stderr, token=_TOKEN, limit=100_000_000)
    (section,) = (one for one in envelope.answers if one.id == collector_id)
    reasons = (section.reason or "").split("; ")
    return Answer(
        outcomes=()
        if section.outcome is Outcome.COLLECTED
        else tuple((section.outcome.value, reason) for reason in reasons),
        text=section.text,
        stderr=section.stderr,
        status=done.returncode,
        parsed=collectors()[collector_id].parse(section.text),
    )


@pytest.fixture(scope="session")
def run_fragment() -> Callable[..., Answer]:
    """Return what runs one collector's Linux fragment in a real shell, in a probe of its own."""

    def run(
        collector_id: str,
        *,
        interpreter: str = "dash",
        uid: int | None = None,
        path: str | None = None,
        inside: tuple[str, ...] = (),
    ) -> Answer:
        if shutil.which(_SHELLS[interpreter][0]) is None:
            pytest.skip(f"{interpreter} is not installed")
        before: tuple[str, ...] = ()
        if uid is not None and uid != os.geteuid():
            if os.geteuid() != 0:
                pytest.skip("changing the user needs root")
            before = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
        done = subprocess.run(
            [*inside, *before, *_SHELLS[interpreter], "-c", _script(collector_id, path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
            cwd="/",
            env={**os.environ, "auditor_p": f"{_TOKEN} 8 4000000 45 none"},
        )
        return _answer(collector_id, done)

    return run


def dumps(record: dict[str, object]) -> str:
    """Return the one way an expected.json is written: a fact a line."""
    lines = ["{", '"facts": [']
    facts = record["facts"]
    assert isinstance(facts, list)
    lines.extend(
        json.dumps(fact, ensure_ascii=True) + ("," if at < len(facts) else "") for at, fact in enumerate(facts, 1)
    )
    lines.extend(
        [
            "],",
            f'"unread": {json.dumps(record["unread"])},',
            *([f'"limits": {json.dumps(record["limits"])},'] if "limits" in record else []),
            f'"partial": {json.dumps(record["partial"])}',
            "}",
        ]
    )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def as_json() -> Callable[[dict[str, object]], str]:
    """Return the writer of expected.json."""
    return dumps
