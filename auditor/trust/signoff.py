"""Who prepared and who reviewed a run: statements that are signed, and what they are worth today.

A statement names the manifest that it is about by its digest, so that a change of anything in the bundle makes it void.
The reviewer's names the preparer's by its digest, too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from auditor.model.record import Record, asdict
from auditor.trust.people import Duty, People, PersonKey, same_person, signed_by
from auditor.trust.sshsig import Namespace, read_signature, unproven, unusual

_FORMAT = 1
_TEXT_LIMIT = 4000


class Role(StrEnum):
    """What somebody signs off as."""

    PREPARER = "preparer"
    REVIEWER = "reviewer"


DUTIES = {Role.PREPARER: Duty.PREPARE, Role.REVIEWER: Duty.REVIEW}
"""What somebody does who signs as one of these."""


class Worth(StrEnum):
    """What a statement is worth."""

    VERIFIED = "verified"
    NOT_ESTABLISHED = "not_established"
    UNSIGNED = "unsigned"
    VOID = "void"


class SignoffState(StrEnum):
    """How far the sign-off of a run is."""

    NONE = "none"
    OPEN = "open"
    PREPARED = "prepared"
    REVIEWED = "reviewed"
    VOID = "void"


class About(Record, kw_only=True):
    """What is signed off: the bundle as it lies there."""

    run: str
    """Id of the run."""
    seal: str
    """Its seal, which is the head of its chain."""
    manifest_sha256: str
    """Digest of its manifest."""
    sample_sha256: str | None
    """Digest of the sample that was drawn; None where there is none."""


class Statement(Record, kw_only=True):
    """What one person says, and signs."""

    role: Role
    """What they sign as."""
    person: str
    """Who says it, as people.yml names them."""
    on: date
    """The day (UTC) that they say it was: a signature does not show it."""
    about: About
    """What it is about."""
    conclusion: str
    """What they conclude, in their own words."""
    preparer_sha256: str | None = None
    """Digest of the statement that is reviewed."""


class Paper(Record, kw_only=True):
    """A statement as it lies in a bundle, and the signature beside it."""

    data: bytes
    """Its bytes, which are what is signed."""
    signature: str | None
    """The armoured signature; None where nobody signed it yet."""


class Weighed(Record, kw_only=True):
    """What one statement is worth."""

    role: Role
    """What it was given as."""
    worth: Worth
    """What it is worth."""
    why: str | None = None
    """Why it is worth no more, as the end of a sentence."""
    statement: Statement | None = None
    """What it says; None where it cannot be read."""
    fingerprint: str | None = None
    """The key that it was signed with."""
    roles: tuple[str, ...] = ()
    """What the person answers for, as people.yml says."""


class Signoff(Record, kw_only=True):
    """How far a sign-off is."""

    state: SignoffState
    """The whole of it."""
    papers: tuple[Weighed, ...] = ()
    """Its statements, the preparer's first."""


def statement_bytes(statement: Statement) -> bytes:
    """Return the one way in which a statement is written."""
    row = {name: value for name, value in asdict(statement).items() if name not in ("about", "on")}
    whole = row | asdict(statement.about) | {"on": statement.on.isoformat(), "format": _FORMAT}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def read_statement(data: bytes) -> Statement:
    """Read a statement; ValueError says why it is none, as the end of a sentence."""
    try:
        row: dict[str, Any] = json.loads(data)
        statement = Statement(
            role=Role(row["role"]),
            person=_text(row["person"]),
            on=date.fromisoformat(row["on"]),
            about=About(
                run=_text(row["run"]),
                seal=_text(row["seal"]),
                manifest_sha256=_text(row["manifest_sha256"]),
                sample_sha256=None if row["sample_sha256"] is None else _text(row["sample_sha256"]),
            ),
            conclusion=_text(row["conclusion"]),
            preparer_sha256=None if row["preparer_sha256"] is None else _text(row["preparer_sha256"]),
        )
        is_plain = row["format"] == _FORMAT and statement_bytes(statement) == data
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("cannot be read as a statement") from error
    if not is_plain:
        raise ValueError("is not written as a statement is")
    return statement


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT:
        raise TypeError("a text is wanted, and it is something else")
    return value


def weigh(papers: Mapping[Role, Paper], about: About, people: People, day: date) -> Signoff:
    """Say what the statements on a run are worth on a day, by the people whose keys are known."""
    weighed = [_weighed(role, papers[role], about, people, day) for role in Role if role in papers]
    if Role.REVIEWER in papers:
        reviewer = weighed[-1]
        wrong = _not_a_review(reviewer, papers.get(Role.PREPARER), weighed[0])
        if wrong is not None and reviewer.worth is not Worth.VOID:
            weighed[-1] = Weighed(
                role=reviewer.role,
                worth=Worth.VOID,
                why=wrong,
                statement=reviewer.statement,
                fingerprint=reviewer.fingerprint,
                roles=reviewer.roles,
            )
    return Signoff(state=_state(weighed), papers=tuple(weighed))


def _state(papers: list[Weighed]) -> SignoffState:
    if not papers:
        return SignoffState.NONE
    if any(paper.worth is Worth.VOID for paper in papers):
        return SignoffState.VOID
    signed = [paper.role for paper in papers if paper.worth is not Worth.UNSIGNED]
    if signed == list(Role):
        return SignoffState.REVIEWED
    return SignoffState.PREPARED if Role.PREPARER in signed else SignoffState.OPEN


def _weighed(role: Role, paper: Paper, about: About, people: People, day: date) -> Weighed:
    try:
        statement = read_statement(paper.data)
    except ValueError as error:
        return Weighed(role=role, worth=Worth.VOID, why=str(error))
    person = people.named(statement.person)
    roles = () if person is None else person.roles
    # Somebody whom the people file does not know is judged by their key, below.
    unfit = None if person is None else people.unfit(person.name, DUTIES[role])
    wrong = next(_disagreements(role, statement, about), unfit and f"{statement.person} {unfit}")
    if wrong is not None:
        return Weighed(role=role, worth=Worth.VOID, why=wrong, statement=statement, roles=roles)
    if paper.signature is None:
        return Weighed(role=role, worth=Worth.UNSIGNED, why="nobody signed it", statement=statement, roles=roles)
    try:
        signature = read_signature(paper.signature)
    except ValueError as error:
        return Weighed(role=role, worth=Worth.VOID, why=f"its signature {error}", statement=statement, roles=roles)
    worth, why = Worth.VERIFIED, unproven(signature, paper.data, Namespace.SIGNOFF) or unusual(paper.signature)
    if why is not None:
        worth, why = Worth.VOID, f"its signature {why}"
    elif person is None and people.holder(signature.key) is None:
        worth, why = Worth.NOT_ESTABLISHED, "neither the person nor the key is known to the people file"
    elif person is None:
        worth, why = Worth.VOID, "the people file does not know this person, and the key is somebody else's"
    else:
        key = signed_by(paper.signature, paper.data, Namespace.SIGNOFF, person=person, people=people, day=day)
        if not isinstance(key, PersonKey):
            worth, why = Worth.VOID, f"its signature {key}"
    return Weighed(
        role=role, worth=worth, why=why, statement=statement, fingerprint=signature.key.fingerprint, roles=roles
    )


def _disagreements(role: Role, statement: Statement, about: About) -> Iterator[str]:
    """Yield how a statement is not one on what lies there."""
    said = statement.about
    if statement.role is not role:
        yield f"it was given as {statement.role}"
    if said.run != about.run:
        yield "it is about another run"
    if said.manifest_sha256 != about.manifest_sha256 or said.seal != about.seal:
        yield "the bundle was changed since: its manifest is another"
    if said.sample_sha256 != about.sample_sha256:
        yield "the sample was changed since" if about.sample_sha256 else "the sample was taken away since"


def _not_a_review(reviewer: Weighed, prepared: Paper | None, preparer: Weighed) -> str | None:
    """Say why a reviewer's statement reviews nothing; None when it does."""
    if prepared is None:
        return "nobody prepared what it reviews"
    review, basis = reviewer.statement, preparer.statement
    if review is None or basis is None:
        return "what was prepared cannot be read"
    objections = {
        "what was prepared is another statement than the reviewed one": (
            review.preparer_sha256 != hashlib.sha256(prepared.data).hexdigest()
        ),
        f"what it reviews is {preparer.worth}": preparer.worth in (Worth.UNSIGNED, Worth.VOID),
        "whoever prepared it cannot review it": same_person(review.person) == same_person(basis.person),
        "both were signed with one key": reviewer.fingerprint is not None
        and reviewer.fingerprint == preparer.fingerprint,
    }
    return next((words for words, is_so in objections.items() if is_so), None)
