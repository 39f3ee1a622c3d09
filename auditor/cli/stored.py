"""Options and access shared by the commands that read the store."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from auditor.store.store import Store, default_url


def add_store_option(parser: ArgumentParser) -> None:
    """Add ``--store``."""
    parser.add_argument(
        "--store", metavar="URL", help="where runs are kept: a file or an SQLAlchemy URL (default: AUDITOR_STORE)"
    )


def add_run_option(parser: ArgumentParser) -> None:
    """Add ``--run``."""
    parser.add_argument(
        "--run", metavar="RUN", help="which run, by its id or the beginning of it (default: the newest)"
    )


@contextmanager
def open_store(options: Namespace, *, durable: bool = False) -> Iterator[Store]:
    """Open the store that the options name, and close it; ``durable`` is the store's."""
    store = Store(options.store or default_url(), durable=durable)
    try:
        yield store
    finally:
        store.close()
