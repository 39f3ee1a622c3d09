"""The host is audited as often as the policy says.

## What it checks

The time between this run and the last one before it with complete evidence of the host: no longer than
`settings.audit_interval`. A month that was left out is a violation of the first run after it, is closed by the next
that comes in time, and stays in the life of its finding.

## Why it matters

Whoever reads the reports of a year must be able to rely on their being all of them (ATT&CK M1047). Between two audits
that lie too far apart, software may have come and gone with nobody to tell.

## How to fix

Audit again within the interval. Look into why it was not kept: a schedule that did not run, a host that was off or
could not be seen whole.

## What it needs

That the host answered (which system it is), and the runs that the store keeps; a bundle brings what its run knew.
"""

from auditor.controls.control import Control
from auditor.controls.product_past import baseline
from auditor.model.case import Case
from auditor.model.host import OsFamily
from auditor.model.verdict import Assessment, Demand, Mitigation, Severity, Violation


def _assess(case: Case) -> Assessment:
    last = case.history.last_complete
    if last is None:
        return Assessment(inapplicable=baseline(case))
    allowed, age = case.settings.audit_interval, case.as_of - last
    if age <= allowed:
        return Assessment()
    return Assessment(
        violations=(
            Violation(
                subject="interval",
                reason=f"The last complete audit before this one was on {last:%Y-%m-%d}, {age.days} days ago, where "
                f"the policy allows {allowed.days}.",
                proof=(),
                remediation=(
                    "Find out why no audit saw the host completely in between.",
                    "Audit it within the interval from now on; the next audit in time closes this.",
                ),
                severity=Severity.MEDIUM,
            ),
        )
    )


CONTROL = Control(
    id="audit_interval",
    title="The host is audited as often as the policy says",
    mitigation=Mitigation.M1047,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CA-7", "CM-8(2)"),
        "CIS Controls v8.1": ("2.1", "2.4"),
    },
    demand=Demand.FORBIDS,
    needs=dict.fromkeys(OsFamily, ("system.*",)),
    assess=_assess,
    manual=__doc__,
)
