"""What a run has to say to whoever is not there to read its report: pure, and the same bytes for the same run."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditor.model.record import Record
from auditor.notify.webhook import Event
from auditor.report.rows import coverage_row
from auditor.report.stored_run import coverage_of
from auditor.report.visible import visible
from auditor.store.record import RunRecord, named

FORMAT = "auditor-notification-1"
_FINDING = (
    *("fingerprint", "host", "control", "subject", "product", "severity", "reason", "owner"),
    *("first_seen", "failing_since", "due", "overdue", "reopened", "opened_by"),
)
_EXCEPTION = (
    "control",
    "product",
    "subject",
    "hosts",
    "groups",
    "reason",
    "requested_by",
    "approved_by",
    "start",
    "end",
)


class Message(Record, kw_only=True):
    """One thing to tell."""

    event: Event
    """What it is about."""
    fingerprint: str
    """What it is told once by."""
    life: int
    """How often it came back after it was closed: a violation that returns is new."""
    body: bytes
    """What is posted."""

    @property
    def id(self) -> str:
        """Name the message: the same each time it is tried."""
        return message_id(self.event, self.fingerprint, self.life)


def message_id(event: Event, fingerprint: str, life: int) -> str:
    """Return the name of a message."""
    return digest_of([event, fingerprint, life])


def messages_of(run: RunRecord, findings: Iterable[Mapping[str, Any]]) -> Iterator[Message]:
    """Yield all that a finished run has to say, the head of the chain last; who was told is another's to know."""
    summary: Mapping[str, Any] = run.summary
    for row in findings:
        if row["state"] == "open":
            whole = named(row, run=run.id, as_of=run.as_of)
            told = {name: whole.get(name) for name in _FINDING}
            yield _message(run, Event.NEW_VIOLATION, row["fingerprint"], {"finding": told}, row.get("reopened", 0))
    for name, row in sorted(summary["exceptions"].items()):
        if row.get("state") == "ended":
            told = {"id": name, **{key: row.get(key) for key in _EXCEPTION}}
            yield _message(run, Event.EXCEPTION_ENDED, digest_of([name, row["end"]]), {"exception": told})
    if is_below(run):
        yield _message(
            run, Event.COVERAGE_BELOW, coverage_fingerprint(run), {"coverage": coverage_row(coverage_of(summary))}
        )
    if "seal" in summary:
        yield _message(run, Event.CHAIN_HEAD, summary["seal"], {})


def is_below(run: RunRecord) -> bool:
    """Tell whether fewer hosts were assessed than the policy asks for."""
    return not coverage_of(run.summary).is_met


def coverage_fingerprint(run: RunRecord) -> str:
    """Return what the coverage of this scope is known by: what was asked for, not which hosts that came to."""
    return digest_of([run.scope_source, run.options.get("patterns"), run.options.get("limit")])


def _message(run: RunRecord, event: Event, fingerprint: str, about: Mapping[str, Any], life: int = 0) -> Message:
    summary: Mapping[str, Any] = run.summary
    counted = summary["coverage"]
    body = {
        "format": FORMAT,
        "id": message_id(event, fingerprint, life),
        "event": event,
        "fingerprint": fingerprint,
        "run": {
            "id": run.id,
            "sequence": run.sequence,
            "as_of": run.as_of,
            "tool_version": run.tool_version,
            "scope": {"count": run.scope_count, "sha256": run.scope_sha256, "source": run.scope_source},
            "assessed": counted["assessed"],
            "violating_hosts": summary["violating_hosts"],
        },
        "chain": {"seal": summary.get("seal"), "previous": summary.get("previous")},
        **about,
    }
    return Message(event=event, fingerprint=fingerprint, life=life, body=body_of(body))


def body_of(values: Mapping[str, Any]) -> bytes:
    """Return what is posted: the same bytes for the same values."""
    return json.dumps(_shown(values), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _shown(value: Any) -> Any:  # noqa: ANN401 — whatever JSON can hold
    """Write out whatever would act or hide where a message is shown: hosts said some of it."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {key: _shown(one) for key, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list | tuple) else value


def digest_of(value: object) -> str:
    """Return what something is told once by."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
