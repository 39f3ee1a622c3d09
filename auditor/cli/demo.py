"""``auditor demo``: a recorded fleet through the whole chain, no host touched.

Its Linux hosts were recorded; its Windows and macOS hosts are simulated from documentation, and all that is written
says so.
"""

import os
import tempfile
from argparse import ArgumentParser, Namespace
from contextlib import closing
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import yaml

from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.bundling import write_and_print
from auditor.cli.command import Command
from auditor.cli.population import population
from auditor.cli.report import chosen_formats
from auditor.cli.terminal import say
from auditor.errors import HostError, Reason
from auditor.inventory.scope import fix_scope
from auditor.model.host import ConnectionKind, Host
from auditor.model.pacing import Pacing
from auditor.model.probe import ProbeCall, RawOutput
from auditor.model.record import Record, replace
from auditor.report.formats import FORMATS
from auditor.run.audit import Limits, Sealed, new_run, run_audit
from auditor.run.ending import close_run
from auditor.run.fanout import Course
from auditor.run.pipeline import Rules
from auditor.run.readers import Readers
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.store.store import Store
from auditor.transport.choose import Transports

_COURSE = Course(pacing=Pacing(workers=4, retries=0))
_SOURCE = "the recorded fleet of auditor demo"


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("reports/demo"), metavar="DIR", help="where the report goes"
    )
    parser.add_argument("--format", default="html,csv,json", metavar="LIST", help=f"of {', '.join(FORMATS)}")


class _Recorded(Record, kw_only=True):
    """The recorded fleet: its hosts, those that did not answer, those that never were, and when that was."""

    hosts: tuple[Host, ...]
    silent: dict[str, HostError]
    simulated: tuple[str, ...]
    when: datetime

    @property
    def about_simulated(self) -> str:
        """Say which hosts nobody recorded."""
        names = f"{', '.join(self.simulated[:-1])} and {self.simulated[-1]}"
        return f"{names} are simulated from their makers' documentation, not recorded"


def _recorded(folder: Path) -> _Recorded:
    fleet: dict[str, Any] = yaml.safe_load((folder / "fleet.yml").read_text(encoding="utf-8"))
    hosts = tuple(
        Host(
            name=entry["host"],
            address="192.0.2.1",
            connection=ConnectionKind.REPLAY,
            groups=tuple(sorted(entry["groups"])),
            site=entry["site"],
            owner=entry["owner"],
            replay=folder / ("simulated" if "simulated" in entry else "") / f"{entry['host']}.probe",
        )
        for entry in fleet["hosts"]
    )
    silent = {
        entry["host"]: HostError(Reason(entry["reason"]), entry["detail"])
        for entry in fleet["hosts"]
        if "reason" in entry
    }
    simulated = tuple(entry["host"] for entry in fleet["hosts"] if "simulated" in entry)
    when = datetime.fromisoformat(fleet["recorded"])
    return _Recorded(hosts=hosts, silent=silent, simulated=simulated, when=when)


def _file(file: Path) -> RuleFile:
    return RuleFile(text=file.read_text(encoding="utf-8"), file=file)


def _run(options: Namespace) -> int:
    formats = chosen_formats(options.format)
    with as_file(files("auditor") / "demo") as folder, tempfile.TemporaryDirectory(prefix="auditor-demo-") as place:
        recorded = _recorded(folder)
        catalogue = load_catalogue()
        policy, exceptions, people = (_file(folder / f"{name}.yml") for name in ("policy", "exceptions", "people"))
        rules = rules_of(RuleFiles(policy=policy, exceptions=exceptions, people=people), catalogue, recorded.when)
        export = (folder / "population.csv").read_text(encoding="utf-8")
        names = [host.name for host in recorded.hosts]
        sealed = Sealed(
            policy=policy.text,
            exceptions=exceptions.text,
            people=people.text,
            catalogue=catalogue_text(catalogue),
            population=population(export, Path("population.csv"), recorded.hosts, names),
        )
        store = Store(str(Path(place) / "store.sqlite"))
        with closing(store), closing(Readers(min(2, os.cpu_count() or 1), rules)) as readers:
            _audit(recorded, store, rules, sealed, readers, options, formats)
    return 0


def _audit(
    recorded: _Recorded,
    store: Store,
    rules: Rules,
    sealed: Sealed,
    readers: Readers,
    options: Namespace,
    formats: tuple[str, ...],
) -> None:
    scope = fix_scope(recorded.hosts, [], None, f"{_SOURCE}; {recorded.about_simulated}")
    transports = Transports()

    def ask(host: Host, call: ProbeCall) -> RawOutput:
        if host.name in recorded.silent:
            raise recorded.silent[host.name]
        # The recording was complete when it was made, not now.
        return replace(transports.collect(host, call), started=recorded.when, finished=recorded.when, user="root")

    # Every change of the auditor would change a report that else shows what the fleet is like.
    apart: dict[str, object] = {"tool_sha256": None}
    run = new_run(store, scope, rules, sealed, operator="demo", options=apart, name="demo")
    for _ in run_audit(store=store, run=run, scope=scope, limits=Limits(), ask=ask, readers=readers, course=_COURSE):
        pass
    closed = close_run(store, run, rules, finished=recorded.when)
    write_and_print(store, closed, options.output, formats, options)
    say(options, "this was a recorded fleet: no host was touched")
    say(options, recorded.about_simulated)


COMMAND = Command(
    help="audit a recorded fleet, without touching a host",
    description="Take a recorded fleet through the whole chain, from what its hosts answered to the report. No host is "
    "touched and nothing is kept but the report. The same version writes the same bytes. Its Linux hosts were "
    "recorded; its Windows and macOS hosts, in the group simulated, are written from their makers' documentation.",
    options=_options,
    run=_run,
)
