"""Sections of a bundle are found by their hashes, and what that takes does not grow with them."""

import json
import zlib
from pathlib import Path

import pytest

from auditor.run.open_bundle import Bundle
from auditor.run.section_index import LINE_LIMIT, SectionIndex, line_at, opened
from tests.bench.bundles import cost
from tests.run.evidence_sets import Seen, a_section, make_set

MIB = 1024 * 1024


def an_index(folder: Path, count: int) -> tuple[SectionIndex, dict[str, str]]:
    sections = [a_section("system.test", f"section {number}\n") for number in range(count)]
    evidence = make_set(folder / "set", [Seen(name="web", sections=sections)]) / "evidence"
    index = SectionIndex(evidence / "sections.jsonl", evidence / "sections.pack")
    return index, {section.sha256: section.text for section in sections}


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
def test_each_section_is_found_and_no_other(tmp_path: Path, count: int) -> None:
    index, texts = an_index(tmp_path, count)
    for sha256, text in texts.items():
        (record,) = index.sections((sha256,))
        assert (record.sha256, zlib.decompress(record.packed).decode()) == (sha256, text)
    assert [one.sha256 for one in index.sections(tuple(reversed(texts)))] == list(reversed(texts))
    for missing in ("0" * 64, "f" * 64, "8" * 64):
        with pytest.raises(KeyError):
            index.sections((missing,))


@pytest.mark.parametrize("length", [1, 8190, 8191, 8192, 8193, 30_000, LINE_LIMIT - 2, LINE_LIMIT - 1])
def test_a_line_is_read_as_a_whole(tmp_path: Path, length: int) -> None:
    lines = [b"before\n", b"x" * length + b"\n", b"after\n", b"cut off"]
    file = tmp_path / "lines"
    file.write_bytes(b"".join(lines))
    with opened(file) as handle:
        assert line_at(handle, 0) == lines[0]
        assert line_at(handle, len(lines[0])) == lines[1]
        assert line_at(handle, file.stat().st_size - len(lines[3]) - len(lines[2])) == lines[2]
        for place in (file.stat().st_size - len(lines[3]), file.stat().st_size, file.stat().st_size + 9):
            with pytest.raises(ValueError, match="is cut off"):
                line_at(handle, place)


def test_a_line_that_is_too_long_is_none(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"x" * LINE_LIMIT + b"\n")
    with opened(file) as handle, pytest.raises(ValueError, match="is cut off"):
        line_at(handle, 0)


def test_a_section_is_not_found_in_what_another_says(tmp_path: Path) -> None:
    """A hash that a host prints, quotes and all, is no hash of a section."""
    wanted = a_section("system.test", "wanted\n").sha256
    said = a_section("system.test", "text\n", stderr=f'"sha256":"{wanted}"')
    bundle = Bundle(make_set(tmp_path / "set", [Seen(name="web", sections=[said])]))
    (answer,) = bundle.answers()
    lines = bundle.folder / "evidence" / "sections.jsonl"
    assert wanted in json.loads(lines.read_text())["stderr"]
    index = SectionIndex(lines, bundle.folder / "evidence" / "sections.pack")
    with pytest.raises(KeyError):
        index.sections((wanted,))
    assert bundle.evidence(answer) is not None


@pytest.mark.slow
def test_memory_does_not_grow_with_the_hosts(tmp_path: Path) -> None:
    """Four times the hosts, none of whose sections is another's: the ledger grows, what is read of them does not.

    The sections are longer than those that are remembered once they were checked: that grows until it is full.
    """
    held: dict[str, list[int]] = {"verify": [], "assess": []}
    for count in (500, 2000):
        place = tmp_path / str(count)
        place.mkdir()
        names = [f"host-{number:05d}" for number in range(count)]
        hosts = [Seen(name=name, sections=[a_section("system.test", f"{name}\n" * 3500)]) for name in names]
        made = make_set(place / "set", hosts)
        held["verify"].append(cost(place, "verify", made, "-q").memory)
        held["assess"].append(cost(place, "assess", made, "-o", place / "out", "--format", "json", "-q").memory)
    for what, (few, many) in held.items():
        assert few > 0, what
        assert many - few < 0.25 * few, f"{what}: {few // MIB} MiB, then {many // MIB} MiB"
