"""A run's folder that somebody signed, and what verifying makes of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.run.manifest import write_manifest
from auditor.trust.signing import SigningKey, make_private
from auditor.trust.sshsig import Namespace
from tests.policy.signed import ADA, EVE, GRACE, people_text
from tests.trust.openssh import keygen, needs_ssh_keygen

HOLDS, WRONG, DOES_NOT_HOLD = 0, 2, 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    assert main(["demo", "-q", "-o", str(folder), "--format", "json"]) == 0
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.yml").write_text(people_text())
    (tmp_path / "ada.pub").write_text(f"{ADA.public.line} ada\n")
    return Path(shutil.copytree(made, tmp_path / "demo"))


def signed(bundle: Path, key: SigningKey = ADA, purpose: Namespace = Namespace.BUNDLE) -> None:
    text = key.sign((bundle / "manifest.json").read_bytes(), purpose)
    (bundle / "manifest.json.sig").write_text(text)


def test_nobody_signed_it_is_said_and_refused_where_somebody_must(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(bundle)]) == HOLDS
    assert "integrity holds, signer not established: nobody signed it" in capsys.readouterr().out
    for words in (("--key", "ada.pub"), ("--people", "people.yml")):
        assert main(["verify", str(bundle), *words]) == DOES_NOT_HOLD
        assert "manifest.json.sig: is missing: nobody signed it" in capsys.readouterr().out


def test_it_is_said_who_signed_it(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed(bundle)
    for words in ((), ("--key", "ada.pub"), ("--people", "people.yml")):
        assert main(["verify", str(bundle), *words]) == HOLDS
        said = capsys.readouterr()
        assert ADA.public.fingerprint in said.out
        assert "nobody signed it" not in said.out
    assert main(["verify", str(bundle), "--people", "people.yml"]) == HOLDS
    assert "signed by Ada Lovelace" in capsys.readouterr().out


def _anew(bundle: Path) -> None:
    """Change a verdict, and write a manifest that fits: what a forger without a key can do."""
    file = bundle / "results.json"
    file.write_text(file.read_text().replace("noncompliant", "compliant"))
    write_manifest(bundle, None)


def _of_somebody_else(bundle: Path) -> None:
    text = (bundle / "manifest.json.sig").read_bytes()
    (bundle / "manifest.json.sig").write_bytes(text.replace(b"A", b"B", 1))


def _for_another_purpose(bundle: Path) -> None:
    signed(bundle, purpose=Namespace.SIGNOFF)


def _a_link(bundle: Path) -> None:
    file = bundle / "manifest.json.sig"
    file.rename(bundle.parent / "elsewhere")
    file.symlink_to(bundle.parent / "elsewhere")


def _no_text(bundle: Path) -> None:
    (bundle / "manifest.json.sig").write_bytes(b"\xff\x00\x1b[2J" * 10)


@pytest.mark.parametrize("forge", [_anew, _of_somebody_else, _for_another_purpose, _a_link, _no_text])
@pytest.mark.parametrize("words", [(), ("--key", "ada.pub")])
def test_a_signature_that_is_there_has_to_hold(
    bundle: Path, forge: Callable[[Path], None], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    signed(bundle)
    forge(bundle)
    assert main(["verify", str(bundle), *words]) == DOES_NOT_HOLD
    said = capsys.readouterr().out
    assert "manifest.json.sig: " in said
    assert "\x1b" not in said


@pytest.mark.parametrize("key", [GRACE, EVE])
def test_another_key_than_the_one_wanted_does_not_do(
    bundle: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    signed(bundle, key)
    assert main(["verify", str(bundle), "--key", "ada.pub"]) == DOES_NOT_HOLD
    assert f"{ADA.public.fingerprint} is wanted" in capsys.readouterr().out
    assert main(["verify", str(bundle), "--people", "people.yml"]) == (HOLDS if key is GRACE else DOES_NOT_HOLD)


def test_the_people_of_the_bundle_do_not_vouch_for_it(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mallory, _ = make_private(None)
    (bundle / "inputs" / "people.yml").write_text(people_text({"Ines Okafor": mallory}))
    write_manifest(bundle, None)
    signed(bundle, mallory)
    main(["verify", str(bundle)])
    assert "Ines" not in capsys.readouterr().out
    assert main(["verify", str(bundle), "--people", "people.yml"]) == DOES_NOT_HOLD


def test_a_key_file_that_is_none_is_named(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signed(bundle)
    Path("ada.pub").write_text("ssh-rsa AAAA")
    assert main(["verify", str(bundle), "--key", "ada.pub"]) == WRONG
    assert "only Ed25519 keys count" in capsys.readouterr().err


@needs_ssh_keygen
def test_the_command_signs_what_ssh_keygen_verifies(bundle: Path, tmp_path: Path) -> None:
    assert main(["keys", "new", "Ada", "--key", "id", "--no-passphrase", "-q"]) == 0
    assert main(["sign", str(bundle), "--key", "id"]) == 0
    (tmp_path / "allowed").write_text(f"ada {(tmp_path / 'id.pub').read_text()}")
    words = ("-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "auditor-bundle", "-s", bundle / "manifest.json.sig")
    keygen(*words, text=(bundle / "manifest.json").read_bytes())
    assert main(["verify", str(bundle), "--key", "id.pub"]) == HOLDS
