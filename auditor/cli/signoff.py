"""``auditor signoff``: draw a sample for a workpaper, sign a run as preparer or reviewer, say how far that is."""

import hashlib
import secrets
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from auditor.cli.command import Command
from auditor.cli.files import write_whole
from auditor.cli.signing_key import signing_key
from auditor.cli.terminal import add_format_option, print_rows, say
from auditor.errors import OutputError, UsageError
from auditor.policy.faults import read_text
from auditor.policy.load_people import parse_people
from auditor.policy.locate import locate
from auditor.report.visible import visible
from auditor.run.manifest import manifest_problems, read_manifest
from auditor.run.on_disk import settle_names, write_settled
from auditor.run.open_bundle import Bundle
from auditor.run.signoff import FOLDER, SAMPLE, FoundSignoff, about_of, found_signoff, paper_file
from auditor.run.workpaper import Asked, By, workpaper
from auditor.trust.people import People, Person, same_person
from auditor.trust.signing import SigningKey
from auditor.trust.signoff import DUTIES, Role, SignoffState, Statement, Worth, statement_bytes
from auditor.trust.sshsig import Namespace as Purpose

_COLUMNS = ["as", "person", "roles", "on", "worth", "key", "why"]
_DOES_NOT_HOLD = 4


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["sample", "sign", "show"], help="what to do")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--size", type=int, metavar="N", help="sample: how many hosts to draw")
    parser.add_argument("--seed", metavar="TEXT", help="sample: what they are drawn by (default: made here, and kept)")
    parser.add_argument("--by", choices=list(By), help="sample: draw from each outcome, or each site, by its share")
    parser.add_argument("--as", dest="role", choices=list(Role), help="sign: as whom")
    parser.add_argument("--conclusion", default="", metavar="TEXT", help="sign: what you conclude, in your words")
    parser.add_argument("--key", type=Path, metavar="FILE", help="sign: private key (default: as for `auditor sign`)")
    parser.add_argument(
        "--unsigned", metavar="NAME", help="sign: write NAME's statement only, for `ssh-keygen -Y sign` to sign"
    )
    parser.add_argument("--people", type=Path, metavar="FILE", help="people (default: policies/people.yml)")
    add_format_option(parser)


def _run(options: Namespace) -> int:
    if options.action == "sample":
        return _sample(options)
    file = locate("people.yml", options.people)
    people = parse_people(read_text(file), file)
    return _sign(options, people, file) if options.action == "sign" else _show(options, people)


def _sample(options: Namespace) -> int:
    if options.size is None:
        raise UsageError("how many hosts? `auditor signoff sample RUN --size 25`")
    bundle = _whole(options.run)
    folder = options.run / FOLDER
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder}: is there already: a sample is drawn once; take it away to draw another")
    seed = options.seed if options.seed is not None else secrets.token_hex(8)
    asked = Asked(size=options.size, seed=seed, by=None if options.by is None else By(options.by))
    files = 0
    for name, data in workpaper(bundle, asked):
        _write(folder / name, data)
        files += 1
    print(folder / SAMPLE)
    say(
        options,
        f"{asked.size} of {len(bundle.facts)} hosts by the seed {seed!r}, {files} files; the population has the "
        f"digest {bundle.run['scope']['sha256']}; then: auditor signoff sign {options.run} --as preparer",
    )
    return 0


def _whole(folder: Path) -> Bundle:
    """Open a bundle that holds; UsageError with all that does not: nobody signs for such a one."""
    manifest = read_manifest(folder)
    problems = manifest_problems(folder, manifest)
    bundle = None if problems else Bundle(folder)
    problems += [] if bundle is None else list(bundle.problems())
    if problems or bundle is None:
        raise UsageError("\n".join([*problems, "nothing is signed off that does not hold"]))
    return bundle


def _sign(options: Namespace, people: People, file: Path) -> int:
    if options.role is None:
        raise UsageError("as whom? --as preparer, then somebody else --as reviewer")
    role = Role(options.role)
    _whole(options.run)
    today = datetime.now(UTC).date()
    found = found_signoff(options.run, people, today)
    if found is not None and found.problems:
        raise UsageError(
            "\n".join([*found.problems, f"take away what is void in {options.run / FOLDER}, and sign anew"])
        )
    paper = paper_file(options.run, role)
    if paper.exists():
        raise UsageError(f"{paper}: is there already: a statement is not written over, take it away first")
    key = None if options.unsigned else signing_key(options.key)
    person = _person(options, key, people, file)
    unfit = people.unfit(person.name, DUTIES[role])
    if unfit is not None:
        raise UsageError(f"{person.name} {unfit} ({file})")
    statement = Statement(
        role=role,
        person=person.name,
        on=today,
        about=about_of(options.run),
        conclusion=options.conclusion,
        preparer_sha256=_reviewed(options, found, person) if role is Role.REVIEWER else None,
    )
    data = statement_bytes(statement)
    _write(paper, data)
    if key is None:
        say(options, f"then: ssh-keygen -Y sign -f KEY.pub -n {Purpose.SIGNOFF} {paper}")
    else:
        write_whole(paper.with_name(f"{paper.name}.sig"), key.sign(data, Purpose.SIGNOFF))
        say(options, f"signed as {role} by {visible(person.name)} with {key.public.fingerprint}")
    print(paper)
    return 0


def _person(options: Namespace, key: SigningKey | None, people: People, file: Path) -> Person:
    """Return who signs; UsageError for somebody whose signature would count for nothing."""
    if key is None:
        person = people.named(options.unsigned)
        if person is None:
            raise UsageError(f"{options.unsigned}: is nobody in {file}: what they sign would count for nothing")
        return person
    person = people.holder(key.public)
    if person is None:
        raise UsageError(f"{key.public.fingerprint} is a key of nobody in {file}: it would count for nothing")
    wrong = next(one for one in person.keys if one.key == key.public).objection(datetime.now(UTC).date())
    if wrong is not None:
        raise UsageError(f"the key of {person.name} {wrong} ({key.public.fingerprint})")
    return person


def _reviewed(options: Namespace, found: FoundSignoff | None, person: Person) -> str:
    """Return the digest of what is reviewed; UsageError where it cannot be, or not by this person."""
    prepared = next((one for one in found.signoff.papers if one.role is Role.PREPARER), None) if found else None
    if prepared is None or prepared.statement is None or prepared.worth is Worth.UNSIGNED:
        raise UsageError(f"{options.run}: nobody has signed it as its preparer yet: there is nothing to review")
    if same_person(prepared.statement.person) == same_person(person.name):
        raise UsageError(f"{person.name} prepared it: somebody else reviews it")
    return hashlib.sha256(paper_file(options.run, Role.PREPARER).read_bytes()).hexdigest()


def _show(options: Namespace, people: People) -> int:
    found = found_signoff(options.run, people, datetime.now(UTC).date())
    if found is None:
        read_manifest(options.run)
        say(options, f"{options.run}: nobody has signed it off")
        print_rows([], _COLUMNS, options)
        return 0
    rows = [
        {
            "as": paper.role,
            "person": None if paper.statement is None else paper.statement.person,
            "roles": list(paper.roles),
            "on": None if paper.statement is None else paper.statement.on.isoformat(),
            "worth": paper.worth,
            "key": paper.fingerprint,
            "why": paper.why,
            "conclusion": None if paper.statement is None else paper.statement.conclusion,
        }
        for paper in found.signoff.papers
    ]
    print_rows(rows, _COLUMNS, options)
    for problem in found.problems:
        say(options, problem)
    say(options, state_words(found))
    return _DOES_NOT_HOLD if found.problems else 0


def state_words(found: FoundSignoff) -> str:
    """Say how far a sign-off is, in one line."""
    papers = {paper.role: paper for paper in found.signoff.papers}
    names = {
        role: f"{visible(paper.statement.person)} ({paper.worth.replace('_', ' ')})"
        for role, paper in papers.items()
        if paper.statement is not None
    }
    sample = "with a sample that is drawn the same again" if found.has_sample else "without a sample"
    if found.problems or found.signoff.state is SignoffState.VOID:
        return "sign-off: void"
    if found.signoff.state is SignoffState.REVIEWED:
        return f"sign-off: prepared by {names[Role.PREPARER]}, reviewed by {names[Role.REVIEWER]}, {sample}"
    if found.signoff.state is SignoffState.PREPARED:
        return f"sign-off: prepared by {names[Role.PREPARER]}, reviewed by nobody, {sample}"
    return f"sign-off: signed by nobody yet, {sample}"


def _write(file: Path, data: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_settled(file, data)
        settle_names(file.parent)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error


COMMAND = Command(
    help="draw a sample, and sign a run as preparer or reviewer",
    description="Sign off a run. `sample` draws hosts by a seed, so that anybody can draw the same ones, and gathers "
    "what they said for a workpaper; `sign` makes the statement of the preparer, then that of a reviewer, who is "
    "somebody else; `show` says what they are worth today. Statements name the manifest by its digest: they are void "
    "when anything in the bundle changes. docs/signoff.md has the method.\n\n"
    "Examples:\n"
    "  auditor signoff sample reports/RUN --size 25 --seed 'Q1 2027' --by verdict\n"
    "  auditor signoff sign reports/RUN --as preparer --conclusion 'Two of 25 looked at by hand'\n"
    "  auditor signoff sign reports/RUN --as reviewer --key grace\n"
    "  auditor signoff show reports/RUN\n",
    options=_options,
    run=_run,
)
