"""Whatever a host lists, no dialect that the registry knows falls over it, loses a line of it, or takes it twice."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from auditor.firewall.dialects.dialect import Dialect
from auditor.firewall.dialects.iptables_save import read_iptables
from auditor.firewall.dialects.registry import dialects
from auditor.model.facts.network import Family
from auditor.model.ruleset import Ruleset
from tests.collect.test_linear_work import assert_linear

pytestmark = pytest.mark.slow

_RECORDED = Path(__file__).parents[1] / "collect"
_TRIES = settings(max_examples=max(1, settings().max_examples // 3))
_SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r"
"""What Python takes for the end of a line, and no tool that lists packet filters does."""


def _texts(section: str) -> list[str]:
    return [file.read_text() for file in sorted(_RECORDED.joinpath(*section.split(".")).glob("*/input.txt"))]


def _sections(dialect: Dialect) -> tuple[str, ...]:
    return (*dialect.engines, *dialect.beside)


def _read(dialect: Dialect, texts: dict[str, str]) -> Ruleset | str:
    """Read texts; the objection where one is not whole, which is the only thing that may be raised."""
    try:
        return dialect.read(texts)
    except ValueError as error:
        return str(error)


def _noise() -> st.SearchStrategy[str]:
    letters = st.text(st.characters(exclude_characters="\n", exclude_categories=()), min_size=1, max_size=40)
    octets = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape").replace("\n", ""))
    words = [
        "$%&",
        "zzz zzz",
        "-A INPUT",
        "-A INPUT -j",
        "-A INPUT -m x -j ACCEPT",
        "*nat",
        "COMMIT",
        ":INPUT DROP",
        '"',
        "'",
        "{",
        "\0",
    ]
    return st.one_of(letters, octets, st.sampled_from(words), letters.map(lambda text: text * 3000)).filter(str.strip)


def _spoilt(section: str) -> st.SearchStrategy[str]:
    """Return recorded listings, some of their lines taken out, doubled, cut, or in the place of others."""
    lines = sorted({line for text in _texts(section) for line in text.split("\n")})
    line = st.one_of(st.sampled_from(lines), _noise())
    cut = st.builds(
        lambda one, other, at: one[: at % (len(one) + 1)] + other[at % (len(other) + 1) :],
        line,
        line,
        st.integers(0, 200),
    )
    whole = st.sampled_from(_texts(section)).map(lambda text: text.split("\n"))
    put = st.builds(
        lambda text, at, one: [*text[: at % len(text)], one, *text[at % len(text) :]],
        whole,
        st.integers(0, 99),
        st.one_of(line, cut),
    )
    return st.one_of(put, st.lists(st.one_of(line, cut), max_size=20)).map("\n".join)


@pytest.mark.parametrize("name", dialects())
def test_only_an_objection_is_raised(name: str) -> None:
    dialect = dialects()[name]
    texts = st.fixed_dictionaries({}, optional={section: _spoilt(section) for section in _sections(dialect)})

    @_TRIES
    @given(texts)
    def check(made: dict[str, str]) -> None:
        read = _read(dialect, made)
        assert isinstance(read, Ruleset) or read

    check()


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to everything inside of a document."""
    yield path
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _places(inner, (*path, key))


def _put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the document with something else in one place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = _put(copy[path[0]], path[1:], value)
    return copy


def _documents() -> list[Any]:
    found = []
    for text in _texts("firewall.nft"):
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found


_ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@_TRIES
@given(document=st.sampled_from(_documents()), at=st.integers(0, 100_000), value=_ANYTHING)
def test_json_with_anything_anywhere_is_read_or_objected_to(document: Any, at: int, value: Any) -> None:
    places = list(_places(document))
    text = json.dumps(_put(document, places[at % len(places)], value))
    read = _read(dialects()["nft_json"], {"firewall.nft": text})
    assert isinstance(read, Ruleset) or read


@_TRIES
@given(
    document=st.sampled_from(_documents()),
    at=st.integers(0, 1000),
    at_step=st.integers(0, 9),
    word=st.text(min_size=1, max_size=8),
)
def test_a_statement_that_is_not_known_makes_a_difference(document: Any, at: int, at_step: int, word: str) -> None:
    rules = [place for place in _places(document) if place[-2:] == ("rule", "expr")]
    assume(rules)
    place = rules[at % len(rules)]
    steps = document
    for key in place:
        steps = steps[key]
    strange = [*steps[: at_step % (len(steps) + 1)], {f"x-{word}": None}, *steps[at_step % (len(steps) + 1) :]]
    plain, changed = (
        _read(dialects()["nft_json"], {"firewall.nft": json.dumps(one)})
        for one in (document, _put(document, place, strange))
    )
    assert changed != plain


def _saved() -> list[str]:
    return [text for text in _texts("firewall.iptables_legacy") if "COMMIT" in text and "\n-A" in text]


@_TRIES
@given(text=st.sampled_from(_saved()), at=st.integers(0, 1000), line=_noise())
def test_a_line_of_iptables_makes_a_difference(text: str, at: int, line: str) -> None:
    assume(not line.strip().startswith("#"))
    lines = text.rstrip("\n").split("\n")
    place = at % (len(lines) + 1)
    strange = "\n".join([*lines[:place], line, *lines[place:]]) + "\n"
    dialect = dialects()["iptables_save"]
    section = "firewall.iptables_legacy"
    assert _read(dialect, {section: strange}) != _read(dialect, {section: text})


@pytest.mark.parametrize("separator", _SEPARATORS)
def test_a_comment_is_no_rule_whatever_it_holds(separator: str) -> None:
    """What Python calls a line break stands inside of a comment like any other letter."""
    forged = f'-A INPUT -m comment --comment "a{separator}-A INPUT -j ACCEPT{separator}" -j DROP'
    listing = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{}\nCOMMIT\n"
    plain = read_iptables(listing.format("-A INPUT -m comment --comment ab -j DROP"), Family.IP)
    read = read_iptables(listing.format(forged), Family.IP)
    assert {name: len(rules) for name, rules in read.chains.items()} == {
        name: len(rules) for name, rules in plain.chains.items()
    }
    assert read.doubts == plain.doubts


def _grown(section: str) -> st.SearchStrategy[Callable[[int], str]]:
    """Return ways for a listing to grow and still be one."""
    if section == "firewall.nft":
        return st.sampled_from([one for one in _documents() if one.get("nftables")]).map(
            lambda one: lambda times: json.dumps({"nftables": one["nftables"] * times})
        )
    if section == "firewall.windows":
        return st.just(_with_rules)
    start = "# family ip\n" if section == "firewall.iptables_nft" else ""
    return st.sampled_from([text for text in _texts(section) if text]).map(
        lambda text: lambda times: start + "\n".join([text] * times)
    )


def _with_rules(times: int) -> str:
    """Return a recorded section with so many times its rules; what else is in it is told once."""
    rows = (_RECORDED / "firewall/windows/ordinary/input.txt").read_text().rstrip("\n").split("\n")
    rules = [row for row in rows if row.startswith("rule\tlocal\t")]
    counted = f"store\tlocal\t{len(rules)}\t{len(rules)}"
    place = rows.index(counted)
    rows[place] = f"store\tlocal\t{len(rules) * times}\t{len(rules) * times}"
    return "\n".join([*rows[:place], *rules * (times - 1), *rows[place:]])


@pytest.mark.parametrize("name", dialects())
def test_twice_the_listing_is_at_most_twice_the_work(name: str) -> None:
    dialect = dialects()[name]

    @settings(max_examples=max(1, settings().max_examples // 10))
    @given(st.sampled_from(_sections(dialect)).flatmap(lambda one: st.tuples(st.just(one), _grown(one))))
    def check(growth: tuple[str, Callable[[int], str]]) -> None:
        section, grown = growth
        around = {one: _texts(one)[-1] for one in dialect.engines}
        assert_linear(lambda text: dialect.read({**around, section: text}), grown)

    check()
