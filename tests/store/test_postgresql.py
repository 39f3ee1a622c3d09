"""What differs between one process with a file and many with a server: locks, orders of texts, ends of connections."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import StoreError
from auditor.model.host import HostFacts
from auditor.model.record import replace
from auditor.model.remediation import Happened
from auditor.run.history import history_text
from auditor.store.database import shown
from auditor.store.record import Lives
from auditor.store.store import Store
from tests.servers.postgresql import Server
from tests.store.test_store import a_host, a_run, a_section, begun

_TIMES = 12


@pytest.fixture
def two(postgresql: Server) -> Iterator[tuple[Store, Store]]:
    """Give two processes' ways into one store."""
    address = postgresql.new_database()
    with closing(Store(address)) as one, closing(Store(address)) as other:
        yield one, other


def _at_once(*doings: Callable[[], object]) -> None:
    """Do things in threads that begin together; raise what one of them raises."""
    barrier, faults = threading.Barrier(len(doings)), list[BaseException]()

    def run(doing: Callable[[], object]) -> None:
        barrier.wait()
        try:
            doing()
        except BaseException as fault:  # noqa: BLE001 — raised below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=[doing]) for doing in doings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        raise fault


@pytest.mark.slow
def test_runs_that_begin_at_once_have_a_number_each(two: tuple[Store, Store]) -> None:
    def beginning(store: Store, name: str) -> Callable[[], object]:
        return lambda: [begun(store, a_run(f"{name}{number}")) for number in range(_TIMES)]

    _at_once(beginning(two[0], "a"), beginning(two[1], "b"))
    assert sorted(run.sequence for run in two[0].runs()) == list(range(1, 2 * _TIMES + 1))


@pytest.mark.slow
def test_a_journal_that_two_write_to_is_one_chain(two: tuple[Store, Store]) -> None:
    plan = "a" * 64

    def writing(store: Store) -> Callable[[], object]:
        def write() -> None:
            store.journal.open(plan, "text")
            for _ in range(_TIMES):
                store.journal.append(plan, Happened.CAPTURED, at="", by="", data={})

        return write

    _at_once(writing(two[0]), writing(two[1]))
    assert len(two[0].journal.events(plan)) == 2 * _TIMES


@pytest.mark.slow
def test_runs_that_meet_the_same_sections_in_other_orders_do_not_wait_for_each_other(
    two: tuple[Store, Store],
) -> None:
    section = a_section()
    many = tuple(replace(section, sha256=f"{number:064}") for number in range(400))
    runs = [begun(store, a_run(name)) for store, name in zip(two, ("one", "other"), strict=True)]
    for name in ("a", "b", "c"):
        sections = [tuple(replace(one, sha256=name + one.sha256[1:]) for one in many)]
        sections.append(tuple(reversed(sections[0])))
        _at_once(
            *(
                lambda store=store, run=run, found=found, name=name: store.record(
                    run.id, replace(a_host(name), sections=found)
                )
                for store, run, found in zip(two, runs, sections, strict=True)
            )
        )
    assert [store.done(run.id) for store, run in zip(two, runs, strict=True)] == [{"a", "b", "c"}] * 2


@pytest.mark.parametrize(
    "said",
    ["\0", "before\0after", "\x1a", "\x1a0", "\x1a\0", "\0\x1a", "\x1a\x1a0\0\0\x1a", "\\0 \\x1a", "zwei Wörter ✓"],
)
def test_what_a_host_says_comes_back_as_it_said_it(address: str, said: str) -> None:
    with closing(Store(address)) as store:
        section = a_section()
        run = begun(store, a_run())
        store.record(run.id, replace(a_host("a"), sections=(replace(section, stderr=said, reason=said),)))
        found = store.evidence(run.id, "a")
        assert found is not None
        assert (found[2][0].stderr, found[2][0].reason) == (said, said)


@pytest.mark.slow
def test_what_is_sealed_does_not_depend_on_how_a_database_sorts(postgresql: Server, tmp_path: Path) -> None:
    names = ("B", "a", "a-b", "aa", "Ä", "_", "a b")
    facts = [HostFacts(name=name, key=name) for name in names]
    sealed: list[str] = []
    for address in (str(tmp_path / "store.sqlite"), postgresql.new_database()):
        with closing(Store(address)) as store:
            run = store.begin(a_run(), [(fact, "{}") for fact in facts], [])
            rows: list[dict[str, Any]] = [
                {"fingerprint": mark, "host": name, "control": "c", "subject": "s"}
                for name in names
                for mark in (f"{name}-2", f"{name}-1")
            ]
            pasts = {name: {"anydesk": {"first_seen": "x"}} for name in names}
            store.keep_lives(
                run.id,
                [
                    Lives(host_key=name, findings=[row for row in rows if row["host"] == name], past=pasts[name])
                    for name in names
                ],
            )
            store.finish(run.id, finished="f", summary={})
            sealed.append(history_text(store, facts, source="x"))
    assert sealed[0] == sealed[1]
    assert sealed[0].count('"fingerprint"') == 2 * len(names)


@pytest.mark.slow
def test_a_server_that_is_killed_takes_nothing_with_it_and_is_used_again(postgresql: Server) -> None:
    address = postgresql.new_database()
    with closing(Store(address)) as store:
        run = begun(store, a_run())
        store.record(run.id, a_host("a"))
        postgresql.kill()
        try:
            with pytest.raises(StoreError, match="check the store's address"):
                store.record(run.id, a_host("b"))
        finally:
            postgresql.start()
        assert store.done(run.id) == {"a"}
        store.record(run.id, a_host("b"))
        assert store.done(run.id) == {"a", "b"}


@pytest.mark.slow
def test_a_server_s_address_may_leave_the_driver_out(postgresql: Server) -> None:
    address = postgresql.new_database().replace("+psycopg", "")
    with closing(Store(address)) as store:
        assert store.runs() == []


@pytest.mark.slow
def test_what_a_server_refuses_is_said(postgresql: Server) -> None:
    with pytest.raises(StoreError, match='database "no_such" does not exist: check the store'):
        Store(postgresql.url("no_such"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("postgresql://ada:s3cret@db/x", "postgresql://ada:***@db/x", id="password"),
        pytest.param("postgresql+psycopg://ada@db/x", "postgresql+psycopg://ada@db/x", id="no-password"),
        pytest.param("postgresql://ada:s3:c@ret@db:port/x", "postgresql://…@db:port/x", id="no-address"),
        pytest.param("/var/lib/a@b.sqlite", "/var/lib/a@b.sqlite", id="file"),
    ],
)
def test_no_message_shows_the_password_of_an_address(address: str, expected: str) -> None:
    assert shown(address) == expected


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://ada:s3cret@db/x", r"^mysql://ada:\*\*\*@db/x: "),
        ("postgresql+psycopg2://ada:s3cret@db/x", "reached through psycopg: write"),
        ("postgresql://ada:s3cret@127.0.0.1:1/x", r"ada:\*\*\*@127.0.0.1:1/x: .*check the store's address"),
        ("postgresql://ada:s3cret@db:port/x", "not the address of a store"),
    ],
)
def test_an_address_that_is_none_of_ours_is_refused(address: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        Store(address)
    assert "s3cret" not in str(refused.value)


def test_without_its_driver_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"ada:\*\*\*@db/x: PostgreSQL needs psycopg.*auditor\[postgresql\]"):
        Store("postgresql://ada:s3cret@db/x")
