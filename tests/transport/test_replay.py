"""Recorded answers: their token, and what is said when there is none to read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import HostError, Reason
from auditor.model.host import ConnectionKind, Host
from auditor.model.probe import ProbeCall
from auditor.model.record import replace
from auditor.transport.replay import ReplayTransport, recorded_token

MakeCall = Callable[..., ProbeCall]
HOST = Host(name="recorded", address="", connection=ConnectionKind.REPLAY)


@pytest.mark.parametrize(
    ("stdout", "token"),
    [
        pytest.param(b"auditor-probe 1 00ff plain\n@finish\n", "00ff", id="first-line"),
        pytest.param(b"auditor-probe 1 00ff gzip\n\x1f\x8b\n\n", "00ff", id="packed"),
        pytest.param(
            b"Welcome!\n\nauditor-probe 1 00ff plain\nauditor-probe 1 ee plain\n", "00ff", id="after-a-banner"
        ),
        pytest.param(b"auditor-probe 1 00ff plain", "00ff", id="cut-after-the-first-line"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"Welcome!\n", None, id="no-answer"),
        pytest.param(b"say auditor-probe 1 00ff plain\n", None, id="not-at-the-beginning-of-a-line"),
        pytest.param(b"auditor-probe 1 00ff\n", None, id="a-word-too-few"),
        pytest.param(b"auditor-probe 1 <b> plain\n", None, id="not-hexadecimal"),
        pytest.param(b"auditor-probe 1 \xff\xfe plain\n", None, id="not-text"),
    ],
)
def test_the_recorded_token_is_found(stdout: bytes, token: str | None) -> None:
    assert recorded_token(stdout) == token


def test_the_recording_comes_with_its_token(tmp_path: Path, make_call: MakeCall) -> None:
    file = tmp_path / "web-1"
    file.write_bytes(b"auditor-probe 1 00ff plain\n\xff\r\n")
    answer = ReplayTransport().collect(replace(HOST, replay=file), make_call(""))
    assert (answer.stdout, answer.stderr, answer.token) == (file.read_bytes(), b"", "00ff")
    assert (answer.exit_status, answer.host_key, answer.user) == (None, None, None)


def test_no_recording_is_a_failure_of_the_probe(tmp_path: Path, make_call: MakeCall) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file, words in (
        (None, "names no recording"),
        (tmp_path / "missing", "cannot be read: No such file"),
        (tmp_path, "not an ordinary file"),
        (tmp_path / "pipe", "not an ordinary file"),
    ):
        with pytest.raises(HostError) as raised:
            ReplayTransport().collect(replace(HOST, replay=file), make_call(""))
        assert raised.value.reason is Reason.PROBE_FAILED
        assert words in raised.value.detail
