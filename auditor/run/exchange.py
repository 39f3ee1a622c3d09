"""What a controller and a worker say to each other: tasks and results, each signed, each read strictly.

A task is a run, a host and the digest of a probe; what else a worker needs, it has itself. A result says what became
of the task, and brings the sealed evidence as a text of its own, named by its hash, which only a reader process opens.
"""

import hashlib
import re
from typing import Any

from auditor.collect.seal import canonical
from auditor.errors import Reason
from auditor.model.record import Record, Unshown
from auditor.run.strict_json import strict_json

LONGEST = 128 * 1024 * 1024
"""Bytes of a result; evidence unpacks to half of it at the most, and is packed in it."""
_HEAD_LONGEST = 8192
_DETAIL_LONGEST = 1000
SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
"""What a site may be called to have a queue: brokers give other signs a meaning."""


class Task(Record, kw_only=True):
    """One host that is to be asked."""

    id: str
    """Name of this task: the same host that is asked again has another."""
    run: str
    """Run that it is asked for."""
    host: str
    """Key of the host."""
    probe: str
    """SHA-256 of the script that it is to be asked with."""
    site: str
    """Site whose queue it was put into; no field of the message, but signed with it."""

    @property
    def text(self) -> bytes:
        """Return what is signed."""
        return canonical([self.id, self.run, self.host, self.probe, self.site])


class Parcel(Record, kw_only=True):
    """Sealed evidence that a worker sent, still closed."""

    text: Unshown[bytes]
    """What it sent."""
    probe_sha256: str
    """Digest of the script that it was told to ask with."""


class Said(Record, kw_only=True):
    """What a worker says became of a task."""

    task: str
    """Name of the task."""
    run: str
    """Its run."""
    host: str
    """Its host."""
    probe: str
    """Its probe."""
    evidence: str | None = None
    """SHA-256 of the evidence that comes with it."""
    reason: Reason | None = None
    """Why there is none."""
    detail: str = ""
    """The reason in one sentence."""
    at_login: bool = False
    """Whether it failed while credentials were offered."""

    @property
    def text(self) -> str:
        """Return it as it is signed and sent."""
        return canonical(
            {
                "task": self.task,
                "run": self.run,
                "host": self.host,
                "probe": self.probe,
                "evidence": self.evidence,
                "reason": self.reason,
                "detail": self.detail[:_DETAIL_LONGEST],
                "at_login": self.at_login,
            }
        ).decode()


class Result(Record, kw_only=True):
    """A result as it came: nothing of it is verified yet."""

    said: str
    """What the worker says, as it is signed."""
    signature: str
    """Its signature."""
    evidence: Unshown[bytes | None]
    """What it brings."""


def result_message(said: Said, signature: str, evidence: str | None) -> dict[str, Any]:
    """Return the message that carries a result."""
    return {"said": said.text, "signature": signature, "evidence": evidence}


def read_result(data: bytes) -> Result:
    """Read a message; ValueError says what is wrong with it."""
    if len(data) > LONGEST:
        raise ValueError(f"has {len(data)} bytes, and no result has more than {LONGEST}")
    row = strict_json(data)
    if not isinstance(row, dict) or set(row) != {"said", "signature", "evidence"}:
        raise ValueError("is no result")
    said, signature, evidence = row["said"], row["signature"], row["evidence"]
    if not isinstance(said, str) or not isinstance(signature, str) or not isinstance(evidence, str | None):
        raise ValueError("is no result: it holds something else than texts")  # noqa: TRY004 — one kind of wrong
    if len(said) > _HEAD_LONGEST:
        raise ValueError("is no result: what it says is too long")
    return Result(said=said, signature=signature, evidence=None if evidence is None else evidence.encode())


def read_said(text: str) -> Said:
    """Read what a worker says; ValueError says what is wrong with it."""
    row = strict_json(text.encode())
    wanted = {"task", "run", "host", "probe", "evidence", "reason", "detail", "at_login"}
    if not isinstance(row, dict) or set(row) != wanted:
        raise ValueError("does not say what a result says")
    texts = [row[name] for name in ("task", "run", "host", "probe", "detail")]
    if not all(isinstance(one, str) for one in texts) or type(row["at_login"]) is not bool:
        raise ValueError("does not say it in the form of a result")
    if (row["evidence"] is None) is (row["reason"] is None):
        raise ValueError("brings evidence and a reason for none, or neither")
    if not isinstance(row["evidence"], str | None) or not isinstance(row["reason"], str | None):
        raise ValueError("does not say it in the form of a result")  # noqa: TRY004 — as above
    reason = row["reason"]
    return Said(**(row | {"reason": None if reason is None else Reason(reason)}))


def text_digest(text: bytes) -> str:
    """Return the hash by which a result names its evidence."""
    return hashlib.sha256(text).hexdigest()
