"""The layout of a store: made when it is new, brought up to date when an earlier auditor wrote it, checked always.

A store says its layout twice: in ``meta``, which every version of the auditor asks first, and in Alembic's own table,
which says what Alembic has done. Both change in the transaction that changes the tables.
"""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.errors import StoreError
from auditor.store.database import Database
from auditor.store.tables import ALEMBIC, META, METADATA, VERSION

_LAYING_OUT = 0x61756401
"""Number of the lock under which a store is laid out; any that no other software takes."""
_UNNUMBERED = 1
"""What stores of before there were revisions say, whichever of the two first ones they have."""
_MIGRATIONS = Path(__file__).with_name("migrations")
_IS_VERSION = META.c.key == "version"


def lay_out(database: Database) -> None:
    """Make the tables of a new store, or bring those of an earlier layout up to date; all of it or nothing.

    A store of this layout is only read. StoreError for one of a newer auditor.
    """
    with database.reading() as connection:
        found = _version(database, connection)
    if found == VERSION:
        return
    with database.writing() as connection:
        database.alone(connection, _LAYING_OUT)
        # Asked again: another process may have been first.
        found = _version(database, connection)
        if found is None:
            METADATA.create_all(connection)
            connection.execute(ALEMBIC.insert().values(version_num=revision(VERSION)))
            connection.execute(META.insert().values(key="version", value=str(VERSION)))
        elif found < VERSION:
            _upgrade(connection, found)
            connection.execute(META.update().where(_IS_VERSION).values(value=str(VERSION)))


def revision(version: int) -> str:
    """Return Alembic's name of a layout."""
    return f"{version:04}"


def _version(database: Database, connection: Connection) -> int | None:
    """Return the layout of a store; None for one that has none yet."""
    if not sa.inspect(connection).has_table(META.name):
        return None
    said = connection.execute(sa.select(META.c.value).where(_IS_VERSION)).scalar()
    if said is None:
        return None
    version = int(said)
    if version > VERSION:
        raise StoreError(
            f"{database.name}: this store was written by a newer auditor (layout {version}, ours is {VERSION})"
        )
    return version


def _upgrade(connection: Connection, found: int) -> None:
    """Let Alembic take the steps from the layout that was found, in the transaction of the connection."""
    # Imported here: few stores are ever brought up to date, and every command opens one.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    if found == _UNNUMBERED:
        has_pasts = sa.inspect(connection).has_table("pasts")
        ALEMBIC.create(connection)
        connection.execute(ALEMBIC.insert().values(version_num=revision(2 if has_pasts else 1)))
    config = Config()
    # A percent sign begins a reference in Alembic's configuration.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision(VERSION))
