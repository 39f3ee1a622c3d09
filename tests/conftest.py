"""How hard the laws are tried: the same examples in every run of the gate, many more in a soak; and a real database."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.postgresql import Server, program

# No deadline, and no complaint of slow examples: on a machine that others use too they say nothing about the code.
_ANY_TIME = [HealthCheck.too_slow]
settings.register_profile("check", deadline=None, derandomize=True, suppress_health_check=_ANY_TIME)
settings.register_profile("soak", deadline=None, max_examples=20_000, suppress_health_check=_ANY_TIME)
settings.load_profile("check")

# A shell that starts the tests in the background has them, and all they start, ignore an interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """Give a PostgreSQL that runs; each test makes a database of its own in it."""
    if program("initdb") is None:
        pytest.skip("PostgreSQL is not installed here")
    # A socket's path has a longest length, and its user has to come through every folder above it.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        server = Server(Path(place) / "server")
        server.start()
        yield server
        server.stop()
