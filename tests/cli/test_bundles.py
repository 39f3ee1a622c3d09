"""A run's folder is its bundle: it verifies, it gives the same verdicts again anywhere, and a touched byte is found."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.probe import sh_probe
from auditor.inventory.scope import scope_digest
from auditor.run.manifest import write_manifest

ROOT = Path(__file__).parents[2]
_APART = ("id", "started", "finished", "operator")


def auditor(*words: object, home: Path, root: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": str(root), **more}
    return subprocess.run(
        [sys.executable, "-m", "auditor.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=home,
        timeout=120,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    done = auditor("demo", "-o", folder / "demo", "--format", "html,csv,json", home=folder)
    assert done.returncode == 0, done.stderr
    return folder / "demo"


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """Give a copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "demo"))


def results(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return loaded


def comparable(folder: Path) -> tuple[dict[str, Any], str, bytes]:
    head, _, rest = (folder / "results.json").read_text().partition("\n")
    run = json.loads(head.removesuffix(",") + "}")["run"]
    return {key: run[key] for key in run if key not in _APART}, rest, (folder / "hosts.jsonl").read_bytes()


def only(folder: Path) -> Path:
    (one,) = folder.iterdir()
    return one


def test_a_bundle_holds(bundle: Path, tmp_path: Path) -> None:
    done = auditor("verify", bundle, "--recompute", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "holds: " in done.stdout
    assert "integrity holds, signer not established: nobody signed it" in done.stdout
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert manifest["seal"] in done.stderr
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert {entry["path"] for entry in manifest["files"]} == names - {"manifest.json"}
    assert [entry["path"] for entry in manifest["files"]] == sorted(entry["path"] for entry in manifest["files"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "elsewhere",
    [
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "77"},
    ],
    ids=["kiritimati", "turkish"],
)
def test_another_checkout_elsewhere_comes_to_the_same_bytes(
    bundle: Path, tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    copy = tmp_path / "another checkout"
    shutil.copytree(ROOT / "auditor", copy / "auditor", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "policies", copy / "policies")
    done = auditor("assess", bundle, "-o", tmp_path / "again", home=tmp_path, root=copy, **elsewhere)
    assert done.returncode == 3, done.stderr
    assert comparable(only(tmp_path / "again")) == comparable(bundle)
    assert auditor("verify", bundle, "--recompute", home=tmp_path, root=copy, **elsewhere).returncode == 0


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        pytest.param(lambda b: _flip(b / "evidence" / "sections.pack"), "sections.pack", id="a-flipped-bit"),
        pytest.param(lambda b: (b / "inputs" / "policy.yml").unlink(), "policy.yml: is missing", id="a-missing-input"),
        pytest.param(lambda b: (b / "html" / "extra.html").write_text("x"), "is not in the manifest", id="a-new-file"),
        pytest.param(lambda b: _flip(b / "hosts.jsonl"), "hosts.jsonl", id="a-changed-verdict"),
        pytest.param(lambda b: (b / "results.json").write_text("{}"), "results.json", id="other-results"),
    ],
)
def test_what_was_touched_is_named(bundle: Path, tmp_path: Path, spoil: Callable[[Path], object], named: str) -> None:
    spoil(bundle)
    done = auditor("verify", bundle, home=tmp_path)
    assert done.returncode == 4
    assert named in done.stdout
    assert "does NOT hold" in done.stdout


def test_a_manifest_made_anew_hides_no_changed_verdict(bundle: Path, tmp_path: Path) -> None:
    """Whoever can write the folder can write the manifest: the seal, kept elsewhere, and the verdicts tell."""
    before = json.loads((bundle / "manifest.json").read_text())["seal"]
    for name in ("hosts.jsonl", "results.json"):
        file = bundle / name
        file.write_text(file.read_text().replace('"verdict":"fail"', '"verdict":"pass"'))
    assert write_manifest(bundle, None) != before
    assert auditor("verify", bundle, home=tmp_path).returncode == 0
    done = auditor("verify", bundle, "--recompute", home=tmp_path)
    assert done.returncode == 4
    assert "come out otherwise: host " in done.stdout


def _swap(bundle: Path) -> None:
    file = bundle / "evidence" / "hosts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    one, other = [row for row in rows if row["head"] is not None][:2]
    one["sections"][1], other["sections"][1] = other["sections"][1], one["sections"][1]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _rename(bundle: Path) -> None:
    file = bundle / "evidence" / "hosts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    one, other = [row for row in rows if row["head"] is not None][:2]
    for key in ("head", "sha256", "sections"):
        one[key], other[key] = other[key], one[key]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _other_policy(bundle: Path) -> None:
    file = bundle / "inputs" / "policy.yml"
    file.write_text(file.read_text() + "# touched\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(_swap, "is not what its seal says", id="sections-swapped-between-hosts"),
        pytest.param(_rename, "stands under", id="hosts-swapped"),
        pytest.param(_other_policy, "is not the input that the run names", id="another-policy"),
    ],
)
def test_nothing_is_judged_from_what_its_seals_do_not_hold(
    bundle: Path, tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(bundle)
    write_manifest(bundle, None)
    done = auditor("assess", bundle, "-o", tmp_path / "again", home=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert list((tmp_path / "again").glob("*/results.json")) == []
    assert auditor("verify", bundle, home=tmp_path).returncode == 4


def test_other_rules_are_named(bundle: Path, tmp_path: Path) -> None:
    policy = tmp_path / "strict.yml"
    policy.write_text("name: Nothing at all\napprovals: []\n")
    done = auditor(
        "assess", bundle, "-p", policy, "--as-of", "2027-06-30T12:00:00+02:00", "-o", tmp_path / "o", home=tmp_path
    )
    assert done.returncode == 3, done.stderr
    run = results(only(tmp_path / "o"))["run"]
    assert (run["policy"]["name"], run["as_of"]) == ("Nothing at all", "2027-06-30T10:00:00Z")
    (source,) = run["sources"]
    assert (source["run"], source["hosts"], source["judged"]) == ("demo", 17, 17)
    verified = auditor("verify", only(tmp_path / "o"), "--recompute", home=tmp_path)
    assert verified.returncode == 0, verified.stdout


def _part(bundle: Path, folder: Path, keep: Callable[[dict[str, Any]], bool], as_of: str | None = None) -> Path:
    """Make a set of evidence that knows some of the hosts."""
    part = Path(
        shutil.copytree(bundle, folder, ignore=shutil.ignore_patterns("html", "csv", "*.json*", "manifest.json"))
    )
    shutil.copytree(bundle / "inputs", part / "inputs", dirs_exist_ok=True)
    shutil.copytree(bundle / "evidence", part / "evidence", dirs_exist_ok=True)
    run = json.loads((part / "inputs" / "run.json").read_text())
    run |= {"id": folder.name, "inputs": {}} | ({} if as_of is None else {"as_of": as_of})
    for file in (part / "inputs").iterdir():
        file.unlink()
    facts = json.loads((bundle / "inputs" / "hosts.json").read_text())
    rows = [json.loads(line) for line in (bundle / "evidence" / "hosts.jsonl").read_text().splitlines()]
    rows = [row for row in rows if keep(row)]
    names = {row["host"] for row in rows}
    run["scope"] = {"count": len(names), "sha256": scope_digest(sorted(names)), "source": folder.name}
    (part / "inputs" / "run.json").write_text(json.dumps(run))
    (part / "inputs" / "hosts.json").write_text(json.dumps([row for row in facts if row["name"] in names]))
    (part / "evidence" / "hosts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_manifest(part, None)
    return part


def _all(_row: dict[str, Any]) -> bool:
    return True


def test_sites_that_were_collected_apart_are_one_fleet(bundle: Path, tmp_path: Path) -> None:
    sites = {row["host"]: row["site"] for row in results(bundle)["ledger"]}
    berlin = _part(bundle, tmp_path / "berlin", lambda row: sites[row["host"]] == "Berlin")
    lyon = _part(bundle, tmp_path / "lyon", lambda row: sites[row["host"]] != "Berlin")
    inputs = bundle / "inputs"
    words = ("-p", inputs / "policy.yml", "--exceptions", inputs / "exceptions.yml", "--people", inputs / "people.yml")
    done = auditor("assess", berlin, lyon, *words, "-o", tmp_path / "o", home=tmp_path)
    assert done.returncode == 3, done.stderr
    merged, whole = results(only(tmp_path / "o")), results(bundle)
    assert [row["host"] for row in merged["ledger"]] == [row["host"] for row in whole["ledger"]]
    assert {row["host"]: row["origin"] for row in merged["ledger"]} == {
        host: "berlin" if site == "Berlin" else "lyon" for host, site in sites.items()
    }
    assert [row["verdicts"] for row in merged["hosts"]] == [row["verdicts"] for row in whole["hosts"]]
    assert merged["run"]["scope"]["sha256"] == whole["run"]["scope"]["sha256"]


def test_evidence_counts_more_than_none_and_the_newer_more_than_the_older(bundle: Path, tmp_path: Path) -> None:
    first = _part(bundle, tmp_path / "first", _all, as_of="2020-01-01T00:00:00Z")
    file = first / "evidence" / "hosts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    lost = next(row for row in rows if row["head"] is not None)
    name = lost["host"]
    lost |= {"head": None, "sha256": None, "sections": [], "reason": "timeout", "detail": "it was off"}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_manifest(first, None)
    second = _part(bundle, tmp_path / "second", lambda row: row["host"] == name)
    done = auditor("assess", second, first, "-o", tmp_path / "o", home=tmp_path)
    assert done.returncode in (1, 3), done.stderr
    run = results(only(tmp_path / "o"))
    (row,) = [row for row in run["ledger"] if row["host"] == name]
    assert (row["reason"], row["origin"]) == (None, "second")
    assert [(one["run"], one["judged"]) for one in run["run"]["sources"]] == [("first", 16), ("second", 1)]


def test_one_name_for_two_hosts_is_refused(bundle: Path, tmp_path: Path) -> None:
    one = _part(bundle, tmp_path / "one", _all)
    two = _part(bundle, tmp_path / "two", _all)
    facts = json.loads((two / "inputs" / "hosts.json").read_text())
    facts[0]["key"] = "another machine"
    (two / "inputs" / "hosts.json").write_text(json.dumps(facts))
    write_manifest(two, None)
    done = auditor("assess", one, two, "-o", tmp_path / "o", home=tmp_path)
    assert done.returncode == 2
    assert "one name for two hosts" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("assess", "no-such-run"), "no run 'no-such-run'", id="no-run"),
        pytest.param(("assess", "."), "is no bundle", id="no-bundle"),
        pytest.param(("verify", "."), "is no bundle", id="nothing-to-verify"),
        pytest.param(("verify", "nowhere"), "is no bundle", id="nowhere"),
        pytest.param(("ingest", "envelope", "nowhere.envelope"), "there is no such file", id="no-envelope"),
        pytest.param(("collect",), "which hosts?", id="collect-nothing"),
    ],
)
def test_wrong_words_change_nothing(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = auditor(*words, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.rglob("manifest.json"))


@pytest.mark.slow
def test_the_chain_of_runs_and_the_reports_that_come_later(tmp_path: Path) -> None:
    words = ("--store", tmp_path / "store.sqlite", "-o", tmp_path / "reports")
    for _ in range(2):
        assert auditor("audit", "local", "--format", "json", *words, home=tmp_path).returncode in (0, 1, 3)
    folders = {
        json.loads((one / "manifest.json").read_text())["sequence"]: one for one in (tmp_path / "reports").iterdir()
    }
    first, second = (json.loads((folders[number] / "manifest.json").read_text()) for number in (1, 2))
    assert first["previous"] is None
    assert second["previous"] == {"run": first["run"], "seal": first["seal"]}
    assert auditor("report", second["run"], "--format", "csv", *words, home=tmp_path).returncode == 0
    again = json.loads((folders[2] / "manifest.json").read_text())
    assert again["seal"] == second["seal"]
    assert len(again["files"]) > len(second["files"])
    for folder in folders.values():
        done = auditor("verify", folder, "--recompute", home=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    by_name = auditor("assess", second["run"], *words[:2], "-o", tmp_path / "again", "--format", "json", home=tmp_path)
    assert by_name.returncode in (0, 1, 3), by_name.stderr
    assert comparable(only(tmp_path / "again")) == comparable(folders[2])


@pytest.mark.slow
def test_collected_evidence_has_no_verdict_and_is_judged_later(tmp_path: Path) -> None:
    done = auditor("collect", "local", "-o", tmp_path / "evidence", home=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert sorted(path.name for path in folder.iterdir()) == ["evidence", "inputs", "manifest.json"]
    assert sorted(path.name for path in (folder / "inputs").iterdir()) == ["hosts.json", "run.json"]
    assert list((tmp_path / "evidence").glob(".*")) == []
    assert auditor("verify", folder, home=tmp_path).returncode == 0
    recomputed = auditor("verify", folder, "--recompute", home=tmp_path)
    assert (recomputed.returncode, "no verdicts" in recomputed.stderr) == (2, True)
    judged = auditor("assess", folder, "-o", tmp_path / "o", "--format", "json", home=tmp_path)
    assert judged.returncode in (0, 1, 3), judged.stderr
    assert results(only(tmp_path / "o"))["ledger"][0]["reason"] is None


@pytest.fixture
def envelope(tmp_path: Path) -> Path:
    """Make one as docs/evidence-by-other-roads.md says."""
    script, file = tmp_path / "probe.sh", tmp_path / "pc-7.envelope"
    script.write_text(sh_probe())
    line = "0123456789abcdef0123456789abcdef 20 4000000 90 none\n"
    with file.open("wb") as out:
        subprocess.run(["sh", script], input=line.encode(), stdout=out, check=True, timeout=60)
    return file


def test_an_envelope_is_evidence_and_says_what_it_is(envelope: Path, tmp_path: Path) -> None:
    done = auditor("ingest", "envelope", envelope, "-o", tmp_path / "evidence", home=tmp_path)
    assert done.returncode == 0, done.stderr
    judged = auditor("assess", done.stdout.strip(), "-o", tmp_path / "o", "--format", "json", home=tmp_path)
    assert judged.returncode in (0, 1, 3), judged.stderr
    (row,) = results(only(tmp_path / "o"))["hosts"]
    assert (row["host"], row["delivered"], row["probe_sha256"], row["clock_skew"]) == ("pc-7", "envelope", None, 0)


def test_a_file_that_is_no_envelope_is_a_host_without_evidence(tmp_path: Path) -> None:
    (tmp_path / "pc-7.envelope").write_bytes(b"\x1f\x8b rubbish")
    (tmp_path / "pc-8.envelope").write_bytes(b"auditor-probe 1 0123 gzip\n\x1f\x8b cut")
    done = auditor("ingest", "envelope", "pc-7.envelope", "pc-8.envelope", "-o", tmp_path / "e", home=tmp_path)
    assert done.returncode == 3
    assert "no evidence of pc-7: malformed" in done.stderr
    assert "no evidence of pc-8: malformed" in done.stderr
    rows = (Path(done.stdout.strip()) / "evidence" / "hosts.jsonl").read_text().splitlines()
    assert [json.loads(row)["reason"] for row in rows] == ["malformed"] * 2


def test_an_envelope_of_a_host_that_the_inventory_does_not_know_is_refused(envelope: Path, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("- host: pc-77\n  groups: [desk]\n  owner: Desk\n")
    done = auditor("ingest", "envelope", envelope, "-i", "hosts.yml", home=tmp_path)
    assert (done.returncode, "did you mean 'pc-77'" in done.stderr) == (2, True)
    done = auditor("ingest", "envelope", envelope, "--host", "pc-77", "-i", "hosts.yml", home=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / done.stdout.strip() / "inputs" / "hosts.json").read_text())
    assert (facts[0]["owner"], facts[0]["groups"]) == ("Desk", ["desk"])


def test_a_host_that_vanished_is_missed(bundle: Path, tmp_path: Path) -> None:
    file = bundle / "evidence" / "hosts.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    write_manifest(bundle, None)
    done = auditor("assess", bundle, "-o", tmp_path / "again", home=tmp_path)
    assert (done.returncode, "missing or were put in" in done.stderr) == (2, True)
    assert auditor("verify", bundle, home=tmp_path).returncode in (2, 4)


def test_old_evidence_is_no_evidence_of_today(envelope: Path, tmp_path: Path) -> None:
    made = auditor("ingest", "envelope", envelope, "-o", tmp_path / "evidence", home=tmp_path)
    words = ("--as-of", "2040-01-01T00:00:00Z", "-o", tmp_path / "o", "--format", "json")
    auditor("assess", made.stdout.strip(), *words, home=tmp_path)
    (row,) = results(only(tmp_path / "o"))["hosts"]
    (verdict,) = [one for one in row["verdicts"] if one["control"] == "complete_inventory"]
    assert verdict["verdict"] == "fail"
    assert "days old" in verdict["violations"][0]["reason"]


def test_results_that_were_emptied_change_the_seal(bundle: Path) -> None:
    before = json.loads((bundle / "manifest.json").read_text())["seal"]
    head, _, _ = (bundle / "results.json").read_text().partition('"findings":[')
    (bundle / "results.json").write_text(f'{head}"findings":[]}}\n')
    assert write_manifest(bundle, None) != before
