"""Hosts that lie, flood and forge, in one run beside honest ones: each has its own outcome, nobody else's changes."""

import json
from collections import deque
from contextlib import closing
from pathlib import Path

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.inventory.scope import fix_scope
from auditor.model.host import ConnectionKind, Host
from auditor.model.pacing import Pacing
from auditor.model.policy import Policy
from auditor.model.probe import ProbeCall, RawOutput
from auditor.report.formats import FORMATS
from auditor.report.stored_run import stored_run
from auditor.report.writing import write_report
from auditor.run.audit import Limits, Sealed, new_run, run_audit
from auditor.run.ending import close_run
from auditor.run.fanout import Course
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.store.store import Store
from tests.run.hostile_answers import ANSWERS, NOW, body_of, output

pytestmark = pytest.mark.slow
HONEST = ("honest-1", "honest-2", "honest-3")
NOISE = b"\x1b]0;owned\x07" + b"x" * 65_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict], Path]:  # type: ignore[type-arg]
    """Audit the hostile hosts and the honest ones, with the readers and limits of every audit."""
    folder = tmp_path_factory.mktemp("hostile")
    names = sorted([*ANSWERS, *HONEST])
    hosts = tuple(Host(name=name, address="192.0.2.1", connection=ConnectionKind.REPLAY) for name in names)
    catalogue = load_catalogue()
    rules = Rules(policy=Policy(name="p", sha256="0"), exceptions=(), catalogue=catalogue, as_of=NOW)

    def ask(host: Host, _: ProbeCall) -> RawOutput:
        hostile = ANSWERS.get(host.name)
        return output(body_of({} if hostile is None else hostile.sections), b"" if hostile is None else NOISE)

    sealed = Sealed(policy="p", exceptions="e", catalogue=catalogue.sha256)
    store = Store(str(folder / "store.sqlite"))
    course = Course(pacing=Pacing(workers=2, retries=0))
    with closing(store), closing(Readers(2, rules)) as readers:
        begun = new_run(store, fix_scope(hosts, [], None, "t"), rules, sealed, operator="t", options={}, name="run")
        scope = fix_scope(hosts, [], None, "t")
        chain = run_audit(store=store, run=begun, scope=scope, limits=Limits(), ask=ask, readers=readers, course=course)
        deque(chain, maxlen=0)
        closed = close_run(store, begun, rules, finished=NOW)
        write_report(stored_run(store, closed), folder / "report", [FORMATS[name] for name in FORMATS])
        rows = {row["host"]: row for row in map(json.loads, store.lines("run"))}
    return rows, folder / "report"


@pytest.mark.parametrize("name", ANSWERS)
def test_each_has_its_own_outcome(run: tuple[dict[str, dict], Path], name: str) -> None:  # type: ignore[type-arg]
    hostile, row = ANSWERS[name], run[0][name]
    assert (row["reason"], row["detail"] if hostile.reason is None else None) == (hostile.reason, None)
    outcomes = {section["id"]: section["outcome"] for section in row["sections"]}
    for section in hostile.gaps:
        assert outcomes[section] not in ("collected", "absent"), section
    for verdict in row["verdicts"]:
        if verdict["verdict"] == "pass":
            assert {outcomes[one] for one in verdict["rests_on"]} <= {"collected", "absent"}
    if hostile.reason is not None:
        assert {verdict["verdict"] for verdict in row["verdicts"]} == {"unknown"}
    assert len(json.dumps(row)) < 8_000_000


def test_honest_hosts_are_judged_as_if_they_were_alone(run: tuple[dict[str, dict], Path]) -> None:  # type: ignore[type-arg]
    rows = [{**run[0][name], "host": "", "verdicts": None, "evidence": None} for name in HONEST]
    assert rows[0] == rows[1] == rows[2]
    for name in HONEST:
        assert {section["outcome"] for section in run[0][name]["sections"]} <= {"collected", "absent"}
        assert "unknown" not in {verdict["verdict"] for verdict in run[0][name]["verdicts"]}


def test_what_was_cut_is_said(run: tuple[dict[str, dict], Path]) -> None:  # type: ignore[type-arg]
    sections = {section["id"]: section for section in run[0]["many-listeners"]["sections"]}
    assert sections["sockets.ss"]["outcome"] == "truncated"
    assert "only the first 5000 of its 49999 listeners were kept" in sections["sockets.ss"]["reason"]
    assert len(run[0]["many-listeners"]["listeners"]) == 5000
    sections = {section["id"]: section for section in run[0]["a-million-lines"]["sections"]}
    assert sections["software.dpkg"]["reason"].startswith("only the first 200000 of its 1000000 lines were read")


def test_no_report_holds_what_acts(run: tuple[dict[str, dict], Path]) -> None:  # type: ignore[type-arg]
    seen = 0
    for file in run[1].rglob("*"):
        if file.is_file() and file.suffix in (".html", ".csv", ".json", ".jsonl"):
            seen += 1
            text = file.read_text(encoding="utf-8")
            assert not {"\x1b", "\x07", "\0", "\u202e"} & set(text), file
            assert "evil.example\x07" not in text
            if file.suffix == ".html":
                assert "x<script>" not in text
                assert "<b>" not in text or "\u202e<b>" not in text
    assert seen > len(ANSWERS)
