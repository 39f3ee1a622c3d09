"""``auditor assess``: judge sealed evidence again, offline, one set of it or several merged."""

import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auditor.catalogue.entry import catalogue_of, catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue
from auditor.cli.audit import check_writable, operator_name
from auditor.cli.bundling import write_bundle
from auditor.cli.command import Command
from auditor.cli.files import read_text
from auditor.cli.report import chosen_formats
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.summary import print_summary
from auditor.cli.terminal import say
from auditor.controls.registry import controls
from auditor.errors import UsageError
from auditor.policy.load import parse_exceptions, parse_policy
from auditor.policy.locate import locate
from auditor.report.formats import FORMATS
from auditor.report.stored_run import stored_run
from auditor.report.writing import write_report
from auditor.run.audit import Population, Sealed, exit_code
from auditor.run.bundle import MANIFEST, Bundle, evidence_format, write_manifest
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.run.reassess import reassess
from auditor.store.record import RunRecord
from auditor.store.store import Store


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "evidence", nargs="+", metavar="EVIDENCE|RUN", help="folder of a run or of evidence, or a run's id"
    )
    parser.add_argument(
        "-p", "--policy", type=Path, metavar="FILE", help="judge by this policy (default: the sealed one)"
    )
    parser.add_argument(
        "--exceptions", type=Path, metavar="FILE", help="by these exceptions (default: the sealed ones)"
    )
    parser.add_argument("--as-of", metavar="INSTANT", help="as of this instant, such as 2027-03-31T12:00:00Z")
    parser.add_argument("-o", "--output", type=Path, default=Path("reports"), metavar="DIR", help="where reports go")
    parser.add_argument("--format", default="html,csv,json", metavar="LIST", help=f"of {', '.join(FORMATS)}")
    add_store_option(parser)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """By what evidence is judged."""

    rules: Rules
    """The rules, parsed."""
    sealed: Sealed
    """Their texts."""
    sources: bool
    """Whether it is another run than the one that was sealed: several sets, or other rules."""


def rules_for(
    bundles: Sequence[Bundle], policy: Path | None = None, exceptions: Path | None = None, as_of: datetime | None = None
) -> Judged:
    """Return the rules: what is named here, else what one bundle was judged by, else the working folder's."""
    only = bundles[0] if len(bundles) == 1 and bundles[0].text("policy") is not None else None
    catalogue = _catalogue(bundles)
    policy_text, policy_file = _text(policy, only, "policy")
    exceptions_text, exceptions_file = _text(exceptions, only, "exceptions")
    parsed = parse_policy(policy_text, policy_file, products=[product.id for product in catalogue.products])
    excused = parse_exceptions(exceptions_text, exceptions_file, controls=list(controls()), settings=parsed.settings)
    latest = max(datetime.fromisoformat(str(bundle.run["as_of"])) for bundle in bundles)
    population = None if only is None else only.text("population")
    return Judged(
        rules=Rules(policy=parsed, exceptions=excused, catalogue=catalogue, as_of=as_of or latest),
        sealed=Sealed(
            policy=policy_text,
            exceptions=exceptions_text,
            catalogue=catalogue_text(catalogue),
            population=None
            if population is None or only is None
            else Population(text=population, comparison=only.text("population_comparison") or ""),
        ),
        sources=only is None or not (policy is None and exceptions is None and as_of is None),
    )


def _text(named: Path | None, only: Bundle | None, name: str) -> tuple[str, Path]:
    sealed = only.text(name) if named is None and only is not None else None
    if sealed is not None:
        return sealed, Path(f"{name}.yml")
    file = locate(f"{name}.yml", named)
    return read_text(file), file


def _catalogue(bundles: Sequence[Bundle]) -> Catalogue:
    """Return the catalogue that all bundles were judged by, else this version's own."""
    digests = {bundle.run["inputs"].get("catalogue") for bundle in bundles}
    text = bundles[0].text("catalogue") if len(digests) == 1 else None
    if text is None:
        return load_catalogue()
    try:
        return catalogue_of(text)
    except ValueError as error:
        raise UsageError(f"{bundles[0].folder}: its catalogue cannot be read by this version: {error}") from error


@contextmanager
def judged(bundles: Sequence[Bundle], by: Judged, operator: str) -> Iterator[tuple[Store, RunRecord]]:
    """Judge bundles into a store that is gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="auditor-assess-") as place,
        closing(Readers(min(2, os.cpu_count() or 1), by.rules)) as readers,
        closing(Store(str(Path(place) / "store.sqlite"))) as store,
    ):
        run = reassess(
            store=store,
            bundles=bundles,
            rules=by.rules,
            sealed=by.sealed,
            operator=operator,
            readers=readers,
            sources=by.sources,
        )
        yield store, run


def _run(options: Namespace) -> int:
    formats = chosen_formats(options.format)
    as_of = None if options.as_of is None else _instant(options.as_of)
    check_writable(options.output)
    with tempfile.TemporaryDirectory(prefix="auditor-evidence-") as place:
        bundles = [_bundle(name, Path(place) / str(number), options) for number, name in enumerate(options.evidence)]
        by = rules_for(bundles, options.policy, options.exceptions, as_of)
        with judged(bundles, by, operator_name()) as (store, run):
            rows = stored_run(store, run)
            print_summary(rows, write_bundle(store, run, rows, options.output / run.id, formats), options)
            others = sorted({str(one.run["tool_version"]) for one in bundles} - {run.tool_version})
            if others:
                say(options, f"judged by auditor {run.tool_version}; the evidence is of auditor {', '.join(others)}")
            return exit_code(run)


def _bundle(name: str, place: Path, options: Namespace) -> Bundle:
    """Open a folder as a bundle, or write out the evidence of a run that the store keeps."""
    folder = Path(name)
    if (folder / MANIFEST).is_file():
        return Bundle(folder)
    if folder.is_dir():
        raise UsageError(f"{name}: is no bundle: it has no {MANIFEST}")
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
    "gave, byte for byte. Several sets of evidence are merged: of a host that two know, the newer evidence counts.\n\n"
    "Examples:\n"
    "  auditor assess reports/2026-11-25T220000Z-1a2b              the same verdicts again\n"
    "  auditor assess RUN -p stricter.yml                          by another policy\n"
    "  auditor assess evidence/berlin evidence/lyon                two sites as one fleet\n",
    options=_options,
    run=_run,
)
