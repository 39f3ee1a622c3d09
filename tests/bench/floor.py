# ruff: noqa: T201 — a command prints
"""Put a command that does nothing to every host of an inventory, as an audit would: what remains is SSH itself."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from auditor.collect.probe import sh_call
from auditor.errors import HostError
from auditor.inventory.read import read_inventory
from auditor.model.host import Host
from auditor.model.probe import ProbeLimits
from auditor.model.record import replace
from auditor.transport.choose import Transports

_DEADLINE = 60.0
_OUTPUT_LIMIT = 1_000_000


def main() -> int:
    """Ask every host nothing; status 1 when one of them did not answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("inventory")
    parser.add_argument("--workers", type=int, default=50, help="hosts asked at once (default: 50)")
    options = parser.parse_args()
    call = replace(
        sh_call(
            limits=ProbeLimits(), deadline=_DEADLINE, output_limit=_OUTPUT_LIMIT, become=False, become_password=None
        ),
        launcher=":",
        stdin=b"",
        packed=b"",
        secret=None,
    )
    transports = Transports()

    def ask(host: Host) -> bool:
        try:
            return transports.collect(host, call).exit_status == 0
        except HostError as error:
            print(f"{host.name}: {error}", file=sys.stderr)
            return False

    with ThreadPoolExecutor(options.workers) as pool:
        return 0 if all(list(pool.map(ask, read_inventory(options.inventory)))) else 1


if __name__ == "__main__":
    sys.exit(main())
