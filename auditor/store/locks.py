"""Locks that end with whoever holds them: of a file beside an SQLite store, of a session of PostgreSQL.

Neither a kill nor a loss of power leaves one behind, so nobody ever has to guess whether a holder is still there.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from auditor.errors import StoreError

_LONGEST = 4096


class Locks:
    """The locks of a store: of whatever has a name, at most one holder at a time on every machine that shares it."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of the store."""
        self._engine = engine

    @contextmanager
    def held(self, name: str, says: str = "") -> Iterator[bool]:
        """Hold a lock if nobody else does, and yield whether it is held; ``says`` is what others read of its holder."""
        if self._engine.dialect.name == "sqlite":
            with _file_lock(self._file(name), says) as is_held:
                yield is_held
        else:
            with self._session_lock(name) as is_held:
                yield is_held

    def is_free(self, name: str) -> bool:
        """Tell whether nobody holds a lock now."""
        with self.held(name) as is_held:
            return is_held

    def holder(self, name: str) -> str:
        """Return what the holder of a lock says of itself; nothing where it is not known."""
        if self._engine.dialect.name != "sqlite":
            return ""
        try:
            with self._file(name).open("rb") as file:
                return file.read(_LONGEST).decode(errors="replace")
        except OSError:
            return ""

    def _file(self, name: str) -> Path:
        store = Path(self._engine.url.database or "")
        return store.with_name(f"{store.name}.locks") / hashlib.sha256(name.encode()).hexdigest()[:32]

    @contextmanager
    def _session_lock(self, name: str) -> Iterator[bool]:
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        with ExitStack() as stack:
            try:
                connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                stack.callback(_quietly, connection.close)
                is_held = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one())
            except sa.exc.DBAPIError as error:
                raise StoreError(
                    f"{self._engine.url.render_as_string()}: its locks cannot be used: {error.orig}; "
                    "check the store's address and its rights"
                ) from error
            if is_held:
                unlock = sa.select(sa.func.pg_advisory_unlock(key))
                stack.callback(_quietly, lambda: connection.execute(unlock))
            yield is_held


def _quietly(release: Callable[[], object]) -> None:
    """Let go of a lock; where the session is gone that held it, it is let go of already."""
    with suppress(sa.exc.DBAPIError):
        release()


@contextmanager
def _file_lock(path: Path, says: str) -> Iterator[bool]:
    # The file stays: whoever took it away would let a third one lock another file of the same name.
    try:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: no lock can be made here: {error.strerror}; make the folder writable") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if says:
            os.ftruncate(handle, 0)
            os.pwrite(handle, says.encode()[:_LONGEST], 0)
        yield True
    finally:
        os.close(handle)
