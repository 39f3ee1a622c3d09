"""How a run ends: each host counted, its findings followed, and the run closed with what became of all of them."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from auditor.controls.attack import attack_of
from auditor.controls.registry import control_infos
from auditor.errors import UsageError
from auditor.model.coverage import Coverage
from auditor.model.host import HostFacts
from auditor.model.ledger import HostOutcome
from auditor.model.past import History
from auditor.policy.exception_register import ExceptionRegister
from auditor.policy.lifecycle import lives_on
from auditor.report.earlier_runs import finding_counts
from auditor.report.rows import control_row, coverage_row, exception_row, finding_row, instant, limit_row, row_of
from auditor.run.exception_use import use_from_row
from auditor.run.findings import EarlierFindings, following, observation_from_row
from auditor.run.history import Histories, remembered, told_by
from auditor.run.pipeline import Rules
from auditor.run.register import Register
from auditor.store.record import Lives, RunRecord
from auditor.store.store import Store

_NOBODY = History()


def close_run(store: Store, run: RunRecord, rules: Rules, finished: datetime | None = None) -> RunRecord:
    """End a run whose every host has its outcome: coverage counted, findings followed. It ends now, unless said."""
    ending = Ending(store, run, rules)
    store.keep_lives(run.id, (ending.lives(_facts(told), gist) for told, gist in store.gists(run.id)))
    return ending.close(finished)


def _facts(text: str) -> HostFacts:
    row = json.loads(text)
    return HostFacts(name=row["name"], key=row["key"], groups=tuple(row["groups"]))


class Ending:
    """What the end of a run says of all its hosts, gathered from one host after the other, in the ledger's order."""

    def __init__(self, store: Store, run: RunRecord, rules: Rules) -> None:
        """Read what earlier runs know of the hosts."""
        self._store, self._run, self._rules = store, run, rules
        self._outcomes = dict.fromkeys(HostOutcome, 0)
        self._assessed = 0
        self._found = Counter(finding_counts(()))
        self._register = Register(rules.policy.approvals, rules.as_of.date())
        self._succession = rules.succession
        self._exceptions = ExceptionRegister(rules.exceptions, rules.as_of.date(), self._succession)
        self._here: dict[str, HostFacts] = {}
        self._by = following(rules, self._here)
        history = store.text(run.inputs["history"])
        self.known: Mapping[str, History] = Histories(history, told_by(run))
        """What earlier runs know of each host, by its key."""
        scope = ((row["name"], row["key"]) for row in store.facts(run.id))
        self._earlier = EarlierFindings(history, scope, self._succession)

    def lives(self, facts: HostFacts, gist: str) -> Lives:
        """Take a host in by its gist, or its row, and return what the run leaves of it for the runs after it."""
        row = row_of(gist)
        self._outcomes[HostOutcome(row["outcome"])] += 1
        self._assessed += row["complete"]
        self._register.add(facts, row)
        self._exceptions.add(use_from_row(row))
        self._here.clear()
        self._here[facts.name] = facts
        earlier = self._earlier.pop(facts.name, facts.key)
        observed = observation_from_row(row, facts.key, has_past=bool(earlier))
        findings = [finding_row(one) for one in lives_on(observed, earlier, self._by)]
        self._found.update(finding_counts(findings))
        history = self._succession.history(self.known.get(facts.key, _NOBODY))
        return Lives(host_key=facts.key, findings=findings, past=remembered(history, row, self._rules.as_of))

    def close(self, finished: datetime | None = None) -> RunRecord:
        """End the run, now unless said; UsageError where hosts of its scope were not taken in."""
        run, rules = self._run, self._rules
        missing = run.scope_count - sum(self._outcomes.values())
        if missing:
            raise UsageError(
                f"run {run.id} is not at its end: {missing} hosts have no outcome; go on with --resume {run.id}"
            )
        coverage = Coverage(
            scope=run.scope_count,
            reached=run.scope_count - self._outcomes[HostOutcome.UNREACHABLE],
            assessed=self._assessed,
            wanted=rules.policy.settings.coverage,
        )
        exceptions = self._exceptions
        summary: dict[str, object] = {
            "coverage": coverage_row(coverage),
            "outcomes": {outcome.value: count for outcome, count in self._outcomes.items()},
            "violating_hosts": self._outcomes[HostOutcome.NONCOMPLIANT],
            "findings": dict(self._found),
            "controls": {name: control_row(info) for name, info in control_infos().items()},
            "policy_name": rules.policy.name,
            "catalogue_version": rules.catalogue.version,
            "attack_version": attack_of(self._store.text(run.inputs["attack"])).version,
            "approvals": self._register.rows(),
            "exceptions": {entry.weighed.record.id: exception_row(entry) for entry in exceptions.entries()},
            "accepted_limits": {one.record.limit: limit_row(one, exceptions.day) for one in rules.limits},
        }
        self._store.finish(run.id, finished=instant(finished or datetime.now(UTC)) or "", summary=summary)
        return self._store.run(run.id)
