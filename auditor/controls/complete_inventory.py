"""The host is fully inventoried, and was within the time the policy allows.

## What it checks

Evidence is the subject: every section that the probe asks this kind of host must have been answered in
full or proven absent. A host that has gone without complete evidence for longer than `settings.max_age`
breaks this control; until then an incomplete answer is a gap. Evidence that was collected longer ago than
that (an envelope brought late, an old collection judged anew) breaks it however complete it was.

## Why it matters

ATT&CK M1047 asks to inventory workstations for unauthorised VNC servers. What was not looked at cannot
be vouched for.

## How to fix

Give the audit account the documented rights, and install or repair what the gaps name.

## What it needs

Nothing beyond the evidence itself. On Windows the registry of users who are logged off is not loaded: where there are
such users, the policy has to accept the limit `users_logged_off`, or it is unknown. On macOS even root is kept from
people's folders and from the list of privacy grants, until the SSH server is given Full Disk Access.
"""

from datetime import timedelta

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.host import OsFamily
from auditor.model.reading import QUOTE_LENGTH
from auditor.model.sighting import Quote
from auditor.model.verdict import Assessment, Demand, Mitigation, Severity, Violation


def _assess(case: Case) -> Assessment:
    old = case.as_of - case.head.collected_at
    if old > case.settings.max_age:
        return Assessment(violations=(_stale(case, old),))
    missing = [section for section in case.reading.sections.values() if section.outcome.is_gap]
    if not missing:
        return Assessment()
    since = case.history.last_complete or case.history.first_seen
    age = case.as_of - since if since is not None else timedelta(0)
    if age <= case.settings.max_age:
        return Assessment()  # every gap in what it needs reaches the verdict by itself
    named = ", ".join(section.id for section in missing)
    return Assessment(
        violations=(
            Violation(
                subject="evidence",
                reason=f"no complete evidence for {age.days} days, where the policy allows "
                f"{case.settings.max_age.days}; now missing: {named}",
                proof=tuple(
                    Quote(section=section.id, quote=(section.reason or section.outcome)[:QUOTE_LENGTH])
                    for section in missing
                ),
                remediation=tuple(sorted({section.advice for section in missing if section.advice}))
                or ("Repair what keeps these sections from being answered, then audit again.",),
                severity=Severity.HIGH,
            ),
        )
    )


def _stale(case: Case, old: timedelta) -> Violation:
    """Say that evidence was complete once, perhaps, and says nothing of today."""
    return Violation(
        subject="evidence",
        reason=f"the evidence is of {case.head.collected_at:%Y-%m-%d}, {old.days} days old, where the policy allows "
        f"{case.settings.max_age.days}",
        proof=(),
        remediation=("Audit the host again, or have its envelope made and brought more often.",),
        severity=Severity.HIGH,
    )


CONTROL = Control(
    id="complete_inventory",
    title="The host is fully inventoried",
    mitigation=Mitigation.M1047,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-8", "CM-8(3)", "CA-7"),
        "CIS Controls v8.1": ("2.1", "2.2"),
    },
    demand=Demand.FORBIDS,
    needs=dict.fromkeys(OsFamily, ("*",)),
    assess=_assess,
    manual=__doc__,
)
