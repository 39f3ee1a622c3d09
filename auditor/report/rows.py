"""Rows of results.json: what every report is a view of (``INTERFACE``: additions allowed, removals not)."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import msgspec

from auditor.model.breach import Breach
from auditor.model.coverage import Coverage
from auditor.model.evidence import Proof
from auditor.model.facts.logons import RemoteLogon
from auditor.model.finding import Finding, fingerprint
from auditor.model.holdings import Holdings
from auditor.model.ledger import LedgerRow, PassedOver
from auditor.model.own_connection import OwnConnection
from auditor.model.policy import Approval
from auditor.model.read_setting import ReadSetting
from auditor.model.reading import SectionReading
from auditor.model.result import HostResult, ProductUse
from auditor.model.session import Session
from auditor.model.sighting import Exposure, Quote
from auditor.model.standing import WeighedLimit
from auditor.model.verdict import ControlInfo, Gap, Judgement, Violation
from auditor.policy.exception_register import SOON, ExceptionState, RegisterEntry, state_of

Row = dict[str, Any]
_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder()


def compact(row: Row) -> str:
    """Write a row as one line of JSON: ASCII only, so that nothing from a host acts on a terminal or splits a line."""
    quick = quickly(row)
    if quick is not None:
        return quick
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    if "\\ud" not in text:
        return text
    # Half of a character, which only JSON can hold, becomes a question mark: no store or report could write it.
    whole = json.loads(json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"))
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def quickly(row: Row) -> str | None:
    """Write a row as ``compact`` does, in a tenth of its time; None for one that takes escapes of characters.

    The library writes UTF-8 and escapes what JSON must have escaped: plain ASCII is the same either way.
    """
    try:
        data = _ENCODER.encode(row)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError):
        return None
    return data.decode("ascii") if data.isascii() and b"\x7f" not in data else None


def row_of(line: str) -> Row:
    """Read back what ``compact`` wrote, in half the time that the standard library takes."""
    try:
        row: Row = _DECODER.decode(line)
    except msgspec.MsgspecError:
        # Of a version that let half of a character into a row.
        row = json.loads(line)
    return row


def instant(when: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC, to the second."""
    return None if when is None else _written(when.astimezone(UTC))


@lru_cache(maxsize=1024)
def _written(when: datetime) -> str:
    """Write an instant of UTC once: most findings of a run began at the same one, and are due at few."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def host_row(result: HostResult, controls: Mapping[str, ControlInfo]) -> Row:
    """Write one host as the documented row; an unassessed host has no evidence and only unknown verdicts."""
    return {
        "host": result.host.name,
        "os": None
        if result.os is None
        else {"family": result.os.family, "id": result.os.id, "name": result.os.name, "version": result.os.version},
        "hostname": result.hostname,
        "owner": result.host.owner,
        "site": result.host.site,
        "groups": list(result.host.groups),
        "outcome": result.ledger.outcome,
        "complete": result.ledger.complete,
        "reason": result.ledger.reason,
        "detail": result.ledger.detail,
        "attempts": result.ledger.attempts,
        "retried_after": result.ledger.retried_after,
        "origin": result.ledger.origin,
        "passed_over": [_passed_over_row(one) for one in result.ledger.passed_over],
        "conflicts": list(result.ledger.conflicts),
        "evidence": None if result.evidence_sha256 is None else {"sha256": result.evidence_sha256},
        "collected_at": instant(result.collected_at),
        "clock_skew": result.clock_skew,
        "rights": result.rights,
        "privilege_note": result.privilege_note,
        "delivered": result.delivered,
        "probe_sha256": result.probe_sha256,
        "host_key": result.host_key,
        "software_count": result.software_count,
        "sections": [section_row(section) for section in result.sections],
        "sightings": [_sighting_row(use) for use in result.products],
        "listeners": [_listener_row(exposure) for exposure in result.listeners],
        "connections": [_connection_row(session) for session in result.sessions],
        "connection_count": result.session_count,
        **({"left_out_connections": list(map(_own_row, result.own_connections))} if result.own_connections else {}),
        "settings": [_setting_row(setting) for setting in result.settings],
        "setting_count": result.setting_count,
        "logons": [_logon_row(logon) for logon in result.logons],
        "logon_count": result.logon_count,
        "verdicts": [
            verdict_row(judgement, controls[judgement.control], result.host.key) for judgement in result.judgements
        ],
    }


def section_row(section: SectionReading) -> Row:
    """Write what became of one section."""
    return {
        "id": section.id,
        "outcome": section.outcome,
        "reason": section.reason,
        "advice": section.advice or None,
        "items": section.items,
        "unread": len(section.unread),
        "unread_lines": [{"line": item.line, "text": item.text, "reason": item.reason} for item in section.unread[:20]],
        "proof": section.proof,
    }


def ledger_row(row: LedgerRow) -> Row:
    """Write one line of the ledger."""
    return {
        "host": row.host,
        "outcome": row.outcome,
        "complete": row.complete,
        "reason": row.reason,
        "detail": row.detail,
        "attempts": row.attempts,
        "retried_after": row.retried_after,
        "owner": row.owner,
        "site": row.site,
        "origin": row.origin,
        "passed_over": [_passed_over_row(one) for one in row.passed_over],
        "conflicts": list(row.conflicts),
    }


def _passed_over_row(one: PassedOver) -> Row:
    return {
        "run": one.run,
        "host": one.host,
        "why": one.why,
        "at": instant(one.at),
        "reason": one.reason,
        "detail": one.detail,
    }


def control_row(control: ControlInfo) -> Row:
    """Write what is said of a control once for the whole run."""
    return {
        "title": control.title,
        "mitigation": control.mitigation,
        "techniques": list(control.techniques),
        "programme": list(control.programme),
        "crosswalk": {name: list(ids) for name, ids in sorted(control.crosswalk.items())},
        "proof": control.proof,
    }


def coverage_row(coverage: Coverage) -> Row:
    """Write how much of the scope was fully assessed, with what the policy wants."""
    return {
        "scope": coverage.scope,
        "reached": coverage.reached,
        "assessed": coverage.assessed,
        "share": coverage.share,
        "share_of_reached": coverage.share_of_reached,
        "wanted": coverage.wanted,
        "met": coverage.is_met,
    }


def finding_row(finding: Finding) -> Row:
    """Write one finding with its life."""
    return {
        "fingerprint": finding.fingerprint,
        "host": finding.host,
        "control": finding.control,
        "subject": finding.subject,
        "product": finding.product,
        "severity": finding.severity,
        "reason": finding.reason,
        "first_seen": instant(finding.first_seen),
        "failing_since": instant(finding.failing_since),
        "closed_at": instant(finding.closed_at),
        "closed_by": None
        if finding.closed_by is None
        else {"kind": finding.closed_by.kind, "id": finding.closed_by.id},
        "due": instant(finding.due),
        "overdue": finding.overdue,
        "state": finding.state,
        "exception": finding.exception,
        "owner": finding.owner,
        "opened_by": finding.opened_by,
        "reopened": finding.reopened,
        "formerly": list(finding.formerly),
    }


def exception_row(entry: RegisterEntry) -> Row:
    """Write an exception as the register shows it: who asked, who granted, what shows it, until when, and for what."""
    weighed, record = entry.weighed, entry.weighed.record
    return {
        "control": record.control,
        "product": record.product,
        "subject": record.subject,
        "hosts": list(record.hosts),
        "groups": list(record.groups),
        "reason": record.reason,
        "compensating": record.compensating or None,
        "requested_by": record.requested_by,
        "approved_by": record.approved_by,
        "ticket": record.ticket or None,
        "start": record.start.isoformat(),
        "end": record.end.isoformat(),
        "state": entry.state,
        "standing": weighed.standing,
        "why": weighed.why,
        "signed_by": [{"role": one.role, "person": one.person, "key": one.fingerprint} for one in weighed.signers],
        "days_left": entry.days_left,
        "ending": entry.is_ending,
        "hosts_in_scope": entry.hosts,
        "covers": entry.covers,
        "stale": entry.stale,
        "duplicates": list(entry.duplicates),
    }


def limit_row(weighed: WeighedLimit, day: date) -> Row:
    """Write a limit of the method that the policy accepts: who answers, who granted, what shows it, until when."""
    record, state = weighed.record, state_of(weighed, day)
    left = (record.end - day).days if state is ExceptionState.HOLDS else None
    return {
        "reason": record.reason,
        "owner": record.owner,
        "approved_by": record.approved_by or None,
        "ticket": record.ticket or None,
        "start": None if record.start is None else record.start.isoformat(),
        "end": record.end.isoformat(),
        "state": state,
        "standing": weighed.standing,
        "why": weighed.why,
        "signed_by": [{"role": one.role, "person": one.person, "key": one.fingerprint} for one in weighed.signers],
        "days_left": left,
        "ending": left is not None and left <= SOON,
    }


def approval_row(approval: Approval) -> Row:
    """Write an approval as the policy states it: what, why, who answers, until when."""
    return {
        "product": approval.product,
        "hosts": list(approval.hosts),
        "groups": list(approval.groups),
        "users": list(approval.users),
        "listen": {
            "ports": [list(ports) for ports in approval.listen.ports],
            "loopback_only": approval.listen.loopback_only,
        },
        "versions": approval.versions,
        "tenant": approval.tenant,
        "signer": approval.signer,
        "reason": approval.reason,
        "owner": approval.owner,
        "review_by": approval.review_by.isoformat(),
    }


def _quotes(quotes: tuple[Quote, ...]) -> list[Row]:
    return [{"section": quote.section, "quote": quote.quote} for quote in quotes]


def _sighting_row(use: ProductUse) -> Row:
    seen = use.sighting
    return {
        "product": seen.product,
        "name": seen.name,
        "category": seen.category,
        "role": seen.role,
        "state": seen.state,
        "confidence": seen.confidence,
        "version": seen.version,
        "tenant": seen.tenant,
        "signers": list(seen.signers or ()),
        "users": None if seen.users is None else list(seen.users),
        "renamed": list(seen.renamed),
        "approval": use.approval,
        "objection": use.objection,
        "holdings": _holdings_row(seen.holdings),
        "breaches": [_breach_row(one) for one in use.breaches],
        "proof": _quotes(seen.proof),
    }


def _holdings_row(held: Holdings) -> Row:
    return {
        "packages": [
            {"source": one.source, "name": one.name, "version": one.version or None, "user": one.user}
            for one in held.packages
        ],
        "services": [
            {"manager": one.manager, "name": one.name, "start": one.start, "running": one.is_running}
            for one in held.services
        ],
        "files": list(held.files),
        "cut": held.is_cut,
    }


def _breach_row(breach: Breach) -> Row:
    return {"approval": breach.approval, "term": breach.term, "told": breach.is_told, "text": breach.text}


def _listener_row(exposure: Exposure) -> Row:
    return {
        "protocol": exposure.protocol,
        "family": exposure.family,
        "address": exposure.address,
        "port": exposure.port,
        "namespace": exposure.namespace,
        "belongs": exposure.belongs,
        "container": exposure.container,
        "image": exposure.image,
        "published": list(exposure.published),
        "pid": exposure.pid,
        "process": exposure.process,
        "executable": exposure.executable,
        "user": exposure.user,
        "product": exposure.product,
        "reachability": exposure.reachability,
        "sources": list(exposure.sources),
        "rule": exposure.rule,
        "approval": exposure.approval,
        "objection": exposure.objection,
        "breach": None if exposure.breach is None else _breach_row(exposure.breach),
        "suspected": exposure.is_suspected,
        "proof": [] if exposure.proof is None else _quotes((exposure.proof,)),
    }


def _own_row(own: OwnConnection) -> Row:
    """Write a connection of the audit itself as the host sees it."""
    return {
        "local_address": own.host_address,
        "local_port": own.host_port,
        "remote_address": own.address,
        "remote_port": own.port,
    }


def _connection_row(session: Session) -> Row:
    return {
        "protocol": session.protocol,
        "family": session.family,
        "state": session.state,
        "local_address": session.local_address,
        "local_port": session.local_port,
        "remote_address": session.remote_address,
        "remote_port": session.remote_port,
        "namespace": session.namespace,
        "pid": session.pid,
        "process": session.process,
        "executable": session.executable,
        "user": session.user,
        "product": session.product,
        "direction": "inbound" if session.is_inbound else "outbound",
        "peer": session.peer,
        "suspected": session.is_suspected,
        "proof": _quotes((session.proof,)),
    }


def _setting_row(setting: ReadSetting) -> Row:
    return {
        "subject": setting.subject,
        "key": setting.key,
        "value": setting.value,
        "place": setting.place,
        "user": setting.user,
        "proof": _quotes((setting.proof,)),
    }


def _logon_row(logon: RemoteLogon) -> Row:
    return {
        "when": instant(logon.when),
        "product": logon.product,
        "user": logon.user or None,
        "source": logon.source or None,
        "succeeded": logon.succeeded,
        "record": logon.record,
    }


def _violation_row(violation: Violation, control: str, host_key: str) -> Row:
    return {
        "fingerprint": fingerprint(control=control, host_key=host_key, subject=violation.subject),
        "subject": violation.subject,
        "product": violation.product,
        "severity": violation.severity,
        "reason": violation.reason,
        "exception": violation.exception,
        "proof": _quotes(violation.proof),
        "remediation": list(violation.remediation),
    }


def _gap_row(gap: Gap) -> Row:
    return {"section": gap.section, "outcome": gap.outcome, "reason": gap.reason, "advice": gap.advice or None}


def verdict_row(judgement: Judgement, control: ControlInfo, host_key: str) -> Row:
    """Write the verdict on one control, with all that it rests on."""
    return {
        "control": judgement.control,
        "mitigation": control.mitigation,
        "verdict": judgement.verdict,
        "rests_on": list(judgement.rests_on),
        "documented": list(judgement.documented),
        "proven": control.proof is not Proof.DOCUMENTED and not judgement.documented,
        "limits": [{"id": limit.id, "text": limit.text} for limit in judgement.limits],
        "violations": [_violation_row(item, judgement.control, host_key) for item in judgement.violations],
        "suspected": [_violation_row(item, judgement.control, host_key) for item in judgement.suspected],
        "gaps": [_gap_row(gap) for gap in judgement.gaps],
        "inapplicable": None
        if judgement.inapplicable is None
        else {"reason": judgement.inapplicable.reason, "proof": _quotes(judgement.inapplicable.proof)},
    }
