"""Enrolling says what it passes over, and asks no host that it might mistake for another."""

from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.model.host import Credentials, Host, SshSettings

# Nothing listens there.
CLOSED = 1


def test_arguments_of_ssh_that_change_nothing_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hosts.yml").write_text(
        f"- {{host: a, address: 127.0.0.1, port: {CLOSED}, ssh_args: -o HostKeyAlgorithms=ssh-rsa -o Compression=no}}\n"
    )
    assert main(["enroll", "--yes", "-i", str(tmp_path / "hosts.yml")]) == 3
    warning, refused = capsys.readouterr().err.splitlines()
    assert warning == "warning: ssh's HostKeyAlgorithms changes nothing here (1 host)"
    assert refused.startswith("a: refused: ")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param(
            Host(name="a", address="127.0.0.1", port=CLOSED, unusable="ProxyCommand is not supported"),
            "a: variables: ProxyCommand is not supported",
            id="another-way-than-ours",
        ),
        pytest.param(
            Host(
                name="a",
                address="192.0.2.1",
                ssh=SshSettings(
                    jumps=(
                        Host(
                            name="j",
                            address="127.0.0.1",
                            port=CLOSED,
                            credentials=Credentials(references=(("password", "env:AUDITOR_NOT_SET"),)),
                        ),
                    )
                ),
            ),
            "a: variables: a jump host's password: the environment variable AUDITOR_NOT_SET is not set",
            id="a-jump-host-without-its-secret",
        ),
        pytest.param(
            Host(
                name="a",
                address="127.0.0.1",
                port=CLOSED,
                credentials=Credentials(references=(("password", "env:AUDITOR_NOT_SET"),)),
            ),
            "a: refused: ",
            id="its-own-secret-is-not-wanted",
        ),
    ],
)
def test_a_host_is_asked_as_it_is_audited(
    host: Host, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("auditor.cli.enroll.hosts_of", lambda *_: (host,))
    assert main(["enroll", "--yes", "-i", "hosts"]) == 3
    assert capsys.readouterr().err.startswith(expected)
