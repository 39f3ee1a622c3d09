"""What ``auditor policy check`` does: policy, people and exceptions held to each other, everything said at once."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.terminal import say
from auditor.controls.registry import controls
from auditor.errors import PolicyError, Problem
from auditor.located import Document, read_document
from auditor.model.policy import Policy, Settings
from auditor.model.standing import Standing, WeighedException, WeighedLimit
from auditor.policy.exception_register import ExceptionState, state_of
from auditor.policy.faults import document_of, entries, read_text
from auditor.policy.load import parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.load_people import parse_people
from auditor.policy.load_suppressions import parse_suppressions
from auditor.policy.standing import weigh, weigh_limits
from auditor.report.visible import visible
from auditor.trust.people import People


def check_files(options: Namespace, files: Sequence[Path]) -> None:
    """Say of each file that nothing is wrong with it; PolicyError names everything that is wrong with any."""
    checked = _Checked([product.id for product in load_catalogue().products], datetime.now(UTC).date())
    texts = {file: read_text(file) for file in files}
    kinds: dict[str, Callable[[str, Path], str]] = {
        "": checked.policy,
        "people": checked.persons,
        "exceptions": checked.exceptions,
        "suppressions": checked.suppressions,
    }
    problems: list[Problem] = []
    # Exceptions come last: how long they may hold, and who signed them, the others say.
    for kind, check in kinds.items():
        for place, (file, text) in enumerate(texts.items()):
            if _kind(text, file) != kind:
                continue
            checked.place = place
            try:
                say(options, f"{file}: {check(text, file)}, no problem found")
            except PolicyError as error:
                problems.extend(error.problems)
    problems.extend(checked.limit_problems())
    if problems:
        raise PolicyError(problems)


@dataclass(slots=True)
class _Checked:
    """What is known from the files that were read so far."""

    products: list[str]
    """Catalogue ids."""
    day: date
    """The day on which signatures are weighed."""
    place: int = 0
    """Which file it is that is read, as they were named."""
    policies: dict[int, tuple[Policy, str, Path]] = field(default_factory=dict)
    """Every policy by its place, with its text and file."""
    people: People | None = None
    """Of the people file named last; None where none is."""

    def policy(self, text: str, file: Path) -> str:
        """Check a policy, and return what is said of it."""
        policy = parse_policy(text, file, products=self.products)
        self.policies[self.place] = (policy, text, file)
        return f"{len(policy.approvals)} approvals"

    def persons(self, text: str, file: Path) -> str:
        """Check a people file, and return what is said of it."""
        self.people = parse_people(text, file)
        return f"{len(self.people.persons)} people"

    def exceptions(self, text: str, file: Path) -> str:
        """Check an exceptions file, its signatures where people are known, and return what is said of it."""
        settings = self._settings()
        known = Known(controls=list(controls()), products=self.products, settings=settings)
        records = parse_exceptions(text, file, known)
        if self.people is None or not records:
            hint = " (name the people file too, and their signatures are checked)" if records else ""
            return f"{len(records)} exceptions{hint}"
        weighed = weigh(records, self.people, settings, self.day)
        void = {one.record.id: one.why for one in weighed if _is_void(one, self.day)}
        if void:
            raise PolicyError(list(_void_problems(document_of(text, file), "exceptions", "id", void)))
        verified = sum(1 for one in weighed if one.standing is Standing.VERIFIED)
        return f"{len(records)} exceptions, {verified} of them signed by both people"

    def suppressions(self, text: str, file: Path) -> str:
        """Check a suppressions file, and return what is said of it."""
        found = parse_suppressions(text, file, self.products)
        ended = [one.id for one in found if one.is_ended(self.day)]
        said = f", ended: {', '.join(map(visible, ended))}" if ended else ""
        return f"{len(found)} suppressions{said}"

    def _settings(self) -> Settings:
        """Return the settings of the policy that was named before the file, else of the first one named."""
        before = [place for place in self.policies if place < self.place]
        place = before[-1] if before else next(iter(self.policies), None)
        return Settings() if place is None else self.policies[place][0].settings

    def limit_problems(self) -> Iterator[Problem]:
        """Yield the accepted limits whose people have not signed them as the policy wants; nothing without people."""
        if self.people is None:
            return
        for policy, text, file in self.policies.values():
            weighed = weigh_limits(policy.accepted_limits, self.people, policy.settings, self.day)
            void = {one.record.limit: one.why for one in weighed if _is_void(one, self.day)}
            yield from _void_problems(document_of(text, file), "accepted_limits", "limit", void)


def _is_void(weighed: WeighedException | WeighedLimit, day: date) -> bool:
    return state_of(weighed, day) is ExceptionState.VOID


def _void_problems(document: Document, key: str, name: str, void: dict[str, str | None]) -> Iterator[Problem]:
    for at, entry in entries(document, key):
        if entry[name] in void:
            yield document.problem((*at, name), f"{entry[name]!r} does not hold: {void[entry[name]]}")


def _kind(text: str, file: Path) -> str:
    """Tell by its keys what a file is; whatever is none of the others is taken for a policy."""
    document = read_document(text.removeprefix("\ufeff"), file)
    data = {} if isinstance(document, Problem) else document.data
    return next(
        (kind for kind in ("people", "exceptions", "suppressions") if isinstance(data, dict) and kind in data), ""
    )
