"""Which audits of a calendar there is something to tell of, and what."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.model.schedule import Fire, FireState
from auditor.notify import load
from auditor.notify.schedule_messages import messages_of_audits
from tests.run.simulated_calendar import a_schedule

_DUE = datetime(2027, 3, 1, 6, tzinfo=UTC)
_CHAIN = {"seal": "a" * 64, "previous": None}


def a_fire(state: FireState, **more: Any) -> Fire:
    return Fire(**{"schedule": "monthly", "due": _DUE, "state": state, "at": _DUE, "late": False, **more})


@pytest.mark.parametrize(
    ("fire", "event"),
    [
        pytest.param(a_fire(FireState.FAILED), "audit_failed", id="could-not-be-done"),
        pytest.param(a_fire(FireState.MISSED), "audit_missed", id="nobody-was-there"),
        pytest.param(a_fire(FireState.SKIPPED), "audit_missed", id="another-one-did-not-end"),
        pytest.param(a_fire(FireState.INTERRUPTED, ended=_DUE), "audit_failed", id="interrupted-for-good"),
        pytest.param(a_fire(FireState.INTERRUPTED), None, id="interrupted-and-may-go-on"),
        pytest.param(a_fire(FireState.STARTED), None, id="under-way"),
        pytest.param(a_fire(FireState.DONE, ended=_DUE, exit_code=1), None, id="done-whatever-it-found"),
    ],
)
def test_what_is_not_done_and_never_will_be_is_told(fire: Fire, event: str | None) -> None:
    schema = json.loads((Path(load.__file__).parent / "notification.schema.json").read_text())
    found = [json.loads(one.body) for one in messages_of_audits(a_schedule("monthly", "0 6 1 * *"), [fire], _CHAIN)]
    assert [body["event"] for body in found] == ([] if event is None else [event])
    for body in found:
        jsonschema.Draft202012Validator(schema).validate(body)
        assert body["chain"] == _CHAIN


def test_each_time_has_a_message_of_its_own_and_what_acts_is_written_out() -> None:
    fires = [
        a_fire(FireState.FAILED, due=_DUE + timedelta(days=day), reason="policy.yml: \u202egone\x1b[2J")
        for day in (0, 1)
    ]
    one, two = messages_of_audits(a_schedule("monthly", "0 6 * * *"), fires, _CHAIN)
    assert one.fingerprint != two.fingerprint
    assert b"\\u202e" not in one.body
    assert b"\\u001b" not in one.body
    assert list(messages_of_audits(a_schedule("monthly", "0 6 * * *"), fires, _CHAIN)) == [one, two]
