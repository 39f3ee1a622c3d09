"""Remote-access products are not set to let in more than they should.

## What it checks

The settings of remote-support and management products that are on the host, approved or not, against those that the
catalogue calls unsafe: a permanent password for access that nobody at the screen confirms, direct connections that go
past the maker's servers, a list of allowed addresses that is empty, a terminal without a password. Each entry of the
catalogue says which settings these are, in which file or registry key, why, and from which document it knows
(`auditor explain PRODUCT`), and how severe it is: high where whoever asks gets remote control. Where a product is on
the host and such a setting is not read, the verdict is unknown; so it is where a setting is unsafe by its absence and
no file of the product was found.

Files of every account are read with the rights of that account. Of a secret only its presence is told, never its text.
Options of a running program are judged by its command line.

The settings of VNC and RDP servers are judged by `server_security`, those of the system by `remote_desktop` and
`screen_sharing`; whether a product may be there at all says `unapproved_product`.

## Why it matters

A product that is approved for support with somebody at the screen is a back door once it has a password of its own:
whoever learns it comes in at night, and nobody is asked (ATT&CK T1219.002). M1042 asks to switch off features that are
not needed.

## How to fix

Change the setting that the finding names, in the product itself or by the management that hands its settings out.

## What it needs

The settings of products, and what shows which products are on the host.
"""

from auditor.controls.control import Control
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.host import OsFamily
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Violation
from auditor.model.weakness import Weakness

_SECTION = "remote_config.products"
_ELSEWHERE = "Look at that setting on the host, or use a version that reads it."
_NOWHERE = "Find out which file the product reads (its command line may say), and look at that setting there."
_KNOWN = Limit(
    id="known_settings",
    text="Settings are judged where the catalogue names them: those of other products, those that a product keeps at "
    "its maker's servers, in a form of its own or in a file of its owner's choice, and what a password is worth, are "
    "not.",
)
_ARGUMENTS = Limit(
    id="product_arguments",
    text="Options are read from a command line that is parted at blanks: a value that holds a blank is read up to it.",
)


def _assess(case: Case) -> Assessment:
    return Assessment(
        violations=tuple(_violation(one) for one in case.weaknesses if not one.is_suspected),
        suspected=tuple(_violation(one) for one in case.weaknesses if one.is_suspected),
        gaps=(
            *(_gap(f"this version does not read {one}", _ELSEWHERE) for one in case.unread_settings),
            *(_gap(f"no file was found that would say {one}", _NOWHERE) for one in case.unfound_settings),
        ),
    )


def _gap(reason: str, advice: str) -> Gap:
    return Gap(section=_SECTION, outcome=Outcome.PARTIAL, reason=reason, advice=advice)


def _violation(one: Weakness) -> Violation:
    said = "is not set" if one.value is None else f"is {one.value}" if one.value else "is empty"
    whose = f" of {one.user}" if one.user else ""
    return Violation(
        subject=f"setting:{one.product}:{one.place}:{one.key}",
        reason=f"{one.name}{whose}: {one.key} {said} ({one.place}). {one.why}",
        proof=one.proof,
        remediation=(
            f"Change `{one.key}` of {one.name} in {one.place}, by the product itself or by what manages it.",
            "Where it is needed so, say who needs it and until when, in an exception.",
        ),
        severity=one.severity,
        product=one.product,
    )


CONTROL = Control(
    id="product_settings",
    title="Remote-access products are not set to let in more than they should",
    mitigation=Mitigation.M1042,
    techniques=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("AC-17", "CM-6", "CM-7"),
        "CIS Controls v8.1": ("4.8",),
    },
    demand=Demand.FORBIDS,
    needs={
        family: ("software.*", "services.*", f"processes.{word}", _SECTION)
        for family, word in ((OsFamily.LINUX, "*"), (OsFamily.WINDOWS, "windows"), (OsFamily.MACOS, "macos"))
    },
    limits=(_KNOWN, _ARGUMENTS),
    assess=_assess,
    manual=__doc__,
)
