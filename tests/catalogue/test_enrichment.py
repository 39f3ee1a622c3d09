"""What a public list says is weak at most, and what it gets wrong is named."""

import json
from pathlib import Path

import pytest

from auditor.catalogue.enrichment import Quarantined, Standing, quarantine
from auditor.catalogue.product import Catalogue, IndicatorKind, Strength
from auditor.cli.main import main


def _tool(name: str, **parts: object) -> dict[str, object]:
    return {"Name": name, "Description": "synthetic", **parts}


def _programs(*names: str) -> dict[str, object]:
    return {"PEMetadata": [{"Filename": name, "OriginalFileName": None} for name in names]}


def _by_value(found: tuple[Quarantined, ...]) -> dict[str, Quarantined]:
    return {one.value: one for one in found}


@pytest.mark.parametrize(
    ("value", "standing", "why"),
    [
        pytest.param("AnyDesk.exe", Standing.KNOWN, "", id="ours-of-the-same-product"),
        pytest.param("anydesk-new-thing.exe", Standing.NEW, "", id="new"),
        pytest.param("TeamViewer.exe", Standing.COLLISION, "teamviewer", id="of-another-product-of-ours"),
        pytest.param("agent.exe", Standing.REFUSED, "a generic name", id="generic"),
        pytest.param("ab*.exe", Standing.REFUSED, "says too little", id="too-short"),
        pytest.param("tool-[0-9]+.exe", Standing.REFUSED, "a regular expression", id="expression"),
        pytest.param("tool\nname.exe", Standing.REFUSED, "too long, or not printable", id="newline"),
    ],
)
def test_a_program_of_a_list_is_weighed(catalogue: Catalogue, value: str, standing: Standing, why: str) -> None:
    (found,) = quarantine(_tool("AnyDesk", Details=_programs(value)), catalogue)
    assert (found.product, found.standing, found.strength) == ("anydesk", standing, Strength.WEAK)
    assert found.why.startswith(why)


def test_two_tools_of_a_list_with_one_name_collide(catalogue: Catalogue) -> None:
    found = quarantine([_tool(name, Details=_programs("sharedtool.exe")) for name in ("One", "Two")], catalogue)
    assert [one.why for one in found] == ["Two (of this list)", "One (of this list)"]


def test_services_paths_and_domains_are_read_and_top_level_domains_refused(catalogue: Catalogue) -> None:
    tool = _tool(
        "Some Tool",
        Details={"PEMetadata": {"Filename": "sometool.exe"}, "InstallationPaths": ["/Applications/Some Tool.app"]},
        Artifacts={
            "Disk": [{"File": "/opt/sometool", "OS": "Linux"}, {"File": "C:\\x\\sometool.log", "OS": "Amiga"}],
            "EventLog": [{"ServiceName": "SomeToolService"}, {"ServiceName": None}],
            "Network": [{"Domains": ["relay.sometool.example:443", "*.com"]}, {"Domain": "N/A"}],
        },
    )
    found = _by_value(quarantine([tool], catalogue))
    assert {value: one.kind for value, one in found.items()} == {
        "sometool.exe": IndicatorKind.PROCESS,
        "/Applications/Some Tool.app": IndicatorKind.PATH,
        "/opt/sometool": IndicatorKind.PATH,
        "SomeToolService": IndicatorKind.SERVICE,
        "relay.sometool.example": IndicatorKind.DOMAIN,
        "*.com": IndicatorKind.DOMAIN,
    }
    assert [value for value, one in found.items() if one.standing is Standing.REFUSED] == ["*.com"]


@pytest.mark.parametrize("data", ["a text", 5, None, [{"name": "no"}], [["nested"]]])
def test_another_shape_is_refused(catalogue: Catalogue, data: object) -> None:
    with pytest.raises(ValueError, match="tool"):
        quarantine(data, catalogue)


def test_the_command_shows_and_adds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "list.json"
    file.write_text(json.dumps([_tool("AnyDesk", Details=_programs("AnyDesk.exe", "agent.exe"))]), "utf-8")
    assert main(["catalogue", "import", str(file), "--format", "json"]) == 0
    told = capsys.readouterr()
    assert [row["standing"] for row in json.loads(told.out)] == ["known", "refused"]
    assert "1 known, 0 collision, 1 refused. Nothing was added" in told.err


def test_nothing_that_a_list_says_acts_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acts = "\x1b]0;owned\x07\u202e\x9b2J"
    file = tmp_path / "list.json"
    tools = [
        _tool(f"One{acts}", Details=_programs(f"one{acts}.exe")),
        _tool("Two", Details=_programs(f"one{acts}.exe")),
    ]
    file.write_text(json.dumps(tools), "utf-8")
    assert main(["catalogue", "import", str(file)]) == 0
    told = capsys.readouterr()
    assert "One" in told.out
    assert not set(acts) - set("]0;owned2J") & set(told.out + told.err)


@pytest.mark.parametrize(
    ("text", "expected"),
    [pytest.param("- [", "not YAML", id="not-yaml"), pytest.param("a: 1", "tool 1 has no 'Name'", id="other-shape")],
)
def test_a_file_that_is_no_list_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    file = tmp_path / "list.yml"
    file.write_text(text, "utf-8")
    assert main(["catalogue", "import", str(file)]) == 2
    assert expected in capsys.readouterr().err
