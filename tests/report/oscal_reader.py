"""What OSCAL's own tools make of our documents: run by test_oscal.py with a Python that has compliance-trestle.

Arguments: a folder somewhere in which documents lie, and a file with a JSON list of texts in Markdown. Its answer is
one JSON object.
"""

import json
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_MARKUP = frozenset({"title", "description", "remarks", "prose", "statement", "text"})


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.said = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags |= {tag, *(f"{tag} {name}" for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.said += data


def _texts(node: object, key: str = "") -> list[str]:
    if isinstance(node, dict):
        return [text for name, value in node.items() for text in _texts(value, name)]
    if isinstance(node, list):
        return [text for value in node for text in _texts(value, key)]
    return [node] if isinstance(node, str) and key in _MARKUP else []


def _models() -> dict[str, Any]:
    from trestle.oscal import assessment_results, poam  # noqa: PLC0415 — of the other environment

    return {
        "assessment-results.json": assessment_results.Model,
        "plan-of-action-and-milestones.json": poam.Model,
    }


def main() -> None:
    """Read, check and render."""
    warnings.simplefilter("ignore")
    from cmarkgfm import github_flavored_markdown_to_html as render  # noqa: PLC0415 — of the other environment

    folder, asked = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    tags: set[str] = set()
    problems: dict[str, str] = {}
    for name, model in _models().items():
        for file in sorted(folder.rglob(name)):
            text = file.read_text(encoding="utf-8")
            try:
                model.model_validate_json(text)
            except ValueError as error:
                problems[str(file.relative_to(folder))] = str(error)[:2000]
            for said in _texts(json.loads(text)):
                tags |= _Page(render(said)).tags
    pages = [_Page(render(text)) for text in asked]
    answer = {
        "problems": problems,
        "tags": sorted(tags),
        "said": [page.said.removesuffix("\n") for page in pages],
        "tags of texts": sorted({tag for page in pages for tag in page.tags}),
    }
    print(json.dumps(answer))  # noqa: T201 — its answer


main()
