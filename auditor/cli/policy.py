"""``auditor policy check``: check policy and exceptions files."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.command import Command
from auditor.cli.files import read_text
from auditor.cli.terminal import say
from auditor.controls.registry import controls
from auditor.errors import PolicyError, Problem
from auditor.located import read_document
from auditor.model.policy import Settings
from auditor.policy.load import parse_exceptions, parse_policy


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"], help="what to do")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="policy or exceptions files")


def _run(options: Namespace) -> int:
    products = [product.id for product in load_catalogue().products]
    settings = Settings()
    problems: list[Problem] = []
    for file in options.files:
        text = read_text(file)
        try:
            if _holds_exceptions(text, file):
                kept = parse_exceptions(text, file, controls=list(controls()), settings=settings)
                say(options, f"{file}: {len(kept)} exceptions, no problem found")
            else:
                policy = parse_policy(text, file, products=products)
                settings = policy.settings
                say(options, f"{file}: {len(policy.approvals)} approvals, no problem found")
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError(problems)
    return 0


def _holds_exceptions(text: str, file: Path) -> bool:
    document = read_document(text, file)
    return not isinstance(document, Problem) and isinstance(document.data, dict) and "exceptions" in document.data


COMMAND = Command(
    help="check policy and exceptions files",
    description="Check policy and exceptions files; every problem is named with file, line and column, all at once.\n"
    "Name the policy before the exceptions: its settings say how long an exception may last.",
    options=_options,
    run=_run,
)
