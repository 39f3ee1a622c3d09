"""``auditor collect``: ask hosts and keep their sealed evidence, without verdicts."""

import gc
import os
import secrets
from argparse import ArgumentParser, Namespace
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from auditor import __version__
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
from auditor.errors import UsageError, did_you_mean
from auditor.model.host import Scope
from auditor.model.record import Record
from auditor.policy.load import parse_policy
from auditor.policy.locate import bundled, locate
from auditor.run.audit import Sealed, new_run
from auditor.run.manifest import MANIFEST
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.store.record import RunRecord
from auditor.store.store import Store

_MISSING = 3
_COLLECTING, _SQLITE = ".collecting-", ".sqlite"


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
    parser.add_argument("--resume", metavar="RUN", help="go on with a collection that was interrupted or killed")
    add_pacing_options(parser)
    parser.set_defaults(can_resume=True, engine="local")


class _Prepared(Record, kw_only=True):
    """Everything read and checked, before a host is asked."""

    scope: Scope
    """The hosts."""
    rules: Rules
    """What readers are made with; what they seal is what counts."""
    sealed: Sealed
    """The rules as texts."""


def _run(options: Namespace) -> int:
    gc.freeze()
    check_numbers(options)
    if options.resume is not None:
        return _go_on(options)
    policy_file = locate("policy.yml", options.policy)
    prepared = _prepare(options, policy_file, read_text(policy_file), None)
    check_writable(options.output)
    name = f"{prepared.rules.as_of:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(2)}"
    draft = _draft(options.output, name)
    with (
        closing(Readers(os.cpu_count() or 1, prepared.rules, judges=False)) as readers,
        closing(Store(str(draft))) as store,
    ):
        run = new_run(
            store,
            prepared.scope,
            prepared.rules,
            prepared.sealed,
            operator=operator_name(),
            options=kept_options(options),
            name=name,
        )
        code = _collect(options, store, run, prepared, readers)
    return _ended(draft, code)


def _go_on(options: Namespace) -> int:
    """Go on with a collection that was interrupted or killed, by what it was begun with."""
    if options.patterns or options.inventory or options.limit or options.policy or options.window:
        raise UsageError("--resume goes on with what was asked: leave patterns, -i, --limit, -p and --window out")
    draft = _interrupted(options.output, options.resume)
    with closing(Store(str(draft))) as store:
        run = store.run(options.resume)
        if run.tool_version != __version__:
            raise UsageError(
                f"collection {run.id} was begun by auditor {run.tool_version}, this is {__version__}: start a new one"
            )
        prepared = _prepare(options, Path("policy.yml"), store.text(run.inputs["policy"]), run)
        with closing(Readers(os.cpu_count() or 1, prepared.rules, judges=False)) as readers:
            code = _collect(options, store, run, prepared, readers)
    return _ended(draft, code)


def _prepare(options: Namespace, policy_file: Path, policy_text: str, run: RunRecord | None) -> _Prepared:
    catalogue = load_catalogue()
    policy = parse_policy(policy_text, policy_file, products=[product.id for product in catalogue.products])
    scope, _ = chosen_scope(options, run)
    as_of = datetime.now(UTC).replace(microsecond=0) if run is None else datetime.fromisoformat(run.as_of)
    return _Prepared(
        scope=scope,
        rules=Rules(policy=policy, exceptions=(), catalogue=catalogue, as_of=as_of),
        sealed=Sealed(
            policy=policy_text,
            exceptions=read_text(bundled("exceptions.yml")),
            catalogue=catalogue_text(catalogue),
        ),
    )


def _collect(options: Namespace, store: Store, run: RunRecord, prepared: _Prepared, readers: Readers) -> int:
    """Ask who was not asked yet, and write the folder that is carried on once all have their outcome."""
    if not ask_all(options, store, run, prepared.scope, prepared.rules.policy.pacing, readers):
        return INTERRUPTED
    folder = options.output / run.id
    write_evidence(store, run, folder)
    missing = sum(1 for answer in store.answers(run.id) if answer.head is None)
    print(folder)
    have = f"evidence of {run.scope_count - missing} of {run.scope_count} hosts"
    say(options, f"{have}; `auditor assess {folder}` judges it")
    return _MISSING if missing else 0


def _draft(folder: Path, name: str) -> Path:
    """Return where a collection is kept until it is at its end."""
    return folder / f"{_COLLECTING}{name}{_SQLITE}"


def _ended(draft: Path, code: int) -> int:
    """Clear away what was kept meanwhile, unless there is something left to go on with."""
    if code != INTERRUPTED:
        for file in draft.parent.glob(f"{draft.name}*"):
            file.unlink(missing_ok=True)
    return code


def _interrupted(folder: Path, name: str) -> Path:
    """Return what is kept of a collection that has not ended; UsageError where there is none of the name."""
    draft = _draft(folder, name)
    if "/" not in name and draft.is_file():
        return draft
    if (folder / name / MANIFEST).is_file():
        raise UsageError(f"--resume {name}: it has ended; `auditor assess {folder / name}` judges it")
    known = [file.name[len(_COLLECTING) : -len(_SQLITE)] for file in folder.glob(f"{_COLLECTING}*{_SQLITE}")]
    raise UsageError(f"--resume {name}: no such collection was interrupted in {folder}{did_you_mean(name, known)}")


COMMAND = Command(
    help="ask hosts and keep their sealed evidence, without verdicts",
    description="Ask hosts as an audit does and keep what they answer, redacted and sealed, in a folder that `auditor "
    "assess` judges here or elsewhere. For networks that cannot be reached from one place: collect in each, carry the "
    "folders together, assess them as one fleet. Exit code 3 when hosts are missing. A collection that "
    "was interrupted or killed goes on with --resume.",
    options=_options,
    run=_run,
)
