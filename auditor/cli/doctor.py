"""``auditor doctor``: what works and what is missing, here or on hosts; and proof packs of what hosts answered."""

import json
import os
import secrets
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from auditor.catalogue.load import load_catalogue
from auditor.cli.audit import check_writable
from auditor.cli.checks import print_checks
from auditor.cli.command import Command
from auditor.cli.files import read_text
from auditor.cli.inventory import add_vault_options, hosts_of, ignored_arguments, kept_vault
from auditor.cli.stored import add_store_option
from auditor.cli.terminal import FORMATS, print_rows, say
from auditor.errors import HostError, UsageError
from auditor.inventory.scope import fix_scope, local_host
from auditor.model.host import Host, Scope, host_facts
from auditor.model.pacing import Pacing
from auditor.model.past import History
from auditor.model.probe import RawOutput
from auditor.model.record import replace
from auditor.model.rung import Rung
from auditor.policy.load import parse_policy
from auditor.policy.locate import locate
from auditor.run.audit import Limits, answered_by, asking
from auditor.run.checkup import Check, State, checks_of
from auditor.run.fanout import Course, fan_out
from auditor.run.pacing import Turn
from auditor.run.pipeline import Rules
from auditor.run.proof_pack import differences, write_pack
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.run.scrubbing import ScrubJob
from auditor.run.this_machine import Here, checks_here
from auditor.store.record import HostRecord
from auditor.store.store import default_url
from auditor.transport.choose import Transports

_COLUMNS = ("host", "check", "state", "reason", "detail", "advice")
_SOMETHING_MISSING = 1
_PACKS = Path("proof")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "patterns", nargs="*", metavar="HOST", help="`local`, or hosts, groups and wildcards of the inventory"
    )
    parser.add_argument("-i", "--inventory", metavar="FILE", help="CSV, YAML or Ansible inventory (file or folder)")
    add_vault_options(parser)
    parser.add_argument(
        "-p", "--policy", type=Path, metavar="FILE|PACK", help="policy file or pack (default: policies/policy.yml)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="hosts asked at once (default: the policy's)")
    parser.add_argument(
        "--deadline", type=float, default=60.0, metavar="S", help="seconds a host may take (default: 60)"
    )
    parser.add_argument("--record", action="store_true", help="write a scrubbed proof pack of each host's answer")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="where proof packs go (default: proof); without hosts, where reports would go (default: reports)",
    )
    parser.add_argument("--format", choices=FORMATS, default="table", help="how to print (default: table)")
    add_store_option(parser)


def _run(options: Namespace) -> int:
    if options.deadline <= 0:
        raise UsageError(f"--deadline {options.deadline:g}: a host needs some time to answer")
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"--workers {options.workers}: at least one host must be asked at once")
    if options.patterns or options.inventory:
        checks = _hosts(options)
    elif options.record:
        raise UsageError("--record records what hosts answer: name some of an inventory, or `local`")
    else:
        checks = list(checks_here(_here(options)))
        if options.format == "table":
            ready = "ready: audits can be run from here"
            print_checks("this machine", checks, ready, options)
    if options.format != "table":
        print_rows([check.row() for check in checks], _COLUMNS, options)
    return _SOMETHING_MISSING if any(check.state is State.MISSING for check in checks) else 0


def _here(options: Namespace) -> Here:
    return Here(
        store=options.store or default_url(),
        output=options.output or Path("reports"),
        policy=options.policy,
        workers=options.workers,
        home=Path.home(),
        agent_socket=os.environ.get("SSH_AUTH_SOCK", ""),
    )


# ---- hosts


def _hosts(options: Namespace) -> list[Check]:
    scope = _scope(options)
    catalogue = load_catalogue()
    policy_file = locate("policy.yml", options.policy)
    policy = parse_policy(read_text(policy_file), policy_file, products=[one.id for one in catalogue.products])
    as_of = datetime.now(UTC).replace(microsecond=0)
    rules = Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=as_of)
    for line in ignored_arguments(scope.hosts):
        say(options, line)
    if options.record:
        check_writable(options.output or _PACKS)
    # One try, whatever comes of it: a doctor that tried again would not show what an audit meets, and a credential
    # that was refused is not offered twice.
    pacing = replace(policy.pacing, retries=0, workers=options.workers or policy.pacing.workers)
    everything: list[Check] = []
    # Readers are forked before the first thread is started.
    with closing(Readers(os.cpu_count() or 1, rules)) as readers:
        visit = _Visit(options, readers, as_of)
        for host, checks in visit.all(scope, pacing):
            everything += checks
            if options.format == "table":
                print_checks(_title(host), checks, "ready: an audit of it is complete", options)
    return everything


class _Visit:
    """All hosts asked once, as an audit asks them, and what came of each."""

    def __init__(self, options: Namespace, readers: Readers, as_of: datetime) -> None:
        self._options = options
        self._readers = readers
        self._as_of = as_of
        self._limits = Limits(deadline=options.deadline)
        self._climbed: dict[str, dict[Rung, str]] = {}
        self._packs: dict[str, Check] = {}

    def all(self, scope: Scope, pacing: Pacing) -> Iterator[tuple[Host, list[Check]]]:
        """Yield each host and its checks, in the order of their names."""
        records: dict[str, HostRecord] = {}
        with closing(Transports(pacing=pacing, climbed=self._note)) as transports:
            put = asking(transports.collect, self._limits)
            waiting = list(scope.hosts)
            for outcome in fan_out(scope.hosts, put, self._read, Course(pacing=pacing)):
                records[outcome.host.name] = outcome.record
                while waiting and waiting[0].name in records:
                    host = waiting.pop(0)
                    yield host, self._checks(host, records.pop(host.name))

    def _note(self, host: str, rung: Rung, met: str) -> None:
        self._climbed.setdefault(host, {})[rung] = met

    def _read(self, turn: Turn, answer: RawOutput | HostError) -> HostRecord:
        job = ReadJob(host=host_facts(turn.host), history=History())
        if isinstance(answer, HostError):
            return self._readers.read(replace(job, error=answer))
        answered = answered_by(turn.host, answer, self._limits)
        record = self._readers.read(replace(job, answered=answered))
        if self._options.record and record.head is not None:
            self._packs[turn.host.name] = self._pack(turn.host, ScrubJob(answered=answered, names=_names(turn.host)))
        return record

    def _checks(self, host: Host, record: HostRecord) -> list[Check]:
        inventory = None if self._options.inventory is None else shlex.quote(self._options.inventory)
        checks = list(checks_of(host, json.loads(record.row), self._climbed.get(host.name, {}), inventory))
        if host.name in self._packs:
            checks.append(self._packs[host.name])
        return checks

    def _pack(self, host: Host, job: ScrubJob) -> Check:
        folder = (self._options.output or _PACKS) / f"proof-{self._as_of:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(3)}"
        try:
            made = self._readers.scrub(job)
        except HostError as error:
            detail = f"none was made: {error.detail}"
            return Check(host=host.name, check="proof pack", state=State.NOTE, detail=detail, reason=error.reason)
        write_pack(made, folder, self._as_of)
        counts = made.counts
        detail = (
            f"{folder}: {counts['words']} words, {counts['numbers']} numbers, {counts['addresses']} addresses and "
            f"{counts['macs']} MACs replaced, {counts['secrets']} secrets taken out"
        )
        if made.stays:
            detail += f"; these names stay, for readers look for the words: {', '.join(made.stays)}"
        differs = differences(made)
        if differs:
            detail += f"; it does not tell the same as the host of {'; '.join(differs)}"
        else:
            detail += "; what is read from it is the same in kind and number"
        advice = "Read through the proof pack before it leaves your hands: no program can know every name."
        state = State.NOTE if differs else State.OK
        return Check(host=host.name, check="proof pack", state=state, detail=detail, advice=advice)


def _names(host: Host) -> tuple[str, ...]:
    return (host.name, host.address, *([host.host_id] if host.host_id else []))


def _title(host: Host) -> str:
    return host.name if host.address in ("", host.name) else f"{host.name} ({host.address})"


def _scope(options: Namespace) -> Scope:
    if options.patterns == ["local"]:
        if options.inventory:
            raise UsageError("`local` is this machine and needs no inventory: leave one of the two out")
        return fix_scope((local_host(),), [], None, "local")
    if not options.inventory:
        raise UsageError("which inventory? -i FILE names it; `auditor doctor local` looks at this machine as a host")
    return fix_scope(hosts_of(options.inventory, kept_vault(options)), options.patterns, None, options.inventory)


COMMAND = Command(
    help="say what works and what is missing, here or on hosts",
    description="Without a host: look at this machine, as the place that audits are run from. With hosts: ask each "
    "once, as an audit would, and say how far one gets, what a complete audit lacks, and what to do. Nothing is "
    "stored. Exit code 1 where something is missing.\n\n"
    "With --record, what a host answered is written as a proof pack for the makers of readers: names, addresses and "
    "all words that are not known to everybody replaced, and read again to see that it tells the same. Read through "
    "it before you hand it on.\n\nExamples:\n"
    "  auditor doctor                             this machine\n"
    "  auditor doctor -i hosts.yml web1           one host, step by step\n"
    "  auditor doctor -i hosts.yml web1 --record  the same, and a proof pack of it\n",
    options=_options,
    run=_run,
)
