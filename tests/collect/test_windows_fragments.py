"""What the fragments for Windows print is what their readers know: no row, and no field of one, is of one side only."""

import sys
from collections.abc import Iterator

import pytest
import tree_sitter
import tree_sitter_powershell

from auditor.collect.ps_probe import ps_probe
from auditor.collect.registry import collectors
from auditor.collect.remote_config.product_keys import KEYS
from auditor.model.host import OsFamily

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
_FRAGMENTS = {
    name: one.scripts[OsFamily.WINDOWS] for name, one in collectors().items() if OsFamily.WINDOWS in one.scripts
}
_KINDS: dict[str, dict[str, int]] = {
    name: sys.modules[f"auditor.collect.{name}"].__dict__["_KINDS"]
    for name in _FRAGMENTS
    if "_KINDS" in sys.modules[f"auditor.collect.{name}"].__dict__
}
# Methods of strings, times and tables, which are of the types that a constrained language knows.
_METHODS = {
    "AddDays", "ContainsKey", "LastIndexOf", "Split", "StartsWith", "Substring", "ToCharArray", "ToString",
    "ToUniversalTime", "Trim",
}  # fmt: skip
_TYPES = {"bool", "int", "int64", "string", "xml"}
_SECRET_WORDS = ("passw", "secret", "token")


def _commands(script: str, name: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of a command."""
    waiting = [_PARSER.parse(script.encode()).root_node]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        if node.type != "command" or node.children[0].text != name.encode():
            continue
        elements = [child for part in node.children[1:] for child in part.children]
        words = [child.text.decode() for child in elements if child.type != "command_argument_sep" and child.text]
        yield words


@pytest.mark.parametrize("name", _KINDS)
def test_each_row_has_the_fields_that_its_reader_wants(name: str) -> None:
    printed = [(words[0].strip("'"), len(words) - 1) for words in _commands(_FRAGMENTS[name], "Row")]
    assert set(printed) == set(_KINDS[name].items())


def test_readers_of_rows_by_kind_are_held_to_this() -> None:
    assert "remote_config.products" in _KINDS
    assert {"network.windows", "remote_config.rdp", "services.traces", "logons.windows", "processes.sysmon"} <= set(
        _KINDS
    )
    assert list(_commands("Row 'a' $b ([int]$c)", "Row")) == [["'a'", "$b", "([int]$c)"]]


def _nodes(script: str, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the text of each node of a kind, and the kind of the node it stands in."""
    waiting = [_PARSER.parse(script.encode()).root_node]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        if node.type == kind and node.text and node.parent is not None:
            yield node.text.decode(), node.parent.type


def test_a_constrained_language_knows_every_type_and_method() -> None:
    """about_Language_Modes: a method of another type is not called there, and no other type is named."""
    called = {name for name, parent in _nodes(ps_probe(), "member_name") if parent == "invokation_expression"}
    assert called - _METHODS == {"ToXml"}
    script = ps_probe()
    assert script.count("ToXml()") == 1
    # An event's XML is asked for in the full language alone.
    assert script.rindex("if ($isFull) {", 0, script.index("ToXml()")) == script.index("if ($isFull) {")
    assert {text.strip("[]") for text, _ in _nodes(ps_probe(), "type_literal")} <= _TYPES


def test_no_value_that_is_a_password_is_asked_for() -> None:
    """Of such a value only its name is told; the one command that reads values reads those that are named."""
    script = _FRAGMENTS["remote_config.vnc"]
    assert "Get-ItemProperty" not in script
    asked = [name for name, _ in _named(script)]
    assert len(asked) > 30
    assert [name for name in asked if any(word in name.lower() for word in _SECRET_WORDS)] == []


def _named(script: str) -> Iterator[tuple[str, str]]:
    """Yield the names of values in each list that ``Told`` and ``Written`` are given."""
    for line in script.replace(",\n", ", ").splitlines():
        variable, equals, names = line.strip().partition(" = @(")
        if equals and variable in ("$tight", "$real", "$older", "$ultra"):
            for name in names.rstrip(")").split(","):
                yield name.strip(" '"), variable


def test_no_secret_of_a_product_is_read() -> None:
    """Of the registry a value of the told names alone is asked for; what a file holds is masked in one place."""
    script = _FRAGMENTS["remote_config.products"]
    assert "Get-ItemProperty" not in script
    asked = [line.strip() for line in script.splitlines() if "(Value " in line]
    assert asked == [
        "if ($there -contains $name) { Tell '' $path '' $form $name (@(Value \"Registry::$path\" $name) -join ',') }",
        "$folder = [string](Value $one.PSPath 'ProfileImagePath')",
    ]
    assert script.count("foreach ($name in $form[4]) {") == 1
    assert [line.strip() for line in script.splitlines() if line.lstrip().startswith("Row 'set'")] == [
        "Row 'set' $user $file $line $form[0] $key $value"
    ]
    assert script.count("Row 'set'") == 2
    assert script.index("$value = '(set)'") < script.index("Row 'set'")
    for one in KEYS:
        assert set(one.told).isdisjoint(one.secret)
        for name in (*one.told, *one.secret):
            assert f"'{name}'" in script


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        pytest.param("network.dns_cache", "-First 5000", id="names"),
        pytest.param("services.traces", "-First 3000", id="tasks"),
        pytest.param("services.traces", "-gt 5000", id="traces"),
        pytest.param("appcontrol.windows", "-First 2000", id="rules-of-applocker"),
        pytest.param("appcontrol.windows", "-le 1000000", id="applockers-xml"),
        pytest.param("logons.windows", "-MaxEvents $most", id="events"),
        pytest.param("processes.sysmon", "-MaxEvents $most", id="events-of-sysmon"),
        pytest.param("processes.sysmon", "$table.Count -lt 1000", id="what-sysmon-tells-of"),
        pytest.param("processes.sysmon", "if (-not (Spare 25)) { Failed", id="the-time-of-a-search"),
        pytest.param("logons.windows", "if (-not (Spare 15)) { Failed", id="the-time-of-searches"),
        pytest.param("remote_config.vnc", "-gt 262144", id="a-settings-file"),
        pytest.param("remote_config.products", "-gt 262144", id="a-products-file"),
        pytest.param("remote_config.products", "-TotalCount 3001", id="lines-of-a-products-file"),
        pytest.param("remote_config.products", "-gt 500", id="a-value"),
        pytest.param("remote_config.products", "-First 51", id="files-of-a-folder"),
        pytest.param("remote_config.products", "-First 300", id="profiles"),
    ],
)
def test_what_others_can_make_long_is_bounded(name: str, bound: str) -> None:
    assert bound in _FRAGMENTS[name]
