"""No line of an answer is lost, for every reader that the registry knows.

A line is accounted for when reading the answer with it differs from reading it without: in a fact, in an unread line,
or in what makes the section partial. `SAYS_NOTHING` names every form of a line that may make no difference, and why.
What differs in nothing and has none of these forms was dropped in silence.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.collect.firewall.nft_text import _OBJECTS, _PROPERTIES
from auditor.collect.registry import collectors
from auditor.model.reading import Parsed

_HERE = Path(__file__).parent
_TRIES = settings(max_examples=max(1, settings().max_examples // 3))
"""For each of a score of readers; a soak has two hundred times as many."""


def _blank(line: str) -> bool:
    return not line.strip()


def _comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _words(*words: str) -> Callable[[str], bool]:
    return lambda line: line.strip() in words


def _beginning(*words: str) -> Callable[[str], bool]:
    return lambda line: line.split(maxsplit=1)[0] in words


def _key(line: str) -> bool:
    return line.partition("=")[0].strip().replace("_", "").isalnum()


_SAVED = {
    "a comment of iptables-save": _comment,
    "a chain that no hook leads to; what is counted is hooks and rules": lambda line: line.startswith(":"),
}
SAYS_NOTHING: dict[str, dict[str, Callable[[str], bool]]] = {
    "accounts.sudoers": {
        "the script's own mark, said again": _words("lines"),
        "a file that no line is of": lambda line: line.startswith("file /"),
    },
    "accounts.users": {"passwd(5) hands over to a directory, said already": lambda line: line.startswith(("+", "-"))},
    "containers.docker": {
        "a port that was asked for; a container that runs says which it got": lambda line: "\tPortBindings\t" in line,
    },
    "containers.podman": {
        "a second name: an engine gives one": lambda line: "\tnames\t" in line and "\tnames\t0\t" not in line,
    },
    "firewall.ip6tables_legacy": _SAVED,
    "firewall.iptables_legacy": _SAVED,
    "firewall.iptables_nft": _SAVED,
    "firewall.pf": {"an interface that pf does not skip": lambda line: len(line.split(" ")) == 1},
    "firewall.nft_text": {
        "a comment": _comment,
        "the end of a block that is open": _words("}"),
        "a property of a set or of another object: rules and hooks are counted": _words(*_OBJECTS, *_PROPERTIES),
        "the same with a value, but for words that rules begin with": _beginning("chain", "comment", "policy", "type"),
    },
    "processes.macos": {"a process of whose program nothing was told": str.isdecimal},
    "processes.procfs": {
        "the script's own mark, said again": _words("links", "names"),
        "a name for a user none of whose processes lacks one": lambda line: line.split(maxsplit=1)[0].isdecimal(),
    },
    "software.rpm": {
        "the repository of a package that is not there any more": lambda line: (
            line.startswith("origin\t") and line.count("\t") == 2
        ),
        "a key to verify signatures with": lambda line: line.startswith("package\tgpg-pubkey\t"),
    },
    "remote_config.extensions": {
        "the script's own mark, said again": _words("policies"),
        "a line of a policy file that forces no extension": lambda line: line.startswith("/") and ":" in line,
    },
    "software.portable": {"a folder that the walk began in": lambda line: line.startswith("root\t/")},
    "software.pypi": {
        "a package that the distribution lists itself": lambda line: line.startswith("dist\t\t/usr/lib/python3"),
    },
    "software.apps": {"the script's own word on a signature, without a team": _words("unproven")},
    "sockets.macos": {"a file of lsof(8) without a name, and a name that is empty": _words("f", "n")},
    "sockets.ss": {
        "an empty line of what a namespace said": _words("|"),
        "a detail of an address or interface": lambda line: line.startswith("|") and line[1:2].isspace(),
        "the script's own mark, said again": _words("ss"),
        "a part of the kernel, where no socket lacks a holder": lambda line: line.split(" ")[0] == "kernel",
    },
    "system.os": {
        "a comment of os-release(5)": _comment,
        "a key of os-release(5) that nothing is read from": _key,
        "the name of a file that is empty": lambda line: line.startswith("file /"),
    },
}
IN_PLACE: dict[tuple[str, str], str] = {
    ("firewall.nft_text", "dormant"): "rules of a dormant table filter nothing and are not counted",
}
"""Recorded answers in which whole stretches say nothing on purpose."""


def _recorded(name: str) -> list[str]:
    """Return the answers that were recorded for a collector."""
    folders = _HERE.joinpath(*name.split(".")).glob("*/input.txt")
    return [file.read_text(encoding="utf-8") for file in sorted(folders) if (name, file.parent.name) not in IN_PLACE]


def _read(parsed: Parsed) -> tuple[object, ...]:
    """Return what an answer says, wherever in it that stands."""
    unread = [(one.text, one.reason) for one in parsed.unread]
    return [fact for _, fact in parsed.facts], unread, parsed.partial, parsed.limits


def _noise() -> st.SearchStrategy[str]:
    """Return lines of anything: letters, bytes that are none, words that mean something somewhere, and long ones."""
    letters = st.text(st.characters(exclude_characters="\n", exclude_categories=()), min_size=1, max_size=40)
    octets = st.binary(min_size=1, max_size=20).map(
        lambda data: data.decode("utf-8", "surrogateescape").replace("\n", "")
    )
    words = st.sampled_from(
        [
            "$%&",
            "zzz zzz",
            "=",
            "-> :",
            "#x",
            "0",
            "[a]",
            "@x",
            "|",
            "\0",
            "{",
            "[]",
            "null",
            "file",
            "tcp LISTEN",
            "-A",
        ]
    )
    return st.one_of(letters, octets, words, letters.map(lambda text: text * 3000)).filter(bool)


@pytest.mark.parametrize("name", collectors())
def test_a_line_makes_a_difference_or_has_a_form_that_says_nothing(name: str) -> None:
    parse, texts = collectors()[name].parse, _recorded(name)
    assert texts
    forms = {"blanks": _blank} | SAYS_NOTHING.get(name, {})

    @_TRIES
    @given(text=st.sampled_from(texts), at=st.integers(0, 2000), line=_noise())
    def check(text: str, at: int, line: str) -> None:
        lines = text.rstrip("\n").split("\n") if text else []
        place = at % (len(lines) + 1)
        read = _read(parse("\n".join([*lines[:place], line, *lines[place:]]) + "\n"))
        if read == _read(parse(text)):
            assert any(says_nothing(line) for says_nothing in forms.values()), (line, place)

    check()


@pytest.mark.parametrize("name", collectors())
def test_nothing_makes_a_parser_raise(name: str) -> None:
    parse = collectors()[name].parse
    lines = sorted({line for text in _recorded(name) for line in text.split("\n")})
    line = st.one_of(st.sampled_from(lines), _noise())
    spliced = st.builds(
        lambda one, other, at: one[: at % (len(one) + 1)] + other[at % (len(other) + 1) :],
        line,
        line,
        st.integers(0, 200),
    )

    @_TRIES
    @example([""])
    @example(["", "", ""])
    @example(["\0"])
    @example(["[" * 5000])
    @given(st.lists(st.one_of(line, spliced), max_size=25))
    def check(made: list[str]) -> None:
        parsed = parse("\n".join(made))
        assert all(1 <= number <= max(len(made), 1) for number, _ in parsed.facts)
        assert all(0 <= one.line <= max(len(made), 1) for one in parsed.unread)
        assert {type(fact) for _, fact in parsed.facts} <= set(collectors()[name].facts)

    check()


def test_forms_are_of_collectors_that_exist() -> None:
    assert set(SAYS_NOTHING) <= set(collectors())
    for name, case in IN_PLACE:
        assert _HERE.joinpath(*name.split("."), case, "input.txt").is_file()


def test_a_line_that_is_dropped_would_be_noticed() -> None:
    """The law has teeth: a reader that looks at half of its lines breaks it."""
    parse = collectors()["software.dpkg"].parse
    text = _recorded("software.dpkg")[-1]
    strange = f"{text}zzz zzz\n"

    def gives_up(said: str) -> Parsed:
        return parse("\n".join(said.split("\n")[:3]))

    assert _read(gives_up(strange)) == _read(gives_up(text))
    assert _read(parse(strange)) != _read(parse(text))
