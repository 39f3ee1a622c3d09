"""The documents hold together: links, the ledger's words, decisions, fragments of the changelog."""

from pathlib import Path

from auditor.errors import Reason

_ADR_HEADINGS = ["## Context", "## Decision", "## What we gave up", "## How we will know it was wrong"]
_KINDS = {"added", "changed", "fixed", "removed", "security"}


def _documents(root: Path, tree: tuple[Path, ...]) -> dict[Path, str]:
    """Return every Markdown file with its fenced code taken out: code holds no links."""
    found = {path: (root / path).read_text(encoding="utf-8") for path in tree if path.suffix == ".md"}
    return {path: "".join(text.split("```")[::2]) for path, text in found.items()}


def _targets(text: str) -> list[str]:
    """Return what the inline links of a document point at."""
    return [rest.partition(")")[0].split()[0] for rest in text.split("](")[1:] if rest.partition(")")[0].strip()]


def _anchors(text: str) -> set[str]:
    headings = [line.lstrip("#").strip().lower() for line in text.splitlines() if line.startswith("#")]
    return {
        "".join(char for char in heading if char.isalnum() or char in " -_").replace(" ", "-") for heading in headings
    }


def test_links_between_documents_lead_somewhere(root: Path, tree: tuple[Path, ...]) -> None:
    documents = _documents(root, tree)
    links = [
        (path, target)
        for path, text in documents.items()
        for target in _targets(text)
        if not target.startswith(("http://", "https://", "mailto:"))
    ]
    assert links
    dead: list[str] = []
    for path, target in links:
        file, _, anchor = target.partition("#")
        place = (root / path.parent / file).resolve() if file else root / path
        if not place.exists():
            dead.append(f"{path}: {target}")
        elif anchor and place.suffix == ".md" and anchor not in _anchors(place.read_text(encoding="utf-8")):
            dead.append(f"{path}: {target} (no such heading)")
    assert dead == []


def test_every_reason_of_the_ledger_is_explained(root: Path) -> None:
    text = (root / "docs" / "ledger.md").read_text(encoding="utf-8")
    assert [reason.value for reason in Reason if f"`{reason.value}`" not in text] == []


def test_decisions_are_numbered_and_complete(root: Path) -> None:
    files = sorted((root / "docs" / "adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert files
    incomplete = [
        path.name
        for path in files
        if [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("## ")] != _ADR_HEADINGS
    ]
    assert incomplete == []


def test_fragments_of_the_changelog_have_a_kind(root: Path) -> None:
    fragments = [path for path in (root / "docs" / "changes").iterdir() if path.name != "README.md"]
    assert [path.name for path in fragments if path.name.split(".")[1:-1] not in [[kind] for kind in _KINDS]] == []
    assert [path.name for path in fragments if not path.read_text(encoding="utf-8").strip()] == []


def test_the_tests_that_remediation_rests_on_are_there(root: Path) -> None:
    """Each row of its table names a file, or goes on with the one before, and parts of names of tests in it."""
    text = (root / "docs" / "remediation.md").read_text(encoding="utf-8").partition("## Which test shows what")[2]
    rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 18
    file, missing = root, []
    for row in rows:
        for word in row.split("`")[1::2]:
            if word.endswith(".py"):
                file = root / word if "/" in word else file.parent / word
                if not file.is_file():
                    missing.append(word)
            elif not any(word in line for line in _tests_of(file)):
                missing.append(f"{file.name}: {word}")
    assert missing == []


def test_the_tests_that_the_threat_model_rests_on_are_there(root: Path) -> None:
    """Each row of its tables names at least one test, as pytest takes it: file and function."""
    text = (root / "docs" / "security.md").read_text(encoding="utf-8")
    # The table of fuzzers is held to them by a test of theirs, which stands above it.
    before, _, fuzzers = text.partition("## Bad inputs")
    rows = [line for line in (before + fuzzers.partition("\n## ")[2]).splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not row.endswith("| shown by |")]
    assert len(claims) >= 80
    assert [row for row in claims if "::test_" not in row.split("|")[-2]] == []
    named = {word for word in text.split("`")[1::2] if word.startswith("tests/") and "::" in word}
    missing = []
    for word in sorted(named):
        name, _, function = word.partition("::")
        file = root / name
        if not file.is_file() or not any(line.startswith(f"def {function}(") for line in _tests_of(file)):
            missing.append(word)
    assert missing == []


def _tests_of(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("def test_")]
