"""Remote-access software listens to the network only where the policy says so.

## What it checks

Each listening socket of a remote-access product, recognised by its process on whatever port it listens.
A socket bound to loopback is fine. Any other needs an approval of its product whose `listen` scope covers its port
and its binding (that the version is another one or the review is over breaks `approved_version` or `approval_review`,
once), or a packet filter that certainly keeps everyone from it who is outside of the policy's trusted networks
(`networks.trusted`; there are none unless it names some). The filter's rules are evaluated as the kernel does, a
published container port included; the violation quotes the rule that decided and says who gets in.

## Why it matters

A VNC server that the network can reach is one weak password away from the screen (ATT&CK T1021.005);
M1037 asks to filter its ports.

## How to fix

Bind the server to loopback and reach it through a tunnel, or filter its port to the networks that need
it, or approve the port and the binding in the policy.

## What it needs

Listening sockets with their owners, processes and containers; on Windows who signed programs, services and Remote
Desktop's settings; on macOS jobs of launchd, which listens for others, and what is shared. For a socket that outsiders
might reach, the loaded packet filters too: while their effect on the socket is undecided, the verdict is unknown, never
a pass.
"""

from auditor.controls.control import Control
from auditor.controls.filter_limits import EXTENSIONS, PERIMETER, UNREGISTERED
from auditor.controls.quoted_rule import rule_quote
from auditor.firewall.outside import listed, outside
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.host import OsFamily
from auditor.model.sighting import Exposure, Reachability
from auditor.model.verdict import Assessment, Demand, Gap, Mitigation, Severity, Violation

_OPEN = (Reachability.FROM_ANYWHERE, Reachability.FROM_NETWORKS)
_APPLES = ("apple-remote-management", "apple-screen-sharing")
_CLOSED = (Reachability.LOOPBACK_ONLY, Reachability.BLOCKED)


def _assess(case: Case) -> Assessment:
    violations: dict[str, Violation] = {}
    suspected: dict[str, Violation] = {}
    gaps: list[Gap] = []
    for exposure in case.exposures:
        if exposure.product is None or exposure.approval is not None or exposure.reachability in _CLOSED:
            continue
        strangers = _strangers(exposure, case)
        if exposure.reachability in _OPEN and not strangers:
            continue
        if strangers:
            violation = _violation(case, exposure, strangers)
            into = suspected if exposure.is_suspected else violations
            # IPv4 and IPv6 sockets of one port are one finding, with both quoted.
            earlier = into.get(violation.subject)
            into[violation.subject] = violation if earlier is None else _merged(earlier, violation)
        else:
            gaps.append(_undecided(exposure))
    return Assessment(violations=tuple(violations.values()), suspected=tuple(suspected.values()), gaps=tuple(gaps))


def _strangers(exposure: Exposure, case: Case) -> tuple[str, ...]:
    """Return who certainly reaches a socket from outside of the trusted networks."""
    if exposure.reachability is Reachability.FROM_ANYWHERE:
        return ("anywhere",)
    return outside(exposure.sources, case.networks.trusted)


def _name(exposure: Exposure) -> str | None:
    return exposure.product_name or exposure.product


def _where(exposure: Exposure) -> str:
    address = f"[{exposure.address}]" if ":" in exposure.address else exposure.address
    return f"{address}:{exposure.port}/{exposure.protocol}"


def _violation(case: Case, exposure: Exposure, strangers: tuple[str, ...]) -> Violation:
    objection = f" {exposure.objection}." if exposure.objection else ""
    name = _name(exposure)
    return Violation(
        subject=f"listener:{exposure.protocol}/{exposure.port}",
        reason=(
            f"{name} listens on {_where(exposure)} and is reachable from {listed(strangers)}: "
            f"{(exposure.rule or '').rstrip('.')}.{objection}"
        ),
        proof=(*(() if exposure.proof is None else (exposure.proof,)), *rule_quote(case, exposure.rule or "")),
        remediation=(
            _binding(case, exposure),
            _filtering(case, exposure),
            f"Or approve port {exposure.port} for `{exposure.product}` in the policy (`listen`).",
        ),
        severity=Severity.CRITICAL if exposure.reachability is Reachability.FROM_ANYWHERE else Severity.HIGH,
        product=exposure.product,
    )


def _binding(case: Case, exposure: Exposure) -> str:
    if case.head.os is OsFamily.WINDOWS and exposure.product == "microsoft-rdp":
        return "Switch Remote Desktop off where nobody needs it, or reach it through a VPN or a gateway."
    if exposure.product in _APPLES:
        return (
            f"Switch {_name(exposure)} off where nobody needs it (System Settings, General, Sharing): it binds to all."
        )
    return f"Bind {_name(exposure)} to 127.0.0.1 and ::1, and reach it through SSH or a VPN."


def _filtering(case: Case, exposure: Exposure) -> str:
    place = f"{exposure.port}/{exposure.protocol}"
    if case.head.os is OsFamily.WINDOWS:
        return (
            f"Or limit what opens {place} to the networks that need it: `Set-NetFirewallRule -Name ID -RemoteAddress "
            "NETWORKS`, with the rule's id from the proof."
        )
    if case.head.os is OsFamily.MACOS:
        return (
            f"Or let pf admit {place} from the networks that need it only (`block in quick proto "
            f"{exposure.protocol} from ! NETWORKS to any port {exposure.port}` in /etc/pf.conf), or block the program "
            "in System Settings > Network > Firewall > Options."
        )
    return f"Or let a packet filter admit {place} from the networks that need it only."


def _merged(one: Violation, other: Violation) -> Violation:
    return Violation(
        subject=one.subject,
        reason=one.reason,
        # Each socket is quoted, a rule that lets in both of them once.
        proof=(*one.proof, *(quote for quote in other.proof if quote not in one.proof[1:])),
        remediation=one.remediation,
        severity=one.severity,
        product=one.product,
    )


def _undecided(exposure: Exposure) -> Gap:
    return Gap(
        section="firewall.*",
        outcome=Outcome.PARTIAL,
        reason=f"who can reach {_name(exposure)} on {_where(exposure)} is undecided: {exposure.rule}",
        advice="Read the host's firewall rules, or approve the port in the policy if it is meant to be open.",
    )


CONTROL = Control(
    id="exposed_listener",
    title="Remote-access software is not reachable from the network unless approved",
    mitigation=Mitigation.M1037,
    techniques=("T1021.005", "T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("SC-7", "CM-7", "AC-17"),
        "CIS Controls v8.1": ("4.4", "4.5", "4.8"),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("sockets.*", "processes.*", "containers.*"),
        OsFamily.WINDOWS: (
            "sockets.*",
            "processes.windows",
            "processes.signers",
            "services.windows",
            "remote_config.rdp",
        ),
        OsFamily.MACOS: ("sockets.macos", "processes.macos", "services.launchd", "remote_config.sharing"),
    },
    limits=(PERIMETER, UNREGISTERED, EXTENSIONS),
    assess=_assess,
    manual=__doc__,
)
