"""``auditor collect``: ask hosts and keep their sealed evidence, without verdicts."""

import gc
import os
import secrets
from argparse import ArgumentParser, Namespace
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.asking import ask_all
from auditor.cli.audit import check_numbers, check_writable, chosen_scope, kept_options, operator_name
from auditor.cli.command import Command
from auditor.cli.evidence import write_evidence
from auditor.cli.files import read_text
from auditor.cli.interrupt import INTERRUPTED
from auditor.cli.inventory import add_vault_options
from auditor.cli.pacing import add_pacing_options
from auditor.cli.terminal import say
from auditor.errors import HostError, Reason
from auditor.model.case import History
from auditor.model.host import Scope, host_facts
from auditor.policy.load import parse_policy
from auditor.policy.locate import bundled, locate
from auditor.run.audit import Sealed, new_run
from auditor.run.pipeline import Rules
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.store.record import RunRecord
from auditor.store.store import Store

_MISSING = 3


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="`local`, or hosts, groups and wildcards")
    parser.add_argument("-i", "--inventory", metavar="FILE", help="CSV, YAML or Ansible inventory (file or folder)")
    add_vault_options(parser)
    parser.add_argument("--limit", metavar="PATTERN", help="narrow the patterns down further")
    parser.add_argument("-p", "--policy", type=Path, metavar="FILE", help="policy whose `pacing` is kept to")
    parser.add_argument("-o", "--output", type=Path, default=Path("evidence"), metavar="DIR", help="where it goes")
    parser.add_argument(
        "--deadline", type=float, default=60.0, metavar="S", help="seconds a host may take (default: 60)"
    )
    add_pacing_options(parser)
    parser.set_defaults(resume=None, can_resume=False)


def _run(options: Namespace) -> int:
    gc.freeze()
    check_numbers(options)
    catalogue = load_catalogue()
    policy_file = locate("policy.yml", options.policy)
    text = read_text(policy_file)
    policy = parse_policy(text, policy_file, products=[product.id for product in catalogue.products])
    scope, _ = chosen_scope(options, None)
    as_of = datetime.now(UTC).replace(microsecond=0)
    check_writable(options.output)
    name = f"{as_of:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(2)}"
    # What is judged on the way is kept nowhere: the readers do it anyway, and what they seal is what counts.
    rules = Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=as_of)
    sealed = Sealed(policy=text, exceptions=read_text(bundled("exceptions.yml")), catalogue=catalogue_text(catalogue))
    draft = options.output / f".collecting-{name}.sqlite"
    try:
        with closing(Readers(os.cpu_count() or 1, rules)) as readers, closing(Store(str(draft))) as store:
            run = new_run(
                store, scope, rules, sealed, operator=operator_name(), options=kept_options(options), name=name
            )
            is_whole = ask_all(options, store, run, scope, policy.pacing, readers)
            if not is_whole:
                _cancel(store, run, scope, readers)
            folder = options.output / name
            write_evidence(store, run, folder)
            reasons = Counter(answer.head is None for answer in store.answers(run.id))
    finally:
        for file in options.output.glob(f"{draft.name}*"):
            file.unlink(missing_ok=True)
    print(folder)
    say(options, f"evidence of {reasons[False]} of {run.scope_count} hosts; `auditor assess {folder}` judges it")
    if not is_whole:
        return INTERRUPTED
    return _MISSING if reasons[True] else 0


def _cancel(store: Store, run: RunRecord, scope: Scope, readers: Readers) -> None:
    """Put down every host that was not asked any more: what was collected is kept, and adds up."""
    done = store.done(run.id)
    error = HostError(Reason.CANCELLED, "the collection was interrupted before it was asked")
    for host in scope.hosts:
        if host.name not in done:
            job = ReadJob(host=host_facts(host), history=History(), error=error)
            store.record(run.id, readers.read(job))


COMMAND = Command(
    help="ask hosts and keep their sealed evidence, without verdicts",
    description="Ask hosts as an audit does and keep what they answer, redacted and sealed, in a folder that `auditor "
    "assess` judges here or elsewhere. For networks that cannot be reached from one place: collect in each, carry the "
    "folders together, assess them as one fleet. Exit code 3 when hosts are missing.",
    options=_options,
    run=_run,
)
