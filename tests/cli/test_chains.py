"""Runs that are one chain: what is found by whoever has their folders, a seal that was kept elsewhere, or the store."""

import contextlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.collect.seal import canonical
from auditor.model.retention import Kept
from auditor.run.manifest import write_manifest
from auditor.store.retention import Removing
from auditor.store.store import Store
from tests.cli.verified import DOES_NOT_HOLD, HOLDS, verified
from tests.run.evidence_sets import Seen, make_set

_TODAY = datetime(2028, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("made") / "run-1", [Seen(name="web"), Seen(name="db")])


@pytest.fixture
def chain(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with four runs of one store, each sealed behind the other."""
    monkeypatch.chdir(tmp_path)
    previous = None
    for number in range(1, 5):
        run = Path(shutil.copytree(made, tmp_path / "reports" / f"run-{number}"))
        file = run / "inputs" / "run.json"
        told = json.loads(file.read_text()) | {"id": run.name, "sequence": number}
        file.write_bytes(canonical(told) + b"\n")
        previous = {"run": run.name, "seal": write_manifest(run, previous)}
    return tmp_path / "reports"


def test_a_whole_folder_of_runs_is_one_chain(chain: Path) -> None:
    code, said = verified(chain)
    assert (code, "the chain of these bundles: holds: 4 runs" in said) == (HOLDS, True)
    assert "ends with run run-4 (number 4)" in said


@pytest.mark.parametrize("lost", [2, 3])
def test_a_run_that_is_missing_in_the_chain_is_found(chain: Path, lost: int) -> None:
    shutil.rmtree(chain / f"run-{lost}")
    code, said = verified(chain)
    assert (code, f"run run-{lost} (seal " in said, "the chain of these bundles: does NOT hold" in said) == (
        4,
        True,
        True,
    )
    code, said = verified(*sorted(chain.iterdir()))
    assert (code, f"run run-{lost} (seal " in said) == (DOES_NOT_HOLD, True)


def test_the_last_run_that_is_dropped_is_found_by_its_seal(chain: Path) -> None:
    last = json.loads((chain / "run-4" / "manifest.json").read_text())["seal"]
    assert verified(chain, anchor=last)[0] == HOLDS
    shutil.rmtree(chain / "run-4")
    assert verified(chain)[0] == HOLDS
    code, said = verified(chain, anchor=last)
    assert (code, f"seal {last}: none of these runs has it" in said) == (DOES_NOT_HOLD, True)


def test_a_run_that_is_made_anew_breaks_the_chain(chain: Path) -> None:
    run = chain / "run-2"
    file = run / "inputs" / "hosts.json"
    file.write_text(file.read_text().replace('"owner":null', '"owner":"Eve"'))
    write_manifest(run, json.loads((run / "manifest.json").read_text())["previous"])
    assert verified(run)[0] == HOLDS
    code, said = verified(chain)
    assert (code, "run-3: run run-3 (number 3) follows run run-2 with the seal" in said) == (DOES_NOT_HOLD, True)


def test_a_bundle_without_its_manifest_is_not_passed_over(chain: Path) -> None:
    (chain / "run-4" / "manifest.json").unlink()
    code, said = verified(chain)
    assert (code, f"{chain / 'run-4'}: is no bundle any more" in said) == (DOES_NOT_HOLD, True)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    for minutes in range(3):
        evidence = make_set(folder / f"set-{minutes}", [Seen(name="web", minutes=minutes)], minutes=minutes)
        words = ["-o", str(folder / "reports"), "--store", str(folder / "store.sqlite"), "-q", "--format", "json"]
        assert main(["assess", str(evidence), *words]) in (0, 1, 3)
    return folder


@pytest.fixture
def stored(judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the working folder of somebody who judged three sets of evidence, one after the other, in one store."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(judged, tmp_path, dirs_exist_ok=True))


def sequence_of(run: Path) -> int:
    return int(json.loads((run / "manifest.json").read_text())["sequence"])


def test_a_store_knows_its_chain_and_what_lacks_in_a_folder(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "reports", "--store", "store.sqlite"]
    assert main(words) == HOLDS
    assert "the chain of the store: holds: 3 runs" in capsys.readouterr().out
    last = max((stored / "reports").iterdir(), key=sequence_of)
    shutil.rmtree(last)
    assert main(["verify", "reports"]) == HOLDS
    capsys.readouterr()
    assert main(words) == DOES_NOT_HOLD
    assert f"run {last.name} (number 3) is missing here: " in capsys.readouterr().out


def test_a_folder_that_retention_removed_lacks_nowhere(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["verify", "reports", "--store", "store.sqlite"]
    first, middle, last = sorted((stored / "reports").iterdir(), key=sequence_of)
    shutil.rmtree(middle)
    assert main(words) == DOES_NOT_HOLD
    with contextlib.closing(Store(str(stored / "store.sqlite"))) as store:
        entry = Removing(run=middle.name, kind=Kept.BUNDLE, keep=frozenset(), at=_TODAY, by="Ada\x1b[2J", policy="p")
        store.retained.note_folder(entry, "0" * 64)
    capsys.readouterr()
    assert main(["verify", "reports"]) == DOES_NOT_HOLD
    capsys.readouterr()
    assert main(words) == HOLDS
    told = capsys.readouterr()
    assert f"run {middle.name} (number 2) is not here: its folder was removed on 2028-03-01 by Ada" in told.err
    assert "\x1b" not in told.out + told.err
    assert "the chain of these bundles: holds: 3 runs" in told.out
    shutil.rmtree(first)
    assert main(words) == DOES_NOT_HOLD
    assert f"run {first.name} (number 1) is missing here" in capsys.readouterr().out
    assert last.exists()


@pytest.mark.parametrize("column", ["id = 'x'", 'summary = replace(summary, \'"seal":"\', \'"seal":"0\')'])
def test_a_run_that_was_taken_out_of_a_store_is_found(
    stored: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(sqlite3.connect(stored / "store.sqlite")) as database, database:
        if column.startswith("id"):
            database.execute("DELETE FROM runs WHERE sequence = 2")
        else:
            database.execute(f"UPDATE runs SET {column} WHERE sequence = 2")  # noqa: S608 — of this test
    assert main(["verify", "--store", "store.sqlite"]) == DOES_NOT_HOLD
    said = capsys.readouterr().out
    assert "the chain of the store: does NOT hold" in said
    assert ("is missing" in said) == column.startswith("id")
