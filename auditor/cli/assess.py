"""``auditor assess``: judge sealed evidence again, offline, one set of it or several merged."""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from auditor.cli.audit import check_writable, operator_name
from auditor.cli.bundling import write_and_print
from auditor.cli.command import Command
from auditor.cli.judging import Given, Ruled, judge, judging_of, passing_store, rules_for
from auditor.cli.report import chosen_formats
from auditor.cli.sightings import add_sightings_option
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.model.ledger import PassedOverWhy
from auditor.report.formats import FORMATS
from auditor.report.rows import instant
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.report.writing import write_report
from auditor.run.audit import exit_code
from auditor.run.bundle import evidence_format
from auditor.run.history import history_text
from auditor.run.manifest import write_manifest
from auditor.run.merge import in_order, source_of
from auditor.run.open_bundle import Bundle
from auditor.run.reassess import Judging
from auditor.store.record import RunRecord
from auditor.store.store import Store

_MOST = 20
"""Hosts that one kind of line is printed of; the ledger names all."""


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "evidence", nargs="+", metavar="EVIDENCE|RUN", help="folder of a run or of evidence, or a run's id"
    )
    parser.add_argument(
        "-p", "--policy", type=Path, metavar="FILE|PACK", help="judge by this policy (default: the sealed one)"
    )
    parser.add_argument(
        "--exceptions", type=Path, metavar="FILE", help="by these exceptions (default: the sealed ones)"
    )
    parser.add_argument("--people", type=Path, metavar="FILE", help="by these people's keys (default: the sealed ones)")
    parser.add_argument("--as-of", metavar="INSTANT", help="as of this instant, such as 2027-03-31T12:00:00Z")
    parser.add_argument("-o", "--output", type=Path, default=Path("reports"), metavar="DIR", help="where reports go")
    parser.add_argument("--format", default="html,csv,json", metavar="LIST", help=f"of {', '.join(FORMATS)}")
    add_sightings_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    formats = chosen_formats(options.format)
    given = Given(
        policy=options.policy,
        exceptions=options.exceptions,
        people=options.people,
        as_of=None if options.as_of is None else _instant(options.as_of),
        sightings=tuple(options.sightings),
    )
    check_writable(options.output)
    with tempfile.TemporaryDirectory(prefix="auditor-evidence-") as place:
        named = [_bundle(name, Path(place) / str(number), options) for number, name in enumerate(options.evidence)]
        bundles = in_order(named)
        _refuse(problem for bundle in bundles for problem in bundle.problems_of_inputs())
        by = rules_for(bundles, given)
        for note in by.notes:
            say(options, visible(note))
        if by.own is not None:
            judging = judging_of(bundles, by, "")
            with passing_store() as store:
                return _written(store, _judged(store, judging, by), judging, formats, options)
        return _anew(bundles, by, formats, options)


def _judged(store: Store, judging: Judging, by: Ruled) -> RunRecord:
    """Judge evidence; UsageError with all that the seals of the sets do not hold: no verdict rests on such a set."""
    judged = {bundle.id: {one.place for one in judging.hosts if one.bundle is bundle} for bundle in judging.bundles}
    # Of a host that another set has the word on, nobody reads the evidence but here.
    _refuse(problem for bundle in judging.bundles for problem in bundle.problems_of_evidence(judged[bundle.id]))
    del judged
    try:
        return judge(store, judging, by, operator_name())
    except UsageError:
        # Readers hold each host to its seal, and the first that does not fit ends the run: here is what else is wrong.
        _refuse(problem for bundle in judging.bundles for problem in bundle.problems())
        raise


def _refuse(problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        raise UsageError("\n".join([*found[:_MOST], "nothing is judged from evidence that is not what it was"]))


def _anew(bundles: Sequence[Bundle], by: Ruled, formats: tuple[str, ...], options: Namespace) -> int:
    """Judge evidence that has no verdicts yet, or several sets of it, as a run of the store like any audit."""
    as_of = instant(by.rules.as_of) or ""
    with open_store(options) as store:
        facts = [fact for bundle in bundles for fact in bundle.facts.values()]
        known = history_text(store, facts, before=as_of, source=source_of(bundles))
        judging = judging_of(bundles, by, known)
        _say_merge(judging, options)
        why_not = _why_not_kept(store, judging, as_of, options)
        if why_not is None:
            run = _judged(store, judging, by)
            code = _written(store, run, judging, formats, options)
            say(options, f"kept in the store as run {run.id}: findings go on from it")
            return code
    with passing_store() as store:
        code = _written(store, _judged(store, judging, by), judging, formats, options)
    say(options, f"not kept in the store: {why_not}")
    return code


def _why_not_kept(store: Store, judging: Judging, as_of: str, options: Namespace) -> str | None:
    """Say why findings must not go on from this run; None where they do."""
    if options.as_of is not None:
        return "--as-of asks what would be, and no finding goes on from that"
    last = store.last_judged({fact.key for fact in judging.facts})
    if last is not None and last[0] >= as_of:
        return f"run {last[1]} judges hosts of it as of {last[0]}, and this one as of {as_of}, which is not later"
    return None


def _written(store: Store, run: RunRecord, judging: Judging, formats: tuple[str, ...], options: Namespace) -> int:
    write_and_print(store, run, options.output / run.id, formats, options)
    others = sorted({str(one.run["tool_version"]) for one in judging.bundles} - {run.tool_version})
    if others:
        said = ", ".join(map(visible, others))
        say(options, f"judged by auditor {run.tool_version}; the evidence is of auditor {said}")
    return exit_code(run)


def _say_merge(judging: Judging, options: Namespace) -> None:
    """Say what each set has the word on, and what a person should look at before trusting the whole."""
    for bundle in judging.bundles:
        count = sum(1 for one in judging.hosts if one.bundle is bundle)
        say(options, f"{visible(bundle.id)}: {len(bundle.facts)} hosts, judged from it {count}")
        if bundle.text("population") is not None:
            say(options, f"{visible(bundle.id)}: what its inventory was held against is not carried over")
    doubts = [f"{visible(one.name)}: {doubt}" for one in judging.hosts for doubt in one.conflicts]
    silent = [
        f"{visible(one.name)}: judged from {visible(one.bundle.id)}; asked again for {visible(other.run)}, it did not "
        f"answer ({other.reason})"
        for one in judging.hosts
        for other in one.passed_over[:1]
        if other.why is PassedOverWhy.NO_ANSWER and not one.is_silent and other.at > one.at
    ]
    for lines in (doubts, silent):
        for line in lines[:_MOST]:
            say(options, line)
        if len(lines) > _MOST:
            say(options, f"… and {len(lines) - _MOST} more, in the ledger")


def _bundle(name: str, place: Path, options: Namespace) -> Bundle:
    """Open a folder as a bundle, or write out the evidence of a run that the store keeps."""
    folder = Path(name)
    if folder.exists() or "/" in name:
        return Bundle(folder)
    with open_store(options) as store:
        run = store.run(name)
        rows = stored_run(store, run)
        write_report(rows, place, [evidence_format(store, run)])
    write_manifest(place, None)
    return Bundle(place)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--as-of {text}: an instant such as 2027-03-31T12:00:00Z is wanted") from error
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


COMMAND = Command(
    help="judge sealed evidence again, offline",
    description="Judge sealed evidence again without asking a host. One run without options gives the verdicts that it "
    "gave, byte for byte. Several sets of evidence are merged: of a host that two know, the newer evidence counts, and "
    "the ledger says what was passed over. Such a run, and one over evidence that has no verdicts yet, is kept in the "
    "store like an audit, so that findings keep their lives; with --as-of it is not.\n\n"
    "Examples:\n"
    "  auditor assess reports/2026-11-25T220000Z-1a2b              the same verdicts again\n"
    "  auditor assess RUN -p stricter.yml                          by another policy\n"
    "  auditor assess evidence/berlin evidence/lyon                two sites as one fleet\n",
    options=_options,
    run=_run,
)
