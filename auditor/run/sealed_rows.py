"""What a bundle says of its run and its hosts, held to its kind before anything rests on it.

Whatever does not fit is a ValueError or a TypeError.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from auditor.errors import Reason
from auditor.model.ledger import PassedOver, PassedOverWhy
from auditor.report.earlier_runs import COUNTS, KEPT
from auditor.report.words import OUTCOMES
from auditor.run.bundle import INPUT_FILES
from auditor.run.findings import finding_from_row
from auditor.run.history import PAST_INSTANTS, past_from_row
from auditor.run.manifest import is_digest, statements

_REQUIRED = {"policy", "exceptions", "catalogue", "attack", "history"}
"""Inputs that verdicts rest on: all of them, or none where there are no verdicts."""
_RUN_TEXTS = ("id", "started", "operator", "tool_version", "as_of")
_NAME_LIMIT = 200
_MOST = 1 << 53
"""More than any number that was counted, and no more than every reader of JSON tells apart."""


def check_run(run: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Hold what a run was begun with to what it must be, and to its manifest."""
    texts(run[name] for name in _RUN_TEXTS)
    _check_named(run, manifest)
    if not 0 < len(run["id"]) <= _NAME_LIMIT or type(run["sequence"]) is not int:
        raise ValueError("its run has no name, or no number")
    instant(run["started"])
    instant(run["as_of"])
    scope, inputs = run["scope"], run["inputs"]
    if type(scope["count"]) is not int or not is_digest(scope["sha256"]) or not isinstance(scope["source"], str):
        raise ValueError("its scope is none")
    if not set(inputs) <= set(INPUT_FILES) or not all(map(is_digest, inputs.values())):
        raise ValueError(f"it names inputs that this version does not know: {', '.join(map(repr, sorted(inputs)))}")
    if inputs and not set(inputs) >= _REQUIRED:
        raise ValueError(f"it was judged without {', '.join(sorted(_REQUIRED - set(inputs)))}")
    for one in run["sources"] or ():
        texts(one[name] for name in ("run", "as_of", "tool_version", "seal"))
        if not all(type(one[name]) is int for name in ("hosts", "judged")):
            raise ValueError("a set of evidence has no number of hosts")
        if not is_digest(one["seal"]):
            raise ValueError("a set of evidence has no seal")


def _check_named(run: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Hold what a manifest says of its run to what the run says."""
    if run["id"] != manifest["run"]:
        raise ValueError("it is of another run than the manifest")
    for name in statements(manifest):
        if run.get(name) != manifest[name]:
            raise ValueError(f"it says another {name} than the manifest, so it is of another run")
    if not (run.get("tool_sha256") is None or is_digest(run["tool_sha256"])):
        raise ValueError("the digest of its tool is none")


def check_history(value: Mapping[str, Any]) -> None:
    """Hold what earlier runs knew to what it must be."""
    for first, last in value["hosts"].values():
        instant(first)
        if last is not None:
            instant(last)
    for past in value.get("pasts", {}).values():
        _check_past(past)
    runs = value.get("runs", [])
    if not isinstance(runs, list) or len(runs) > KEPT:
        raise TypeError("the runs before it are no list, or too many")
    for run in runs:
        _check_earlier_run(run)
    for row in value["findings"]:
        _check_finding(row)


def _check_finding(row: Mapping[str, Any]) -> None:
    """Hold a finding of an earlier run to what it must be."""
    finding = finding_from_row(dict(row))
    texts((finding.fingerprint, finding.host, finding.control, finding.subject, finding.severity, finding.reason))
    closer = None if finding.closed_by is None else finding.closed_by.id
    for text in (finding.product, finding.exception, finding.owner, finding.opened_by, closer):
        optional_text(text)
    texts(finding.formerly)
    if type(finding.overdue) is not bool or type(finding.reopened) is not int or finding.reopened < 0:
        raise ValueError("a finding does not say how often it came back, or whether it is overdue")
    for when in (finding.first_seen, finding.failing_since, finding.due, finding.closed_at):
        if when is not None and when.tzinfo is None:
            raise ValueError("a finding holds an instant without its offset from UTC")
    if not isinstance(finding.first_seen, datetime):
        raise TypeError("a finding was never seen")


def _check_past(value: Mapping[str, Any]) -> None:
    """Hold what is known of a host's products to what it must be."""
    if type(value["complete_runs"]) is not int:
        raise TypeError("a number of complete runs is wanted, and it is something else")
    if value["told_by"] is not None:
        texts(value["told_by"])
    for name, row in value["products"].items():
        texts((name,))
        past = past_from_row(row)
        for when in (getattr(past, one) for one in PAST_INSTANTS):
            if when is not None and when.tzinfo is None:
                raise ValueError("what is known of a product holds an instant without its offset from UTC")
        if past.first_seen is None or past.last_seen is None:
            raise TypeError("a product was never seen")


def _check_earlier_run(value: Mapping[str, Any]) -> None:
    """Hold what is known of a run of the same scope to what the trend is drawn from."""
    texts(value[name] for name in ("run", "tool_version"))
    instant(value["as_of"])
    numbers = [value["sequence"], value["scope"]["count"], *(value["outcomes"][name] for name in OUTCOMES)]
    numbers += [value["coverage"][name] for name in ("scope", "assessed")]
    if value["findings"] is not None:
        numbers += [value["findings"][name] for name in COUNTS]
    if not all(type(number) is int and 0 <= number <= _MOST for number in numbers):
        raise ValueError("an earlier run was not counted")
    if type(value["coverage"]["wanted"]) not in (int, float) or not 0 <= value["coverage"]["wanted"] <= 1:
        raise ValueError("an earlier run had no share of its scope that was wanted")
    seal = value["seal"]
    if not all(map(is_digest, (value["policy"], value["scope"]["sha256"], *([] if seal is None else [seal])))):
        raise ValueError("an earlier run names what is no digest")


def check_population(value: Mapping[str, Any]) -> None:
    """Hold a comparison with a population to what reports read of it."""
    texts((value["source"], value["sha256"]))
    texts(value["only_in_inventory"])
    texts(value["only_in_population"])
    for one in value["ambiguous"]:
        texts((one["population"], *one["inventory"]))
    if not all(type(value[name]) is int for name in ("count", "out_of_scope")):
        raise ValueError("a population has no number of hosts")


def passed_over_of(row: Mapping[str, Any]) -> PassedOver:
    """Read what was passed over for other evidence."""
    reason = row["reason"]
    texts((row["run"], row["host"]))
    return PassedOver(
        run=row["run"],
        host=row["host"],
        why=PassedOverWhy(row["why"]),
        at=instant(row["at"]),
        reason=None if reason is None else Reason(reason),
        detail=optional_text(row["detail"]),
    )


def instant(text: str) -> datetime:
    """Read an instant; ValueError for one that does not say its offset from UTC."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text} does not say its offset from UTC")
    return when


def texts(values: Iterable[Any]) -> tuple[str, ...]:
    """Return texts; TypeError where one of them is something else."""
    if isinstance(values, str | Mapping):
        raise TypeError("several texts are wanted, and it is something else")
    found = tuple(values)
    if not all(isinstance(one, str) for one in found):
        raise TypeError("a text is wanted, and it is something else")
    return found


def optional_text(value: Any) -> str | None:  # noqa: ANN401 — what JSON held
    """Return a text or None; TypeError for anything else."""
    if value is not None and not isinstance(value, str):
        raise TypeError("a text is wanted, and it is something else")
    return value
