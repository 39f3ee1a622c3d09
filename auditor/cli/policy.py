"""``auditor policy``: check the operator's files, and list and show the packs that came with the auditor."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.command import Command
from auditor.cli.files import read_text
from auditor.cli.policy_check import check_files
from auditor.cli.terminal import print_rows, say
from auditor.errors import PolicyError, UsageError, did_you_mean
from auditor.policy.load import parse_policy
from auditor.policy.locate import locate, packs

_FILES = ("policy.yml", "exceptions.yml")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["check", "list", "show"], help="what to do")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE|PACK",
        help="policy, people or exceptions files to check; or a pack to check or show",
    )
    parser.set_defaults(format="table")


def _run(options: Namespace) -> int:
    if options.action == "list":
        return _list(options)
    if options.action == "show":
        return _show(options)
    if not options.files:
        raise UsageError("which files? `auditor policy check policies/*.yml`")
    check_files(options, [file for named in options.files for file in _files_of(named)])
    return 0


def _files_of(named: str) -> list[Path]:
    """Return the file that is named, or both files of a pack."""
    first = locate(_FILES[0], Path(named))
    return [first] if first == Path(named) else [first.parent / name for name in _FILES]


def _list(options: Namespace) -> int:
    """Print the packs, and where they lie."""
    if options.files:
        raise UsageError("`auditor policy list` takes no names; `auditor policy show PACK` shows one")
    if not packs():
        raise PolicyError("the packs did not come with this auditor: install it again")
    products = [product.id for product in load_catalogue().products]
    rows = []
    for name, folder in packs().items():
        file = folder / _FILES[0]
        policy = parse_policy(read_text(file), file, products=products)
        rows.append({"pack": name, "policy": policy.name, "approvals": len(policy.approvals)})
    print_rows(rows, list(rows[0]), options)
    say(options, f"whom each is for says README.md in its folder of {next(iter(packs().values())).parent}")
    return 0


def _show(options: Namespace) -> int:
    """Print a pack's policy as it is written, to be read or copied; where the rest lies goes to standard error."""
    if len(options.files) != 1:
        raise UsageError(f"`auditor policy show` takes one pack: {', '.join(packs())}")
    (name,) = options.files
    if name not in packs():
        near = did_you_mean(name, list(packs()))
        raise UsageError(f"{name}: there is no policy pack of that name{near}: {', '.join(packs())}")
    folder = packs()[name]
    print(read_text(folder / _FILES[0]), end="")
    say(options, f"whom it is for: {folder / 'README.md'}; its exceptions: {folder / _FILES[1]}")
    return 0


COMMAND = Command(
    help="check policy, people and exceptions files, list and show policy packs",
    description="Check policy, people and exceptions files; every problem is named with file, line and column, all at "
    "once.\nName the policy with the exceptions: its settings say how long an exception may last. Name the people too, "
    "and the signatures of exceptions and accepted limits are checked as of today.\n\n"
    "Packs are policies to begin with, which came with the auditor: `list` names them, `show PACK` prints one,\n"
    "and `--policy PACK` of other commands takes it as it is.\n",
    options=_options,
    run=_run,
)
