"""``--sightings``: what records from outside the audit show, brought to a run."""

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from auditor.errors import Reason
from auditor.inventory.scope import scope_digest
from auditor.model.host import Host, Scope
from auditor.model.outside import OutsideRecord, OutsideSighting
from auditor.model.record import replace
from auditor.run.fleet_addresses import inventory_addresses, run_addresses
from auditor.run.outside import by_host, read_outside, sealed_outside, settled, strangers
from auditor.run.pipeline import Rules
from auditor.store.store import Store

_SEALED = "the run's sightings"


def add_sightings_option(parser: ArgumentParser) -> None:
    """Add ``--sightings``."""
    parser.add_argument(
        "--sightings",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="what records from outside show, as `auditor ingest flows FILE` and `events` write it; may be repeated",
    )


class Outside:
    """The sightings that an audit is given, or was begun with: whose they are is settled with its inventory."""

    def __init__(self, files: Sequence[Path], sealed: str | None, rules: Rules, store: Store) -> None:
        """Read them; ``sealed`` is the digest of those that the run was begun with."""
        self.notes: tuple[str, ...] = ()
        """What could not be read of hosts' addresses."""
        self.text: str | None = None if sealed is None else store.text(sealed)
        self._records: tuple[OutsideRecord, ...] | None = read_outside(files) if files else None
        self._rules, self._store = rules, store
        if self.text is not None:
            self._records = sealed_outside(self.text, _SEALED)

    def strangers(self, hosts: tuple[Host, ...]) -> tuple[Host, ...]:
        """Settle whose the sightings are, and return the devices that no host of the inventory has."""
        if self._records is None:
            return ()
        names = [host.name for host in hosts]
        if self.text is None:
            addresses = self._said() | inventory_addresses(hosts)
            known = set(names)
            self.text = settled(
                self._records, {address: host for address, host in addresses.items() if host in known}, names
            )
            self._records = sealed_outside(self.text, _SEALED)
        return strangers(self._records, self._rules, names)

    def _said(self) -> dict[str, str]:
        """Return the addresses that hosts said they have in the newest run."""
        finished = [run for run in self._store.runs() if run.finished is not None]
        if not finished:
            return {}
        addresses, self.notes = run_addresses(self._store, finished[0], self._rules.catalogue)
        return addresses

    @property
    def by_host(self) -> Mapping[str, tuple[OutsideSighting, ...]] | None:
        """Return them by host; None where there are none."""
        return None if self._records is None else by_host(self._records)


def with_strangers(scope: Scope, more: Iterable[Host]) -> Scope:
    """Return a scope with devices that cannot be asked beside its hosts."""
    hosts = tuple(sorted((*scope.hosts, *more), key=lambda host: host.name))
    return replace(scope, hosts=hosts, sha256=scope_digest([host.name for host in hosts]))


def inventoried(scope: Scope) -> Scope:
    """Return a scope without the devices that no inventory has."""
    hosts = tuple(host for host in scope.hosts if host.unusable_reason is not Reason.NOT_INVENTORIED)
    return replace(scope, hosts=hosts, sha256=scope_digest([host.name for host in hosts]))
