"""Records from outside the audit, brought to a run: whose they are, and what of them counts there.

Which address is whose is settled when the run begins, since no address is sealed otherwise. What counts on a host is a
function of the sealed text alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

from auditor.errors import Reason, UsageError
from auditor.ingest.document import check_record, parse_documents, read_document, sealed
from auditor.model.host import ConnectionKind, Host, HostFacts
from auditor.model.outside import OutsideRecord, OutsideSighting, bounded
from auditor.model.policy import Policy
from auditor.model.record import Record, replace
from auditor.run.apart import LIMITS, Begin, apart
from auditor.run.conversations import PRIVATE
from auditor.run.outside_uses import weighed
from auditor.run.pipeline import Rules

SEALED = replace(LIMITS, cpu_seconds=600)
"""Limits of reading what a run seals: any number of documents, each within its bounds."""
MOST_STRANGERS = 5_000
"""Devices without a host that one run may have: more than that is an inventory that is not there."""


class OutsideRecords(Record, kw_only=True):
    """Several records, as a process hands them back."""

    records: tuple[OutsideRecord, ...]
    """The records."""


def read_outside(files: Sequence[Path]) -> tuple[OutsideRecord, ...]:
    """Read the files of ``--sightings``; UsageError says what of one is wrong, or that it is named twice."""
    records: dict[str, OutsideRecord] = {}
    for file in files:
        record = _read(file)
        text = sealed(record)
        if text in records:
            raise UsageError(f"{file}: holds the same sightings as another file that is named")
        records[text] = record
    return tuple(records.values())


def _read(file: Path) -> OutsideRecord:
    """Read a file in a process with limits."""

    def work(begin: Begin) -> OutsideRecord:
        begin(file)
        return read_document(file)

    return _checked(apart(work, OutsideRecord, [file]))


def sealed_outside(text: str, name: str) -> tuple[OutsideRecord, ...]:
    """Read what a run or a bundle seals in a process with limits; ``name`` is what errors call it."""

    def work(begin: Begin) -> OutsideRecords:
        begin(Path(name))
        return OutsideRecords(records=parse_documents(text, name))

    read = apart(work, OutsideRecords, [], SEALED)
    return tuple(map(_checked, read.records))


def _checked(record: OutsideRecord) -> OutsideRecord:
    try:
        check_record(record)
    except ValueError as error:
        raise RuntimeError(f"what was read of sightings is not what it should be: {error}") from error
    return record


def settled(records: Iterable[OutsideRecord], addresses: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the records with the host of each sighting filled in, as they are sealed into a run.

    ``addresses`` are hosts by address, ``names`` all hosts of the inventory: a device is known by its name, or the
    first part of it, whatever the case. What no host is known to have keeps no host.
    """
    known = {name.casefold(): name for name in sorted(names)}
    texts = []
    for record in records:
        found, _ = bounded([_with_host(one, addresses, known) for one in record.sightings])
        texts.append(sealed(replace(record, sightings=found)))
    return "".join(sorted(texts))


def _with_host(one: OutsideSighting, addresses: Mapping[str, str], known: Mapping[str, str]) -> OutsideSighting:
    device = one.device.casefold().rstrip(".")
    is_address = _is_address(device)
    said = None if one.host is None else known.get(one.host.casefold())
    host = said or addresses.get(one.device) or known.get(device)
    if host is None and not is_address:
        host = known.get(device.partition(".")[0])
    return replace(one, host=host)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def by_host(records: Iterable[OutsideRecord]) -> dict[str, tuple[OutsideSighting, ...]]:
    """Return the sightings by the host they are of; those of nobody's device under the device's own word."""
    found: dict[str, list[OutsideSighting]] = {}
    for record in records:
        for one in record.sightings:
            found.setdefault(one.host or one.device, []).append(one)
    return {host: tuple(those) for host, those in sorted(found.items())}


def strangers(records: Iterable[OutsideRecord], rules: Rules, hosts: Iterable[str]) -> tuple[Host, ...]:
    """Return the devices inside our networks that no host of the inventory has, and that show what is not approved.

    Each is a host of the run that cannot be asked. UsageError where there are more than anybody could look at.
    """
    taken, by = set(hosts), rules.weighing
    found: dict[str, list[OutsideSighting]] = {}
    for record in records:
        for one in record.sightings:
            if one.host is None and one.device not in taken and _is_inside(one.device, rules.policy):
                found.setdefault(one.device, []).append(one)
    here = [
        device
        for device, those in sorted(found.items())
        if any(use.is_open for use in weighed(HostFacts(name=device, key=device), those, None, by))
    ]
    if len(here) > MOST_STRANGERS:
        raise UsageError(
            f"--sightings: {len(here)} devices are of no host of the inventory, and at most {MOST_STRANGERS} are "
            "taken: name the whole inventory, or filter the records"
        )
    return tuple(
        Host(
            name=device,
            address=device,
            connection=ConnectionKind.REPLAY,
            unusable="records from outside show it, and no host of the inventory is known to have it",
            unusable_reason=Reason.NOT_INVENTORIED,
        )
        for device in here
    )


def _is_inside(device: str, policy: Policy) -> bool:
    """Tell whether a device is ours: by its address; one that the records name is recorded by our own tools."""
    if not _is_address(device):
        return True
    address = ip_address(device)
    return any(
        address in network
        for network in map(ip_network, policy.networks.trusted or PRIVATE)
        if network.version == address.version
    )
