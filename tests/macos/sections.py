"""Single sections put to a fake Mac: what they answer, and the facts in it."""

from typing import Any

from auditor.collect.envelope import Answer, open_envelope
from auditor.collect.probe import assemble
from auditor.collect.registry import collectors
from auditor.model.reading import Parsed
from tests.macos.fake_mac import FakeMac

Told = dict[str, tuple[Answer, Parsed]]
"""Answers and what their readers make of them, by section."""


def said(mac: FakeMac, *sections: str, **how: Any) -> Told:
    """Put sections alone to a Mac; every call is documented, and nothing is left behind."""
    asked = mac.ask(script=assemble([collectors()[name] for name in sections]), **how)
    assert (asked.undocumented, asked.left) == ((), ())
    envelope = open_envelope(stdout=asked.raw.stdout, stderr=asked.raw.stderr, token=asked.token, limit=10**7)
    return {one.id: (one, collectors()[one.id].parse(one.text)) for one in envelope.answers}


def facts(told: Told, kind: type) -> list[Any]:
    """Return the facts of a kind, of all sections."""
    return [fact for _, parsed in told.values() for _, fact in parsed.facts if isinstance(fact, kind)]
