"""``auditor firewall``: ask what packet filters do with packets."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from auditor.catalogue.product import parse_port
from auditor.cli.command import Command
from auditor.cli.stored import add_run_option, add_store_option, open_store
from auditor.cli.terminal import add_format_option, heading, print_rows
from auditor.collect.read import read
from auditor.errors import UsageError
from auditor.firewall.protocol import Answers
from auditor.model.facts.network import Protocol
from auditor.report.visible import visible
from auditor.run.filters import filters_of
from auditor.run.firewall_answer import explain_port, explain_source, for_holder, surroundings
from auditor.run.stored_evidence import stored_evidence

_BLOCK = 1 << 20
_COLUMNS = ["family", "sources", "answer", "rule"]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=["eval", "explain"], help="what to do")
    parser.add_argument("host", nargs="?", metavar="HOST", help="explain: a host of the run, by its inventory name")
    parser.add_argument("--to", metavar="PORT", help="explain: the port, such as 5900/tcp")
    parser.add_argument(
        "--from", dest="source", metavar="ADDRESS", default="any", help="explain: a source (default: any, all of them)"
    )
    add_run_option(parser)
    add_store_option(parser)
    add_format_option(parser)


def _run(options: Namespace) -> int:
    return _eval() if options.action == "eval" else _explain(options)


def _eval() -> int:
    answers = Answers()
    for lines in _batches():
        told = [json.dumps(_answer(answers, line)) for line in lines if line.strip()]
        if told:
            print("\n".join(told), flush=True)
    return 0


def _batches() -> Iterator[list[bytes]]:
    """Give the lines of standard input as they come: all that are there, so that who waits for one gets its answer."""
    rest = b""
    while block := os.read(sys.stdin.fileno(), _BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        yield lines
    yield [rest]


def _answer(answers: Answers, line: bytes) -> dict[str, object]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"not JSON: {error}"}
    return answers.answer(question)


def _explain(options: Namespace) -> int:
    if options.host is None or options.to is None:
        raise UsageError("which host and port? `auditor firewall explain HOST --to 5900/tcp`")
    protocol, port = _port(options.to)
    with open_store(options) as store:
        run = store.run(options.run)
        reading = read(stored_evidence(store, run, options.host))
    filters = for_holder(filters_of(reading), reading, protocol, port)
    if filters.program is None:
        raise UsageError(f"host {options.host}: {filters.problem}")
    if options.source == "any":
        rows = explain_port(filters, protocol, port)
    else:
        try:
            rows = explain_source(filters, protocol, port, options.source)
        except ValueError as error:
            raise UsageError(f"--from {options.source}: not an address; `any` asks about all") from error
    if options.format == "table":
        print(heading(f"{options.host}: {port}/{protocol} in run {run.id}", options))
        for sentence in surroundings(reading, protocol, port):
            print(f"  {visible(sentence)}")
        if not filters.is_loaded:
            print("  no packet filter is loaded: every source that has a route reaches it")
        print()
    print_rows(rows, _COLUMNS, options)
    return 0


def _port(text: str) -> tuple[Protocol, int]:
    try:
        protocol, first, last = parse_port(text)
    except ValueError as error:
        raise UsageError(f"--to {error}") from error
    if first != last:
        raise UsageError(f"--to {text}: one port at a time")
    return Protocol(protocol), first


COMMAND = Command(
    help="ask what packet filters do with packets",
    description="explain: say which sources reach a port of a host, and by which rule, from the evidence of a run; "
    "with --from, what becomes of the first packet of one source.\n\n"
    "eval: read questions from standard input, one JSON object a line (ruleset, host, packet), and answer each on "
    "standard output, in order: accept, drop, reject or unknown, with the rule that decided. A line that cannot be "
    "answered is answered with an error, and the run goes on. docs/firewall.md has the fields.",
    options=_options,
    run=_run,
)
