"""An audit up to its end: scope and inputs fixed, hosts asked and judged, each written down as it comes."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from auditor import __version__
from auditor.collect.probe import sh_call, sh_probe_sha256
from auditor.collect.ps_probe import ps_call, ps_probe_sha256
from auditor.collect.seal import canonical
from auditor.controls.attack import attack_data
from auditor.errors import HostError, Reason
from auditor.inventory.references import Secrets
from auditor.model.host import ConnectionKind, Host, HostFacts, Scope, host_facts
from auditor.model.past import History
from auditor.model.probe import ProbeCall, ProbeLimits, RawOutput
from auditor.model.record import Record, asdict, field, replace
from auditor.report.rows import instant
from auditor.report.stored_run import coverage_of
from auditor.run.exchange import Parcel
from auditor.run.fanout import Course, fan_out
from auditor.run.history import Histories, history_text, told_by
from auditor.run.pacing import Turn
from auditor.run.pipeline import Answered, Rules
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.run.this_tool import tool_digest
from auditor.store.record import HostRecord, RunRecord
from auditor.store.store import Store, digest

_OPENING = 4096
"""Bytes that hold the head of an answer, with what a log-in said before it."""

Ask = Callable[[Host, ProbeCall], RawOutput]
"""Put a call to a host; raises HostError."""


class Limits(Record, kw_only=True):
    """What one host may cost us."""

    deadline: float = 60.0
    """Seconds of wall clock from connecting to the last byte, where the inventory names no other."""
    output_bytes: int = 32 * 1024 * 1024
    """Bytes a host may send."""
    unpacked_bytes: int = 64 * 1024 * 1024
    """Bytes its answer may unpack to."""
    probe: ProbeLimits = field(default_factory=ProbeLimits)
    """What the probe may cost the host."""


class Population(Record, kw_only=True):
    """Who should be there, and how the inventory compares: sealed, for addresses are not kept."""

    text: str
    """The export as it was read."""
    comparison: str
    """``run.population`` of results.json, as JSON."""


class Sealed(Record, kw_only=True):
    """The texts a run rests on, as they are sealed."""

    policy: str
    """The policy file."""
    exceptions: str
    """The exceptions file."""
    people: str | None = None
    """The people file; None in runs of before there was one, and where nothing is judged."""
    catalogue: str
    """The catalogue, as ``catalogue_text`` writes it."""
    attack: str = field(default_factory=lambda: attack_data().text)
    """The ATT&CK data; this version's own, unless a bundle brings what it was judged with."""
    population: Population | None = None
    """Who should be there, where an export says so."""
    sightings: str | None = None
    """What records from outside show, where any were brought: hosts filled in, as ``settled`` writes it."""

    def inputs(self, history: str) -> dict[str, str]:
        """Return each input's digest."""
        return {
            "policy": digest(self.policy),
            "exceptions": digest(self.exceptions),
            "catalogue": digest(self.catalogue),
            "attack": digest(self.attack),
            "history": digest(history),
        } | {name: digest(text) for name, text in self.further_texts().items()}

    def further_texts(self) -> dict[str, str]:
        """Return what is sealed of inputs that not every run has, by their names."""
        texts = {} if self.people is None else {"people": self.people}
        if self.population is not None:
            texts |= {"population": self.population.text, "population_comparison": self.population.comparison}
        return texts if self.sightings is None else texts | {"sightings": self.sightings}


class Began(Record, kw_only=True):
    """What a run is begun with, beside the rules."""

    facts: Sequence[HostFacts]
    """The scope, in the ledger's order."""
    source: str
    """Where the scope comes from."""
    sha256: str
    """Digest of the scope."""
    history: str
    """What earlier runs know of the scope, as it is sealed."""
    operator: str
    """Who runs it."""
    options: dict[str, object]
    """What the command was asked."""
    name: str | None = None
    """Name of the run; None makes one."""
    sequence: int | None = None
    """Number of the run; None takes the store's next one."""


def new_run(
    store: Store,
    scope: Scope,
    rules: Rules,
    sealed: Sealed,
    *,
    operator: str,
    options: dict[str, object],
    name: str | None = None,
) -> RunRecord:
    """Fix the scope and the inputs of a run that starts now; it gets a name of its own unless one is given."""
    facts = [host_facts(host) for host in scope.hosts]
    began = Began(
        facts=facts,
        source=scope.source,
        sha256=scope.sha256,
        history=history_text(store, facts, source=scope.source, options=options),
        operator=operator,
        options=options,
        name=name,
    )
    return begin_run(store, began, sealed, rules.as_of)


def begin_run(store: Store, began: "Began", sealed: Sealed, as_of: datetime) -> RunRecord:
    """Write a run down before its first host: the scope and every input are fixed from here on."""
    started = instant(as_of) or ""
    record = RunRecord(
        id=began.name or f"{as_of:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(2)}",
        sequence=began.sequence or 0,
        started=started,
        finished=None,
        operator=began.operator,
        tool_version=__version__,
        as_of=started,
        scope_count=len(began.facts),
        scope_sha256=began.sha256,
        scope_source=began.source,
        options={"tool_sha256": tool_digest(), **began.options},
        inputs=sealed.inputs(began.history),
        summary={},
    )
    texts = [sealed.policy, sealed.exceptions, sealed.catalogue, sealed.attack, began.history]
    texts += sealed.further_texts().values()
    return store.begin(record, ((fact, _facts_text(fact)) for fact in began.facts), texts)


def run_audit(
    *,
    store: Store,
    run: RunRecord,
    scope: Scope,
    limits: Limits,
    ask: Ask,
    readers: Readers,
    course: Course,
    elsewhere: Callable[[Host], Parcel] | None = None,
) -> Iterator[HostRecord]:
    """Audit every host of the scope that has no outcome in this run yet; yield each as it is stored.

    ``elsewhere`` has workers ask the hosts, in place of ``ask``.

    Each host is written in one transaction the moment it is judged, so a run that is killed goes on where
    it stopped; a host that is to be tried again has no outcome yet and is tried then. ``close_run`` ends the
    run once the iterator is exhausted and nobody has asked it to stop.
    """
    done = store.done(run.id)
    waiting = [host for host in scope.hosts if host.name not in done]
    history = Histories(store.text(run.inputs["history"]), told_by(run))
    nobody = History()

    def read(turn: Turn, answer: RawOutput | Parcel | HostError) -> HostRecord:
        facts = host_facts(turn.host)
        known = history.get(facts.key, nobody)
        job = ReadJob(host=facts, history=known, attempts=turn.attempt, retried_after=turn.after)
        if isinstance(answer, HostError):
            return readers.read(replace(job, error=answer))
        if isinstance(answer, Parcel):
            return readers.read(replace(job, parcel=answer))
        return readers.read(replace(job, answered=answered_by(turn.host, answer, limits)))

    asked: Callable[[Host], RawOutput | Parcel] = elsewhere or asking(ask, limits, run.id)

    def put(host: Host) -> RawOutput | Parcel:
        if host.unusable is not None and host.unusable_reason is Reason.NOT_INVENTORIED:
            raise HostError(host.unusable_reason, host.unusable)
        return asked(host)

    for outcome in fan_out(waiting, put, read, course):
        store.record(run.id, outcome.record)
        yield outcome.record


def asking(ask: Ask, limits: Limits, run: str = "") -> Callable[[Host], RawOutput]:
    """Return what puts the probe to a host for one run; see ``asking_for``."""
    put = asking_for(ask, limits)
    return lambda host: put(host, run)


def asking_for(ask: Ask, limits: Limits) -> Callable[[Host, str], RawOutput]:
    """Return what puts the probe to a host for a run: secrets looked up, call made, answer told by its token."""
    known_secrets = Secrets(os.environ)
    # Made here, once, and kept: threads that all begin with it would each make it.
    sh_probe_sha256()
    ps_probe_sha256()

    def put(host: Host, run: str) -> RawOutput:
        if host.unusable is not None:
            raise HostError(host.unusable_reason, host.unusable)
        host = known_secrets.filled(host)
        call = _call(host, limits, run)
        answer = ask(host, call)
        return answer if answer.token is not None else replace(answer, token=call.token)

    return put


def answered_by(host: Host, answer: RawOutput, limits: Limits) -> Answered:
    """Make a host's answer ready for a reader."""
    return Answered(
        host=host_facts(host),
        raw=answer,
        token=answer.token or "",
        probe_sha256=ps_probe_sha256() if _is_of_windows(host, answer) else sh_probe_sha256(),
        unpacked_limit=limits.unpacked_bytes,
    )


def exit_code(run: RunRecord) -> int:
    """Return 3 below the coverage the policy wants, else 1 with violations, else 0."""
    summary: dict[str, Any] = run.summary
    if not coverage_of(summary).is_met:
        return 3
    return 1 if summary["violating_hosts"] else 0


def _call(host: Host, limits: Limits, run: str) -> ProbeCall:
    deadline = host.deadline or limits.deadline
    if host.connection is ConnectionKind.WINRM:
        return ps_call(limits=limits.probe, deadline=deadline, output_limit=limits.output_bytes, run=run)
    return sh_call(
        limits=limits.probe,
        deadline=deadline,
        output_limit=limits.output_bytes,
        become=host.credentials.become,
        method=host.credentials.become_method,
        become_password=host.credentials.become_password,
        run=run,
    )


def probe_of(host: Host) -> str:
    """Return the SHA-256 of the script that a host is asked with."""
    return ps_probe_sha256() if host.connection is ConnectionKind.WINRM else sh_probe_sha256()


def _is_of_windows(host: Host, answer: RawOutput) -> bool:
    """Tell whether the probe for Windows answered; a recording says so in its head, which no other packs."""
    if host.connection is not ConnectionKind.REPLAY:
        return host.connection is ConnectionKind.WINRM
    return b"\n@head kernel Windows_NT " in answer.stdout[:_OPENING]


def _facts_text(facts: HostFacts) -> str:
    return canonical(asdict(facts)).decode()
