"""What events show, added up: first seen, last seen and how often, by device, product and destination."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from auditor.hunt.matching import Match, Matcher
from auditor.model.device_event import DeviceEvent, EventKind
from auditor.model.outside import (
    TEXT_LENGTH,
    Certainty,
    Origin,
    OutsideSighting,
    Side,
    Sign,
    bounded,
)
from auditor.policy.suppress import Covers

MOST_GROUPS = 500_000
"""Different rows that are added up at a time: further ones are counted and left out."""
_Key = tuple[str, str, str, Side, str | None, int | None, str | None, str | None, str | None, str | None]


@dataclass(slots=True, kw_only=True)
class _Total:
    """What was seen of one row so far."""

    first: datetime
    last: datetime
    proof: str
    count: int = 0
    signs: set[Sign] = field(default_factory=set)
    is_sure: bool = False


@dataclass(slots=True, kw_only=True)
class EventSightings:
    """The events of any number of files, added up."""

    matcher: Matcher
    """Tells products."""
    covers: Covers
    """Tells suppressions."""
    host_of: Callable[[str], str | None]
    """Tells the inventory name of a device."""
    wanted: Callable[[str, str | None], bool] = lambda _device, _host: True
    """Tells whether a device, by its own name and its inventory name, is asked about."""
    totals: dict[_Key, _Total] = field(default_factory=dict)
    """By what each row is about."""
    left_out: int = 0
    """Events of rows beyond ``MOST_GROUPS``."""
    used: Counter[str] = field(default_factory=Counter)
    """Events that each suppression covered."""

    def add(self, event: DeviceEvent) -> None:
        """Add one event, where it shows a product."""
        matches = self.matcher.matches(event)
        if not matches or not self.wanted(event.device, self.host_of(event.device)):
            return
        for match in matches:
            suppressed_by = self.covers(event, match.product)
            if suppressed_by is not None:
                self.used[suppressed_by] += 1
            self._add(event, match, _key(event, match, suppressed_by))

    def _add(self, event: DeviceEvent, match: Match, key: _Key) -> None:
        total = self.totals.get(key)
        if total is None:
            if len(self.totals) >= MOST_GROUPS:
                self.left_out += 1
                return
            total = self.totals[key] = _Total(first=event.at, last=event.at, proof=_proof(event))
        total.count += 1
        total.last = max(total.last, event.at)
        if event.at <= total.first:
            # Of one instant the first by its words: the order of the files changes nothing.
            total.proof = min(total.proof, _proof(event)) if event.at == total.first else _proof(event)
            total.first = event.at
        total.signs.update(match.signs)
        total.is_sure = total.is_sure or match.strength is Certainty.CONFIRMED

    def sightings(self) -> tuple[tuple[OutsideSighting, ...], int]:
        """Return the rows in their order, and how many are left out beyond what one document may hold."""
        return bounded([self._sighting(key, total) for key, total in self.totals.items()])

    def _sighting(self, key: _Key, total: _Total) -> OutsideSighting:
        source, device, product, side, destination, port, protocol, process, user, suppressed_by = key
        return OutsideSighting(
            origin=Origin.EVENT,
            source=source,
            device=device,
            host=self.host_of(device),
            product=product,
            signs=tuple(sign for sign in Sign if sign in total.signs),
            strength=Certainty.CONFIRMED if total.is_sure else Certainty.SUSPECTED,
            side=side,
            destination=destination,
            port=port,
            protocol=protocol,
            process=process,
            user=user,
            first_seen=total.first,
            last_seen=total.last,
            count=total.count,
            suppressed_by=suppressed_by,
            proof=total.proof,
        )


def _key(event: DeviceEvent, match: Match, suppressed_by: str | None) -> _Key:
    return (
        event.source,
        _kept(event.device),
        match.product,
        event.side,
        _kept(event.domain or event.address) or None,
        event.port,
        _kept(event.protocol) or None,
        _kept(event.image or event.service) or None,
        _kept(event.user) or None,
        suppressed_by,
    )


def _proof(event: DeviceEvent) -> str:
    """Write the first event of a row as people read it."""
    what = {
        EventKind.PROCESS: "started",
        EventKind.IMAGE: f"loaded, signed by {event.signer}",
        EventKind.CONNECTION: "connected" if event.side is Side.CONNECTS else "was connected to",
        EventKind.QUESTION: f"asked for {event.domain}",
        EventKind.SERVICE: f"installed as service {event.service}",
    }[event.kind]
    far = " ".join(one for one in (event.domain, event.address, str(event.port or "")) if one)
    parts = [
        f"{event.image or event.command or 'a program'} {what}",
        f"far end {far}" if event.kind is EventKind.CONNECTION else "",
        f"command {event.command}" if event.command and event.image else "",
        f"original name {event.original}" if event.original else "",
        f"by {event.company}, {event.product_name}" if event.company or event.product_name else "",
        f"from {event.parent}" if event.parent else "",
        f"user {event.user}" if event.user else "",
    ]
    return _kept("; ".join(part for part in parts if part))


def _kept(text: str) -> str:
    """Cut a hostile text to what a sighting may hold, without what UTF-8 cannot say."""
    return text[:TEXT_LENGTH].encode("utf-8", "replace").decode()
