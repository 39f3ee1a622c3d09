"""What became otherwise between two runs of a store, and which run was the one before."""

import hashlib
import json
from collections.abc import Collection, Mapping
from functools import partial

from auditor.errors import UsageError
from auditor.model.verdict import Verdict
from auditor.policy.lifecycle import is_settled
from auditor.report.changes import RULES, Changes, Side, Told, changes_between
from auditor.report.earlier_runs import scope_of
from auditor.report.rows import Row
from auditor.report.stored_findings import stored_findings
from auditor.report.stored_rows import StoredRows
from auditor.store.record import RunRecord, StoredAnswer, named
from auditor.store.store import Store

_OF_THE_MOMENT = ("host", "clock", "collected_at", "probe_sha256", "tool_version")
"""What the head of evidence says beside the host's own words: two answers that differ in nothing else say the same."""

_NOTHING_BROUGHT = "no records from outside were brought to this run"


def changes_of(store: Store, before: RunRecord, after: RunRecord) -> Changes:
    """Compare two finished runs of a store, the second with the first; UsageError for one that is not finished."""
    return changes_between(_side(store, before), _side(store, after))


def run_before(store: Store, run: RunRecord) -> RunRecord | None:
    """Return the finished run of the same scope that came before a run; None where there is none."""
    earlier = (one for one in store.runs() if one.sequence < run.sequence and one.finished is not None)
    return next((one for one in earlier if _scope_of(one) == _scope_of(run)), None)


def last_two(store: Store) -> tuple[RunRecord, RunRecord]:
    """Return the newest finished run and the one of the same scope before it; UsageError where there are no two."""
    newest = store.run(None)
    before = run_before(store, newest)
    if before is None:
        raise UsageError(
            f"run {newest.id} is the first of its scope ({newest.scope_source}): there is none before it to compare it "
            "with; `auditor runs` lists all, and `auditor diff RUN RUN` compares any two"
        )
    return before, newest


def _scope_of(run: RunRecord) -> tuple[object, ...]:
    return scope_of(run.scope_source, run.options)


def _side(store: Store, run: RunRecord) -> Side:
    if run.finished is None:
        raise UsageError(f"run {run.id} is not finished: it has no findings yet")
    hosts = {row["key"]: row for row in store.scope(run.id)}
    found = stored_findings(store, run)
    digests = {name: run.inputs.get(name, "none") for name in RULES if name != "tool_version"}
    return Side(
        run={"id": run.id, "sequence": run.sequence, "as_of": run.as_of, "tool_version": run.tool_version} | digests,
        hosts=hosts,
        findings=StoredRows(lambda: (named(row, run=run.id, as_of=run.as_of) for row in found), lambda: len(found)),
        told=partial(_told, store, run, hosts),
    )


def _told(store: Store, run: RunRecord, hosts: Mapping[str, Row], keys: Collection[str]) -> Mapping[str, Told]:
    """Read what a run says of some of its hosts, one row in memory at a time."""
    wanted = {hosts[key]["name"]: key for key in keys}
    if not wanted:
        return {}
    return {wanted[answer.host]: _told_by(answer) for answer in store.answers(run.id) if answer.host in wanted}


def _told_by(answer: StoredAnswer) -> Told:
    row = json.loads(answer.gist)
    if row["reason"] is not None:
        return Told(content=None, unreached=row["detail"] or row["reason"])
    verdicts = row["verdicts"]
    return Told(
        content=_content(answer),
        judged=frozenset(verdict["control"] for verdict in verdicts),
        gaps={
            verdict["control"]: verdict["gaps"][0]["reason"] if verdict["gaps"] else _NOTHING_BROUGHT
            for verdict in verdicts
            if not is_settled(Verdict(verdict["verdict"]), has_gaps=bool(verdict["gaps"]), control=verdict["control"])
        },
        suspected={
            verdict["control"]: frozenset(one["subject"] for one in verdict["suspected"])
            for verdict in verdicts
            if verdict["suspected"]
        },
    )


def _content(answer: StoredAnswer) -> str | None:
    """Return the digest of what a host said: its sections, and of the head what is the host's own."""
    if answer.head is None:
        return None
    head = {name: value for name, value in json.loads(answer.head).items() if name not in _OF_THE_MOMENT}
    said = json.dumps([sorted(head.items()), answer.sections], separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()
