"""The host table in a real browser: it narrows, keeps what is wanted in its address, and goes back."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.report.html import FORMAT
from auditor.report.run_rows import RunRows

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="needs playwright"),
]


@pytest.fixture(scope="module")
def folder(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("table")
    FORMAT.write(sample, place)
    return place / "html"


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    context = browser.new_context(offline=True)
    made = context.new_page()
    trouble: list[str] = []
    made.on("console", lambda message: trouble.append(message.text))
    made.on("pageerror", lambda error: trouble.append(str(error)))
    made.on("dialog", lambda dialog: trouble.append(dialog.message))
    made.on("request", lambda one: trouble.extend([] if one.url.startswith(("file:", "data:")) else [one.url]))
    yield made
    assert trouble == []
    context.close()


def opened(page: "Page", folder: Path, place: str = "") -> "Page":
    page.goto("about:blank")
    page.goto((folder / "index.html").as_uri() + place)
    return page


def hosts(page: "Page") -> list[str]:
    return page.locator("#fleet tbody tr th").all_inner_texts()


ALL = 10


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param("outcome=unreachable", ["branch-07.example.net", "branch-08.example.net"], id="outcome"),
        pytest.param("control=exposed_listener&verdict=not_applicable", ["kiosk-03.example.net"], id="control-verdict"),
        pytest.param("verdict=excepted", ["kiosk-03.example.net"], id="verdict-of-any-control"),
        pytest.param("product=xrdp", ["app-01.example.net"], id="product"),
        pytest.param("product=anydesk&seen=suspected", ["=cmd|' /C calc'!A0"], id="product-as-suspected"),
        pytest.param("product=anydesk&seen=running", [], id="product-as-it-is-not"),
        pytest.param("seen=approved", ["app-01.example.net"], id="any-product-that-is-approved"),
        pytest.param("site=leipzig&group=none", [], id="site-and-a-group-that-there-is-not"),
        pytest.param("site=leipzig&outcome=unreachable", ["branch-07.example.net"], id="site-and-outcome"),
        pytest.param("owner=Retail", ["kiosk-03.example.net"], id="owner"),
        pytest.param(
            "owner=%E2%9F%A8U%2B202E%E2%9F%A9evil", ["<script>alert(1)</script>"], id="an-owner-who-hides-characters"
        ),
        pytest.param("owner=", ["branch-08.example.net"], id="owner-nobody"),
        pytest.param("owner=Somebody+else", [], id="an-owner-that-there-is-not"),
        pytest.param("control=no_such_control&verdict=fail", [], id="a-control-that-there-is-not"),
        pytest.param("verdict=no_such_verdict", [], id="a-verdict-that-there-is-not"),
        pytest.param("control=unapproved_product&subject=product%3Atigervnc", ["kiosk-03.example.net"], id="violation"),
        pytest.param("q=munich+kiosk", ["kiosk-03.example.net"], id="words"),
        pytest.param("q=%3Cimg+src%3Dx", [], id="a-word-that-means-harm"),
    ],
)  # fmt: skip
def test_an_address_shows_what_it_wants(page: "Page", folder: Path, place: str, expected: list[str]) -> None:
    opened(page, folder, f"#hosts?{place}")
    assert hosts(page) == expected
    assert page.get_by_role("status").inner_text() == f"{len(expected)} of {ALL} hosts"


def test_every_number_that_leads_to_hosts_leads_to_as_many(page: "Page", folder: Path) -> None:
    opened(page, folder)
    told = page.evaluate(
        """() => [...document.querySelectorAll(":is(td.n, .figures dd) a[href^='#hosts?']")].map((link) => {
          link.click();
          return [link.hash, Number(link.textContent), document.querySelectorAll("#fleet tbody tr").length];
        })"""
    )
    assert len(told) > 20
    assert [one for one in told if one[1] != one[2]] == []


def test_the_numbers_of_a_control_and_of_an_owner_lead_to_their_hosts(page: "Page", folder: Path) -> None:
    for name in ("controls/unapproved_product.html", "owners/0004-data-team.html", "owners/0001-hyperlink-1.html"):
        page.goto((folder / name).as_uri())
        links = page.locator(".figures dd a").evaluate_all("all => all.map(one => [one.href, one.textContent])")
        assert links, name
        for href, count in links:
            page.goto("about:blank")
            page.goto(href)
            assert (href, len(hosts(page))) == (href, int(count))


def test_what_is_chosen_stands_in_the_address_and_back_goes_back(page: "Page", folder: Path) -> None:
    opened(page, folder)
    page.get_by_label("Site").select_option(label="munich (2)")
    assert page.evaluate("location.hash") == "#hosts?site=munich"
    page.get_by_label("Verdict", exact=True).select_option("Fail")
    assert hosts(page) == ["<script>alert(1)</script>"]
    page.locator("#fleet thead button", has_text="Fail").click()
    address = page.evaluate("location.href")
    assert address.endswith("#hosts?verdict=fail&site=munich&sort=fail")

    page.go_back()
    page.go_back()
    assert len(hosts(page)) == 2
    assert page.get_by_label("Verdict", exact=True).input_value() == "0"
    page.go_back()
    assert len(hosts(page)) == ALL
    page.go_forward()
    assert len(hosts(page)) == 2

    page.goto("about:blank")
    page.goto(address)
    assert hosts(page) == ["<script>alert(1)</script>"]
    assert page.get_by_role("button", name="Owner").count() == 1


def test_what_is_wanted_can_be_taken_away_one_by_one_or_at_once(page: "Page", folder: Path) -> None:
    opened(page, folder, "#hosts?control=unapproved_product&subject=product%3Atigervnc&owner=Retail&q=kiosk")
    chips = page.locator("#wanted button")
    assert chips.all_inner_texts() == [
        "Control: Only approved remote-access software is on the host",
        "Violation: product:tigervnc",
        "Owner: Retail",
        "Show all hosts",
    ]
    chips.nth(0).click()
    # A violation is one of a control.
    assert page.evaluate("location.hash") == "#hosts?q=kiosk&owner=Retail"
    assert page.evaluate("document.activeElement.id") == "find"
    page.get_by_role("button", name="Show all hosts").click()
    assert len(hosts(page)) == ALL
    assert page.get_by_role("searchbox").input_value() == ""


def test_a_link_of_the_page_shows_its_hosts_and_moves_the_reader_there(page: "Page", folder: Path) -> None:
    opened(page, folder)
    page.locator(".figures a", has_text="2").first.click()
    assert page.evaluate("document.activeElement.id") == "hosts"
    assert len(hosts(page)) == 2
    page.get_by_role("link", name="Violations", exact=True).click()
    assert page.evaluate("location.hash") == "#violations"
    assert len(hosts(page)) == 2, "what was chosen stays while one reads elsewhere"
    page.go_back()
    assert len(hosts(page)) == 2
    page.go_back()
    assert len(hosts(page)) == ALL


def test_typing_makes_no_entry_for_every_key(page: "Page", folder: Path) -> None:
    opened(page, folder)
    before = page.evaluate("history.length")
    page.get_by_role("searchbox").press_sequentially("kiosk-03")
    assert page.evaluate("location.hash") == "#hosts?q=kiosk-03"
    assert page.evaluate("history.length") == before


def test_the_trend_and_the_charts_say_in_words_what_they_show(page: "Page", folder: Path) -> None:
    opened(page, folder)
    charts = page.get_by_role("img")
    assert charts.count() == 3
    assert "Noncompliant hosts: 5 of 9 in the first of 3 runs, 2 of 10 in this one." in (
        charts.nth(0).get_attribute("aria-label") or ""
    )
    rows = page.locator("table.runs tbody tr").all_inner_texts()
    assert len(rows) == 3
    assert "not counted" in rows[2]
    assert "<script>alert(1)</script>" in rows[2]
