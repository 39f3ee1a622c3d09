"""One host through every stage: bytes in, verdicts out; a pure function of the answer and the rules."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from auditor import __version__
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.catalogue.unsafe import unfound_settings, unread_settings, weaknesses
from auditor.collect.envelope import open_envelope
from auditor.collect.read import read
from auditor.collect.seal import seal
from auditor.controls.registry import controls, retired_controls
from auditor.controls.seen_outside import CONTROL as SEEN_OUTSIDE
from auditor.controls.seen_outside import unlooked
from auditor.controls.sessions import audits_connections, told_sessions
from auditor.errors import HostError, Reason
from auditor.model.case import Case
from auditor.model.evidence import Delivery, Evidence
from auditor.model.facts.logons import RemoteLogon
from auditor.model.facts.software import InstallState, Software
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import ConnectionKind, HostFacts, OsFamily
from auditor.model.ledger import HostOutcome, LedgerRow
from auditor.model.outside import OutsideSighting, OutsideUse
from auditor.model.past import History
from auditor.model.policy import Policy
from auditor.model.probe import RawOutput
from auditor.model.reading import Reading
from auditor.model.record import Record, Unshown
from auditor.model.result import HostResult, ProductUse
from auditor.model.sighting import Sighting
from auditor.model.standing import WeighedException, WeighedLimit
from auditor.model.succession import last_successors
from auditor.model.verdict import Judgement, Verdict, Violation
from auditor.policy.applies import applies_to
from auditor.policy.approvals import Cover, approval_for, listener_approval
from auditor.policy.exceptions import exception_for
from auditor.policy.judge import judge_each
from auditor.policy.judge import unlooked as unlooked_verdict
from auditor.policy.limits import accept_limits
from auditor.policy.succession import Succession
from auditor.run.exposures import Approve, exposures
from auditor.run.filtering import filtering_of
from auditor.run.filters import filters_of
from auditor.run.known_ports import known_ports
from auditor.run.outside_uses import Weighing, weighed
from auditor.run.read_settings import read_settings

_INSTALLED, _STATE = InstallState.INSTALLED, attrgetter("state")
_LOGONS = 500
"""Remote logons of a host that results keep."""
_SESSIONS = 500
"""Connections of its remote-access software that results keep."""
_SETTINGS = 300
"""Settings of it that results keep."""


class Rules(Record, kw_only=True):
    """What every host of a run is held to: the sealed inputs, parsed."""

    policy: Policy
    """What is allowed."""
    exceptions: tuple[WeighedException, ...]
    """What is accepted for a while, and what the signatures of its people are worth."""
    limits: tuple[WeighedLimit, ...] = ()
    """What the policy says of limits, in the same way; those that hold stand in ``policy.accepted_limits`` alone."""
    catalogue: Catalogue
    """What remote-access software looks like."""
    as_of: datetime
    """The one instant the run judges at, UTC."""
    outside: Mapping[str, tuple[OutsideSighting, ...]] | None = None
    """What records from outside show, by host; None where none were brought."""

    @property
    def weighing(self) -> Weighing:
        """Return by what sightings from outside are weighed."""
        return Weighing(
            policy=self.policy, catalogue=self.catalogue, replaced=self.succession.products, as_of=self.as_of
        )

    @property
    def succession(self) -> Succession:
        """Return what carries on for what was retired: controls of this version, products of the catalogue."""
        return succession_of(self.catalogue)


def succession_of(catalogue: Catalogue) -> Succession:
    """Return what carries on by the controls of this version and the products of a catalogue."""
    known = _SUCCESSIONS.get(catalogue.sha256)
    if known is None:
        made = Succession(controls=retired_controls(), products=last_successors(catalogue.replaced_by))
        known = _SUCCESSIONS[catalogue.sha256] = made
    return known


_SUCCESSIONS: dict[str, Succession] = {}
"""By the digest of the catalogue: what it holds does not change."""


class Answered(Record, kw_only=True):
    """A host's answer on its way to a reader."""

    host: HostFacts
    """Whose it is."""
    raw: Unshown[RawOutput]
    """The bytes."""
    token: str
    """The call's token."""
    probe_sha256: str | None
    """Digest of the script that was sent; None where it came as a file."""
    unpacked_limit: int
    """Bytes it may unpack to."""
    delivered: Delivery = Delivery.LIVE
    """Road by which it came."""


def to_evidence(answered: Answered) -> Evidence:
    """Open, redact and seal an answer; HostError for one that is not the probe's or not whole."""
    raw = answered.raw
    try:
        envelope = open_envelope(
            stdout=raw.stdout, stderr=raw.stderr, token=raw.token or answered.token, limit=answered.unpacked_limit
        )
    except HostError as error:
        raise _with_status(error, answered) from error
    evidence = seal(
        envelope,
        host=answered.host.name,
        user=raw.user,
        collected_at=raw.finished,
        probe_sha256=answered.probe_sha256,
        tool_version=__version__,
        host_key=raw.host_key,
        withheld=raw.withheld,
        own_connections=raw.own_connections,
        delivered=answered.delivered,
    )
    _refuse_another_system(answered, evidence.head.os)
    return evidence


def _refuse_another_system(answered: Answered, os: OsFamily) -> None:
    """Refuse an answer in the words of a system that was not asked: a control may not apply there."""
    road = answered.host.connection
    is_file = answered.delivered is Delivery.ENVELOPE or road is ConnectionKind.REPLAY
    if not is_file and (os is OsFamily.WINDOWS) is not (road is ConnectionKind.WINRM):
        raise HostError(Reason.MALFORMED, f"a host that is asked over {road} answers as {os}")


def _with_status(error: HostError, answered: Answered) -> HostError:
    """Say how the command ended where that explains why there is no whole answer."""
    if error.reason not in (Reason.PROBE_FAILED, Reason.CUT_SHORT) or answered.raw.exit_status is None:
        return error
    return HostError(error.reason, f"{error.detail}; its command ended with status {answered.raw.exit_status}")


def assess(evidence: Evidence, host: HostFacts, history: History, rules: Rules) -> HostResult:
    """Read evidence and judge it."""
    reading = accept_limits(read(evidence), rules.policy.accepted_limits, rules.as_of.date())
    sightings = match(reading, rules.catalogue)
    filters = filters_of(reading)
    products = tuple(_use(sighting, host, rules) for sighting in sightings)
    case = Case(
        host=host,
        head=evidence.head,
        reading=reading,
        products=products,
        weaknesses=weaknesses(reading, sightings, rules.catalogue),
        unread_settings=unread_settings(reading, sightings, rules.catalogue),
        unfound_settings=unfound_settings(reading, sightings, rules.catalogue),
        exposures=exposures(reading, sightings, filters, _approver(host, rules)),
        approvals=tuple(one for one in rules.policy.approvals if applies_to(host, hosts=one.hosts, groups=one.groups)),
        settings=rules.policy.settings,
        networks=rules.policy.networks,
        filtering=filtering_of(filters, rules.catalogue, rules.policy.networks),
        known_ports=known_ports(rules.catalogue),
        outside=None if rules.outside is None else _outside(host, sightings, rules),
        history=rules.succession.history(history),
        as_of=rules.as_of,
    )
    judgements = _judgements(case, rules)
    return _result(evidence, case, judgements)


def unjudged(evidence: Evidence, host: HostFacts) -> HostResult:
    """Return the result of a host of which nothing but its evidence is wanted: nothing is known of it, so *partial*."""
    row = LedgerRow(host=host.name, outcome=HostOutcome.PARTIAL, complete=False, owner=host.owner, site=host.site)
    return HostResult(host=host, ledger=row, evidence_sha256=evidence.sha256)


def unreached(host: HostFacts, error: HostError, rules: Rules) -> HostResult:
    """Return the result of a host that gave no evidence: its reason, and nothing but unknown verdicts.

    What records from outside show of it all the same fails one control.
    """
    reason = f"not assessed: {error.detail}"
    shown = unlooked(_outside(host, None, rules), is_inventoried=error.reason is not Reason.NOT_INVENTORIED)
    return HostResult(
        host=host,
        ledger=LedgerRow(
            host=host.name,
            outcome=HostOutcome.UNREACHABLE,
            complete=False,
            reason=error.reason,
            detail=error.detail,
            owner=host.owner,
            site=host.site,
        ),
        judgements=tuple(
            unlooked_verdict(control, shown if control is SEEN_OUTSIDE else (), _excuser(host, rules), reason)
            for control in controls().values()
        ),
    )


def _use(sighting: Sighting, host: HostFacts, rules: Rules) -> ProductUse:
    found = approval_for(sighting, host, rules.policy, rules.as_of.date())
    return ProductUse(
        sighting=sighting,
        approval=None if found.approval is None else found.approval.id,
        objection=found.objection,
        breaches=found.breaches,
        may_start=found.may_start,
        may_be_portable=found.may_be_portable,
    )


def _outside(host: HostFacts, seen: Sequence[Sighting] | None, rules: Rules) -> tuple[OutsideUse, ...]:
    """Return what records from outside show of a host; ``seen`` is what it shows itself, None where it gave nothing."""
    found = () if rules.outside is None else rules.outside.get(host.name, ())
    return weighed(host, found, seen, rules.weighing) if found else ()


def _approver(host: HostFacts, rules: Rules) -> Approve:
    """Return the function that says which approval lets a product listen where it does."""

    def approve(sighting: Sighting, port: int, loopback: bool) -> Cover:  # noqa: FBT001
        today = rules.as_of.date()
        return listener_approval(sighting, host, rules.policy, today, port=port, is_loopback=loopback)

    return approve


def _excuser(host: HostFacts, rules: Rules) -> Callable[[str, Violation], str | None]:
    """Return the function that says which exception covers a violation of a control on a host."""
    today = rules.as_of.date()
    exceptions = rules.succession.exceptions(rules.exceptions)

    def excuse(control: str, violation: Violation) -> str | None:
        record = exception_for(control, host, violation, exceptions, today)
        return None if record is None else record.id

    return excuse


def _judgements(case: Case, rules: Rules) -> tuple[Judgement, ...]:
    return judge_each(controls().values(), case, _excuser(case.host, rules))


def _outcome(judgements: Sequence[Judgement]) -> tuple[HostOutcome, bool]:
    verdicts = {judgement.verdict for judgement in judgements}
    complete = Verdict.UNKNOWN not in verdicts
    if Verdict.FAIL in verdicts:
        return HostOutcome.NONCOMPLIANT, complete
    return (HostOutcome.COMPLIANT if complete else HostOutcome.PARTIAL), complete


def _result(evidence: Evidence, case: Case, judgements: tuple[Judgement, ...]) -> HostResult:
    head = evidence.head
    sessions, settings = told_sessions(case), read_settings(case.reading)
    outcome, complete = _outcome(judgements)
    return HostResult(
        host=case.host,
        ledger=LedgerRow(
            host=case.host.name, outcome=outcome, complete=complete, owner=case.host.owner, site=case.host.site
        ),
        os=_os(case.reading),
        hostname=head.hostname,
        evidence_sha256=evidence.sha256,
        collected_at=head.collected_at,
        clock_skew=round((head.clock - head.collected_at).total_seconds()),
        rights=head.rights,
        privilege_note=head.privilege_note,
        delivered=head.delivered,
        probe_sha256=head.probe_sha256,
        host_key=head.host_key,
        sections=tuple(case.reading.sections.values()),
        software_count=list(map(_STATE, case.reading.of(Software))).count(_INSTALLED),
        products=case.products,
        listeners=case.exposures,
        sessions=sessions[:_SESSIONS],
        own_connections=audits_connections(case),
        session_count=len(sessions),
        settings=settings[:_SETTINGS],
        setting_count=len(settings),
        logons=_newest(case.reading)[:_LOGONS],
        logon_count=len(case.reading.of(RemoteLogon)),
        judgements=judgements,
    )


def _newest(reading: Reading) -> tuple[RemoteLogon, ...]:
    """Return the logons, the newest first; of one instant in the order of their words."""
    logons = sorted(reading.of(RemoteLogon), key=lambda one: (one.product, one.user, one.source, one.record))
    return tuple(sorted(logons, key=lambda one: one.when, reverse=True))


def _os(reading: Reading) -> OperatingSystem:
    known = reading.of(OperatingSystem)
    return known[0] if known else OperatingSystem(family=reading.os, id="unknown", name=str(reading.os), version="")
