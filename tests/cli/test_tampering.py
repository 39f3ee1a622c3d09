"""Whatever is done to a bundle is found, and named: the table of docs/bundle.md, line by line."""

import hashlib
import json
import os
import random
import shutil
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.collect.seal import canonical, section_digest
from auditor.run.manifest import manifest_text, write_manifest
from auditor.trust.signing import make_private
from tests.cli.verified import DOES_NOT_HOLD, HOLDS, sign, verified
from tests.policy.signed import people_text

_POSITIONS = 6
"""Bytes of each file that are flipped, beside its first and its last."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", "-q", "-o", str(folder / "demo"), "--format", "json,csv"]) == 0
    (folder / "people.yml").write_text(people_text())
    sign(folder / "demo")
    return folder / "demo"


@pytest.fixture
def bundle(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a signed copy that a test may spoil, in the working folder of somebody who has people.yml."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(made.parent / "people.yml", tmp_path)
    return Path(shutil.copytree(made, tmp_path / "demo"))


def files_of(bundle: Path) -> list[str]:
    return sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())


def test_as_it_was_made_it_holds_and_its_signer_is_known(bundle: Path) -> None:
    code, said = verified(bundle, people=True)
    assert (code, "signed by Ada Lovelace" in said) == (HOLDS, True)


def test_any_byte_of_any_file_is_found(bundle: Path) -> None:
    """A single bit, in the first and the last byte of every file and in several between (a fixed seed)."""
    chance = random.Random(10)  # noqa: S311 — places to look at
    tried = 0
    for name in files_of(bundle):
        file = bundle / name
        whole = file.read_bytes()
        for place in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(_POSITIONS))}:
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << chance.randrange(8)
            file.write_bytes(spoilt)
            code, said = verified(bundle)
            assert (code, str(file) in said, "does NOT hold" in said) == (DOES_NOT_HOLD, True, True), (name, place)
            tried += 1
        file.write_bytes(whole)
    assert tried > 5 * len(files_of(bundle))
    assert verified(bundle)[0] == HOLDS


def test_any_byte_of_a_manifest_that_nobody_signed_is_found(bundle: Path) -> None:
    """The seal, the run and the one way to write it hold it, where no signature does."""
    (bundle / "manifest.json.sig").unlink()
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_text()) | {"previous": {"run": "before", "seal": "0" * 64}}
    (bundle / "manifest.json").unlink()
    write_manifest(bundle, manifest["previous"], finished=manifest["finished"])
    whole = file.read_bytes()
    end = whole.index(b'"files"') + 400
    tail = whole.index(b' "finished"')
    places = [*range(end), *range(tail, len(whole))]
    chance = random.Random(4)  # noqa: S311 — places to look at
    for place in sorted({0, len(whole) - 1, *chance.sample(places, 150)}):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << chance.randrange(8)
        file.write_bytes(spoilt)
        assert verified(bundle)[0] == DOES_NOT_HOLD, whole[max(0, place - 20) : place + 20]
    file.write_bytes(whole)
    assert verified(bundle)[0] == HOLDS


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\n", lambda _data: b""])
def test_a_file_that_is_shorter_or_longer_is_found(bundle: Path, change: Callable[[bytes], bytes]) -> None:
    for name in files_of(bundle):
        file = bundle / name
        whole = file.read_bytes()
        file.write_bytes(change(whole))
        code, said = verified(bundle)
        assert (code, str(file) in said) == (DOES_NOT_HOLD, True), name
        file.write_bytes(whole)
    assert verified(bundle)[0] == HOLDS


def test_every_file_that_is_dropped_is_found(bundle: Path) -> None:
    for name in files_of(bundle):
        file = bundle / name
        if name in ("manifest.json", "manifest.json.sig"):
            continue
        file.rename(bundle.parent / "away")
        code, said = verified(bundle)
        assert (code, f"{file}: is missing" in said) == (DOES_NOT_HOLD, True), name
        (bundle.parent / "away").rename(file)


def test_a_signature_that_is_dropped_is_found_by_whoever_wants_one(bundle: Path) -> None:
    (bundle / "manifest.json.sig").unlink()
    code, said = verified(bundle)
    assert (code, "integrity holds, signer not established: nobody signed it" in said) == (HOLDS, True)
    assert verified(bundle, people=True) == (
        DOES_NOT_HOLD,
        "demo/manifest.json.sig: is missing: nobody signed it\ndemo: does NOT hold: 1 problem\n".replace(
            "demo/", f"{bundle}/"
        ).replace("demo:", f"{bundle}:"),
    )


@pytest.mark.parametrize(
    "name", ["new.html", "html/new.html", "evidence/.hidden", ".writing-x", ".old-1/x", "inputs/x"]
)
def test_a_file_that_is_added_is_found(bundle: Path, name: str) -> None:
    file = bundle / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")
    code, said = verified(bundle)
    assert (code, str(bundle / name.split("/x", maxsplit=1)[0]) in said) == (DOES_NOT_HOLD, True)


def _a_folder(file: Path) -> None:
    file.mkdir()


def _a_full_folder(file: Path) -> None:
    file.mkdir()
    (file / "x").write_text("x")


def _a_link_to_the_same(file: Path) -> None:
    file.symlink_to(file.with_name("away").absolute())


def _a_device(file: Path) -> None:
    try:
        os.mknod(file, 0o20644, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")


def _another_files_bytes(file: Path) -> None:
    file.hardlink_to(file.parent / "hosts.json")


@pytest.mark.parametrize(
    "swap", [_a_folder, _a_full_folder, _a_link_to_the_same, _a_device, os.mkfifo, _another_files_bytes]
)
def test_what_is_no_file_in_the_place_of_one_is_found(bundle: Path, swap: Callable[[Path], None]) -> None:
    file = bundle / "inputs" / "policy.yml"
    shutil.copy(file, file.with_name("away"))
    file.unlink()
    swap(file)
    code, said = verified(bundle)
    assert (code, str(file) in said) == (DOES_NOT_HOLD, True)


def test_a_folder_that_is_a_link_is_found(bundle: Path) -> None:
    (bundle / "evidence").rename(bundle.parent / "away")
    (bundle / "evidence").symlink_to(bundle.parent / "away")
    code, said = verified(bundle)
    assert (code, f"{bundle / 'evidence'}: is not in the manifest" in said) == (DOES_NOT_HOLD, True)


def test_a_hard_link_with_the_same_bytes_is_the_same_bundle(bundle: Path) -> None:
    """Copies that share their files are made so; what counts is what is read."""
    (bundle.parent / "kept").hardlink_to(bundle / "inputs" / "policy.yml")
    assert verified(bundle)[0] == HOLDS


# ---- somebody who can write the folder makes a manifest that fits


Row = dict[str, Any]


def rows_of(bundle: Path) -> list[Row]:
    return [json.loads(line) for line in (bundle / "evidence" / "hosts.jsonl").read_text().splitlines()]


def write_rows(bundle: Path, rows: list[Row]) -> None:
    (bundle / "evidence" / "hosts.jsonl").write_bytes(b"".join(canonical(row) + b"\n" for row in rows))
    write_manifest(bundle, None)


def two_of(rows: list[Row]) -> Iterator[Row]:
    """Return a host with a violation and one without: whose evidence somebody would like to be the other's."""
    named = {row["host"]: row for row in rows}
    yield from (named["web-3"], named["web-1"])


def _evidence(rows: list[Row]) -> None:
    one, other = two_of(rows)
    for key in ("head", "sha256", "sections"):
        one[key], other[key] = other[key], one[key]


def _one_section(rows: list[Row]) -> None:
    one, other = two_of(rows)
    place = next(
        number
        for number, pair in enumerate(zip(one["sections"], other["sections"], strict=False))
        if len(set(pair)) > 1
    )
    one["sections"][place], other["sections"][place] = other["sections"][place], one["sections"][place]


def _sealed_anew(rows: list[Row]) -> None:
    """Swap as well as anybody can: heads and seals are made to fit."""
    _evidence(rows)
    for row in two_of(rows):
        row["head"]["host"] = row["host"]
        row["sha256"] = hashlib.sha256(canonical([row["head"], row["sections"]])).hexdigest()


@pytest.mark.parametrize(
    ("swap", "words"),
    [
        pytest.param(_evidence, "evidence of web-1 stands under web-3", id="whole"),
        pytest.param(_one_section, "evidence of web-3 is not what its seal says", id="one-section"),
    ],
)
def test_evidence_of_two_hosts_that_is_swapped_is_found_by_its_seals(
    bundle: Path, swap: Callable[[list[Row]], None], words: str
) -> None:
    rows = rows_of(bundle)
    swap(rows)
    write_rows(bundle, rows)
    (bundle / "manifest.json.sig").unlink()
    code, said = verified(bundle)
    assert (code, words in said) == (DOES_NOT_HOLD, True)


def test_evidence_that_is_swapped_and_sealed_anew_is_found_otherwise(bundle: Path) -> None:
    """By the signature, by the verdicts, and by a seal that was kept: without any of these it would stand."""
    before = json.loads((bundle / "manifest.json").read_text())["seal"]
    rows = rows_of(bundle)
    _sealed_anew(rows)
    write_rows(bundle, rows)
    code, said = verified(bundle)
    assert (code, "manifest.json.sig: is not over this text" in said) == (DOES_NOT_HOLD, True)
    (bundle / "manifest.json.sig").unlink()
    assert verified(bundle)[0] == HOLDS
    code, said = verified(bundle, people=True)
    assert (code, "nobody signed it" in said) == (DOES_NOT_HOLD, True)
    code, said = verified(bundle, anchor=before)
    assert (code, f"seal {before}: none of these runs has it" in said) == (DOES_NOT_HOLD, True)
    code, said = verified(bundle, recompute=True)
    assert (code, "come out otherwise: host web-1" in said) == (DOES_NOT_HOLD, True)


def _no_product(bundle: Path) -> None:
    """Change what a host said, seal it and all above it anew, and leave the verdicts as they are."""
    folder = bundle / "evidence"
    pack = (folder / "sections.pack").read_bytes()
    index = [json.loads(line) for line in (folder / "sections.jsonl").read_text().splitlines()]
    texts = {row["sha256"]: pack[row["offset"] : row["offset"] + row["length"]] for row in index}
    target = next(row for row in index if b"x11vnc" in zlib.decompress(texts[row["sha256"]]))
    text = zlib.decompress(texts.pop(target["sha256"])).decode().replace("x11vnc", "x11vnx")
    old = target["sha256"]
    new = section_digest(
        section_id=target["id"], outcome=target["outcome"], reason=target["reason"], stderr=target["stderr"], text=text
    )
    target["sha256"], texts[new] = new, zlib.compress(text.encode())
    offset, packed = 0, b""
    for row in sorted(index, key=lambda one: one["sha256"]):
        row |= {"offset": offset, "length": len(texts[row["sha256"]])}
        packed += texts[row["sha256"]]
        offset = len(packed)
    ordered = sorted(index, key=lambda one: one["sha256"])
    (folder / "sections.jsonl").write_bytes(b"".join(canonical(row) + b"\n" for row in ordered))
    (folder / "sections.pack").write_bytes(packed)
    rows = rows_of(bundle)
    for row in rows:
        if old in row["sections"]:
            row["sections"] = [new if one == old else one for one in row["sections"]]
            row["sha256"] = hashlib.sha256(canonical([row["head"], row["sections"]])).hexdigest()
    write_rows(bundle, rows)


def _fewer_exceptions(bundle: Path) -> None:
    """Change an input, and all digests of it."""
    file = bundle / "inputs" / "exceptions.yml"
    file.write_text("exceptions: []\n")
    run = json.loads((bundle / "inputs" / "run.json").read_text())
    run["inputs"]["exceptions"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (bundle / "inputs" / "run.json").write_bytes(canonical(run) + b"\n")
    write_manifest(bundle, None)


def _verdicts(bundle: Path) -> None:
    for name in ("hosts.jsonl", "results.json"):
        file = bundle / name
        file.write_text(file.read_text().replace('"verdict":"fail"', '"verdict":"pass"'))
    write_manifest(bundle, None)


@pytest.mark.parametrize("forge", [_no_product, _fewer_exceptions, _verdicts])
def test_what_is_forged_all_over_is_found_by_judging_again(bundle: Path, forge: Callable[[Path], None]) -> None:
    forge(bundle)
    assert verified(bundle)[0] == DOES_NOT_HOLD
    (bundle / "manifest.json.sig").unlink()
    assert verified(bundle)[0] == HOLDS
    code, said = verified(bundle, recompute=True)
    assert (code, "otherwise" in said) == (DOES_NOT_HOLD, True)


@pytest.mark.parametrize(
    "name", ["sequence", "operator", "started", "as_of", "tool_version", "scope", "probes", "finished"]
)
def test_a_manifest_that_says_something_else_of_its_run_is_found(bundle: Path, name: str) -> None:
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_text())
    value = manifest[name]
    changed = {int: lambda one: one + 1, str: lambda one: one.replace("1", "2").replace("demo", "domo")}
    manifest[name] = changed[type(value)](value) if type(value) in changed else type(value)()
    assert manifest[name] != value
    file.write_text(manifest_text(manifest))
    assert "manifest.json.sig: is not over this text" in verified(bundle)[1]
    (bundle / "manifest.json.sig").unlink()
    code, said = verified(bundle)
    assert (code, "does NOT hold" in said) == (DOES_NOT_HOLD, True)


def test_a_signature_of_another_bundle_is_found(bundle: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    (other / "csv" / "more.csv").write_text("x")
    write_manifest(other, None)
    sign(other)
    assert verified(other)[0] == HOLDS
    shutil.copy(other / "manifest.json.sig", bundle)
    code, said = verified(bundle)
    assert (code, f"{bundle / 'manifest.json.sig'}: is not over this text" in said) == (DOES_NOT_HOLD, True)


def test_a_bundle_that_somebody_unknown_signed_anew_is_found(bundle: Path) -> None:
    mallory, _ = make_private(None)
    _verdicts(bundle)
    sign(bundle, mallory)
    code, said = verified(bundle)
    assert code == HOLDS
    assert f"integrity holds, signer not established: signed with {mallory.public.fingerprint}" in said
    code, said = verified(bundle, people=True)
    assert (code, f"a key of nobody in people.yml ({mallory.public.fingerprint})" in said) == (DOES_NOT_HOLD, True)


def test_a_key_that_has_ended_establishes_nobody(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    people = tmp_path / "policies" / "people.yml"
    people.write_text(people_text())
    assert "signed by Ada Lovelace" in verified(bundle)[1]
    people.write_text(people_text(valid_until=date(2020, 1, 1)))
    code, said = verified(bundle)
    assert (code, "signer not established: signed with a key of Ada Lovelace that counted until" in said) == (
        HOLDS,
        True,
    )
