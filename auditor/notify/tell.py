"""Tell webhooks what a run has to say: each thing once, again where it was not taken, never at the cost of the run."""

import time
from collections.abc import Callable, Iterable, Sequence

from auditor.errors import UsageError
from auditor.model.record import Record
from auditor.model.schedule import Schedule
from auditor.notify.messages import Message, coverage_fingerprint, is_below, messages_of
from auditor.notify.post import Answer, post
from auditor.notify.schedule_messages import messages_of_audits
from auditor.notify.webhook import Event, Webhook
from auditor.store.record import RunRecord
from auditor.store.store import Store

_LONGEST_WAIT = 30.0
_REFUSED = 3
"""Messages that a webhook may refuse before it is let alone until the next run."""
_LOOKED_BACK = 100
"""Times that a schedule was due which are told of where they were not yet."""


class Told(Record, kw_only=True):
    """What became of the messages for one webhook."""

    webhook: str
    """Its name."""
    sent: int
    """Messages that it took."""
    left: int
    """Messages that it did not take: they are tried after the next run."""
    problem: str | None
    """Why it did not take the last one, as the end of a sentence; None where it took all that were tried."""

    @property
    def words(self) -> str:
        """Say it in one line."""
        said = f"notify {self.webhook}: {self.sent} told"
        if self.problem is not None:
            said += f", {self.left} not: it {self.problem}"
        elif self.left:
            said += f", {self.left} wait: no more are sent after one run (`most`)"
        return said + ("; what is left is told after the next run" if self.left else "")


def tell(
    store: Store, run: RunRecord, webhooks: Iterable[Webhook], *, sleep: Callable[[float], object] = time.sleep
) -> list[Told]:
    """Tell each webhook what it was not told yet, and remember what it took.

    Call it after a run was closed and sealed. Nothing that a webhook or the network does is raised.
    """
    webhooks = tuple(webhooks)
    settle(store, run, webhooks)
    return [_tell(store, run.id, webhook, untold(store, run, webhook), sleep) for webhook in webhooks]


def untold(store: Store, run: RunRecord, webhook: Webhook) -> list[Message]:
    """Return what a run has to say to a webhook that was not told to it before."""
    if run.finished is None:
        raise UsageError(f"run {run.id} is not finished: there is nothing to tell yet")
    return _untold(store, webhook, messages_of(run, store.findings(run.id)))


def tell_of_audits(
    store: Store, schedule: Schedule, webhooks: Iterable[Webhook], *, sleep: Callable[[float], object] = time.sleep
) -> list[Told]:
    """Tell each webhook which audits of a schedule in force were due and not done, and remember what it took.

    Call it after a fate was written down. Nothing that a webhook or the network does is raised.
    """
    fires = [one for one in store.schedules.fires(schedule.name, limit=_LOOKED_BACK) if one.due > schedule.added]
    newest = next((run.summary for run in store.runs() if "seal" in run.summary), {})
    chain = {"seal": newest.get("seal"), "previous": newest.get("previous")}
    messages = list(messages_of_audits(schedule, reversed(fires), chain))
    told = []
    for webhook in webhooks:
        waiting = _untold(store, webhook, messages)
        if waiting:
            told.append(_tell(store, "", webhook, waiting, sleep))
    return told


def _untold(store: Store, webhook: Webhook, messages: Iterable[Message]) -> list[Message]:
    known = store.notices.told(webhook.name)
    return [
        message
        for message in messages
        if message.event in webhook.events and known.get((message.event, message.fingerprint), -1) < message.life
    ]


def remember(store: Store, run: RunRecord, webhook: Webhook, messages: Iterable[Message]) -> None:
    """Remember messages as told."""
    for message in messages:
        store.notices.add(webhook.name, message.event, message.fingerprint, message.life, run.id)


def settle(store: Store, run: RunRecord, webhooks: Iterable[Webhook]) -> None:
    """Forget that coverage was told to be too low, once it is not: the next time is news again."""
    if not is_below(run):
        for webhook in webhooks:
            store.notices.forget(webhook.name, Event.COVERAGE_BELOW, coverage_fingerprint(run))


def _tell(
    store: Store, run: str, webhook: Webhook, messages: Sequence[Message], sleep: Callable[[float], object]
) -> Told:
    sent, refused, problem = 0, 0, None
    for message in messages[: webhook.most]:
        answer = _tried(webhook, message, sleep)
        if answer.problem is None:
            store.notices.add(webhook.name, message.event, message.fingerprint, message.life, run)
            sent += 1
            continue
        problem = answer.problem
        refused += 1
        # What it does not answer at all it will not answer for the next message either.
        if answer.may_pass or refused >= _REFUSED:
            break
    return Told(webhook=webhook.name, sent=sent, left=len(messages) - sent, problem=problem)


def _tried(webhook: Webhook, message: Message, sleep: Callable[[float], object]) -> Answer:
    """Try a message until it is taken, refused, or was tried often enough; waits are 1, 2, 4, … seconds."""
    answer = post(webhook, message)
    for number in range(1, webhook.tries):
        if answer.problem is None or not answer.may_pass:
            return answer
        sleep(min(2.0 ** (number - 1), _LONGEST_WAIT))
        answer = post(webhook, message)
    return answer
