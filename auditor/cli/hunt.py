"""``auditor hunt``: write queries that hunt for products in what other tools record."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue
from auditor.cli.catalogue import find_product
from auditor.cli.command import Command
from auditor.cli.files import read_text, write_whole
from auditor.cli.terminal import say
from auditor.errors import OutputError, UsageError
from auditor.hunt.language import Query, queries
from auditor.hunt.languages import LANGUAGES
from auditor.hunt.subjects import Subject, named, not_approved
from auditor.policy.load import parse_policy
from auditor.policy.locate import locate
from auditor.report.visible import visible


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["export"], help="what to do")
    parser.add_argument(
        "products", nargs="*", metavar="PRODUCT", help="products to hunt (default: all that no approval covers)"
    )
    parser.add_argument(
        "--format", choices=list(LANGUAGES), default="sigma", help="language of the queries (default: sigma)"
    )
    parser.add_argument(
        "-p", "--policy", type=Path, metavar="FILE|PACK", help="policy file or pack (default: policies/policy.yml)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="write each query to a file of its own (default: print all)"
    )


def _run(options: Namespace) -> int:
    catalogue = load_catalogue()
    language = LANGUAGES[options.format]
    subjects = _subjects(catalogue, options)
    found = {subject.product.id: queries(subject, language) for subject in subjects}
    written = [query for many in found.values() for query in many]
    if not written:
        raise UsageError(f"nothing to hunt in {language.name}: its events show none of {', '.join(found) or 'nothing'}")
    if options.output is None:
        print(language.between.join(query.text for query in written), end="")
    else:
        _write(options.output, written, language.suffix)
    without = [product for product, many in found.items() if not many]
    say(options, f"{len(written)} queries for {len(found) - len(without)} products")
    if without:
        say(options, f"no event of {language.name} shows {', '.join(without)}")
    return 0


def _subjects(catalogue: Catalogue, options: Namespace) -> Sequence[Subject]:
    """Return what is hunted; what is left out, because it is approved everywhere, is said."""
    file = locate("policy.yml", options.policy)
    policy = parse_policy(read_text(file), file, products=[product.id for product in catalogue.products])
    if options.products:
        wanted = dict.fromkeys(options.products)
        return named([find_product(catalogue, name) for name in wanted], policy)
    subjects = not_approved(catalogue, policy)
    hunted = {subject.product.id for subject in subjects}
    approved = sorted({approval.product for approval in policy.approvals} - hunted)
    if approved:
        say(options, f"approved for every host by {visible(str(file))}, and not hunted: {', '.join(approved)}")
    return subjects


def _write(folder: Path, written: Sequence[Query], suffix: str) -> None:
    """Write a file for each query, each whole."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{visible(str(folder))}: cannot be written: {error.strerror}") from error
    for query in written:
        write_whole(folder / f"{query.hunt.id}{suffix}", query.text)


COMMAND = Command(
    help="write queries that hunt for products in what other tools record",
    description="Write queries for the events that other tools record, from the catalogue: Sigma rules, KQL for "
    "Microsoft Defender and Sentinel, SPL for Splunk with Sysmon. They find programs that are started, by name, "
    "original name, company and product; programs by who signed them; connections of these programs, with their "
    "destinations and ports; and the names and ports of a product's servers. Without PRODUCT all products are hunted "
    "that the policy does not approve for every host.",
    options=_options,
    run=_run,
)
