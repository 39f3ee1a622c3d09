"""Compile the catalogue beside other work: half a second on a machine whose earlier runs have kept none."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from auditor.catalogue.cache import has_kept, user_cache
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue


class CatalogueAhead:
    """A process that compiles the catalogue and keeps it, where none is kept. The caller has no other thread yet."""

    def __init__(self) -> None:
        """Begin it."""
        place = user_cache(os.environ)
        self._pid: int | None = None
        if place is not None and not has_kept(place):
            pid = os.fork()
            if pid == 0:
                _compile()
            self._pid = pid

    def load(self) -> Catalogue:
        """Return the catalogue, as ``load_catalogue`` does: whatever became of the process, its word is not taken."""
        self.close()
        return load_catalogue()

    def close(self) -> None:
        """Wait for its end."""
        if self._pid is not None:
            os.waitpid(self._pid, 0)
            self._pid = None


@contextmanager
def catalogue_ahead() -> Iterator[CatalogueAhead]:
    """Give one that has ended afterwards."""
    ahead = CatalogueAhead()
    try:
        yield ahead
    finally:
        ahead.close()


def _compile() -> None:
    """Compile and keep the catalogue; what is wrong with it, whoever loads it is told. Never returns."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with suppress(Exception):
            load_catalogue()
    finally:
        os._exit(0)
