"""Files of flow records, read apart: the conversations that are asked for, and what became of all other records."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from auditor.ingest.document import check_file
from auditor.ingest.flows.conversations import Conversation, Conversations
from auditor.ingest.flows.reading import FlowFile
from auditor.ingest.flows.record import LAST_PORT, Tally, Wanted, address_of, instant_of
from auditor.model.record import Record
from auditor.run.apart import Begin, apart
from auditor.run.conversations import Known, uses_of

_TCP_UDP = (6, 17)
_LAST_PROTOCOL = 255
_MOST_WORDS = 64


class Filters(Record, kw_only=True):
    """Which conversations are asked for."""

    ports: frozenset[int]
    """Ports of the one who serves; of none, where any will do."""
    products: frozenset[str]
    """Catalogue ids."""
    hosts: tuple[str, ...]
    """Names or addresses of one end."""
    networks: tuple[IPv4Network | IPv6Network, ...]
    """Networks that one end is in."""
    everything: bool
    """Whether conversations of no product are asked for, too."""

    def takes(self, one: Conversation, known: Known) -> bool:
        """Tell whether a conversation is asked for."""
        uses = {use.product for use in uses_of(one, known.applications)}
        ends = (one.client, one.server)
        named = {*ends, *(known.fleet.host(end) for end in ends)}
        addresses = [ip_address(end) for end in ends]
        return (
            (bool(uses) or self.everything or one.port in self.ports)
            and (not self.ports or one.port in self.ports)
            and (not self.products or not self.products.isdisjoint(uses))
            and (not self.hosts or not named.isdisjoint(self.hosts))
            and (
                not self.networks
                or any(one.version == net.version and one in net for net in self.networks for one in addresses)
            )
        )

    @property
    def words(self) -> list[str]:
        """Say what is asked for."""
        return [
            *(f"port {port}" for port in sorted(self.ports)),
            *(f"product {product}" for product in sorted(self.products)),
            *(f"host {host}" for host in self.hosts),
            *(f"network {network}" for network in self.networks),
        ]


class FileRead(Record, kw_only=True):
    """What became of one file."""

    format: str
    """The format it was read as."""
    sha256: str
    """Its digest."""
    tally: Tally
    """What became of its records."""


class FlowsRead(Record, kw_only=True):
    """What the process that reads hands back."""

    files: tuple[FileRead, ...]
    """The files, in the order in which they were named."""
    conversations: tuple[Conversation, ...]
    """The conversations that are asked for, sorted."""
    beyond: int
    """Records of conversations that were one too many to be told apart."""


def read_flows(files: Sequence[FlowFile], known: Known, filters: Filters) -> FlowsRead:
    """Read files in a process with limits, and fill in what became of each; UsageError where one breaks a limit."""
    read = apart(lambda begin: _read(files, known, filters, begin), FlowsRead, [one.path for one in files])
    try:
        _check(read, len(files))
    except ValueError as error:
        raise RuntimeError(f"what was read of flow records is not what it should be: {error}") from error
    for one, done in zip(files, read.files, strict=True):
        one.format, one.sha256, one.tally = done.format, done.sha256, done.tally
        check_file(one.told)
    return read


def _read(files: Sequence[FlowFile], known: Known, filters: Filters, begin: Begin) -> FlowsRead:
    added = _added(files, known, filters, begin)
    return FlowsRead(
        files=tuple(FileRead(format=one.format, sha256=one.sha256, tally=one.tally) for one in files),
        conversations=tuple(one for one in added.all() if filters.takes(one, known)),
        beyond=added.beyond,
    )


def _added(files: Sequence[FlowFile], known: Known, filters: Filters, begin: Begin) -> Conversations:
    """Add all records up: names first, so that conversations that they name are wanted whatever their port."""
    ports = known.applications.ports
    telling = frozenset({*ports, *((number, port) for port in filters.ports for number in _TCP_UDP)})
    added = Conversations(telling=telling)
    of_names = []
    for one in files:
        begin(one.path)
        if not one.is_of_names():
            continue
        of_names.append(one)
        for client, server, port, name, when in one.names():
            if filters.everything or known.applications.named(name):
                added.name(client, server, port, name, when)
            else:
                one.tally.passed_over += 1
    wanted = Wanted(None if filters.everything else filters.ports or {port for _, port in ports})
    wanted.named |= set(added.named)
    for one in files:
        if one not in of_names:
            begin(one.path)
            # A file may hold messages of several kinds: what it is called is known once it was read.
            added.add(one.flows(wanted), one)
    return added


def _check(read: FlowsRead, files: int) -> None:
    """Hold what came back to what a reading can give; ValueError says what of it is wrong."""
    if len(read.files) != files or read.beyond < 0:
        raise ValueError("its files are others than were asked for")
    for one in read.conversations:
        if address_of(one.client) != one.client or address_of(one.server) != one.server:
            raise ValueError("an address is none")
        if not 0 <= one.port <= LAST_PORT or not 0 <= one.protocol <= _LAST_PROTOCOL:
            raise ValueError("a port or a protocol is none")
        if instant_of(one.first) > instant_of(one.last) or min(one.bytes, one.packets, one.count) < 0:
            raise ValueError("an instant or a count is none")
        if any(rate < 0 for rate in one.sampled):
            raise ValueError("a rate of sampling is none")
        if any(len(word) > _MOST_WORDS for word in one.sources):
            raise ValueError("a format is none")
