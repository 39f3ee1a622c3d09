"""Readers are processes with limits: one that a host breaks is replaced, and the others go on."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.collect.collector import Collector
from auditor.collect.registry import collectors
from auditor.errors import HostError, Reason, UsageError
from auditor.model.evidence import Proof
from auditor.model.host import HostFacts, OsFamily
from auditor.model.past import History
from auditor.model.policy import Policy
from auditor.model.probe import RawOutput
from auditor.model.reading import Parsed
from auditor.report.gist import LEDGER, head_of
from auditor.run.open_bundle import Bundle
from auditor.run.pipeline import Answered, Rules
from auditor.run.reader import ReaderLimits, ReadJob, SealedPlace, Sources, pack, record_of, unpack
from auditor.run.readers import Readers
from tests.run.evidence_sets import Seen, a_section, make_set

NOW = datetime(2026, 11, 21, tzinfo=UTC)
TOKEN = "ab" * 16
FACTS = HostFacts(name="h", key="h")
_JUDGED = ("outcome", "complete")
_LIMITS = ReaderLimits(cpu_seconds=1, memory_bytes=200_000_000, wall_seconds=20)


@pytest.fixture
def rules() -> Rules:
    return Rules(policy=Policy(name="p", sha256="0"), exceptions=(), catalogue=load_catalogue(), as_of=NOW)


def a_job(section: str = "system.os", text: str = "") -> ReadJob:
    head = "@head kernel Linux 6.1\n@head uid 0\n@head become none\n@head clock 1763700000\n@head hostname h\n"
    lines = "".join(f"|{line}\n" for line in text.splitlines())
    body = f"{head}@begin {section}\n{lines}@end {section} 0\n@finish\n"
    stdout = f"auditor-probe 1 {TOKEN} gzip\n".encode() + gzip.compress(body.encode())
    raw = RawOutput(stdout=stdout, stderr=b"", exit_status=0, started=NOW, finished=NOW)
    answered = Answered(host=FACTS, raw=raw, token=TOKEN, probe_sha256="0", unpacked_limit=10**8)
    return ReadJob(host=FACTS, history=History(), answered=answered)


def hurtful(what: str) -> Parsed:
    """Stand for a parser that a host's bytes lead astray."""
    if what.startswith("spin"):
        while True:
            pass
    if what.startswith("eat"):
        hoard = [bytes(1 << 20) for _ in range(1 << 12)]
        return Parsed(partial=str(len(hoard)))
    if what.startswith("die"):
        os._exit(3)
    if what.startswith("fault"):
        raise ZeroDivisionError(what)
    if what.startswith("refuse"):
        raise UsageError("this evidence is not what its seal says")
    return Parsed()


@pytest.fixture
def hurtful_rules(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> Rules:
    known = collectors()
    one = Collector(
        id="system.os", facts=(), scripts={OsFamily.LINUX: ":"}, parse=hurtful, proof={OsFamily.LINUX: Proof.LAB}
    )
    monkeypatch.setitem(known, "system.os", one)
    return rules


@pytest.fixture
def readers(hurtful_rules: Rules) -> Iterator[Readers]:
    pool = Readers(1, hurtful_rules, _LIMITS)
    yield pool
    pool.close()


def test_a_record_crosses_the_wire_whole(rules: Rules) -> None:
    record = record_of(a_job(text="ID=debian\nVERSION_ID=12\n"), Sources(rules=rules))
    assert record.sections
    assert unpack(pack(record)) == record


def test_who_is_not_to_judge_seals_the_same_evidence(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    job = a_job(text="ID=debian\nVERSION_ID=12\n")
    judged = record_of(job, Sources(rules=rules))
    monkeypatch.setattr("auditor.run.reader.assess", None)
    record = record_of(job, Sources(rules=rules, judges=False))
    assert (record.sections, record.head, record.evidence_sha256) == (
        judged.sections,
        judged.head,
        judged.evidence_sha256,
    )
    assert (record.outcome, record.complete, record.inventoried) == ("partial", False, False)
    assert unpack(pack(record)) == record
    assert [json.loads(line)["verdicts"] for line in (record.row, record.gist)] == [[], []]
    known = [{name: head_of(one.gist)[name] for name in LEDGER if name not in _JUDGED} for one in (record, judged)]
    assert known[0] == known[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("spin", Reason.READER_LIMIT),
        ("eat", Reason.READER_LIMIT),
        ("die", Reason.READER_LIMIT),
        ("fault", Reason.READER_FAILED),
        # What ends a run that judges sealed evidence must not end an audit: a reader that a host has taken over could.
        ("refuse", Reason.READER_FAILED),
    ],
)
def test_a_host_that_breaks_a_reader_stops_nobody(readers: Readers, text: str, reason: Reason) -> None:
    with pytest.raises(HostError) as caught:
        readers.read(a_job(text=text))
    assert caught.value.reason is reason
    assert readers.read(a_job(text="fine")).host == "h"
    assert ("ZeroDivisionError" in caught.value.detail) is (text == "fault")


def test_sealed_evidence_that_breaks_a_reader_is_told_of_with_where_it_came_from(
    hurtful_rules: Rules, tmp_path: Path
) -> None:
    texts = {"h1": "fine\n", "h2": "spin\n", "h3": "fine\n", "h4": "fine\n"}
    bundle = Bundle(
        make_set(tmp_path / "set", [Seen(name=name, sections=[a_section("system.os", texts[name])]) for name in texts])
    )
    pool = Readers(1, hurtful_rules, _LIMITS, bundles=[bundle])
    jobs = [
        ReadJob(host=answer.facts, history=History(), sealed=SealedPlace(bundle=0, line=answer.place, again=False))
        for answer in bundle.answers()
    ]
    first, broken, third, fourth = (pool.recorded(job) for job in jobs)
    pool.close()
    assert [json.loads(one.row)["origin"] for one in (first, broken, third, fourth)] == ["set"] * 4
    assert (broken.reason, broken.evidence_sha256) == (Reason.READER_LIMIT, None)
    # The reader that came for the broken one sends the section that both share, and then names it only.
    assert [isinstance(one.sections[0], str) for one in (first, third, fourth)] == [False, False, True]
    assert fourth.sections[0] == bundle.evidence(next(iter(bundle.answers()))).sections[0].sha256  # type: ignore[union-attr]


def test_no_process_is_left(rules: Rules) -> None:
    mine = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
    before = Path(mine).read_text()
    pool = Readers(3, rules)
    assert pool.read(a_job()).outcome
    pool.close()
    assert Path(mine).read_text() == before


def test_readers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from auditor.catalogue.load import load_catalogue\n"
        "from auditor.model.policy import Policy\n"
        "from auditor.run.pipeline import Rules\n"
        "from auditor.run.readers import Readers\n"
        "from datetime import UTC, datetime\n"
        "rules = Rules(policy=Policy(name='p', sha256='0'), exceptions=(), catalogue=load_catalogue(),\n"
        "    as_of=datetime(2026, 1, 1, tzinfo=UTC))\n"
        "readers = Readers(2, rules)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "AUDITOR_MARK": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(50):
        left = [pid for pid in Path("/proc").glob("[0-9]*") if f"AUDITOR_MARK={tmp_path}".encode() in _environment(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def _environment(pid: Path) -> bytes:
    try:
        return (pid / "environ").read_bytes()
    except OSError:
        return b""


def test_readers_that_cannot_get_ready_are_a_fault_of_ours(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_rules: Rules) -> None:
        raise ZeroDivisionError("not ready")

    monkeypatch.setattr("auditor.run.readers.warm_up", broken)
    readers = Readers(1, rules)
    try:
        # No host is to be blamed for it, and no exit code of the operator's.
        with pytest.raises(RuntimeError, match="no reader process"):
            readers.read(a_job())
    finally:
        readers.close()
    assert "not ready" in capfd.readouterr().err


def test_reader_starts_where_the_kernel_does_not_tell_the_size_of_a_process() -> None:
    code = (
        "import builtins, resource\nfrom auditor.run.process_limits import limit_memory\nold = builtins.open\n"
        "def no_proc(name, *rest, **named):\n"
        "    if str(name).startswith('/proc/'): raise FileNotFoundError(name)\n"
        "    return old(name, *rest, **named)\n"
        "builtins.open = no_proc\nbefore = resource.getrlimit(resource.RLIMIT_AS)\n"
        "limit_memory(1 << 29)\n"
        "assert resource.getrlimit(resource.RLIMIT_AS) == before\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] in (0, 1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
