"""A packet filter closes the host to the outside, in IPv4 and in IPv6.

## What it checks

A port that no rule names, asked about from outside of the policy's trusted networks, in each family in which the
host has an address. It must not be let in: a filter that is off, or that accepts by default, closes nothing, and a
filter of IPv4 alone leaves the same door open in IPv6.

## Why it matters

Remote-access software is found after it was started. A host that is closed unless a rule opens it makes sure that
nobody comes in meanwhile (M1037, filter network traffic).

## How to fix

Load a packet filter whose input chain drops by default, for both families (nftables: one table of family `inet`), and
open what is needed. On Windows, switch the firewall on in every profile and let it block what no rule opens
(`Set-NetFirewallProfile -All -Enabled True -DefaultInboundAction Block`). On macOS, switch the firewall on and let it
allow no signed software by itself, or let pf block in by default (`block in all` first in `/etc/pf.conf`, `pfctl -e`).
Where a host is filtered elsewhere, `networks.require_filter: false` in the policy says so.

## What it needs

The rules of every packet filter of the kernel; on Windows the firewall's profiles, rules and networks; on macOS pf
(root) and the application firewall. A firewall of another maker that is registered with Windows makes it unknown, for
its rules are not seen.
"""

from auditor.controls.control import Control
from auditor.controls.filter_limits import EXTENSIONS, PERIMETER, UNREGISTERED
from auditor.controls.more_rights import more_rights
from auditor.controls.quoted_rule import rule_quote
from auditor.firewall.outside import listed, outside
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.network import Family
from auditor.model.filtering import Passage
from auditor.model.host import OsFamily
from auditor.model.sighting import Reachability
from auditor.model.verdict import Assessment, Demand, Gap, Inapplicable, Mitigation, Severity, Violation

_NAMES = {Family.IP: "IPv4", Family.IP6: "IPv6"}
_CLOSING = {
    OsFamily.WINDOWS: "Switch the firewall on in every profile, and let it block what no rule opens: "
    "`Set-NetFirewallProfile -All -Enabled True -DefaultInboundAction Block`, or by group policy where it rules.",
    OsFamily.MACOS: "Switch the firewall on in System Settings > Network > Firewall, and off what it allows by itself "
    "(Options, both kinds of signed software), or block in by default with pf: `block in all` as the first rule of "
    "/etc/pf.conf, loaded by `pfctl -ef /etc/pf.conf` at every start.",
}
_ADVICE = "Read the rules that are named, and say what they mean: a limit or a memory of the kernel decides there."


def _assess(case: Case) -> Assessment:
    if not case.networks.require_filter:
        return Assessment(
            inapplicable=Inapplicable(reason="The policy does not require a packet filter on the host.", proof=())
        )
    filtering = case.filtering
    if filtering.problem is not None:
        return Assessment(gaps=(_gap(filtering.problem, more_rights(case)),))
    open_, unsure = [], []
    for one in filtering.defaults:
        who = _strangers(one, case)
        if who:
            open_.append((one, who))
        elif one.reachability is Reachability.UNDECIDED:
            unsure.append(one)
    gaps = tuple(
        _gap(f"what happens to {_NAMES[one.family]} by default is undecided: {one.rule}", _ADVICE) for one in unsure
    )
    return Assessment(violations=_violations(case, open_), gaps=gaps)


def _strangers(one: Passage, case: Case) -> tuple[str, ...]:
    if one.reachability is Reachability.FROM_ANYWHERE:
        return ("anywhere",)
    return outside(one.networks, case.networks.trusted)


def _violations(case: Case, open_: list[tuple[Passage, tuple[str, ...]]]) -> tuple[Violation, ...]:
    families = len(case.filtering.defaults)
    if len(open_) == families and all(one.rule == open_[0][0].rule for one, _ in open_):
        # One cause, one finding: nothing is loaded, or one chain accepts all.
        return (_violation(case, "firewall:off", "The host is open to", open_[0], Severity.MEDIUM),) if open_ else ()
    made = []
    for one, who in open_:
        is_forgotten = len(open_) < families and one.family is Family.IP6
        severity = Severity.HIGH if is_forgotten else Severity.MEDIUM
        beside = " although IPv4 is closed" if is_forgotten else ""
        made.append(
            _violation(case, f"firewall:{one.family}", f"{_NAMES[one.family]} is open{beside} to", (one, who), severity)
        )
    return tuple(made)


def _violation(
    case: Case, subject: str, says: str, found: tuple[Passage, tuple[str, ...]], severity: Severity
) -> Violation:
    one, who = found
    return Violation(
        subject=subject,
        reason=f"{says} {listed(who)} on every port that no rule closes: {(one.rule or '').rstrip('.')}.",
        proof=rule_quote(case, one.rule),
        remediation=(
            _CLOSING.get(case.head.os, "Load a packet filter whose input chain drops by default, for IPv4 and IPv6."),
            "Open the ports that the host serves, to the networks that need them.",
        ),
        severity=severity,
    )


def _gap(reason: str, advice: str) -> Gap:
    return Gap(section="firewall.*", outcome=Outcome.PARTIAL, reason=reason, advice=advice)


CONTROL = Control(
    id="host_filter",
    title="A packet filter closes the host to the outside, in IPv4 and in IPv6",
    mitigation=Mitigation.M1037,
    techniques=("T1021.005", "T1219", "T1219.002", "T1572"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("SC-7",),
        "CIS Controls v8.1": ("4.4", "4.5"),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("firewall.nft", "firewall.iptables_legacy", "firewall.ip6tables_legacy"),
        OsFamily.WINDOWS: ("firewall.windows", "network.windows"),
        OsFamily.MACOS: ("firewall.pf", "firewall.application", "network.macos"),
    },
    limits=(PERIMETER, UNREGISTERED, EXTENSIONS),
    assess=_assess,
    manual=__doc__,
)
