"""``auditor hunt export``, as it is run."""

from pathlib import Path

import pytest
import yaml

from auditor.cli.main import main


def test_all_that_is_not_approved_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text(
        "name: x\napprovals:\n  - {id: tv, product: teamviewer, reason: r, owner: o, review_by: 2027-01-01}\n"
    )
    assert main(["hunt", "export", "--format", "sigma", "-p", str(policy), "-o", str(tmp_path / "rules")]) == 0
    names = {file.name for file in (tmp_path / "rules").iterdir()}
    assert "anydesk-process-windows.yml" in names
    assert not [name for name in names if name.startswith(("teamviewer-", "."))]
    said = capsys.readouterr().err
    assert "approved for every host" in said
    assert "not hunted: teamviewer" in said
    assert f"{len(names)} queries for" in said


def test_named_products_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hunt", "export", "teamviewer", "anydesk", "--format", "sigma", "-q"]) == 0
    told = capsys.readouterr()
    documents = list(yaml.safe_load_all(told.out))
    assert {document["title"].partition(":")[0] for document in documents} == {"TeamViewer", "AnyDesk"}
    assert told.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["teamviwer", "--format", "kql"], "did you mean 'teamviewer'?", id="no-such-product"),
        pytest.param(["microsoft-rdp", "--format", "kql"], "its events show none of microsoft-rdp", id="no-trace"),
        pytest.param(["teamviewer", "--format", "yara"], "'yara'", id="no-such-language"),
    ],
)
def test_what_cannot_be_hunted_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["hunt", "export", *words])
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules"
    file.write_text("mine")
    assert main(["hunt", "export", "teamviewer", "--format", "spl", "-o", str(file)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert file.read_text() == "mine"
