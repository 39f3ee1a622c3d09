"""What plans did on hosts of the sample fleet, and what earlier runs knew of them (loaded by conftest.py): invented."""

from collections.abc import Sequence
from typing import Any

from auditor.model.read_setting import ReadSetting
from auditor.model.record import replace
from auditor.model.result import HostResult
from auditor.model.session import Peer, Session
from auditor.model.sighting import Quote
from auditor.report.run_rows import RunRows

Row = dict[str, Any]
BEFORE, AFTER = "2026-10-01T063000Z-aaaa", "2026-10-20T063000Z-1b2c"
PLAN = "3f" * 32
HOST = "db-01.example.net"
HOSTILE = '\u202e"><img src=x onerror=alert(3)>'
DAY = "T06:30:00Z"


def _session(process: str, remote: str, peer: Peer, **more: object) -> Session:
    fields: dict[str, object] = {
        "protocol": "tcp",
        "family": "ip",
        "state": "established",
        "local_address": "10.1.0.9",
        "local_port": 5900,
        "remote_address": remote,
        "remote_port": 51034,
        "namespace": None,
        "pid": 812,
        "process": process,
        "product": "x11vnc",
        "is_inbound": True,
        "peer": peer,
        "proof": Quote(section="sockets.connections", quote=f"tcp ESTAB 10.1.0.9:5900 {remote}:51034 {process}"),
    }
    return Session(**(fields | more))  # type: ignore[arg-type]


def with_sessions(host: HostResult) -> HostResult:
    """Add connections and settings to a host on which x11vnc was seen, with the words that it has for its process."""
    if not any(one.sighting.product == "x11vnc" for one in host.products):
        return host
    process = str(host.listeners[-1].process)
    (quote,) = host.products[0].sighting.proof
    return replace(
        host,
        sessions=(
            _session(process, "203.0.113.9", Peer.OUTSIDE),
            _session(process, "2001:db8::7", Peer.UNNAMED, family="ip6", state="unknown", is_inbound=False),
        ),
        session_count=2,
        settings=(
            ReadSetting(subject="x11vnc", key="nopw", value=process, place=f"/{process}", user="root", proof=quote),
            ReadSetting(
                subject="selinux",
                key="mode",
                value="",
                proof=Quote(section="appcontrol.selinux", quote="SELinux status: disabled"),
            ),
        ),
        setting_count=700,
    )


def closed(host: str, control: str, name: str, **more: object) -> Row:
    """Build a finding that a run found gone."""
    return {
        "fingerprint": name * 32,
        "host": host,
        "control": control,
        "subject": f"product:{name}",
        "product": None,
        "severity": "critical",
        "reason": f"{name} was running.",
        "first_seen": f"2026-10-01{DAY}",
        "failing_since": None,
        "closed_at": f"2026-10-20{DAY}",
        "closed_by": {"kind": "run", "id": AFTER},
        "due": None,
        "overdue": False,
        "state": "closed",
        "exception": None,
        "owner": "Data team",
        "opened_by": BEFORE,
        "reopened": 0,
        "formerly": [],
    } | more


def _step(play: str, *findings: str) -> Row:
    return {
        "play": play,
        "playbook": f"playbooks/{play}.yml",
        "product": "x11vnc",
        "expects": "x11vnc.service of x11vnc do not run, nor start by themselves",
        "reversible": play == "stop_service",
        "findings": list(findings),
    }


def remedies(_host: Row, findings: Sequence[Row]) -> Row | None:
    """Say of the first open finding that a plan closes it, and of the others that hands do."""
    names = [one["fingerprint"] for one in findings if one["state"] == "open"]
    left = [{"fingerprint": name, "reason": f"no playbook closes this {HOSTILE}"} for name in names[1:]]
    return {"steps": [_step("stop_service", *names[:1]), _step("remove_product", *names[:1])], "left_out": left}


def plan(*findings: Row, **more: object) -> Row:
    """Build a plan that was applied to one host and closed some of its findings."""
    told = [
        {name: one[name] for name in ("fingerprint", "reason", "severity")} | {"proved": one["state"]}
        for one in findings
    ]
    return {
        "plan": PLAN,
        "fault": None,
        "run": BEFORE,
        "made_by": "m.okafor",
        "made_at": f"2026-10-19{DAY}",
        "approved_by": f"c.brandt{HOSTILE}",
        "applied_by": ["m.okafor"],
        "started_at": f"2026-10-19{DAY}",
        "ended_at": None,
        "stopped": "1 of 2 hosts tried have failed, more than 20%",
        "events": 17,
        "last_event": "ab" * 32,
        "hosts": [
            {
                "host": HOST,
                "stands": "not closed",
                "at": f"2026-10-20{DAY}",
                "why": f"1 of 2 findings are not closed {HOSTILE}",
                "before": BEFORE,
                "after": AFTER,
                "changed_at": f"2026-10-19{DAY}",
                "steps": [_step("stop_service", *(one["fingerprint"] for one in told))],
                "findings": told,
            }
        ],
        "hosts_elsewhere": 1,
    } | more


def _past(**more: object) -> Row:
    return {
        "first_seen": f"2026-10-01{DAY}",
        "last_seen": f"2026-11-20{DAY}",
        "absent_before": f"2026-09-01{DAY}",
        "gone_since": None,
        "was_gone": f"2026-10-20{DAY}",
        "returned": f"2026-11-01{DAY}",
        "idle_runs": 2,
        "idle_since": f"2026-11-10{DAY}",
    } | more


def with_remediation(rows: RunRows) -> RunRows:
    """Add what remediation and earlier runs say of a fleet that has the sample's hosts."""
    gone = [
        closed(HOST, "unapproved_product", "a1"),
        closed(HOST, "exposed_listener", "b2", severity="medium", reopened=1, opened_by="lost", formerly=["c3" * 32]),
    ]
    still = next(one for one in rows.findings if one["host"] == HOST)
    return replace(
        rows,
        findings=[*rows.findings, *gone],
        pasts=lambda: {
            HOST: {
                "x11vnc": _past(),
                f"gone{HOSTILE}": _past(gone_since=f"2026-11-02{DAY}", absent_before=None, idle_runs=0),
            }
        },
        runs=lambda: {
            BEFORE: {"as_of": f"2026-10-01{DAY}", "operator": "m.okafor", "remediation": None},
            AFTER: {"as_of": f"2026-10-20{DAY}", "operator": f"w.tran{HOSTILE}", "remediation": PLAN},
        },
        remedies=remedies,
        plans=lambda: [plan(gone[0], still), {"plan": "cd" * 32, "fault": f"its journal does not hold {HOSTILE}"}],
    )
