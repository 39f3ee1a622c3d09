"""Secrets are taken out before anything is kept; what says whose instance a tool reports to stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.redact import MARK, redact


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("x11vnc -passwd hunter2 -forever", f"x11vnc -passwd {MARK} -forever"),
        ("app --password=hunter2 --port 1", f"app --password={MARK} --port 1"),
        ("app --api-key hunter2", f"app --api-key {MARK}"),
        ("TOKEN=hunter2 ./run", f"TOKEN={MARK} ./run"),
        ("DB_PASSWORD='hun ter2' x", f"DB_PASSWORD='{MARK}' x"),
        ("curl https://bob:hunter2@example.com/x", f"curl https://bob:{MARK}@example.com/x"),
        ("https://a:p@one/https://b:q@two x", f"https://a:{MARK}@one/https://b:{MARK}@two x"),
        ("x://y://u:hunter2@h", f"x://y://u:{MARK}@h"),
        ("Authorization: Bearer hunter2", f"Authorization: Bearer {MARK}"),
        ('{"password": "hunter2", "id": 7}', f'{{"password": "{MARK}", "id": 7}}'),
        ("sshpass -p x", "sshpass -p x"),
        ("plink -pw hunter2 host", f"plink -pw {MARK} host"),
        ("anydesk --set-password", "anydesk --set-password"),
        ("app --password --verbose", "app --password --verbose"),
        ("Xtigervnc -PasswordFile /root/.vnc/passwd", "Xtigervnc -PasswordFile /root/.vnc/passwd"),
        ("x11vnc -rfbauth /etc/x11vnc.pass", "x11vnc -rfbauth /etc/x11vnc.pass"),
        ("rustdesk --config host=relay.example.com,key=AbC=", "rustdesk --config host=relay.example.com,key=AbC="),
        (
            "client ?h=instance-abc123-relay.screenconnect.com&p=443",
            "client ?h=instance-abc123-relay.screenconnect.com&p=443",
        ),
        ("/usr/lib/policykit-1/polkitd --no-debug", "/usr/lib/policykit-1/polkitd --no-debug"),
        ("passwd\t1:4.13\tamd64", "passwd\t1:4.13\tamd64"),
    ],
)
def test_rules(said: str, kept: str) -> None:
    assert redact(said)[0] == kept


def test_every_secret_is_counted() -> None:
    assert redact("a --token x\nnothing\nb https://u:p@h --pass y\n")[1] == 3


@given(st.text(max_size=200))
def test_redaction_is_idempotent_and_keeps_lines(text: str) -> None:
    once, _ = redact(text)
    assert redact(once)[0] == once
    assert once.count("\n") == text.count("\n")


@given(st.text(alphabet=st.characters(min_codepoint=48, max_codepoint=122, categories=("L", "N")), min_size=6))
def test_a_canary_does_not_survive(secret: str) -> None:
    canary = f"zq{secret}zq"
    said = f"run --password {canary} PGPASSWORD={canary} https://u:{canary}@h/ 'secret: {canary}'"
    assert canary not in redact(said)[0]
