"""What a bundle remembers of sections that were checked: a bounded part, and never anything that is not sealed."""

from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.run import open_bundle
from auditor.run.open_bundle import Bundle
from tests.run.evidence_sets import Seen, a_section, make_set

_SHARED = [a_section("system.os", "the same\n"), a_section("accounts.users", "everywhere\n")]


def a_set(folder: Path, count: int = 6) -> Path:
    return make_set(
        folder / "fleet",
        [Seen(name=f"h{n}", sections=[*_SHARED, a_section("processes.procfs", f"{n}\n" * 40)]) for n in range(count)],
    )


@pytest.mark.parametrize("kept", [0, 3000, 1 << 20])
def test_what_is_remembered_changes_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(open_bundle, "_KEPT", kept)
    bundle = Bundle(a_set(tmp_path))
    for _ in range(2):
        for number, answer in enumerate(bundle.answers()):
            evidence = bundle.evidence(answer)
            assert evidence is not None
            assert evidence.sections[:2] == tuple(_SHARED)
            assert evidence.sections[2].text == f"{number}\n" * 40


def test_no_more_is_remembered_than_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_bundle, "_KEPT", 5000)
    bundle = Bundle(a_set(tmp_path, 40))
    for answer in bundle.answers():
        bundle.evidence(answer)
        assert sum(len(one.text) for one in bundle._checked.values()) <= 5000
        assert len(bundle._checked) <= 5


def test_long_sections_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_bundle, "_KEPT_LENGTH", 30)
    bundle = Bundle(a_set(tmp_path))
    for answer in bundle.answers():
        bundle.evidence(answer)
    assert {section.id for section in bundle._checked.values()} == {"system.os", "accounts.users"}


def test_a_section_that_is_named_again_and_again_takes_no_more_than_an_answer_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle(a_set(tmp_path))
    (answer, *_) = bundle.answers()
    monkeypatch.setattr(open_bundle, "UNPACKED", 200)
    assert bundle.evidence(answer) is not None
    monkeypatch.setattr(open_bundle, "UNPACKED", 90)
    with pytest.raises(UsageError, match="unpacks to more than an answer may have"):
        bundle.evidence(answer)
