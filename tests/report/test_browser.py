"""The fleet page in a real browser: it sorts, searches and prints, asks no network and runs nothing of a host."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.report.html import FORMAT
from auditor.report.run_rows import RunRows
from tests.report.chromium import MARKS, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("browser")
    FORMAT.write(sample, place)
    return place / "html"


@pytest.fixture
def fleet(browser: "Browser", folder: Path) -> Iterator[Watched]:
    watched = Watched(browser)
    watched.page.goto((folder / "index.html").as_uri())
    yield watched
    assert watched.trouble == []
    watched.page.context.close()


def test_the_table_sorts_by_a_click_on_a_header(fleet: Watched) -> None:
    header = fleet.page.locator("#fleet thead th").filter(has_text="Outcome")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    ascending = fleet.page.locator("#fleet tbody tr").evaluate_all("rows => rows.map(row => row.dataset.o)")
    assert list(dict.fromkeys(ascending)) == ["noncompliant", "partial", "unreachable", "compliant"]
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    descending = fleet.page.locator("#fleet tbody tr").evaluate_all("rows => rows.map(row => row.dataset.o)")
    assert list(dict.fromkeys(descending)) == ["compliant", "unreachable", "partial", "noncompliant"]
    assert fleet.page.locator("#fleet thead th[aria-sort='none']").count() == 8


def test_numbers_sort_as_numbers_and_names_as_people_count(browser: "Browser", folder: Path) -> None:
    watched = Watched(browser)
    watched.page.goto((folder / "index.html").as_uri())
    watched.page.get_by_role("button", name="Unknown").click()
    watched.page.get_by_role("button", name="Unknown").click()
    counts = watched.page.locator("#fleet tbody tr td:nth-child(7)").all_inner_texts()
    assert counts == sorted(counts, key=int, reverse=True)
    watched.page.get_by_role("button", name="Host").click()
    hosts = [host for host in watched.hosts() if host.startswith("app-")]
    assert hosts == ["app-01.example.net", "app-02.example.net", "app-10.example.net"]
    assert watched.trouble == []
    watched.page.context.close()


def test_search_and_outcome_filter_together_and_say_how_many_are_left(fleet: Watched) -> None:
    fleet.page.get_by_role("searchbox").fill("munich")
    assert fleet.hosts() == ["<script>alert(1)</script>", "kiosk-03.example.net"]
    assert fleet.page.get_by_role("status").inner_text() == "2 of 10 hosts"
    fleet.page.get_by_role("radio", name="Compliant 4", exact=True).check(force=True)
    assert fleet.hosts() == ["kiosk-03.example.net"]
    fleet.page.get_by_role("searchbox").fill("")
    assert fleet.page.get_by_role("status").inner_text() == "4 of 10 hosts"


def test_everything_works_by_keyboard(fleet: Watched) -> None:
    fleet.press("Tab")
    assert fleet.page.evaluate("document.activeElement.className") == "skip"
    fleet.page.locator("#find").focus()
    fleet.page.keyboard.type("<SCRIPT>")
    assert fleet.hosts() == ["<script>alert(1)</script>"]
    fleet.press("Tab", "ArrowRight")
    assert fleet.page.locator("input[name=outcome]:checked").get_attribute("value") == "noncompliant"
    while not fleet.page.evaluate("document.activeElement.closest('thead') !== null"):
        fleet.press("Tab")
        assert not fleet.page.evaluate("document.activeElement === document.body"), "no header can be reached"
    assert fleet.page.locator("#fleet thead th").first.get_attribute("aria-sort") == "ascending"
    fleet.press("Enter")
    assert fleet.page.locator("#fleet thead th").first.get_attribute("aria-sort") == "descending"
    fleet.press("Space")
    assert fleet.page.locator("#fleet thead th").first.get_attribute("aria-sort") == "ascending"
    assert fleet.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_script_the_table_is_plain_and_complete(browser: "Browser", folder: Path) -> None:
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    assert page.locator("#fleet tbody tr:visible").count() == 10
    assert page.locator(".tools").is_hidden()
    assert page.locator("#fleet thead button").count() == 0
    context.close()


def test_a_long_table_shows_its_first_part_and_prints_whole(
    browser: "Browser", fleet_of: Callable[[int], RunRows], tmp_path: Path
) -> None:
    FORMAT.write(fleet_of(700), tmp_path)
    watched = Watched(browser)
    watched.page.goto((tmp_path / "html" / "index.html").as_uri())
    visible = watched.page.locator("#fleet tbody tr:visible")
    assert visible.count() == 50
    assert watched.page.get_by_role("status").inner_text() == "700 hosts, 1 to 50 shown"
    watched.page.evaluate(
        """() => addEventListener("beforeprint", () => {
          window.printed = document.querySelectorAll("#fleet tbody tr").length;
        })"""
    )
    assert watched.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    assert watched.page.evaluate("window.printed") == 700
    assert visible.count() == 50
    assert watched.trouble == []
    watched.page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: "Browser", folder: Path, scheme: str) -> None:
    """WCAG 2.2 AA, 1.4.3: 4.5 to 1 for every text that is painted."""
    watched = Watched(browser, scheme)
    hosts = ("hosts/0009-db-01-example-net.html", "hosts/0008-build-04-example-net.html")
    owners = [f"owners/{file.name}" for file in (folder / "owners").iterdir()]
    controls = [f"controls/{file.name}" for file in (folder / "controls").iterdir()]
    for name in ("index.html", *hosts, *owners, *controls):
        watched.page.goto((folder / name).as_uri())
        assert watched.page.evaluate(CONTRAST) == [], name
    watched.page.context.close()


def test_the_paper_is_dark_in_the_dark_and_white_in_print(browser: "Browser", folder: Path) -> None:
    watched = Watched(browser, "dark")
    watched.page.goto((folder / "index.html").as_uri())
    paper = "getComputedStyle(document.body).backgroundColor"
    assert watched.page.evaluate(paper) == "rgb(23, 24, 23)"
    assert len(watched.page.screenshot(full_page=True)) > 10_000
    watched.page.emulate_media(media="print")
    assert watched.page.evaluate(paper) == "rgb(255, 255, 255)"
    assert watched.page.locator(".tools .find").is_hidden()
    assert watched.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    watched.page.context.close()


# Relative luminance and contrast as WCAG defines them, over every element that holds text of its own.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [...faint];
}"""
