"""No remote-access program runs under another name than its maker gave it.

## What it checks

Each program of a remote-access product that runs on Windows, or that Sysmon recorded as run, approved or not: whether
its file bears a name of the product. The name that its maker gave it stands in the version resource of the file
(`OriginalFilename`), and stays there when the file is renamed. A name that holds the maker's (`AnyDesk (1).exe`), and
each that the catalogue knows for the product, hides nothing and is no violation.

Where that name is not there, or none that the catalogue knows, a valid signature may tell: of a maker who signs that
product alone, or of one who signed that it is that product. It is a suspicion as long as the product is one. Then
nothing in the whole path may be of the product or its maker, whose other programs are called as he likes, and the file
may not bear the name in its resource: a valid signature covers the resource, so that it is the maker's own word.

## Why it matters

Who copies a remote-support tool to `svchost32.exe` does it to pass by lists of forbidden names (ATT&CK T1036.005). Few
installers give their programs a name of the owner's choice (that of MeshCentral can), and an approval of the product
covers no copy under another name. M1038 asks for execution prevention by more than a name: signer or hash.

## How to fix

Take the host from the network, keep the file and what started it for an investigation, and find out who put it there.

## What it needs

The processes and who signed their programs; Sysmon's records where it is installed.
"""

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.host import OsFamily
from auditor.model.result import ProductUse
from auditor.model.verdict import Assessment, Demand, Limit, Mitigation, Severity, Violation

_ELSEWHERE = (
    "Programs keep the name that their maker gave them on Windows alone: elsewhere a renamed one is recognised by "
)
_RESOURCE = Limit(
    id="version_resource",
    text="A program without a version resource, or with one that was altered, and without the valid signature of a "
    "product's maker tells no other name than its file's; portable programs that never ran are not looked at.",
    systems=(OsFamily.WINDOWS,),
)


def _assess(case: Case) -> Assessment:
    return Assessment(
        violations=tuple(_violation(use, one) for use in case.products for one in use.sighting.renamed),
        suspected=tuple(_violation(use, one) for use in case.products for one in use.sighting.perhaps_renamed),
    )


def _violation(use: ProductUse, program: str) -> Violation:
    seen = use.sighting
    return Violation(
        subject=f"program:{seen.product}:{program}",
        reason=f"A program of {seen.name} bears a name that is not the product's: {program}.",
        proof=seen.proof,
        remediation=(
            "Keep the file, its parent process and what starts it: it may be evidence of an intrusion.",
            "Find out who put it there, and treat the host as compromised if nobody has a reason.",
        ),
        severity=Severity.HIGH,
        product=seen.product,
    )


CONTROL = Control(
    id="renamed_product",
    title="No remote-access program runs under another name than its maker gave it",
    mitigation=Mitigation.M1038,
    techniques=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7(5)", "SI-4"),
        "CIS Controls v8.1": ("2.5",),
    },
    demand=Demand.FORBIDS,
    needs={OsFamily.WINDOWS: ("processes.windows", "processes.signers", "processes.sysmon")},
    not_on={
        OsFamily.LINUX: f"{_ELSEWHERE}its service, its arguments and its settings.",
        OsFamily.MACOS: f"{_ELSEWHERE}its bundle, its signer and its jobs.",
    },
    limits=(_RESOURCE,),
    assess=_assess,
    manual=__doc__,
)
