"""Every kind of page in a real browser: light, dark, printed, 360 px wide, by keyboard alone, and under axe-core.

Kinds are found in the folder that a report is written to: a page of a new kind is looked at without a word here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.report.html import FORMAT
from auditor.report.html_single import FORMAT as SINGLE
from auditor.report.run_rows import RunRows
from tests.report.brought_pages import write_brought_pages
from tests.report.chromium import MARKS, Watched, axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = MARKS
RECORDED = Path(__file__).parents[2] / "reports" / "sample"
_LOOKED_AT = 2
"""Pages of each kind that axe-core looks at: the one with the most on it, and the one with the least."""


def recorded_rows() -> RunRows:
    """Return the recorded fleet's rows, as the sample in reports/ has them: they are set by today's templates."""
    told: dict[str, Any] = json.loads((RECORDED / "results.json").read_text(encoding="utf-8"))
    lines = (RECORDED / "hosts.jsonl").read_text(encoding="utf-8").splitlines()
    return RunRows(
        run=told["run"] | {"population": told.get("population"), "sources": None, "people": None},
        controls=told["controls"],
        ledger=told["ledger"],
        findings=told["findings"],
        hosts=lambda: (json.loads(line) for line in lines),
        host_lines=lambda: iter(lines),
        exceptions=told["exceptions"],
        accepted_limits=told.get("accepted_limits", {}),
        approvals=told["approvals"],
    )


@pytest.fixture(scope="module")
def folder(remediated: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with both reports of the sample fleet and the pages of what was brought as files.

    In ``recorded`` stand the pages of the recorded fleet.
    """
    place = tmp_path_factory.mktemp("pages")
    (place / "recorded").mkdir()
    FORMAT.write(remediated, place)
    SINGLE.write(remediated, place)
    FORMAT.write(recorded_rows(), place / "recorded")
    write_brought_pages(place)
    return place


def kinds(folder: Path) -> dict[str, list[Path]]:
    """Return the pages of each kind, the largest first: those of a folder are one, but for those of the uppermost."""
    found: dict[str, list[Path]] = {}
    for file in folder.rglob("*.html"):
        place = file.relative_to(folder)
        kind = str(place) if place.parent.name == "html" else str(place.parent)
        found.setdefault(kind, []).append(file)
    return {kind: sorted(files, key=lambda file: (-file.stat().st_size, file)) for kind, files in found.items()}


def looked_at(folder: Path) -> Iterator[Path]:
    """Yield of each kind of page the largest and the smallest; one in a file of its own differs in nothing but that."""
    for kind, files in kinds(folder).items():
        if not kind.startswith("recorded"):
            yield from dict.fromkeys((files[0], files[-1])) if kind != SINGLE.id else files[:1]


def test_every_kind_of_page_is_there(folder: Path) -> None:
    assert {"html/index.html", "html/hosts", "html/owners", "html-single", "flows", "events"} <= kinds(folder).keys()
    assert len(list(looked_at(folder))) >= len(kinds(folder)) // 2


def test_every_page_opens_in_silence_and_fits(browser: "Browser", folder: Path) -> None:
    """No word on the console, no error, no request; nothing but a table in its frame is wider than window or paper."""
    watched = Watched(browser)
    page = watched.page
    for file in folder.rglob("*.html"):
        watched.open(file)
        assert page.locator("h1").count() == 1
        # The style sheet is allowed by the page's own policy.
        assert page.evaluate("getComputedStyle(document.body).maxWidth") == "1216px"
        assert page.evaluate(WIDER) == [], file.name
        page.set_viewport_size({"width": 360, "height": 900})
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(WIDER) == [], file.name
        # Paper is black on white also where it is dark, nothing scrolls there, and A4 has 178 mm between its margins.
        page.set_viewport_size({"width": 672, "height": 900})
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("document.documentElement.scrollWidth") <= 672, file.name
        assert page.locator(".contents, .skip").evaluate_all("all => all.every(e => !e.checkVisibility())")
        page.emulate_media(media="screen", color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
    watched.close()


def test_axe_finds_nothing_serious(browser: "Browser", folder: Path) -> None:
    """All its rules once; then those whose answer depends on the colours, in the dark and printed, or on the width."""
    watched = Watched(browser, script=axe())
    for file in looked_at(folder):
        watched.open(file)
        found = {"light": watched.page.evaluate(AXE, {})}
        watched.page.emulate_media(color_scheme="dark")
        found["dark"] = watched.page.evaluate(AXE, _COLOURS)
        watched.page.emulate_media(media="print")
        found["print"] = watched.page.evaluate(AXE, _COLOURS)
        watched.page.emulate_media(media="screen", color_scheme="light")
        watched.page.set_viewport_size({"width": 360, "height": 900})
        found["narrow"] = watched.page.evaluate(AXE, _SIZES)
        watched.page.set_viewport_size({"width": 1280, "height": 900})
        for how, said in found.items():
            assert said["checked"] > 0, (file.name, how)
            assert [one for one in said["violations"] if one["impact"] in ("serious", "critical")] == [], file.name
    watched.close()


def test_axe_can_say_no(browser: "Browser", tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(
        "<!DOCTYPE html><html lang=en><title>x</title><main><h1>x</h1><p style='color:#bbb'>faint</p><input></main>"
    )
    watched = Watched(browser, script=axe())
    watched.open(tmp_path / "bad.html")
    found = watched.page.evaluate(AXE, {})
    assert {"color-contrast", "label"} <= {one["id"] for one in found["violations"]}
    watched.close()


def test_every_page_works_by_keyboard_alone(browser: "Browser", folder: Path) -> None:
    """Tab comes to everything that can be used, in the order of the page, and each shows that it has the focus."""
    watched = Watched(browser, width=360)
    for file in looked_at(folder):
        watched.open(file)
        wanted = watched.page.evaluate(USABLE)
        assert wanted[0] == "a.skip"
        reached = []
        for _ in wanted:
            watched.press("Tab")
            at = watched.page.evaluate(FOCUSED)
            assert at["shown"], (file.name, at["name"])
            reached.append(at["name"])
        assert reached == wanted, file.name
    watched.close()


def test_links_and_frames_are_used_by_keyboard(browser: "Browser", folder: Path) -> None:
    file = kinds(folder)["html/hosts"][0]
    watched = Watched(browser, width=360)
    watched.open(file)
    watched.press("Tab", "Enter")
    watched.page.wait_for_url("**#main")
    # A table that is too wide for the window is moved by the arrows.
    frame = watched.page.locator("#verdicts + .wide")
    frame.focus()
    watched.press("ArrowRight", "ArrowRight")
    watched.page.wait_for_function("document.querySelector('#verdicts + .wide').scrollLeft > 0")
    watched.page.get_by_role("link", name="History").focus()
    watched.press("Enter")
    watched.page.wait_for_url("**#history")
    watched.page.get_by_role("link", name="Fleet").focus()
    watched.press("Enter")
    watched.page.wait_for_url("**/index.html")
    watched.close()


_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_SIZES = {"runOnly": {"type": "rule", "values": ["scrollable-region-focusable", "target-size"]}}
# Without its own look at the style sheets, which it would ask for again: the page's policy forbids that.
AXE = """(options) => axe.run(document, {preload: false, iframes: false, ...options}).then((found) => ({
  checked: found.passes.length + found.violations.length,
  violations: found.violations.map(({id, impact, nodes}) => ({
    id, impact, where: nodes.slice(0, 5).map((node) => node.target.join(" ")), why: nodes[0].failureSummary,
  })),
}))"""
WIDER = """() => {
  const width = document.documentElement.clientWidth;
  const wider = [...document.body.querySelectorAll("*")].filter((element) =>
    !element.closest(".wide") && !element.closest(".hide") && element.checkVisibility()
    && element.getBoundingClientRect().right > width + 1);
  if (document.documentElement.scrollWidth > width) wider.push(document.documentElement);
  return wider.map((element) => `${element.tagName}.${element.className}`);
}"""
_NAMED = """const named = (e) => {
    const name = (e.id && `#${e.id}`) || e.getAttribute("href") || e.getAttribute("aria-label") || e.textContent.trim();
    return e.className === "skip" ? "a.skip" : `${e.tagName.toLowerCase()} ${e.name || ""} ${name}`;
  };"""
# Of a group of radio buttons Tab comes to one: the arrows go on from there.
USABLE = f"""() => {{
  {_NAMED}
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter((e) => e.checkVisibility({{visibilityProperty: true}}) && !e.disabled && (e.type !== "radio" || e.checked))
    .map(named);
}}"""
FOCUSED = f"""() => {{
  {_NAMED}
  const at = document.activeElement;
  const marked = at.type === "radio" ? at.nextElementSibling : at;
  const style = getComputedStyle(marked);
  return {{
    name: named(at),
    shown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && marked.checkVisibility(),
  }};
}}"""
