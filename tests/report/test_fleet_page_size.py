"""The fleet page of ten thousand hosts stays a page: its size, what it holds, and what a browser is asked to lay out.

How soon it opens and answers is measured by `make fleet-page-bench`, which no busy machine can make red.
"""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.report.host_table import STATIC
from tests.bench.fleet_page import SAMPLE, fleet_rows, write_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

HOSTS = 10_000
RECORDED = len(json.loads(SAMPLE.read_text(encoding="utf-8"))["ledger"])
"""Hosts of the sample, which these are over and over."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("large")
    return write_pages(fleet_rows(HOSTS), place).parent


def test_the_page_is_small_and_holds_every_host_once(folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert len(text) < 2_000_000
    assert text.count('<tr data-o="') == STATIC
    block = re.search(r'id="host-data">(.*?)</script>', text)
    assert block is not None
    data = json.loads(block[1])
    assert len({row[1] for row in data["rows"]}) == HOSTS
    # What hosts share stands there once, however many they are.
    assert max(len(data[name]) for name in ("verdictSets", "useSets", "problemSets", "systems")) <= RECORDED
    assert (len(data["owners"]), len(data["sites"])) == (60, 24)


def test_no_other_page_grows_with_the_fleet_but_the_list_of_all(folder: Path) -> None:
    sizes = {file: file.stat().st_size for file in folder.rglob("*.html")}
    assert (folder / "all-hosts.html").read_text(encoding="utf-8").count('<tr data-o="') == HOSTS
    large = {file.name for file, size in sizes.items() if size > 600_000}
    assert large == {"index.html", "all-hosts.html"}


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
@pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="needs playwright")
def test_a_browser_lays_out_one_page_of_it_and_finds_every_host(folder: Path, browser: "Browser") -> None:
    page = browser.new_page()
    page.goto((folder / "index.html").as_uri() + "#hosts?q=-09996")
    (found,) = page.locator("#fleet tbody th").all_inner_texts()
    assert found.endswith("-09996")
    page.get_by_role("searchbox").fill("")
    assert page.get_by_role("status").inner_text() == "10,000 hosts, 1 to 50 shown"
    assert page.locator("#fleet tbody tr").count() == STATIC
    page.get_by_role("button", name="Next").click()
    assert page.get_by_role("status").inner_text() == "10,000 hosts, 51 to 100 shown"
    assert page.evaluate("[location.hash, document.activeElement.textContent]") == ["#hosts?page=2", "Next"]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#fleet tbody tr").count() == 2000
    assert page.get_by_role("status").inner_text() == "10,000 hosts, the first 2,000 printed"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#fleet tbody tr").count() == STATIC
    page.close()
