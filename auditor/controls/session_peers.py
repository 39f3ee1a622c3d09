"""Remote-access software has no session with a peer outside of the policy's networks.

## What it checks

Each connection that is established at the moment of the audit and is a remote-access product's:

* **inbound**, to a server of it, by the port that it listens on: always. A peer outside of `networks.trusted` breaks
  this control, also where the listener is approved. Where the policy names no trusted networks at all, an approved
  listener may be used by anybody who reaches it, for then the policy says of nobody that he may not;
* **outbound**, to a relay or to who controls it: of a product that nobody approved always, and of an approved one where
  the policy sets `networks.filter_outbound`. This is what no filter of ports sees: the same products on port 443.

A connection whose state the host does not tell (netstat of an old Windows) may be over: it is a suspicion.

Loopback and the host's own addresses, those of its containers included, are no peers. A private address is a peer like
any other: who moves from one host of the network to the next has one. What a viewer connects to is not judged.

The session in which the audit itself comes is left out. It is told by both ends of the auditor's own socket, which are
sealed with the evidence, and by nothing that the host says: where anything in between rewrites an end (NAT, a jump
host, a proxy, a mesh VPN), nothing is left out, and an audit that comes through a product of the catalogue is a session
of that product like others. The report of the host says what was left out.

How it stands beside its neighbours: `exposed_listener` says who could come, this control who is there; `product_egress`
says which ports are open to the outside, this control who goes out now.

## Why it matters

A session is remote access in use: somebody outside may be at the screen at this moment (ATT&CK T1219, T1021.005). M1037
asks to filter such traffic; a session shows that nothing did.

## How to fix

Find out who is at the other end before it is cut. Then end the session, filter the port to the trusted networks, or
block the product's way out; or name the network in `networks.trusted` if its people may come.

## What it needs

Sockets with their owners, and processes; containers on Linux; on Windows who signed programs, services and Remote
Desktop's settings; on macOS jobs of launchd and what is shared. It sees one moment: a pass says that no such session
was there then.
"""

from collections.abc import Sequence

from auditor.controls import exposed_listener
from auditor.controls.approved import subject_of
from auditor.controls.control import Control
from auditor.controls.sessions import ESTABLISHED, SeenSession, is_outside, own_addresses, sessions_of
from auditor.model.case import Case
from auditor.model.sighting import Confidence
from auditor.model.verdict import Assessment, Demand, Limit, Mitigation, Severity, Violation

_MOMENT = Limit(
    id="one-moment",
    text="Sessions that had ended before the audit, or began after it, are not seen; remote logons that the host "
    "recorded are listed apart.",
)
_WITHOUT_PEER = Limit(
    id="peers-of-udp",
    text="A UDP socket that serves many peers tells none of them, and what a tunnel, a proxy or a relay of the host's "
    "own network hands on has its address, not that of who is behind it.",
)
_SHOWN = 4


def _assess(case: Case) -> Assessment:
    own = own_addresses(case)
    violations: dict[str, list[SeenSession]] = {}
    for session in sessions_of(case):
        peer = session.connection.remote_address
        if peer in own or peer == session.connection.local_address or not is_outside(peer, case.networks.trusted):
            continue
        if _is_judged(session, case):
            violations.setdefault(_subject(session), []).append(session)
    sure: list[Violation] = []
    unsure: list[Violation] = []
    for subject, sessions in violations.items():
        is_sure = any(
            one.use.sighting.confidence is Confidence.CONFIRMED and one.connection.state == ESTABLISHED
            for one in sessions
        )
        (sure if is_sure else unsure).append(_violation(subject, sessions))
    return Assessment(violations=tuple(sure), suspected=tuple(unsure))


def _is_judged(session: SeenSession, case: Case) -> bool:
    if session.is_inbound:
        is_approved = session.exposure is not None and session.exposure.approval is not None
        return not is_approved or bool(case.networks.trusted)
    return not session.use.is_allowed or case.networks.filter_outbound


def _subject(session: SeenSession) -> str:
    if session.is_inbound:
        return f"inbound:{session.connection.protocol}/{session.connection.local_port}"
    return f"outbound:{subject_of(session.use.sighting).removeprefix('product:')}"


def _violation(subject: str, sessions: Sequence[SeenSession]) -> Violation:
    first = sessions[0]
    seen = first.use.sighting
    peers = tuple(dict.fromkeys(_peer(one) for one in sessions))
    more = len(peers) - _SHOWN
    named = ", ".join(peers[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    if first.is_inbound:
        port = f"{first.connection.local_port}/{first.connection.protocol}"
        reason = f"{seen.name} has a session on port {port} with {named}, outside of the policy's trusted networks."
        way = f"Let a packet filter admit port {port} from the networks that need it only, or bind it to loopback."
    else:
        rule = (
            "The policy lets no such product connect to the outside (`networks.filter_outbound`)."
            if first.use.is_allowed
            else f"{first.use.objection}." if first.use.objection
            else "No approval in the policy names it for this host."
        )  # fmt: skip
        reason = f"{seen.name} is connected to {named}, outside of the policy's trusted networks. {rule}"
        way = f"Stop {seen.name}, or block its way out by a proxy or a filter of names: ports do not tell it apart."
    return Violation(
        subject=subject,
        reason=reason,
        proof=tuple(dict.fromkeys(one.quote for one in sessions[:_SHOWN])),
        remediation=(
            "Find out who is at the other end, and who let them in, before the session is cut.",
            way,
            "If these people may come, name their network in `networks.trusted`.",
        ),
        severity=Severity.HIGH,
        product=seen.product,
    )


def _peer(session: SeenSession) -> str:
    """Write a peer: who came has a port of chance, whom the host went to has one that tells."""
    address, port = session.connection.remote_address, session.connection.remote_port
    if session.is_inbound:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


CONTROL = Control(
    id="session_peers",
    title="Remote-access software has no session with a peer outside of the policy's networks",
    mitigation=Mitigation.M1037,
    techniques=("T1021.005", "T1219", "T1219.002", "T1572"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("SC-7", "AC-17"),
        "CIS Controls v8.1": ("4.4", "4.5"),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs=exposed_listener.CONTROL.needs,
    limits=(_MOMENT, _WITHOUT_PEER),
    assess=_assess,
    manual=__doc__,
)
