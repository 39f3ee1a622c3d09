"""``auditor remediate approve``: put somebody's consent to a plan into its file."""

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from auditor.cli.audit import operator_name
from auditor.cli.plan_file import load_plan, write_plan
from auditor.cli.signing_key import signing_key
from auditor.cli.terminal import say
from auditor.errors import PlanError, UsageError
from auditor.model.record import replace
from auditor.policy.faults import read_text
from auditor.policy.load_people import parse_people
from auditor.policy.locate import locate
from auditor.remediate.approval import approval_of
from auditor.remediate.plan_text import PlanFile, plan_digest, signed_text
from auditor.report.visible import visible
from auditor.trust.people import People, same_person
from auditor.trust.sshsig import Namespace as Purpose


def approve(options: Namespace) -> int:
    """Sign a plan, or take a signature that was made elsewhere; what would not hold is not written."""
    file: Path = options.file
    found = load_plan(file)
    if options.show:
        if options.key or options.signature:
            raise UsageError(
                "--show prints the text that is signed, and signs nothing: leave --key and --signature out"
            )
        sys.stdout.flush()
        sys.stdout.buffer.write(signed_text(found.plan))
        return 0
    if not options.approver:
        raise UsageError("who approves it? --as NAME, a name of the people file")
    if not found.plan.steps:
        raise PlanError(f"{file}: has no step: there is nothing to approve")
    people = known_people(options)
    approval = approval_of(found.plan, options.approver, _signature(options, found), people, datetime.now(UTC).date())
    if isinstance(approval, str):
        raise PlanError(f"{file}: {approval}")
    write_plan(file, replace(found, approval=approval))
    hosts = len({step.host for step in found.plan.steps})
    say(options, f"{file}: approved by {visible(approval.by)}: {len(found.plan.steps)} steps on {hosts} hosts")
    say(options, f"the plan's SHA-256 is {plan_digest(found.plan)}; `auditor remediate apply {file} -i INVENTORY`")
    return 0


def known_people(options: Namespace) -> People:
    """Return those whose signatures count."""
    file = locate("people.yml", options.people)
    return parse_people(read_text(file), file)


def _signature(options: Namespace, file: PlanFile) -> str:
    if options.signature:
        if options.key:
            raise UsageError("--signature was made with a key already: leave --key out")
        return read_text(options.signature)
    if same_person(operator_name()) == same_person(file.plan.made_by):
        # A key at this account's hand is one that the planner may use.
        raise UsageError(
            f"{file.plan.made_by} made this plan, and is the account that is to sign it: sign with an account of the "
            "approver's, or bring a signature with --signature (`ssh-keygen -Y sign -n auditor-plan`)"
        )
    return signing_key(options.key).sign(signed_text(file.plan), Purpose.PLAN)
