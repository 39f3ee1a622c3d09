"""What is recorded comes back, in order, whole or not at all; trouble is said in words."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.errors import StoreError, UsageError
from auditor.model.evidence import Outcome
from auditor.model.host import HostFacts
from auditor.model.record import replace
from auditor.store import store as kept
from auditor.store.record import HostRecord, Lives, RunRecord, SectionRecord, packed
from auditor.store.store import Store, digest
from auditor.store.tables import TEXTS

HOSTS = ("a", "b", "c")


def a_run(name: str = "r1", as_of: str = "2026-11-21T00:00:00Z") -> RunRecord:
    return RunRecord(
        id=name,
        sequence=0,
        started=as_of,
        finished=None,
        operator="o",
        tool_version="0",
        as_of=as_of,
        scope_count=len(HOSTS),
        scope_sha256="s",
        scope_source="x",
        options={"patterns": []},
        inputs={"policy": digest("policy")},
        summary={},
    )


def a_section() -> SectionRecord:
    return SectionRecord(
        sha256=digest("same everywhere"),
        id="a.b",
        outcome=Outcome.COLLECTED,
        reason=None,
        stderr="",
        redactions=0,
        packed=b"packed",
    )


def a_host(name: str, *, inventoried: bool = True, row: str | None = None) -> HostRecord:
    return HostRecord(
        host=name,
        outcome="compliant",
        complete=True,
        inventoried=inventoried,
        reason=None,
        packed_row=packed(row or f'{{"host":"{name}"}}'),
        evidence_sha256=f"seal-{name}",
        head='{"host": "x"}',
        sections=(a_section(),),
    )


def test_a_section_that_was_forgotten_is_kept_once_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_REMEMBERED", 0)
    run = begun(store, a_run())
    for name in HOSTS:
        store.record(run.id, a_host(name))
    with store._database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM sections")).scalar() == 1
    assert all(store.evidence(run.id, name) for name in HOSTS)


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    with closing(Store(address)) as store:
        yield store


def begun(store: Store, run: RunRecord) -> RunRecord:
    return store.begin(
        run, [(HostFacts(name=name, key=f"key-{name}"), f'{{"name":"{name}"}}') for name in HOSTS], ["policy"]
    )


def test_a_run_comes_back_as_it_was_kept(store: Store) -> None:
    run = begun(store, a_run())
    for name in ("c", "a", "b"):
        store.record(run.id, a_host(name))
    assert list(store.lines(run.id)) == ['{"host":"a"}', '{"host":"b"}', '{"host":"c"}']
    assert store.done(run.id) == set(HOSTS)
    assert [fact["name"] for fact in store.scope(run.id)] == list(HOSTS)
    assert store.text(run.inputs["policy"]) == "policy"
    found = store.evidence(run.id, "b")
    assert found is not None
    assert (found[1], found[2][0].packed) == ("seal-b", b"packed")
    store.close()


def test_pages_hold_every_row_of_a_large_run(store: Store) -> None:
    names = [f"h{number:04}" for number in range(501)]
    run = store.begin(a_run(), [(HostFacts(name=name, key=name), "{}") for name in names], [])
    for name in names:
        store.record(run.id, a_host(name))
    assert [line[9:14] for line in store.lines(run.id)] == names
    store.close()


def test_a_host_is_recorded_once(store: Store) -> None:
    run = begun(store, a_run())
    store.record(run.id, a_host("a"))
    with pytest.raises(sa.exc.IntegrityError):
        store.record(run.id, a_host("a", row='{"other":1}'))
    assert list(store.lines(run.id)) == ['{"host":"a"}']
    store.close()


def finish(
    store: Store,
    run: RunRecord,
    findings: Sequence[dict[str, Any]] = (),
    pasts: Mapping[str, Any] | None = None,
    *,
    at: str = "f",
) -> None:
    """End a run with findings and with what is known of products, by the host's key."""
    lives = [Lives(host_key=f"key-{one['host']}", findings=[one], past={}) for one in findings]
    lives += [Lives(host_key=key, findings=[], past=past) for key, past in (pasts or {}).items()]
    store.keep_lives(run.id, lives)
    store.finish(run.id, finished=at, summary={})


def test_what_a_run_leaves_of_hosts_is_kept_with_them_or_not_at_all(store: Store) -> None:
    run = begun(store, a_run())

    def left(name: str) -> Lives:
        row = {"fingerprint": f"of {name}", "host": name, "control": "c", "subject": "s"}
        return Lives(host_key=f"key-{name}", findings=[row], past={"anydesk": name})

    store.record_all(run.id, [a_host("a"), a_host("b")], [left("a"), left("b")])
    with pytest.raises(sa.exc.IntegrityError):
        store.record_all(run.id, [a_host("c")], [left("b")])
    assert store.done(run.id) == {"a", "b"}
    store.record_all(run.id, [a_host("c")], [left("c")])
    store.finish(run.id, finished="f", summary={})
    assert [row["host"] for row in store.findings(run.id)] == ["a", "b", "c"]
    assert store.earlier_pasts(["key-c"]) == {"key-c": {"anydesk": "c"}}
    store.close()


def test_runs_are_numbered_and_only_finished_ones_are_history(store: Store) -> None:
    first = begun(store, a_run("2026-01"))
    store.record(first.id, a_host("a", inventoried=False))
    finish(store, first, [{"fingerprint": "f1", "host": "a", "control": "c", "subject": "s"}])
    second = begun(store, a_run("2026-02", "2026-12-21T00:00:00Z"))
    store.record(second.id, a_host("a"))
    assert (first.sequence, second.sequence) == (1, 2)
    assert _known(store) == ("2026-11-21T00:00:00Z", None)
    finish(store, second)
    assert _known(store) == ("2026-11-21T00:00:00Z", "2026-12-21T00:00:00Z")
    assert [row["fingerprint"] for row in store.findings(first.id)] == ["f1"]
    store.close()


def test_several_hosts_are_kept_together_or_not_at_all(store: Store) -> None:
    run = begun(store, a_run())
    store.record_all(run.id, [a_host("a"), replace(a_host("b"), packed_gist=packed("gist of b"))])
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.record_all(run.id, [a_host("c"), a_host("a")])
    assert store.done(run.id) == {"a", "b"}
    assert [gist for _, gist in store.gists(run.id)] == ['{"host":"a"}', "gist of b"]
    assert [facts for facts, _ in store.gists(run.id)] == ['{"name":"a"}', '{"name":"b"}']
    store.close()


def test_a_section_may_be_named_that_came_with_an_earlier_host(store: Store) -> None:
    run = begun(store, a_run())
    hashes = tuple(one if isinstance(one, str) else one.sha256 for one in a_host("a").sections)
    store.record_all(run.id, [a_host("a"), replace(a_host("b"), sections=hashes)])
    assert store.evidence(run.id, "b") is not None
    store.close()


def test_a_run_that_could_not_be_ended_is_ended_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_LIVES", 2)
    run = begun(store, a_run())

    def lives(*names: str) -> Iterator[Lives]:
        for name in names:
            row = {"fingerprint": f"of {name}", "host": name, "control": "c", "subject": "s"}
            yield Lives(host_key=f"key-{name}", findings=[row], past={"anydesk": name})
        if "c" not in names:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.keep_lives(run.id, lives("b", "a"))
    store.keep_lives(run.id, lives("c", "b", "a"))
    store.finish(run.id, finished="f", summary={})
    assert [row["host"] for row in store.findings(run.id)] == ["a", "b", "c"]
    assert store.count_findings(run.id) == 3
    assert store.earlier_pasts(["key-a"]) == {"key-a": {"anydesk": "a"}}
    store.close()


def test_findings_stand_in_the_order_of_code_points(store: Store) -> None:
    run = begun(store, a_run())
    found = [("b", "c1", "s"), ("B", "c1", "s"), ("a", "c2", "s1"), ("a", "c1", "s2"), ("a", "c1", "s10")]
    rows = [
        {"fingerprint": str(number), "host": host, "control": control, "subject": subject}
        for number, (host, control, subject) in enumerate(found)
    ]
    finish(store, run, rows)
    assert [(row["host"], row["control"], row["subject"]) for row in store.findings(run.id)] == sorted(found)
    store.close()


def test_a_host_goes_on_from_the_last_run_that_had_it_in_scope(store: Store) -> None:
    def finished(name: str, hosts: tuple[str, ...], *found: str) -> RunRecord:
        run = store.begin(a_run(name), [(HostFacts(name=host, key=f"key-{host}"), "{}") for host in hosts], [])
        rows = [{"fingerprint": one, "host": one[0], "control": "c", "subject": "s"} for one in found]
        finish(store, run, rows)
        return run

    finished("r1", ("a", "b"), "a1", "b1")
    finished("r2", ("a",), "a2")
    store.begin(a_run("r3"), [(HostFacts(name=host, key=f"key-{host}"), "{}") for host in HOSTS], [])
    assert sorted(row["fingerprint"] for row in store.earlier_findings({"key-a", "key-b"})) == ["a2", "b1"]
    store.close()


def test_a_run_is_named_by_its_id_once_it_is_history(store: Store) -> None:
    """In its own rows it is not: no evidence determines its id."""
    own: dict[str, Any] = {"host": "a", "control": "c"}
    rows: list[dict[str, Any]] = [
        own | {"fingerprint": "opened", "subject": "1", "opened_by": None, "failing_since": "2026-11-21T00:00:00Z"},
        own | {"fingerprint": "old", "subject": "2", "opened_by": "r0", "failing_since": "2026-10-21T00:00:00Z"},
        own | {"fingerprint": "closed", "subject": "3", "opened_by": "r0", "closed_by": {"kind": "run", "id": None}},
        own | {"fingerprint": "closed before", "subject": "4", "closed_by": {"kind": "run", "id": "r0"}},
        own | {"fingerprint": "of an earlier version", "subject": "5", "failing_since": "2026-10-21T00:00:00Z"},
    ]
    run = begun(store, a_run("r1"))
    finish(store, run, rows)
    told = {row["fingerprint"]: row for row in store.earlier_findings({"key-a"})}
    assert (told["opened"]["opened_by"], told["old"]["opened_by"]) == ("r1", "r0")
    assert told["closed"]["closed_by"] == {"kind": "run", "id": "r1"}
    assert told["closed before"]["closed_by"] == {"kind": "run", "id": "r0"}
    assert told["of an earlier version"].get("opened_by") is None
    assert [row.get("opened_by") for row in store.findings(run.id)] == [None, "r0", "r0", None, None]
    store.close()


def test_runs_are_found_by_the_beginning_of_their_id(store: Store) -> None:
    begun(store, a_run("2026-01-x"))
    begun(store, a_run("2026-02-y"))
    assert store.run("2026-02").id == "2026-02-y"
    with pytest.raises(UsageError, match="ambiguous"):
        store.run("2026")
    with pytest.raises(UsageError, match="did you mean '2026-01-x'"):
        store.run("2026-01-z")
    with pytest.raises(UsageError, match="no finished run"):
        store.run(None)
    store.close()


def test_killed_in_mid_run_nothing_recorded_is_lost(address: str) -> None:
    """A real process is killed by SIGKILL right after it recorded two hosts."""
    script = textwrap.dedent(f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_store as t
        store = t.Store({address!r})
        run = t.begun(store, t.a_run())
        store.record(run.id, t.a_host("a")); store.record(run.id, t.a_host("b"))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, cwd=Path.cwd())
    assert ended.returncode == -9, ended.stderr.decode()
    store = Store(address)
    assert store.done("r1") == {"a", "b"}
    store.close()


def test_a_locked_store_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.store.database._BUSY_MS", 50)
    path = tmp_path / "store.sqlite"
    store = Store(str(path))
    run = begun(store, a_run())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked: another process holds it"):
        store.record(run.id, a_host("a"))
    assert store.done(run.id) == set()
    other.execute("ROLLBACK")
    other.close()
    store.record(run.id, a_host("a"))
    store.close()


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and long enough to be read as a header of something\n" * 20)
    with pytest.raises(StoreError, match="not a database: it is not a store"):
        Store(str(path))
    assert "my notes" in path.read_text()
    with pytest.raises(StoreError, match="not the address of a store"):
        Store("nonsense://x")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(small)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        store = Store(str(small / "store.sqlite"))
        run = begun(store, a_run())
        store.record(run.id, a_host("a"))
        noise = os.urandom(500_000).hex()
        with pytest.raises(StoreError, match="full: make room"):
            store.record(run.id, a_host("b", row=noise))
        assert store.done(run.id) == {"a"}
        store.close()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _known(store: Store, before: str | None = None) -> tuple[str, str | None]:
    known = store.history(before)["key-a"]
    return known.first, known.complete


def judged(store: Store, name: str, as_of: str, version: str = "0") -> None:
    run = begun(store, replace(a_run(name, as_of), tool_version=version, inputs={"catalogue": f"of {version}"}))
    for host in HOSTS:
        store.record(run.id, a_host(host))
    finding = {"fingerprint": "f", "host": "a", "control": "c", "subject": "s", "seen_by": name}
    pasts = {"key-a": {"anydesk": {"first_seen": name}}, "key-b": {}}
    finish(store, run, [finding], pasts, at=as_of)


def test_what_was_known_before_an_instant_is_what_was_known_then(store: Store) -> None:
    may, june, july = (f"2026-{month:02}-01T00:00:00Z" for month in (5, 6, 7))
    judged(store, "may", may)
    judged(store, "june", june)
    keys = [f"key-{name}" for name in HOSTS]
    assert _known(store) == (may, june)
    assert _known(store, june) == (may, may)
    assert store.history(may) == {}
    assert [[row["seen_by"] for row in store.earlier_findings(keys, at)] for at in (None, july, june, may)] == [
        *(["june"], ["june"], ["may"], []),
    ]
    assert [store.earlier_pasts(keys, at) for at in (july, june, may)] == [
        *({"key-a": {"anydesk": {"first_seen": "june"}}}, {"key-a": {"anydesk": {"first_seen": "may"}}}, {}),
    ]
    assert store.earlier_pasts(["key-c"]) == {}
    assert store.last_judged(keys) == (june, "june")
    assert store.last_judged(["key-of-another"]) is None


def test_it_is_known_what_told_the_products_of_a_host_last(store: Store) -> None:
    may, june = (f"2026-{month:02}-01T00:00:00Z" for month in (5, 6))
    judged(store, "may", may)
    judged(store, "june", june, version="1")
    known = store.history()["key-a"]
    assert (known.complete_runs, known.told_by) == (2, ["1", "of 1"])
    judged(store, "june again", june, version="2")
    known = store.history()["key-a"]
    assert (known.complete_runs, known.told_by) == (2, None)


def test_a_run_that_did_not_end_is_forgotten_and_one_that_did_is_not(store: Store) -> None:
    judged(store, "may", "2026-05-01T00:00:00Z")
    run = begun(store, a_run("june", "2026-06-01T00:00:00Z"))
    store.record(run.id, a_host("a"))
    for name in ("june", "may", "no-such-run"):
        store.forget(name)
    assert [one.id for one in store.runs()] == ["may"]
    assert store.done("june") == set()
    # The number of what never was is given again: none is missing.
    assert begun(store, a_run("july")).sequence == run.sequence


def test_a_sealed_input_comes_whole_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_PIECE", 7)
    long = "".join(f"{number} é\n" for number in range(500))
    store.begin(a_run(), [], [long, ""])
    assert (store.text(digest(long)), store.text(digest(""))) == (long, "")
    assert b"".join(store.text_pieces(digest(long))).decode() == long
    with store._database.writing() as connection:
        packed = connection.execute(sa.select(TEXTS.c.packed).where(TEXTS.c.sha256 == digest(long))).scalar_one()
        connection.execute(TEXTS.update().where(TEXTS.c.sha256 == digest(long)).values(packed=bytes(packed)[:-9]))
    with pytest.raises(StoreError, match="its end is missing"):
        store.text(digest(long))
