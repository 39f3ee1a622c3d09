"""``auditor verify``: check that a bundle is what its manifest, seals and verdicts say."""

import json
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.cli.assess import judged, rules_for
from auditor.cli.command import Command
from auditor.cli.terminal import say
from auditor.errors import UsageError
from auditor.report.formats import FORMATS
from auditor.report.stored_run import stored_run
from auditor.report.writing import write_report
from auditor.run.bundle import Bundle, manifest_problems, read_manifest, seal_of
from auditor.run.reassess import evidence_problems

DOES_NOT_HOLD = 4
_NOT_COMPARED = ("id", "started", "finished", "operator")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a run, or of evidence")
    parser.add_argument("--recompute", action="store_true", help="judge its evidence again and compare the verdicts")


def _run(options: Namespace) -> int:
    folder: Path = options.bundle
    manifest = read_manifest(folder)
    problems = manifest_problems(folder, manifest)
    if not problems:
        problems = _problems(folder, manifest, recompute=options.recompute)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{folder}: does NOT hold: {len(problems)} problem{'s' if len(problems) > 1 else ''}")
        return DOES_NOT_HOLD
    again = ", its verdicts come out the same" if options.recompute else ""
    print(f"{folder}: holds: {len(manifest['files'])} files, every seal{again}")
    say(
        options,
        "Not shown by this: who wrote it (it is not signed), and that no later run was dropped from the chain. Compare "
        f"the seal with one that was kept elsewhere: {manifest['seal']}",
    )
    return 0


def _problems(folder: Path, manifest: dict[str, Any], *, recompute: bool) -> list[str]:
    bundle = Bundle(folder)
    previous = manifest["previous"]
    problems = []
    if seal_of(folder, None if previous is None else previous["seal"]) != manifest["seal"]:
        problems.append(f"{folder}: the seal of the run is not over what lies in it")
    problems += list(evidence_problems(bundle))
    if recompute and not problems:
        problems += _differences(bundle)
    return problems


def _differences(bundle: Bundle) -> list[str]:
    results, lines = bundle.folder / "results.json", bundle.folder / "hosts.jsonl"
    if not results.is_file():
        raise UsageError(f"{bundle.folder}: holds evidence and no verdicts: there is nothing to recompute")
    if bundle.run["sources"] is not None:
        raise UsageError(
            f"{bundle.folder}: was judged from several sets of evidence or by other rules: verify the sets it names"
        )
    if bundle.run["tool_version"] != __version__:
        raise UsageError(
            f"{bundle.folder}: was judged by auditor {bundle.run['tool_version']}, this is {__version__}: `auditor "
            "assess` judges it by this version"
        )
    with (
        tempfile.TemporaryDirectory(prefix="auditor-verify-") as place,
        judged([bundle], rules_for([bundle]), "verify") as (store, run),
    ):
        write_report(stored_run(store, run), Path(place), [FORMATS["json"]])
        problems = []
        if lines.read_bytes() != (Path(place) / "hosts.jsonl").read_bytes():
            problems.append(
                f"{lines}: its verdicts come out otherwise: {_first_difference(lines, Path(place) / lines.name)}"
            )
        ours, theirs = _comparable(Path(place) / "results.json"), _comparable(results)
        if ours != theirs:
            problems.append(f"{results}: comes out otherwise")
        return problems


def _comparable(file: Path) -> tuple[dict[str, Any], str]:
    """Part the head of results.json, without what no evidence determines, from all the rest."""
    head, _, rest = file.read_text(encoding="utf-8").partition("\n")
    run: dict[str, Any] = json.loads(head.removesuffix(",") + "}")["run"]
    return {key: value for key, value in run.items() if key not in _NOT_COMPARED}, rest


def _first_difference(stated: Path, made: Path) -> str:
    with stated.open(encoding="utf-8") as one, made.open(encoding="utf-8") as other:
        for ours, theirs in zip(one, other, strict=False):
            if ours != theirs:
                return f"host {json.loads(theirs)['host']}"
    return "hosts are missing or too many"


COMMAND = Command(
    help="check a bundle against its manifest and seals",
    description="Check that every file of a bundle is what its manifest says, that every seal is over what it "
    "seals, and with --recompute that the evidence gives the same verdicts again. Exit code 4 when it does not hold.",
    options=_options,
    run=_run,
)
