"""``auditor firewall eval`` answers line by line, the wrong ones too."""

import json
import subprocess
import sys

import pytest

from auditor.cli.main import main
from auditor.firewall.protocol import Answers
from tests.firewall.conftest import HOST, SYN, chain, listing, table

QUESTION = {
    "id": "a",
    "format": "nft-json",
    "ruleset": listing(table("ip"), chain("ip", "in", "input", policy="drop")),
    "ruleset_id": 7,
    "host": HOST,
    "packet": SYN,
}


def answers(*lines: str) -> list[dict[str, object]]:
    ran = subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", "firewall", "eval"],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_each_line_gets_one_answer_in_order() -> None:
    again = {"id": "b", "format": "nft-json", "ruleset_id": 7, "host": HOST, "packet": SYN}
    got = answers(json.dumps(QUESTION), "not JSON", '{"id": 9}', json.dumps(again))
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
def test_a_wrong_question_is_answered_with_what_is_wrong(change: dict[str, object], word: str) -> None:
    got = Answers().answer({**QUESTION, **change})
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


def test_who_waits_for_an_answer_gets_it_before_the_next_question() -> None:
    words = [sys.executable, "-m", "auditor.cli.main", "firewall", "eval"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for number in range(3):
            running.stdin.write(json.dumps({**QUESTION, "id": number}) + "\n")
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["id"] == number
        running.stdin.close()
    assert running.returncode == 0
