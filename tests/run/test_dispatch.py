"""A result is taken from a worker of the host's site, for a task that is waited for, once; all else is refused."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import Host
from auditor.model.record import replace
from auditor.run.celery import Broker, Dispatch
from auditor.run.exchange import Parcel, Said, result_message, text_digest
from auditor.trust.people import PersonKey
from auditor.trust.signing import make_private
from auditor.trust.sshsig import Namespace
from auditor.trust.workers import Worker, Workers

A, B, LATE, STRANGER = (make_private(None)[0] for _ in range(4))
WORKERS = Workers(
    workers=(
        Worker(name="wa", sites=("a",), keys=(PersonKey(key=A.public),)),
        Worker(name="wb", sites=("b",), keys=(PersonKey(key=B.public),)),
        Worker(name="late", sites=("a",), keys=(PersonKey(key=LATE.public, valid_until=date(2020, 1, 1)),)),
    )
)
HOST = Host(name="web1", address="192.0.2.1", site="a")
EVIDENCE = '{"sealed": true}'


@pytest.fixture
def asked() -> Iterator[tuple[Dispatch, Said, list[Any]]]:
    """Give a dispatch that waits for one host, what a worker may say of it, and what comes of the waiting."""
    broker = Broker(url="memory://")
    came: list[Any] = []
    dispatch = Dispatch(broker, "run-1", key=A, workers=WORKERS, patience=60, log=lambda _: None)

    def ask() -> None:
        try:
            came.append(dispatch.ask(HOST))
        except HostError as error:
            came.append(error)

    with closing(dispatch):
        thread = threading.Thread(target=ask)
        thread.start()
        while not dispatch._waiting:
            time.sleep(0.01)
        ((name, waiting),) = dispatch._waiting.items()
        said = Said(task=name, run="run-1", host="web1", probe=waiting.probe, evidence=text_digest(EVIDENCE.encode()))
        yield dispatch, said, came
        waiting.said = waiting.said or replace(said, evidence=None, reason=Reason.CANCELLED)
        waiting.came.set()
        thread.join()


def message(
    said: Said, key: Any = A, namespace: Namespace = Namespace.RESULT, evidence: str | None = EVIDENCE
) -> bytes:
    return json.dumps(result_message(said, key.sign(said.text.encode(), namespace), evidence)).encode()


def test_a_result_of_its_site_is_taken_once(asked: tuple[Dispatch, Said, list[Any]]) -> None:
    dispatch, said, came = asked
    assert dispatch._taken(message(said)) is None
    while not came:
        time.sleep(0.01)
    assert isinstance(came[0], Parcel)
    assert came[0].text == EVIDENCE.encode()
    assert "nobody waits for" in (dispatch._taken(message(said)) or "")


def test_what_is_forged_is_refused(asked: tuple[Dispatch, Said, list[Any]]) -> None:
    dispatch, said, came = asked
    refused = {
        "another site's worker": (message(said, B), "does not answer for site a"),
        "nobody's key": (message(said, STRANGER), "nobody in the workers file"),
        "an old key": (message(said, LATE), "counted until 2020-01-01"),
        "another purpose": (message(said, A, Namespace.TASK), "given for 'auditor-task'"),
        "another host": (message(replace(said, host="web2")), "another task than its name"),
        "another run": (message(replace(said, run="run-0")), "another task than its name"),
        "another task": (message(replace(said, task="x")), "nobody waits for"),
        "other evidence": (message(said, evidence='{"sealed": false}'), "other evidence than it says"),
        "changed after signing": (message(said).replace(b"web1", b"web2"), "another task than its name"),
        "no JSON": (b"\xff{", "utf-8"),
        "another shape": (b"[]", "is no result"),
    }
    said_of = {what: dispatch._taken(data) or "" for what, (data, _) in refused.items()}
    assert {what: text for what, text in said_of.items() if refused[what][1] not in text} == {}
    assert came == []


def test_why_there_is_no_evidence_comes_through(asked: tuple[Dispatch, Said, list[Any]]) -> None:
    dispatch, said, came = asked
    failed = replace(said, evidence=None, reason=Reason.AUTH, detail="refused", at_login=True)
    assert dispatch._taken(message(failed, evidence=None)) is None
    while not came:
        time.sleep(0.01)
    assert (came[0].reason, came[0].detail, came[0].at_login) == (Reason.AUTH, "refused", True)
