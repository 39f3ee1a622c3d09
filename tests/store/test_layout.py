"""A store of every earlier layout is brought up to date, whole or not at all, and then is what a new one is."""

import base64
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from auditor.errors import StoreError
from auditor.store import layout
from auditor.store.record import Lives
from auditor.store.store import Store, digest
from auditor.store.tables import METADATA, VERSION

_EARLIER = Path(__file__).parent / "earlier"
_LAYOUTS = sorted(file.stem for file in _EARLIER.glob("layout_*.json"))
MAY = "2026-05-01T00:00:00Z"


@contextmanager
def raw(address: str) -> Iterator[sa.Connection]:
    """Open the database itself, without the store."""
    if "://" not in address:
        Path(address).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(address if "://" in address else f"sqlite:///{address}")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _read(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def put_back(name: str, address: str) -> dict[str, list[dict[str, Any]]]:
    """Make a store as an earlier version left it; return its rows."""
    kept = json.loads((_EARLIER / f"{name}.json").read_text())
    rows = {
        table: [{key: _read(value) for key, value in row.items()} for row in found]
        for table, found in kept["rows"].items()
    }
    with raw(address) as connection:
        for statement in kept[connection.dialect.name]:
            connection.exec_driver_sql(statement)
        # In an order in which no row points at one that is not there yet.
        for table in sorted(rows, key=lambda one: one not in ("meta", "runs", "texts", "sections", "remediations")):
            columns = list(rows[table][0])
            names = ", ".join(f'"{column}"' for column in columns)
            values = ", ".join(f":{column}" for column in columns)
            statement = f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608 — names of our own file
            connection.execute(sa.text(statement), rows[table])
    return rows


def _differences(address: str) -> list[Any]:
    with raw(address) as connection:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))


def _says(address: str) -> tuple[Any, Any]:
    with raw(address) as connection:
        version = connection.execute(sa.text("SELECT value FROM meta WHERE key = 'version'")).scalar()
        return version, connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()


def test_there_is_a_recorded_store_of_every_earlier_layout() -> None:
    assert [name.removeprefix("layout_") for name in _LAYOUTS] == [layout.revision(one) for one in range(1, VERSION)]


def test_the_last_step_is_this_layout() -> None:
    config = Config()
    config.set_main_option("script_location", str(layout._MIGRATIONS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [layout.revision(VERSION)]
    assert [step.revision for step in scripts.walk_revisions()] == [
        layout.revision(one) for one in range(VERSION, 0, -1)
    ]


def test_a_new_store_is_of_this_layout(address: str) -> None:
    Store(address).close()
    assert _says(address) == (str(VERSION), [layout.revision(VERSION)])
    assert _differences(address) == []


@pytest.mark.parametrize("name", _LAYOUTS)
def test_an_earlier_store_becomes_what_a_new_one_is(address: str, name: str) -> None:
    put_back(name, address)
    assert _differences(address) != []
    Store(address).close()
    assert _says(address) == (str(VERSION), [layout.revision(VERSION)])
    assert _differences(address) == []


@pytest.mark.parametrize("name", _LAYOUTS)
def test_nothing_that_an_earlier_store_held_is_lost_or_changed(address: str, name: str) -> None:
    rows = put_back(name, address)
    with closing(Store(address)) as store:
        assert [(run.id, run.sequence, run.finished) for run in store.runs()] == [
            ("interrupted", 2, None),
            ("ended", 1, MAY),
        ]
        assert store.run("ended").summary == {"coverage": 1}
        assert [json.loads(line)["host"] for line in store.lines("ended")] == ["a", "b"]
        assert store.done("interrupted") == {"a"}
        assert store.text(digest("policy")) == "policy"
        found = store.evidence("ended", "b")
        assert found is not None
        (section,) = found[2]
        assert (section.reason, section.stderr) == ("tool missing", "a \x1a and a \\ and a café\n")
        assert zlib.decompress(section.packed) == b"rows of b\n"
        (finding,) = store.earlier_findings({"key-a"})
        assert finding["fingerprint"] == "f" * 64
        assert store.history()["key-a"].complete == MAY
        assert store.history()["key-b"].complete is None
        assert store.earlier_pasts({"key-a"}) == (
            {"key-a": {"anydesk": {"first_seen": MAY}}} if "pasts" in rows else {}
        )
        assert len(store.journal.events("a" * 64)) == len(rows.get("remediation_events", ()))


@pytest.mark.parametrize("name", _LAYOUTS)
def test_a_run_that_an_earlier_auditor_began_goes_on(address: str, name: str) -> None:
    put_back(name, address)
    with closing(Store(address)) as store:
        store.keep_lives("interrupted", [Lives(host_key="key-b", findings=[], past={"x": {"first_seen": MAY}})])
        store.finish("interrupted", finished=MAY, summary={})
        assert store.run(None).id == "interrupted"
        assert store.earlier_pasts({"key-b"}) == {"key-b": {"x": {"first_seen": MAY}}}
        store.journal.open("b" * 64, "another plan")


@pytest.mark.parametrize("name", _LAYOUTS)
def test_a_step_that_fails_leaves_the_store_as_it_was(address: str, name: str) -> None:
    put_back(name, address)
    with raw(address) as connection:
        connection.execute(sa.text("CREATE TABLE blocks (run TEXT, host TEXT)"))
        connection.execute(sa.text("CREATE INDEX ix_findings_run_host ON blocks (run, host)"))
    with pytest.raises(StoreError, match="ix_findings_run_host"):
        Store(address)
    with raw(address) as connection:
        tables = set(sa.inspect(connection).get_table_names())
        assert connection.execute(sa.text("SELECT value FROM meta")).scalar() == "1"
    assert "alembic_version" not in tables
    assert ("pasts" in tables) == (name != "layout_0001")
    with raw(address) as connection:
        connection.execute(sa.text("DROP TABLE blocks"))
    Store(address).close()
    assert _says(address) == (str(VERSION), [layout.revision(VERSION)])


@pytest.mark.parametrize("name", [None, *_LAYOUTS])
def test_of_many_that_open_a_store_at_once_one_lays_it_out(address: str, name: str | None) -> None:
    if name is not None:
        put_back(name, address)
    barrier, faults = threading.Barrier(4), list[BaseException]()

    def opened() -> None:
        barrier.wait()
        try:
            Store(address).close()
        except BaseException as fault:  # noqa: BLE001 — told to the test
            faults.append(fault)

    threads = [threading.Thread(target=opened) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert _says(address) == (str(VERSION), [layout.revision(VERSION)])
    assert _differences(address) == []


def test_a_newer_store_is_refused(address: str) -> None:
    Store(address).close()
    with raw(address) as connection:
        connection.execute(sa.text("UPDATE meta SET value = '99'"))
    with pytest.raises(StoreError, match=f"written by a newer auditor .layout 99, ours is {VERSION}"):
        Store(address)


def test_a_store_that_is_up_to_date_is_opened_while_another_writes(address: str) -> None:
    with closing(Store(address)) as store, store._database.writing() as connection:
        connection.execute(sa.text("DELETE FROM texts"))
        Store(address).close()
