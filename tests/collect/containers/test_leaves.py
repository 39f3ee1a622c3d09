"""Named values leave an engine's JSON files, whatever else is in them, and nothing else does; in every awk."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect.containers.leaves import LEAVES, read_leaf

_AWKS = {"mawk": ("mawk",), "gawk": ("gawk",), "busybox": ("busybox", "awk"), "original-awk": ("original-awk",)}
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_JSON = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@pytest.fixture(params=_AWKS)
def awk(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a PATH that has one awk."""
    words = _AWKS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    folder = tmp_path / "awk"
    folder.mkdir()
    script = f'#!/bin/sh\nexec {shutil.which(words[0])} {" ".join(words[1:])} "$@"\n'
    (folder / "awk").write_text(script)
    (folder / "awk").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def leaves(path: str, wanted: str, *files: Path) -> list[str]:
    done = subprocess.run(
        ["sh", "-c", f'{LEAVES}\njson_leaves "$@"', "sh", wanted, *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": path, "LC_ALL": "C"},
        errors="replace",
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def _flat(value: object, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, (*keys, json.dumps(key)[1:-1]))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _flat(inner, (*keys, str(at)))
    elif value is not None:
        yield keys, value


@given(made=st.lists(_JSON, min_size=1, max_size=20), spaces=st.sampled_from((None, 0, 1)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_wanted_comes_as_it_is_and_all_else_stays(
    made: list[object], spaces: int | None, awk: str, tmp_path: Path
) -> None:
    files = []
    for number, value in enumerate(made):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps({"Env": value, "Wanted": {"a": value}, "Labels": {"Wanted": value}}, indent=spaces))
        files.append(file)
    found = [read_leaf(number, line) for number, line in enumerate(leaves(awk, "Wanted.a", *files), 1)]
    expected = [
        (str(file), ("Wanted", "a", *keys), value)
        for file, whole in zip(files, made, strict=True)
        for keys, value in _flat(whole, ())
    ]
    assert [(leaf.file, leaf.keys, leaf.value) for leaf in found] == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param('{"Wanted": "cut off', "it ends in the middle", id="cut in a text"),
        pytest.param('{"Wanted": "cut off\\', "it ends in the middle", id="cut in an escape"),
        pytest.param('{"Wanted": {"a": 1}', "it ends in the middle", id="cut after a value"),
        pytest.param('{"Wanted": 1]', "it is not JSON", id="another bracket"),
        pytest.param('{"Wanted": 1}}', "it is not JSON", id="a bracket too many"),
        pytest.param("<html>", "it is not JSON", id="something else"),
        pytest.param("[" * 40, "it is nested too deeply", id="very deep"),
        pytest.param('{"a": "' + "x" * 1_100_000 + '"}', "it is longer than 1 MB", id="very long"),
    ],
)
def test_what_is_no_json_is_said(text: str, why: str, awk: str, tmp_path: Path) -> None:
    file = tmp_path / "config.v2.json"
    file.write_text(text)
    assert leaves(awk, "Wanted", file)[-1] == f"{file}\t!{why}"


def test_a_control_character_makes_no_line(awk: str, tmp_path: Path) -> None:
    file = tmp_path / "config.v2.json"
    file.write_text('{"Wanted": "a\nlives\t1\tb", "W\n": 1}')
    assert leaves(awk, "Wanted", file) == [f'{file}\tWanted\t"a?lives?1?b"']


def test_lists_are_wanted_by_a_star(awk: str, tmp_path: Path) -> None:
    file = tmp_path / "containers.json"
    file.write_text('[{"id": "x", "names": ["n"], "big": ["id"]}, {"id": "y"}]')
    told = [line.split("\t")[1:] for line in leaves(awk, "*.id,*.names", file)]
    assert told == [["0", "id", '"x"'], ["0", "names", "0", '"n"'], ["1", "id", '"y"']]


def test_a_file_that_is_gone_is_none(awk: str, tmp_path: Path) -> None:
    assert leaves(awk, "Wanted", tmp_path / "gone.json") == []
