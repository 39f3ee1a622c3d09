"""``auditor remediate plan``: write the steps that would close findings."""

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from auditor import __version__
from auditor.catalogue.entry import catalogue_of
from auditor.cli.audit import operator_name
from auditor.cli.plan_file import write_plan
from auditor.cli.stored import open_store
from auditor.cli.terminal import print_rows, say
from auditor.errors import UsageError, did_you_mean
from auditor.model.plan import Plan, Play
from auditor.policy.load import parse_policy
from auditor.remediate.plan_text import PlanFile, plan_digest
from auditor.remediate.planning import Basis, Wanted, make_plan
from auditor.remediate.playbooks import is_plain_path
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.store.record import RunRecord
from auditor.store.store import Store

_COLUMNS = ["host", "play", "product", "severity", "reversible", "expects"]


def plan(options: Namespace) -> int:
    """Write a plan into a new file, and print its steps; nothing is done to any host."""
    file: Path = options.output or options.file or Path("plan.yml")
    if file.exists():
        raise UsageError(f"{file}: is there already, and may be approved: name another with -o")
    with open_store(options) as store:
        run = store.run(options.run)
        made = _made(options, store, run)
    if not made.steps and not made.left_out:
        raise UsageError(f"run {run.id} has no finding that is asked for: `auditor findings --run {run.id}` lists them")
    write_plan(file, PlanFile(plan=made))
    print_rows(
        [
            {
                "host": step.host,
                "play": step.play,
                "product": step.product,
                "severity": step.severity,
                "reversible": step.is_reversible,
                "expects": step.expects,
            }
            for step in made.steps
        ],
        _COLUMNS,
        options,
    )
    if made.left_out:
        say(options, f"\n{len(made.left_out)} findings are left to hands, or not touched:")
        for one in made.left_out:
            say(options, visible(f"- {one.host}: {one.control}, {one.subject}: {one.reason}"))
    hosts = len({step.host for step in made.steps})
    say(options, f"\n{len(made.steps)} steps on {hosts} hosts, in {file}; the plan's SHA-256 is {plan_digest(made)}")
    say(options, "nothing was changed: read it, and have somebody else approve it")
    return 0


def _made(options: Namespace, store: Store, run: RunRecord) -> Plan:
    rows = stored_run(store, run)
    known = [str(row["host"]) for row in rows.ledger]
    for host in options.host:
        if host not in known:
            raise UsageError(f"run {run.id} has no host {host!r}{did_you_mean(host, known)}")
    for control in options.control:
        if control not in rows.controls:
            raise UsageError(f"no control {control!r}{did_you_mean(control, sorted(rows.controls))}")
    catalogue = catalogue_of(store.text(run.inputs["catalogue"]))
    products = [product.id for product in catalogue.products]
    for product in options.product:
        if product not in products:
            raise UsageError(f"no product {product!r}{did_you_mean(product, products)}")
    policy = parse_policy(store.text(run.inputs["policy"]), Path("policy.yml"), products=products)
    basis = Basis(
        run=run.id,
        policy_sha256=run.inputs["policy"],
        catalogue_sha256=run.inputs["catalogue"],
        tool_version=__version__,
        made_at=datetime.now(UTC).replace(microsecond=0),
        made_by=operator_name(),
        max_age=policy.settings.max_age,
        trusted=policy.networks.trusted,
    )
    wanted = Wanted(
        hosts=tuple(options.host),
        controls=tuple(options.control),
        products=tuple(options.product),
        severities=tuple(options.severity),
        owners=tuple(options.owner),
        plays=tuple(Play(play) for play in options.play) or tuple(Play),
        password_file=_password_file(options.x11vnc_password_file),
    )
    return make_plan(rows.findings, rows.hosts(), wanted, basis)


def _password_file(path: str) -> str:
    """Return a path that a play can be given; UsageError for any other."""
    if path and not is_plain_path(path):
        raise UsageError(
            f"--x11vnc-password-file {path!a}: a whole path is needed, of letters, digits and any of . _ / - and no "
            "longer than 250"
        )
    return path
