"""Whether a bundle is signed, by whom, and what that is worth: what ``auditor verify`` says of it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from auditor.errors import UsageError
from auditor.model.record import Record
from auditor.policy.faults import read_text
from auditor.policy.load_people import parse_people
from auditor.policy.locate import locate
from auditor.report.visible import visible
from auditor.run.manifest import MANIFEST, SIGNATURE, read_small
from auditor.trust.keys import key_of_line
from auditor.trust.people import Duty, PersonKey, signed_by
from auditor.trust.sshsig import Namespace as Purpose
from auditor.trust.sshsig import Signature, read_signature, unproven, unusual


class Signed(Record, kw_only=True):
    """What is to be said of a bundle's signature."""

    words: str
    """Who signed it, as far as that is known."""
    is_established: bool = False
    """Whether it is known whose signature it is: of a key that is trusted, and counts today."""
    problems: tuple[str, ...] = ()
    """What is wrong with it."""


_NOT_ESTABLISHED = "signer not established"


def add_key_options(parser: ArgumentParser) -> None:
    """Add ``--key`` and ``--people``."""
    parser.add_argument("--key", type=Path, metavar="FILE", help="it must be signed with this public key (.pub)")
    parser.add_argument(
        "--people", type=Path, metavar="FILE", help="it must be signed by one of these people, by a key of today"
    )


def signature_of(folder: Path, options: Namespace) -> Signed:
    """Check the signature of a bundle's manifest: one that is there has to hold, one that is wanted has to be there."""
    file = folder / SIGNATURE
    try:
        text = read_small(file).decode("ascii", "replace")
    except FileNotFoundError:
        wanted = options.key or options.people
        nobody = f"{visible(str(file))}: is missing: nobody signed it"
        return Signed(words=f"{_NOT_ESTABLISHED}: nobody signed it", problems=(nobody,) if wanted else ())
    except (OSError, ValueError) as error:
        return _wrong(file, visible(str(error)))
    manifest = read_small(folder / MANIFEST)
    try:
        signature = read_signature(text)
    except ValueError as error:
        return _wrong(file, str(error))
    wrong = unproven(signature, manifest, Purpose.BUNDLE) or unusual(text)
    if wrong is not None:
        return _wrong(file, wrong)
    problems = tuple(f"{visible(str(file))}: {said}" for said in _objections(signature, text, manifest, options))
    words, is_established = _who(signature, options)
    return Signed(words=words, is_established=is_established, problems=problems)


def _wrong(file: Path, said: str) -> Signed:
    return Signed(words=_NOT_ESTABLISHED, problems=(f"{visible(str(file))}: {said}",))


def _objections(signature: Signature, text: str, manifest: bytes, options: Namespace) -> Iterator[str]:
    """Yield why a signature that is right is not the one that is wanted."""
    if options.key is not None:
        try:
            wanted = key_of_line(read_text(options.key))
        except ValueError as error:
            raise UsageError(f"{options.key}: {error}") from error
        if signature.key != wanted:
            yield f"was made with {signature.key.fingerprint}, and {wanted.fingerprint} is wanted"
    if options.people is not None:
        people = parse_people(read_text(options.people), options.people)
        person = people.holder(signature.key)
        if person is None:
            yield f"was made with a key of nobody in {options.people} ({signature.key.fingerprint})"
            return
        today = datetime.now(UTC).date()
        found = signed_by(text, manifest, Purpose.BUNDLE, person=person, people=people, day=today)
        if not isinstance(found, PersonKey):
            yield found
        unfit = people.unfit(person.name, Duty.SIGN_BUNDLES)
        if unfit is not None:
            yield f"is of {visible(person.name)}, who {unfit}"


def _who(signature: Signature, options: Namespace) -> tuple[str, bool]:
    """Say whose signature it is, and whether that is known: by the key that was named, or by the people file."""
    file = locate("people.yml", options.people)
    people = parse_people(read_text(file), file)
    person = people.holder(signature.key)
    fingerprint = signature.key.fingerprint
    if person is None:
        if options.key is not None:
            return f"signed with {fingerprint}, the key of {options.key}", True
        return f"{_NOT_ESTABLISHED}: signed with {fingerprint}, a key of nobody in {file}", False
    key = next(one for one in person.keys if one.key == signature.key)
    wrong = key.objection(datetime.now(UTC).date())
    name = visible(person.name)
    if wrong is not None and options.key is None:
        return f"{_NOT_ESTABLISHED}: signed with a key of {name} that {wrong} ({fingerprint})", False
    unfit = people.unfit(person.name, Duty.SIGN_BUNDLES)
    if unfit is not None and options.key is None:
        return f"{_NOT_ESTABLISHED}: signed by {name}, who {unfit} ({fingerprint})", False
    return f"signed by {name} ({fingerprint}), as {file} says", True
