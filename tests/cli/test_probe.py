"""The lines that grant the probe name its digest, and what cannot be such a line is refused."""

import hashlib
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.collect.accounts.sudoers_listing import parse_sudoers
from auditor.collect.probe import sh_probe

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHn someone@somewhere"


def test_sudoers_names_the_digest_of_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "show", "sh"]) == 0
    shown, said = capsys.readouterr()
    assert main(["probe", "show", "sh", "--sudoers", "auditor"]) == 0
    lines = capsys.readouterr().out
    digest = hashlib.sha256(shown.encode()).hexdigest()
    assert shown == sh_probe()
    assert digest in said
    environment, line = lines.splitlines()
    assert environment == "Defaults!/usr/local/libexec/auditor-probe env_reset, !env_keep, !setenv"
    assert line == f'auditor ALL=(root) NOPASSWD: sha256:{digest} /usr/local/libexec/auditor-probe ""'
    parsed = parse_sudoers(f"file /etc/sudoers\nlines\n/etc/sudoers:1:{environment}\n/etc/sudoers:2:{line}\n")
    ((_, rule),) = parsed.facts
    assert (rule.principal, rule.needs_password, parsed.unread) == ("auditor", False, ())


def test_a_key_is_taken_as_text_or_from_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(KEY + "\n")
    for said in (KEY, str(tmp_path / "key.pub")):
        assert main(["probe", "show", "sh", "--authorized-keys", said]) == 0
        line = capsys.readouterr().out
        assert line == f'command="/usr/local/libexec/auditor-probe-entry",restrict {KEY}\n'


@pytest.mark.parametrize(
    "words",
    [
        ["--sudoers", ""],
        ["--sudoers", "a ALL=(ALL) ALL\nb"],
        ["--sudoers", "ALL"],
        ["--sudoers", "@include"],
        ["--sudoers", "%"],
        ["--authorized-keys", f"restrict,pty {KEY}"],
        ["--authorized-keys", "ssh-ed25519 rubbish"],
        ["--authorized-keys", f"{KEY}\n{KEY}"],
        ["--authorized-keys", "/nonexistent"],
    ],
)
def test_what_makes_no_line_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "show", "sh", *words]) == 2
    assert capsys.readouterr().out == ""
