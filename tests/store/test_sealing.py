"""The chain of a store's runs: each is sealed behind the last one, whenever it began."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import OutputError
from auditor.model.host import HostFacts
from auditor.run.chain import chain_of, links_of_store
from auditor.store.record import RunRecord
from auditor.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(str(tmp_path / "store.sqlite"))) as opened:
        yield opened


def begin(store: Store, name: str) -> str:
    texts = dict.fromkeys(("started", "as_of"), "2027-01-01T00:00:00Z") | dict.fromkeys(
        ("operator", "tool_version", "scope_sha256", "scope_source"), "x"
    )
    record = RunRecord(id=name, sequence=0, finished=None, scope_count=0, options={}, inputs={}, summary={}, **texts)
    store.begin(record, [(HostFacts(name="web", key="web"), "{}")], [])
    return name


def seal(store: Store, name: str) -> None:
    def make(previous: Mapping[str, Any] | None) -> str:
        return hashlib.sha256(f"{name}{previous}".encode()).hexdigest()

    store.seal(name, make)


def test_a_run_that_ends_late_stands_behind_those_that_ended_before(store: Store) -> None:
    for name in ("one", "two", "three"):
        begin(store, name)
    for name in ("one", "three", "two"):
        seal(store, name)
    begin(store, "four")
    seal(store, "four")
    previous = {run.id: (run.summary["previous"] or {"run": None})["run"] for run in store.runs()}  # type: ignore[index]
    assert previous == {"one": None, "three": "one", "two": "three", "four": "two"}
    chain = chain_of(links_of_store(store.runs()))
    assert (chain.problems, chain.count, [link.run for link in chain.ends]) == ((), 4, ["four"])


def test_a_run_that_was_sealed_keeps_its_place(store: Store) -> None:
    for name in ("one", "two"):
        seal(store, begin(store, name))
    before = {run.id: run.summary for run in store.runs()}
    seal(store, "one")
    assert {run.id: run.summary for run in store.runs()} == before


def test_a_run_that_could_not_be_written_is_not_in_the_chain(store: Store) -> None:
    seal(store, begin(store, "one"))
    begin(store, "two")

    def fail(_previous: Mapping[str, Any] | None) -> str:
        raise OutputError("the disk is full")

    with pytest.raises(OutputError):
        store.seal("two", fail)
    seal(store, begin(store, "three"))
    assert store.run("three").summary["previous"]["run"] == "one"  # type: ignore[index]
    assert "seal" not in store.run("two").summary


def test_runs_that_end_at_once_are_one_chain(tmp_path: Path, store: Store) -> None:
    names = [begin(store, f"run-{number}") for number in range(12)]

    def in_a_store_of_its_own(name: str) -> None:
        with closing(Store(str(tmp_path / "store.sqlite"))) as opened:
            seal(opened, name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(in_a_store_of_its_own, names))
    chain = chain_of(links_of_store(store.runs()))
    assert (chain.problems, chain.count, len(chain.ends)) == ((), 12, 1)
