"""``auditor explain``: explain a control, a product or a finding."""

import textwrap
from argparse import ArgumentParser, Namespace
from typing import Any

from auditor.catalogue.load import load_catalogue
from auditor.cli.catalogue import find_product, show
from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import heading
from auditor.controls.attack import attack_data
from auditor.controls.control import Control
from auditor.controls.registry import controls
from auditor.errors import UsageError, did_you_mean
from auditor.model.host import OsFamily
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.store.record import named

_SHORTEST = 6
_LIFE = (
    *("fingerprint", "control", "severity", "state", "exception", "owner", "first_seen", "failing_since", "opened_by"),
    *("due", "reopened", "closed_at", "closed_by"),
)


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help="a control id, a product id, or the beginning of a fingerprint")
    add_run_option(parser)
    add_store_option(parser)


def _run(options: Namespace) -> int:
    catalogue = load_catalogue()
    if options.what in controls():
        _control(controls()[options.what], options)
    elif catalogue.product(options.what) is not None:
        show(find_product(catalogue, options.what), options)
    elif len(options.what) >= _SHORTEST and set(options.what) <= set("0123456789abcdef"):
        _finding(options)
    else:
        known = [*controls(), *(product.id for product in catalogue.products)]
        near = did_you_mean(options.what, known)
        raise UsageError(f"{options.what!r} is no control, product or fingerprint{near}")
    return 0


def _control(control: Control, options: Namespace) -> None:
    attack = attack_data()
    print(heading(f"{control.id}: {control.title}", options))
    print(f"{control.mitigation} {attack.mitigation_names[control.mitigation]}")
    for technique in control.techniques:
        print(f"  {technique} {attack.technique_names[technique]}")
    for framework, ids in control.crosswalk.items():
        print(f"  {framework}: {', '.join(ids)}")
    print(f"\n{control.manual.strip()}")
    for os, reason in control.not_on.items():
        print(f"\n{textwrap.fill(f'Not on {os}: {reason}', 100)}")
    for limit in control.limits:
        where = "" if set(limit.systems) == set(OsFamily) else f" ({', '.join(limit.systems)})"
        print(f"\n{textwrap.fill(f'Limit {limit.id}{where}: {limit.text}', 100)}")


def _finding(options: Namespace) -> None:
    with open_store(options) as store:
        run = store.run(options.run)
        rows = stored_run(store, run)
        found = [row for row in rows.findings if row["fingerprint"].startswith(options.what)]
        if len(found) != 1:
            many = "no finding" if not found else f"{len(found)} findings"
            raise UsageError(f"{many} of run {run.id} with a fingerprint that begins {options.what!r}")
        finding = named(found[0], run=run.id, as_of=run.as_of)
        host = next(row for row in rows.hosts() if row["host"] == finding["host"])
    print(heading(visible(f"{finding['host']}: {finding['reason']}"), options))
    for name in _LIFE:
        print(f"  {name.replace('_', ' '):14}{visible(_said(finding, name))}")
    for violation in _violations(host, finding["fingerprint"]):
        print("\nEvidence")
        for quote in violation["proof"]:
            print(f"  {visible(quote['section']):22}{visible(quote['quote'])}")
        print("\nWhat to do")
        for number, step in enumerate(violation["remediation"], 1):
            print(f"  {number}. {visible(step)}")


def _said(finding: dict[str, Any], name: str) -> str:
    value = finding[name]
    if name == "due" and finding["overdue"]:
        return f"{value}, overdue"
    if name == "closed_by" and value is not None:
        return f"{value['kind']} {value['id']}"
    return "-" if value is None else str(value)


def _violations(host: dict[str, Any], fingerprint: str) -> list[dict[str, Any]]:
    return [
        violation
        for verdict in host["verdicts"]
        for violation in verdict["violations"]
        if violation["fingerprint"] == fingerprint
    ]


COMMAND = Command(
    help="explain a control, a product or a finding",
    description="Print the manual page of a control, what the catalogue knows of a product, or a finding with its "
    "evidence and what to do about it.",
    options=_options,
    run=_run,
)
