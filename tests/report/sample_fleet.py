"""A fleet as reports see it: every outcome and verdict, and hosts that mean harm (loaded by conftest.py)."""

import hashlib
from datetime import UTC, date, datetime, timedelta

from auditor.errors import Reason
from auditor.model.evidence import Delivery, Outcome, Proof, Rights, Unread
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import HostFacts, OsFamily
from auditor.model.ledger import HostOutcome, LedgerRow
from auditor.model.policy import Approval, ExceptionRecord
from auditor.model.reading import SectionReading
from auditor.model.result import HostResult, ProductUse
from auditor.model.sighting import Category, Confidence, Exposure, Quote, Reachability, Role, Sighting, SightingState
from auditor.model.verdict import (
    ControlInfo,
    Gap,
    Inapplicable,
    Judgement,
    Limit,
    Mitigation,
    Severity,
    Verdict,
    Violation,
)

AS_OF = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
SCRIPT_HOST = "<script>alert(1)</script>"
FORMULA_HOST = "=cmd|' /C calc'!A0"
RTL = "\u202e"
ESCAPES = f'x11vnc\x1b[31m{RTL}"><img src=x onerror=alert(2)>'
SECTIONS = (
    ("software.dpkg", 312),
    ("services.systemd", 148),
    ("processes.proc", 94),
    ("sockets.ss", 11),
    ("sockets.connections", 23),
    ("firewall.nft", 1),
    ("firewall.iptables", 1),
    ("firewall.ufw", 1),
    ("accounts.users", 31),
    ("accounts.groups", 58),
    ("accounts.sudoers", 4),
    ("system.os", 1),
    ("system.addresses", 4),
    ("system.sysctl", 12),
)
PERIMETER = Limit(
    id="perimeter",
    text="Firewalls between the host and its clients are not seen: reachability is judged at the host.",
)
SOURCES = Limit(
    id="software-sources",
    text="Software that no package manager lists is seen only while it runs, listens or has a service.",
)
CONTROLS = {
    "complete_inventory": ControlInfo(
        id="complete_inventory",
        title="The host is fully inventoried",
        mitigation=Mitigation.M1047,
        techniques=("T1021.005",),
        programme=("T1219",),
        crosswalk={"CIS Controls v8.1": ("2.1",)},
    ),
    "exposed_listener": ControlInfo(
        id="exposed_listener",
        title="Remote-access software is not reachable from the network unless approved",
        mitigation=Mitigation.M1037,
        techniques=("T1021.005", "T1219", "T1219.002"),
        crosswalk={"NIST SP 800-53 Rev. 5": ("SC-7", "CM-7", "AC-17")},
    ),
    "software_installers": ControlInfo(
        id="software_installers",
        title="Only approved accounts may install software",
        mitigation=Mitigation.M1033,
        techniques=("T1021.005",),
        proof=Proof.DOCUMENTED,
    ),
    "unapproved_product": ControlInfo(
        id="unapproved_product",
        title="Only approved remote-access software is on the host",
        mitigation=Mitigation.M1042,
        techniques=("T1021.005", "T1219", "T1219.002"),
        crosswalk={"PCI DSS v4": ("1.2.5",)},
    ),
}
EXCEPTION = ExceptionRecord(
    id="EX-2026-014",
    control="unapproved_product",
    hosts=("kiosk-*",),
    subject="product:tigervnc",
    reason="The vendor of the ticket machine maintains it through VNC until the migration.",
    compensating="Port 5901 is open to the maintenance network only.",
    requested_by="n.haile",
    approved_by="c.brandt",
    ticket="SEC-4411",
    start=date(2026, 9, 1),
    end=date(2026, 12, 31),
)
APPROVAL = Approval(
    id="helpdesk-xrdp",
    product="xrdp",
    versions=">=0.9",
    reason="Help desk sessions",
    owner="Workplace services",
    review_by=date(2027, 3, 31),
)


def digest(text: str) -> str:
    """Make a SHA-256 that looks like the real thing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sighting(
    product: str,
    name: str,
    *quotes: Quote,
    state: SightingState = SightingState.RUNNING,
    confidence: Confidence = Confidence.CONFIRMED,
    category: Category = Category.VNC,
    role: Role = Role.SERVER,
    **more: object,
) -> Sighting:
    """Build a sighting."""
    return Sighting(
        product=product,
        name=name,
        category=category,
        role=role,
        state=state,
        confidence=confidence,
        proof=quotes,
        **more,  # type: ignore[arg-type]
    )


def listener(port: int, process: str | None, reachability: Reachability, rule: str, **more: object) -> Exposure:
    """Build a listener."""
    fields: dict[str, object] = {
        "protocol": "tcp",
        "family": "ip",
        "address": "127.0.0.1" if reachability is Reachability.LOOPBACK_ONLY else "0.0.0.0",
        "port": port,
        "namespace": None,
        "pid": 1000 + port % 997,
        "process": process,
        "executable": None if process is None else f"/usr/sbin/{process}",
        "user": "root",
        "product": None,
        "reachability": reachability,
        "rule": rule,
    }
    return Exposure(**(fields | more))  # type: ignore[arg-type]


def sections(*changed: SectionReading) -> tuple[SectionReading, ...]:
    """Build the sections of an ordinary host, some of them replaced."""
    other = {section.id: section for section in changed}
    ordinary = [
        SectionReading(id=name, outcome=Outcome.COLLECTED, items=items, proof=Proof.LAB) for name, items in SECTIONS
    ]
    return tuple(other.get(section.id, section) for section in ordinary)


def judgement(control: str, verdict: Verdict, **more: object) -> Judgement:
    """Build a verdict with what it rests on."""
    rests = {
        "complete_inventory": tuple(name for name, _ in SECTIONS),
        "exposed_listener": ("processes.proc", "sockets.ss", "firewall.nft"),
        "software_installers": ("accounts.users", "accounts.groups", "accounts.sudoers"),
        "unapproved_product": ("software.dpkg", "services.systemd", "processes.proc", "sockets.ss"),
    }[control]
    limits = {"exposed_listener": (PERIMETER,), "unapproved_product": (SOURCES,)}.get(control, ())
    fields: dict[str, object] = {"control": control, "verdict": verdict, "rests_on": rests, "limits": limits}
    return Judgement(**(fields | more))  # type: ignore[arg-type]


def judgements(*changed: Judgement) -> tuple[Judgement, ...]:
    """Build a pass on every control, some of them replaced."""
    other = {one.control: one for one in changed}
    return tuple(other.get(control, judgement(control, Verdict.PASS)) for control in sorted(CONTROLS))


def assessed(
    name: str,
    outcome: HostOutcome,
    *,
    complete: bool = True,
    owner: str | None = "Platform team",
    site: str | None = "berlin",
    **more: object,
) -> HostResult:
    """Build a host that answered."""
    fields: dict[str, object] = {
        "host": HostFacts(name=name, key=name, groups=("linux", "servers"), site=site, owner=owner),
        "ledger": LedgerRow(host=name, outcome=outcome, complete=complete, owner=owner, site=site),
        "os": OperatingSystem(
            family=OsFamily.LINUX, id="debian", name="Debian GNU/Linux 12 (bookworm)", version="12.8"
        ),
        "hostname": name,
        "evidence_sha256": digest(f"evidence {name}"),
        "collected_at": AS_OF + timedelta(seconds=42),
        "clock_skew": 0.31,
        "rights": Rights.ROOT,
        "delivered": Delivery.LIVE,
        "probe_sha256": digest("probe"),
        "host_key": "SHA256:5rnVZsb6z8oYtXQ1hE6gY9dBq3pV0kzj0m1Q2w3e4r5",
        "sections": sections(),
        "software_count": 312,
        "listeners": (
            listener(22, "sshd", Reachability.FROM_ANYWHERE, "table inet filter, chain input: tcp dport 22 accept"),
            listener(25, "master", Reachability.LOOPBACK_ONLY, "bound to 127.0.0.1"),
        ),
        "judgements": judgements(),
    }
    return HostResult(**(fields | more))  # type: ignore[arg-type]


def unreachable(name: str, reason: Reason, detail: str, attempts: int = 1, **more: str | None) -> HostResult:
    """Build a host that did not answer: every verdict is unknown."""
    owner, site = more.get("owner"), more.get("site")
    gap = Gap(section="*", outcome=Outcome.FAILED, reason="the host was not reached")
    return HostResult(
        host=HostFacts(name=name, key=name, groups=("branch",), site=site, owner=owner),
        ledger=LedgerRow(
            host=name,
            outcome=HostOutcome.UNREACHABLE,
            complete=False,
            reason=reason,
            detail=detail,
            attempts=attempts,
            retried_after=reason if attempts > 1 else None,
            owner=owner,
            site=site,
        ),
        judgements=tuple(
            Judgement(control=control, verdict=Verdict.UNKNOWN, gaps=(gap,)) for control in sorted(CONTROLS)
        ),
    )


def _vnc_violations(process: str, quote: Quote) -> tuple[Violation, Violation]:
    product = Violation(
        subject="product:x11vnc",
        reason="x11vnc is running (version 0.9.16-9). No approval in the policy names it for this host.",
        proof=(quote, Quote(section="software.dpkg", quote="ii \tx11vnc\t0.9.16-9\tamd64")),
        remediation=(
            "Ask the owner of the host whether x11vnc is needed, and by whom.",
            "Stop and disable x11vnc so that nobody can connect in the meantime.",
            "If it is not needed, remove x11vnc with the package manager.",
        ),
        severity=Severity.HIGH,
        product="x11vnc",
    )
    exposed = Violation(
        subject="listener:tcp/5900",
        reason="x11vnc listens on 0.0.0.0:5900/tcp and is reachable: no packet filter is loaded.",
        proof=(Quote(section="sockets.ss", quote=f"tcp LISTEN 0 32 0.0.0.0:5900 0.0.0.0:* {process}"),),
        remediation=(
            "Bind x11vnc to 127.0.0.1 and ::1, and reach it through SSH or a VPN.",
            "Or let a packet filter admit 5900/tcp from the networks that need it only.",
        ),
        severity=Severity.CRITICAL,
        product="x11vnc",
    )
    return product, exposed


def vnc_host(name: str, process: str = "x11vnc", **more: object) -> HostResult:
    """Build a host on which an unapproved VNC server listens to everyone."""
    quote = Quote(section="processes.proc", quote=f"812\troot\t{process} -forever -rfbport 5900")
    product, exposed = _vnc_violations(process, quote)
    return assessed(
        name,
        HostOutcome.NONCOMPLIANT,
        products=(ProductUse(sighting=sighting("x11vnc", "x11vnc", quote, version="0.9.16-9")),),
        listeners=(
            listener(22, "sshd", Reachability.FROM_ANYWHERE, "no packet filter is loaded"),
            listener(
                5900,
                process,
                Reachability.FROM_ANYWHERE,
                "no packet filter is loaded",
                product="x11vnc",
                objection="No approval names it",
            ),
        ),
        judgements=judgements(
            judgement("exposed_listener", Verdict.FAIL, violations=(exposed,)),
            judgement("unapproved_product", Verdict.FAIL, violations=(product,)),
        ),
        **more,  # type: ignore[arg-type]
    )


def _approved_host() -> HostResult:
    seen = sighting(
        "xrdp",
        "xrdp",
        Quote(section="services.systemd", quote="xrdp.service\tenabled\tactive\t/usr/sbin/xrdp --nodaemon"),
        category=Category.RDP,
        version="0.9.21.1-1",
        users=("root", "=cmd|' /C calc'!A0"),
    )
    return assessed(
        "app-01.example.net",
        HostOutcome.COMPLIANT,
        host_key="SHA256:5rnV, not checked: the inventory leaves that out",
        products=(ProductUse(sighting=seen, approval=APPROVAL.id),),
        listeners=(
            listener(22, "sshd", Reachability.FROM_ANYWHERE, "table inet filter, chain input: tcp dport 22 accept"),
            listener(
                3389,
                "xrdp",
                Reachability.FROM_NETWORKS,
                "table inet filter, chain input: ip saddr 10.20.0.0/16 tcp dport 3389 accept",
                sources=("10.20.0.0/16",),
                product="xrdp",
                approval=APPROVAL.id,
            ),
        ),
    )


def _blind_host() -> HostResult:
    advice = "Let the auditing account run the probe through sudo."
    blind = SectionReading(
        id="sockets.ss",
        outcome=Outcome.PARTIAL,
        reason="9 of 11 sockets without an owner: not root",
        items=11,
        unread=(Unread(line=7, text="tcp LISTEN ??? *:7070", reason="6 fields instead of 8"),),
        proof=Proof.LAB,
        advice=advice,
    )
    denied = SectionReading(
        id="firewall.nft", outcome=Outcome.DENIED, reason="Operation not permitted", proof=Proof.LAB, advice=advice
    )
    return assessed(
        "build-04.example.net",
        HostOutcome.PARTIAL,
        complete=False,
        owner="Build team",
        rights=Rights.USER,
        privilege_note="sudo: a password is required",
        clock_skew=-412.0,
        sections=sections(blind, denied),
        judgements=judgements(
            judgement(
                "complete_inventory",
                Verdict.UNKNOWN,
                gaps=tuple(
                    Gap(section=one.id, outcome=one.outcome, reason=str(one.reason), advice=advice)
                    for one in (blind, denied)
                ),
            ),
            judgement(
                "exposed_listener",
                Verdict.UNKNOWN,
                gaps=(Gap(section=blind.id, outcome=blind.outcome, reason=str(blind.reason), advice=advice),),
            ),
        ),
    )


def _excepted_host() -> HostResult:
    quote = Quote(section="processes.proc", quote="655\tkiosk\t/usr/bin/Xtigervnc :1 -rfbport 5901 -localhost=0")
    violation = Violation(
        subject="product:tigervnc",
        reason="TigerVNC is running (version 1.12.0). No approval in the policy names it for this host.",
        proof=(quote,),
        remediation=("Remove TigerVNC with the package manager.",),
        severity=Severity.HIGH,
        product="tigervnc",
        exception=EXCEPTION.id,
    )
    return assessed(
        "kiosk-03.example.net",
        HostOutcome.COMPLIANT,
        owner="Retail",
        site="munich",
        products=(ProductUse(sighting=sighting("tigervnc", "TigerVNC", quote, version="1.12.0")),),
        judgements=judgements(
            judgement(
                "exposed_listener",
                Verdict.NOT_APPLICABLE,
                inapplicable=Inapplicable(
                    reason="The host has no network interface but loopback.",
                    proof=(Quote(section="system.addresses", quote="1: lo inet 127.0.0.1/8 scope host lo"),),
                ),
            ),
            judgement("software_installers", Verdict.PASS, documented=("accounts.sudoers",)),
            judgement("unapproved_product", Verdict.EXCEPTED, violations=(violation,)),
        ),
    )


def _suspected_host() -> HostResult:
    seen = sighting(
        "anydesk",
        "AnyDesk",
        Quote(section="sockets.ss", quote='udp UNCONN 0 0 0.0.0.0:50001 users:(("=1+1",pid=77,fd=9))'),
        confidence=Confidence.SUSPECTED,
        category=Category.REMOTE_SUPPORT,
        role=Role.AGENT,
        version="-2+cmd|'/C calc'!A0",
        tenant="@SUM(A1)",
    )
    suspicion = Violation(
        subject="product:anydesk",
        reason="AnyDesk is suspected by its discovery port. No approval in the policy names it for this host.",
        proof=seen.proof,
        remediation=("Find out which program owns the port.",),
        severity=Severity.MEDIUM,
        product="anydesk",
    )
    return assessed(
        FORMULA_HOST,
        HostOutcome.PARTIAL,
        complete=False,
        owner="\t=HYPERLINK(1)",
        site="a;=1+1",
        hostname="\r\n=cmd",
        products=(ProductUse(sighting=seen),),
        judgements=judgements(judgement("unapproved_product", Verdict.UNKNOWN, suspected=(suspicion,))),
    )


def sample_hosts() -> list[HostResult]:
    """Build the fleet: every outcome, every verdict, and two hosts that mean harm."""
    return [
        _approved_host(),
        assessed("app-02.example.net", HostOutcome.COMPLIANT),
        assessed("app-10.example.net", HostOutcome.COMPLIANT, owner="Web team"),
        _blind_host(),
        _excepted_host(),
        vnc_host("db-01.example.net", owner="Data team", clock_skew=9123.0),
        vnc_host(SCRIPT_HOST, ESCAPES, owner=f"{RTL}evil", site="munich"),
        _suspected_host(),
        unreachable(
            "branch-07.example.net",
            Reason.HOST_KEY_CHANGED,
            "ssh-ed25519 SHA256:Zk2v… is shown, SHA256:5rnV… was enrolled on this machine",
            owner="Branch IT",
            site="leipzig",
        ),
        unreachable("branch-08.example.net", Reason.TIMEOUT, "10.9.8.8 port 22 did not answer within 10 s", 22),
    ]
