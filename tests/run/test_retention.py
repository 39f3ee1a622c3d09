"""What is kept long enough goes, and is written down; what is needed stays; what is gone does not read as nothing."""

import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.cli.main import main
from auditor.errors import PolicyError, StoreError
from auditor.model.evidence import Outcome
from auditor.model.host import HostFacts
from auditor.model.record import replace
from auditor.model.remediation import Happened
from auditor.model.retention import Kept, Retention
from auditor.policy.load import parse_policy
from auditor.run.history import history_text
from auditor.run.manifest import MANIFEST, write_manifest
from auditor.run.retention import choose, problems, remove
from auditor.store.record import HostRecord, Lives, RunRecord, SectionRecord, packed
from auditor.store.store import Store, digest
from tests.run.simulated_calendar import text_of, utc

HOSTS = ("a", "b", "left")
_FACTS = [HostFacts(name=name, key=f"key-{name}") for name in HOSTS]
NOW = utc("2029-01-15T00:00:00")
MONTHS = [utc(f"2028-{month:02}-01T06:00:00") for month in range(1, 13)]
TERMS = Retention(evidence=timedelta(days=60), results=timedelta(days=120), bundles=timedelta(days=90), runs=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Keep a year of three hosts: one leaves after March, and one has had a finding open since February."""
    with closing(Store(str(tmp_path / "store.sqlite"))) as opened:
        for at in MONTHS:
            _run(opened, at, tmp_path / "reports")
        yield opened


def _run(store: Store, at: datetime, reports: Path) -> RunRecord:
    hosts = [fact for fact in _FACTS if fact.name != "left" or at.month <= 3]
    history = history_text(store, hosts, source="hosts.yml")
    record = RunRecord(
        id=f"{at:%Y-%m}",
        sequence=0,
        started=text_of(at),
        finished=None,
        operator="o",
        tool_version="0",
        as_of=text_of(at),
        scope_count=len(hosts),
        scope_sha256="s",
        scope_source="hosts.yml",
        options={"patterns": []},
        inputs={
            "policy": digest("policy"),
            "exceptions": digest("exceptions"),
            "catalogue": "c",
            "history": digest(history),
        },
        summary={},
    )
    run = store.begin(
        record, [(fact, json.dumps({"name": fact.name})) for fact in hosts], ["policy", "exceptions", history]
    )
    for fact in hosts:
        store.record(run.id, _host(fact.name, run.id))
    findings = [_finding("a", first="2028-02-01T06:00:00Z", state="open")] if at.month >= 2 else []
    if at.month <= 3:
        findings.append(_finding("left", first="2028-01-01T06:00:00Z", state="closed"))
    pasts = {fact.key: {"anydesk": {"idle_runs": at.month}} for fact in hosts}
    store.keep_lives(
        run.id,
        [
            Lives(
                host_key=fact.key, past=pasts[fact.key], findings=[one for one in findings if one["host"] == fact.name]
            )
            for fact in hosts
        ],
    )
    store.finish(run.id, finished=text_of(at + timedelta(hours=1)), summary={})
    folder = reports / run.id
    (folder / "inputs").mkdir(parents=True)
    (folder / "evidence").mkdir()
    (folder / "inputs" / "run.json").write_text(
        json.dumps({"id": run.id, "sequence": run.sequence, "tool_version": "0"})
    )
    for file in ("inputs/hosts.json", "evidence/hosts.jsonl"):
        (folder / file).write_text("")
    earlier = [one for one in store.runs() if one.sequence < run.sequence]
    previous = {"run": earlier[0].id, "seal": earlier[0].summary["seal"]} if earlier else None
    return store.note(run.id, seal=write_manifest(folder, previous), previous=previous)


def _host(name: str, run: str) -> HostRecord:
    sections = tuple(
        SectionRecord(
            sha256=digest(text),
            id="a.b",
            outcome=Outcome.COLLECTED,
            reason=None,
            stderr="",
            redactions=0,
            packed=zlib.compress(text.encode()),
        )
        for text in ("the same in every month", f"{name} in {run}")
    )
    return HostRecord(
        host=name,
        outcome="compliant",
        complete=True,
        inventoried=True,
        reason=None,
        packed_row=packed(json.dumps({"host": name, "run": run})),
        evidence_sha256=digest(f"seal of {name} in {run}"),
        head="{}",
        sections=sections,
    )


def _finding(host: str, *, first: str, state: str) -> dict[str, Any]:
    return {
        "fingerprint": digest(host),
        "host": host,
        "control": "unapproved_product",
        "subject": "product:anydesk",
        "state": state,
        "first_seen": first,
        "failing_since": first if state == "open" else None,
        "opened_by": None,
        "closed_by": None,
    }


def applied(store: Store, retention: Retention = TERMS, *, now: datetime = NOW, folders: tuple[Path, ...] = ()) -> None:
    remove(store, choose(store, retention, now, folders), now=now, by="me", policy="p")


def holding(store: Store, kind: Kept) -> dict[str, set[str]]:
    found = {run.id: store.retained.holding(run.id, kind) for run in store.runs()}
    return {run: {key.removeprefix("key-") for key in keys} for run, keys in found.items() if keys}


def test_what_is_needed_stays_and_the_rest_goes(store: Store) -> None:
    applied(store)
    # Of two months there is all; of February what the open finding began with; of March the last of who left.
    newest = {"2028-11": {"a", "b"}, "2028-12": {"a", "b"}}
    assert holding(store, Kept.EVIDENCE) == newest | {"2028-02": {"a"}, "2028-03": {"left"}}
    since = {f"2028-{month:02}": {"a", "b"} for month in (10, 11, 12)}
    assert holding(store, Kept.RESULTS) == since | {"2028-02": {"a"}, "2028-03": {"left"}}
    assert problems(store) == []
    found = store.evidence("2028-02", "a")
    assert found is not None
    assert [zlib.decompress(section.packed).decode() for section in found[2]] == [
        "the same in every month",
        "a in 2028-02",
    ]


def test_the_next_audit_goes_on_from_the_same(store: Store) -> None:
    before = history_text(store, _FACTS, source="hosts.yml")
    applied(store)
    assert history_text(store, _FACTS, source="hosts.yml") == before


def test_what_is_gone_does_not_read_as_nothing(store: Store) -> None:
    applied(store)
    for read in (
        lambda: list(store.lines("2028-04")),
        lambda: list(store.findings("2028-04")),
        lambda: list(store.answers("2028-04")),
        lambda: store.evidence("2028-04", "a"),
        lambda: list(store.answers("2028-10")),
        lambda: store.evidence("2028-10", "a"),
    ):
        with pytest.raises(StoreError, match="removed from the store on 2029-01-15T00:00:00Z"):
            read()
    assert [json.loads(line)["host"] for line in store.lines("2028-10")] == ["a", "b"]
    assert store.evidence("2028-12", "b") is not None


def test_head_ledger_seal_and_rules_stay_for_ever(store: Store) -> None:
    before = store.runs()
    scopes = {run.id: store.scope(run.id) for run in before}
    applied(store, now=NOW + timedelta(days=36500))
    assert store.runs() == before
    assert {run.id: store.scope(run.id) for run in before} == scopes
    assert [store.text(run.inputs[name]) for run in before for name in ("policy", "exceptions")] == [
        "policy",
        "exceptions",
    ] * 12
    assert store.done("2028-01") == set(HOSTS)


def test_sections_and_histories_go_with_the_last_who_needs_them(store: Store) -> None:
    applied(store)
    with store._database.reading() as connection:
        texts = [
            zlib.decompress(packed).decode()
            for packed in connection.execute(sa.text("SELECT packed FROM sections")).scalars()
        ]
    kept = {"the same in every month", "a in 2028-02", "left in 2028-03"}
    assert set(texts) == kept | {f"{name} in {run}" for name in "ab" for run in ("2028-11", "2028-12")}
    with pytest.raises(StoreError, match="is not in this store"):
        store.text(store.run("2028-05").inputs["history"])
    assert store.text(store.run("2028-12").inputs["history"])


def test_a_finding_that_is_closed_lets_its_evidence_go(store: Store) -> None:
    applied(store)
    entries = len(store.retained.removals())
    last = store.run("2028-12")
    closed = _finding("a", first="2028-02-01T06:00:00Z", state="closed")
    store.keep_lives(last.id, [Lives(host_key="a", findings=[closed], past={})])
    applied(store)
    assert "2028-02" not in holding(store, Kept.EVIDENCE)
    assert [entry.run for entry in store.retained.removals()[entries:]] == ["2028-02", "2028-02"]
    assert problems(store) == []


@pytest.mark.parametrize("state", ["excepted", "not_observable"])
def test_what_is_not_closed_keeps_its_evidence(store: Store, state: str) -> None:
    last = store.run("2028-12")
    finding = _finding("a", first="2028-02-01T06:00:00Z", state=state)
    store.keep_lives(last.id, [Lives(host_key="a", findings=[finding], past={})])
    applied(store)
    assert holding(store, Kept.EVIDENCE)["2028-02"] == {"a"}


def test_runs_that_somebody_still_needs_stay_whole(store: Store, tmp_path: Path) -> None:
    store.journal.open("p" * 64, "plan of run 2028-04")
    store.journal.append("p" * 64, Happened.AUDITED, at="x", by="o", data={"run": "2028-05"})
    unsealed = store.run("2028-06")
    store.finish(unsealed.id, finished=unsealed.finished or "", summary={})
    with store._database.writing() as connection:
        connection.execute(sa.text("UPDATE runs SET finished = NULL WHERE id = '2028-07'"))
    applied(store, folders=(tmp_path / "reports",))
    kept = ("2028-04", "2028-05", "2028-06", "2028-07")
    assert all(holding(store, kind)[run] == {"a", "b"} for kind in (Kept.EVIDENCE, Kept.RESULTS) for run in kept)
    assert all((tmp_path / "reports" / run).is_dir() for run in kept)
    whys = {choice.run.id: choice.why for choice in choose(store, TERMS, NOW) if choice.run.id in kept}
    assert "remediation plan" in (whys["2028-04"] or "")
    assert "never written" in (whys["2028-06"] or "")


def test_folders_go_when_they_are_whole_and_of_this_store(store: Store, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    (reports / "2028-01" / "evidence" / "hosts.jsonl").write_text("changed")
    manifest = (reports / "2028-03" / MANIFEST).read_bytes()
    (reports / "2028-04" / MANIFEST).write_bytes(manifest)
    (reports / "else").mkdir()
    away = tmp_path / "away"
    (reports / "2028-05").rename(away)
    (reports / "2028-05").symlink_to(away)
    applied(store, folders=(reports,))
    left = sorted(path.name for path in reports.iterdir())
    assert left == ["2028-01", "2028-04", "2028-05", "2028-11", "2028-12", "else"]
    assert (away / MANIFEST).is_file()
    told = {entry.run: entry for entry in store.retained.removals() if entry.kind is Kept.BUNDLE}
    assert sorted(told) == ["2028-02", "2028-03", "2028-06", "2028-07", "2028-08", "2028-09", "2028-10"]
    assert told["2028-03"].digest == digest(manifest.decode())


def test_a_plan_removes_nothing(store: Store, tmp_path: Path) -> None:
    choices = choose(store, TERMS, NOW, (tmp_path / "reports",))
    assert sum(choice.removes for choice in choices) > 20
    assert len(list((tmp_path / "reports").iterdir())) == 12
    assert len(holding(store, Kept.EVIDENCE)) == 12
    assert store.retained.removals() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE removals SET hosts = 1 WHERE number = 2", "from entry 2 on"),
        ("DELETE FROM removals WHERE number = 1", "from entry 1 on"),
    ],
)
def test_a_changed_journal_is_noticed(store: Store, change: str, said: str) -> None:
    applied(store)
    with store._database.writing() as connection:
        connection.execute(sa.text(change))
    with pytest.raises(StoreError, match=said):
        problems(store)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE results SET head = NULL WHERE run = '2028-12' AND host = 'a'", "run 2028-12 lacks evidence"),
        ("DELETE FROM sections WHERE sha256 IN (SELECT max(sha256) FROM sections)", "lacks evidence"),
        (
            "UPDATE runs SET summary = replace(summary, '\"seal\":\"', '\"seal\":\"0') WHERE id = '2028-05'",
            "another seal",
        ),
        ("UPDATE runs SET sequence = 99 WHERE id = '2028-12'", "run number 12 is missing"),
    ],
)
def test_what_went_without_a_word_is_noticed(store: Store, change: str, said: str) -> None:
    applied(store, replace(TERMS, bundles=None))
    assert problems(store) == []
    with store._database.writing() as connection:
        connection.execute(sa.text(change))
    assert any(said in problem for problem in problems(store))


def test_the_command_plans_applies_and_checks(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDITOR_STORE", store.url)
    policy, reports = tmp_path / "policy.yml", str(tmp_path / "reports")
    policy.write_text("name: Ours\n")
    words = ["-p", str(policy), "-o", reports, "--format", "json"]
    assert main(["retention", "plan", *words]) == 2
    policy.write_text("name: Ours\nretention: {evidence: 1h, results: 1h, bundles: 1h, runs: 12}\n")
    now = datetime.fromisoformat(store.run("2028-12").finished or "")
    if datetime.now(now.tzinfo) < now:  # the year of the test has not come: nothing is old enough
        assert main(["retention", "plan", *words]) == 0
        assert json.loads(capsys.readouterr().out) == []
    applied(store, folders=(tmp_path / "reports",))
    assert main(["retention", "log", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(store.retained.removals()) > 20
    assert main(["retention", "check"]) == 0
    with store._database.writing() as connection:
        connection.execute(sa.text("UPDATE results SET head = NULL"))
    assert main(["retention", "check"]) == 4


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{evidence: 60d, results: 30d}", "evidence is kept longer"),
        ("{results: 30d}", "evidence is kept longer"),
        ("{evidence: 0d}", "retention.evidence: '0d' cannot be used"),
        ("{bundles: for ever}", "retention"),
        ("{runs: 0}", "retention"),
        ("{reports: 7d}", "reports"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(block: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        parse_policy(f"name: Ours\nretention: {block}\n", Path("policy.yml"), products=[])


def test_a_policy_says_how_long_runs_are_kept() -> None:
    text = "name: Ours\nretention: {evidence: 60d, results: 52w, runs: 3}\n"
    found = parse_policy(text, Path("policy.yml"), products=[]).retention
    assert found == Retention(evidence=timedelta(days=60), results=timedelta(weeks=52), runs=3)
    assert parse_policy("name: Ours\n", Path("policy.yml"), products=[]).retention == Retention()
