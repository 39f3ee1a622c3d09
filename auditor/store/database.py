"""The database behind a store, SQLite or PostgreSQL: its connections, transactions, and what it refuses, in words."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from auditor.errors import StoreError

_BUSY_MS = 10_000
_RETRY_SECONDS = 0.02
_POSTGRESQL = "postgresql"
_DRIVER = "postgresql+psycopg"
_CONNECT_SECONDS = 10
_IDLE_MS = 600_000
"""A transaction of ours never waits for a host or a person: one that rests this long is of a process that hangs."""
_SYNCHRONOUS = "auditor_synchronous"
_ADVICE = {
    "database is locked": "another process holds it; wait for it to end, or name another store with --store",
    "database or disk is full": "make room, or name another store with --store",
    "attempt to write a readonly database": "make it writable, or name another store with --store",
    "unable to open database file": "check that the folder exists and can be written",
    "disk I/O error": "its disk is full, over a quota, read-only or broken; what was kept is kept",
    "file is not a database": "it is not a store of the auditor; name another with --store",
}


class Database:
    """Connections to one database; whoever makes it closes it."""

    def __init__(self, url: str, *, durable: bool) -> None:
        """Take a path of an SQLite file or an SQLAlchemy URL; nothing is connected to yet.

        With ``durable`` a write has reached the disk when it returns; without it SQLite loses the last ones with the
        power. PostgreSQL never does.
        """
        self.name = shown(url)
        with _plain_errors(self.name):
            self._engine = _engine(url, durable=durable)
        self.is_postgresql = self._engine.dialect.name == _POSTGRESQL
        self._inserts: dict[sa.Table, Any] = {}

    @property
    def engine(self) -> Engine:
        """Return what connections come from, for whoever keeps one of their own."""
        return self._engine

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def forked(self) -> None:
        """Be used from now on in a process that was forked: its parent's connections are let alone, new ones made."""
        self._engine.dispose(close=False)

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[Connection]:
        """Open a transaction that writes: all of it stands, or nothing.

        With ``durable`` it has reached the disk at its end, and with it whatever was written before.
        """
        engine = self._engine.execution_options(auditor_durable=True) if durable else self._engine
        with _plain_errors(self.name), engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads."""
        with _plain_errors(self.name), self._engine.connect() as connection:
            yield connection.execution_options(auditor_reads=True)

    def insert_new(self, table: sa.Table) -> Any:  # noqa: ANN401 — one of two dialects' own statements
        """Return an insert that leaves alone what is there; it is made once, for every host of a run asks for it."""
        if table not in self._inserts:
            self._inserts[table] = self._made_insert(table)
        return self._inserts[table]

    def _made_insert(self, table: sa.Table) -> Any:  # noqa: ANN401
        # Imported here: a dialect costs every command's start more than its statements, and one of the two is enough.
        if self.is_postgresql:
            from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415
        else:
            from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415
        return insert(table).on_conflict_do_nothing()

    def alone(self, connection: Connection, number: int) -> None:
        """Let no other process of ours into the part of that number until the transaction ends.

        SQLite has one writer at a time as it is; PostgreSQL has advisory locks.
        """
        if self.is_postgresql:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def shown(url: str) -> str:
    """Return the address without its password, as messages may show it."""
    if "://" not in url:
        return url
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        # What is no address may still hold a password: all before the last @ is left out.
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{'…@' if '@' in rest else ''}{rest.rpartition('@')[2]}"


def _address(url: str) -> URL:
    try:
        return sa.make_url(url)
    except ValueError as error:
        # What it says quotes the address, where a password may stand in the wrong place.
        raise StoreError(
            f"{shown(url)}: not the address of a store: what stands for its port is no number; "
            "in a password, signs such as : / @ are written as %3A %2F %40"
        ) from error


def _engine(url: str, *, durable: bool) -> Engine:
    if "://" not in url:
        path = Path(url).expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot make the store's folder: {error.strerror}") from error
        address = sa.make_url(f"sqlite:///{path.absolute()}")
    else:
        address = _address(url)
    if address.get_backend_name() == _POSTGRESQL:
        return _postgresql(address)
    engine = sa.create_engine(address)
    if engine.dialect.name != "sqlite":
        raise StoreError(f"{shown(url)}: a store is a file of SQLite or a database of PostgreSQL; name one of these")
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", partial(_begin_sqlite, durable))
    return engine


def _postgresql(address: URL) -> Engine:
    """Make an engine for PostgreSQL: psycopg where the address names no driver, and what it takes to notice an end."""
    if address.drivername == _POSTGRESQL:
        address = address.set(drivername=_DRIVER)
    if address.drivername != _DRIVER:
        raise StoreError(f"{address.drivername}://…: PostgreSQL is reached through psycopg: write {_DRIVER}://…")
    ours = {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "auditor",
        "options": f"-c idle_in_transaction_session_timeout={_IDLE_MS}",
    }
    try:
        # A server, or a firewall on the way to it, ends connections that rest as long as a window may.
        return sa.create_engine(
            address,
            pool_pre_ping=True,
            connect_args={name: value for name, value in ours.items() if name not in address.query},
        )
    except ImportError as error:
        raise StoreError(
            f"{address.render_as_string()}: PostgreSQL needs psycopg, which is not installed: "
            "pip install 'auditor[postgresql]'"
        ) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 — the driver's own type
    """Let SQLAlchemy, not the driver, begin transactions; survive a kill at any moment."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_BUSY_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: Any) -> None:  # noqa: ANN401 — the driver's own type
    """Have SQLite log ahead of its file; of many that come to a new file at once, one changes its mode.

    SQLite does not wait on the others there, whatever its busy timeout: it refuses at once, as that could be a deadlock
    (sqlite3_busy_handler, which names the case of a lock that is to be upgraded).
    """
    until = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _begin_sqlite(always_durable: bool, connection: Connection) -> None:  # noqa: FBT001 — bound, not called
    """Take the write lock at once when writing: a lock that is upgraded later can fail half-way.

    In WAL mode NORMAL keeps the file whole whatever happens, and syncs the log before a checkpoint only; FULL syncs it
    at the end of each transaction.
    """
    asked = connection.get_execution_options()
    if asked.get("auditor_reads", False):
        connection.exec_driver_sql("BEGIN")
        return
    wanted = "FULL" if always_durable or asked.get("auditor_durable", False) else "NORMAL"
    # It holds for the connection until it is set anew, and is kept with it.
    if connection.info.get(_SYNCHRONOUS) != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info[_SYNCHRONOUS] = wanted
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _plain_errors(name: str) -> Iterator[None]:
    """Say in the operator's words what the database refuses."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except sa.exc.DBAPIError as error:
        said = "; ".join(line.strip() for line in str(error.orig).splitlines())
        advice = _ADVICE.get(said, "check the store's address and its rights")
        raise StoreError(f"{name}: {said}: {advice}") from error
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
        raise StoreError(f"{name}: not the address of a store: {error}") from error
