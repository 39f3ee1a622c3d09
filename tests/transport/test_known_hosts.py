"""Which host keys are trusted, and what is said of the others."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import HostError, OutputError, Reason
from auditor.model.host import Host, SshSettings
from auditor.model.probe import ProbeCall
from auditor.transport.enroll import append_known_hosts, scan
from auditor.transport.known_hosts import HostKey, KnownHosts, parse_known_hosts, read_known_hosts
from auditor.transport.ssh import SshTransport

MakeCall = Callable[..., ProbeCall]
FILE = Path("known_hosts")


def a_key(name: str, algorithm: str = "ssh-ed25519") -> HostKey:
    """Make a key whose bytes are a name: nobody verifies signatures here."""
    kind = algorithm.encode()
    body = name.encode()
    blob = len(kind).to_bytes(4, "big") + kind + len(body).to_bytes(4, "big") + body
    return HostKey(algorithm=algorithm, blob=blob)


A, B = a_key("a"), a_key("b")
A_RSA = a_key("a", "ssh-rsa")


def line(names: str, key: HostKey, marker: str = "") -> str:
    return f"{marker} {names} {key.algorithm} {key.base64} a comment\n".lstrip()


def trust(text: str) -> KnownHosts:
    entries, unread = parse_known_hosts(text, FILE)
    return KnownHosts(entries, unread)


def verdict(text: str, key: HostKey, *names: str, port: int = 22) -> str:
    try:
        trust(text).check(names or ("web-1",), port, key)
    except HostError as error:
        return error.reason.value
    return "trusted"


@pytest.mark.parametrize(
    ("text", "port", "expected"),
    [
        pytest.param("", 22, "host_key_unknown", id="empty"),
        pytest.param(line("web-1", A), 22, "trusted", id="plain"),
        pytest.param(line("WEB-1", A), 22, "trusted", id="case-does-not-matter"),
        pytest.param(line("other,web-1,10.0.0.1", A), 22, "trusted", id="a-list"),
        pytest.param("# comment\n\n  " + line("web-1", A), 22, "trusted", id="comments-and-blanks"),
        pytest.param(line("web-1", B), 22, "host_key_changed", id="another-key"),
        pytest.param(line("web-1", B) + line("web-1", A), 22, "trusted", id="one-of-two-keys"),
        pytest.param(line("web-1", A_RSA), 22, "host_key_changed", id="another-type-only"),
        pytest.param(line("web-?", A), 22, "trusted", id="question-mark"),
        pytest.param(line("*", A), 22, "trusted", id="star"),
        pytest.param(line("w*b-*1*", A), 22, "trusted", id="stars"),
        pytest.param(line("w*b-2", A), 22, "host_key_unknown", id="star-that-does-not-fit"),
        pytest.param(line("web-*,!web-1", A), 22, "host_key_unknown", id="negation"),
        pytest.param(line("!web-1", A), 22, "host_key_unknown", id="negation-alone"),
        pytest.param(line("web-*", B) + line("web-1", A), 22, "trusted", id="pattern-and-name"),
        pytest.param(line("web-1", A, "@revoked"), 22, "host_key_revoked", id="revoked"),
        pytest.param(line("web-1", A) + line("*", A, "@revoked"), 22, "host_key_revoked", id="revoked-after-trusted"),
        pytest.param(line("web-1", A) + line("db-*", A, "@revoked"), 22, "trusted", id="revoked-for-others"),
        pytest.param(line("*", B, "@revoked"), 22, "host_key_unknown", id="revoked-is-no-trust"),
        pytest.param(line("*", B, "@cert-authority"), 22, "host_key_ca", id="authority"),
        pytest.param(line("*", A, "@cert-authority"), 22, "host_key_ca", id="an-authority-s-key-is-no-host-key"),
        pytest.param(line("db-*", B, "@cert-authority"), 22, "host_key_unknown", id="authority-for-others"),
        pytest.param(line("*", B, "@cert-authority") + line("web-1", A), 22, "trusted", id="authority-and-key"),
        pytest.param(line("[web-1]:2222", A), 2222, "trusted", id="port"),
        pytest.param(line("[web-*]:2222", A), 2222, "trusted", id="port-and-pattern"),
        pytest.param(line("[web-1]:2222", A), 22, "host_key_unknown", id="another-port"),
        pytest.param(line("[web-1]:2222", A), 2223, "host_key_unknown", id="a-third-port"),
        pytest.param(line("web-1", A), 2222, "trusted", id="known-without-the-port"),
        pytest.param(line("web-1", B), 2222, "host_key_unknown", id="other-key-without-the-port"),
        pytest.param(line("[web-1]:2222", B) + line("web-1", A), 2222, "host_key_changed", id="the-port-decides"),
        pytest.param(line("*", A, "@mystery"), 22, "host_key_unknown", id="unknown-marker"),
    ],
)
def test_a_key_is_judged(text: str, port: int, expected: str) -> None:
    assert verdict(text, A, port=port) == expected


def test_the_address_decides_before_the_name() -> None:
    both = line("10.0.0.1", B) + line("web-1", A)
    assert verdict(both, A, "10.0.0.1", "web-1") == "host_key_changed"
    assert verdict(line("web-1", A), A, "10.0.0.1", "web-1") == "trusted"
    assert verdict(line("web-1", B), A, "10.0.0.1", "web-1") == "host_key_changed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("web-1 ssh-ed25519\n", "a line needs", id="too-short"),
        pytest.param("web-1 ssh-ed25519 !!!!\n", "not base64", id="not-base64"),
        pytest.param(line("web-1", A).replace("ssh-ed25519", "ssh-rsa"), "not of type 'ssh-rsa'", id="another-type"),
        pytest.param("|1|abc " + line("", A), "hashed name", id="half-a-hash"),
        pytest.param("|2|YQ==|YQ== " + line("", A), "hashed name", id="another-hash"),
        pytest.param("@mystery " + line("web-1", A), "unknown marker", id="unknown-marker"),
    ],
)
def test_a_damaged_line_is_told_with_its_place(text: str, words: str) -> None:
    entries, unread = parse_known_hosts("# first\n" + text, FILE)
    assert entries == []
    assert len(unread) == 1
    assert unread[0].startswith("known_hosts:2: ")
    assert words in unread[0]
    with pytest.raises(HostError) as raised:
        KnownHosts(entries, unread).check(("web-1",), 22, A)
    assert "known_hosts:2" in raised.value.detail


def test_messages_say_what_to_do() -> None:
    with pytest.raises(HostError) as unknown:
        trust("").check(("10.0.0.1", "web-1"), 22, A)
    assert A.fingerprint in unknown.value.detail
    assert "auditor enroll web-1" in unknown.value.detail
    with pytest.raises(HostError) as changed:
        trust("\n" + line("[web-1]:2222", B)).check(("web-1",), 2222, A)
    assert A.fingerprint in changed.value.detail
    assert f"{B.fingerprint} (known_hosts:2)" in changed.value.detail
    assert "ssh-keygen -R '[web-1]:2222'" in changed.value.detail


def test_a_hostile_pattern_takes_no_time() -> None:
    assert verdict(line("*a" * 2000 + "b", A), A, "a" * 4000) == "host_key_unknown"


@pytest.mark.parametrize("port", [22, 2222])
def test_names_hashed_by_ssh_keygen(tmp_path: Path, port: int) -> None:
    file = tmp_path / "known_hosts"
    names = [f"host-{number}" if port == 22 else f"[host-{number}]:{port}" for number in range(5)]
    file.write_text("".join(line(name, B if name == names[3] else A) for name in names))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "host" not in file.read_text()
    known = read_known_hosts([file], expected=True)
    known.check(("host-2",), port, A)
    assert known.algorithms(("host-2",), port) == ("ssh-ed25519",)
    with pytest.raises(HostError) as changed:
        known.check(("host-3",), port, A)
    assert changed.value.reason is Reason.HOST_KEY_CHANGED
    with pytest.raises(HostError) as unknown:
        known.check(("host-9",), port, A)
    assert unknown.value.reason is Reason.HOST_KEY_UNKNOWN


def test_fingerprints_are_those_of_ssh_keygen(keygen: Callable[..., Path], tmp_path: Path) -> None:
    key = keygen(tmp_path / "key", "ecdsa")
    words = key.with_suffix(".pub").read_text().split()
    mine = HostKey(algorithm=words[0], blob=base64.b64decode(words[1]))
    theirs = subprocess.run(["ssh-keygen", "-lf", str(key)], check=True, capture_output=True, text=True).stdout
    assert mine.fingerprint == theirs.split()[1]
    assert mine.base64 == words[1]


def test_a_host_is_asked_for_the_types_known() -> None:
    text = line("web-1", A_RSA) + line("web-1", A) + line("db-*", A_RSA)
    assert trust(text).algorithms(("web-1",), 22) == ("ssh-rsa", "ssh-ed25519")
    assert trust(text).algorithms(("db-1",), 22) == ("ssh-rsa",)
    assert trust(text).algorithms(("web-1",), 2222) == ("ssh-rsa", "ssh-ed25519")
    assert trust(text).algorithms(("new",), 22) == ()


def test_a_missing_file_is_told_where_it_was_named(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert read_known_hosts([missing], expected=True).unread == (f"{missing} does not exist",)
    assert read_known_hosts([missing], expected=False).unread == ()
    assert "cannot be read" in read_known_hosts([tmp_path], expected=False).unread[0]


def test_look_ups_do_not_grow_with_the_file() -> None:
    few = trust("".join(line(f"host-{number}", A) for number in range(10)))
    many = trust("".join(line(f"host-{number}", A) for number in range(2000)))
    assert len(many.entries("host-7")) == len(few.entries("host-7")) == 1
    assert not many._patterns
    assert not many._hashed


# ---- against a real server


def failure(host: Host, call: ProbeCall, home: Path) -> HostError:
    with pytest.raises(HostError) as raised:
        SshTransport(home=home, agent_socket="").collect(host, call)
    return raised.value


def shown(server: Any) -> HostKey:
    words = server.public.split()
    return HostKey(algorithm=words[0], blob=base64.b64decode(words[1]))


def test_an_unknown_host_is_refused(sshd: Any, make_call: MakeCall, tmp_path: Path) -> None:
    error = failure(sshd.host(ssh=SshSettings()), make_call(":"), tmp_path)
    assert error.reason is Reason.HOST_KEY_UNKNOWN
    assert shown(sshd).fingerprint in error.detail
    assert "auditor enroll lab-1" in error.detail
    assert not (tmp_path / ".ssh").exists()


def test_a_changed_key_is_refused_before_any_credential(start_sshd: Any, make_call: MakeCall, tmp_path: Path) -> None:
    server = start_sshd("LogLevel DEBUG1")
    known = tmp_path / "known"
    known.write_text(line(f"[127.0.0.1]:{server.port}", A))
    host = server.host(ssh=SshSettings(known_hosts=(known,)))
    error = failure(host, make_call(":"), tmp_path)
    assert error.reason is Reason.HOST_KEY_CHANGED
    assert shown(server).fingerprint in error.detail
    assert A.fingerprint in error.detail
    # What a log-in says first of all. It does not come, until the key is the one that is known.
    log = server.folder / "log"
    assert "userauth-request for user" not in log.read_text()
    SshTransport(home=tmp_path, agent_socket="").collect(server.host(), make_call(":"))
    assert "userauth-request for user root" in log.read_text()


def test_the_users_own_file_is_the_default(sshd: Any, make_call: MakeCall, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(sshd.known_hosts.read_text())
    host = sshd.host(ssh=SshSettings(identities_only=True))
    answer = SshTransport(home=tmp_path, agent_socket="").collect(host, make_call("echo in"))
    assert answer.stdout == b"in\n"
    assert answer.host_key == shown(sshd).fingerprint


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_of_three_keys_the_known_one_is_asked_for(
    start_sshd: Any, make_call: MakeCall, tmp_path: Path, kind: str
) -> None:
    server = start_sshd(host_keys=("rsa", "ecdsa", "ed25519"))
    public = (server.folder / f"host_{kind}.pub").read_text()
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public}")
    answer = SshTransport(home=tmp_path, agent_socket="").collect(server.host(), make_call("echo in"))
    assert answer.stdout == b"in\n"


@pytest.mark.parametrize("marker", ["", "@revoked"])
def test_what_the_usual_file_revokes_is_revoked_where_another_file_is_named(
    sshd: Any, tmp_path: Path, make_call: MakeCall, marker: str
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(f"{marker} * {sshd.public}\n".lstrip())
    transport = SshTransport(home=tmp_path, agent_socket="")
    (tmp_path / "empty").touch()
    empty = sshd.host(ssh=SshSettings(known_hosts=(tmp_path / "empty",), identities_only=True))
    for host, expected in ((sshd.host(), None), (empty, Reason.HOST_KEY_UNKNOWN)):
        if marker or expected:
            with pytest.raises(HostError) as raised:
                transport.collect(host, make_call("echo in"))
            assert raised.value.reason is (Reason.HOST_KEY_REVOKED if marker else expected)
        else:
            assert transport.collect(host, make_call("echo in")).stdout == b"in\n"
    if marker:
        with pytest.raises(HostError, match="known_hosts:1 revokes"):
            scan(empty, 20, transport=transport)


# ---- enrolling


def test_a_scan_shows_every_key_and_trusts_none(start_sshd: Any, tmp_path: Path, make_call: MakeCall) -> None:
    server = start_sshd(host_keys=("rsa", "ed25519"))
    transport = SshTransport(home=tmp_path, agent_socket="")
    keys = scan(server.host(ssh=SshSettings()), 20, transport=transport)
    assert [key.algorithm for key in keys] == ["ssh-ed25519", "ssh-rsa"]
    listing = subprocess.run(
        ["ssh-keygen", "-lf", str(server.folder / "host_rsa")], check=True, capture_output=True, text=True
    )
    assert keys[1].fingerprint in listing.stdout

    file = tmp_path / "new" / "known_hosts"
    assert append_known_hosts(file, "127.0.0.1", server.port, keys, hashed=True) == keys
    assert "127.0.0.1" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    host = server.host(ssh=SshSettings(known_hosts=(file,), identities_only=True))
    assert transport.collect(host, make_call("echo in")).stdout == b"in\n"


def test_a_scan_of_nothing_says_why(tmp_path: Path) -> None:
    with pytest.raises(HostError) as raised:
        scan(Host(name="a", address="127.0.0.1", port=1), 5, transport=SshTransport(home=tmp_path, agent_socket=""))
    assert raised.value.reason is Reason.REFUSED


def test_enrolling_twice_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("# mine, without an end of line")
    file.chmod(0o640)
    assert append_known_hosts(file, "Web-1", 2222, [A, A_RSA]) == (A, A_RSA)
    before = file.read_text()
    assert before == "# mine, without an end of line\n" + "".join(
        f"[web-1]:2222 {key.algorithm} {key.base64}\n" for key in (A, A_RSA)
    )
    assert append_known_hosts(file, "web-1", 2222, [A_RSA, A]) == ()
    assert file.read_text() == before
    assert file.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["known_hosts"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(line("web-1", B), Reason.HOST_KEY_CHANGED, id="another-key"),
        pytest.param(line("*", A, "@revoked"), Reason.HOST_KEY_REVOKED, id="a-revoked-key"),
    ],
)
def test_a_key_is_never_replaced_in_silence(tmp_path: Path, text: str, reason: Reason) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(text)
    with pytest.raises(HostError) as raised:
        append_known_hosts(file, "web-1", 22, [A_RSA, A])
    assert raised.value.reason is reason
    assert file.read_text() == text


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    (tmp_path / "link").symlink_to("real")
    append_known_hosts(tmp_path / "link", "web-1", 22, [A])
    assert (tmp_path / "link").is_symlink()
    assert A.base64 in (tmp_path / "real").read_text()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be"):
        append_known_hosts(tmp_path / "file" / "known_hosts", "web-1", 22, [A])
