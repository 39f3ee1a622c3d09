"""The register of exceptions: where each stands, what ends, what nobody needs, what is accepted twice."""

from datetime import date

import pytest

from auditor.model.host import HostFacts
from auditor.model.policy import ExceptionRecord
from auditor.model.record import replace
from auditor.model.standing import Standing, WeighedException
from auditor.policy.exception_register import ExceptionRegister, ExceptionState, HostUse, RegisterEntry

_DAY = date(2028, 2, 29)
_PLAIN = ExceptionRecord(
    id="e",
    control="unapproved_product",
    hosts=("pc-*",),
    subject="product:anydesk",
    reason="r",
    requested_by="ada",
    approved_by="grace",
    start=date(2028, 1, 1),
    end=date(2028, 12, 31),
)


def an_exception(**changes: object) -> ExceptionRecord:
    return replace(_PLAIN, **changes)


def a_host(name: str, *covered: str, groups: tuple[str, ...] = (), undecided: frozenset[str] = frozenset()) -> HostUse:
    return HostUse(facts=HostFacts(name=name, key=name, groups=groups), covered=covered, undecided=undecided)


def entries(
    *records: ExceptionRecord, hosts: tuple[HostUse, ...] = (), standing: Standing = Standing.VERIFIED
) -> dict[str, RegisterEntry]:
    register = ExceptionRegister([WeighedException(record=one, standing=standing) for one in records], _DAY)
    for host in hosts:
        register.add(host)
    return {entry.weighed.record.id: entry for entry in register.entries()}


@pytest.mark.parametrize(
    ("start", "end", "standing", "state", "left"),
    [
        pytest.param(_DAY, _DAY, Standing.VERIFIED, ExceptionState.HOLDS, 0, id="its-only-day"),
        pytest.param(_DAY, date(2028, 3, 30), Standing.ASSERTED, ExceptionState.HOLDS, 30, id="asserted"),
        pytest.param(date(2028, 1, 1), date(2028, 2, 28), Standing.VERIFIED, ExceptionState.ENDED, None, id="ended"),
        pytest.param(date(2028, 1, 1), date(2028, 2, 28), Standing.VOID, ExceptionState.ENDED, None, id="ended-void"),
        pytest.param(date(2028, 3, 1), date(2028, 3, 2), Standing.VERIFIED, ExceptionState.NOT_YET, None, id="not-yet"),
        pytest.param(date(2028, 3, 1), date(2028, 3, 2), Standing.VOID, ExceptionState.VOID, None, id="void-later"),
        pytest.param(_DAY, _DAY, Standing.VOID, ExceptionState.VOID, None, id="void"),
    ],
)
def test_where_an_exception_stands(
    start: date, end: date, standing: Standing, state: ExceptionState, left: int | None
) -> None:
    entry = entries(an_exception(start=start, end=end), standing=standing)["e"]
    assert (entry.state, entry.days_left) == (state, left)


@pytest.mark.parametrize(
    ("end", "ending"), [(_DAY, True), (date(2028, 3, 30), True), (date(2028, 3, 31), False), (date(2028, 2, 28), False)]
)
def test_what_ends_within_thirty_days_is_listed(end: date, ending: bool) -> None:
    assert entries(an_exception(end=end))["e"].is_ending is ending


@pytest.mark.parametrize(
    ("hosts", "stale", "counts"),
    [
        pytest.param((), "matches no host in scope", (0, 0), id="an-empty-scope"),
        pytest.param((a_host("srv-1"),), "matches no host in scope", (0, 0), id="other-hosts"),
        pytest.param((a_host("pc-1"), a_host("pc-2")), "covers no violation in this run", (2, 0), id="not-needed"),
        pytest.param((a_host("pc-1", "e", "e"), a_host("pc-2")), None, (2, 2), id="needed-on-one-host"),
        pytest.param((a_host("pc-1", undecided=frozenset({"unapproved_product"})),), None, (1, 0), id="cannot-be-told"),
        pytest.param(
            (a_host("pc-1", undecided=frozenset({"exposed_listener"})),),
            "covers no violation in this run",
            (1, 0),
            id="another-control-cannot-be-told",
        ),
        pytest.param((a_host("pc-1", "another"),), "covers no violation in this run", (1, 0), id="another-covers"),
    ],
)
def test_what_nobody_needs_is_stale(hosts: tuple[HostUse, ...], stale: str | None, counts: tuple[int, int]) -> None:
    entry = entries(an_exception(), hosts=hosts)["e"]
    assert (entry.stale, (entry.hosts, entry.covers)) == (stale, counts)


@pytest.mark.parametrize("end", [date(2028, 2, 28), date(2028, 12, 31)])
def test_what_does_not_hold_is_not_stale(end: date) -> None:
    assert entries(an_exception(end=end), standing=Standing.VOID)["e"].stale is None


@pytest.mark.parametrize(
    ("changes", "of_e", "of_other"),
    [
        pytest.param({}, ("other",), ("e",), id="the-same"),
        pytest.param({"subject": None}, ("other",), (), id="the-other-is-for-every-subject"),
        pytest.param({"hosts": ("*",)}, ("other",), (), id="the-other-is-for-every-host"),
        pytest.param({"hosts": ("pc-*", "srv-*")}, ("other",), (), id="the-other-is-for-more-hosts"),
        pytest.param({"product": "anydesk"}, (), ("e",), id="the-other-is-for-one-product"),
        pytest.param({"hosts": ("pc-1",)}, (), (), id="patterns-are-not-compared-by-what-they-may-match"),
        pytest.param({"control": "exposed_listener"}, (), (), id="another-control"),
        pytest.param({"subject": "product:teamviewer"}, (), (), id="another-subject"),
        pytest.param({"groups": ("kiosks",), "hosts": ()}, (), (), id="a-group"),
        pytest.param({"start": date(2028, 12, 31), "end": date(2029, 1, 1)}, ("other",), ("e",), id="one-day-of-both"),
        pytest.param({"start": date(2029, 1, 1), "end": date(2029, 1, 1)}, (), (), id="renewed-for-the-day-after"),
        pytest.param({"start": date(2028, 1, 1), "end": date(2028, 1, 2)}, (), (), id="one-that-has-ended"),
    ],
)
def test_what_is_accepted_twice(changes: dict[str, object], of_e: tuple[str], of_other: tuple[str]) -> None:
    found = entries(an_exception(), an_exception(id="other", **changes))
    assert (found["e"].duplicates, found["other"].duplicates) == (of_e, of_other)


def test_the_register_is_sorted_and_nothing_is_left_out() -> None:
    names = ["b", "a", "c"]
    assert list(entries(*(an_exception(id=name) for name in names))) == sorted(names)
