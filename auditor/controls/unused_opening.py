"""No rule holds a remote-access port open on which nothing listens.

## What it checks

The ports of VNC (5900-5906, 5800-5806, 5500) and those on which products of the catalogue listen. A rule that opens
such a port to someone outside of the policy's trusted networks needs a listener behind it. A rule that opens every
port of TCP to someone opens none of them in particular: `host_filter` speaks of it, once.

## Why it matters

An opening without a listener is a door that stands ready: whoever starts a server behind it later needs no right to
change the filter (M1037, filter network traffic).

## How to fix

Remove the rule that is quoted, or limit it to the trusted networks of the policy.

## What it needs

The rules of every packet filter that the kernel has, and the listening sockets.
"""

from auditor.controls.control import Control
from auditor.controls.filter_limits import EXTENSIONS, UNREGISTERED
from auditor.controls.more_rights import more_rights
from auditor.controls.quoted_rule import rule_quote
from auditor.firewall.outside import listed, outside
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.filtering import Passage
from auditor.model.host import OsFamily
from auditor.model.sighting import Reachability
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_RANGES = Limit(
    id="opening_ports",
    text="Only ports that VNC or a product of the catalogue is known for are looked at: a product can use any other.",
)

_PROGRAMS = Limit(
    id="program_openings",
    text="A rule that opens ports to one named program or service alone opens nothing to whatever else is started: it "
    "is judged when that program listens.",
    systems=(OsFamily.WINDOWS, OsFamily.MACOS),
)

_WHERE = {
    OsFamily.WINDOWS: ": the rule's id stands in the proof (`Remove-NetFirewallRule -Name`).",
    OsFamily.MACOS: ": a rule of /etc/pf.conf or of the anchor that the proof names (`pfctl -a ANCHOR -s rules`).",
}
_ADVICE = "Read the rules that are named, and say what they mean: a limit or a memory of the kernel decides there."


def _assess(case: Case) -> Assessment:
    if case.filtering.problem is not None:
        return Assessment(gaps=(_gap(case.filtering.problem, more_rights(case)),))
    used = {(one.protocol, one.port) for one in case.exposures if one.reachability is not Reachability.LOOPBACK_ONLY}
    found: dict[str, Violation] = {}
    unsure: dict[str, Gap] = {}
    for one in case.filtering.inbound:
        is_open = one.reachability is Reachability.FROM_ANYWHERE
        who = ("anywhere",) if is_open else outside(one.networks, case.networks.trusted)
        subject = f"opening:{one.protocol}/{one.port}"
        if not who or (one.protocol, one.port) in used:
            continue
        if one.reachability is Reachability.UNDECIDED:
            reason = f"whether {one.port}/{one.protocol} is open to {listed(who)} is undecided: {one.rule}"
            unsure.setdefault(subject, _gap(reason, _ADVICE))
        elif subject not in found:
            found[subject] = _violation(case, subject, one, who)
    return Assessment(violations=tuple(found.values()), gaps=tuple(unsure.values()))


def _violation(case: Case, subject: str, one: Passage, who: tuple[str, ...]) -> Violation:
    where = _WHERE.get(case.head.os, ".")
    return Violation(
        subject=subject,
        reason=f"{one.port}/{one.protocol} is open to {listed(who)}, and nothing listens on it: {one.rule}.",
        proof=rule_quote(case, one.rule),
        remediation=(
            f"Remove what opens {one.port}/{one.protocol}, or limit it to the policy's trusted networks{where}",
        ),
        severity=Severity.LOW,
    )


def _gap(reason: str, advice: str) -> Gap:
    return Gap(section="firewall.*", outcome=Outcome.PARTIAL, reason=reason, advice=advice)


CONTROL = Control(
    id="unused_opening",
    title="No rule holds a remote-access port open on which nothing listens",
    mitigation=Mitigation.M1037,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("SC-7", "CM-7"),
        "CIS Controls v8.1": ("4.4", "4.5"),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("sockets.*", "firewall.nft", "firewall.iptables_legacy", "firewall.ip6tables_legacy"),
        OsFamily.WINDOWS: ("sockets.*", "firewall.windows", "network.windows"),
        OsFamily.MACOS: ("sockets.*", "firewall.pf", "firewall.application", "network.macos"),
    },
    limits=(_RANGES, _PROGRAMS, UNREGISTERED, EXTENSIONS),
    assess=_assess,
    manual=__doc__,
)
