"""``auditor firewall eval`` answers line by line, the wrong ones too."""

import io
import json
import sys

import pytest

from auditor.cli.main import main
from tests.firewall.conftest import HOST, SYN, chain, listing, table

QUESTION = {
    "id": "a",
    "format": "nft-json",
    "ruleset": listing(table("ip"), chain("ip", "in", "input", policy="drop")),
    "ruleset_id": 7,
    "host": HOST,
    "packet": SYN,
}


def answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *lines: str
) -> list[dict[str, object]]:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    assert main(["firewall", "eval"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_line_gets_one_answer_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    again = {"id": "b", "format": "nft-json", "ruleset_id": 7, "host": HOST, "packet": SYN}
    got = answers(monkeypatch, capsys, json.dumps(QUESTION), "not JSON", '{"id": 9}', json.dumps(again))
    assert [answer["id"] for answer in got] == ["a", None, 9, "b"]
    assert [answer.get("verdict") for answer in got] == ["drop", None, None, "drop"]
    assert [sorted(answer) for answer in got[1:3]] == [["error", "id"]] * 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param({"format": "pf"}, "nft-json", id="format"),
        pytest.param({"ruleset": None, "ruleset_id": None}, "ruleset", id="ruleset"),
        pytest.param({"packet": {**SYN, "src": "nowhere"}}, "nowhere", id="source"),
        pytest.param({"packet": {**SYN, "src": "::1"}}, "family", id="source-of-another-family"),
        pytest.param({"packet": {**SYN, "direction": "up"}}, "direction", id="direction"),
        pytest.param({"packet": {**SYN, "ct_state": "odd"}}, "ct_state", id="state"),
        pytest.param({"packet": {**SYN, "tcp_flags": ["odd"]}}, "odd", id="flags"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: dict[str, object], word: str
) -> None:
    (got,) = answers(monkeypatch, capsys, json.dumps({**QUESTION, **change}))
    assert word in str(got["error"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("explain",), "which host and port?", id="nothing-named"),
        pytest.param(("explain", "web1", "--to", "vnc"), "no port or range", id="no-port"),
        pytest.param(("explain", "web1", "--to", "5900-5906"), "one port at a time", id="several-ports"),
    ],
)
def test_a_wrong_command_line_is_named(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    assert main(["firewall", *words]) == 2
    assert said in capsys.readouterr().err
