"""What is known of the fleet when files of records are read: an inventory, and a run of the store."""

from argparse import Namespace
from pathlib import Path

from auditor.catalogue.product import Catalogue
from auditor.cli.inventory import hosts_of, kept_vault
from auditor.cli.stored import open_store
from auditor.cli.terminal import say
from auditor.model.host import host_facts
from auditor.report.stored_run import stored_run
from auditor.report.visible import visible
from auditor.run.conversations import Fleet, held_sockets
from auditor.run.fleet_addresses import inventory_addresses, run_addresses
from auditor.run.open_bundle import facts_of
from auditor.store.record import RunRecord
from auditor.store.store import Store, default_url


def known_fleet(options: Namespace, catalogue: Catalogue) -> Fleet:
    """Return whose addresses are: the inventory's word first, then that of hosts in a run.

    That is the newest unless one is named. ``options.joined_run`` is set to the run that was asked, None for none.
    """
    inventory = () if options.inventory is None else hosts_of(options.inventory, kept_vault(options))
    addresses = inventory_addresses(inventory)
    facts = {host.name: host_facts(host) for host in inventory}
    options.joined_run = None
    if options.run is None and not _has_store(options):
        return Fleet(hosts=addresses, facts=facts)
    with open_store(options) as store:
        run = _run(store, options)
        if run is None:
            return Fleet(hosts=addresses, facts=facts)
        options.joined_run = run.id
        said, notes = run_addresses(store, run, catalogue)
        for note in notes:
            say(options, visible(note))
        addresses = said | addresses
        facts = {row["name"]: facts_of(row) for row in store.facts(run.id)} | facts
        listeners, connections = held_sockets(stored_run(store, run).hosts())
    return Fleet(hosts=addresses, facts=facts, listeners=listeners, connections=connections)


def _has_store(options: Namespace) -> bool:
    """Tell whether there is a store to look into: none is made for a question."""
    url = options.store or default_url()
    path = url.removeprefix("sqlite:///")
    return "://" in path or Path(path).exists()


def _run(store: Store, options: Namespace) -> RunRecord | None:
    if options.run is None and all(run.finished is None for run in store.runs()):
        return None
    return store.run(options.run)
