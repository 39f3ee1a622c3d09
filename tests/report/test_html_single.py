"""A host in one file: nothing in it leads out of it, and it says what the page of the report says."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from auditor.model.record import replace
from auditor.report.html import FORMAT as HTML
from auditor.report.html_single import FORMAT
from auditor.report.run_rows import RunRows

_ASKS = {"src", "href", "srcset", "data", "poster", "action", "formaction", "background", "ping", "manifest"}
"""Attributes by which an element asks for something (HTML Standard, index of attributes)."""
_CSS_ASKS = re.compile(r"@import|url\(|image-set\(|src\(", re.IGNORECASE)


class Page(HTMLParser):
    """What a browser would make of a file: elements with their attributes, text, and styles."""

    def __init__(self, text: str) -> None:
        """Read it."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = self.styles = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if self._inside == "style":
            self.styles += data
        else:
            self.text += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 — its base asks for it
        """Leave an element."""
        self._inside = ""


@pytest.fixture(scope="module")
def written(remediated: RunRows, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    place = tmp_path_factory.mktemp("single")
    HTML.write(remediated, place)
    return FORMAT.write(remediated, place), place


def test_there_is_a_file_for_each_host_named_as_its_page(written: tuple[list[Path], Path], remediated: RunRows) -> None:
    made, place = written
    assert len(made) == len(remediated.ledger)
    assert [file.name for file in made] == sorted(file.name for file in (place / "html" / "hosts").iterdir())
    assert [str(file.parent.relative_to(place)) for file in made] == ["html-single"] * len(made)


def test_nothing_in_a_file_asks_for_another(written: tuple[list[Path], Path]) -> None:
    for file in written[0]:
        page = Page(file.read_text(encoding="utf-8"))
        ids = {attributes.get("id") for _, attributes in page.tags}
        asked = [
            (tag, value)
            for tag, attributes in page.tags
            for name, value in attributes.items()
            if name in _ASKS and value != "data:,"
        ]
        assert asked
        assert [one for one in asked if not str(one[1]).startswith("#") or str(one[1])[1:] not in ids] == [], file.name
        assert "script" not in {tag for tag, _ in page.tags}
        assert _CSS_ASKS.findall(page.styles) == []


def test_its_policy_lets_in_its_own_styles_and_nothing_else(written: tuple[list[Path], Path]) -> None:
    for file in written[0]:
        page = Page(file.read_text(encoding="utf-8"))
        (policy,) = (
            str(attributes["content"]) for tag, attributes in page.tags if tag == "meta" and "http-equiv" in attributes
        )
        digest = base64.b64encode(hashlib.sha256(page.styles.encode()).digest()).decode()
        assert policy == (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
        )
        assert [tag for tag, _ in page.tags].count("style") == 1


def test_it_says_what_the_page_of_the_report_says(written: tuple[list[Path], Path]) -> None:
    made, place = written
    for file in made:
        alone = Page(file.read_text(encoding="utf-8")).text.split()
        page = Page((place / "html" / "hosts" / file.name).read_text(encoding="utf-8")).text
        assert alone == page.replace("Fleet", "", 1).split(), file.name


def test_a_run_without_hosts_has_no_file(remediated: RunRows, tmp_path: Path) -> None:
    empty = replace(remediated, ledger=[], findings=[], hosts=lambda: iter([]))
    assert FORMAT.write(empty, tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["html-single"]
