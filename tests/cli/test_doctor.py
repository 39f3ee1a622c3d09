"""The doctor says how far one gets and what to do; a proof pack tells the same as its host, and not whose it is."""

import shlex
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.cli.main import main
from auditor.model.host import Host
from tests.cli.asked_doctor import Row, doctor, inventory, replayed
from tests.run.hostile_answers import TOKEN, body_of
from tests.transport.conftest import Server, StartServer

LADDER = ["name", "connect", "banner", "encryption", "host key", "login", "session", "shell"]

# ---- hosts over a real sshd


def answering(folder: Path, body: bytes) -> Path:
    """Write a forced command that answers what was recorded, under the call's own token."""
    (folder / "recorded").write_bytes(f"auditor-probe 1 {TOKEN} plain\n".encode() + body)
    command = folder / "answer"
    recorded = shlex.quote(str(folder / "recorded"))
    command.write_text(
        f'#!/bin/sh\nread -r _\nread -r token _\ncat >/dev/null\nexec sed "1s/{TOKEN}/$token/" {recorded}\n',
        encoding="ascii",
    )
    command.chmod(0o755)
    return command


@pytest.fixture(scope="module")
def answerer(start_sshd: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Return a server whose every session is a recorded answer."""
    folder = tmp_path_factory.mktemp("answer")
    folder.chmod(0o755)
    return start_sshd(f"ForceCommand {answering(folder, body_of({}))}", "MaxAuthTries 6", "LogLevel VERBOSE")


def ssh(server: Server, folder: Path, **changes: object) -> str:
    known = changes.pop("known_hosts", server.known_hosts)
    return inventory(
        folder,
        **{
            "address": "127.0.0.1",
            "port": server.port,
            "user": "root",
            "ansible_ssh_private_key_file": str(server.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known} -o IdentitiesOnly=yes",
            **changes,
        },
    )


def states(rows: dict[str, Row]) -> list[str]:
    return [rows[name]["state"] for name in LADDER if name in rows]


def test_every_rung_of_a_host_that_answers(
    answerer: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, rows = doctor(capsys, "-i", ssh(answerer, tmp_path), "web1")
    assert states(rows) == ["ok"] * len(LADDER)
    assert rows["connect"]["detail"] == f"127.0.0.1 port {answerer.port}"
    assert "SSH-2.0-OpenSSH" in rows["banner"]["detail"]
    print_ = subprocess.run(
        ["ssh-keygen", "-lf", "-"], input=answerer.public, capture_output=True, text=True, check=True
    )
    assert print_.stdout.split()[1] in rows["host key"]["detail"]
    assert rows["login"]["detail"].startswith(f"root, by key {answerer.key} (ssh-ed25519 SHA256:")
    assert rows["rights"] == {**rows["rights"], "state": "ok", "detail": "root"}
    # Recorded when it was: the clock of the recording is old.
    assert (rows["clock"]["state"], rows["software.dpkg"]["state"]) == ("note", "ok")
    assert rows["verdicts"]["state"] == "ok"
    assert status == 0


def test_a_host_that_is_ready_is_told_so_in_words(
    answerer: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "-i", ssh(answerer, tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "ready: an audit of it is complete" in said
    assert "answered in full" in said
    assert "software.dpkg" not in said
    main(["doctor", "-i", ssh(answerer, tmp_path), "--verbose"])
    assert "software.dpkg" in capsys.readouterr().out


def test_an_unknown_key_is_shown_and_nothing_is_offered(
    answerer: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = answerer.folder / "log"
    before = log.read_text().count("ublickey")
    file = ssh(answerer, tmp_path, known_hosts=tmp_path / "none")
    status, rows = doctor(capsys, "-i", file, "web1")
    assert status == 1
    assert states(rows) == ["ok"] * 4 + ["missing", "not tried", "not tried"]
    assert (rows["host key"]["reason"], "SHA256:" in rows["host key"]["detail"]) == ("host_key_unknown", True)
    assert rows["host key"]["advice"].endswith(f"auditor enroll -i {file} web1")
    assert "rights" not in rows
    assert log.read_text().count("ublickey") == before


def test_a_key_that_changed_is_no_key_to_enroll(
    answerer: Server, tmp_path: Path, keygen: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    other = keygen(tmp_path / "other", "ed25519").with_suffix(".pub").read_text()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{answerer.port} {other}")
    _, rows = doctor(capsys, "-i", ssh(answerer, tmp_path, known_hosts=tmp_path / "known"), "web1")
    assert rows["host key"]["reason"] == "host_key_changed"
    assert "Find out why before anything else" in rows["host key"]["advice"]


def test_a_key_that_is_refused_is_offered_once(
    answerer: Server, tmp_path: Path, keygen: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    key = keygen(tmp_path / "other", "ed25519")
    log = answerer.folder / "log"
    before = len(log.read_text())
    status, rows = doctor(capsys, "-i", ssh(answerer, tmp_path, ansible_ssh_private_key_file=str(key)), "web1")
    assert (status, states(rows)) == (1, ["ok"] * 5 + ["missing", "not tried"])
    detail = rows["login"]["detail"]
    assert f"tried: key {key} (ssh-ed25519 SHA256:" in detail
    assert "the host takes 'publickey" in detail
    said = log.read_text()[before:]
    assert said.count("Failed publickey") == 1
    assert said.count("Connection from") == 1


def test_a_shell_that_does_not_run_the_probe(
    start_sshd: StartServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_sshd("ForceCommand echo go away")
    status, rows = doctor(capsys, "-i", ssh(server, tmp_path), "web1")
    assert (status, states(rows)) == (1, ["ok"] * 7 + ["missing"])
    assert (rows["shell"]["reason"], "go away" in rows["shell"]["detail"]) == ("probe_failed", True)
    assert "auditor probe show sh" in rows["shell"]["advice"]


def test_a_jump_host_that_fails_is_named(answerer: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = f"-o UserKnownHostsFile={answerer.known_hosts} -o ProxyJump=root@127.0.0.1:1"
    status, rows = doctor(capsys, "-i", ssh(answerer, tmp_path, ansible_ssh_common_args=arguments), "web1")
    assert (status, rows["jump host"]["reason"]) == (1, "refused")
    assert rows["connect"]["state"] == "not tried"


# ---- hosts that are no SSH server


def test_a_port_where_nothing_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, rows = doctor(capsys, "-i", inventory(tmp_path, address="127.0.0.1", port=port), "web1")
    assert (status, states(rows)) == (1, ["ok", "missing"] + ["not tried"] * 5)
    assert rows["connect"]["reason"] == "refused"


def test_a_name_that_nobody_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    status, rows = doctor(capsys, "-i", inventory(tmp_path, address="web1.invalid"), "web1")
    assert (status, states(rows)) == (1, ["missing"] + ["not tried"] * 6)
    assert (rows["name"]["reason"], "Correct the address" in rows["name"]["advice"]) == ("dns", True)


def test_what_a_host_says_cannot_act_on_the_terminal(
    fake_server: Callable[..., Host], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = fake_server(lambda connection: connection.sendall(b"\x1b]0;evil\x07\x1b[2J\xe2\x80\xaeHTTP\r\n" * 3))
    assert main(["doctor", "-i", inventory(tmp_path, address="127.0.0.1", port=host.port)]) == 1
    said = capsys.readouterr().out
    assert "Another service answers" in said
    assert "evil" in said
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(said)


def test_a_host_that_cannot_even_be_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = inventory(tmp_path, address="127.0.0.1", password="env:NOT_SET_ANYWHERE")
    status, rows = doctor(capsys, "-i", file, "web1")
    assert (status, list(rows)) == (1, ["inventory"])
    assert "NOT_SET_ANYWHERE is not set" in rows["inventory"]["detail"]


# ---- what the answer tells


def as_user(body: bytes, become: bytes = b"none") -> bytes:
    denied = body.replace(
        b"@end firewall.nft 0", b"@outcome denied only root may list the ruleset\n@end firewall.nft 0"
    )
    return denied.replace(b"uid 0", b"uid 1000").replace(b"become none", b"become " + become)


@pytest.mark.parametrize(
    ("become", "said", "advice"),
    [
        (b"none", b"", "ansible_become: true"),
        (b"refused", b"sudo: a password is required\n", "ansible_become_password"),
        (b"refused", b"sudo: no password was provided\nsudo: 1 incorrect password attempt\n", "tried once"),
        (b"outdated", b"", "renew its digest in sudoers"),
        (b"refused", b"sudo: someone is not in the sudoers file.\n", "a rule in sudoers"),
        (b"refused", b"sudo: sorry, you must have a tty to run sudo\n", "requiretty"),
        (b"refused", b"sudo: something new\n", "Allow the auditing account to run the probe through sudo"),
    ],
)
def test_rights_that_are_lacking_come_with_the_way_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], become: bytes, said: bytes, advice: str
) -> None:
    file = replayed(tmp_path, as_user(body_of({}), become), said, ansible_become=become != b"none")
    status, rows = doctor(capsys, "-i", file)
    assert (status, rows["rights"]["state"]) == (1, "missing")
    assert advice in rows["rights"]["advice"]
    assert said.decode().strip().rpartition("\n")[2] in rows["rights"]["detail"]
    assert (rows["firewall.nft"]["state"], rows["firewall.nft"]["reason"]) == ("missing", "denied")
    assert "host_filter" in rows["verdicts"]["detail"]


def test_what_root_would_see_is_one_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "-i", replayed(tmp_path, as_user(body_of({})))]) == 1
    steps = capsys.readouterr().out.partition("what to do")[2]
    assert "1. Let the account run the probe through sudo" in steps
    assert "(rights, firewall.nft)" in " ".join(steps.split())
    assert "2." not in steps


def test_a_tool_that_is_missing_is_named_with_what_waits_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = body_of({"firewall.nft": b""}).replace(
        b"@end firewall.nft 0",
        b"@outcome failed nft is not installed, and the kernel has nf_tables\n@end firewall.nft 0",
    )
    file = replayed(tmp_path, body)
    status, rows = doctor(capsys, "-i", file)
    assert (status, rows["tools"]["state"]) == (1, "missing")
    assert rows["tools"]["detail"] == "nft is not installed (firewall.nft)"
    assert main(["doctor", "-i", file, "--no-color"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "missing firewall.nft failed: nft is not installed" in said
    assert "1. Run the audit as root or with sudo, and install nftables" in said
    assert "(firewall.nft)" in said
    assert "not ready: " in said


@pytest.mark.parametrize(
    "words",
    [["--record"], ["somewhere"], ["local", "-p", "/nonexistent"], ["local", "-i", "x.yml"], ["--workers", "0"],
     ["-i", "/nonexistent.yml"], ["local", "--deadline", "0"]],
)  # fmt: skip
def test_what_cannot_be_asked_is_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert capsys.readouterr().out == ""
