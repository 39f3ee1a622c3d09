"""``auditor firewall``: ask what a packet filter does with a packet."""

import json
import sys
from argparse import ArgumentParser, Namespace

from auditor.cli.command import Command
from auditor.firewall.protocol import Answers


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["eval"], help="what to do")


def _run(_: Namespace) -> int:
    answers = Answers()
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(_answer(answers, line)), flush=True)
    return 0


def _answer(answers: Answers, line: str) -> dict[str, object]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"not JSON: {error}"}
    return answers.answer(question)


COMMAND = Command(
    help="ask what a packet filter does with a packet",
    description="eval: read questions from standard input, one JSON object a line (ruleset, host, packet), and answer "
    "each on standard output, in order: accept, drop, reject or unknown, with the rule that decided. A line that "
    "cannot be answered is answered with an error, and the run goes on. docs/firewall.md has the fields.",
    options=_options,
    run=_run,
)
