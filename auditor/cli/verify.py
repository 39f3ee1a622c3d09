"""``auditor verify``: check that a bundle is what its manifest, seals and verdicts say."""

import json
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, BinaryIO

from auditor import __version__
from auditor.cli.bundle_signature import add_key_options, signature_of
from auditor.cli.command import Command
from auditor.cli.judging import Given, judge, judging_of, passing_store, rules_for
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.report.formats import FORMATS
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.report.writing import write_report
from auditor.run.manifest import SMALL_FILE, manifest_problems, read_manifest, read_small
from auditor.run.open_bundle import Bundle
from auditor.run.strict_json import strict_json

DOES_NOT_HOLD = 4
_NOT_COMPARED = ("id", "started", "finished", "operator")
_BLOCK = 1 << 20
_MOST = 20


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a run, or of evidence")
    add_key_options(parser)
    parser.add_argument("--recompute", action="store_true", help="judge its evidence again and compare the verdicts")


def _run(options: Namespace) -> int:
    folder: Path = options.bundle
    manifest = read_manifest(folder)
    signed = signature_of(folder, options)
    problems = [*signed.problems, *manifest_problems(folder, manifest)]
    if not problems:
        problems = _problems(folder, recompute=options.recompute)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{visible(str(folder))}: does NOT hold: {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return DOES_NOT_HOLD
    again = ", its verdicts come out the same" if options.recompute else ""
    print(f"{visible(str(folder))}: holds: {len(manifest['files'])} files, every seal{again}")
    if signed.words is not None:
        print(f"{visible(str(folder))}: {signed.words}")
    who = "who wrote it (it is not signed)" if signed.words is None else "when it was signed"
    say(
        options,
        f"Not shown by this: {who}, and that no later run was dropped from the chain. Compare "
        f"the seal with one that was kept elsewhere: {manifest['seal']}",
    )
    _say_sources(folder, options)
    return 0


def _say_sources(folder: Path, options: Namespace) -> None:
    """Name the sets that a run was judged from: each can be verified, and whether one was left out is not here."""
    sources = strict_json(read_small(folder / "inputs" / "run.json"))["sources"] or []
    for one in sources[:_MOST]:
        say(
            options,
            f"judged from {visible(one['run'])}, {one['judged']} hosts of {one['hosts']}: its seal {one['seal']}",
        )
    if len(sources) > _MOST:
        say(options, f"… and {len(sources) - _MOST} more, in run.sources of results.json")


def _problems(folder: Path, *, recompute: bool) -> list[str]:
    try:
        bundle = Bundle(folder)
        problems = list(bundle.problems())
    except UsageError as error:
        return str(error).splitlines()
    if recompute and not problems:
        problems += _differences(bundle)
    return problems


def _differences(bundle: Bundle) -> list[str]:
    results, lines = bundle.folder / "results.json", bundle.folder / "hosts.jsonl"
    if not bundle.is_judged or not results.is_file():
        raise UsageError(f"{bundle.folder}: holds evidence and no verdicts: there is nothing to recompute")
    if bundle.run["tool_version"] != __version__:
        raise UsageError(
            f"{bundle.folder}: was judged by auditor {visible(bundle.run['tool_version'])}, this is {__version__}: "
            "`auditor assess` judges it by this version"
        )
    by = rules_for([bundle], Given())
    with tempfile.TemporaryDirectory(prefix="auditor-verify-") as place, passing_store() as store:
        run = judge(store, judging_of([bundle], by, ""), by, "verify")
        write_report(stored_run(store, run), Path(place), [FORMATS["json"]])
        difference = _first_difference(lines, Path(place) / lines.name)
        problems = [f"{lines}: its verdicts come out otherwise: {difference}"] if difference else []
        if not _come_out_the_same(Path(place) / results.name, results):
            problems.append(f"{results}: comes out otherwise")
        return problems


def _are_equal(one: BinaryIO, other: BinaryIO) -> bool:
    """Tell whether two files go on with the same bytes."""
    while True:
        ours, theirs = one.read(_BLOCK), other.read(_BLOCK)
        if ours != theirs:
            return False
        if not ours:
            return True


def _come_out_the_same(made: Path, stated: Path) -> bool:
    """Compare results.json, but for what no evidence determines."""
    with made.open("rb") as one, stated.open("rb") as other:
        try:
            return _determined(one) == _determined(other) and _are_equal(one, other)
        except (ValueError, LookupError, TypeError, AttributeError):
            return False


def _determined(results: BinaryIO) -> dict[str, Any]:
    """Read the first line of results.json, without what no evidence determines."""
    head = strict_json(results.readline(SMALL_FILE).rstrip(b"\n").removesuffix(b",") + b"}")
    return {key: value for key, value in head["run"].items() if key not in _NOT_COMPARED}


def _first_difference(stated: Path, made: Path) -> str:
    if not stated.is_file():
        return "it is missing"
    with stated.open("rb") as one, made.open("rb") as other:
        for ours in other:
            if one.readline(len(ours) + 1) != ours:
                return f"host {visible(json.loads(ours)['host'])}"
        return "hosts are too many" if one.read(1) else ""


COMMAND = Command(
    help="check a bundle against its manifest and seals",
    description="Check that every file of a bundle is what its manifest says, that every seal is over what it "
    "seals, that a signature which is there is one of the manifest, and with --recompute that the evidence gives the "
    "same verdicts again. Exit code 4 when it does not hold. With --key or --people it must be signed by them.",
    options=_options,
    run=_run,
)
