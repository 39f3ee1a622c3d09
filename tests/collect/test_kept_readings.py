"""What is made of a section is kept when the section comes again, within bounds, and changes no answer."""

import pytest

from auditor.collect import read as reading
from auditor.model.evidence import Outcome, Section
from auditor.model.host import OsFamily
from auditor.model.record import replace


def a_section(number: int, text: str = "ID=debian\n") -> Section:
    return Section(id="system.os", outcome=Outcome.COLLECTED, text=f"{text}# {number}\n", sha256=str(number))


def test_what_came_once_is_not_kept_and_what_came_twice_is_made_once() -> None:
    kept = reading._Readings()
    first, second, third = (kept.of(a_section(1), OsFamily.LINUX) for _ in range(3))
    assert first == second
    assert first is not second
    assert third is second


def test_sections_of_another_outcome_or_system_are_others() -> None:
    kept = reading._Readings()
    section = a_section(1)
    denied = Section(id=section.id, outcome=Outcome.DENIED, reason="no", text="", sha256=section.sha256)
    for _ in range(3):
        for one in (section, denied):
            for os in (OsFamily.LINUX, OsFamily.MACOS):
                assert kept.of(one, os) == reading._read_section(one, os)
    assert len(kept._kept) == 4


def test_a_digest_that_does_not_hold_finds_nothing_of_another_section() -> None:
    kept = reading._Readings()
    one, other = a_section(1), replace(a_section(1), text="ID=alpine\n")
    for _ in range(3):
        for section in (one, other):
            assert kept.of(section, OsFamily.LINUX) == reading._read_section(section, OsFamily.LINUX)


def test_no_more_is_kept_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_KEPT", 5000)
    monkeypatch.setattr(reading, "_SEEN", 4)
    kept = reading._Readings()
    for number in range(40):
        for _ in range(2):
            kept.of(a_section(number), OsFamily.LINUX)
        assert sum(len(one.text) for one, _ in kept._kept.values()) <= kept._size <= 5000
        assert len(kept._seen) <= 4
    assert 0 < len(kept._kept) < 10


def test_a_long_section_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_KEPT_LENGTH", 5)
    kept = reading._Readings()
    one, other, third = (kept.of(a_section(1), OsFamily.LINUX) for _ in range(3))
    assert one == other == third
    assert third is not other
    assert not kept._kept
