"""Each thing is told once; what is not taken is tried again; no webhook costs a run anything."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from auditor.notify import load
from auditor.notify.messages import messages_of
from auditor.notify.tell import tell
from auditor.notify.webhook import Event, Webhook
from auditor.store.store import Store
from tests.notify.webhooks import DRIPS, HANGS, HANGS_UP, Server, a_finding, a_run, an_exception, serving, webhook
from tests.winrm.conftest import Authority, authority

SCHEMA = json.loads((Path(load.__file__).parent / "notification.schema.json").read_text())
VIOLATIONS = (Event.NEW_VIOLATION,)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(str(tmp_path / "store.sqlite"))) as opened:
        yield opened


@pytest.fixture
def waits() -> list[float]:
    return []


def told(server: Server) -> list[tuple[str, str]]:
    rows = [json.loads(body) for body in server.bodies]
    return [(row["event"], row["fingerprint"]) for row in rows]


def test_a_run_says_what_is_new_once(store: Store) -> None:
    findings = [a_finding(1), a_finding(2, state="closed"), a_finding(3, state="excepted")]
    run = a_run(
        store, "one", findings, exceptions={"EX-1": an_exception(), "EX-2": an_exception(state="holds")}, assessed=9
    )
    with serving() as server:
        (answer,) = tell(store, run, [webhook(server)])
        assert (answer.sent, answer.left, answer.problem) == (4, 0, None)
        assert [event for event, _ in told(server)] == [
            *("new_violation", "exception_ended", "coverage_below", "chain_head")
        ]
        assert told(server)[0][1] == f"{1:064x}"
        assert tell(store, run, [webhook(server)])[0].sent == 0
        later = a_run(store, "two", [a_finding(1), a_finding(4)], exceptions={"EX-1": an_exception()}, assessed=9)
        tell(store, later, [webhook(server)])
        assert told(server)[4:] == [("new_violation", f"{4:064x}"), ("chain_head", later.summary["seal"])]
        row = json.loads(server.bodies[4])
        assert row["chain"] == {"seal": later.summary["seal"], "previous": {"run": "one", "seal": run.summary["seal"]}}
        assert row["run"]["id"] == row["finding"]["opened_by"] == "two"


def test_a_violation_that_comes_back_and_coverage_that_falls_again_are_news(store: Store) -> None:
    with serving() as server:
        hook = webhook(server, events=(Event.NEW_VIOLATION, Event.COVERAGE_BELOW))
        for name, state, reopened, assessed in (
            ("one", "open", 0, 9),
            ("two", "closed", 0, 8),
            ("three", "closed", 0, 10),
            ("four", "open", 1, 9),
            ("five", "open", 1, 9),
        ):
            run = a_run(store, name, [a_finding(1, state=state, reopened=reopened)], assessed=assessed)
            tell(store, run, [hook])
        rows = [json.loads(body) for body in server.bodies]
    assert [(row["run"]["id"], row["event"]) for row in rows] == [
        *(("one", "new_violation"), ("one", "coverage_below"), ("four", "new_violation"), ("four", "coverage_below"))
    ]
    assert rows[0]["fingerprint"] == rows[2]["fingerprint"]
    assert rows[0]["id"] != rows[2]["id"]


def test_coverage_of_another_scope_is_another_matter(store: Store) -> None:
    with serving() as server:
        hook = webhook(server, events=(Event.COVERAGE_BELOW,))
        for name, source, assessed in (("one", "berlin.yml", 9), ("two", "lyon.yml", 10), ("three", "berlin.yml", 9)):
            tell(store, a_run(store, name, source=source, assessed=assessed), [hook])
        tell(store, a_run(store, "four", source="lyon.yml", assessed=1), [hook])
        assert [json.loads(body)["run"]["id"] for body in server.bodies] == ["one", "four"]


def test_each_webhook_has_its_own_memory_and_its_own_events(store: Store) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving() as one, serving() as other:
        tell(store, run, [webhook(one, events=VIOLATIONS)])
        hooks = [webhook(one, events=VIOLATIONS), webhook(other, name="archive", events=(Event.CHAIN_HEAD,))]
        assert [answer.sent for answer in tell(store, run, hooks)] == [0, 1]
        assert [event for event, _ in told(other)] == ["chain_head"]


def test_every_message_is_of_the_published_form_and_the_same_each_time(store: Store) -> None:
    nasty = "\x1b[2J\u202e</script>=cmd|'"
    run = a_run(
        store,
        "one",
        [a_finding(1, host=nasty, reason=nasty, owner=nasty), a_finding(2, product=None, due=None)],
        exceptions={"EX-1": an_exception(reason=nasty)},
        assessed=0,
    )
    bodies = [message.body for message in messages_of(run, store.findings("one"))]
    assert bodies == [message.body for message in messages_of(store.run("one"), store.findings("one"))]
    for body in bodies:
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(body))
        assert body.isascii()
        assert not any(char in json.dumps(json.loads(body), ensure_ascii=False) for char in "\x1b\u202e")
    assert len(bodies) == 5
    spoilt = json.loads(bodies[0])
    del spoilt["finding"]
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(spoilt)


def test_the_body_is_signed_and_the_header_lets_us_in(store: Store) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving() as server:
        tell(store, run, [webhook(server, key=b"k3y", header=("Authorization", "Bearer s3cret"), events=VIOLATIONS)])
        ((path, headers, body),) = server.requests
    assert path == "/hook?t=s3cret"
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["X-Auditor-Signature"] == f"sha256={hmac.new(b'k3y', body, hashlib.sha256).hexdigest()}"
    assert headers["X-Auditor-Event"] == "new_violation"
    assert headers["X-Auditor-Delivery"] == json.loads(body)["id"]
    assert headers["Content-Type"] == "application/json"


# ---- the other side fails


@pytest.mark.parametrize("failure", [500, 503, 429, HANGS_UP])
def test_what_fails_at_first_is_tried_again(store: Store, waits: list[float], failure: int) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving([failure, failure]) as server:
        (answer,) = tell(store, run, [webhook(server, events=VIOLATIONS)], sleep=waits.append)
    assert (answer.sent, answer.problem, waits) == (1, None, [1.0, 2.0])
    assert len(set(server.bodies)) == 1
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (500, "answers 500"),
        (HANGS, "did not answer within 0.2 s"),
        (DRIPS, "did not answer within 0.2 s"),
        (HANGS_UP, "cannot be reached: "),
    ],
)
def test_what_goes_on_failing_is_said_and_told_after_the_next_run(
    store: Store, waits: list[float], behaviour: int, words: str
) -> None:
    run = a_run(store, "one", [a_finding(1), a_finding(2)])
    with serving(last=behaviour) as server:
        hook = webhook(server, tries=2, timeout=0.2, events=VIOLATIONS)
        (answer,) = tell(store, run, [hook], sleep=waits.append)
    assert (answer.sent, answer.left, waits) == (0, 2, [1.0])
    assert words in answer.words
    assert "s3cret" not in answer.words
    assert len(server.bodies) == 2, "the second message is not tried at a place that does not answer the first"
    with serving() as server:
        later = a_run(store, "two", [a_finding(1), a_finding(2)])
        assert tell(store, later, [webhook(server, events=VIOLATIONS)])[0].sent == 2


def test_waits_grow_and_end(store: Store, waits: list[float]) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving(last=500) as server:
        tell(store, run, [webhook(server, tries=8, events=VIOLATIONS)], sleep=waits.append)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_nobody_there_is_said(store: Store, waits: list[float]) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving() as server:
        hook = webhook(server)
    (answer,) = tell(store, run, [hook], sleep=waits.append)
    assert (answer.sent, answer.left) == (0, 2)
    assert "cannot be reached: Connection refused" in answer.words


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404])
def test_a_refusal_is_not_repeated_and_no_redirect_is_followed(store: Store, waits: list[float], status: int) -> None:
    run = a_run(store, "one", [a_finding(number) for number in range(5)])
    with serving([status]) as server:
        (answer,) = tell(store, run, [webhook(server, events=VIOLATIONS)], sleep=waits.append)
    assert (answer.sent, answer.left, waits) == (4, 1, [])
    assert f"answers {status}" in answer.words
    assert {path for path, _, _ in server.requests} == {"/hook?t=s3cret"}
    with serving(last=status) as server:
        other = webhook(server, name="other", events=VIOLATIONS)
        (answer,) = tell(store, run, [other], sleep=waits.append)
    assert (answer.sent, answer.left, len(server.requests)) == (0, 5, 3)


def test_one_that_fails_costs_the_others_nothing(store: Store, waits: list[float]) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving(last=500) as bad, serving() as good:
        hooks = [webhook(bad, name="bad"), webhook(good, name="good")]
        answers = tell(store, run, hooks, sleep=waits.append)
    assert [(answer.webhook, answer.sent) for answer in answers] == [("bad", 0), ("good", 2)]
    assert store.run("one").finished is not None


def test_no_more_than_wanted_are_sent_after_one_run(store: Store) -> None:
    findings = [a_finding(number) for number in range(5)]
    with serving() as server:
        hook = webhook(server, most=3, events=VIOLATIONS)
        (answer,) = tell(store, a_run(store, "one", findings), [hook])
        assert (answer.sent, answer.left) == (3, 2)
        assert "2 wait" in answer.words
        assert tell(store, a_run(store, "two", findings), [hook])[0].sent == 2
        assert len({fingerprint for _, fingerprint in told(server)}) == 5


# ---- TLS


def test_a_server_is_verified(store: Store, authority: Authority, waits: list[float]) -> None:
    run = a_run(store, "one", [a_finding(1)])

    def tried(server: Server, ca: Path | None, host: str = "127.0.0.1") -> str | None:
        hook: Webhook = webhook(server, is_tls=True, ca=ca, host=host, tries=1, events=VIOLATIONS)
        return tell(store, run, [hook], sleep=waits.append)[0].problem

    with serving(context=authority.context()) as server:
        assert "its certificate is not trusted" in (tried(server, None) or "")
        assert "its certificate is not trusted" in (tried(server, authority.file, host="localhost") or "")
        assert server.requests == []
        assert tried(server, authority.file) is None
        assert len(server.requests) == 1


def test_no_tls_is_no_delivery(store: Store, authority: Authority, waits: list[float]) -> None:
    run = a_run(store, "one", [a_finding(1)])
    with serving() as server:
        hook = webhook(server, is_tls=True, ca=authority.file, tries=2, timeout=5.0)
        (answer,) = tell(store, run, [hook], sleep=waits.append)
    assert (answer.sent, server.requests, waits) == (0, [], [1.0])


__all__ = ["authority"]
