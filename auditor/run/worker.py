"""What a worker does with a task: hold it to what it knows itself, ask the host, seal and sign what it says."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from auditor.errors import HostError, Reason
from auditor.model.host import Host, host_facts
from auditor.model.past import History
from auditor.model.probe import RawOutput
from auditor.model.record import Record
from auditor.run.audit import Limits, answered_by, probe_of
from auditor.run.exchange import Said, Task, result_message, text_digest
from auditor.run.parcel import parcel_text
from auditor.run.reader import ReadJob
from auditor.run.readers import Readers
from auditor.store.record import HostRecord
from auditor.trust.keys import PublicKey
from auditor.trust.signing import SigningKey
from auditor.trust.sshsig import Namespace, objection


class RefusedTaskError(Exception):
    """A task that no controller of ours gave: nobody is told, the worker's own log says why."""


class Means(Record, kw_only=True):
    """What a worker asks hosts with."""

    put: Callable[[Host, str], RawOutput]
    """Put the probe to a host for a run."""
    limits: Limits
    """What a host may cost."""
    readers: Readers
    """Read what it says."""
    key: SigningKey
    """Sign for it."""
    controllers: Sequence[PublicKey]
    """Whose tasks are done."""


class Site:
    """The hosts of one site, and how they are asked; may be used by many threads."""

    def __init__(self, name: str, hosts: Iterable[Host], means: Means) -> None:
        """Take an inventory: hosts of other sites, and of none, are unknown from here on."""
        self.name = name
        self._hosts = {host.key: host for host in hosts if host.site == name}
        self._means = means
        self._put = means.put

    def __len__(self) -> int:
        """Return how many hosts it has."""
        return len(self._hosts)

    def answer(self, task: Task, signature: str) -> dict[str, Any]:
        """Do a task and return the message that says what became of it; RefusedTaskError for one that is not ours."""
        wrongs = [objection(signature, task.text, key, Namespace.TASK) for key in self._means.controllers]
        if not any(wrong is None for wrong in wrongs):
            raise RefusedTaskError(f"its signature {wrongs[-1]}")
        try:
            record = self._asked(task)
        except HostError as error:
            return self._failed(task, error)
        if record.evidence_sha256 is None:
            row = json.loads(record.row)
            return self._failed(task, HostError(Reason(row["reason"]), row["detail"] or ""))
        text = parcel_text(record)
        return self._signed(_said(task, evidence=text_digest(text.encode())), text)

    def _asked(self, task: Task) -> HostRecord:
        host = self._hosts.get(task.host)
        if host is None:
            raise HostError(Reason.WORKER_REFUSED, f"the worker of site {self.name} knows no host {task.host!r}")
        if task.probe != probe_of(host):
            raise HostError(
                Reason.WORKER_REFUSED,
                f"the worker of site {self.name} has no probe {task.probe[:12]}: it is of another version than the "
                "controller, or asks this host in another way",
            )
        answer = self._put(host, task.run)
        answered = answered_by(host, answer, self._means.limits)
        return self._means.readers.read(ReadJob(host=host_facts(host), history=History(), answered=answered))

    def _failed(self, task: Task, error: HostError) -> dict[str, Any]:
        said = _said(task, reason=error.reason, detail=error.detail, at_login=error.at_login)
        return self._signed(said, None)

    def _signed(self, said: Said, evidence: str | None) -> dict[str, Any]:
        return result_message(said, self._means.key.sign(said.text.encode(), Namespace.RESULT), evidence)


def _said(task: Task, **more: Any) -> Said:  # noqa: ANN401 — fields of what is said
    return Said(task=task.id, run=task.run, host=task.host, probe=task.probe, **more)
