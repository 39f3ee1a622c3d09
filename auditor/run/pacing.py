"""Which host is asked next: budgets kept, sites and subnets served alike. Pure: clock and chance are passed in."""

import heapq
import ipaddress
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from auditor.errors import Reason
from auditor.model.host import ConnectionKind, Host
from auditor.model.pacing import Pacing
from auditor.model.record import Record

_JITTER = 0.2
"""How much longer, as a share, the pause between two beginnings may be than the rate asks for."""


class Turn(Record, kw_only=True):
    """One try of one host."""

    host: Host
    """Whose turn it is."""
    attempt: int = 1
    """Which try of this host it is, from 1."""
    after: Reason | None = None
    """What ended the try before; None for the first."""


class Standing(Record, kw_only=True):
    """How a run stands at a moment."""

    under_way: int
    """Hosts being asked."""
    queued: int
    """Hosts that may be asked as soon as the budgets allow."""
    resting: Mapping[Reason, int]
    """Hosts that failed and are tried again later, by what ended their last try."""
    next_try: float | None
    """Seconds until the first of these is due; None where there is none."""


@dataclass(slots=True, kw_only=True)
class _Budget:
    """What may be under way in one place, and how soon after another a host may be begun."""

    most: float
    interval: float
    under_way: int = 0
    opens: float = -math.inf

    def is_open(self, now: float) -> bool:
        """Tell whether one more host may be begun."""
        return self.under_way < self.most and self.opens <= now

    def take(self, now: float, stretch: float) -> None:
        """Count one host as begun."""
        self.under_way += 1
        self.opens = now + self.interval * stretch


@dataclass(slots=True, kw_only=True)
class _Subnet(_Budget):
    """A subnet and its hosts that wait."""

    waiting: deque[Turn] = field(default_factory=deque)


@dataclass(slots=True, kw_only=True)
class _Site(_Budget):
    """A site and its subnets: all of them, and those with hosts that wait, the one served longest ago first."""

    subnets: dict[str, _Subnet] = field(default_factory=dict)
    waiting: OrderedDict[str, _Subnet] = field(default_factory=OrderedDict)


class Pacer:
    """Says which host may begin now. Belongs to one thread; whatever it says depends on what it is told alone.

    A host begins where fewest hosts are under way: in the site, and there in the subnet, that has fewest of
    those that may begin one; among equals, in the one that was served longest ago. So neither a slow site
    nor a dead subnet holds the others up, and no budget is left unused while a host may use it.
    """

    def __init__(self, hosts: Iterable[Host], pacing: Pacing, chance: Callable[[], float]) -> None:
        """Line up hosts. ``chance`` returns a number from 0 to 1, which spreads beginnings over time."""
        self._pacing = pacing
        self._chance = chance
        self._run = _Budget(most=pacing.workers, interval=_interval(pacing.rate))
        self._sites: dict[str | None, _Site] = {}
        self._waiting: OrderedDict[str | None, _Site] = OrderedDict()
        self._resting: list[tuple[float, int, Turn]] = []
        self._resting_for: Counter[Reason] = Counter()
        self._queued = 0
        self._number = 0
        for host in hosts:
            self._line_up(Turn(host=host))

    @property
    def left(self) -> int:
        """Return how many hosts are not through."""
        return self._queued + len(self._resting) + self._run.under_way

    def standing(self, now: float) -> Standing:
        """Say how the run stands."""
        return Standing(
            under_way=self._run.under_way,
            queued=self._queued,
            resting=dict(self._resting_for),
            next_try=max(0.0, self._resting[0][0] - now) if self._resting else None,
        )

    def start(self, now: float) -> Turn | None:
        """Return the host that begins now; None when none may. ``ended`` gives its budgets back."""
        while self._resting and self._resting[0][0] <= now:
            self._wake_up(heapq.heappop(self._resting)[2])
        if not self._run.is_open(now):
            return None
        found = self._fairest(now)
        if found is None:
            return None
        site_name, subnet_name = found
        site = self._sites[site_name]
        subnet = site.subnets[subnet_name]
        turn = subnet.waiting.popleft()
        self._queued -= 1
        for budget in (self._run, site, subnet):
            budget.take(now, 1 + _JITTER * self._chance())
        # Who was served goes to the end of its line, or out of it when nobody waits there any more.
        del site.waiting[subnet_name]
        del self._waiting[site_name]
        if subnet.waiting:
            site.waiting[subnet_name] = subnet
        if site.waiting:
            self._waiting[site_name] = site
        return turn

    def wait(self, now: float) -> float | None:
        """Return the seconds until time alone may let a host begin; None when that takes the end of another.

        To be asked after ``start`` returned None.
        """
        moments = [self._resting[0][0]] if self._resting else []
        if self._queued and self._run.under_way < self._run.most:
            if self._run.opens > now:
                moments.append(self._run.opens)
            elif self._pacing.site_rate is not None or self._pacing.subnet_rate is not None:
                moments += [
                    max(site.opens, subnet.opens)
                    for site in self._waiting.values()
                    if site.under_way < site.most
                    for subnet in site.waiting.values()
                    if subnet.under_way < subnet.most
                ]
        return max(0.0, min(moments) - now) if moments else None

    def ended(self, turn: Turn) -> None:
        """Take note that a host is no longer under way."""
        site = self._sites[turn.host.site]
        for budget in (self._run, site, site.subnets[subnet_of(turn.host)]):
            budget.under_way -= 1

    def again(self, turn: Turn, reason: Reason, at: float) -> None:
        """Line a host up once more, not before a moment."""
        self._number += 1
        once_more = Turn(host=turn.host, attempt=turn.attempt + 1, after=reason)
        heapq.heappush(self._resting, (at, self._number, once_more))
        self._resting_for[reason] += 1

    def give_up(self) -> None:
        """Begin no further host."""
        self._resting.clear()
        self._resting_for.clear()
        for site in self._waiting.values():
            for subnet in site.waiting.values():
                subnet.waiting.clear()
            site.waiting.clear()
        self._waiting.clear()
        self._queued = 0

    def _wake_up(self, turn: Turn) -> None:
        if turn.after is not None:
            self._resting_for[turn.after] -= 1
            if not self._resting_for[turn.after]:
                del self._resting_for[turn.after]
        self._line_up(turn)

    def _line_up(self, turn: Turn) -> None:
        name, pacing = turn.host.site, self._pacing
        site = self._sites.get(name)
        if site is None:
            site = _Site(most=pacing.per_site or math.inf, interval=_interval(pacing.site_rate))
            self._sites[name] = site
        subnet_name = subnet_of(turn.host)
        subnet = site.subnets.get(subnet_name)
        if subnet is None:
            subnet = _Subnet(most=pacing.per_subnet or math.inf, interval=_interval(pacing.subnet_rate))
            site.subnets[subnet_name] = subnet
        subnet.waiting.append(turn)
        site.waiting.setdefault(subnet_name, subnet)
        self._waiting.setdefault(name, site)
        self._queued += 1

    def _fairest(self, now: float) -> tuple[str | None, str] | None:
        """Return site and subnet that a host may begin in, fewest under way first.

        Places are looked at in the order in which they were served: the first with none under way, which no
        other can beat, comes early even where there are thousands.
        """
        best: tuple[str | None, str] | None = None
        fewest = math.inf
        for name, site in self._waiting.items():
            if site.under_way < fewest and site.is_open(now):
                subnet = _least_busy(site, now)
                if subnet is not None:
                    best, fewest = (name, subnet), site.under_way
                    if fewest == 0:
                        break
        return best


def subnet_of(host: Host) -> str:
    """Name the subnet whose budget a host draws on.

    Behind a jump host that is the jump host, which all connections go to. Else it is the /24 or /64 of a
    numeric address. A name is not looked up for this: it counts to its parent domain.
    """
    if host.connection not in (ConnectionKind.SSH, ConnectionKind.WINRM):
        return ""
    if host.ssh.jumps:
        return f"through {host.ssh.jumps[0].name}"
    try:
        address = ipaddress.ip_address(host.address)
    except ValueError:
        return host.address.rstrip(".").partition(".")[2].lower()
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return f"{ipaddress.IPv6Network((int(address), 64), strict=False)}%{address.scope_id or ''}"
        address = address.ipv4_mapped
    return str(ipaddress.IPv4Network((int(address), 24), strict=False))


def _least_busy(site: _Site, now: float) -> str | None:
    best: str | None = None
    fewest = math.inf
    for name, subnet in site.waiting.items():
        if subnet.under_way < fewest and subnet.is_open(now):
            best, fewest = name, subnet.under_way
            if fewest == 0:
                break
    return best


def _interval(rate: float | None) -> float:
    return 0.0 if rate is None else 1 / rate
