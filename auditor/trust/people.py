"""People and their keys, and whether a signature is one of a person on a day.

A signature says nothing of when it was made, and who has a key can put any date into what is signed. So a key has to
hold on the day that is judged at: what it signed ends with it.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum

from auditor.model.record import Record, field
from auditor.trust.keys import PublicKey
from auditor.trust.sshsig import Namespace, read_signature, unproven


def same_person(name: str) -> str:
    """Return what two ways of writing one person's name have in common: letters, not their case, form or blanks."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


class PersonKey(Record, kw_only=True):
    """A key of a person, and the days on which its signatures count."""

    key: PublicKey
    """The public key."""
    valid_from: date | None = None
    """First day (UTC); None for ever before."""
    valid_until: date | None = None
    """Last day (UTC); None for ever after."""

    def objection(self, day: date) -> str | None:
        """Say why it does not count on a day; None when it does."""
        if self.valid_from is not None and day < self.valid_from:
            return f"counts from {self.valid_from.isoformat()} on only"
        if self.valid_until is not None and day > self.valid_until:
            return f"counted until {self.valid_until.isoformat()}"
        return None


class Duty(StrEnum):
    """What a people file can leave to those who have a role."""

    REQUEST_EXCEPTIONS = "request_exceptions"
    """Ask for exceptions, and answer for accepted limits."""
    APPROVE_EXCEPTIONS = "approve_exceptions"
    """Grant exceptions and accepted limits."""
    APPROVE_PLANS = "approve_plans"
    """Approve plans of remediation."""
    SIGN_BUNDLES = "sign_bundles"
    """Sign the manifest of a run."""
    PREPARE = "prepare"
    """Sign a run off as its preparer."""
    REVIEW = "review"
    """Sign a run off as its reviewer."""


_DOING = {
    Duty.REQUEST_EXCEPTIONS: "ask for exceptions or answer for accepted limits",
    Duty.APPROVE_EXCEPTIONS: "grant exceptions or accepted limits",
    Duty.APPROVE_PLANS: "approve plans",
    Duty.SIGN_BUNDLES: "sign bundles",
    Duty.PREPARE: "sign off as preparer",
    Duty.REVIEW: "sign off as reviewer",
}


class Person(Record, kw_only=True):
    """Somebody whose signature counts for something."""

    name: str
    """The name that exceptions, plans and sign-offs call them by."""
    roles: tuple[str, ...] = ()
    """What they answer for, in the organisation's own words."""
    email: str | None = None
    """Where they are reached."""
    keys: tuple[PersonKey, ...] = ()
    """Their keys; more than one while a key is replaced."""


class People(Record, kw_only=True):
    """Everybody whose signature counts."""

    persons: tuple[Person, ...] = ()
    """In the order of the file."""
    duties: Mapping[Duty, tuple[str, ...]] = field(default_factory=dict)
    """Roles that a duty is left to; one that is not here is anybody's who stands in the file."""

    def named(self, name: str) -> Person | None:
        """Return the person of a name, however it is written."""
        wanted = same_person(name)
        return next((one for one in self.persons if same_person(one.name) == wanted), None)

    def may(self, person: Person) -> tuple[Duty, ...]:
        """Return the duties that a person has, those that are anybody's included."""
        return tuple(duty for duty in Duty if self.unfit(person.name, duty) is None)

    def unfit(self, name: str, duty: Duty) -> str | None:
        """Say why the people file keeps somebody from a duty, as the end of a sentence; None where it does not."""
        roles = self.duties.get(duty)
        if roles is None:
            return None
        person, left_to = self.named(name), " or ".join(map(repr, roles))
        if person is None:
            return f"may not {_DOING[duty]}: that is left to {left_to}, and the people file does not know this name"
        if {same_person(role) for role in roles} & {same_person(role) for role in person.roles}:
            return None
        has = ", ".join(map(repr, person.roles))
        return f"may not {_DOING[duty]}: the people file leaves that to {left_to}, not to {has}"

    def holder(self, key: PublicKey) -> Person | None:
        """Return whose key it is."""
        return next((one for one in self.persons if key in _keys(one.keys)), None)


def signed_by(
    text: str, message: bytes, namespace: Namespace, *, person: Person, people: People, day: date
) -> PersonKey | str:
    """Return the key with which a person signed a message, or say why none did, as the end of a sentence."""
    try:
        signature = read_signature(text)
    except ValueError as error:
        return str(error)
    known = next((one for one in person.keys if one.key == signature.key), None)
    if known is None:
        holder = people.holder(signature.key)
        whose = "nobody in the people file" if holder is None else holder.name
        return f"was made with a key of {whose} ({signature.key.fingerprint})"
    wrong = known.objection(day)
    if wrong is not None:
        return f"was made with a key that {wrong} ({signature.key.fingerprint})"
    return unproven(signature, message, namespace) or known


def _keys(keys: Iterable[PersonKey]) -> list[PublicKey]:
    return [one.key for one in keys]
