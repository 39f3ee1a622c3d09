"""``auditor schedule remove``: begin an audit no more; what became of it stays in the store."""

from argparse import Namespace
from datetime import UTC, datetime

from auditor.cli.audit import operator_name
from auditor.cli.stored import open_store
from auditor.cli.terminal import say


def remove(options: Namespace) -> int:
    """Put a schedule out of force."""
    with open_store(options, durable=True) as store:
        store.schedules.remove(options.name, at=datetime.now(UTC).replace(microsecond=0), by=operator_name())
    say(options, f"{options.name} is not due any more; an audit of it that is under way comes to its end")
    return 0
