"""Budgets are never exceeded, everybody gets their turn, and nothing waits that may begin."""

import heapq
import itertools
import math
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import Reason
from auditor.model.host import ConnectionKind, Host, SshSettings
from auditor.model.pacing import Pacing
from auditor.run.pacing import Pacer, Turn, subnet_of

Place = tuple[str, str | None, str]


def host(number: int, site: int = 0, subnet: int = 0) -> Host:
    return Host(name=f"h{number}", address=f"10.{site}.{subnet}.{number % 250}", site=f"s{site}")


def places(one: Host) -> list[Place]:
    return [("run", None, ""), ("site", one.site, ""), ("subnet", one.site, subnet_of(one))]


@dataclass
class Simulation:
    """A run on a clock of its own, and a plain account of what it does, to hold it against."""

    hosts: list[Host]
    pacing: Pacing
    takes: dict[str, float]
    fails: dict[str, int] = field(default_factory=dict)
    chance: float = 0.0
    is_held: bool = True
    now: float = 0.0
    begun: list[tuple[float, Turn]] = field(default_factory=list)
    through: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        dice = random.Random(0)  # noqa: S311 — dice
        self.pacer = Pacer(self.hosts, self.pacing, lambda: self.chance * dice.random())
        self.under_way: Counter[Place] = Counter()
        self.last: dict[Place, float] = {}
        self.queued = {one.name: one for one in self.hosts}
        self.number = itertools.count()

    def most(self, place: Place) -> float:
        limits = {"run": self.pacing.workers, "site": self.pacing.per_site, "subnet": self.pacing.per_subnet}
        return limits[place[0]] or math.inf

    def pause(self, place: Place) -> float:
        rates = {"run": self.pacing.rate, "site": self.pacing.site_rate, "subnet": self.pacing.subnet_rate}
        return 1 / (rates[place[0]] or math.inf)

    def may_begin(self, one: Host, tolerance: float = -1e-9) -> bool:
        return all(
            self.under_way[place] < self.most(place)
            and self.last.get(place, -math.inf) + self.pause(place) <= self.now + tolerance
            for place in places(one)
        )

    def begin(self, turn: Turn) -> None:
        one = self.queued.pop(turn.host.name)
        assert self.may_begin(one, tolerance=1e-9)
        self.fair(one)
        for place in places(one):
            self.under_way[place] += 1
            self.last[place] = self.now
        self.begun.append((self.now, turn))

    def fair(self, one: Host) -> None:
        """Hold that no site, and in its site no subnet, that could begin a host has fewer under way."""
        if not self.is_held or self.chance:  # what chance adds to a pause, this account does not know
            return
        _, site, subnet = places(one)
        for other in self.queued.values():
            if self.may_begin(other):
                _, its_site, its_subnet = places(other)
                assert self.under_way[site] <= self.under_way[its_site]
                assert its_site != site or self.under_way[subnet] <= self.under_way[its_subnet]

    def run(self) -> "Simulation":
        ends: list[tuple[float, int, Turn]] = []
        resting: list[tuple[float, int, Host]] = []
        steps = 0
        while self.pacer.left:
            steps += 1
            assert steps < 20 * (len(self.hosts) + 1) * (1 + max(self.fails.values(), default=0))
            while resting and resting[0][0] <= self.now:
                one = heapq.heappop(resting)[2]
                self.queued[one.name] = one
            while (turn := self.pacer.start(self.now)) is not None:
                self.begin(turn)
                heapq.heappush(ends, (self.now + self.takes[turn.host.name], len(self.begun), turn))
            if self.is_held and not self.chance:
                assert not any(self.may_begin(one) for one in self.queued.values()), "a host waits that may begin"
            wait = self.pacer.wait(self.now)
            assert wait is not None or ends, "nobody is under way and nothing is waited for"
            moment = math.inf if wait is None else self.now + wait
            if ends and ends[0][0] <= moment:
                self.now, _, turn = heapq.heappop(ends)
                self.end(turn, resting)
            else:
                self.now = max(moment, math.nextafter(self.now, math.inf))
        return self

    def end(self, turn: Turn, resting: list[tuple[float, int, Host]]) -> None:
        for place in places(turn.host):
            self.under_way[place] -= 1
        self.pacer.ended(turn)
        if turn.attempt <= self.fails.get(turn.host.name, 0):
            at = self.now + turn.attempt
            self.pacer.again(turn, Reason.REFUSED, at)
            heapq.heappush(resting, (at, next(self.number), turn.host))
        else:
            self.through.append(turn.host.name)


PACINGS = st.builds(
    Pacing,
    workers=st.integers(1, 8),
    per_site=st.none() | st.integers(1, 5),
    per_subnet=st.none() | st.integers(1, 3),
    rate=st.none() | st.floats(0.5, 50),
    site_rate=st.none() | st.floats(0.5, 50),
    subnet_rate=st.none() | st.floats(0.5, 50),
)
SEATS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 20), st.integers(0, 2)), max_size=30)
Seats = list[tuple[int, int, float, int]]


def simulation(seats: Seats, pacing: Pacing, chance: float) -> Simulation:
    hosts = [host(number, site, subnet) for number, (site, subnet, _, _) in enumerate(seats)]
    return Simulation(
        hosts,
        pacing,
        {f"h{number}": takes for number, (_, _, takes, _) in enumerate(seats)},
        {f"h{number}": fails for number, (_, _, _, fails) in enumerate(seats)},
        chance,
    ).run()


@given(seats=SEATS, pacing=PACINGS, chance=st.sampled_from([0.0, 1.0]))
def test_law_budgets_hold_turns_are_fair_and_every_host_comes_through_once(
    seats: Seats, pacing: Pacing, chance: float
) -> None:
    done = simulation(seats, pacing, chance)
    assert sorted(done.through) == sorted(one.name for one in done.hosts)
    tries = Counter(turn.host.name for _, turn in done.begun)
    assert tries == {f"h{number}": fails + 1 for number, (_, _, _, fails) in enumerate(seats)}


@given(seats=SEATS, pacing=PACINGS)
def test_law_each_try_knows_its_number_and_what_ended_the_one_before(seats: Seats, pacing: Pacing) -> None:
    seen: Counter[str] = Counter()
    for _, turn in simulation(seats, pacing, 0.0).begun:
        seen[turn.host.name] += 1
        assert turn.attempt == seen[turn.host.name]
        assert turn.after == (None if turn.attempt == 1 else Reason.REFUSED)


@given(takes=st.lists(st.floats(0, 20), min_size=1, max_size=60), workers=st.integers(1, 8))
def test_law_a_run_takes_what_its_hosts_take_shared_among_the_workers(takes: list[float], workers: int) -> None:
    """Hold the bound of list scheduling (R. L. Graham, 1966): all the work by the workers, and the longest once."""
    seats = [(0, 0, seconds, 0) for seconds in takes]
    done = simulation(seats, Pacing(workers=workers), 0.0)
    assert done.now <= sum(takes) / workers + max(takes) * (1 - 1 / workers) + 1e-6


def test_two_thousand_hosts_of_which_400_are_dead_take_what_the_policy_says() -> None:
    pacing = Pacing(workers=32, retries=1, connect_timeout=10.0)
    black, refused = set(range(0, 1000, 5)), set(range(1000, 2000, 5))
    takes = {f"h{n}": 10.0 if n in black else 0.0 if n in refused else 0.4 for n in range(2000)}
    fails = {f"h{n}": 1 for n in black | refused}
    done = Simulation([host(n, subnet=n // 250) for n in range(2000)], pacing, takes, fails, is_held=False).run()
    work = 200 * 2 * 10.0 + 1600 * 0.4
    assert work / 32 <= done.now <= work / 32 + 2 * 10.0 + 2 * 1.0


def test_a_site_whose_hosts_never_end_does_not_hold_the_other_up() -> None:
    pacer = Pacer([host(n, site=n % 2) for n in range(200)], Pacing(workers=8), lambda: 0.0)
    begun: Counter[str | None] = Counter()
    while begun["s1"] < 100 and (turn := pacer.start(0.0)) is not None:
        begun[turn.host.site] += 1
        if turn.host.site == "s1":
            pacer.ended(turn)
    assert begun == {"s0": 1, "s1": 100}


@pytest.mark.parametrize(
    ("one", "name"),
    [
        pytest.param({"address": "10.1.2.3"}, "10.1.2.0/24", id="24"),
        pytest.param({"address": "2001:db8:1:2:3::4"}, "2001:db8:1:2::/64%", id="64"),
        pytest.param({"address": "::1"}, "::/64%", id="loopback"),
        pytest.param({"address": "fe80::1%eth0"}, "fe80::/64%eth0", id="link-local"),
        pytest.param({"address": "::ffff:10.1.2.3"}, "10.1.2.0/24", id="mapped"),
        pytest.param({"address": "Web1.Example.com."}, "example.com", id="name"),
        pytest.param({"address": "web1"}, "", id="bare-name"),
        pytest.param({"address": "10.1.2.3", "connection": ConnectionKind.LOCAL}, "", id="this-machine"),
        pytest.param(
            {"address": "10.1.2.3", "ssh": SshSettings(jumps=(Host(name="bastion", address="10.9.9.9"),))},
            "through bastion",
            id="behind-a-jump-host",
        ),
    ],
)
def test_the_subnet_of_a_host(one: dict[str, object], name: str) -> None:
    assert subnet_of(Host(name="x", **one)) == name  # type: ignore[arg-type]


def test_ten_thousand_subnets_are_served_in_turn() -> None:
    hosts = [Host(name=f"h{n}", address=f"10.{n // 250}.{n % 250}.{half}") for half in (1, 2) for n in range(10_000)]
    pacer = Pacer(hosts, Pacing(workers=32), lambda: 0.0)
    order: list[Turn] = []
    while pacer.left:
        turn = pacer.start(0.0)
        if turn is None:
            pacer.ended(order[-pacer.standing(0.0).under_way])
        else:
            order.append(turn)
    assert [one.host for one in order] == hosts
