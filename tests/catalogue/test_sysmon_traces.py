"""What Sysmon recorded of programs that are gone is their remains, and suspected at most; of others it is nothing."""

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.collect.processes.sysmon import PLUGIN
from auditor.model.evidence import Outcome, Rights
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading

_HEAD = "read\tprograms\nread\tconnections\n"
_TIME = "2026-11-20T08:00:01Z"


def _seen(*rows: str) -> set[tuple[str, str, str]]:
    """Read an answer with these rows, and return what is seen by it."""
    text = _HEAD + "".join(f"{row}\n" for row in rows) + "asked\n"
    parsed = PLUGIN.parse(text)
    assert (parsed.unread, parsed.partial) == ((), None)
    facts: dict[type, tuple[Found[object], ...]] = {}
    for line, fact in parsed.facts:
        facts[type(fact)] = (*facts.get(type(fact), ()), Found(fact=fact, section=PLUGIN.id, line=line))
    lines = tuple(text.splitlines())
    section = SectionReading(id=PLUGIN.id, outcome=Outcome.COLLECTED, items=len(facts), lines=lines)
    reading = Reading(os=OsFamily.WINDOWS, rights=Rights.ROOT, sections={PLUGIN.id: section}, facts=facts)
    return {(one.product, one.state.value, one.confidence.value) for one in match(reading, load_catalogue())}


def _program(path: str, original: str = "-", company: str = "-", product: str = "-") -> str:
    return f"program\t{_TIME}\t3\tEXAMPLE\\jane\t{original}\t{company}\t{product}\t{path}"


def _peer(name: str, path: str = "C:\\Tools\\x.exe", *, initiated: str = "true") -> str:
    return f"peer\t{_TIME}\t3\tEXAMPLE\\jane\t{initiated}\t203.0.113.20\t{name}\t443\t{path}"


@pytest.mark.parametrize(
    ("row", "product"),
    [
        pytest.param(_program("C:\\Users\\jane\\Downloads\\AnyDesk.exe"), "anydesk", id="by-its-path"),
        pytest.param(_program("C:\\Users\\Public\\a.exe", "tvnserver.exe"), "tightvnc", id="renamed-by-original-name"),
        pytest.param(_program("C:\\Users\\Public\\a.exe", "-", "AnyDesk Software GmbH"), "anydesk", id="by-its-maker"),
        pytest.param(_program("C:\\Users\\Public\\a.exe", product="ToDesk"), "todesk", id="by-its-product-name"),
        pytest.param(
            _program("C:\\Users\\Public\\a.exe", "-", "DucFabulous Co.,ltd", "UltraViewer"),
            "ultraviewer",
            id="by-its-maker-and-product-name",
        ),
        pytest.param(
            _program("C:\\Users\\Public\\a.exe", "ZohoMeeting.exe", "Zoho Corporation", "Zoho Assist"),
            "zoho-assist",
            id="by-the-product-name-of-a-maker-of-many",
        ),
        pytest.param(_peer("relay-3f2a.net.anydesk.com"), "anydesk", id="by-whom-it-connected-to"),
        pytest.param(_peer("-", "C:\\Temp\\AnyDesk.exe"), "anydesk", id="by-what-connected"),
        pytest.param(
            _peer("WIN1", "C:\\Temp\\AnyDesk.exe", initiated="false"), "anydesk", id="by-what-was-connected-to"
        ),
    ],
)
def test_what_is_gone_left_remains_and_no_more(row: str, product: str) -> None:
    assert _seen(row) == {(product, "residual", "suspected")}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            _program("C:\\Program Files\\7-Zip\\7zFM.exe", "7zFM.exe", "Igor Pavlov", "7-Zip"), id="another-program"
        ),
        pytest.param(
            _program("C:\\Program Files\\Zoho\\WorkDrive\\truesync.exe", "-", "Zoho Corporation"),
            id="another-program-of-a-maker-of-many",
        ),
        pytest.param(_peer("www.example.org"), id="another-destination"),
        pytest.param(_peer("relay.net.anydesk.com", initiated="false"), id="the-host-itself-is-the-destination"),
        pytest.param(_peer("-"), id="an-address-without-a-name"),
    ],
)
def test_what_is_nothing_of_remote_access_is_not_seen(row: str) -> None:
    assert _seen(row) == set()


def test_many_records_of_one_product_do_not_confirm_it() -> None:
    path = "C:\\Users\\jane\\Downloads\\AnyDesk.exe"
    rows = (_program(path, "AnyDesk.exe", "AnyDesk Software GmbH"), _peer("relay-3f2a.net.anydesk.com", path))
    assert _seen(*rows) == {("anydesk", "residual", "suspected")}
