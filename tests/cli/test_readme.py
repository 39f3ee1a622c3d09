"""What the README tells people to type is there, and its examples are what the loaders take."""

import shlex
from pathlib import Path

import pytest

from auditor.cli.main import COMMANDS, parser_for
from auditor.inventory.read import read_inventory

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Words that stand for what a reader fills in.
PLACES = {
    "FILE": "x.yml",
    "RUN": "2026",
    "FINGERPRINT": "abcdef012345",
    "CONTROL": "unapproved_product",
    "PATTERN": "web1",
}


def commands(document: Path) -> list[str]:
    """Return every `auditor ...` that stands between backticks in a document."""
    spans = document.read_text(encoding="utf-8").replace("```", "\0").split("`")[1::2]
    return [span.strip() for span in spans if span.startswith("auditor ") and "\n" not in span]


def test_documents_name_commands() -> None:
    assert len(commands(ROOT / "README.md")) > 5


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_document_can_be_typed(document: Path) -> None:
    for text in commands(document):
        words = [PLACES.get(word, word) for word in shlex.split(text)[1:]]
        if not words or words[0].isupper() or words[0].startswith("-"):
            continue
        assert words[0] in COMMANDS, text
        # A bare name speaks of the command; with words after it, it has to parse.
        if len(words) > 1 and "…" not in text and "..." not in text:
            parser_for(words[0]).parse_args(words[1:])


def test_the_readme_inventory_is_read(tmp_path: Path) -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("```yaml\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "hosts.yml"
    file.write_text("\n".join(line[3:] for line in block.splitlines()))
    (host,) = read_inventory(str(file))
    assert (host.name, host.address, host.owner, host.groups) == ("web1", "192.0.2.11", "Web team", ("web",))


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("audit", "test"):
        assert f"make {target}" in text
        assert f"\n{target}:" in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
