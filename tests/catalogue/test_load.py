"""An entry that breaks a rule is refused with file, line and the right word, everything at once."""

import json
from pathlib import Path

import pytest

from auditor.catalogue.entry import read_catalogue, write_catalogue
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Catalogue, parse_port
from auditor.errors import CatalogueError
from auditor.model.host import OsFamily

_ENTRY = """\
id: {id}
name: Example
vendor: Someone
category: vnc
role: server
depth: C
techniques: [T1021.005]
summary: An example.
indicators:
  - kind: process
    os: linux
    values: [{value}]
    strength: strong
    source: read from a package
    verified: 2026-11-21
"""


def _write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.yml").write_text(text, "utf-8")


def _problems(folder: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder, cache_folder=folder / "cache")
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("id: one", "id: two", "one.yml:1:1: id 'two' is not the file's name 'one'", id="other-name"),
        pytest.param("category: vnc", "category: vcn", "one.yml:4:1: category: 'vcn' is none of", id="unknown-word"),
        pytest.param("role: server", "rolle: server", "(did you mean 'role'?)", id="unknown-key"),
        pytest.param("T1021.005", "T9999", "one.yml:7:14: techniques.0: 'T9999' is none of", id="unknown-technique"),
        pytest.param(
            "    source: read from a package\n", "", "one.yml:10:5: indicators.0: 'source' is a", id="no-source"
        ),
        pytest.param("[onevncd]", "[agent]", "one.yml:12:14: 'agent' is a generic name", id="generic-name"),
        pytest.param(
            "[onevncd]", "[Python3]", "'Python3' is a generic name and cannot be strong", id="generic-in-capitals"
        ),
        pytest.param("[onevncd]", '["ab*"]', "one.yml:12:14: 'ab*' says too little to be strong", id="too-short"),
        pytest.param(
            "[onevncd]", "[onevncd]\n    excluding: 5", "excluding: 5 is not of type 'array'", id="wrong-type"
        ),
        pytest.param(
            "kind: process", "kind: signer", "a signer is never strong: a maker signs more", id="strong-signer"
        ),
        pytest.param("2026-11-21", '"2026-13-21"', "one.yml:15:5: 2026-13-21 is not a day", id="no-day"),
        pytest.param("summary:", "brand_of: on\nsummary:", "brand_of", id="unknown-product"),
        pytest.param("summary:", "listens: [{port: 99999}]\nsummary:", "'99999' is no port or range", id="no-port"),
        pytest.param(
            "summary:",
            "connects: [{port: 32700-57699, source: x, verified: 2026-11-21}]\nsummary:",
            "25000 ports are more than a filter can be asked about",
            id="half-of-all-ports",
        ),
        pytest.param("summary:", "summary: [", "not YAML", id="not-yaml"),
        pytest.param("summary:", "software: [X1]\nsummary:", "one.yml:8:12: software.0: 'X1'", id="no-software-id"),
        pytest.param("[onevncd]", '["*"]', "'*' matches everything", id="everything"),
        pytest.param(
            "summary:",
            "uninstall: {linux: [{detect: a, silent: b, verify: c, reversible: true, source: d,\n"
            '                     verified: "2026-13-01"}]}\nsummary:',
            "2026-13-01 is not a day",
            id="no-day-of-a-recipe",
        ),
        pytest.param(
            "summary:",
            "unsafe: [{os: linux, file: /etc/x, format: word, key: k, when: 1, why: w, source: s,\n"
            "          verified: 2026-11-01}]\nsummary:",
            "unsafe.0.format: 'word' is none of",
            id="no-format",
        ),
        pytest.param(
            "indicators:\n",
            'indicators:\n  - {kind: domain, os: linux, values: ["*.com"], strength: weak, source: s,\n'
            "     verified: 2026-11-01}\n",
            "'*.com' is not the domain of one owner",
            id="top-level-domain",
        ),
        pytest.param(
            "indicators:\n",
            'indicators:\n  - {kind: domain, os: linux, values: ["one.*"], strength: weak, source: s,\n'
            "     verified: 2026-11-01}\n",
            "'one.*' is not the domain of one owner",
            id="any-top-level-domain",
        ),
    ],
)
def test_a_wrong_entry_is_refused_where_it_is_wrong(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = _ENTRY.format(id="one", value="onevncd")
    assert old in text
    _write(tmp_path, "one", text.replace(old, new))
    problems = _problems(tmp_path)
    assert len(problems) == 1 or old == "role: server"
    assert any(expected in problem for problem in problems), problems


def test_every_problem_of_every_file_is_said_at_once(tmp_path: Path) -> None:
    _write(tmp_path, "one", _ENTRY.format(id="uno", value="sh"))
    _write(tmp_path, "two", _ENTRY.format(id="two", value="onevncd") + "extra: 1\n")
    _write(tmp_path, "three", "- a list\n")
    problems = _problems(tmp_path)
    assert [problem.split(":")[0] for problem in problems] == ["one.yml", "one.yml", "three.yml", "two.yml"]


def test_two_products_cannot_call_the_same_thing_strong(tmp_path: Path) -> None:
    _write(tmp_path, "one", _ENTRY.format(id="one", value="onevncd"))
    _write(tmp_path, "two", _ENTRY.format(id="two", value="OneVNCd"))
    assert _problems(tmp_path) == [
        "two.yml:12:14: process 'OneVNCd' is strong for 'one' already; at most one product may say so"
    ]


def test_an_id_is_unique_even_when_file_names_differ_in_case_only(tmp_path: Path) -> None:
    _write(tmp_path, "one", _ENTRY.format(id="one", value="onevncd"))
    _write(tmp_path, "One", _ENTRY.format(id="one", value="twovncd"))
    assert any("is not the file's name 'One'" in problem for problem in _problems(tmp_path))


def test_an_unknown_id_names_the_nearest(tmp_path: Path) -> None:
    _write(tmp_path, "examplevnc", _ENTRY.format(id="examplevnc", value="onevncd"))
    _write(tmp_path, "two", _ENTRY.format(id="two", value="twovncd") + "brand_of: exampelvnc\n")
    assert _problems(tmp_path) == ["two.yml:16:1: unknown product 'exampelvnc' (did you mean 'examplevnc'?)"]


def test_products_that_replace_each_other_are_refused(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "one"), ("three", "one")):
        _write(tmp_path, name, _ENTRY.format(id=name, value=f"{name}d") + f"replaced_by: {other}\n")
    assert _problems(tmp_path) == [
        "one.yml:16:1: no product carries on: one → two → one",
        "two.yml:16:1: no product carries on: two → one → two",
    ]


def test_a_port_is_a_port_and_never_strong(tmp_path: Path) -> None:
    text = _ENTRY.format(id="one", value="5900x").replace("kind: process", "kind: port")
    _write(tmp_path, "one", text)
    assert _problems(tmp_path) == [
        "one.yml:9:1: port alone cannot tell a product; name a program, package or service",
        "one.yml:12:14: '5900x' is no port or range such as 5900, 5900-5937 or 7070/udp",
        "one.yml:13:5: a port is never strong: anything may listen on a port; say weak",
    ]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_products_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogueError, match=name):
        load_catalogue(tmp_path / name, cache_folder=tmp_path / "cache")


def test_the_compiled_form_is_used_while_the_files_are_the_same(tmp_path: Path) -> None:
    folder, cache = tmp_path / "products", tmp_path / "cache"
    folder.mkdir()
    _write(folder, "one", _ENTRY.format(id="one", value="onevncd"))
    first = load_catalogue(folder, cache_folder=cache)
    (kept,) = cache.iterdir()
    assert json.loads(kept.read_text("utf-8"))["sha256"] == first.sha256
    assert load_catalogue(folder, cache_folder=cache) == first
    _write(folder, "one", _ENTRY.format(id="one", value="othervncd"))
    changed = load_catalogue(folder, cache_folder=cache)
    assert changed.products[0].indicators[0].value == "othervncd"
    assert changed.sha256 != first.sha256


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"products": [{}], "sha256": ""}', '{"products": 5, "sha256": ""}', "null"]
)
def test_a_damaged_cache_is_not_believed(tmp_path: Path, text: str) -> None:
    folder, cache = tmp_path / "products", tmp_path / "cache"
    folder.mkdir()
    _write(folder, "one", _ENTRY.format(id="one", value="onevncd"))
    first = load_catalogue(folder, cache_folder=cache)
    (kept,) = cache.iterdir()
    kept.write_text(text, "utf-8")
    assert load_catalogue(folder, cache_folder=cache) == first


def test_a_cache_whose_content_was_changed_is_not_believed(tmp_path: Path, catalogue: Catalogue) -> None:
    first = load_catalogue(cache_folder=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text(kept.read_text("utf-8").replace("Xtigervnc", "Xtigervnk"), "utf-8")
    assert load_catalogue(cache_folder=tmp_path) == first == catalogue


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "a-file").write_text("", "utf-8")
    assert load_catalogue(cache_folder=tmp_path / "a-file" / "below") == catalogue


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert load_catalogue() == catalogue


def test_the_digest_is_of_the_content_and_not_of_the_files(tmp_path: Path) -> None:
    text = _ENTRY.format(id="one", value="onevncd")
    _write(tmp_path, "one", text)
    first = load_catalogue(tmp_path, cache_folder=tmp_path / "cache")
    _write(tmp_path, "one", "# a comment\n" + text.replace("verified: 2026-11-21", "verified: '2026-11-21'"))
    assert load_catalogue(tmp_path, cache_folder=tmp_path / "cache").sha256 == first.sha256


def test_a_catalogue_survives_being_written_down(catalogue: Catalogue) -> None:
    assert read_catalogue(json.loads(json.dumps(write_catalogue(catalogue)))) == catalogue


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5900", ("tcp", 5900, 5900)),
        ("5900-5937", ("tcp", 5900, 5937)),
        ("50001-50003/udp", ("udp", 50001, 50003)),
    ],
)
def test_ports_and_ranges(text: str, expected: tuple[str, int, int]) -> None:
    assert parse_port(text) == expected


@pytest.mark.parametrize("text", ["", "0", "70000", "9-1", "5900/sctp", "5900-", "x", "-1"])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(ValueError, match="is no port or range"):
        parse_port(text)


def test_what_is_written_of_settings_and_removal_comes_back(tmp_path: Path) -> None:
    text = _ENTRY.format(id="one", value="onevncd") + (
        "software: [S0591]\n"
        "unsafe: [{os: linux, file: /etc/one, format: ini, key: auth, when: none, why: Anybody gets in.,\n"
        "          source: its manual, verified: 2026-11-21}]\n"
        "uninstall: {linux: [{detect: package one, silent: apt-get -y purge one, verify: no package one,\n"
        "                     reversible: false, source: its manual, verified: 2026-11-21}]}\n"
    )
    _write(tmp_path, "one", text)
    loaded = load_catalogue(tmp_path, cache_folder=tmp_path / "cache")
    (product,) = loaded.products
    assert product.software == ("S0591",)
    assert product.unsafe[0].when == "none"
    assert product.uninstall[OsFamily.LINUX][0].is_reversible is False
    assert read_catalogue(json.loads(json.dumps(write_catalogue(loaded)))) == loaded
