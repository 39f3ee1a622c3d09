"""A run signed off: a sample that is drawn the same again, two people who say so, and nothing after a change."""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli.main import main
from auditor.run.manifest import write_manifest
from auditor.trust.signing import SigningKey
from auditor.trust.sshsig import Namespace
from tests.cli.verified import DOES_NOT_HOLD, HOLDS, verified
from tests.policy.signed import ADA, EVE, GRACE, people_text
from tests.trust.openssh import keygen, needs_ssh_keygen

WRONG = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the working folder of people whose keys lie in it, with a run, and the same run signed off by them."""
    folder = tmp_path_factory.mktemp("signoff")
    text = people_text()
    for name, key in (("ada", ADA), ("grace", GRACE), ("eve", EVE)):
        assert main(["keys", "new", name, "--key", str(folder / name), "--no-passphrase", "-q"]) == 0
        line = " ".join((folder / f"{name}.pub").read_text().split()[:2])
        text = text.replace(key.public.line, line)
    (folder / "people.yml").write_text(text)
    assert main(["demo", "-q", "-o", str(folder / "demo"), "--format", "json"]) == 0
    reviewed = str(shutil.copytree(folder / "demo", folder / "reviewed"))
    people = ["--people", str(folder / "people.yml"), "-q"]
    assert main(["signoff", "sample", reviewed, "--size", "4", "--seed", "Q1 2027", "-q"]) == 0
    words = ["--as", "preparer", "--key", str(folder / "ada"), "--conclusion", "four looked at"]
    assert main(["signoff", "sign", reviewed, *words, *people]) == 0
    assert main(["signoff", "sign", reviewed, "--as", "reviewer", "--key", str(folder / "grace"), *people]) == 0
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of all of it, and the run that nobody signed off."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "demo"


@pytest.fixture
def reviewed(bundle: Path) -> Path:
    return bundle.with_name("reviewed")


def signed_off(bundle: Path, *words: str) -> int:
    action, *more = words
    people = () if action == "sample" else ("--people", "people.yml")
    return main(["signoff", action, str(bundle), *more, *people, "-q"])


def sample_of(bundle: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((bundle / "signoff" / "sample.json").read_text())
    return loaded


def test_a_run_is_prepared_and_reviewed(reviewed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = verified(reviewed, people=True)
    assert code == DOES_NOT_HOLD  # the manifest itself is not signed, and --people wants that
    code, said = verified(reviewed)
    assert (code, "reviewed by Grace Hopper (not established)" in said) == (HOLDS, True)
    Path("policies").mkdir()
    shutil.copy("people.yml", "policies")
    code, said = verified(reviewed)
    assert code == HOLDS
    assert "sign-off: prepared by Ada Lovelace (verified), reviewed by Grace Hopper (verified), with a sample" in said
    capsys.readouterr()
    assert main(["signoff", "show", str(reviewed), "--people", "people.yml", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["as"], row["person"], row["worth"], row["roles"], row["conclusion"]) for row in rows] == [
        ("preparer", "Ada Lovelace", "verified", ["tester"], "four looked at"),
        ("reviewer", "Grace Hopper", "verified", ["tester"], ""),
    ]


def _leave(duty: str, role: str) -> None:
    """Leave a duty to a role that Grace has and Ada has not."""
    people = yaml.safe_load(Path("people.yml").read_text())
    people["people"][1]["roles"] = ["head of audit"]
    Path("people.yml").write_text(yaml.safe_dump(people | {"duties": {duty: [role]}}))


def test_signing_off_is_left_to_whoever_has_the_role(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _leave("prepare", "head of audit")
    assert signed_off(bundle, "sign", "--as", "preparer", "--key", "ada") == WRONG
    assert (
        "Ada Lovelace may not sign off as preparer: the people file leaves that to 'head of audit', not to 'tester'"
        in (capsys.readouterr().err)
    )
    assert not (bundle / "signoff").exists()
    assert signed_off(bundle, "sign", "--as", "preparer", "--key", "grace") == 0
    assert signed_off(bundle, "sign", "--as", "reviewer", "--key", "ada") == 0


def test_a_review_by_somebody_without_the_role_is_void(reviewed: Path) -> None:
    _leave("review", "tester")
    code, said = verified(reviewed, people=True)
    assert code == DOES_NOT_HOLD
    assert "Grace Hopper may not sign off as reviewer: the people file leaves that to 'tester', not to" in said


def test_signing_bundles_is_left_to_whoever_has_the_role(bundle: Path) -> None:
    _leave("sign_bundles", "head of audit")
    assert main(["sign", str(bundle), "--key", "ada", "-q"]) == 0
    code, said = verified(bundle, people=True)
    assert code == DOES_NOT_HOLD
    assert "is of Ada Lovelace, who may not sign bundles: the people file leaves that to 'head of audit'" in said
    (bundle / "manifest.json.sig").unlink()
    assert main(["sign", str(bundle), "--key", "grace", "-q"]) == 0
    assert verified(bundle, people=True)[0] == HOLDS


def test_a_signed_bundle_that_is_signed_off_holds_by_its_people(bundle: Path) -> None:
    assert main(["sign", str(bundle), "--key", "ada", "-q"]) == 0
    assert signed_off(bundle, "sign", "--as", "preparer", "--key", "ada") == 0
    code, said = verified(bundle, people=True)
    assert (code, "prepared by Ada Lovelace (verified), reviewed by nobody, without a sample" in said) == (HOLDS, True)


def test_the_workpaper_holds_what_the_hosts_said(bundle: Path) -> None:
    assert signed_off(bundle, "sample", "--size", "17", "--seed", "all") == 0
    folder, sample = bundle / "signoff", sample_of(bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert sample["population"] == {"count": 17, "sha256": manifest["scope"]["sha256"]}
    assert hashlib.sha256((folder / "population.txt").read_bytes()).hexdigest() == manifest["scope"]["sha256"]
    for entry in sample["files"]:
        assert hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
    results = {row["host"]: row for row in json.loads((bundle / "results.json").read_text())["hosts"]}
    outcomes = {row["host"]: row["outcome"] for row in json.loads((bundle / "results.json").read_text())["ledger"]}
    for one in sample["hosts"]:
        assert one["outcome"] == outcomes[one["host"]]
        host = json.loads((folder / one["folder"] / "host.json").read_text())
        assert host["facts"]["name"] == one["host"]
        assert (host["sha256"] is None) == (one["host"] == "press-8")
        assert len(list((folder / one["folder"] / "sections").glob("*"))) == len(host["sections"])
        if one["host"] in results:
            told = json.loads((folder / one["folder"] / "verdicts.json").read_text())
            assert told["verdicts"] == results[one["host"]]["verdicts"]
    (press,) = [one for one in sample["hosts"] if one["host"] == "press-7"]
    whole = "".join(file.read_text() for file in (folder / press["folder"] / "sections").iterdir())
    assert "x11vnc" in whole
    assert "\x1b" not in whole


@pytest.mark.parametrize(
    ("by", "strata"),
    [
        ("verdict", {"compliant", "noncompliant", "partial", "unreachable"}),
        ("site", {"Berlin", "Lyon"}),
    ],
)
def test_strata_are_drawn_from_each(bundle: Path, by: str, strata: set[str]) -> None:
    assert signed_off(bundle, "sample", "--size", "6", "--seed", "x", "--by", by) == 0
    sample = sample_of(bundle)
    assert {one["stratum"] for one in sample["hosts"]} == set(sample["strata"]) >= strata
    assert sorted(host for hosts in sample["strata"].values() for host in hosts) == sorted(
        (bundle / "signoff" / "population.txt").read_text().split()
    )
    assert verified(bundle)[0] == HOLDS


def test_the_same_words_make_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    for one in (bundle, other):
        assert signed_off(one, "sample", "--size", "3", "--seed", "x", "--by", "site") == 0
    files = [path.relative_to(bundle) for path in (bundle / "signoff").rglob("*") if path.is_file()]
    assert files
    assert [file for file in files if (bundle / file).read_bytes() != (other / file).read_bytes()] == []


def test_a_seed_is_made_and_kept(bundle: Path) -> None:
    assert signed_off(bundle, "sample", "--size", "3") == 0
    assert len(sample_of(bundle)["seed"]) == 16
    assert verified(bundle)[0] == HOLDS


# ---- after a change nothing of it holds


def _report(bundle: Path) -> None:
    (bundle / "more.csv").write_text("x\n")
    write_manifest(bundle, None)


def _another_host(bundle: Path) -> None:
    file = bundle / "signoff" / "sample.json"
    sample = json.loads(file.read_text())
    sample["hosts"][0]["host"] = "web-1" if sample["hosts"][0]["host"] != "web-1" else "web-2"
    file.write_text(json.dumps(sample, indent=1, sort_keys=True) + "\n")


def _touched_evidence(bundle: Path) -> None:
    file = next((bundle / "signoff").glob("hosts/*/sections/01-*"))
    file.write_text(file.read_text() + "nothing else\n")


def _lost_evidence(bundle: Path) -> None:
    next((bundle / "signoff").glob("hosts/*/sections/01-*")).unlink()


def _more_files(bundle: Path) -> None:
    (bundle / "signoff" / "hosts" / "note.txt").write_text("looked at")


def _a_linked_file(bundle: Path) -> None:
    file = bundle / "signoff" / "population.txt"
    file.rename(bundle.parent / "away")
    file.symlink_to(bundle.parent / "away")


def _no_sample(bundle: Path) -> None:
    shutil.rmtree(bundle / "signoff" / "hosts")
    for name in ("population.txt", "sample.json"):
        (bundle / "signoff" / name).unlink()


def _another_conclusion(bundle: Path) -> None:
    file = bundle / "signoff" / "preparer.json"
    file.write_text(file.read_text().replace("four looked at", "forty looked at"))


def _no_preparer(bundle: Path) -> None:
    for name in ("preparer.json", "preparer.json.sig"):
        (bundle / "signoff" / name).unlink()


def _a_folder_elsewhere(bundle: Path) -> None:
    (bundle / "signoff").rename(bundle.parent / "away")
    (bundle / "signoff").symlink_to(bundle.parent / "away")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_report, "preparer.json: is void: the bundle was changed since"),
        (_another_host, "preparer.json: is void: the sample was changed since"),
        (_touched_evidence, "is not what the bundle and the seed give"),
        (_lost_evidence, "is missing in the workpaper"),
        (_more_files, "note.txt: is no part of a sign-off"),
        (_a_linked_file, "population.txt: is not a plain file"),
        (_no_sample, "the sample was taken away since"),
        (_another_conclusion, "preparer.json: is void: its signature is not over this text"),
        (_no_preparer, "reviewer.json: is void: nobody prepared what it reviews"),
        (_a_folder_elsewhere, "signoff: is not a plain folder"),
    ],
)
def test_after_a_change_it_is_void(reviewed: Path, change: Callable[[Path], None], words: str) -> None:
    assert verified(reviewed)[0] == HOLDS
    change(reviewed)
    code, said = verified(reviewed)
    assert (code, words in said) == (DOES_NOT_HOLD, True), said


def test_any_byte_of_a_statement_or_its_signature_is_found(reviewed: Path) -> None:
    for name in ("preparer.json", "preparer.json.sig", "reviewer.json", "reviewer.json.sig", "sample.json"):
        file = reviewed / "signoff" / name
        whole = file.read_bytes()
        for place in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 2, len(whole) - 1):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            code, said = verified(reviewed)
            assert (code, "signoff/" in said) == (DOES_NOT_HOLD, True), (name, place)
        file.write_bytes(whole)
    assert verified(reviewed)[0] == HOLDS


def _signed_by(key: SigningKey, purpose: Namespace = Namespace.SIGNOFF) -> Callable[[Path], None]:
    def sign(bundle: Path) -> None:
        file = bundle / "signoff" / "reviewer.json"
        file.with_name("reviewer.json.sig").write_text(key.sign(file.read_bytes(), purpose))

    return sign


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_signed_by(EVE), "was made with a key of nobody"),
        (_signed_by(GRACE, Namespace.BUNDLE), "was given for 'auditor-bundle'"),
    ],
)
def test_a_signature_of_another_is_void(
    reviewed: Path, change: Callable[[Path], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change(reviewed)
    assert main(["signoff", "show", str(reviewed), "--people", "people.yml"]) == DOES_NOT_HOLD
    assert words in capsys.readouterr().err


def test_a_key_that_has_ended_signs_off_nothing(reviewed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path("people.yml").read_text().replace("  - key:", f"  - valid_until: {date(2020, 1, 1)}\n    key:")
    Path("people.yml").write_text(text)
    assert main(["signoff", "show", str(reviewed), "--people", "people.yml"]) == DOES_NOT_HOLD
    assert "counted until 2020-01-01" in capsys.readouterr().err


# ---- what is refused


def test_whoever_prepared_it_does_not_review_it(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert signed_off(bundle, "sign", "--as", "reviewer", "--key", "ada") == WRONG
    assert "nobody has signed it as its preparer yet" in capsys.readouterr().err
    assert signed_off(bundle, "sign", "--as", "preparer", "--key", "ada") == 0
    assert signed_off(bundle, "sign", "--as", "reviewer", "--key", "ada") == WRONG
    assert "Ada Lovelace prepared it: somebody else reviews it" in capsys.readouterr().err
    assert not (bundle / "signoff" / "reviewer.json").exists()


def test_a_forged_review_of_the_same_person_is_void(reviewed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = reviewed / "signoff" / "reviewer.json"
    file.write_text(file.read_text().replace("Grace Hopper", "ada  LOVELACE"))
    assert main(["sign", str(file), "--for", "signoff", "--key", "ada", "-q"]) == WRONG  # a signature is there
    file.with_name("reviewer.json.sig").unlink()
    assert main(["sign", str(file), "--for", "signoff", "--key", "ada", "-q"]) == 0
    assert main(["signoff", "show", str(reviewed), "--people", "people.yml"]) == DOES_NOT_HOLD
    assert "whoever prepared it cannot review it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sign",), "as whom?"),
        (("sign", "--as", "preparer", "--key", "eve"), "is a key of nobody in people.yml"),
        (("sign", "--as", "preparer", "--unsigned", "Eve"), "Eve: is nobody in people.yml"),
        (("sample",), "how many hosts?"),
        (("sample", "--size", "18"), "the population has 17 hosts"),
    ],
)
def test_wrong_words_leave_nothing_behind(
    bundle: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signed_off(bundle, *words) == WRONG
    assert said in capsys.readouterr().err
    assert not (bundle / "signoff").exists()


def test_what_does_not_hold_is_not_signed_off(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "results.json").write_text("{}")
    for words in (("sample", "--size", "2"), ("sign", "--as", "preparer", "--key", "ada")):
        assert signed_off(bundle, *words) == WRONG
        assert "nothing is signed off that does not hold" in capsys.readouterr().err
    assert not (bundle / "signoff").exists()


@pytest.mark.parametrize("line", ['{"host":"web-1","outcome":1}', '{"host":{},"outcome":"x"}', "[]", '{"host":"a"'])
def test_rows_that_are_none_of_ours_are_refused_in_a_sentence(
    bundle: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / "hosts.jsonl").write_text(f"{line}\n")
    write_manifest(bundle, None)
    assert signed_off(bundle, "sample", "--size", "2") == WRONG
    assert "hosts.jsonl: cannot be read" in capsys.readouterr().err


@needs_ssh_keygen
def test_ssh_keygen_signs_a_statement(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert signed_off(bundle, "sign", "--as", "preparer", "--unsigned", "Ada Lovelace") == 0
    assert "signed by nobody yet" in verified(bundle)[1]
    keygen("-Y", "sign", "-f", "ada", "-n", "auditor-signoff", bundle / "signoff" / "preparer.json")
    assert main(["signoff", "show", str(bundle), "--people", "people.yml"]) == 0
    assert "prepared by Ada Lovelace (verified)" in capsys.readouterr().err
