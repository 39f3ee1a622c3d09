"""Host text is shown so that nothing in it acts, hides or imitates."""

import unicodedata

import pytest

from auditor.report.visible import visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain text, 100 %", "plain text, 100 %", id="ordinary-text-stays"),
        pytest.param("Zürich 東京", "Zürich 東京", id="letters-of-any-script-stay"),
        pytest.param("\x1b[31mred", "⟨U+001B⟩[31mred", id="terminal-escape"),
        pytest.param("abc\u202egpj.exe", "abc⟨U+202E⟩gpj.exe", id="right-to-left-override"),
        pytest.param("a\u200bb\ufeffc", "a⟨U+200B⟩b⟨U+FEFF⟩c", id="zero-width"),
        pytest.param("a\u3164b\ufe0fc", "a⟨U+3164⟩b⟨U+FE0F⟩c", id="invisible-though-printable-to-python"),
        pytest.param("a\nb\r\x85\u2028c", "a⟨U+000A⟩b⟨U+000D⟩⟨U+0085⟩⟨U+2028⟩c", id="line-ends"),
        pytest.param("a\tb", "a ⇥ b", id="tab-between-columns"),
        pytest.param("a\xa0b", "a⟨U+00A0⟩b", id="unusual-space"),
        pytest.param("\udc80", "⟨U+DC80⟩", id="lone-surrogate"),
        pytest.param("⟨U+202E⟩ ⇥", "⟨U+27E8⟩U+202E⟨U+27E9⟩ ⟨U+21E5⟩", id="an-escape-cannot-be-imitated"),
    ],
)
def test_text_is_made_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_no_character_survives_that_acts_or_cannot_be_encoded() -> None:
    shown = visible("".join(map(chr, range(0x110000))))
    shown.encode("utf-8")
    assert {unicodedata.category(char) for char in set(shown)} & {"Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"} == set()
    assert [char for char in set(shown) if char.isspace()] == [" "]


def test_different_characters_never_look_the_same() -> None:
    shown = [visible(chr(code)) for code in range(0x110000)]
    assert len(set(shown)) == len(shown)
