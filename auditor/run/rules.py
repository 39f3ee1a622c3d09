"""The rules of a run, parsed from the operator's files: policy, exceptions and the people who signed them."""

from datetime import datetime
from pathlib import Path

from auditor.catalogue.product import Catalogue
from auditor.controls.registry import controls
from auditor.model.record import Record, replace
from auditor.model.standing import Standing
from auditor.policy.load import parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.load_people import parse_people
from auditor.policy.standing import weigh, weigh_limits
from auditor.run.pipeline import Rules, succession_of
from auditor.trust.people import People


class RuleFile(Record, kw_only=True):
    """One of the operator's files, as it was read."""

    text: str
    """What it says."""
    file: Path
    """What errors call it."""


class RuleFiles(Record, kw_only=True):
    """What the rules of a run are made of."""

    policy: RuleFile
    """The policy."""
    exceptions: RuleFile
    """The exceptions."""
    people: RuleFile | None
    """Whose signatures count; None where a run was begun without: then nobody's do."""


def rules_of(files: RuleFiles, catalogue: Catalogue, as_of: datetime) -> Rules:
    """Read the rules that hold at an instant; PolicyError names everything that is wrong with the first wrong file."""
    products = [product.id for product in catalogue.products]
    policy = parse_policy(files.policy.text, files.policy.file, products=products)
    people = People() if files.people is None else parse_people(files.people.text, files.people.file)
    known = Known(controls=list(controls()), products=products, settings=policy.settings)
    records = parse_exceptions(files.exceptions.text, files.exceptions.file, known)
    day = as_of.date()
    limits = weigh_limits(policy.accepted_limits, people, policy.settings, day)
    accepted = tuple(one.record for one in limits if one.standing is not Standing.VOID)
    succession = succession_of(catalogue)
    return Rules(
        policy=replace(policy, accepted_limits=accepted, approvals=succession.approvals(policy.approvals)),
        exceptions=weigh(records, people, policy.settings, day),
        limits=limits,
        catalogue=catalogue,
        as_of=as_of,
    )
