"""Every test of the store is put to SQLite, and to a real PostgreSQL."""

from pathlib import Path

import pytest

from tests.servers.postgresql import Server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a store that is not there yet."""
    if request.param == "sqlite":
        return str(tmp_path / "deep" / "store.sqlite")
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()
