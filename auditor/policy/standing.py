"""Whether people have signed an exception or an accepted limit: what they sign, and what that is worth on a day."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from auditor.model.policy import AcceptedLimit, ExceptionRecord, Settings, Unsigned
from auditor.model.record import Record, asdict
from auditor.model.standing import Signer, Standing, Weighed, WeighedException, WeighedLimit
from auditor.trust.people import Duty, People, PersonKey, signed_by
from auditor.trust.sshsig import Namespace

SCHEMA = 1
"""Version of the text that is signed."""
ROLES = ("requested_by", "approved_by")
"""Who signs an exception."""
LIMIT_ROLES = ("owner", "approved_by")
"""Who signs an accepted limit."""
DUTIES = {
    "requested_by": Duty.REQUEST_EXCEPTIONS,
    "owner": Duty.REQUEST_EXCEPTIONS,
    "approved_by": Duty.APPROVE_EXCEPTIONS,
}
"""What somebody who signs as one of these does."""

Signable = ExceptionRecord | AcceptedLimit
"""What people sign in a file of the operator's."""


class _By(Record, kw_only=True):
    """By what signatures are weighed."""

    people: People
    settings: Settings
    day: date


def roles_of(record: Signable) -> tuple[str, ...]:
    """Return who signs it."""
    return ROLES if isinstance(record, ExceptionRecord) else LIMIT_ROLES


def text_to_sign(record: Signable) -> bytes:
    """Return what both people sign: all that an entry says, in the one way there is to write it.

    JSON with sorted keys, one blank a level, ASCII only so that no letter looks like another, and a line end. What
    an entry does not say is not there: a key that a later version knows changes no text of before.
    """
    said: dict[str, Any] = {}
    for name, value in asdict(record).items():
        if name != "signatures" and value not in (None, "", ()):
            said[name] = list(value) if isinstance(value, tuple) else str(value)
    kind = "entry" if isinstance(record, ExceptionRecord) else "accepted_limit"
    whole = {kind: said, "purpose": Namespace.EXCEPTION.value, "schema": SCHEMA}
    return json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=True).encode() + b"\n"


def weigh(
    records: Iterable[ExceptionRecord], people: People, settings: Settings, day: date
) -> tuple[WeighedException, ...]:
    """Say of each exception what its people are worth on a day (UTC).

    A signature that is there has to be right, whatever the policy admits: a wrong one is a sign of forgery. So has
    whoever is named, signed or not, to have the role that the people file leaves this to.
    """
    by = _By(people=people, settings=settings, day=day)
    return tuple(
        WeighedException(record=record, standing=found.standing, signers=found.signers, why=found.why)
        for record in records
        for found in [_weighed(record, by)]
    )


def weigh_limits(
    records: Iterable[AcceptedLimit], people: People, settings: Settings, day: date
) -> tuple[WeighedLimit, ...]:
    """Say the same of each limit that the policy accepts."""
    by = _By(people=people, settings=settings, day=day)
    return tuple(
        WeighedLimit(record=record, standing=found.standing, signers=found.signers, why=found.why)
        for record in records
        for found in [_weighed(record, by)]
    )


def _weighed(record: Signable, by: _By) -> Weighed:
    signers, wrong, lacking = [], [], []
    for role in roles_of(record):
        unfit = by.people.unfit(getattr(record, role), DUTIES[role])
        found = _signer(record, role, by) if unfit is None else f"{getattr(record, role)} ({role}) {unfit}"
        if isinstance(found, Signer):
            signers.append(found)
        elif unfit is not None or role in record.signatures:
            wrong.append(found)
        else:
            lacking.append(found)
    if not wrong and not lacking:
        return Weighed(standing=Standing.VERIFIED, signers=tuple(signers))
    admits = by.settings.unsigned_exceptions is Unsigned.ADMIT
    return Weighed(
        standing=Standing.ASSERTED if admits and not wrong else Standing.VOID,
        signers=tuple(signers),
        why="; ".join([*wrong, *lacking]),
    )


def _signer(record: Signable, role: str, by: _By) -> Signer | str:
    """Return who has signed in a role, or say what lacks."""
    name: str = getattr(record, role)
    text = record.signatures.get(role)
    if text is None:
        return f"{name} ({role}) has not signed it"
    person = by.people.named(name)
    if person is None:
        return f"{name} ({role}) is nobody in the people file, so that the signature counts for nothing"
    found = signed_by(text, text_to_sign(record), Namespace.EXCEPTION, person=person, people=by.people, day=by.day)
    if isinstance(found, PersonKey):
        return Signer(role=role, person=person.name, fingerprint=found.key.fingerprint)
    return f"the signature of {name} ({role}) {found}"
