"""The notifications file: secrets are looked up and never repeated, and every fault is named at its place."""

from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.notify.load import parse_webhooks
from auditor.notify.webhook import Event, Webhook

ENVIRON = {"TOKEN": "Bearer s3cret", "URL": "https://hooks.example.com/T0/s3cret", "LINES": "a\nb", "EMPTY": ""}


def read(tmp_path: Path, text: str) -> tuple[Webhook, ...]:
    return parse_webhooks(text, tmp_path / "notify.yml", ENVIRON)


def test_all_of_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y\n")
    one, other = read(
        tmp_path,
        """
webhooks:
  - name: soc
    url: https://hooks.example.com:8443/auditor?x=1
    events: [chain_head, new_violation]
    header: {name: Authorization, value: env:TOKEN}
    sign_with: file:key
    timeout: 3
    tries: 2
    most: 7
  - name: archive
    url: env:URL
""",
    )
    assert (one.name, one.is_tls, one.host, one.port, one.target) == (
        "soc",
        True,
        "hooks.example.com",
        8443,
        "/auditor?x=1",
    )
    assert one.events == (Event.NEW_VIOLATION, Event.CHAIN_HEAD)
    assert (one.header, one.key) == (("Authorization", "Bearer s3cret"), b"k3y")
    assert (one.timeout, one.tries, one.most) == (3, 2, 7)
    assert (other.port, other.target, other.events) == (443, "/T0/s3cret", tuple(Event))
    assert "s3cret" not in repr((one, other))
    assert "k3y" not in repr(one)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"])
def test_plain_http_is_for_this_machine(tmp_path: Path, url: str) -> None:
    (one,) = read(tmp_path, f"webhooks: [{{name: a, url: '{url}'}}]")
    assert one.is_tls is False


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("url: http://hooks.example.com/x", "http is taken on this machine only"),
        ("url: http://10.0.0.1/x", "http is taken on this machine only"),
        ("url: https://ada:s3cret@hooks.example.com/", "an address with an account"),
        ("url: https://hooks.example.com/#x", "an address with an account or a fragment"),
        ("url: https:///s3cret", "is no address"),
        ("url: https://h:99999/s3cret", "is no address"),
        (f"url: https://{'h' * 64}.example.com/s3cret", "is no address"),
        ("url: ftp://hooks.example.com/s3cret", "is no address"),
        ("url: s3cret", "is no address"),
        ("url: 'https://h/s3 cret'", "no blanks"),
        ("url: env:NOWHERE", "the environment has no NOWHERE"),
        ("url: env:EMPTY", "the environment has no EMPTY"),
        ("url: env:LINES", "printable ASCII"),
        ("url: file:nowhere", "nowhere cannot be read: No such file"),
        ("url: https://h/, header: {name: Authorization, value: Bearer s3cret}", "env:NAME or file:/path"),
        ("url: https://h/, header: {name: Host, value: env:TOKEN}", "Host is written by the auditor itself"),
        ("url: https://h/, header: {name: X-Auditor-Signature, value: env:TOKEN}", "written by the auditor itself"),
        ("url: https://h/, header: {name: A, value: env:LINES}", "one line of printable ASCII"),
        ("url: https://h/, sign_with: s3cret", "env:NAME or file:/path"),
        ("url: https://h/, sign_with: file:empty", "is empty"),
        ("url: https://h/, ca: nowhere.pem", "holds no certificates"),
        ("url: https://h/, ca: empty", "holds no certificates"),
        ("url: https://h/, events: [everything]", "everything"),
        ("url: https://h/, timeout: 0", "timeout"),
        ("url: https://h/, tries: 99", "tries"),
        ("url: https://h/, colour: red", "colour"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is(tmp_path: Path, entry: str, words: str) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, f"webhooks: [{{name: soc, {entry}}}]")
    said = str(caught.value)
    assert words in said
    assert "notify.yml:1:" in said
    assert "s3cret" not in said


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is a webhook above"):
        read(tmp_path, "webhooks: [{name: a, url: 'https://h/'}, {name: a, url: 'https://i/'}]")


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, "webhooks:\n- {name: a, url: 'http://h/'}\n- {name: b, url: 'env:NOWHERE'}\n")
    assert [problem.line for problem in caught.value.problems] == [2, 3]
