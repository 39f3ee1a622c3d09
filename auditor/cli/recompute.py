"""The verdicts of a bundle, judged again from its evidence and compared byte for byte."""

import json
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from auditor import __version__
from auditor.cli.judging import Given, judge, judging_of, passing_store, rules_for
from auditor.errors import UsageError
from auditor.report.formats import FORMATS
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.report.writing import write_report
from auditor.run.open_bundle import Bundle, first_line

_NOT_COMPARED = ("id", "started", "finished", "operator")
_BLOCK = 1 << 20


def differences(bundle: Bundle) -> list[str]:
    """Judge the evidence of a bundle again by what is sealed in it, and say which verdicts come out otherwise."""
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
    head = first_line(results)
    return {key: value for key, value in head["run"].items() if key not in _NOT_COMPARED}


def _first_difference(stated: Path, made: Path) -> str:
    if not stated.is_file():
        return "it is missing"
    with stated.open("rb") as one, made.open("rb") as other:
        for ours in other:
            if one.readline(len(ours) + 1) != ours:
                return f"host {visible(json.loads(ours)['host'])}"
        return "hosts are too many" if one.read(1) else ""
