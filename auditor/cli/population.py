"""``--population``: the export of a CMDB or a directory that an inventory is held against."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from auditor.cli.files import read_text
from auditor.inventory.population import compare, comparison_row, read_population
from auditor.model.host import Host, Scope
from auditor.run.audit import Population
from auditor.store.store import digest


def add_population_option(parser: ArgumentParser) -> None:
    """Add ``--population``."""
    parser.add_argument(
        "--population",
        type=Path,
        metavar="FILE",
        help="hosts that should be there, from a CMDB or directory: CSV with a host column, or one name a line",
    )


def chosen_population(options: Namespace, hosts: Sequence[Host], scope: Scope) -> Population | None:
    """Read the export and hold the whole inventory against it; None when none is named."""
    file: Path | None = options.population
    if file is None:
        return None
    return population(read_text(file), file, hosts, [host.name for host in scope.hosts])


def population(text: str, file: Path, hosts: Sequence[Host], scope: Sequence[str]) -> Population:
    """Hold an inventory against the text of an export; ``scope`` names the hosts of the run."""
    compared = compare(read_population(text, file), hosts)
    row = comparison_row(compared, str(file), digest(text), scope)
    return Population(text=text, comparison=json.dumps(row, sort_keys=True, separators=(",", ":")))
