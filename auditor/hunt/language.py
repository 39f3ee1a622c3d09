"""A language that hunts are written in: how it says a hunt, and what its events record."""

from collections.abc import Callable, Sequence

from auditor.hunt.hunts import Event, Hunt, hunts_of, together
from auditor.hunt.subjects import Subject
from auditor.model.host import OsFamily
from auditor.model.policy import Approval
from auditor.model.record import Record


class Language(Record, kw_only=True):
    """How hunts are written."""

    name: str
    """Name on the command line."""
    suffix: str
    """Ending of its files."""
    between: str
    """What stands between two hunts in one text."""
    is_of_one_system: bool
    """Whether the events of each operating system lie in a place of their own."""
    write: Callable[[Hunt, Sequence[Approval]], str | None]
    """Write one hunt; None where its events do not record what it compares."""


class Query(Record, kw_only=True):
    """A hunt as it was written."""

    hunt: Hunt
    """What it hunts."""
    text: str
    """The query, its last line ended."""


TITLES = {
    Event.PROCESS: "a program of it is started",
    Event.SIGNED: "a program that its maker signed is loaded",
    Event.CONNECTION: "a program of it is connected",
    Event.DOMAIN: "its servers are asked for",
    Event.PORT: "a port of its own is connected to",
}
"""What each kind of event says of a product."""

INNOCENT = {
    Event.PROCESS: "Administrators and help desks that use it with leave",
    Event.SIGNED: "Other products of the same maker",
    Event.CONNECTION: "Administrators and help desks that use it with leave",
    Event.DOMAIN: "Visits to its maker's pages with a browser",
    Event.PORT: "Other services on that port",
}
"""What else may be behind each kind of event."""


SYSTEMS = {OsFamily.WINDOWS: "Windows", OsFamily.MACOS: "macOS", OsFamily.LINUX: "Linux"}
"""Operating systems as people write them."""


def title(hunt: Hunt) -> str:
    """Return a hunt's title."""
    return f"{hunt.product.name}: {TITLES[hunt.event]}"


def approved(approvals: Sequence[Approval]) -> str:
    """Say where the policy allows the product all the same; empty where it nowhere does."""
    told = [f"{one.id} ({', '.join((*one.hosts, *one.groups)) or 'every host'})" for one in approvals]
    return f"Approved there: {'; '.join(told)}." if told else ""


def queries(subject: Subject, language: Language) -> list[Query]:
    """Write the hunts of a product in a language; those that it cannot say are left out."""
    found = hunts_of(subject.product)
    hunts = found if language.is_of_one_system else together(found)
    written = ((hunt, language.write(hunt, subject.approvals)) for hunt in hunts)
    return [Query(hunt=hunt, text=text) for hunt, text in written if text is not None]
