"""What our queries in KQL and SPL match: every product by its own names, nothing else, whatever a name holds."""

import re
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.hunt.hunts import Event
from auditor.hunt.language import Query, queries
from auditor.hunt.languages import LANGUAGES
from auditor.hunt.subjects import Subject, named, not_approved
from auditor.model.host import OsFamily
from auditor.model.policy import Approval, Policy, Settings
from auditor.model.record import replace
from auditor.model.sighting import Role
from tests.hunt.evaluate import Kql, Spl, kql_condition, spl_condition
from tests.hunt.events import CLEAN, SEEDS, Happened, of_catalogue

CATALOGUE = load_catalogue()
POLICY = Policy(name="p", sha256="0")
Matcher = Callable[[Happened], set[str]]


def all_queries(language: str) -> Iterator[Query]:
    for subject in named(CATALOGUE.products, POLICY):
        yield from queries(subject, LANGUAGES[language])


@pytest.fixture(scope="module")
def kql() -> Matcher:
    """Hand out which hunts match an event of Defender's."""
    made = [
        (query.hunt, *kql_condition(query.text)) for query in all_queries("kql") if query.hunt.event is not Event.SIGNED
    ]

    def matched(event: Happened) -> set[str]:
        table, columns = event.defender()
        return {hunt.id for hunt, of, holds in made if of == table and holds(columns)}

    return matched


@pytest.fixture(scope="module")
def spl() -> Matcher:
    """Hand out which hunts match an event of Sysmon's."""
    made = [(query.hunt, spl_condition(query.text)) for query in all_queries("spl")]

    def matched(event: Happened) -> set[str]:
        return {hunt.id for hunt, holds in made if holds(event.sysmon())}

    return matched


def _is_of(product: str, matched: set[str]) -> bool:
    return any(re.fullmatch(rf"{product}-(process|connection|domain|port)(-\w+)+", one) for one in matched)


@pytest.mark.slow
def test_every_product_is_found_by_its_own_names(kql: Matcher, spl: Matcher) -> None:
    events = list(of_catalogue(CATALOGUE))
    assert len(events) > 1000
    assert [one for one in events if not _is_of(one.product, kql(one))] == []
    seen = [one for one in events if one.system is not OsFamily.MACOS]
    assert [one for one in seen if not _is_of(one.product, spl(one))] == []


@pytest.mark.parametrize("event", SEEDS, ids=lambda one: f"{one.product}-{one.kind}")
def test_what_known_analytics_look_for_is_found(kql: Matcher, spl: Matcher, event: Happened) -> None:
    assert _is_of(event.product, kql(event))
    # Sysmon's connections name no company: there the program's name, the far end or its port have to tell.
    assert _is_of(event.product, spl(event)) is (event.kind != "connection" or event.port != 443)


@pytest.mark.parametrize("event", CLEAN, ids=lambda one: one.image)
def test_nothing_else_is_found(kql: Matcher, spl: Matcher, event: Happened) -> None:
    assert (kql(event), spl(event)) == (set(), set())


def test_what_is_quoted_stays_text() -> None:
    """Names with every sign that a language gives a meaning."""
    nasty = "a'b\"c\\d|e)f(g`h?.exe"
    made = CATALOGUE.product("teamviewer")
    assert made is not None
    changed = replace(made, name=nasty, indicators=tuple(replace(one, value=nasty) for one in made.indicators))
    (subject,) = named([changed], POLICY)
    event = Happened(product="teamviewer", system=OsFamily.WINDOWS, kind="process", image=f"C:\\x\\{nasty}")
    (of_kql,) = [one for one in queries(subject, LANGUAGES["kql"]) if one.hunt.event is Event.PROCESS]
    table, columns = event.defender()
    columns["FileName"] = nasty
    assert kql_condition(of_kql.text)[0] == table
    assert kql_condition(of_kql.text)[1](columns)
    texts = {one.hunt.id: one.text for one in queries(subject, LANGUAGES["spl"])}
    assert spl_condition(texts["teamviewer-process-windows"])(event.sysmon())
    assert texts["teamviewer-process-windows"].count("```") == 2


def test_the_readers_can_say_no() -> None:
    assert not Kql("A =~ @'x' and not(B startswith @'y')").holds({"A": "X", "B": "Yes"})
    assert Kql("A has @'x.example'").holds({"A": "https://a.x.example/p"})
    assert not Kql("A has @'x.example'").holds({"A": "ax.example"})
    assert not Spl('A="*\\\\x.exe" OR A=y NOT B="z*"').holds({"A": "c\\x.exe", "B": "zz"})
    assert Spl('A="*\\\\x.exe" OR A=y NOT B="z*"').holds({"A": "Y", "B": "a"})
    with pytest.raises((AssertionError, KeyError)):
        Kql("A like @'x'")


def test_what_is_approved_for_every_host_is_not_hunted() -> None:
    def approval(product: str, *hosts: str, groups: tuple[str, ...] = ()) -> Approval:
        day = date(2027, 1, 1)
        return Approval(
            id=f"{product}-ok", product=product, hosts=hosts, groups=groups, reason="r", owner="o", review_by=day
        )

    given = (
        approval("teamviewer"),
        approval("anydesk", "*"),
        approval("rustdesk", "pc-*"),
        approval("atera", groups=("x",)),
    )
    subjects = {one.product.id: one for one in not_approved(CATALOGUE, replace(POLICY, approvals=given))}
    assert {"teamviewer", "anydesk"} & subjects.keys() == set()
    assert {"rustdesk", "atera"} <= subjects.keys()
    (first, *_) = queries(subjects["rustdesk"], LANGUAGES["sigma"])
    assert "Approved there: rustdesk-ok (pc-*)." in " ".join(first.text.split())
    (first, *_) = queries(subjects["atera"], LANGUAGES["kql"])
    assert "// Approved there: atera-ok (x)." in first.text


def test_viewers_are_hunted_where_they_are_violations() -> None:
    strict = replace(POLICY, settings=Settings(clients_are_violations=True))
    viewer = replace(CATALOGUE.products[0], role=Role.CLIENT)
    catalogue = replace(CATALOGUE, products=(viewer, *CATALOGUE.products[1:]))
    assert viewer.id not in {one.product.id for one in not_approved(catalogue, POLICY)}
    assert viewer.id in {one.product.id for one in not_approved(catalogue, strict)}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_queries_have_names_of_their_own_and_the_same_bytes(language: str) -> None:
    one, other = (list(all_queries(language)) for _ in range(2))
    assert [query.text for query in one] == [query.text for query in other]
    assert len({query.hunt.id for query in one}) == len(one)
    assert all(re.fullmatch(r"[a-z0-9-]+", query.hunt.id) for query in one)
    assert all(query.text.endswith("\n") for query in one)


def test_a_hunt_for_screenmeet_asks_what_the_known_one_asks() -> None:
    (subject,) = (Subject(product=one) for one in CATALOGUE.products if one.id == "screenmeet")
    (text,) = [one.text for one in queries(subject, LANGUAGES["kql"]) if one.hunt.event is Event.CONNECTION]
    for part in (
        "DeviceNetworkEvents",
        "RemoteUrl has @'screenmeet.com'",
        "InitiatingProcessVersionInfoCompanyName startswith @'Projector Inc'",
        "InitiatingProcessVersionInfoProductName startswith @'ScreenMeet'",
        "FirstSeen=min(Timestamp), LastSeen=max(Timestamp)",
        "Count=count()",
    ):
        assert part in text
