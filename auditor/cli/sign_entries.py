"""Exceptions and accepted limits signed in their files, for ``auditor sign``."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.files import write_whole
from auditor.cli.signing_key import signing_key
from auditor.cli.terminal import say
from auditor.controls.registry import controls
from auditor.errors import UsageError, did_you_mean
from auditor.model.record import Record
from auditor.policy.faults import read_text
from auditor.policy.load import parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.load_people import parse_people
from auditor.policy.locate import locate
from auditor.policy.standing import DUTIES, Signable, roles_of, text_to_sign
from auditor.policy.write_signature import Entry, block_to_paste, with_signature
from auditor.report.visible import visible
from auditor.trust.people import People, Person, PersonKey, same_person, signed_by
from auditor.trust.sshsig import Namespace as Purpose
from auditor.trust.sshsig import read_signature


class _Asked(Record, kw_only=True):
    """One entry that is to be signed."""

    file: Path
    """The file that it stands in."""
    place: Entry
    """Where in it."""
    record: Signable
    """What it says."""

    def __str__(self) -> str:
        kind = "exception" if self.place.list == "exceptions" else "limit"
        return f"{kind} {visible(self.place.name)}"


def sign_entries(options: Namespace) -> int:
    """Sign what ``--exception`` and ``--limit`` name; or only print what is signed of it."""
    asked = [*_exceptions(options), *_limits(options)]
    if options.show:
        if len(asked) > 1:
            raise UsageError("--show prints the text of one entry")
        sys.stdout.flush()
        sys.stdout.buffer.write(text_to_sign(asked[0].record))
        return 0
    people_file = locate("people.yml", options.people)
    people = parse_people(read_text(people_file), people_file)
    signatures = _brought(options, asked) if options.signature else _made(options, asked)
    texts = {one.file: read_text(one.file) for one in asked}
    before = dict(texts)
    for one, signature in zip(asked, signatures, strict=True):
        person, role = _signer(one, signature, people, people_file)
        changed = with_signature(texts[one.file], one.place, role, signature)
        if changed is None:
            print(block_to_paste(role, signature))
            say(options, f"{one.file}: put the lines above into {one}: it is not written a key a line")
            continue
        texts[one.file] = changed
        say(options, f"{one.file}: {one} signed by {visible(person.name)} ({role})")
    for file, text in texts.items():
        if text != before[file]:
            write_whole(file.resolve(), text)
    return 0


def _exceptions(options: Namespace) -> Iterator[_Asked]:
    if not options.exception:
        return
    products = [product.id for product in load_catalogue().products]
    policy_file = locate("policy.yml", options.policy)
    settings = parse_policy(read_text(policy_file), policy_file, products=products).settings
    file = locate("exceptions.yml", options.exceptions)
    known = Known(controls=list(controls()), products=products, settings=settings)
    records = {record.id: record for record in parse_exceptions(read_text(file), file, known)}
    for name in _names(options.exception, records, f"{file}: has no exception"):
        yield _Asked(file=file, place=Entry(list="exceptions", key="id", name=name), record=records[name])


def _limits(options: Namespace) -> Iterator[_Asked]:
    if not options.limit:
        return
    products = [product.id for product in load_catalogue().products]
    file = locate("policy.yml", options.policy)
    policy = parse_policy(read_text(file), file, products=products)
    records = {record.limit: record for record in policy.accepted_limits}
    for name in _names(options.limit, records, f"{file}: accepts no limit"):
        yield _Asked(file=file, place=Entry(list="accepted_limits", key="limit", name=name), record=records[name])


def _names(wanted: Sequence[str], known: Mapping[str, Signable], without: str) -> list[str]:
    for name in wanted:
        if name not in known:
            raise UsageError(f"{without} {name!r}{did_you_mean(name, sorted(known))}")
    return list(dict.fromkeys(wanted))


def _made(options: Namespace, asked: Sequence[_Asked]) -> list[str]:
    key = signing_key(options.key)
    return [key.sign(text_to_sign(one.record), Purpose.EXCEPTION) for one in asked]


def _brought(options: Namespace, asked: Sequence[_Asked]) -> list[str]:
    if len(asked) > 1 or options.key:
        raise UsageError("--signature is the signature of one entry, and takes no --key")
    return [read_text(options.signature)]


def _signer(one: _Asked, signature: str, people: People, file: Path) -> tuple[Person, str]:
    """Return whose signature it is and in which role; UsageError for one that would count for nothing."""
    try:
        key = read_signature(signature).key
    except ValueError as error:
        raise UsageError(f"the signature {error}") from error
    person = people.holder(key)
    if person is None:
        raise UsageError(f"{key.fingerprint} is a key of nobody in {file}: what it signs would count for nothing")
    named = {role: getattr(one.record, role) for role in roles_of(one.record)}
    role = next((role for role, name in named.items() if same_person(name) == same_person(person.name)), None)
    if role is None:
        asked, granted = (name or "nobody" for name in named.values())
        raise UsageError(f"{one} is asked for by {asked} and granted by {granted}: the key is {person.name}'s")
    unfit = people.unfit(person.name, DUTIES[role])
    if unfit is not None:
        raise UsageError(f"{one}: {person.name} {unfit} ({file})")
    today = datetime.now(UTC).date()
    text = text_to_sign(one.record)
    found = signed_by(signature, text, Purpose.EXCEPTION, person=person, people=people, day=today)
    if not isinstance(found, PersonKey):
        raise UsageError(f"{one}: the signature of {person.name} {found}")
    return person, role
