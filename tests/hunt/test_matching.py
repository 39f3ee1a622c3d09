"""Events at hand are matched as the exported queries match them: no event more, none less."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.hunt.hunts import Event
from auditor.hunt.language import Query, queries
from auditor.hunt.languages import LANGUAGES
from auditor.hunt.matching import Match, Matcher
from auditor.hunt.subjects import named
from auditor.ingest.events.defender import defender_event
from auditor.ingest.events.windows import windows_event
from auditor.model.host import OsFamily
from auditor.model.outside import Certainty, Sign
from auditor.model.policy import Policy
from tests.hunt.evaluate import kql_condition, spl_condition
from tests.hunt.events import CLEAN, SEEDS, Happened, of_catalogue

CATALOGUE = load_catalogue()
Matched = set[tuple[str, Event]]


def _queries(language: str) -> Iterator[Query]:
    for subject in named(CATALOGUE.products, Policy(name="p", sha256="0")):
        yield from queries(subject, LANGUAGES[language])


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(CATALOGUE)


@pytest.fixture(scope="module")
def kql() -> Callable[[Happened], Matched]:
    made = [(one.hunt, *kql_condition(one.text)) for one in _queries("kql") if one.hunt.event is not Event.SIGNED]

    def matched(event: Happened) -> Matched:
        table, columns = event.defender()
        return {(hunt.product.id, hunt.event) for hunt, of, holds in made if of == table and holds(columns)}

    return matched


@pytest.fixture(scope="module")
def spl() -> Callable[[Happened], Matched]:
    made = [(one.hunt, spl_condition(one.text)) for one in _queries("spl")]

    def matched(event: Happened) -> Matched:
        return {(hunt.product.id, hunt.event) for hunt, holds in made if holds(event.sysmon())}

    return matched


def _by_defender(matcher: Matcher, event: Happened) -> Matched:
    _, columns = event.defender()
    row = columns | {"DeviceName": "pc", "Timestamp": "2026-11-20T08:15:30Z"}
    found = defender_event(row)
    assert found is not None
    return _pairs(matcher.matches(found))


def _by_sysmon(matcher: Matcher, event: Happened) -> Matched:
    found = windows_event(event.sysmon() | {"host": "pc", "_time": "2026-11-20T08:15:30Z"})
    assert found is not None
    return _pairs(matcher.matches(found))


def _pairs(matches: tuple[Match, ...]) -> Matched:
    return {(one.product, hunt) for one in matches for hunt in one.hunts}


@pytest.mark.parametrize("event", [*SEEDS, *CLEAN], ids=lambda one: f"{one.product}-{one.kind}-{one.image[-20:]}")
def test_what_the_queries_match_is_matched(
    matcher: Matcher, kql: Callable[[Happened], Matched], spl: Callable[[Happened], Matched], event: Happened
) -> None:
    # A question for a name is an event of DNS there, in a table that no query of ours looks at.
    if event.kind != "question":
        assert _by_defender(matcher, event) == kql(event)
    if event.system is not OsFamily.MACOS:
        # The far end of a connection is looked at here too; the queries for Sysmon look for it among questions.
        extra = {pair for pair in _by_sysmon(matcher, event) if pair[1] is Event.DOMAIN and event.kind == "connection"}
        assert _by_sysmon(matcher, event) - extra == spl(event)


@pytest.mark.slow
def test_every_product_is_matched_by_its_own_names(
    matcher: Matcher, kql: Callable[[Happened], Matched], spl: Callable[[Happened], Matched]
) -> None:
    """Every ninth: the readers of the queries take a minute for all, which were once compared."""
    events = list(of_catalogue(CATALOGUE))[::9]
    assert len({one.product for one in events}) > 100
    assert [one for one in events if _by_defender(matcher, one) != kql(one)] == []
    seen = [one for one in events if one.system is not OsFamily.MACOS]
    assert [one for one in seen if _by_sysmon(matcher, one) != spl(one)] == []


def _seen(**fields: Any) -> dict[str, Any]:
    return {"EventCode": "1", "source": "sysmon", "host": "pc", "_time": "2026-11-20T08:15:30Z", **fields}


def _one(matcher: Matcher, **fields: Any) -> dict[str, Match]:
    found = windows_event(_seen(**fields))
    assert found is not None
    return {one.product: one for one in matcher.matches(found)}


@pytest.mark.parametrize(
    ("program", "product"),
    [
        ("TeamViewer.exe", "teamviewer"),
        ("AnyDesk.exe", "anydesk"),
        ("Ammyy_Admin.exe", "ammyy-admin"),
        ("connectwisecontrol.client.exe", "screenconnect"),
    ],
)
def test_the_first_analytic_finds_what_it_names(matcher: Matcher, program: str, product: str) -> None:
    r"""`Image="*\TeamViewer.exe" OR …` of T1219.002."""
    found = _one(matcher, Image=f"C:\\Users\\ada\\{program}")
    assert (found[product].signs, found[product].strength) == ((Sign.PROGRAM,), Certainty.CONFIRMED)


@pytest.mark.parametrize(
    ("domain", "port", "product"),
    [
        ("router7.teamviewer.com", 443, "teamviewer"),
        ("relay-1.net.anydesk.com", 443, "anydesk"),
        ("secure.logmein.com", 443, "logmein"),
        ("instance-abc.screenconnect.com", 443, "screenconnect"),
        ("", 5938, "teamviewer"),
        ("", 7070, "anydesk"),
        ("", 7071, "anydesk"),
    ],
)
def test_the_second_analytic_finds_what_it_names(matcher: Matcher, domain: str, port: int, product: str) -> None:
    """`DestinationHostname IN (…) OR DestinationPort IN (…)` of T1219.002."""
    fields = {"DestinationHostname": domain, "DestinationPort": str(port), "Protocol": "tcp"}
    found = _one(matcher, EventCode="3", Image="C:\\x\\renamed.exe", **fields)
    assert list(found) == [product]
    assert found[product].strength is Certainty.SUSPECTED


def test_a_shared_port_alone_finds_nothing(matcher: Matcher) -> None:
    """The analytic's port 443 with any program is every browser: it is left to its further signs."""
    assert _one(matcher, EventCode="3", Image="C:\\x\\firefox.exe", DestinationPort="443", Protocol="tcp") == {}


def test_signs_of_two_kinds_are_proof_and_one_is_a_suspicion(matcher: Matcher) -> None:
    maker = {"Company": "Projector Inc.", "Product": "ScreenMeet Support"}
    assert _one(matcher, Image="C:\\x\\r.exe", **maker)["screenmeet"].strength is Certainty.CONFIRMED
    assert _one(matcher, Image="C:\\x\\r.exe", Company="Projector Inc.") == {}


def test_a_far_end_is_compared_by_its_name_alone(matcher: Matcher) -> None:
    for domain, is_found in (
        ("https://user@www.TeamViewer.com:443/x", True),
        ("teamviewer.com.", True),
        ("notteamviewer.com", False),
        ("teamviewer.com.evil.example", False),
        ("https://evil.example/teamviewer.com", False),
    ):
        found = _one(matcher, EventCode="3", Image="x.exe", DestinationHostname=domain, DestinationPort="443")
        assert ("teamviewer" in found) is is_found, domain


def test_services_are_told_by_name_and_program(matcher: Matcher) -> None:
    found = _one(
        matcher,
        EventCode="7045",
        source="WinEventLog:System",
        ServiceName="AnyDesk",
        ImagePath='"C:\\Program Files (x86)\\AnyDesk\\AnyDesk.exe" --service',
    )
    assert Sign.SERVICE in found["anydesk"].signs
    assert found["anydesk"].strength is Certainty.CONFIRMED


def test_products_that_are_not_asked_for_are_not_told() -> None:
    assert _one(Matcher(CATALOGUE, ["anydesk"]), Image="C:\\x\\TeamViewer.exe") == {}
    assert re.match("anydesk", next(iter(_one(Matcher(CATALOGUE, ["anydesk"]), Image="C:\\x\\AnyDesk.exe"))))
