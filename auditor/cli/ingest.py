"""``auditor ingest``: take what was brought as files: answers of the probe, flow records, events."""

import importlib
from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.cli import ingest_events, ingest_flows
from auditor.cli.command import Command
from auditor.cli.far_end import add_far_end_options
from auditor.cli.inventory import add_vault_options
from auditor.cli.stored import add_run_option, add_store_option
from auditor.cli.terminal import add_format_option
from auditor.errors import UsageError

_KINDS = ("envelope", "flows", "events")


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=_KINDS, help="what the files hold")
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="envelope: one file a host, named after it: web1.envelope; standard error beside it as "
        "web1.envelope.stderr. flows, events: records of any number of devices",
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="envelope: the host that the one file is of, where its name does not say so. flows, events: what concerns "
        "this host only; may be repeated",
    )
    parser.add_argument(
        "-i",
        "--inventory",
        metavar="FILE",
        help="hosts: their groups, sites and owners; flows, events: and which address is whose",
    )
    add_vault_options(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where it goes (default: evidence, flows or events)"
    )
    parser.add_argument(
        "-p",
        "--policy",
        type=Path,
        metavar="FILE|PACK",
        help="flows, events: what is approved (default: policies/policy.yml)",
    )
    parser.add_argument(
        "--product", action="append", default=[], metavar="ID", help="flows, events: this product only; may be repeated"
    )
    add_run_option(parser)
    add_store_option(parser)
    add_format_option(parser)
    add_far_end_options(parser)
    ingest_flows.add_options(parser)
    ingest_events.add_options(parser)


_FLOWS, _EVENTS, _BOTH = ("flows",), ("events",), ("flows", "events")
_OF_SOME = {
    **dict.fromkeys(("port", "network", "all", "inside", "columns", "time_zone"), _FLOWS),
    **dict.fromkeys(("suppressions", "device", "as_of"), _EVENTS),
    **dict.fromkeys(("policy", "product", "run", "far_end", "far_end_data", "rdap_bootstrap"), _BOTH),
}
"""Options that some kinds of files take, with which."""


def _check_kind(options: Namespace) -> None:
    """Refuse an option that a kind of files has no use for; UsageError names those that have."""
    for name, kinds in _OF_SOME.items():
        if options.kind not in kinds and getattr(options, name) not in (None, False, []):
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} is for {' and '.join(kinds)}: it says nothing to `auditor ingest {options.kind}`"
            )


def _run(options: Namespace) -> int:
    _check_kind(options)
    # Each is loaded when asked for: judging what hosts said takes much that reading records does not.
    done: int = getattr(importlib.import_module(f"auditor.cli.ingest_{options.kind}"), options.kind)(options)
    return done


COMMAND = Command(
    help="take evidence that comes as files",
    description="Take evidence that comes as files.\n\n"
    "envelope: what the probe printed on hosts that nobody can log in to from here: brought by device management, a "
    "scheduled job or by hand. docs/evidence-by-other-roads.md says how such a file is made. The evidence is marked as "
    "delivered by envelope, and dated by the host's own clock.\n\n"
    "flows: what exporters, sensors and clouds wrote down of conversations (docs/flows.md).\n\n"
    "events: what other tools wrote down of programs and connections: Sysmon, Windows' own logs, Microsoft Defender, "
    "auditd and the journal (docs/events.md). Exit code 3 where a record could not be read: the others are kept.",
    options=_options,
    run=_run,
)
