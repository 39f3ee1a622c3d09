"""What applying a plan and rolling it back have in common: its approval checked, hosts, rules and journal at hand."""

import fcntl
import os
import signal
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from auditor import __version__
from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue
from auditor.cli.audit import operator_name
from auditor.cli.inventory import hosts_of, kept_vault
from auditor.cli.plan_file import load_plan
from auditor.cli.remediate_approve import known_people
from auditor.cli.stored import open_store
from auditor.cli.terminal import say
from auditor.collect.read import read
from auditor.errors import OutputError, PlanError, StoreError, UsageError
from auditor.inventory.ansible_run import find_program, memory_folder
from auditor.inventory.scope import fix_scope
from auditor.model.host import Host
from auditor.model.remediation import Event, Happened
from auditor.policy.faults import read_text
from auditor.policy.locate import locate
from auditor.remediate.ansible import AnsiblePlays, clear_left
from auditor.remediate.approval import approval_objection
from auditor.remediate.plan_text import PlanFile, plan_digest, plan_text
from auditor.remediate.planning import Basis
from auditor.remediate.playbooks import missing_playbooks, playbooks_folder, playbooks_sha256
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.run.audit import Limits, Sealed, new_run, run_audit
from auditor.run.ending import close_run
from auditor.run.fanout import Course, Stop
from auditor.run.lasting import lasting_sections
from auditor.run.readers import Readers
from auditor.run.remediation import Audited, Orders, Tools, instant
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.run.stored_evidence import stored_evidence
from auditor.store.store import Store
from auditor.transport.choose import Transports


@dataclass(slots=True, kw_only=True)
class Setup:
    """A plan that may be applied, and everything it takes."""

    options: Namespace
    """What the command was asked."""
    store: Store
    """Where runs and the journal are kept."""
    plan_file: PlanFile
    """The plan; its approval holds."""
    digest: str
    """The plan's SHA-256."""
    orders: Orders
    """What is to be applied, and how."""
    files: RuleFiles
    """What hosts are judged by."""
    catalogue: Catalogue
    """What products look like."""
    playbooks: Path
    """Their folder."""
    stops: list[bool] = field(default_factory=list)
    """One entry once somebody has asked to end."""

    @contextmanager
    def tools(self) -> Iterator[Tools]:
        """Give what reaches hosts; Ctrl-C lets the hosts under way come to their end."""
        clear_left()
        with _alone(self.digest), _on_interrupt(self._asked_to_end):
            yield Tools(
                audit=self._audit,
                play=AnsiblePlays(playbooks=self.playbooks, operator=operator_name()),
                note=self._note,
                sections=self._sections,
                events=lambda: self.store.journal.events(self.digest),
                say=lambda text: say(self.options, visible(text)),
                is_stopped=lambda: bool(self.stops),
            )

    def begin(self, tools: Tools, how: Mapping[str, object]) -> None:
        """Write down who begins what, and, once, who planned and who approved it."""
        self.store.journal.open(self.digest, plan_text(self.plan_file))
        approval, plan = self.plan_file.approval, self.plan_file.plan
        if not tools.events() and approval is not None:
            tools.note(Happened.PLANNED, None, {"by": plan.made_by, "at": plan.made_at.isoformat(), "run": plan.run})
            tools.note(Happened.APPROVED, None, {"by": approval.by, "signature": approval.signature})
        told = {"tool_version": __version__, "playbooks": playbooks_sha256(self.playbooks), **how}
        tools.note(Happened.STARTED, None, told)

    def _asked_to_end(self) -> None:
        self.stops.append(True)
        say(self.options, "ending: hosts under way come to their end; Ctrl-C again leaves them where they are")

    def _note(self, what: Happened, host: str | None, data: Mapping[str, Any]) -> Event:
        return self.store.journal.append(self.digest, what, at=instant(), by=operator_name(), host=host, data=data)

    def _sections(self, run: str, host: str) -> Mapping[str, str]:
        return lasting_sections(read(stored_evidence(self.store, self.store.run(run), host)))

    def _audit(self, hosts: Sequence[Host]) -> Audited:
        """Audit hosts as a run of its own, as ``auditor audit`` does."""
        rules = rules_of(self.files, self.catalogue, datetime.now(UTC).replace(microsecond=0))
        scope = fix_scope(tuple(hosts), [], None, str(self.options.inventory))
        people = self.files.people
        sealed = Sealed(
            policy=self.files.policy.text,
            exceptions=self.files.exceptions.text,
            people=None if people is None else people.text,
            catalogue=catalogue_text(self.catalogue),
        )
        told: dict[str, object] = {"remediation": self.digest}
        # Readers are forked before the first thread of this audit is started.
        with closing(Readers(os.cpu_count() or 1, rules)) as readers:
            run = new_run(self.store, scope, rules, sealed, operator=operator_name(), options=told)
            course = Course(pacing=rules.policy.pacing, window=None, stop=Stop(), watch=None)
            with closing(Transports(pacing=rules.policy.pacing)) as transports:
                for _ in run_audit(
                    store=self.store,
                    run=run,
                    scope=scope,
                    limits=Limits(deadline=self.options.deadline),
                    ask=transports.collect,
                    readers=readers,
                    course=course,
                ):
                    pass
            closed = close_run(self.store, run, rules)
        rows = stored_run(self.store, closed)
        return Audited(
            run=closed.id,
            rows={row["host"]: row for row in rows.hosts()},
            findings=tuple(rows.findings),
            reading=lambda host: read(stored_evidence(self.store, closed, host)),
        )


@contextmanager
def open_setup(options: Namespace) -> Iterator[Setup]:
    """Check everything that a plan needs before any host is reached; PlanError and UsageError say what is missing."""
    if not options.inventory:
        raise UsageError("which hosts? -i INVENTORY: a plan names hosts, the inventory says how they are reached")
    plan_file = load_plan(options.file)
    people_file = locate("people.yml", options.people)
    objection = approval_objection(plan_file, known_people(options), datetime.now(UTC).date())
    if objection is not None:
        raise PlanError(f"{options.file}: {objection}")
    folder = playbooks_folder(options.playbooks)
    missing = missing_playbooks(plan_file.plan, folder)
    if missing:
        raise PlanError(
            f"{options.file}: takes playbooks that are not in {folder}: {', '.join(missing)}; leave these steps out "
            "(`auditor remediate plan --play`), and have it approved"
        )
    if find_program("ansible-playbook") is None:
        raise OutputError("plays are run by ansible-core, which is not installed: pip install 'auditor[ansible]'")
    with open_store(options, durable=True) as store:
        catalogue = load_catalogue()
        if catalogue.sha256 != plan_file.plan.catalogue_sha256:
            raise PlanError(f"{options.file}: rests on another catalogue than this auditor's: plan anew")
        exceptions_file = locate("exceptions.yml", options.exceptions)
        files = RuleFiles(
            policy=_policy(options, store, plan_file),
            exceptions=RuleFile(text=read_text(exceptions_file), file=exceptions_file),
            people=RuleFile(text=read_text(people_file), file=people_file),
        )
        yield Setup(
            options=options,
            store=store,
            plan_file=plan_file,
            digest=plan_digest(plan_file.plan),
            orders=_orders(options, plan_file, files, catalogue),
            files=files,
            catalogue=catalogue,
            playbooks=folder,
        )


def _policy(options: Namespace, store: Store, plan_file: PlanFile) -> RuleFile:
    """Return the policy named, else the one that the plan rests on."""
    if options.policy is not None:
        file = locate("policy.yml", options.policy)
        return RuleFile(text=read_text(file), file=file)
    try:
        return RuleFile(text=store.text(plan_file.plan.policy_sha256), file=Path("policy.yml"))
    except StoreError as error:
        raise PlanError(
            f"{options.file}: the policy that it rests on is not in this store: name the store with --store, or a "
            "policy with -p"
        ) from error


def _orders(options: Namespace, plan_file: PlanFile, files: RuleFiles, catalogue: Catalogue) -> Orders:
    plan, now = plan_file.plan, datetime.now(UTC).replace(microsecond=0)
    policy = rules_of(files, catalogue, now).policy
    wanted = {step.host for step in plan.steps}
    return Orders(
        plan=plan,
        hosts={host.name: host for host in hosts_of(options.inventory, kept_vault(options)) if host.name in wanted},
        basis=Basis(
            run=plan.run,
            policy_sha256=plan.policy_sha256,
            catalogue_sha256=plan.catalogue_sha256,
            tool_version=plan.tool_version,
            made_at=now,
            made_by=plan.made_by,
            max_age=policy.settings.max_age,
            trusted=policy.networks.trusted,
        ),
        canary=options.canary,
        batch=options.batch,
        max_failures=options.max_failures,
        is_check=options.check,
        is_forced=options.force_lockout,
        guard_seconds=options.guard_seconds,
    )


@contextmanager
def _alone(digest: str) -> Iterator[None]:
    """Be the only process of this account on this machine that works on a plan, until it ends, however it does.

    The file stays, empty: who took it away could take it from under somebody who waits for it.
    """
    file = Path(memory_folder() or tempfile.gettempdir()) / f"auditor-plan-{os.getuid()}-{digest[:16]}.lock"
    try:
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputError(f"{file}: cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PlanError("this plan is being applied or rolled back by another process: wait for it to end") from error
    else:
        yield
    finally:
        os.close(held)


@contextmanager
def _on_interrupt(ask: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C call a function, and the second raise KeyboardInterrupt."""

    def told(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ask()

    before = signal.signal(signal.SIGINT, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
