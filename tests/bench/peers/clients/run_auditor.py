# ruff: noqa: E402 — see gc.disable below
"""Put a probe to hosts by the auditor's transport and fan-out, nothing read: `run_auditor.py INVENTORY WORKERS FOLDER`.

With a folder, the probe holds the three sections that other clients ask for, and what comes is written there as it
came, behind a line with the token that it is told by. With `-` it is the whole probe, and what comes is dropped: what
is left is the cost of asking.
"""

import gc

# As `auditor audit` does: what is imported stays.
gc.disable()

import importlib
import random
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from auditor.collect.collector import Collector
from auditor.collect.probe import assemble, sh_call, sh_probe
from auditor.errors import HostError
from auditor.inventory.read import read_inventory
from auditor.model.host import Host
from auditor.model.pacing import Pacing
from auditor.model.probe import ProbeLimits, RawOutput
from auditor.run.fanout import Course, fan_out
from auditor.run.pacing import Turn
from auditor.store.record import HostRecord
from auditor.transport.choose import Transports

_DEADLINE, _OUTPUT_LIMIT = 60.0, 32 * 1024 * 1024
_YOUNG_OBJECTS = 50_000
SECTIONS = ("software.dpkg", "sockets.ss", "firewall.nft")
"""What the questions of the others are called here."""


def main() -> int:
    """Ask every host; status 1 when one of them did not answer."""
    inventory, workers, place = sys.argv[1:]
    pacing = Pacing(workers=int(workers))
    # As the others import what they need: the readers of sections that are not asked for are left where they are.
    script = sh_probe() if place == "-" else assemble(map(_collector, SECTIONS))
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    gc.enable()
    with closing(Transports(pacing=pacing)) as transports:
        outcomes = fan_out(
            read_inventory(inventory), _asking(transports, script), _keeping(place), Course(pacing=pacing),
            clock=time.monotonic, chance=random.random,
        )  # fmt: skip
        failed = [outcome.record for outcome in outcomes if outcome.record.reason is not None]
    for record in failed:
        print(f"{record.host}: {record.reason}", file=sys.stderr)  # noqa: T201 — a command prints
    return 1 if failed else 0


def _collector(section: str) -> Collector:
    plugin = importlib.import_module(f"auditor.collect.{section}").PLUGIN
    assert isinstance(plugin, Collector)
    return plugin


def _asking(transports: Transports, script: str) -> Callable[[Host], RawOutput]:
    limits = ProbeLimits()

    def ask(host: Host) -> RawOutput:
        call = sh_call(
            limits=limits, deadline=_DEADLINE, output_limit=_OUTPUT_LIMIT,
            become=host.credentials.become, become_password=None, script=script,
        )  # fmt: skip
        answer = transports.collect(host, call)
        return RawOutput(
            stdout=f"{call.token}\n".encode() + answer.stdout,
            stderr=answer.stderr,
            exit_status=answer.exit_status,
            started=answer.started,
            finished=answer.finished,
        )

    return ask


def _keeping(place: str) -> Callable[[Turn, RawOutput | HostError], HostRecord]:
    def read(turn: Turn, answer: RawOutput | HostError) -> HostRecord:
        reason = answer.reason.value if isinstance(answer, HostError) else None
        if isinstance(answer, RawOutput) and place != "-":
            Path(place, turn.host.name).write_bytes(answer.stdout)
        return HostRecord(
            host=turn.host.name, outcome="", complete=False, inventoried=False, reason=reason, packed_row=b""
        )

    return read


if __name__ == "__main__":
    sys.exit(main())
