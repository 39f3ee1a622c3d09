"""Verdicts come from what lies in the bundle, and from nothing else: each input counts, and no other thing does."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.run.manifest import write_manifest

ROOT = Path(__file__).parents[2]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    assert main(["demo", "-q", "-o", str(folder), "--format", "json"]) == 0
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """Give a copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "demo"))


def results(folder: Path) -> Row:
    loaded: Row = json.loads((folder / "results.json").read_text())
    return loaded


def changed(bundle: Path, name: str, change: Callable[[str], str]) -> Row:
    """Change one sealed input of a run, as if it had been begun with that, and judge it again."""
    file, head = bundle / "inputs" / name, bundle / "inputs" / "run.json"
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    text = change(file.read_text())
    assert text != file.read_text()
    file.write_text(text)
    head.write_text(head.read_text().replace(before, hashlib.sha256(text.encode()).hexdigest()))
    write_manifest(bundle, None)
    out = bundle.parent / "out"
    assert main(["assess", str(bundle), "-o", str(out), "-q", "--format", "json"]) in (0, 1, 3)
    (folder,) = out.iterdir()
    assert main(["verify", str(folder), "--recompute", "-q"]) == 0
    # What the changed inputs do not give, the old results are not: a forger needs all of them.
    assert main(["verify", str(bundle), "--recompute", "-q"]) == 4
    return results(folder)


def verdicts(data: Row) -> list[str]:
    return [verdict["verdict"] for host in data["hosts"] for verdict in host["verdicts"]]


def test_exceptions_are_the_sealed_ones(bundle: Path) -> None:
    assert "excepted" in verdicts(results(bundle))
    assert "excepted" not in verdicts(changed(bundle, "exceptions.yml", lambda _: "exceptions: []\n"))


def test_people_are_the_sealed_ones(bundle: Path) -> None:
    """Without people no signature counts: what they signed is void, and its violation fails."""
    assert {row["standing"] for row in results(bundle)["exceptions"].values()} == {"verified", "asserted"}
    data = changed(bundle, "people.yml", lambda _: "people: []\n")
    assert data["exceptions"]["press-7-until-replaced"]["state"] == "void"
    assert "nobody in the people file" in data["exceptions"]["press-7-until-replaced"]["why"]
    covered = {
        (verdict["control"], violation["exception"])
        for host in data["hosts"]
        for verdict in host["verdicts"]
        for violation in verdict["violations"]
        if violation["exception"] is not None
    }
    assert covered == {("exposed_listener", "press-7-port")}


def test_a_run_of_before_there_were_people_is_judged_without(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the working folder says of people does not count for it."""
    (tmp_path / "policies").mkdir()
    shutil.move(bundle / "inputs" / "people.yml", tmp_path / "policies" / "people.yml")
    head = bundle / "inputs" / "run.json"
    run = json.loads(head.read_text())
    del run["inputs"]["people"]
    head.write_text(json.dumps(run))
    write_manifest(bundle, None)
    monkeypatch.chdir(tmp_path)
    assert main(["assess", str(bundle), "-o", "out", "-q", "--format", "json,html,csv"]) in (0, 1, 3)
    (folder,) = (tmp_path / "out").iterdir()
    assert results(folder)["run"]["people"] is None
    assert {name: row["standing"] for name, row in results(folder)["exceptions"].items()} == {
        "press-7-port": "asserted",
        "press-7-until-replaced": "void",
    }
    assert main(["verify", str(folder), "--recompute", "-q"]) == 0
    # People that are named count.
    words = ("--people", "policies/people.yml", "-o", "named", "-q", "--format", "json")
    assert main(["assess", str(bundle), *words]) in (0, 1, 3)
    (named,) = (tmp_path / "named").iterdir()
    assert results(named)["exceptions"]["press-7-until-replaced"]["standing"] == "verified"


def test_the_catalogue_is_the_sealed_one(bundle: Path) -> None:
    def without(text: str) -> str:
        rows = [row for row in json.loads(text) if row["id"] != "anydesk"]
        return json.dumps(rows, ensure_ascii=True, sort_keys=True, separators=(",", ":"))

    def seen(data: Row) -> set[str]:
        return {one["product"] for host in data["hosts"] for one in host["sightings"]}

    assert "anydesk" in seen(results(bundle))
    assert "anydesk" not in seen(changed(bundle, "catalogue.json", without))


def test_the_attack_data_is_the_sealed_one(bundle: Path) -> None:
    version = results(bundle)["run"]["attack"]["version"]
    data = changed(bundle, "attack.yml", lambda text: text.replace(version, "0.1-of-the-bundle"))
    assert data["run"]["attack"]["version"] == "0.1-of-the-bundle"


def test_the_history_is_the_sealed_one(bundle: Path) -> None:
    finding = results(bundle)["findings"][0] | {"first_seen": "2001-02-03T04:05:06Z"}

    def older(text: str) -> str:
        return json.dumps(json.loads(text) | {"findings": [finding]})

    data = changed(bundle, "history.json", older)
    assert [row["first_seen"] for row in data["findings"] if row["fingerprint"] == finding["fingerprint"]] == [
        "2001-02-03T04:05:06Z"
    ]


def test_the_facts_of_hosts_are_the_sealed_ones(bundle: Path) -> None:
    file = bundle / "inputs" / "hosts.json"
    file.write_text(json.dumps([row | {"owner": f"owner of {row['name']}"} for row in json.loads(file.read_text())]))
    write_manifest(bundle, None)
    out = bundle.parent / "out"
    assert main(["assess", str(bundle), "-o", str(out), "-q", "--format", "json"]) in (0, 1, 3)
    (folder,) = out.iterdir()
    assert {row["owner"] == f"owner of {row['host']}" for row in results(folder)["ledger"]} == {True}


def test_the_population_is_the_sealed_one(bundle: Path) -> None:
    assert results(bundle)["run"]["population"]["only_in_population"]

    def more(text: str) -> str:
        row = json.loads(text)
        return json.dumps(row | {"only_in_population": [*row["only_in_population"], "one-more"]})

    data = changed(bundle, "population.json", more)
    assert data["run"]["population"]["only_in_population"][-1] == "one-more"


def test_a_population_survives_a_recomputation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an audit of this machine, with an export that is gone by then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    (tmp_path / "hosts.yml").write_text('[{"host": "here", "ansible_connection": "local"}]')
    (tmp_path / "cmdb.csv").write_text("host\nhere\nnobody-audits-me\n")
    words = ["-i", "hosts.yml", "--population", "cmdb.csv", "-q", "--format", "json"]
    assert main(["audit", *words]) in (0, 1, 3)
    for name in ("hosts.yml", "cmdb.csv", "store.sqlite"):
        (tmp_path / name).unlink()
    (folder,) = (tmp_path / "reports").iterdir()
    assert results(folder)["run"]["population"]["only_in_population"] == ["nobody-audits-me"]
    assert main(["verify", str(folder), "--recompute", "-q"]) == 0
    assert main(["assess", str(folder), "-o", "again", "-q", "--format", "json"]) in (0, 1, 3)
    (again,) = (tmp_path / "again").iterdir()
    assert results(again)["run"]["population"] == results(folder)["run"]["population"]


@pytest.mark.slow
def test_nothing_around_it_counts(bundle: Path, tmp_path: Path) -> None:
    """Neither what lies in the working folder, nor home, environment, clock's zone, locale, or a store."""
    place = tmp_path / "elsewhere"
    (place / "policies").mkdir(parents=True)
    for name in ("policy.yml", "exceptions.yml", "people.yml"):
        (place / "policies" / name).write_text("this: [is no policy\n")
    for name in (".local/state/auditor", ".cache/auditor", ".config/auditor"):
        (place / name).mkdir(parents=True)
    (place / ".local/state/auditor/store.sqlite").write_text("this is no store")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(place),
        "TZ": "Pacific/Chatham",
        "LC_ALL": "de_DE.ISO-8859-1",
        "PYTHONHASHSEED": "4",
        "AUDITOR_STORE": "/proc/no/such/store.sqlite",
        "XDG_STATE_HOME": "/proc/no/such/state",
        "NO_COLOR": "1",
    }
    for words in (["verify", str(bundle), "--recompute"], ["assess", str(bundle), "-o", "out"]):
        done = subprocess.run(
            [sys.executable, "-m", "auditor.cli.main", *words],
            capture_output=True,
            check=False,
            env=environment,
            cwd=place,
            timeout=120,
        )
        assert done.returncode in (0, 3), done.stderr
    (folder,) = (place / "out").iterdir()
    assert (folder / "hosts.jsonl").read_bytes() == (bundle / "hosts.jsonl").read_bytes()
