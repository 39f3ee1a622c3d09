"""The host does not reach remote-access products' ports on the internet, where the policy asks for that.

## What it checks

Where the policy sets `networks.filter_outbound`: whether the packet filter lets the host connect to the ports of
remote-access products at any address of the internet outside of the policy's trusted networks. They are those that the
catalogue gives for its products (`connects`: TeamViewer 5938 of TCP and UDP, AnyDesk 6568 and 7070-7071, RustDesk
21115-21119, ScreenConnect 8041, reverse VNC 5500 and so on) and 5650 of Remote Utilities. The violation names the
products, the names they connect to as far as they are known, and quotes the rule that lets the host out.

Ports that much else connects to (443, 80, STUN) are not asked about: to close them is to close the web.

## Why it matters

Agents are controlled through a relay to which they connect outwards, so that no filter of incoming traffic sees them
(ATT&CK T1219; M1037 asks to filter such traffic).

## How to fix

Drop these ports in the output chain (on Windows, by outbound rules that block; on macOS, by rules of pf, for
the application firewall looks at incoming connections alone), or better: accept what is needed and
drop the rest. Many products fall back to
port 443, which only a proxy or a filter of names can tell apart.

## What it needs

The rules of every packet filter that the kernel has.
"""

from auditor.controls.control import Control
from auditor.controls.filter_limits import EXTENSIONS, UNREGISTERED
from auditor.controls.more_rights import more_rights
from auditor.controls.quoted_rule import rule_quote
from auditor.firewall.outside import listed
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.network import Family
from auditor.model.filtering import Passage
from auditor.model.host import OsFamily
from auditor.model.record import replace
from auditor.model.sighting import Reachability
from auditor.model.verdict import Assessment, Demand, Gap, Inapplicable, Limit, Mitigation, Severity, Violation

_FALLBACK = Limit(
    id="outbound_443",
    text="A product that falls back to port 443 or 80 or to that of STUN, or goes through a proxy, cannot be told from "
    "other traffic by the ports of a filter; nor by addresses, for a filter knows no names.",
)
_OPEN = (Reachability.FROM_ANYWHERE, Reachability.FROM_NETWORKS)
_NAMES = {Family.IP: "IPv4", Family.IP6: "IPv6"}


def _assess(case: Case) -> Assessment:
    if not case.networks.filter_outbound:
        return Assessment(
            inapplicable=Inapplicable(reason="The policy does not ask to filter outbound traffic.", proof=())
        )
    if case.filtering.problem is not None:
        return Assessment(gaps=(_gap(case, case.filtering.problem),))
    found: dict[str, Violation] = {}
    gaps: list[Gap] = []
    for one in case.filtering.outbound:
        if one.reachability in _OPEN:
            violation = _violation(case, one)
            earlier = found.get(violation.subject)
            found[violation.subject] = violation if earlier is None else _merged(earlier, violation)
        elif one.reachability is Reachability.UNDECIDED:
            gaps.append(_gap(case, f"whether the host reaches {_port(one)} is undecided: {one.rule}"))
    return Assessment(violations=tuple(found.values()), gaps=tuple(gaps))


def _violation(case: Case, one: Passage) -> Violation:
    where = "every address" if one.reachability is Reachability.FROM_ANYWHERE else listed(one.networks)
    return Violation(
        subject=f"egress:{one.protocol}/{one.port}",
        reason=(f"The host reaches {_port(one)} at {where} of the internet over {_NAMES[one.family]}: {one.rule}."),
        proof=rule_quote(case, one.rule),
        remediation=(_closing(case, one),),
        severity=Severity.MEDIUM,
        product=one.products[0] if len(one.products) == 1 else None,
    )


def _closing(case: Case, one: Passage) -> str:
    if case.head.os is OsFamily.WINDOWS:
        return (
            f"Block {one.port}/{one.protocol} outbound, for every program: `New-NetFirewallRule -Direction Outbound "
            f"-Action Block -Protocol {one.protocol.upper()} -RemotePort {one.port} -DisplayName ...`."
        )
    if case.head.os is OsFamily.MACOS:
        return (
            f"Block {one.port}/{one.protocol} with pf, by a quick rule in /etc/pf.conf: `block return out quick proto "
            f"{one.protocol} from any to any port {one.port}` (`pfctl -ef /etc/pf.conf`)."
        )
    return f"Drop {one.port}/{one.protocol} in the output chain, for both families."


def _port(one: Passage) -> str:
    return f"{one.port}/{one.protocol}, the port of {' and '.join(one.known_for)},"


def _merged(one: Violation, other: Violation) -> Violation:
    """Say of both families which rule lets the host out."""
    return replace(
        one,
        reason=f"{one.reason} {other.reason}",
        proof=(*one.proof, *(quote for quote in other.proof if quote not in one.proof)),
    )


def _gap(case: Case, reason: str) -> Gap:
    return Gap(section="firewall.*", outcome=Outcome.PARTIAL, reason=reason, advice=more_rights(case))


CONTROL = Control(
    id="product_egress",
    title="The host does not reach remote-access products' ports on the internet, where the policy asks for that",
    mitigation=Mitigation.M1037,
    techniques=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("SC-7",),
        "CIS Controls v8.1": ("4.5",),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("firewall.nft", "firewall.iptables_legacy", "firewall.ip6tables_legacy"),
        OsFamily.WINDOWS: ("firewall.windows", "network.windows"),
        OsFamily.MACOS: ("firewall.pf", "firewall.application", "network.macos"),
    },
    limits=(_FALLBACK, UNREGISTERED, EXTENSIONS),
    assess=_assess,
    manual=__doc__,
)
