"""A host's answer made fit to be handed to strangers, and read again to see that it still tells the same.

Runs in a reader process, as everything that reads a host's bytes.
"""

import secrets
from collections import Counter
from typing import Any

from auditor.catalogue.match import match
from auditor.collect.envelope import open_envelope, write_envelope
from auditor.collect.read import read
from auditor.collect.redact import redact
from auditor.collect.scrub import Scrubber
from auditor.model.facts.system import OperatingSystem
from auditor.model.reading import Reading
from auditor.model.record import Record, Unshown, asdict, replace
from auditor.run.pipeline import Answered, Rules, to_evidence
from auditor.run.vocabulary import vocabulary
from auditor.run.wire import joined, parted

_KEY_BYTES = 32


class ScrubJob(Record, kw_only=True):
    """One answer to be scrubbed."""

    answered: Answered
    """The answer, not yet opened."""
    names: Unshown[tuple[str, ...]]
    """By what the operator calls the host: inventory name, address."""


class ScrubbedSection(Record, kw_only=True):
    """One section of a scrubbed answer, as it is read."""

    id: str
    """Collector id."""
    outcome: str
    """What became of it, the reader's doubts included."""
    items: int
    """Facts read from it."""
    unread: int
    """Lines that were not understood."""
    kinds: dict[str, int]
    """Facts by their type."""
    differs: str = ""
    """What the answer as it came told instead; empty where both tell the same."""


class Scrubbed(Record, kw_only=True):
    """A scrubbed answer, and what is to be said of it."""

    stdout: Unshown[bytes]
    """The answer as the probe would have printed it."""
    stderr: Unshown[bytes]
    """Its standard error; empty where nothing was said on it."""
    os: str
    """Name of the operating system."""
    version: str
    """Its version."""
    kernel: str
    """Kernel, release and machine."""
    rights: str
    """Rights of the probe."""
    probe_sha256: str = ""
    """SHA-256 of the script that was sent."""
    sections: tuple[ScrubbedSection, ...]
    """Its sections, in the order of the probe."""
    products: tuple[str, ...]
    """What remote-access software it shows: product, state, confidence."""
    products_differ: str = ""
    """What the answer as it came showed instead; empty where both show the same."""
    counts: dict[str, int]
    """Different words, numbers, addresses, MACs that were replaced; and secrets that were taken out."""
    stays: tuple[str, ...]
    """Names on the host that had to stay, being words that readers look for."""


def scrubbed(job: ScrubJob, rules: Rules) -> Scrubbed:
    """Redact and scrub an answer, and compare what is read from it before and after.

    Raises HostError for an answer that is not the probe's or not whole.
    """
    answered = job.answered
    before = to_evidence(answered)
    reading = read(before)
    scrubber = Scrubber(secrets.token_bytes(_KEY_BYTES), vocabulary(rules.catalogue))
    scrubber.learn(reading, (before.head.hostname, *job.names))
    envelope = open_envelope(
        stdout=answered.raw.stdout,
        stderr=answered.raw.stderr,
        token=answered.raw.token or answered.token,
        limit=answered.unpacked_limit,
    )
    # As sealed: secrets are out before anything is looked at.
    by_id = {section.id: section for section in before.sections}
    envelope = replace(
        envelope,
        answers=tuple(replace(one, text=by_id[one.id].text, stderr=by_id[one.id].stderr) for one in envelope.answers),
        preamble_stderr=redact(envelope.preamble_stderr)[0],
    )
    token = secrets.token_hex(16)
    stdout, stderr = write_envelope(scrubber.envelope(envelope), token)
    raw = replace(answered.raw, stdout=stdout, stderr=stderr, token=token, own_connections=())
    after = to_evidence(replace(answered, raw=raw, token=token, unpacked_limit=2 * answered.unpacked_limit))
    again = read(after)
    products, shown = _products(reading, rules), _products(again, rules)
    systems = again.of(OperatingSystem)
    return Scrubbed(
        stdout=stdout,
        stderr=stderr,
        os=systems[0].name if systems else "unknown",
        version=systems[0].version if systems else "",
        kernel=after.head.kernel,
        probe_sha256=before.head.probe_sha256 or "",
        rights=after.head.rights,
        sections=_sections(reading, again),
        products=shown,
        products_differ="" if products == shown else "; ".join(products) or "none",
        counts={**scrubber.counts, "secrets": sum(section.redactions for section in before.sections)},
        stays=scrubber.stays,
    )


def _sections(before: Reading, after: Reading) -> tuple[ScrubbedSection, ...]:
    kinds_before, kinds = _kinds(before), _kinds(after)
    found = []
    for name, section in after.sections.items():
        was = before.sections[name]
        one = ScrubbedSection(
            id=name,
            outcome=section.outcome,
            items=section.items,
            unread=len(section.unread),
            kinds=kinds.get(name, {}),
        )
        same = (was.outcome, was.items, len(was.unread), kinds_before.get(name, {})) == (
            section.outcome, section.items, len(section.unread), one.kinds,
        )  # fmt: skip
        if not same:
            said = f"{was.outcome}, {was.items} items, {len(was.unread)} lines not understood"
            one = replace(one, differs=said)
        found.append(one)
    return tuple(found)


def _kinds(reading: Reading) -> dict[str, dict[str, int]]:
    """Count the facts of each section by their type; of the operating system, what it is counts too."""
    counted: dict[str, Counter[str]] = {}
    for kind, facts in reading.facts.items():
        for one in facts:
            name = f"{kind.__name__} {one.fact.id}" if isinstance(one.fact, OperatingSystem) else kind.__name__
            counted.setdefault(one.section, Counter())[name] += 1
    return {section: dict(sorted(counts.items())) for section, counts in counted.items()}


def _products(reading: Reading, rules: Rules) -> tuple[str, ...]:
    return tuple(sorted(f"{one.product}, {one.state}, {one.confidence}" for one in match(reading, rules.catalogue)))


# ---- the wire


def pack_scrubbed(made: Scrubbed) -> bytes:
    """Write a scrubbed answer as one message."""
    others = {
        "sections": [asdict(section) for section in made.sections],
        "stdout": len(made.stdout),
        "stderr": len(made.stderr),
    }
    return joined({**asdict(made), **others}, made.stdout, made.stderr)


def unpack_scrubbed(message: bytes) -> Scrubbed:
    """Read a message back; raises HostError for a failure."""
    head, rest = parted(message)
    length = head["stdout"]
    texts: dict[str, Any] = {
        "stdout": rest[:length],
        "stderr": rest[length : length + head["stderr"]],
        "sections": tuple(ScrubbedSection(**section) for section in head["sections"]),
        "products": tuple(head["products"]),
        "stays": tuple(head["stays"]),
    }
    return Scrubbed(**{**head, **texts})
