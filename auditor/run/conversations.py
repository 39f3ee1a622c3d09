"""Conversations joined with the catalogue, the policy and the fleet: rows of the report, and sightings to seal."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from ipaddress import ip_address, ip_network
from typing import Any

from auditor.catalogue.applications import Application, Applications
from auditor.catalogue.product import Catalogue, Strength
from auditor.ingest.flows.conversations import Conversation
from auditor.ingest.flows.record import protocol_name
from auditor.model.host import HostFacts
from auditor.model.outside import TEXT_LENGTH, Certainty, Origin, OutsideSighting, Side, Sign
from auditor.model.policy import Policy
from auditor.model.record import Record, field
from auditor.policy.applies import applies_to

Row = dict[str, Any]
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""What is inside where neither the policy nor the operator names a network (RFC 1918, 6598 and 4193)."""


class Held(Record, kw_only=True):
    """A socket of a host in a run, and whose it is."""

    process: str | None
    """Name of the process."""
    executable: str | None
    """Path of its program."""
    user: str | None
    """Account it runs as."""
    product: str | None
    """Catalogue id."""


class Fleet(Record, kw_only=True):
    """What is known of the hosts: by the inventory and a run."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    """Host by address."""
    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    """What the inventory says of each host."""
    listeners: Mapping[tuple[str, str, int], Held] = field(default_factory=dict)
    """Who listens, by host, protocol and port."""
    connections: Mapping[tuple[str, str, str, int], Held] = field(default_factory=dict)
    """Who was connected, by host, protocol, address and port of the far end."""

    def host(self, address: str) -> str | None:
        """Return whose an address is."""
        return self.hosts.get(address)


def held_sockets(
    rows: Iterable[Row],
) -> tuple[dict[tuple[str, str, int], Held], dict[tuple[str, str, str, int], Held]]:
    """Return the listeners and connections of the hosts of a run."""
    listeners: dict[tuple[str, str, int], Held] = {}
    connections: dict[tuple[str, str, str, int], Held] = {}
    for host in rows:
        for one in host.get("listeners") or ():
            listeners.setdefault((host["host"], one["protocol"], one["port"]), _held(one))
        for one in host.get("connections") or ():
            connections.setdefault(
                (host["host"], one["protocol"], one["remote_address"], one["remote_port"]), _held(one)
            )
    return listeners, connections


def _held(one: Row) -> Held:
    return Held(process=one["process"], executable=one["executable"], user=one["user"], product=one["product"])


class Known(Record, kw_only=True):
    """By what conversations are judged."""

    applications: Applications
    """What the catalogue knows of the wire."""
    catalogue: Catalogue
    """Names of products."""
    policy: Policy
    """What is approved, and which networks are inside."""
    fleet: Fleet
    """Whose addresses are."""
    inside: tuple[str, ...] = ()
    """Networks that the operator names beside the policy's."""

    def is_inside(self, address: str) -> bool:
        """Tell whether an address is one of ours: a host's, or in a network that is."""
        one = ip_address(address)
        networks = (*self.policy.networks.trusted, *self.inside) or PRIVATE
        return address in self.fleet.hosts or any(
            one in network for network in map(ip_network, networks) if network.version == one.version
        )


class Use(Record, kw_only=True):
    """A product that a conversation shows, on one end of it."""

    product: str
    """Catalogue id."""
    side: Side
    """Which end has it."""
    signs: tuple[Sign, ...]
    """What told it."""
    strength: Certainty
    """How sure that makes it."""


def uses_of(one: Conversation, applications: Applications) -> tuple[Use, ...]:
    """Return what a conversation shows: by its port, by names that were asked for, or by both."""
    by_port = applications.ports.get((one.protocol, one.port), ())
    named: dict[str, Strength] = {}
    for name in one.names:
        for product, strength in applications.named(name):
            if product not in named or strength.rank < named[product].rank:
                named[product] = strength
    # A name belongs to a product's servers: whoever asks for it has the product.
    places = dict.fromkeys([*by_port, *(Application(product=product, side=Side.CONNECTS) for product in named)])
    return tuple(sorted((_use(place, by_port, named) for place in places), key=lambda use: (use.product, use.side)))


def _use(place: Application, by_port: tuple[Application, ...], named: Mapping[str, Strength]) -> Use:
    signs = [Sign.TLS_SERVER_NAME] if place.product in named and place.side is Side.CONNECTS else []
    signs += [Sign.PORT] if place in by_port else []
    is_strong = bool(signs) and signs[0] is not Sign.PORT and named[place.product] is Strength.STRONG
    # Both name and port are the product's: two things of different kinds that agree.
    sure = is_strong or len(signs) > 1
    return Use(
        product=place.product,
        side=place.side,
        signs=tuple(signs),
        strength=Certainty.CONFIRMED if sure else Certainty.SUSPECTED,
    )


def row_of(one: Conversation, known: Known) -> Row:
    """Return a conversation as the reports print it."""
    uses = uses_of(one, known.applications)
    protocol = protocol_name(one.protocol)
    client, server = known.fleet.host(one.client), known.fleet.host(one.server)
    listening = known.fleet.listeners.get((server or "", protocol, one.port))
    connected = known.fleet.connections.get((client or "", protocol, one.server, one.port))
    products = list(dict.fromkeys(use.product for use in uses))
    approvals = {use: _approval(use, one, known) for use in uses if known.is_inside(_device(use, one))}
    return {
        "source": one.client,
        "source_host": client,
        "destination": one.server,
        "destination_host": server,
        "destination_port": one.port,
        "protocol": protocol,
        "product": products,
        "product_name": [_name(product, known.catalogue) for product in products],
        "confidence": _best(uses),
        "signs": list(dict.fromkeys(sign for use in uses for sign in use.signs)),
        "server_names": list(one.names),
        "approved": None if not approvals else all(approval is not None for approval in approvals.values()),
        "approval": sorted({approval for approval in approvals.values() if approval is not None}),
        "bytes": one.bytes,
        "packets": one.packets,
        "records": one.count,
        "first_seen": instant(one.first).isoformat(timespec="milliseconds"),
        "last_seen": instant(one.last).isoformat(timespec="milliseconds"),
        "source_process": None if connected is None else connected.process,
        "source_executable": None if connected is None else connected.executable,
        "source_user": None if connected is None else connected.user,
        "destination_process": None if listening is None else listening.process,
        "destination_executable": None if listening is None else listening.executable,
        "destination_user": None if listening is None else listening.user,
        "formats": list(one.sources),
        "sampled": [sampling_word(rate) for rate in one.sampled],
    }


def sampling_word(rate: int) -> str:
    """Say a rate of sampling as people write it."""
    return f"1:{rate}" if rate else "rate not said"


def instant(seconds: float) -> datetime:
    """Return an instant to the millisecond, UTC."""
    return datetime.fromtimestamp(round(seconds, 3), tz=UTC)


def _name(product: str, catalogue: Catalogue) -> str:
    found = catalogue.product(product)
    return product if found is None else found.name


def _best(uses: Iterable[Use]) -> str | None:
    found = {use.strength for use in uses}
    return next((str(one) for one in (Certainty.CONFIRMED, Certainty.SUSPECTED) if one in found), None)


def _device(use: Use, one: Conversation) -> str:
    return one.server if use.side is Side.LISTENS else one.client


def _approval(use: Use, one: Conversation, known: Known) -> str | None:
    """Return the approval of a product on the device that has it; what the wire does not show is not asked."""
    address = _device(use, one)
    name = known.fleet.host(address)
    facts = known.fleet.facts.get(name or "") or HostFacts(name=name or address, key=name or address)
    return approval_of(use.product, facts, known.policy, instant(one.last).date())


def approval_of(product: str, host: HostFacts, policy: Policy, day: date) -> str | None:
    """Return an approval that names a product for a host on a day; its tenant and versions are not on the wire."""
    for approval in policy.approvals:
        is_here = applies_to(host, hosts=approval.hosts, groups=approval.groups)
        if approval.product == product and is_here and day <= approval.review_by:
            return approval.id
    return None


def sightings_of(one: Conversation, known: Known) -> Iterator[OutsideSighting]:
    """Yield what a conversation shows of products on devices that are inside."""
    for use in uses_of(one, known.applications):
        device = _device(use, one)
        if not known.is_inside(device):
            continue
        other = one.client if use.side is Side.LISTENS else one.server
        first, last = instant(one.first), instant(one.last)
        names = f", TLS name {one.names[0]}" if one.names else ""
        sampled = f" of packets sampled {' and '.join(map(sampling_word, one.sampled))}" if one.sampled else ""
        proof = (
            f"{one.client} -> {one.server}:{one.port}/{protocol_name(one.protocol)}{names}, {one.count} records, "
            f"{one.bytes} bytes{sampled}, {first:%F %T} to {last:%F %T} UTC"
        )
        yield OutsideSighting(
            origin=Origin.FLOW,
            source="+".join(one.sources)[:TEXT_LENGTH],
            device=device,
            host=known.fleet.host(device),
            product=use.product,
            signs=tuple(sign for sign in Sign if sign in use.signs),
            strength=use.strength,
            side=use.side,
            destination=other,
            port=one.port,
            protocol=protocol_name(one.protocol),
            first_seen=first,
            last_seen=last,
            count=one.count,
            bytes=one.bytes,
            packets=one.packets,
            proof=proof[:TEXT_LENGTH],
        )
