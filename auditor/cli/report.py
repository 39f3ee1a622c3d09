"""``auditor report``: write the reports of a run again, or in other formats."""

import gc
from argparse import ArgumentParser, Namespace
from pathlib import Path

from auditor.cli.bundling import refresh_manifest, write_bundle
from auditor.cli.command import Command
from auditor.cli.stored import add_store_option, open_store
from auditor.cli.terminal import say
from auditor.errors import UsageError, did_you_mean
from auditor.report.formats import FORMATS
from auditor.report.html_single import FOLDER as SINGLE
from auditor.report.writing import write_side_by_side
from auditor.run.report_rows import report_rows

_MANY = ("hosts", "controls", "owners")
"""Folders of pages that are reached from the first one, and too many to be named."""
_YOUNG_OBJECTS = 50_000
"""A host is some thousand objects, all of them gone when it is written."""


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="which run (default: the newest)")
    parser.add_argument("--format", default="html,csv,json", metavar="LIST", help=f"of {', '.join(FORMATS)}")
    parser.add_argument("-o", "--output", type=Path, default=Path("reports"), metavar="DIR", help="where reports go")
    add_store_option(parser)


def chosen_formats(text: str) -> tuple[str, ...]:
    """Read a list of report formats, or say which there are."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in FORMATS:
            near = did_you_mean(name, list(FORMATS))
            raise UsageError(f"no report format {name!r}{near}; there are {', '.join(FORMATS)}")
    return names


def _run(options: Namespace) -> int:
    # What was imported stays: the collector of garbage need not walk it again and again while hosts pass.
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    formats = chosen_formats(options.format)
    with open_store(options) as store:
        record = store.run(options.name)
        folder = options.output / record.id
        wanted = [FORMATS[name] for name in formats]
        if record.finished is not None and "seal" not in record.summary:
            # It was ended between its last host and its reports: it becomes the bundle that it would have been.
            made = write_bundle(store, record, report_rows(store, record), folder, formats)
        else:
            made = write_side_by_side(report_rows(store, record), folder, wanted, store.forked)
            refresh_manifest(folder)
    for path in dict.fromkeys(path.parent if path.parent.name == SINGLE else path for path in made):
        if path.parent.name not in _MANY:
            print(path)
    say(options, f"{len(made)} files written")
    return 0


COMMAND = Command(
    help="write the reports of a run again, or in other formats",
    description="Write the reports of a run again from the store, or in other formats.",
    options=_options,
    run=_run,
)
