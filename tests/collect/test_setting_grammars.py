"""What each grammar makes of a file of settings, in every awk: keys by their sections, and nothing that is guessed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.collect.remote_config.product_awk import READER
from auditor.collect.remote_config.product_form import Grammar
from auditor.collect.remote_config.product_script import pattern

_AWKS = ("mawk", "gawk", "original-awk", "busybox")
_TOLD = ("a", "b", "s.a", "s.t.a", "e", "e.n", "on")
_SECRETS = ("p", "s.p", "s.t.p")
_WORDED = ("w",)
_WHOLE, _BROKEN, _MANY = "whole", "broken", "many"
Told = list[tuple[str, str]]
Read = Callable[[Grammar, str], tuple[Told, str]]


@pytest.fixture(params=_AWKS)
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Return what reads a text by a grammar, and says the keys that it tells and how the file was read."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"{request.param} is not installed")
    words = [program, *(["awk"] if request.param == "busybox" else [])]

    def run(grammar: Grammar, text: str) -> tuple[Told, str]:
        table = (
            f'    product[1] = "x"; how[1] = "{grammar}"\n    told[1] = "{pattern(_TOLD)}"\n'
            f'    secret[1] = "{pattern(_SECRETS)}"\n    worded[1] = "{pattern(_WORDED)}"'
        )
        file = tmp_path / "file"
        file.write_bytes(text.encode())
        program_text = READER.replace("@TABLE@", table).partition("products_awk='")[2].rpartition("'")[0]
        asked = [*words, program_text, "1", str(file)]
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20)
        assert done.stderr == ""
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert rows[-1] == ["read", "1"]
        return [(row[5], row[6]) for row in rows if row[0] == "set"], rows[-2][0]

    return run


_SECTIONED = {
    "keys-stand-behind-their-section": (
        'a = 1\n[s]\na = "2"\n[ s.t ]\na=3 # x\n[other]\na = 4\n',
        [("a", "1"), ("s.a", "2"), ("s.t.a", "3")],
        _WHOLE,
    ),
    "a-dotted-key-is-the-same": (
        "s.a = 1\n's'.\"t\" . a = 2\n[s]\nt.a = 3\n",
        [("s.a", "1"), ("s.t.a", "2"), ("s.t.a", "3")],
        _WHOLE,
    ),
    "a-list-of-tables-has-the-name-of-the-list": ("[[s]]\na = 1\n[[s]]\na = 2\n", [("s.a", "1"), ("s.a", "2")], _WHOLE),
    "what-stands-in-a-list-says-nothing": (
        '[s]\nlist = [\n  "x", # [\n  "]", \'[\',\n  { a = 1 },\n[9],\n]\na = 2\n',
        [("s.a", "2")],
        _WHOLE,
    ),
    "a-list-without-an-end-is-none": ("list = [\na = 1\n", [], _BROKEN),
    "a-table-of-one-line-is-read": (
        "s = { a = \"1}\", p = 'x', list.b = 2 }\na = 2\n",
        [("s.a", "1}"), ("s.p", "(set)"), ("a", "2")],
        _WHOLE,
    ),
    "a-table-within-a-table-is-said-not-to-be-read": ("s = { t = { a = 1 }, a = 2 }\n", [], _BROKEN),
    "a-text-of-several-lines-ends-the-reading": ('b = """\na = 1\n[s]\np = x\n"""\na = 2\n', [], _BROKEN),
    "a-name-in-signs-of-its-own-is-said-not-to-be-read": ('"s".p = "x"\n"\\u0061" = 1\n', [("s.p", "(set)")], _BROKEN),
    "ini": ("; x\n# x\n[s]\na = x;y # z\np = \n", [("s.a", "x;y")], _WHOLE),
    "an-empty-secret-is-none": ('p = ""\n', [], _WHOLE),
    "nothing": ("", [], _WHOLE),
    "words": ("no setting\n", [], _BROKEN),
}
_INDENTED = {
    "keys-stand-behind-those-above": (
        "---\na: 1\ns:\n  a: '2' # x\n  t:\n    a: 3 # y\n    p: x\nother:\n  t:\n    a: 4\nb: 5\n",
        [("a", "1"), ("s.a", "2"), ("s.t.a", "3"), ("s.t.p", "(set)"), ("b", "5")],
        _WHOLE,
    ),
    "indented-by-one-or-by-many": ("s:\n t:\n         a: 1\n a: 2\n", [("s.t.a", "1"), ("s.a", "2")], _WHOLE),
    "what-stands-in-a-list-says-nothing": (
        "s:\n- a: 1\n  p: 2\n# x\n  b: 3\n-\n  a: 4\ns:\n  - t:\n      a: 1\n  a: 5\n",
        [("s.a", "5")],
        _WHOLE,
    ),
    "a-text-of-several-lines-says-nothing": ("b: >-\n  a: 1\n\n  p: 2\ns:\n  a: 3\n", [("s.a", "3")], _BROKEN),
    "a-text-of-several-lines-that-nobody-tells": ("x: |\n  a: 1\ns:\n  a: 3\n", [("s.a", "3")], _WHOLE),
    "a-secret-of-several-lines-is-set": ("p: |\n  one\n  a: two\na: 1\n", [("p", "(set)"), ("a", "1")], _WHOLE),
    "a-text-without-its-end": ('x: "one\n  a: 1\ns:\n  a: 2\n', [("s.a", "2")], _BROKEN),
    "all-in-one-line": ("s: {a: 1, p: x}\n", [], _BROKEN),
    "json": ('{"a": 1}\n', [], _BROKEN),
    "an-alias": ("b: *x\n<<: *y\na: 1\n", [("a", "1")], _BROKEN),
    "a-tab": ("s:\n\ta: 1\n", [("a", "1")], _BROKEN),
    "a-blank-line-of-tabs": ("s:\n\t\n  a: 1\n", [("s.a", "1")], _WHOLE),
    "an-escaped-name": ('"\\x61": 1\n', [], _BROKEN),
    "an-empty-value": ("a:\nb: ''\np: ''\n", [("b", "")], _WHOLE),
    "windows": ("s:\r\n  a: 1\r\n", [("s.a", "1")], _WHOLE),
    "deep": ("".join(f"{' ' * depth}x:\n" for depth in range(60)), [], _BROKEN),
}
_JSON = {
    "keys-of-objects-within": (
        '{"a": 1, "s": {"a": "2",\n"t": {"a": true, "p": "x"}, "p": ""}, "o": {"t": {"a": 3}}, "b": null}',
        [("a", "1"), ("s.a", "2"), ("s.t.a", "true"), ("s.t.p", "(set)"), ("b", "")], _WHOLE,
    ),
    "what-stands-in-a-list-says-nothing": ('{"s": [{"a": 1}, [{"p": 2}]], "a": [3], "b": 4}', [("b", "4")], _WHOLE),
    "a-list-of-all": ('[{"a": 1}]', [], _WHOLE),
    "an-escaped-name": ('{"\\u0061": 1}', [], _BROKEN),
    "cut-off": ('{"a": 1, "s": {"a": 2', [("a", "1"), ("s.a", "2")], _BROKEN),
}  # fmt: skip
_XML = {
    "elements-by-their-name": (
        "\ufeff<?xml version='1.0'?>\n<c><!-- <a>0</a>\n<p> -->\n<a>1</a><x><b> 2 &amp;&lt;\n</b><p>x</p></x></c>\n",
        [("a", "1"), ("b", "2 &<"), ("p", "(set)")], _WHOLE,
    ),
    "attributes-behind-their-element": ("<e n = \"1\" m='2'/>\n<e n='3'></e>", [("e.n", "1"), ("e.n", "3"), ("e", "")],
                                        _WHOLE),
    "an-element-that-holds-others-says-nothing": ("<a>x<b>1</b>y</a>", [("b", "1")], _WHOLE),
    "a-form-of-its-own": ('<!DOCTYPE a [<!ENTITY x "y">]>\n<a>&x;</a>\n', [], _BROKEN),
    "what-is-not-read-as-text": ("<c><x><![CDATA[<a>1</a>]]></x></c>", [], _BROKEN),
    "a-tag-in-a-value": ("<e n='>' m='<a>1</a>'>1</e>", [], _BROKEN),
    "closed-by-another": ("<c><a>1</b></c>", [], _BROKEN),
    "cut-off": ("<c><a>1</a>", [("a", "1")], _BROKEN),
    "none": ("a = 1\n", [], _BROKEN),
    "a-sign-by-its-number": ("<c><b>&#97;</b></c>", [("b", "&#97;")], _BROKEN),
}  # fmt: skip
_OPTIONS = {
    "with-and-without-a-value": (
        "# on\non\na = 1\nx y\np = x\n",
        [("on", "given"), ("a", "1"), ("p", "(set)")],
        _WHOLE,
    ),
    "words": ("no option at all.\n", [], _BROKEN),
}
_PROPERTIES = {
    "three-ways": (
        "! x\n# x\na=1\nb: 2 3\non 4\np: x\n",
        [("a", "1"), ("b", "2 3"), ("on", "4"), ("p", "(set)")],
        _WHOLE,
    ),
    "a-line-that-goes-on": ("x = 1 \\\na = 2\nb = 3\n", [("b", "3")], _BROKEN),
}
_EQUALS = {
    "a-word-is-told-and-no-more": ("w = none\nw = file:x\nw = \n", [("w", "none"), ("w", "(set)"), ("w", "")], _WHOLE),
}
_COLON = {
    "keys-of-any-depth": ("a: 1\nx:\n  - b: 2 # x\n    p: x\n", [("a", "1"), ("b", "2"), ("p", "(set)")], _WHOLE),
    "an-object-in-one-line": ("{a: 1, p: x}\n", [], _BROKEN),
    "one-in-a-list": ("a: 1\nx:\n  - {b: 2, p: x}\n", [("a", "1")], _BROKEN),
}
_CASES = {
    Grammar.SECTIONED: _SECTIONED, Grammar.INDENTED: _INDENTED, Grammar.JSON: _JSON, Grammar.XML: _XML,
    Grammar.OPTIONS: _OPTIONS, Grammar.PROPERTIES: _PROPERTIES, Grammar.EQUALS: _EQUALS,
    Grammar.COLON: _COLON,
}  # fmt: skip


@pytest.mark.parametrize(
    ("grammar", "named"),
    [pytest.param(grammar, case, id=f"{grammar}-{case}") for grammar, cases in _CASES.items() for case in cases],
)
def test_a_grammar_tells_what_stands_there(grammar: Grammar, named: str, read: Read) -> None:
    text, told, how = _CASES[grammar][named]
    assert read(grammar, text) == (told, how)


@pytest.mark.parametrize("grammar", [one for one in Grammar if one not in (Grammar.NAME, Grammar.PLIST)])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 20_000, id="brackets"),
        pytest.param("{" * 20_000, id="braces"),
        pytest.param("<a>" * 3_000, id="tags"),
        pytest.param("<" * 30_000, id="tags-without-an-end"),
        pytest.param("<!--" + "x\n" * 2_999, id="a-comment-without-an-end"),
        pytest.param('a = ["' * 3_000, id="quotes"),
        pytest.param("s = {" + "a = 1, " * 2_500, id="a-long-table"),
        pytest.param("".join(f"{' ' * depth}x:\n" for depth in range(190)), id="depth"),
        pytest.param("\x00\x01\xff" * 3_000, id="noise"),
    ],
)
def test_nothing_long_takes_long(grammar: Grammar, text: str, read: Read) -> None:
    told, how = read(grammar, text)
    assert how in (_WHOLE, _BROKEN, _MANY)
    assert len(told) <= 1000
