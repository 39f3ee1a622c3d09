"""People with keys of their own, and exceptions that they signed (synthetic: the keys are made for the test)."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from auditor.model.policy import ExceptionRecord
from auditor.policy.standing import text_to_sign
from auditor.trust.people import People, Person, PersonKey
from auditor.trust.signing import SigningKey, make_private
from auditor.trust.sshsig import Namespace

ADA, GRACE, EVE = (make_private(None)[0] for _ in range(3))
NAMES = {"Ada Lovelace": ADA, "Grace Hopper": GRACE}
PEOPLE = People(
    persons=tuple(
        Person(name=name, roles=("tester",), keys=(PersonKey(key=key.public),)) for name, key in NAMES.items()
    )
)


def people_text(names: Mapping[str, SigningKey] = NAMES, **days: date) -> str:
    """Write a people file; ``valid_until`` and ``valid_from`` are those of every key."""
    told = {name: day.isoformat() for name, day in days.items()}
    return yaml.safe_dump(
        {
            "people": [
                {"name": name, "roles": ["tester"], "keys": [{"key": key.public.line, **told}]}
                for name, key in names.items()
            ]
        }
    )


def signature(record: ExceptionRecord, key: SigningKey) -> str:
    """Sign an exception."""
    return key.sign(text_to_sign(record), Namespace.EXCEPTION)


def an_entry(**changes: Any) -> dict[str, Any]:
    """Return an exception as its file holds it."""
    return {
        "id": "EX-1",
        "control": "unapproved_product",
        "hosts": ["pc-*"],
        "subject": "product:anydesk",
        "reason": "Until the contract ends",
        "requested_by": "Ada Lovelace",
        "approved_by": "Grace Hopper",
        "start": "2027-01-01",
        "end": "2027-12-31",
        **changes,
    }
